//! Every row of several inputs over every pair of broadcastable shapes up to rank 4, against index
//! arithmetic of its own.

use super::*;
use crate::grad::GradCheck;
use crate::ops::tests::shapes::{broadcastable_pairs, place_in, places};
use crate::params::{ParamId, Params};
use crate::seed::Seed;
use crate::tensor::Tensor;
use crate::{Tape, Var};

/// The numbers that tensors are made of: some occur in both inputs, so that there are ties.
const NUMBERS: [f64; 7] = [0.4, 1.5, 0.7, 1.1, 2.0, 0.9, 1.3];

/// Which of the numbers an element of the n-th input is.
fn digit(input: usize, element: usize) -> usize {
    (element * (input + 2) + 3 * input) % NUMBERS.len()
}

/// An element of the n-th input. Of a condition, every other one is 0.
fn number(op: Elementwise, input: usize, digit: usize) -> f64 {
    let is_off = op.arity() == 3 && input == 0 && digit.is_multiple_of(2);
    if is_off { 0.0 } else { NUMBERS[digit] }
}

/// A row's value and derivatives for all combinations of the numbers, found without broadcasting.
struct Pointwise {
    op: Elementwise,
    value: Vec<f64>,
    derivatives: Vec<Vec<f64>>,
}

impl Pointwise {
    fn new(op: Elementwise) -> Self {
        let arity = op.arity();
        let count = NUMBERS.len().pow(arity as u32);
        let params = Params::<f64>::new(Seed(0));
        let tape = Tape::inference(&params);
        let inputs: Vec<Var<'_>> = (0..arity)
            .map(|input| {
                let digit = |i: usize| i / NUMBERS.len().pow(input as u32) % NUMBERS.len();
                tape.input(&Tensor::from_fn([count], |i| number(op, input, digit(i))))
            })
            .collect();
        let y = record(op, &inputs);
        let slopes = tape.gradient(y.sum(..), &inputs);
        let numbers = |var| tape.interpret(var).data().to_vec();
        Self { op, value: numbers(y), derivatives: slopes.into_iter().map(numbers).collect() }
    }

    /// Where the combination of these digits stands.
    fn at(digits: impl DoubleEndedIterator<Item = usize>) -> usize {
        digits.rev().fold(0, |at, digit| at * NUMBERS.len() + digit)
    }
}

fn record<'t>(op: Elementwise, inputs: &[Var<'t>]) -> Var<'t> {
    let ids: Vec<_> = inputs.iter().map(|x| x.id()).collect();
    inputs[0].graph().record(op, &ids)
}

/// The rows of several inputs, each once.
fn rows_of_several() -> Vec<Elementwise> {
    let mut ops: Vec<Elementwise> = rows().into_iter().map(|(op, _)| op).collect();
    ops.retain(|op| op.arity() > 1);
    ops.dedup_by_key(|op| op.name());
    ops
}

/// The shapes of a row's inputs, made of two shapes in every way.
fn arrangements(op: Elementwise, a: &Shape, b: &Shape) -> Vec<Vec<Shape>> {
    let orders: &[&[&Shape]] = match op.arity() {
        2 => &[&[a, b]],
        _ => &[&[a, b, a], &[a, a, b], &[b, a, a]],
    };
    orders.iter().map(|shapes| shapes.iter().copied().cloned().collect()).collect()
}

/// A cotangent's element.
fn weight(element: usize) -> f64 {
    ((element * 37 + 11) % 64) as f64 / 32.0 - 0.9
}

/// What has to come out: the value and the gradient of each input, one after the other.
fn expected(row: &Pointwise, shapes: &[Shape], result: &Shape) -> Vec<f64> {
    let mut value = Vec::new();
    let mut gradients: Vec<Vec<f64>> = shapes.iter().map(|s| vec![0.0; s.numel()]).collect();
    for (element, place) in places(result).into_iter().enumerate() {
        let own: Vec<usize> = shapes.iter().map(|shape| place_in(shape, &place)).collect();
        let digits = own.iter().enumerate().map(|(input, &element)| digit(input, element));
        let at = Pointwise::at(digits.collect::<Vec<_>>().into_iter());
        value.push(row.value[at]);
        for ((gradient, &own), derivative) in gradients.iter_mut().zip(&own).zip(&row.derivatives) {
            gradient[own] += weight(element) * derivative[at];
        }
    }
    gradients.into_iter().for_each(|gradient| value.extend(gradient));
    value
}

