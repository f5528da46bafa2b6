//! Mean errors of predicted numbers.

use super::{Direction, Metric, Predictions, mean};
use crate::error::Error;

/// A metric that is the weighted mean of a function of each prediction's error.
macro_rules! mean_error {
    ($(#[$doc:meta])* $type:ident, $name:literal, $cost:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Debug, Default)]
        pub struct $type;

        impl Metric for $type {
            fn name(&self) -> &str {
                $name
            }

            fn direction(&self) -> Direction {
                Direction::Lower
            }

            fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error> {
                let cost: fn(f64) -> f64 = $cost;
                sums.resize(2, 0.0);
                for each in predictions.values($name)? {
                    sums[0] += each.weight * cost(each.predicted - each.target);
                    sums[1] += each.weight;
                }
                Ok(())
            }

            fn value(&self, sums: &[f64]) -> f64 {
                mean(sums)
            }
        }
    };
}

mean_error! {
    /// `Σ w (y - t)² / Σ w`, over all predicted numbers `y` and their targets `t`.
    ///
    /// ```
    /// use gradtape::Tensor;
    /// use gradtape::train::{MeanSquaredError, Metric};
    ///
    /// let (predicted, target) = (Tensor::from([1.0, 2.0]), Tensor::from([1.0, 5.0]));
    /// assert_eq!(MeanSquaredError.of(&predicted, &target)?, 4.5);
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    MeanSquaredError, "mean_squared_error", |error| error * error
}

mean_error! {
    /// `Σ w |y - t| / Σ w`, over all predicted numbers `y` and their targets `t`.
    ///
    /// ```
    /// use gradtape::Tensor;
    /// use gradtape::train::{MeanAbsoluteError, Metric};
    ///
    /// let (predicted, target) = (Tensor::from([1.0, 2.0]), Tensor::from([1.0, 5.0]));
    /// assert_eq!(MeanAbsoluteError.of(&predicted, &target)?, 1.5);
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    MeanAbsoluteError, "mean_absolute_error", f64::abs
}
