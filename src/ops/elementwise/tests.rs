//! Every row against differences, kinks, and what a selection keeps out.

use super::*;
use crate::grad::GradCheck;
use crate::params::{ParamId, Parameter, Params};
use crate::seed::Seed;
use crate::tensor::Tensor;

/// One parameter an input, together all combinations of the sample points, of `rows` rows.
fn combinations(op: Elementwise, points: &[f64]) -> (Params<f64>, Vec<ParamId>) {
    let count = points.len().pow(op.arity() as u32);
    let mut params = Params::new(Seed(0));
    let ids = (0..op.arity()).map(|input| {
        let digit = points.len().pow(input as u32);
        let values = Tensor::from_fn([count], |i| points[i / digit % points.len()]);
        params.add_tensor(format!("x{input}"), &values)
    });
    let ids = ids.collect();
    (params, ids)
}

/// Whether two inputs meet at a tie, where the derivative is a convention.
fn has_kinks(op: Elementwise) -> bool {
    matches!(op.name(), "maximum" | "minimum" | "precedence" | "equal" | "select")
}

/// Whether an operation's gradient is nowhere but 0, so that there is nothing to check.
fn is_flat(op: Elementwise) -> bool {
    matches!(op.name(), "sgn" | "precedence" | "equal")
}

#[test]
fn first_derivatives_of_every_row_agree_with_differences() {
    for (op, points) in rows().into_iter().filter(|(op, _)| !is_flat(*op)) {
        let (params, ids) = combinations(op, &points);
        let report = GradCheck::new().samples(1000).run(&params, |tape| {
            // An offset keeps inputs apart where they would tie.
            let offset = if has_kinks(op) { 0.01 } else { 0.0 };
            let inputs: Vec<_> = ids
                .iter()
                .enumerate()
                .map(|(i, &id)| (tape.param(id) + offset * i as f64).id())
                .collect();
            let y = tape.graph().record(op, &inputs);
            // The condition of a selection has no gradient of its own.
            ids.iter().fold(y, |y, &id| y + 1e-3 * tape.param(id))
        });
        report.unwrap_or_else(|error| panic!("{op:?}: {error}")).assert_below(1e-6);
    }
}

#[test]
fn second_derivatives_of_every_row_agree_with_differences() {
    for (op, points) in rows().into_iter().filter(|(op, _)| !is_flat(*op) && !has_kinks(*op)) {
        let (params, ids) = combinations(op, &points);
        let report = GradCheck::new().samples(1000).run(&params, |tape| {
            let inputs: Vec<_> = ids.iter().map(|&id| tape.param(id)).collect();
            let input_ids: Vec<_> = inputs.iter().map(|x| x.id()).collect();
            let y = tape.graph().record(op, &input_ids).sum(..);
            let gradients = tape.gradient(y, &inputs).into_iter().zip(1..);
            let terms = gradients.map(|(g, i)| (g * (0.3 + f64::from(i))).sum(..));
            let sum = terms.reduce(|a, b| a + b).expect("there are inputs");
            inputs.iter().fold(sum, |sum, x| sum + 1e-3 * x.sum(..))
        });
        report.unwrap_or_else(|error| panic!("{op:?}: {error}")).assert_below(1e-6);
    }
}

#[test]
fn kinks_follow_the_policy() {
    let mut params = Params::<f64>::new(Seed(0));
    let id = params.add(Parameter::new("x", [1]));
    type Kink = (for<'t> fn(Var<'t>) -> Var<'t>, f64);
    let kinks: [Kink; 14] = [
        (|x| x.relu(), 0.0),
        (|x| x.abs(), 0.0),
        (|x| x.sgn(), 0.0),
        (|x| x.leaky_relu(0.3), 0.3),
        (|x| x.maximum(0.0), 0.5),
        (|x| x.minimum(0.0), 0.5),
        (|x| x.maximum(x), 1.0),
        (|x| x.clamp(0.0, 1.0), 0.5),
        (|x| x.clamp(-1.0, 0.0), 0.5),
        (|x| x.clamp(f64::NEG_INFINITY, f64::INFINITY), 1.0),
        (|x| x.elu(0.7), 0.7),
        // Not kinks, but where a rule may multiply 0 by infinity.
        (|x| x.powf(0.0), 0.0),
        (|x| x.powf(1.0), 1.0),
        (|x| x.powf(2.0), 0.0),
    ];
    for (f, want) in kinks {
        let tape = crate::Tape::inference(&params);
        let x = tape.param(id);
        let slope = tape.gradient(f(x).sum(..) + 0.0 * x.sum(..), &[x])[0];
        assert_eq!(tape.value(slope).data(), [want]);
    }
}

#[test]
fn selection_keeps_out_what_it_does_not_take() {
    let mut params = Params::<f64>::new(Seed(0));
    let id = params.add_tensor("x", &Tensor::from([0.0, 4.0]));
    let tape = crate::Tape::inference(&params);
    let x = tape.param(id);
    let y = x.select(x.ln(), x).sum(..);
    assert_eq!(tape.item(y), 4.0_f64.ln());
    let slope = tape.gradient(x.select(x.select(x, 1.0).ln(), x).sum(..), &[x])[0];
    assert_eq!(tape.value(slope).data(), [1.0, 0.25]);
}

#[test]
fn powers_of_zero_have_finite_derivatives_of_every_order() {
    let mut params = Params::<f64>::new(Seed(0));
    let id = params.add(Parameter::new("x", []));
    let tape = crate::Tape::inference(&params);
    let x = tape.param(id);
    for exponent in 0..4 {
        let exponent = f64::from(exponent);
        let b = tape.scalar(exponent) + 0.0 * x;
        for power in [x.powf(exponent), x.pow(exponent), x.pow(b.detach())] {
            let mut y = power;
            let mut want = 1.0;
            for order in 0..5 {
                let left = exponent - f64::from(order);
                let value = if left == 0.0 { want } else { 0.0 };
                assert_eq!(tape.item(y), value, "derivative {order} of 0^{exponent}");
                y = tape.gradient(y + 0.0 * x, &[x])[0];
                want *= left;
            }
        }
        let slope = tape.gradient(x.pow(b), &[b])[0];
        assert_eq!(tape.item(slope), 0.0);
    }
}

#[test]
fn activations_are_finite_in_both_tails() {
    let mut params = Params::<f32>::new(Seed(0));
    let values = [-1e4, -800.0, -90.0, -1.0, 0.0, 1.0, 90.0, 800.0, 1e4];
    let id = params.add_tensor("x", &Tensor::from(values));
    let tape = crate::Tape::inference(&params);
    let x = tape.param(id);
    for y in [x.silu(), x.gelu(), x.gelu_tanh(), x.selu(), x.elu(0.7), x.erf(), x.softplus()] {
        let slope = tape.gradient(y.sum(..), &[x])[0];
        let bend = tape.gradient(slope.sum(..), &[x])[0];
        for value in [y, slope, bend] {
            assert!(tape.value(value).data().iter().all(|x| x.is_finite()), "{value:?}");
        }
        // Each is either bounded or grows like `x` or a factor of it.
        let slopes = tape.value(slope);
        assert!(slopes.data()[0] == 0.0 && [0.0, 1.0, 1.050_701].contains(&slopes.data()[8]));
    }
}
