//! What a training is validated on.

use super::epoch::Sums;
use super::examples::check_counting;
use super::{Targets, Trainer};
use crate::data::{Dataset, Rows};
use crate::error::Error;
use crate::graph::Input;
use crate::params::Params;
use crate::shape::Shape;

/// Examples of any type: they need not be of that of the training data, which may have weights, say.
pub(super) trait Validation {
    /// Refuses data without examples that count.
    fn check_counting(&self) -> Result<(), Error>;

    /// Whether the labels are classes that a model with predictions of this shape knows.
    fn check_labels(
        &self,
        trainer: &Trainer<'_>,
        params: &Params,
        predictions: &Shape,
    ) -> Result<(), Error>;

    /// Loss and metrics without noise.
    fn measure(
        &self,
        trainer: &Trainer<'_>,
        params: &Params,
        batch_size: usize,
    ) -> Result<Sums, Error>;
}

impl<X: Rows + Input<f32>, Y: Targets> Validation for Dataset<X, Y> {
    fn check_counting(&self) -> Result<(), Error> {
        check_counting("validation", "examples to validate on", self)
    }

    fn check_labels(
        &self,
        trainer: &Trainer<'_>,
        params: &Params,
        predictions: &Shape,
    ) -> Result<(), Error> {
        trainer.check_labels(params, self, " of the validation data", predictions)
    }

    fn measure(
        &self,
        trainer: &Trainer<'_>,
        params: &Params,
        batch_size: usize,
    ) -> Result<Sums, Error> {
        trainer.measure(params, self, batch_size)
    }
}
