//! Operations that depend on layout, over random shapes: against their definitions, the plain
//! interpreter and differences, each used twice.

pub(crate) mod catalogue;
pub(super) mod shapes;
mod source;
mod table;
mod used_twice;

use rand::RngExt;

use crate::grad::GradCheck;
use crate::params::{ParamId, Params};
use crate::shape::{Axes, Shape};
use crate::{Seed, Tape, Tensor, Var};

/// A parameter of a random shape, distinct values in random order.
fn params(rng: &mut impl RngExt, most: usize) -> (Params<f64>, ParamId) {
    let rank = rng.random_range(1..5);
    let shape: Shape = (0..rank).map(|_| rng.random_range(1..=most)).collect();
    let mut params = Params::new(Seed(0));
    let len = shape.numel();
    let start = rng.random_range(0..len);
    // 7919 is a prime larger than any length here, so that all places are different.
    let values = Tensor::from_fn(shape, |i| ((i + start) * 7919 % 10_007) as f64 / 5000.0 - 1.0);
    let id = params.add_tensor("x", &values);
    (params, id)
}

fn random_axes(rng: &mut impl RngExt, rank: usize) -> Vec<isize> {
    let mut axes: Vec<isize> = (0..rank as isize).collect();
    axes.retain(|_| rng.random_range(0..2) == 0);
    axes
}

/// One of the operations under test on a value and itself.
fn apply<'t>(which: usize, x: Var<'t>, axis: isize, axes: &[isize]) -> Var<'t> {
    match which {
        0 => x.flip(axes) * x,
        1 => x.cumsum(axis) * x.flip(axis).cumsum(axis),
        2 => Var::concat(&[x, x.square(), x], axis).cumsum(axis),
        3 => Var::stack(&[x, x * x.flip(axes)], axis),
        4 => x.min_keep(axes) * x + x.max_keep(axes),
        5 => x.var_keep(axes) * x + x.var(axes).sum(..),
        6 => x.logsumexp_keep(axes) * x,
        7 => x.softmax(axis) * x + x.log_softmax(axis),
        _ => x.argmax(axis).sum(..) * x,
    }
}

#[test]
fn executor_and_interpreter_agree_on_random_shapes() {
    for round in 0..270 {
        let mut rng = Seed(21).derive(round).rng();
        let (params, id) = params(&mut rng, 9);
        let rank = params.tensor(id).shape().rank();
        let axes = random_axes(&mut rng, rank);
        let axis = rng.random_range(0..rank) as isize;
        let tape = Tape::inference(&params);
        let x = tape.param(id).sin();
        let y = apply(round as usize % 9, x, axis, &axes);
        let z = (y * y).sum(..);
        let slope = tape.gradient(z, &[x])[0];
        let bend = tape.gradient((slope * slope).sum(..), &[x])[0];
        for value in [y, slope, bend] {
            let (got, want) = (tape.value(value), tape.interpret(value));
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-10 * (1.0 + b.abs());
            assert!(got.data().iter().zip(want.data()).all(close), "round {round}\n{tape}");
        }
    }
}

#[test]
fn two_orders_agree_with_differences() {
    for round in 0..27 {
        let mut rng = Seed(22).derive(round).rng();
        let (params, id) = params(&mut rng, 3);
        let rank = params.tensor(id).shape().rank();
        let axes = random_axes(&mut rng, rank);
        let axis = rng.random_range(0..rank) as isize;
        for second in [false, true] {
            let report = GradCheck::new().samples(100).run(&params, |tape| {
                let x = tape.param(id);
                let y = apply(round as usize % 9, x, axis, &axes).sin().sum(..);
                // Some gradients are 0, as that of the variance of one number, and a check of
                // nothing but zeros is refused.
                if !second {
                    return y + 1e-3 * x.sum(..);
                }
                let slope = tape.gradient(y, &[x])[0];
                (slope * x.cos()).sum(..) + 1e-3 * x.sum(..)
            });
            let report = report.unwrap_or_else(|error| panic!("round {round}: {error}"));
            report.assert_below(1e-6);
        }
    }
}

/// The coordinates of an element, counted row by row.
fn coordinates(shape: &Shape, element: usize) -> Vec<usize> {
    let strides = shape.strides();
    (0..shape.rank()).map(|axis| element / strides[axis] % shape[axis]).collect()
}

