//! Inputs that are mostly zeros, which products leave out.

use super::*;

const WORDS: usize = 2100;

/// Texts of some of many words; the first of none, and none of the first word.
fn texts<T: Scalar>(rows: usize, seed: u64) -> Tensor<T> {
    let mut x = Tensor::zeros([rows, WORDS]);
    let mut rng = Seed(seed).rng();
    for row in x.data_mut().chunks_exact_mut(WORDS).skip(1) {
        for _ in 0..rng.random_range(0..60) {
            row[rng.random_range(1..WORDS)] = T::from_f64(rng.random_range(-1.0..1.0));
        }
    }
    x
}

fn weights<T: Scalar>(units: usize) -> Params<T> {
    let mut params = Params::new(Seed(3));
    params.add(Parameter::new("w", [WORDS, units]).init(Uniform { low: -0.5, high: 0.5 }));
    params
}

/// The loss of a layer with its penalty, of which the gradient is added to that of the product.
fn layer<'t>(x: Var<'t>, w: Var<'t>) -> Var<'t> {
    x.matmul(w).tanh().square().sum(..) + w.square().sum(..) * 0.1
}

/// A loss and its gradient, by the executor and by the interpreter.
fn both<T: Scalar>(
    params: &Params<T>,
    workspace: &mut Workspace<T>,
    texts: &Tensor<T>,
    loss: impl for<'t> Fn(Var<'t>, Var<'t>) -> Var<'t>,
) -> [Vec<T>; 2] {
    let graph = graph_of(params);
    let w = graph.param(graph.layout().ids().next().expect("there is one"));
    let loss = loss(graph.input(texts.shape()), w);
    let gradients = graph.swept_params(graph.sweep_params(loss));
    let inputs = [texts.clone()];
    let bindings = Bindings { inputs: &inputs, ..bindings(params, &[]) };
    graph.with_nodes(|nodes, _| {
        let plan = plan(nodes, &[loss.id()], &gradients, graph.layout(), true);
        let mut ours = vec![T::ZERO; params.flat().len()];
        workspace.run(&plan, &bindings, &mut ours);
        ours.push(workspace.output(&plan, 0, params.flat(), &inputs).1[0]);

        let values = oracle::interpret(nodes, &bindings, graph.layout(), |_| true);
        let mut theirs = values[gradients[0].1.index()].clone();
        theirs.push(values[loss.id().index()][0]);
        [ours, theirs]
    })
}

/// Checks that they agree, and says how many inputs were looked through and were mostly zeros.
fn agree<T: Scalar>(
    params: &Params<T>,
    workspace: &mut Workspace<T>,
    texts: &Tensor<T>,
    loss: impl for<'t> Fn(Var<'t>, Var<'t>) -> Var<'t>,
) -> [usize; 2] {
    let [ours, theirs] = both(params, workspace, texts, loss);
    let tolerance = if size_of::<T>() == size_of::<f32>() { 1e-4 } else { 1e-12 };
    for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let (ours, theirs) = (ours.to_f64(), theirs.to_f64());
        assert!((ours - theirs).abs() <= tolerance * (1.0 + theirs.abs()), "{at}: {ours} {theirs}");
    }
    workspace.looked_through()
}

#[test]
fn products_of_mostly_zeros_are_those_of_the_interpreter() {
    for units in [1, 5, 40] {
        let (single, double) = (weights::<f32>(units), weights::<f64>(units));
        let (mut in_single, mut in_double) = (Workspace::default(), Workspace::default());
        // One after the other in the same memory, and one that is not mostly zeros in between.
        for seed in 0..3 {
            assert_eq!(agree(&single, &mut in_single, &texts(130, seed), layer), [1, 1]);
            assert_eq!(agree(&double, &mut in_double, &texts(130, seed), layer), [1, 1]);
            let full = Tensor::from_fn([130, WORDS], |i| (i as f64 * 0.37).sin() * 0.1);
            assert_eq!(agree(&double, &mut in_double, &full, layer), [1, 0]);
        }
    }
}

