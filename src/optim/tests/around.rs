//! Clipping, weight decay, proximal L1, and the two conventions.

use super::*;
use crate::graph::Tape;
use crate::penalty::L2;

/// The parameters after steps of this optimizer with the usual gradients.
fn after<T: Scalar>(mut optimizer: impl Optimizer<T>, steps: usize) -> Vec<f64> {
    let (mut params, _) = params::<T>(&[5, 7]);
    for step in 0..steps {
        let gradients = gradients(&params, step, &[true; 2]);
        optimizer.step(&mut params, &gradients);
    }
    params.flat().iter().map(|x| x.to_f64()).collect()
}

/// The largest difference.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn the_kinds_of_weight_decay_agree_for_plain_descent_and_for_nothing_else() {
    let (l2, decoupled) = (WeightDecay::L2(0.3), WeightDecay::Decoupled(0.3));
    let rate = |step: u64| 0.1 / (1.0 + step as f64);
    let plain = after::<f64>(Sgd::new(rate), 6);
    let both = [l2, decoupled].map(|decay| after::<f64>(Sgd::new(rate).weight_decay(decay), 6));
    assert!(distance(&both[0], &both[1]) < 1e-14);
    assert!(distance(&both[0], &plain) > 1e-3);

    let both = [l2, decoupled].map(|decay| after::<f64>(Adam::new(rate).weight_decay(decay), 6));
    assert!(distance(&both[0], &both[1]) > 1e-3);
    let both =
        [l2, decoupled].map(|decay| after::<f64>(Momentum::new(rate).weight_decay(decay), 6));
    assert!(distance(&both[0], &both[1]) > 1e-3);
}

#[test]
fn weight_decay_needs_no_momentum() {
    let decay = WeightDecay::L2(0.3);
    let descent = after::<f64>(Sgd::new(0.1).weight_decay(decay), 5);
    let momentum = after::<f64>(Momentum::new(0.1).momentum(0.0).weight_decay(decay), 5);
    assert!(distance(&descent, &momentum) < 1e-15);
}

#[test]
fn adamw_is_adam_with_decoupled_decay() {
    let adam = Adam::new(0.1).weight_decay(WeightDecay::Decoupled(0.01));
    assert_eq!(after::<f64>(AdamW::new(0.1), 5), after::<f64>(adam, 5));
    let stronger = AdamW::new(0.1).weight_decay(WeightDecay::Decoupled(0.02));
    assert!(distance(&after::<f64>(stronger, 5), &after::<f64>(AdamW::new(0.1), 5)) > 1e-4);
}

#[test]
fn l2_in_the_loss_is_l2_in_the_optimizer() {
    let run = |penalty: Option<L2>, mut optimizer: Sgd<f64>| {
        let mut params = Params::<f64>::new(Seed(1));
        let w = Parameter::new("w", [3]).init(Normal { mean: 0.0, std: 1.0 });
        let w = params.add(match penalty {
            Some(penalty) => w.penalty(penalty),
            None => w,
        });
        for step in 0..5 {
            let tape = Tape::training(&params, Seed(step));
            let loss = tape.param(w).sin().sum(..) + tape.penalty();
            let gradients = tape.backward(loss);
            optimizer.step(&mut params, &gradients);
        }
        params.flat().to_vec()
    };
    let in_loss = run(Some(L2(0.3)), Sgd::new(0.1));
    let in_step = run(None, Sgd::new(0.1).weight_decay(WeightDecay::L2(0.3)));
    assert!(distance(&in_loss, &in_step) < 1e-14);
    assert!(distance(&in_loss, &run(None, Sgd::new(0.1))) > 1e-2);
}

