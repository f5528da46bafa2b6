//! Products with sparse matrices: against dense ones, in both precisions, of every order.

use rand::RngExt;

use crate::exec::kernels::tasks::with_threads;
use crate::grad::{GradCheck, gradcheck};
use crate::layers::{Dense, Layer};
use crate::params::{ParamId, Params};
use crate::{Seed, SparseRows, Tape, Tensor};

/// A random matrix, with rows without entries and columns that a row names twice, and a dense one
/// that it can be multiplied by.
fn operands(round: u64) -> (SparseRows, Params<f64>, ParamId) {
    let mut rng = Seed(8).derive(round).rng();
    let rows = rng.random_range(0..12);
    let columns = rng.random_range(1..20);
    let width = rng.random_range(1..40);
    let mut offsets = vec![0];
    for _ in 0..rows {
        offsets.push(offsets[offsets.len() - 1] + rng.random_range(0..6));
    }
    let entries = offsets[rows] as usize;
    let indices = (0..entries).map(|_| rng.random_range(0..columns as u32)).collect();
    let values = (0..entries).map(|_| rng.random_range(-1.0..1.0)).collect();
    let x = SparseRows::new(columns, offsets, indices, round.is_multiple_of(2).then_some(values));
    let mut params = Params::new(Seed(0));
    let w = Tensor::from_fn([columns, width], |i| (i as f64 * 0.37).sin());
    let w = params.add_tensor("w", &w);
    (x.unwrap(), params, w)
}

#[test]
fn products_and_gradients_of_two_orders_are_those_of_the_dense_matrix() {
    for round in 0..100 {
        let (x, params, w) = operands(round);
        let values = |dense: bool| {
            let tape = Tape::inference(&params);
            let w = tape.param(w);
            let x = if dense { tape.input(&x.to_dense().cast()) } else { tape.input(&x) };
            let y = x.matmul(w);
            let loss = (y.tanh() * y).sum(..);
            let slope = tape.gradient(loss, &[w])[0];
            let bend = tape.gradient(slope.sin().sum(..), &[w])[0];
            for value in [y, slope, bend] {
                let (got, want) = (tape.value(value), tape.interpret(value));
                approx::assert_abs_diff_eq!(got, want, epsilon = 1e-12);
            }
            [y, slope, bend].map(|value| tape.value(value))
        };
        for (sparse, dense) in values(false).iter().zip(&values(true)) {
            approx::assert_abs_diff_eq!(sparse, dense, epsilon = 1e-12);
        }
    }
}

#[test]
fn gradients_pass_the_check() {
    for round in 0..10 {
        let (x, params, w) = operands(round);
        if x.entries() == 0 {
            continue;
        }
        gradcheck(&params, |tape| {
            let y = tape.input(&x).matmul(tape.param(w)).tanh();
            y.square().sum(..)
        })
        .unwrap()
        .assert_below(1e-6);
        // The transposed product has a rule of its own.
        let second = GradCheck::new().run(&params, |tape| {
            let y = tape.input(&x).matmul(tape.param(w)).tanh().square().sum(..);
            let slope = tape.gradient(y, &[tape.param(w)])[0];
            slope.square().sum(..)
        });
        second.unwrap().assert_below(1e-6);
    }
}

#[test]
fn a_vector_counts_as_one_column() {
    let x = SparseRows::multi_hot(3, [vec![0, 2], vec![], vec![1]]).unwrap();
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let y = tape.input(&x).matmul(tape.input(&Tensor::from([1.0, 2.0, 4.0])));
    assert_eq!(tape.value(y), Tensor::from([5.0, 0.0, 2.0]));
}

#[test]
fn a_layer_takes_sparse_rows_and_the_listing_shows_them() {
    let mut params = Params::<f32>::new(Seed(1));
    let layer = Dense::new(4, 2).build(&mut params, "layer");
    let x = SparseRows::multi_hot(4, [vec![0, 2], vec![], vec![1, 3, 2]]).unwrap();
    let tape = Tape::inference(&params);
    let y = layer.forward(tape.input(&x));
    let gradients = tape.backward(y.square().sum(..));
    assert_eq!(gradients.unreached().count(), 0);
    let listing = tape.to_string();
    assert!(listing.contains("[3, 4]  sparse"), "{listing}");
    assert!(listing.contains("sparse_matmul(%0, layer/kernel)"), "{listing}");
    assert!(listing.contains("sparse_matmul_transposed(%0, "), "{listing}");
    assert!(tape.graph().to_dot().contains("sparse\\n[3, 4]"), "{}", tape.graph().to_dot());
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    // Enough work to be spread.
    let (rows, columns, width) = (400, 3000, 24);
    let mut rng = Seed(2).rng();
    let words = (0..rows).map(|i| -> Vec<u32> {
        (0..i % 150).map(|_| rng.random_range(0..columns as u32)).collect()
    });
    let x = SparseRows::multi_hot(columns, words).unwrap();
    let mut params = Params::<f32>::new(Seed(0));
    let w = Tensor::from_fn([columns, width], |i| (i as f32 * 0.37).sin());
    let w = params.add_tensor("w", &w);
    let bits = |threads: usize| {
        with_threads(threads, || {
            let tape = Tape::inference(&params);
            let y = tape.input(&x).matmul(tape.param(w)).tanh();
            let y = tape.keep(y);
            let gradients = tape.backward(y.square().sum(..));
            let numbers = [tape.value(y).data(), gradients.get(w).unwrap_or_default()].concat();
            numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        })
    };
    let one = bits(1);
    for threads in [1, 2, 3, 8] {
        assert!(bits(threads) == one, "{threads} threads");
    }
}
