//! Products over every pair of batches that broadcast, against the sum itself.

use super::*;
use crate::Tape;
use crate::grad::GradCheck;
use crate::init::Uniform;
use crate::ops::tests::shapes::{broadcastable_pairs, place_in, places};
use crate::params::{Parameter, Params};
use crate::seed::Seed;
use crate::tensor::Tensor;

/// Sizes of a product that differ from one case to the next.
fn sizes(case: usize) -> [usize; 3] {
    [case % 3 + 1, case / 3 % 4 + 1, case / 12 % 3 + 1]
}

fn matrices(batch: &Shape, rows: usize, columns: usize) -> Shape {
    batch.iter().copied().chain([rows, columns]).collect()
}

#[test]
fn products_of_every_pair_of_batches_are_the_sums_that_they_should_be() {
    for (case, (a_batch, b_batch, batch)) in broadcastable_pairs(4).into_iter().enumerate() {
        let [m, k, n] = sizes(case);
        let shapes = [matrices(&a_batch, m, k), matrices(&b_batch, k, n), matrices(&batch, m, n)];
        let numbers = |phase: f64| move |i: usize| (1.7 * i as f64 + phase).sin();
        let [a, b, g] = [0, 1, 2].map(|i| Tensor::from_fn(&shapes[i], numbers(i as f64)));
        let mut wanted = shapes.each_ref().map(|shape| vec![0.0; shape.numel()]);
        for (matrix, place) in places(&batch).iter().enumerate() {
            let (a_at, b_at) =
                (place_in(&a_batch, place) * m * k, place_in(&b_batch, place) * k * n);
            for (i, p, j) in places(&[m, k, n].into()).iter().map(|at| (at[0], at[1], at[2])) {
                let (x, y, z) = (a_at + i * k + p, b_at + p * n + j, (matrix * m + i) * n + j);
                wanted[0][x] += g.data()[z] * b.data()[y];
                wanted[1][y] += g.data()[z] * a.data()[x];
                wanted[2][z] += a.data()[x] * b.data()[y];
            }
        }
        let params = Params::<f64>::new(Seed(0));
        let tape = Tape::inference(&params);
        let (a, b) = (tape.input(&a), tape.input(&b));
        let y = a.matmul(b);
        assert_eq!(y.shape(), shapes[2]);
        let slopes = tape.gradient((y * tape.input(&g)).sum(..), &[a, b]);
        for (var, want) in [slopes[0], slopes[1], y].into_iter().zip(&wanted) {
            for got in [tape.value(var), tape.interpret(var)] {
                let close = |(got, want): (&f64, &f64)| (got - want).abs() <= 1e-13;
                assert_eq!(got.data().len(), want.len());
                assert!(got.data().iter().zip(want).all(close), "{a:?} times {b:?}");
            }
        }
    }
}

#[test]
fn a_sample_of_products_agrees_with_differences_in_two_orders() {
    for (case, (a, b, _)) in broadcastable_pairs(3).into_iter().enumerate().step_by(41) {
        let [m, k, n] = sizes(case);
        let init = Uniform { low: -1.0, high: 1.0 };
        let mut params = Params::<f64>::new(Seed(case as u64));
        let x = params.add(Parameter::new("a", matrices(&a, m, k)).init(init));
        let y = params.add(Parameter::new("b", matrices(&b, k, n)).init(init));
        for check in [GradCheck::new(), GradCheck::new().second_order()] {
            let report =
                check.samples(6).run(&params, |tape| tape.param(x).matmul(tape.param(y)).tanh());
            report.unwrap_or_else(|error| panic!("{a} {b}: {error}")).assert_below(1e-6);
        }
    }
}
