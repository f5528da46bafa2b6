//! Recording and running: what is computed when, and that nothing is forgotten or mixed up.

use gradtape::prelude::*;

fn params() -> (Params<f32>, ParamId) {
    let mut params = Params::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([1.0_f32, 2.0, 3.0]));
    (params, w)
}

#[test]
fn values_may_be_asked_for_in_any_order() {
    let (params, w) = params();
    let tape = Tape::inference(&params);
    let w = tape.param(w);
    let square = tape.keep(w.square());
    let loss = square.sum(..);
    assert_eq!(tape.item(loss), 14.0);
    let gradients = tape.backward(loss);
    assert_eq!((gradients.loss(), gradients.flat()), (14.0, &[2.0, 4.0, 6.0][..]));
    assert_eq!(tape.value(square).data(), [1.0, 4.0, 9.0]);
    assert_eq!(tape.value(w).data(), [1.0, 2.0, 3.0]);
    assert_eq!(tape.backward(loss).flat(), gradients.flat());
    let later = (loss * 2.0).exp().ln();
    assert!((tape.item(later) - 28.0).abs() < 1e-4);
    assert_eq!(tape.backward(later * 0.5).flat()[0].round(), 2.0);
}

#[test]
fn terms_are_added_up_in_place() {
    let (params, w) = params();
    let tape = Tape::inference(&params);
    let w = tape.param(w);
    let mut loss = w.sum(..);
    loss += w.square().sum(..);
    loss -= 5.0;
    loss *= w.mean(..);
    loss /= 3.0;
    assert_eq!(tape.item(loss), (6.0 + 14.0 - 5.0) * 2.0 / 3.0);
}

#[test]
fn steps_that_take_turns_do_not_mix() {
    let (params, w) = params();
    let run = |params: &Params, i: usize| {
        let tape = Tape::training(params, Seed(i as u64));
        let x = tape.input(&Tensor::from_fn([2 + i % 3, 3], |j| (i + j) as f32));
        let scale = if i.is_multiple_of(4) { 2.0 } else { 3.0 };
        let mut y = x * tape.param(w) * scale;
        for _ in 0..i % 5 {
            y = y.dropout(0.5) + 1.0;
        }
        let loss = if i.is_multiple_of(2) { y.mean(..) } else { y.square().mean(..) };
        let gradients = tape.backward(loss);
        (gradients.loss().to_bits(), gradients.flat().to_vec())
    };
    for i in 0..200 {
        // A clone knows nothing of earlier steps.
        assert_eq!(run(&params, i), run(&params.clone(), i), "step {i}");
    }
}

#[test]
fn two_tapes_at_once_and_a_panic_in_between() {
    let (params, w) = params();
    for i in 0..20 {
        let first = Tape::training(&params, Seed(i));
        let y = first.param(w).dropout(0.5).exp();
        let second = Tape::inference(&params);
        let z = second.param(w).sum(..);
        let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let third = Tape::training(&params, Seed(i));
            let _ = third.param(w).tanh().reshape([7]);
        }));
        assert!(broken.is_err());
        assert_eq!(second.item(z), 6.0);
        assert_eq!(first.value(y), first.interpret(y));
        assert_eq!(second.backward(z).flat(), [1.0; 3]);
    }
}

#[test]
fn parameters_without_a_gradient_are_named_and_stay() {
    let mut params = Params::<f32>::new(Seed(0));
    let used = params.add(Parameter::new("used", [2]).init(Ones));
    let unused = params.add(Parameter::new("unused", [2]).init(Ones));
    let frozen = params.add(Parameter::new("frozen", [2]).init(Ones).frozen());
    let mut optimizer = Adam::new(0.1);
    for _ in 0..3 {
        let tape = Tape::training(&params, Seed(0));
        let gradients = tape.backward((tape.param(used) * tape.param(frozen)).sum(..));
        assert_eq!(gradients.unreached().collect::<Vec<_>>(), ["unused"]);
        assert_eq!(gradients.get(used), Some(params.values(frozen)));
        assert_eq!((gradients.get(unused), gradients.get(frozen)), (None, None));
        optimizer.step(&mut params, &gradients);
    }
    assert_ne!(params.values(used), [1.0; 2]);
    assert_eq!((params.values(unused), params.values(frozen)), (&[1.0; 2][..], &[1.0; 2][..]));
}

