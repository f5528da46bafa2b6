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

/// A tensor of numbers that differ.
fn spread(shape: &[usize]) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| (i as f64 * 1.3).sin())
}

#[test]
fn orthogonality_is_the_distance_of_the_smaller_product_from_the_identity() {
    for shape in [&[4, 3][..], &[3, 4], &[5, 2, 1, 2], &[2, 3, 2, 2], &[8, 1], &[1, 3]] {
        let w = spread(shape);
        let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
        let at = |i: usize, j: usize| w.data()[i * columns + j];
        let size = rows.min(columns);
        let mut want = 0.0;
        for (i, j) in (0..size).flat_map(|i| (0..size).map(move |j| (i, j))) {
            let product: f64 = if rows < columns {
                (0..columns).map(|k| at(i, k) * at(j, k)).sum()
            } else {
                (0..rows).map(|k| at(k, i) * at(k, j)).sum()
            };
            want += (product - f64::from(u8::from(i == j))).powi(2);
        }
        let params = Params::<f64>::new(Seed(0));
        let tape = Tape::inference(&params);
        let got = tape.item(Orthogonality(0.5).penalty(tape.input(&w)));
        assert_relative_eq!(got, 0.5 * want, max_relative = 1e-12);

        let mut params = Params::<f64>::new(Seed(0));
        let id = params.add_tensor("w", &w);
        let report = gradcheck(&params, |tape| Orthogonality(0.5).penalty(tape.param(id)));
        report.unwrap().assert_below(1e-6);
    }
}

#[test]
fn orthogonality_makes_columns_orthogonal() {
    let mut params = Params::<f64>::new(Seed(3));
    let layer = Dense::new(8, 5).penalty(Orthogonality(1.0)).build(&mut params, "layer");
    let mut optimizer = Sgd::new(0.05);
    for step in 0..300 {
        let tape = Tape::training(&params, Seed(step));
        let gradients = tape.backward(tape.penalty());
        optimizer.step(&mut params, &gradients);
    }
    let tape = Tape::inference(&params);
    let w = tape.param(layer.kernel());
    let products = tape.value(w.transpose().matmul(w));
    for (i, product) in products.data().iter().enumerate() {
        let want = if i / 5 == i % 5 { 1.0 } else { 0.0 };
        assert_relative_eq!(*product, want, epsilon = 1e-6);
    }
}

#[test]
fn a_penalty_on_values_is_a_mean_over_examples_beside_those_on_parameters() {
    let mut params = Params::<f64>::new(Seed(0));
    let w = params.add(Parameter::new("w", [3]).init(Constant(2.0)).penalty(L2(1.0)));
    let layer = ActivationPenalty::new(L1(0.5));
    let x = Tensor::from([[1.0, -2.0, 3.0], [0.0, 1.0, -1.0]]);
    for mode in ["training", "inference"] {
        let tape = match mode {
            "training" => Tape::training(&params, Seed(0)),
            _ => Tape::inference(&params),
        };
        let y = layer.forward(tape.input(&x) * tape.param(w));
        // Applied twice, it counts twice.
        let z = layer.forward(y);
        let each = 0.5 * 2.0 * (1.0 + 2.0 + 3.0 + 1.0 + 1.0) / 2.0;
        let penalty = tape.penalty();
        assert_eq!(tape.item(penalty), 6.0 + 2.0 * each);
        assert_eq!(tape.value(z), tape.value(y));
        let slope = tape.value(tape.gradient(penalty, &[tape.param(w)])[0]);
        assert_eq!(slope.data(), [2.0 + 0.5, 2.0 + 1.5, 2.0 + 2.0]);
    }
}

#[test]
#[should_panic(expected = "add_penalty: the tape's penalty is recorded already and would miss")]
fn a_penalty_asked_for_before_the_forward_pass_is_a_mistake() {
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::training(&params, Seed(0));
    let loss = tape.penalty();
    let x = tape.input(&Tensor::from([[1.0]]));
    let _ = ActivationPenalty::new(L2(1.0)).forward(x).sum(..) + loss;
}

#[test]
#[should_panic(expected = "add_penalty: a value of shape [2] is not one number")]
fn a_penalty_that_is_added_is_one_number() {
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::training(&params, Seed(0));
    tape.graph().add_penalty(tape.input(&Tensor::from([1.0, 2.0])));
}
