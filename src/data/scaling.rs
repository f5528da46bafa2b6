//! Features of comparable size: standardized, or scaled into the unit interval.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::tensor::Tensor;

#[cfg(test)]
mod tests;

/// `x ↦ (x - shift) / scale` of one feature.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Affine {
    shift: f64,
    scale: f64,
}

/// One map for each feature, or one for all.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Maps {
    PerFeature(Vec<Affine>),
    Global(Affine),
}

/// What is known of the numbers of a feature.
struct Summary {
    mean: f64,
    /// The mean square distance from the mean.
    variance: f64,
    min: f64,
    max: f64,
}

impl Summary {
    fn of(numbers: impl Iterator<Item = f64> + Clone) -> Self {
        let count = numbers.clone().count() as f64;
        let mean = numbers.clone().sum::<f64>() / count;
        let variance = numbers.clone().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        let min = numbers.clone().fold(f64::INFINITY, f64::min);
        let max = numbers.fold(f64::NEG_INFINITY, f64::max);
        Self { mean, variance, min, max }
    }

    /// `(x - shift) / scale`, which is exactly 0 for a constant feature.
    fn affine(&self, shift: f64, scale: f64) -> Affine {
        if self.min < self.max {
            Affine { shift, scale }
        } else {
            Affine { shift: self.min, scale: 1.0 }
        }
    }
}

impl Maps {
    fn fit(x: &Tensor, global: bool, map: impl Fn(Summary) -> Affine) -> Result<Self, Error> {
        let width = width(x);
        if x.data().is_empty() {
            return Err(Error::argument("x", "numbers to fit a scale to", x.shape()));
        }
        if let Some(at) = x.data().iter().position(|x| !x.is_finite()) {
            let found = format!("{} in row {}, feature {}", x.data()[at], at / width, at % width);
            return Err(Error::argument("x", "finite numbers", found));
        }
        let numbers = |first: usize, step: usize| {
            x.data().iter().skip(first).step_by(step).map(|&x| f64::from(x))
        };
        Ok(match global {
            true => Maps::Global(map(Summary::of(numbers(0, 1)))),
            false => {
                let feature = |feature| map(Summary::of(numbers(feature, width)));
                Maps::PerFeature((0..width).map(feature).collect())
            }
        })
    }

    #[track_caller]
    fn apply(&self, x: &Tensor, name: &str, map: impl Fn(Affine, f64) -> f64) -> Tensor {
        let width = width(x);
        if let Maps::PerFeature(maps) = self {
            let fitted = maps.len();
            let shape = x.shape();
            assert!(
                width == fitted,
                "{name}: fitted to {fitted} features, applied to {width}, those of shape {shape}"
            );
        }
        let of = |at: usize| match self {
            Maps::PerFeature(maps) => maps[at % width],
            Maps::Global(map) => *map,
        };
        Tensor::from_fn(x.shape(), |at| map(of(at), f64::from(x.data()[at])) as f32)
    }
}

/// The number of features: of the numbers of a row.
fn width(x: &Tensor) -> usize {
    x.shape().iter().skip(1).product()
}

macro_rules! scaling {
    (
        $(#[$doc:meta])*
        $name:ident: $of:literal;
        $map:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        pub struct $name(Maps);

        impl $name {
            #[doc = concat!($of, " of each feature: of each place of the axes after the first.")]
            ///
            /// # Errors
            ///
            /// [`Error::Argument`] if there are no numbers, or naming the first that is not
            /// finite.
            pub fn fit(x: &Tensor) -> Result<Self, Error> {
                Maps::fit(x, false, $map).map(Self)
            }

            #[doc = concat!($of, " of all numbers together: for features of one kind, such as pixels.")]
            ///
            /// # Errors
            ///
            /// As for [`fit`](Self::fit).
            pub fn fit_global(x: &Tensor) -> Result<Self, Error> {
                Maps::fit(x, true, $map).map(Self)
            }

            /// The scaled numbers, of the same shape.
            ///
            /// # Panics
            ///
            /// If fitted to another number of features.
            #[track_caller]
            pub fn apply(&self, x: &Tensor) -> Tensor {
                self.0.apply(x, stringify!($name), |map, x| (x - map.shift) / map.scale)
            }

            /// The numbers whose scaled ones these are, such as predictions in the unit of what
            /// was predicted.
            ///
            /// # Panics
            ///
            /// If fitted to another number of features.
            #[track_caller]
            pub fn invert(&self, y: &Tensor) -> Tensor {
                self.0.apply(y, stringify!($name), |map, y| y * map.scale + map.shift)
            }
        }
    };
}

scaling! {
    /// Numbers of mean 0 and standard deviation 1: `(x - mean) / deviation`, where `deviation²` is
    /// the mean of `(x - mean)²`. A constant feature becomes 0.
    ///
    /// Fit it to the training part alone, and apply it to every part: what is known of the others
    /// must not enter the training.
    ///
    /// ```
    /// use gradtape::data::{Dataset, Standardizer};
    /// use gradtape::{Indices, Tensor};
    ///
    /// let x = Tensor::from([[1.0, 300.0], [3.0, 700.0], [5.0, 900.0]]);
    /// let (train, valid) = Dataset::new(x, Indices::from([0, 1, 1]))?.split_at(2)?;
    /// let scale = Standardizer::fit(train.x())?;
    /// let (train, valid) = (train.map_x(|x| scale.apply(x)), valid.map_x(|x| scale.apply(x)));
    /// assert_eq!(*train.x(), Tensor::from([[-1.0, -1.0], [1.0, 1.0]]));
    /// assert_eq!(*valid.x(), Tensor::from([[3.0, 2.0]]));
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    Standardizer: "Fitted to the mean and standard deviation";
    |summary| summary.affine(summary.mean, summary.variance.sqrt())
}

scaling! {
    /// Numbers from 0 to 1: `(x - min) / (max - min)`, where `min` and `max` are those of the
    /// numbers that it was fitted to; others may lie outside. A constant feature becomes 0.
    ///
    /// Fit it to the training part alone, as a [`Standardizer`].
    ///
    /// ```
    /// use gradtape::Tensor;
    /// use gradtape::data::MinMax;
    ///
    /// let scale = MinMax::fit_global(&Tensor::from([[0.0, 16.0], [4.0, 8.0]]))?;
    /// let x = Tensor::from([[8.0, 12.0]]);
    /// assert_eq!(scale.apply(&x), Tensor::from([[0.5, 0.75]]));
    /// assert_eq!(scale.invert(&scale.apply(&x)), x);
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    MinMax: "Fitted to the smallest and the largest number";
    |summary| summary.affine(summary.min, summary.max - summary.min)
}