#[test]
fn no_work_is_done_for_what_needs_no_gradient() {
    let mut params = Params::<f32>::new(Seed(0));
    let layer = Dense::new(784, 10).build(&mut params, "layer");
    let tape = Tape::training(&params, Seed(0));
    let x = tape.input(&Tensor::zeros([8, 784]));
    let loss = layer.forward(x.exp().tanh()).cross_entropy([0; 8]);
    let forward = tape.to_string();
    let _ = tape.backward(loss);
    let backward = tape.to_string()[forward.len()..].to_string();
    // One product, for the kernel; none for the input, whose exponential is no business of ours.
    assert_eq!(backward.matches("matmul").count(), 1, "{backward}");
    assert!(!backward.contains("tanh") && !backward.contains("[8, 784]"), "{backward}");
}

#[test]
fn the_listing_reads_like_mathematics() {
    let mut params = Params::<f32>::new(Seed(0));
    let layer = Dense::new(3, 2).penalty(L2(0.5)).build(&mut params, "layer");
    let tape = Tape::training(&params, Seed(0));
    let x = tape.input(&Tensor::zeros([4, 3]));
    let y = layer.forward(x).relu().dropout(0.5).cross_entropy([0, 1, 0, 1]);
    let _ = y + tape.penalty();
    let expected = "\
%0   [4, 3]  input
%1   [3, 2]  param layer/kernel
%2   [4, 2]  matmul(%0, layer/kernel)
%3   [2]     param layer/bias
%4   [4, 2]  %2 + layer/bias
%5   [4, 2]  relu(%4)
%7   [4, 2]  mask(seed, keep=0.5, scale=2)
%8   [4, 2]  %5 * %7
%9   [4]     indices
%10  [4, 2]  log_softmax(%8, axis=1)
%11  [4]     pick(%10, %9)
%12  []      sum(%11, axes=[0])
%14  []      %12 * 0.25
%15  []      -%14
%16  [3, 2]  square(layer/kernel)
%17  []      sum(%16, axes=[0, 1])
%19  []      0.25 * %17
%20  []      %15 + %19
";
    assert_eq!(tape.to_string(), expected);
}

#[test]
fn a_million_nodes_in_a_row() {
    let mut params = Params::<f64>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([0.5]));
    let tape = Tape::training(&params, Seed(0));
    let mut y = tape.param(w);
    for i in 0..1_000_000 {
        y = if i % 2 == 0 { y * 1.000_001 } else { y - 1e-7 };
    }
    let gradients = tape.backward(y.sum(..));
    let want = 1.000_001_f64.powi(500_000);
    assert!((gradients.flat()[0] / want - 1.0).abs() < 1e-9);
}

#[test]
fn a_loss_may_be_a_parameter_or_use_none_of_its_inputs() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([3.0]));
    let tape = Tape::training(&params, Seed(0));
    let _ = tape.input(&Tensor::zeros([2]));
    let gradients = tape.backward(tape.param(w));
    assert_eq!((gradients.loss(), gradients.flat()), (3.0, &[1.0][..]));
}

#[test]
fn parameters_may_be_added_between_steps() {
    let (mut params, w) = params();
    let mut optimizer = Momentum::new(0.1);
    for round in 0..4 {
        for _ in 0..2 {
            let tape = Tape::training(&params, Seed(0));
            let gradients = tape.backward(tape.param(w).square().sum(..));
            assert_eq!(gradients.flat().len(), 3 + round);
            assert!(gradients.flat()[3..].iter().all(|g| *g == 0.0));
            optimizer.step(&mut params, &gradients);
        }
        params.add(Parameter::new(format!("later {round}"), [1]));
    }
}
