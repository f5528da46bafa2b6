//! Every operation on inputs that are one and the same parameter, beside a branch that uses it
//! once more.

use super::catalogue::{Sample, samples};
use crate::grad::{GradCheck, Report};
use crate::init::Uniform;
use crate::ops::elementwise::Elementwise;
use crate::ops::{Op, planted};
use crate::params::{Parameter, Params};
use crate::seed::Seed;
use crate::{Shape, Var};

/// Checks the derivatives of some order with all inputs taken from one parameter.
pub(super) fn check(sample: &Sample, order: u32) -> Report {
    let [low, high] = sample.range;
    let most = sample.shapes.iter().map(Shape::numel).max().unwrap_or(0);
    let mut params = Params::<f64>::new(Seed(8));
    let id = params.add(Parameter::new("x", [most + 1]).init(Uniform { low, high }));
    let check = if order == 1 { GradCheck::new() } else { GradCheck::new().second_order() };
    let report = check.samples(10).run(&params, |tape| {
        let x = tape.param(id);
        // Each input begins one entry after the one before, so that no two tie.
        let input = |(i, shape): (usize, &Shape)| {
            let start = i % (most + 2 - shape.numel());
            x.slice(0, start..start + shape.numel()).reshape(shape)
        };
        let inputs: Vec<Var<'_>> = sample.shapes.iter().enumerate().map(input).collect();
        let y = sample.apply(&inputs).sin() * inputs[0].sum(..) + x.sin().sum(..);
        if order > 2 { tape.gradient(y.sum(..), &[x])[0].sin() } else { y }
    });
    report.unwrap_or_else(|error| panic!("{}, order {order}: {error}", sample.name))
}

#[test]
fn gradients_of_three_orders_agree_with_differences() {
    for sample in samples().iter().filter(|sample| sample.name != "detach") {
        for order in 1..=3 {
            let report = check(sample, order);
            assert!(report.is_below(1e-6), "{}, order {order}\n{report}", sample.name);
            assert_eq!(report.rows()[0].kinks, 0, "{}, order {order}\n{report}", sample.name);
        }
    }
}

#[test]
fn a_rule_that_is_off_by_a_thousandth_is_seen() {
    let flat = |op: &Op| match op {
        Op::Elementwise(Elementwise::powf { exponent }) => exponent.0 == 0.0,
        Op::Noise(_) => true,
        op => ["sgn", "precedence", "equal", "argmax", "detach", "place"].contains(&op.name()),
    };
    for sample in samples() {
        let op = sample.ops().pop().expect("it records one");
        let right = |report: Report| report.is_below(1e-6);
        let seen = planted::during(op.name(), 1.001, || !right(check(&sample, 1)));
        assert!(seen || flat(&op), "{}: {op:?}", sample.name);
    }
}
