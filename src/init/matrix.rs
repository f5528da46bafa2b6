//! Matrices with a structure.

use rand::RngExt;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use super::{Fans, Initializer};
use crate::seed::Seed;
use crate::shape::Shape;

/// 1 where the row is the column, 0 elsewhere, in a matrix that need not be square.
///
/// ```
/// use gradtape::prelude::*;
///
/// let values = Identity.sample(&[2, 3].into(), Fans::dense(2, 3), Seed(1));
/// assert_eq!(values, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Identity;

impl Initializer for Identity {
    fn sample(&self, shape: &Shape, _: Fans, _: Seed) -> Vec<f64> {
        let [rows, columns] = shape[..] else {
            panic!("Identity: a parameter of shape {shape} is not a matrix");
        };
        let mut values = vec![0.0; rows * columns];
        let diagonal = values.iter_mut().step_by(columns + 1).take(rows.min(columns));
        diagonal.for_each(|value| *value = 1.0);
        values
    }
}

/// A random matrix whose columns are orthogonal and of length 1, or whose rows are if there are
/// fewer of them: all such matrices are equally likely. It keeps the length of signals.
///
/// More than two axes are taken as the first one and all others together: the filters of a
/// convolution are orthogonal to each other.
///
/// A. M. Saxe, J. L. McClelland, S. Ganguli, *Exact solutions to the nonlinear dynamics of learning
/// in deep linear neural networks*, ICLR 2014.
///
/// ```
/// use gradtape::prelude::*;
///
/// let w = Orthogonal.sample(&[2, 2].into(), Fans::dense(2, 2), Seed(1));
/// assert!((w[0] * w[0] + w[2] * w[2] - 1.0).abs() < 1e-15);
/// assert!((w[0] * w[1] + w[2] * w[3]).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Orthogonal;

impl Initializer for Orthogonal {
    fn sample(&self, shape: &Shape, _: Fans, seed: Seed) -> Vec<f64> {
        assert!(shape.rank() >= 2, "Orthogonal: a parameter of shape {shape} is not a matrix");
        let (rows, columns) = (shape[0], shape[1..].iter().product());
        if shape.numel() == 0 {
            return Vec::new();
        }
        let (length, count) = (rows.max(columns), rows.min(columns));
        let vectors = orthonormal(length, count, seed);
        if rows <= columns {
            return vectors;
        }
        (0..length * count).map(|i| vectors[i % count * length + i / count]).collect()
    }
}

/// So many vectors of this length, one after the other, each in a random direction that is
/// orthogonal to those before it (Gram and Schmidt). They are the columns of Q of a normal matrix'
/// decomposition QR where R has a positive diagonal, which makes all of them equally likely:
/// F. Mezzadri, *How to generate random matrices from the classical compact groups*, 2007.
fn orthonormal(length: usize, count: usize, seed: Seed) -> Vec<f64> {
    let normal = seed.rng().sample_iter(StandardNormal);
    let mut vectors: Vec<f64> = normal.take(length * count).collect();
    for i in 0..count {
        let (before, rest) = vectors.split_at_mut(i * length);
        let vector = &mut rest[..length];
        // Once leaves what rounding adds where little is left; twice is enough.
        for _ in 0..2 {
            for other in before.chunks_exact(length) {
                let along = dot(vector, other);
                vector.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
            }
            let norm = dot(vector, vector).sqrt();
            vector.iter_mut().for_each(|x| *x /= norm);
        }
    }
    vectors
}

/// In four sums, so that it is not a single chain of additions.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [0.0; 4];
    for (a, b) in a.iter().zip(b) {
        for k in 0..4 {
            sums[k] += a[k] * b[k];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const FANS: Fans = Fans { fan_in: 1, fan_out: 1 };

    fn orthogonal(shape: impl Into<Shape>, seed: u64) -> Vec<f64> {
        Orthogonal.sample(&shape.into(), FANS, Seed(seed))
    }

    #[test]
    fn the_identity_need_not_be_square() {
        let identity = |shape: [usize; 2]| Identity.sample(&shape.into(), FANS, Seed(1));
        assert_eq!(identity([2, 3]), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(identity([3, 1]), [1.0, 0.0, 0.0]);
        assert_eq!(identity([5, 2]), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn columns_or_rows_are_orthonormal() {
        for [rows, columns] in [[1, 1], [1, 9], [9, 1], [40, 40], [64, 7], [7, 64]] {
            let values = orthogonal([rows, columns], 5);
            let count = rows.min(columns);
            let entry = |vector: usize, at: usize| match rows <= columns {
                true => values[vector * columns + at],
                false => values[at * columns + vector],
            };
            for (a, b) in (0..count).flat_map(|a| (0..count).map(move |b| (a, b))) {
                let product: f64 =
                    (0..rows.max(columns)).map(|at| entry(a, at) * entry(b, at)).sum();
                let want = f64::from(u8::from(a == b));
                assert!((product - want).abs() < 1e-14, "{rows}x{columns}: {product} at {a}, {b}");
            }
        }
    }

    #[test]
    fn filters_are_a_matrix_of_one_row_each() {
        assert_eq!(orthogonal([6, 3, 2, 2], 5), orthogonal([6, 12], 5));
    }

    #[test]
    fn rotations_and_reflections_are_equally_likely() {
        // The determinant's sign, and the angle: quarters of the circle are equally likely.
        let (mut rotations, mut quarters) = (0, [0; 4]);
        for seed in 0..4000 {
            let w = orthogonal([2, 2], seed);
            rotations += usize::from(w[0] * w[3] - w[1] * w[2] > 0.0);
            quarters[usize::from(w[0] > 0.0) * 2 + usize::from(w[2] > 0.0)] += 1;
        }
        // Five standard deviations of a binomial count.
        assert!(rotations.abs_diff(2000) < 158, "{rotations}");
        assert!(quarters.iter().all(|count: &usize| count.abs_diff(1000) < 137), "{quarters:?}");
    }

    #[test]
    fn a_seed_fixes_the_values() {
        assert_eq!(orthogonal([4, 5], 1), orthogonal([4, 5], 1));
        assert!(orthogonal([4, 5], 1).iter().zip(orthogonal([4, 5], 2)).all(|(&a, b)| a != b));
    }

    #[test]
    fn empty_matrices_are_no_mistake() {
        for shape in [[0, 3], [3, 0]] {
            assert!(orthogonal(shape, 1).is_empty());
            assert!(Identity.sample(&shape.into(), FANS, Seed(1)).is_empty());
        }
    }

    #[test]
    #[should_panic(expected = "Orthogonal: a parameter of shape [3] is not a matrix")]
    fn a_vector_is_not_orthogonal() {
        orthogonal([3], 1);
    }

    #[test]
    #[should_panic(expected = "Identity: a parameter of shape [3, 3, 3] is not a matrix")]
    fn the_identity_has_two_axes() {
        Identity.sample(&[3, 3, 3].into(), FANS, Seed(1));
    }
}
