//! Clipping of gradients.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Convention;
use super::chain::clamp;
use super::hyperparameter::Allowed;
use crate::exec::kernels::simd::vectorize;
use crate::exec::kernels::tasks::for_each_chunk;
use crate::params::Gradients;
use crate::scalar::Scalar;

/// A limit on gradients: what an optimizer does to them before anything else.
///
/// | | |
/// |---|---|
/// | [`Clip::value`] | `g = min(max(g, -limit), limit)`, each value by itself |
/// | [`Clip::norm`] | `g = g · limit / max(n, limit)` with the norm `n` of each parameter by itself |
/// | [`Clip::global_norm`] | the same with the norm `n` of all gradients together, which keeps their direction |
///
/// Parameters that have no gradient in a step do not count, nor do those of a
/// [frozen group](super::Group::frozen) of the optimizer that clips. Norms are computed in double
/// precision and in a fixed order: the bits are the same on any number of threads. A gradient that is
/// not finite stays so; nothing is hidden.
///
/// R. Pascanu, T. Mikolov, Y. Bengio, *On the difficulty of training recurrent neural networks*,
/// ICML 2013.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut optimizer: Adam = Adam::new(1e-3).clip(Clip::global_norm(1.0));
///
/// // by hand, which also tells the norm
/// let mut params = Params::<f32>::new(Seed(42));
/// let w = params.add(Parameter::new("w", [2]));
/// let mut gradients = Gradients::new(&params, vec![3.0, -4.0], 0.0);
/// assert_eq!(Clip::global_norm(1.0).apply(&mut gradients), 5.0);
/// assert_eq!(gradients.get(w), Some(&[0.6, -0.8][..]));
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Clip {
    kind: Kind,
    limit: f64,
    convention: Convention,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Kind {
    Value,
    Norm,
    GlobalNorm,
}

impl Clip {
    /// Limits each value by itself, to `±limit`.
    ///
    /// # Panics
    ///
    /// If the limit is not finite and above 0.
    #[track_caller]
    pub fn value(limit: f64) -> Self {
        Self::new(Kind::Value, limit)
    }

    /// Limits the Euclidean norm of the gradient of each parameter by itself.
    ///
    /// # Panics
    ///
    /// If the limit is not finite and above 0.
    #[track_caller]
    pub fn norm(limit: f64) -> Self {
        Self::new(Kind::Norm, limit)
    }

    /// Limits the Euclidean norm of all gradients together.
    ///
    /// # Panics
    ///
    /// If the limit is not finite and above 0.
    #[track_caller]
    pub fn global_norm(limit: f64) -> Self {
        Self::new(Kind::GlobalNorm, limit)
    }

    /// Which form norms are limited in: Keras' (and optax') exact one by default, or PyTorch's,
    /// `g · min(1, limit / (n + 1e-6))`, which stays a little below the limit.
    pub fn convention(mut self, convention: Convention) -> Self {
        self.convention = convention;
        self
    }

    #[track_caller]
    fn new(kind: Kind, limit: f64) -> Self {
        Allowed::Positive.check("Clip", "the limit", limit);
        Self { kind, limit, convention: Convention::Keras }
    }

    /// Clips gradients in place and returns the norm of all of them together before.
    pub fn apply<T: Scalar>(&self, gradients: &mut Gradients<T>) -> f64 {
        let norm = norm(gradients, gradients.segments());
        let ids: Vec<_> = gradients.layout().ids().collect();
        for id in ids {
            if gradients.get(id).is_none() {
                continue;
            }
            let range = gradients.layout().range(id);
            let own = if self.each_by_itself() {
                self::norm(gradients, std::iter::once(range.clone()))
            } else {
                norm
            };
            let (factor, limit) = (self.factor::<T>(own), self.bound::<T>());
            for gradient in &mut gradients.flat_mut()[range] {
                *gradient = clamp(*gradient * factor, limit);
            }
        }
        norm
    }

    /// Whether each parameter has a factor of its own.
    pub(super) fn each_by_itself(&self) -> bool {
        self.kind == Kind::Norm
    }

    /// Whether one factor belongs to all parameters.
    pub(super) fn all_together(&self) -> bool {
        self.kind == Kind::GlobalNorm
    }

    /// What gradients of this norm are multiplied by.
    pub(super) fn factor<T: Scalar>(&self, norm: f64) -> T {
        T::from_f64(match (self.kind, self.convention) {
            (Kind::Value, _) => 1.0,
            (_, Convention::Keras) => self.limit / norm.max(self.limit) + 0.0 * norm,
            (_, Convention::PyTorch) => (self.limit / (norm + 1e-6)).min(1.0) + 0.0 * norm,
        })
    }

    /// The largest value that is allowed.
    pub(super) fn bound<T: Scalar>(&self) -> T {
        if self.kind == Kind::Value { T::from_f64(self.limit) } else { T::INFINITY }
    }
}

impl fmt::Display for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Value => "values",
            Kind::Norm => "the norm of each parameter",
            Kind::GlobalNorm => "the norm of all",
        };
        write!(f, "{what} to {}", self.limit)?;
        let plus = self.kind != Kind::Value && self.convention == Convention::PyTorch;
        f.write_str(if plus { " / (norm + 1e-6)" } else { "" })
    }
}

/// The Euclidean norm of what stands in these places.
pub(super) fn norm<T: Scalar>(
    gradients: &Gradients<T>,
    places: impl Iterator<Item = Range<usize>>,
) -> f64 {
    let flat = gradients.flat();
    places.map(|range| squares(&flat[range])).sum::<f64>().sqrt()
}

/// The sum of squares, cut by the number of values only.
fn squares<T: Scalar>(values: &[T]) -> f64 {
    /// The values that one thread works on at a time.
    const CHUNK: usize = 32 * 1024;
    let mut sums: SmallVec<[f64; 16]> = SmallVec::from_elem(0.0, values.len().div_ceil(CHUNK));
    for_each_chunk(&mut sums, 1, values.len(), |chunk, sum| {
        let first = chunk * CHUNK;
        sum[0] = squares_of_chunk(&values[first..values.len().min(first + CHUNK)]);
    });
    pairwise(&sums)
}

/// The sum, of halves that are summed alike: errors grow with the depth only.
fn pairwise(numbers: &[f64]) -> f64 {
    match numbers {
        [] => 0.0,
        &[number] => number,
        _ => {
            let (left, right) = numbers.split_at(numbers.len() / 2);
            pairwise(left) + pairwise(right)
        }
    }
}

fn squares_of_chunk<T: Scalar>(values: &[T]) -> f64 {
    const LANES: usize = 16;
    vectorize(
        #[inline(always)]
        move || {
            let (blocks, rest) = values.as_chunks::<LANES>();
            let mut lanes = [0.0; LANES];
            for block in blocks {
                for lane in 0..LANES {
                    let x = block[lane].to_f64();
                    lanes[lane] += x * x;
                }
            }
            for (lane, x) in lanes.iter_mut().zip(rest) {
                *lane += x.to_f64() * x.to_f64();
            }
            lanes.iter().sum()
        },
    )
}