#[test]
fn the_conventions_of_momentum_agree_while_the_rate_is_constant() {
    use Convention::{Keras, PyTorch};
    let changing = |step: u64| 0.1 / (1.0 + step as f64);
    macro_rules! compare {
        ($optimizer:expr) => {{
            let constant = [Keras, PyTorch]
                .map(|convention| after::<f64>($optimizer(0.1.into()).convention(convention), 6));
            assert!(distance(&constant[0], &constant[1]) < 1e-14);
            let changed = [Keras, PyTorch].map(|convention| {
                after::<f64>($optimizer(Schedule::from(changing)).convention(convention), 6)
            });
            assert!(distance(&changed[0], &changed[1]) > 1e-2);
        }};
    }
    compare!(|rate: Schedule| Momentum::new(move |step: u64| rate.at(step)));
    compare!(|rate: Schedule| Nesterov::new(move |step: u64| rate.at(step)));
    compare!(|rate: Schedule| RmsProp::new(move |step: u64| rate.at(step)).momentum(0.9));
    // A rate of 0 is no trouble.
    let still = after::<f64>(Momentum::new(0.0).convention(Keras), 3);
    assert_eq!(still, after::<f64>(Sgd::new(0.0), 3));
}

#[test]
fn a_rate_is_applied_once_in_a_pair() {
    let keras = || {
        let mut velocity = Velocity::new("Pair", 0.5);
        velocity.convention = Convention::Keras;
        velocity
    };
    let rate = |step: u64| 0.1 * (1.0 + step as f64);
    let first = after::<f64>(Chain::new(rate, (keras(), Velocity::new("Pair", 0.25))), 5);
    let both = after::<f64>(Chain::new(rate, (keras(), keras())), 5);
    let mut zero = keras();
    zero.momentum.set(0.0.into());
    let single = after::<f64>(Chain::new(rate, keras()), 5);
    assert!(distance(&single, &after::<f64>(Chain::new(rate, (keras(), zero)), 5)) < 1e-14);
    assert!(first.iter().chain(&both).all(|x| x.abs() < 100.0));
}

#[test]
fn decoupled_decay_is_times_the_rate_in_both_conventions() {
    let decay = |optimizer: Momentum<f64>| {
        let (mut params, _) = params::<f64>(&[1]);
        let before = params.flat()[0];
        let mut optimizer = optimizer.weight_decay(WeightDecay::Decoupled(0.5));
        let gradients = Gradients::new(&params, vec![0.0], 0.0);
        optimizer.step(&mut params, &gradients);
        params.flat()[0] / before
    };
    assert!((decay(Momentum::new(0.1)) - 0.95).abs() < 1e-15);
    assert!((decay(Momentum::new(0.1).convention(Convention::Keras)) - 0.95).abs() < 1e-15);
}

#[test]
fn norms_leave_out_what_has_no_gradient() {
    for (clip, want) in [(Clip::global_norm(1.0), 0.6), (Clip::norm(1.0), 1.0)] {
        let (mut some, ids) = params::<f64>(&[1, 1, 1]);
        some.flat_mut().fill(0.0);
        let mut values = Gradients::new(&some, vec![3.0, 1000.0, 4.0], 0.0).flat().to_vec();
        values[1] = 1000.0;
        let (layout, store) = (some.layout().clone(), some.workspaces().clone());
        let reached: std::sync::Arc<[bool]> = [true, false, true].into();
        let mut found = Gradients::computed(layout, values, reached, 0.0, store);
        // The place of what is not reached may hold anything, such as a running mean.
        found.flat_mut()[1] = 1000.0;
        Sgd::new(1.0).clip(clip).step(&mut some, &found);
        assert!((some.values(ids[0])[0] + want).abs() < 1e-15);
        assert_eq!(some.values(ids[1]), [0.0]);
        clip.apply(&mut found);
        assert_eq!(found.flat()[1], 1000.0);
        assert!((found.flat()[0] - want).abs() < 1e-15);
    }
}

