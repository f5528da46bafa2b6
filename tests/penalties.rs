//! What penalties do to a step.

use approx::assert_relative_eq;
use gradtape::penalty;
use gradtape::prelude::*;

const RATE: f64 = 0.1;
const LAMBDA: f64 = 0.3;

fn weights() -> Tensor<f64> {
    Tensor::from([1.5, -0.25, 0.0, 4.0])
}

/// The weights after a step of plain gradient descent on `Σ 0.5 w` plus a penalty.
fn stepped(penalty: impl Penalty + 'static) -> Vec<f64> {
    let mut params = Params::<f64>::new(Seed(0));
    let w = params.add(Parameter::new("w", [4]).penalty(penalty));
    params.values_mut(w).copy_from_slice(weights().data());
    let tape = Tape::training(&params, Seed(0));
    let gradients = tape.backward(0.5 * tape.param(w).sum(..) + tape.penalty());
    Sgd::new(RATE).step(&mut params, &gradients);
    params.values(w).to_vec()
}

/// The weights after a step whose gradient is `0.5 + penalty(w)`.
fn expected(penalty: impl Fn(f64) -> f64) -> Vec<f64> {
    weights().data().iter().map(|w| w - RATE * (0.5 + penalty(*w))).collect()
}

fn sign(w: f64) -> f64 {
    if w == 0.0 { 0.0 } else { w.signum() }
}

#[test]
fn l2_is_weight_decay_under_gradient_descent() {
    let decayed: Vec<f64> =
        weights().data().iter().map(|w| (1.0 - RATE * LAMBDA) * w - RATE * 0.5).collect();
    assert_relative_eq!(stepped(L2(LAMBDA))[..], decayed[..], max_relative = 1e-14);
}

#[test]
fn l1_moves_every_weight_by_the_same_amount_towards_zero() {
    let want = expected(|w| LAMBDA * sign(w));
    assert_relative_eq!(stepped(L1(LAMBDA))[..], want[..], max_relative = 1e-14);
}

#[test]
fn both_together_add_up() {
    let want = expected(|w| LAMBDA * sign(w) + 0.2 * w);
    let got = stepped(L1L2 { l1: LAMBDA, l2: 0.2 });
    assert_relative_eq!(got[..], want[..], max_relative = 1e-14);
}

#[test]
fn a_closure_or_a_function_is_a_penalty() {
    fn quartic(w: Var<'_>) -> Var<'_> {
        0.25 * w.square().square().sum(..)
    }
    let want = expected(|w| w.powi(3));
    assert_relative_eq!(stepped(quartic)[..], want[..], max_relative = 1e-14);
    let strength = 2.0;
    let scaled = penalty::from_fn(move |w| strength * quartic(w));
    let want = expected(|w| 2.0 * w.powi(3));
    assert_relative_eq!(stepped(scaled)[..], want[..], max_relative = 1e-14);
}

#[test]
fn the_penalty_is_the_sum_over_all_parameters_that_have_one() {
    let mut params = Params::<f64>::new(Seed(0));
    params.add(Parameter::new("a", [3]).init(Constant(2.0)).penalty(L2(1.0)));
    params.add(Parameter::new("b", [2]).init(Constant(-3.0)));
    let tape = Tape::training(&params, Seed(0));
    assert_eq!(tape.item(tape.penalty()), 6.0);

    params.add(Parameter::new("c", [2]).init(Constant(-3.0)).penalty(L1(0.5)));
    let tape = Tape::inference(&params);
    assert_eq!(tape.item(tape.penalty()), 9.0);

    let none = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&none);
    assert_eq!(tape.item(tape.penalty()), 0.0);
}
