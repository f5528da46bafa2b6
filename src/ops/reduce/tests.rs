use crate::exec::kernels::tasks::with_threads;
use crate::params::Params;
use crate::seed::Seed;
use crate::{Tape, Tensor, Var};

/// An operation and its definition for the numbers along the axis.
type Case = (&'static str, for<'t> fn(Var<'t>, isize) -> Var<'t>, fn(&[f64]) -> f64);

const CASES: [Case; 4] = [
    ("sum", |x, axis| x.sum(axis), |x| x.iter().sum()),
    ("max", |x, axis| x.max(axis), |x| x.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
    ("min", |x, axis| x.min(axis), |x| x.iter().copied().fold(f64::INFINITY, f64::min)),
    ("logsumexp", |x, axis| x.logsumexp(axis), |x| x.iter().map(|x| x.exp()).sum::<f64>().ln()),
];

fn number(i: usize) -> f64 {
    (i * 7919 % 1009) as f64 / 100.0 - 5.0
}

/// Rows shorter and longer than registers are wide, more of them than are turned at a time, and
/// enough for several threads; columns likewise.
const SHAPES: [[usize; 3]; 8] = [
    [1, 1, 1],
    [2, 3, 5],
    [1, 700, 10],
    [2, 300, 31],
    [2, 300, 32],
    [1, 40, 601],
    [3, 7, 700],
    [2, 33, 5000],
];

#[test]
fn rows_and_columns_of_any_length_come_to_what_is_defined() {
    let params = Params::<f64>::new(Seed(0));
    for [outer, middle, inner] in SHAPES {
        let x = Tensor::from_fn([outer, middle, inner], number);
        let along = |axis, at: usize| -> Vec<f64> {
            match axis {
                2 => (0..inner).map(|k| number(at * inner + k)).collect(),
                _ => {
                    let (i, k) = (at / inner, at % inner);
                    (0..middle).map(|j| number((i * middle + j) * inner + k)).collect()
                }
            }
        };
        for (name, op, definition) in CASES {
            for axis in [1, 2] {
                let tape = Tape::inference(&params);
                let y = tape.value(op(tape.input(&x), axis));
                for (at, &y) in y.data().iter().enumerate() {
                    let want = definition(&along(axis, at));
                    let close = (y - want).abs() < 1e-10;
                    assert!(close, "{name} of {} along {axis}: {y}, not {want}", x.shape());
                }
            }
        }
    }
}

#[test]
fn nan_is_passed_on_from_any_place() {
    let params = Params::<f32>::new(Seed(0));
    for width in [3, 31, 32, 50] {
        for place in [0, width / 2, width - 1] {
            let x = Tensor::from_fn([4, width], |i| {
                if i == 2 * width + place { f32::NAN } else { i as f32 }
            });
            for (name, op, _) in CASES {
                let tape = Tape::inference(&params);
                let y = tape.value(op(tape.input(&x), 1));
                let nan: Vec<bool> = y.data().iter().map(|y| y.is_nan()).collect();
                assert_eq!(nan, [false, false, true, false], "{name} of rows of {width}");
            }
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let run = |threads: usize| {
        with_threads(threads, || {
            let params = Params::<f32>::new(Seed(0));
            let mut bits = Vec::new();
            for shape in [[1, 30_000, 10], [3, 2000, 70], [300, 50, 40]] {
                let x = Tensor::from_fn(shape, |i| number(i) as f32);
                for (_, op, _) in CASES {
                    let tape = Tape::inference(&params);
                    let y = tape.value(op(tape.input(&x), 2));
                    bits.extend(y.data().iter().map(|y| y.to_bits()));
                }
            }
            bits
        })
    };
    let one = run(1);
    assert!([2, 3, 8].iter().all(|&threads| run(threads) == one));
}