#[test]
fn some_rows_of_an_input_and_all_of_it_are_matrices_of_their_own() {
    let params = weights::<f64>(5);
    let texts = texts(300, 2);
    let mut workspace = Workspace::default();
    let looked_through = agree(&params, &mut workspace, &texts, |x, w| {
        layer(x.slice(0, ..130), w) + layer(x, w) + layer(x.slice(0, 150..), w)
    });
    assert_eq!(looked_through, [3, 3]);
    let looked_through = agree(&params, &mut workspace, &texts, |x, w| {
        let wider = x.reshape([150, 2 * WORDS]).matmul(Var::concat(&[w, w], 0));
        wider.tanh().sum(..) + layer(x, w) + (x.matmul(w) + wider.sum(0)).square().mean(..)
    });
    assert_eq!(looked_through, [2, 2]);
}

#[test]
fn what_entries_cannot_replace_is_multiplied_as_ever() {
    let params = weights::<f64>(5);
    let mut workspace = Workspace::default();
    // Few rows, few numbers, a matrix that lies column by column.
    assert_eq!(agree(&params, &mut workspace, &texts(15, 1), layer), [0, 0]);
    assert_eq!(agree(&params, &mut workspace, &texts(100, 1), layer), [0, 0]);
    let mut turned = Params::new(Seed(3));
    turned.add(Parameter::new("w", [5, WORDS]).init(Uniform { low: -0.5, high: 0.5 }));
    agree(&turned, &mut workspace, &texts(130, 1), |x, w| x.matmul(w.transpose()).tanh().sum(..));
}

#[test]
fn a_zero_times_what_is_not_finite_is_not_left_out() {
    let mut params = weights::<f64>(5);
    let id = params.layout().ids().next().unwrap();
    // The weight of a word that no text has.
    params.values_mut(id)[0] = f64::INFINITY;
    let [ours, theirs] = both(&params, &mut Workspace::default(), &texts(130, 1), layer);
    assert!(ours.last().unwrap().is_nan() && theirs.last().unwrap().is_nan());
    // A gradient that is not finite, at a word that the text does not have.
    let params = weights::<f64>(5);
    let [ours, theirs] = both(&params, &mut Workspace::default(), &texts(130, 1), |x, w| {
        x.matmul(w).square().sqrt().sum(..)
    });
    assert!(ours[0].is_nan() && theirs[0].is_nan(), "{} {}", ours[0], theirs[0]);
    // A text of which a number is none.
    let mut texts = texts(130, 1);
    texts.data_mut()[3 * WORDS + 7] = f64::NAN;
    let [ours, theirs] = both(&params, &mut Workspace::default(), &texts, layer);
    let nan = |x: &[f64]| x.iter().map(|x| x.is_nan()).collect::<Vec<_>>();
    assert!(nan(&ours) == nan(&theirs) && ours[7 * 5].is_nan());
}

#[test]
fn products_of_mostly_zeros_have_the_same_bits_on_any_number_of_threads() {
    // Wide enough that all of it is spread over the threads.
    let params = weights::<f32>(64);
    let on = |threads: usize| {
        with_threads(threads, || {
            let [ours, _] = both(&params, &mut Workspace::default(), &texts(130, 5), layer);
            ours.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        })
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert!(on(threads) == one, "{threads} threads");
    }
}

#[test]
fn numbers_that_are_flushed_are_zeros_wherever_a_run_takes_place() {
    let params = weights::<f32>(1);
    let mut texts = texts(130, 4);
    texts.data_mut().iter_mut().filter(|x| **x == 0.0).for_each(|x| *x = 1e-40);
    let run = || {
        let [ours, _] = both(&params, &mut Workspace::default(), &texts, layer);
        ours.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    // On a thread of a pool, flushing is not set for the whole of a run.
    assert!(with_threads(2, run) == run());
}
