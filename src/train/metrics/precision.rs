//! Precision, recall and their harmonic mean.

use super::{ConfusionMatrix, Direction, Metric, Predictions, confusion};
use crate::error::Error;

/// Which classes count, and how.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Average {
    Class(usize),
    Macro,
    Micro,
}

/// The constructors and the metric of each of the three, which differ in a name and a method of
/// the confusion matrix.
macro_rules! of_classes {
    ($(#[$doc:meta])* $type:ident, $name:literal, $method:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug)]
        pub struct $type {
            average: Average,
            threshold: f64,
            name: String,
        }

        impl $type {
            fn new(average: Average, name: String) -> Self {
                Self { average, threshold: 0.0, name }
            }

            /// That of yes in decisions between yes and no: of class 1, in the name of no class.
            pub fn binary() -> Self {
                Self::new(Average::Class(1), $name.to_string())
            }

            /// That of one class.
            pub fn of_class(class: usize) -> Self {
                Self::new(Average::Class(class), format!(concat!($name, "_of_class_{}"), class))
            }

            /// The mean of those of all classes that occur among targets or predictions; rare
            /// classes count as much as frequent ones.
            pub fn macro_averaged() -> Self {
                Self::new(Average::Macro, concat!("macro_", $name).to_string())
            }

            /// That of all decisions taken together. Since each example has one class and gets
            /// one, a class that is missed is another one that is wrong, so it equals the
            /// accuracy.
            pub fn micro_averaged() -> Self {
                Self::new(Average::Micro, concat!("micro_", $name).to_string())
            }

            /// Decides for yes where the logit is above this, which is 0 if it is not said:
            /// a higher one is more precise, a lower one misses less. Of no concern where the
            /// largest of several scores decides.
            pub fn threshold(mut self, logit: f64) -> Self {
                self.threshold = logit;
                self
            }
        }

        impl Metric for $type {
            fn name(&self) -> &str {
                &self.name
            }

            fn direction(&self) -> Direction {
                Direction::Higher
            }

            fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error> {
                confusion::add(sums, predictions, $name, self.threshold)?;
                check_class($name, self.average, sums)
            }

            fn value(&self, sums: &[f64]) -> f64 {
                let matrix = ConfusionMatrix::from_counts(sums);
                match self.average {
                    Average::Class(class) if class < matrix.classes() => matrix.$method(class),
                    Average::Class(_) => f64::NAN,
                    Average::Macro => {
                        let classes = matrix.occurring().count() as f64;
                        matrix.occurring().map(|class| matrix.$method(class)).sum::<f64>() / classes
                    }
                    Average::Micro => matrix.accuracy(),
                }
            }
        }
    };
}

of_classes! {
    /// Of the predictions of a class, the share that is right: `tp / (tp + fp)`, with the true and
    /// the false positives.
    ///
    /// It is 0 if there is no prediction of the class, and NaN if there is no example of it either.
    ///
    /// ```
    /// use gradtape::Tensor;
    /// use gradtape::train::{F1, Metric, Precision, Recall};
    ///
    /// let logits = Tensor::from([2.0, 1.0, -1.0, -2.0, 3.0]);
    /// let truth = Tensor::from([1.0, 0.0, 1.0, 0.0, 1.0]);
    /// assert_eq!(Precision::binary().of(&logits, &truth)?, 2.0 / 3.0);
    /// assert_eq!(Precision::binary().threshold(1.5).of(&logits, &truth)?, 1.0);
    /// assert_eq!(Recall::binary().of(&logits, &truth)?, 2.0 / 3.0);
    /// assert_eq!(F1::binary().of(&logits, &truth)?, 2.0 / 3.0);
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    Precision, "precision", precision
}

of_classes! {
    /// Of the examples of a class, the share that is found: `tp / (tp + fn)`, with the true
    /// positives and the false negatives.
    ///
    /// It is 0 if there is no example of the class, and NaN if there is no prediction of it either.
    /// See [`Precision`] for an example.
    Recall, "recall", recall
}

of_classes! {
    /// The harmonic mean of precision and recall: `2 tp / (2 tp + fp + fn)`, with the true and the
    /// false positives and the false negatives.
    ///
    /// It is NaN if there is neither an example nor a prediction of the class. See [`Precision`]
    /// for an example.
    F1, "f1", f1
}

fn check_class(metric: &'static str, average: Average, counts: &[f64]) -> Result<(), Error> {
    let classes = counts.len().isqrt();
    match average {
        Average::Class(class) if classes > 0 && class >= classes => {
            Err(Error::argument(metric, format!("one of {classes} classes"), class))
        }
        _ => Ok(()),
    }
}
