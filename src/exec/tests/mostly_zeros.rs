//! Inputs that are mostly zeros, which products leave out.

use super::*;

/// More numbers than the executor multiplies without a look at them.
const ROWS: usize = 130;
const WORDS: usize = 2100;

/// Texts of some of many words; one of none.
fn texts<T: Scalar>(seed: u64) -> Tensor<T> {
    let mut x = Tensor::zeros([ROWS, WORDS]);
    let mut rng = Seed(seed).rng();
    for row in x.data_mut().chunks_exact_mut(WORDS).skip(1) {
        for _ in 0..rng.random_range(0..60) {
            row[rng.random_range(1..WORDS)] = T::from_f64(rng.random_range(-1.0..1.0));
        }
    }
    x
}

fn weights<T: Scalar>() -> Params<T> {
    let mut params = Params::new(Seed(3));
    params.add(Parameter::new("w", [WORDS, 5]).init(Uniform { low: -0.5, high: 0.5 }));
    params
}

/// The loss of a penalized layer for some texts and its gradient, by the executor and by the
/// interpreter: a product with the texts and one with their transpose, of which the results are
/// added to what the penalty contributes.
fn both<T: Scalar>(
    params: &Params<T>,
    workspace: &mut Workspace<T>,
    texts: &Tensor<T>,
) -> [Vec<T>; 2] {
    let graph = graph_of(params);
    let w = graph.param(graph.layout().ids().next().expect("there is one"));
    let x = graph.input(texts.shape());
    let loss = x.matmul(w).tanh().square().sum(..) + w.square().sum(..) * 0.1;
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

fn agree<T: Scalar>(params: &Params<T>, workspace: &mut Workspace<T>, texts: &Tensor<T>) {
    let [ours, theirs] = both(params, workspace, texts);
    let tolerance = if size_of::<T>() == size_of::<f32>() { 1e-4 } else { 1e-12 };
    for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let (ours, theirs) = (ours.to_f64(), theirs.to_f64());
        assert!((ours - theirs).abs() <= tolerance * (1.0 + theirs.abs()), "{at}: {ours} {theirs}");
    }
}

#[test]
fn products_of_mostly_zeros_are_those_of_the_interpreter() {
    let (single, double) = (weights::<f32>(), weights::<f64>());
    let (mut in_single, mut in_double) = (Workspace::default(), Workspace::default());
    // One after the other in the same memory, and one that is not mostly zeros in between.
    for seed in 0..3 {
        agree(&single, &mut in_single, &texts(seed));
        agree(&double, &mut in_double, &texts(seed));
        let full = Tensor::from_fn([ROWS, WORDS], |i| (i as f64 * 0.37).sin() * 0.1);
        agree(&double, &mut in_double, &full);
    }
}

#[test]
fn a_zero_times_what_is_not_finite_is_not_left_out() {
    let mut params = weights::<f64>();
    let id = params.layout().ids().next().unwrap();
    // The weight of a word that no text has.
    params.values_mut(id)[0] = f64::INFINITY;
    let [ours, theirs] = both(&params, &mut Workspace::default(), &texts(1));
    assert!(ours.last().unwrap().is_nan() && theirs.last().unwrap().is_nan());
}

#[test]
fn products_of_mostly_zeros_have_the_same_bits_on_any_number_of_threads() {
    let params = weights::<f32>();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let [ours, _] = both(&params, &mut Workspace::default(), &texts(5));
            ours.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        })
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert!(on(threads) == one, "{threads} threads");
    }
}