#[test]
fn reductions_and_walks_are_what_they_are_defined_as() {
    for round in 0..200 {
        let mut rng = Seed(23).derive(round).rng();
        // Wide enough for several blocks of columns in some rounds.
        let (params, id) = match round % 10 {
            0 => {
                let mut params = Params::<f64>::new(Seed(0));
                let values = Tensor::from_fn([3, 5, 700], |i| ((i * 7919) % 10_007) as f64 / 5e3);
                let id = params.add_tensor("x", &values);
                (params, id)
            }
            _ => params(&mut rng, 9),
        };
        let data = params.values(id).to_vec();
        let shape = params.tensor(id).shape().clone();
        let named = random_axes(&mut rng, shape.rank());
        let axis = rng.random_range(0..shape.rank());
        let axes = Axes::of(named.iter().map(|&axis| axis as usize));
        let kept = shape.reduced(axes, true);
        let (mut max, mut min) =
            (vec![-f64::INFINITY; kept.numel()], vec![f64::INFINITY; kept.numel()]);
        let mut powers = vec![0.0; kept.numel()];
        let mut flipped = vec![0.0; data.len()];
        let mut sums = data.clone();
        let (own, target) = (shape.strides(), kept.strides());
        for (i, &x) in data.iter().enumerate() {
            let place = coordinates(&shape, i);
            let at: usize = (0..shape.rank())
                .map(|at| if axes.contains(at) { 0 } else { place[at] * target[at] })
                .sum();
            max[at] = max[at].max(x);
            min[at] = min[at].min(x);
            powers[at] += x.exp();
            let mirrored = |at: usize| {
                (if axes.contains(at) { shape[at] - 1 - place[at] } else { place[at] }) * own[at]
            };
            flipped[(0..shape.rank()).map(mirrored).sum::<usize>()] = x;
            if place[axis] > 0 {
                sums[i] += sums[i - own[axis]];
            }
        }
        let tape = Tape::inference(&params);
        let x = tape.param(id);
        let named = &named[..];
        assert_eq!(tape.value(x.max_keep(named)).data(), max);
        assert_eq!(tape.value(x.min_keep(named)).data(), min);
        assert_eq!(tape.value(x.flip(named)).data(), flipped);
        let close = |got: &Tensor<f64>, want: &[f64]| {
            got.data().iter().zip(want).all(|(a, b)| (a - b).abs() <= 1e-12 * (1.0 + b.abs()))
        };
        let logs: Vec<f64> = powers.iter().map(|sum| sum.ln()).collect();
        assert!(close(&tape.value(x.logsumexp_keep(named)), &logs), "{shape} {axes}");
        assert!(close(&tape.value(x.cumsum(axis as isize)), &sums), "{shape} {axis}");
        // The softmax along an axis by its definition.
        let power = x.exp() / x.exp().sum_keep(axis as isize);
        assert!(close(&tape.value(x.softmax(axis as isize)), tape.value(power).data()));
        assert!(close(&tape.value(x.log_softmax(axis as isize)), tape.value(power.ln()).data()));
        let largest = x.equal(x.max_keep(axis as isize)).argmax(axis as isize);
        assert_eq!(tape.value(x.argmax(axis as isize)), tape.value(largest));
    }
}

#[test]
fn infinities_and_nan_pass_through_reductions() {
    let infinity = f64::INFINITY;
    for (row, max, log) in [
        ([-infinity, -infinity], -infinity, -infinity),
        ([infinity, 1.0], infinity, infinity),
        ([f64::NAN, 1.0], f64::NAN, f64::NAN),
        ([1.0, f64::NAN], f64::NAN, f64::NAN),
        ([800.0, -800.0], 800.0, 800.0),
    ] {
        let mut params = Params::<f64>::new(Seed(0));
        // As a row, as columns, and over axes that do not neighbour: each number `copies` times.
        for (shape, copies) in
            [(&[1, 2][..], 1.0), (&[2, 1], 1.0), (&[2, 3], 3.0), (&[2, 3, 2], 2.0)]
        {
            let inner = shape.iter().product::<usize>() / 2;
            let values = Tensor::from_fn(shape, |i| row[i / inner]);
            let id = params.add_tensor(format!("x {shape:?}"), &values);
            let tape = Tape::inference(&params);
            let x = tape.param(id);
            let axes = &[0, -1][..];
            let same = |got: f64, want: f64| {
                got == want || (got - want).abs() < 1e-12 || (got.is_nan() && want.is_nan())
            };
            for &got in tape.value(x.max(axes)).data() {
                assert!(same(got, max), "{row:?} {shape:?}: {got}");
            }
            for &got in tape.value(x.logsumexp(axes)).data() {
                assert!(same(got, log + f64::ln(copies)), "{row:?} {shape:?}: {got}");
            }
        }
    }
}

#[test]
fn one_hot_marks_each_index() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let y = tape.one_hot([2, 0], 3);
    assert_eq!(tape.value(y), Tensor::from([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]));
}