#[test]
fn small_gradients_are_not_clipped() {
    let (params, _) = params::<f64>(&[3]);
    for convention in [Convention::Keras, Convention::PyTorch] {
        for clip in [Clip::value(0.5), Clip::norm(0.5), Clip::global_norm(0.5)] {
            let mut small = Gradients::new(&params, vec![0.1, -0.2, 0.0], 0.0);
            let norm = clip.convention(convention).apply(&mut small);
            assert!((norm - 0.05_f64.sqrt()).abs() < 1e-15);
            assert_eq!(small.flat(), [0.1, -0.2, 0.0]);
        }
    }
}

#[test]
fn clipping_hides_nothing() {
    for bad in [f32::NAN, f32::INFINITY] {
        for clip in [Clip::norm(1.0), Clip::global_norm(1.0)] {
            let (mut params, _) = params::<f32>(&[2]);
            let gradients = Gradients::new(&params, vec![1.0, bad], 0.0);
            Sgd::new(0.1).clip(clip).step(&mut params, &gradients);
            assert!(params.flat().iter().all(|x| x.is_nan()), "{clip} of {bad}");
        }
    }
    let (mut params, _) = params::<f32>(&[1]);
    let gradients = Gradients::new(&params, vec![f32::NAN], 0.0);
    Sgd::new(0.1).clip(Clip::value(1.0)).proximal_l1(1e9).step(&mut params, &gradients);
    assert!(params.flat()[0].is_nan());
}

#[test]
fn clipping_twice_is_a_mistake() {
    let twice = || drop(Sgd::<f32>::new(0.1).clip(Clip::value(1.0)).clip(Clip::norm(2.0)));
    assert_eq!(message(twice), "Sgd: gradients are clipped already, values to 1");
}

#[test]
fn a_variance_of_nothing_is_not_below_zero() {
    let (mut params, _) = params::<f32>(&[64]);
    // A steady gradient has no variance, and rounding decides about the sign.
    let steady: Vec<f32> = (0..64).map(|i| 1e3 + 7.7 * i as f32).collect();
    let mut optimizer = RmsProp::new(1e-3).centered().rho(0.9).eps(1e-20);
    for _ in 0..500 {
        let gradients = Gradients::new(&params, steady.clone(), 0.0);
        optimizer.step(&mut params, &gradients);
    }
    assert!(params.flat().iter().all(|x| !x.is_nan()));
}

#[test]
fn a_proximal_step_gives_exact_zeros() {
    let values = [1.0, -1.0, 0.05, -0.05, 0.0];
    let mut params = Params::<f64>::new(Seed(0));
    params.add_tensor("w", &Tensor::from(values));
    let still = Gradients::new(&params, vec![0.0; 5], 0.0);
    let mut optimizer = Sgd::new(0.1).proximal_l1(1.0);
    optimizer.step(&mut params, &still);
    assert_eq!(params.flat(), [0.9, -0.9, 0.0, 0.0, 0.0]);
    assert_eq!(sparsity(&params).total(), 0.6);

    // A penalty in the loss makes the same values small at best.
    let mut params = Params::<f64>::new(Seed(0));
    let w = Parameter::new("w", [5]).penalty(crate::penalty::L1(1.0));
    let w = params.add(w);
    params.values_mut(w).copy_from_slice(&[1.0, -1.0, 0.05, -0.05, 0.03]);
    for step in 0..20 {
        let tape = Tape::training(&params, Seed(step));
        let gradients = tape.backward(tape.penalty());
        Sgd::new(0.1).step(&mut params, &gradients);
    }
    assert_eq!(sparsity(&params).total(), 0.0);
}

#[test]
fn sparsity_is_a_table() {
    let mut params = Params::<f32>::new(Seed(0));
    params.add_tensor("hidden/kernel", &Tensor::from([0.0, 1.0, 0.0]));
    params.add_tensor("bias", &Tensor::from([2.0]));
    let want = "parameter          values    zeros\n\
                hidden/kernel           3    66.7%\n\
                bias                    1     0.0%\n\
                total                   4    50.0%";
    assert_eq!(sparsity(&params).to_string(), want);
}