#[test]
fn every_row_over_every_pair_of_shapes_is_what_index_arithmetic_says() {
    let rows: Vec<Pointwise> = rows_of_several().into_iter().map(Pointwise::new).collect();
    let pairs = broadcastable_pairs(4);
    assert_eq!(pairs.len(), 6821);
    for (a, b, result) in &pairs {
        let params = Params::<f64>::new(Seed(0));
        let tape = Tape::inference(&params);
        let cotangent = tape.input(&Tensor::from_fn(result, weight));
        let (mut found, mut wanted) = (Vec::new(), Vec::new());
        for row in &rows {
            for shapes in arrangements(row.op, a, b) {
                let inputs: Vec<Var<'_>> = shapes
                    .iter()
                    .enumerate()
                    .map(|(input, shape)| {
                        let element = |i| number(row.op, input, digit(input, i));
                        tape.input(&Tensor::from_fn(shape, element))
                    })
                    .collect();
                let y = record(row.op, &inputs);
                assert_eq!(y.shape(), *result, "{:?} of {shapes:?}", row.op);
                found.push(y);
                found.extend(tape.gradient((y * cotangent).sum(..), &inputs));
                wanted.extend(expected(row, &shapes, result));
            }
        }
        let flat: Vec<Var<'_>> = found.iter().map(|x| x.reshape([x.shape().numel()])).collect();
        let all = Var::concat(&flat, 0);
        for got in [tape.value(all), tape.interpret(all)] {
            assert_eq!(got.data().len(), wanted.len());
            for (i, (got, want)) in got.data().iter().zip(&wanted).enumerate() {
                assert!(
                    (got - want).abs() <= 1e-13 * (1.0 + want.abs()),
                    "{a} with {b}, number {i}: {got} instead of {want}\n{tape}"
                );
            }
        }
    }
}

#[test]
fn the_rows_of_several_inputs_are_the_functions_that_they_are_named_after() {
    let mut known = 0;
    for op in rows_of_several() {
        let f: fn(&[f64]) -> f64 = match op.name() {
            "add" => |x| x[0] + x[1],
            "sub" => |x| x[0] - x[1],
            "mul" => |x| x[0] * x[1],
            "div" => |x| x[0] / x[1],
            "pow" => |x| x[0].powf(x[1]),
            "maximum" => |x| if x[0] < x[1] { x[1] } else { x[0] },
            "minimum" => |x| if x[0] < x[1] { x[0] } else { x[1] },
            "equal" => |x| f64::from(u8::from(x[0] == x[1])),
            "select" => |x| if x[0] == 0.0 { x[2] } else { x[1] },
            _ => continue,
        };
        known += 1;
        let row = Pointwise::new(op);
        for (at, got) in row.value.iter().enumerate() {
            let digit = |input: usize| at / NUMBERS.len().pow(input as u32) % NUMBERS.len();
            let x: Vec<f64> = (0..op.arity()).map(|i| number(op, i, digit(i))).collect();
            assert!((got - f(&x)).abs() <= 4.0 * f64::EPSILON * got.abs(), "{op:?} of {x:?}");
        }
    }
    assert_eq!(known, 9);
}

#[test]
fn a_sample_of_broadcast_gradients_agrees_with_differences() {
    let pairs = broadcastable_pairs(4);
    for op in rows_of_several() {
        if matches!(op.name(), "precedence" | "equal") {
            continue;
        }
        for (a, b, _) in pairs.iter().skip(op.name().len() * 17).step_by(701) {
            for shapes in arrangements(op, a, b) {
                let mut params = Params::<f64>::new(Seed(0));
                let add = |(input, shape): (usize, &Shape)| -> ParamId {
                    // Apart from the other input's, so that there are no ties.
                    let element = |i| match number(op, input, digit(input, i)) {
                        0.0 => 0.0,
                        x => x + 0.03 * input as f64,
                    };
                    params.add_tensor(format!("x{input}"), &Tensor::from_fn(shape, element))
                };
                let ids: Vec<ParamId> = shapes.iter().enumerate().map(add).collect();
                let report = GradCheck::new().samples(6).run(&params, |tape| {
                    let inputs: Vec<Var<'_>> = ids.iter().map(|&id| tape.param(id)).collect();
                    let y = record(op, &inputs);
                    // What is taken of no element has no gradient.
                    inputs.iter().fold(y, |y, x| y + 1e-2 * x.sin().sum(..))
                });
                let report = report.unwrap_or_else(|error| panic!("{op:?} {shapes:?}: {error}"));
                report.assert_below(1e-6);
            }
        }
    }
}
