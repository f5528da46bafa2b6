//! What a training is validated on.

use super::epoch::Sums;
use super::examples::check_counting;
use super::{Targets, Trainer};
use crate::data::{Dataset, Rows};
use crate::error::Error;
use crate::graph::{Input, Tape};
use crate::params::Params;

/// Examples of any type: they need not be of that of the training data, which may have weights, say.
pub(super) trait Validation {
    /// Refuses data without examples that count.
    fn check_counting(&self) -> Result<(), Error>;

    /// Records model and loss for a batch, as it will be measured, and looks at the labels: what does
    /// not fit is found before the first step.
    fn check(&self, trainer: &Trainer<'_>, params: &Params, batch_size: usize)
    -> Result<(), Error>;

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

    fn check(
        &self,
        trainer: &Trainer<'_>,
        params: &Params,
        batch_size: usize,
    ) -> Result<(), Error> {
        let first = self.batch(0..batch_size.min(self.len()));
        let tape = Tape::inference(params);
        tape.graph().set_data("the validation data");
        let prediction = trainer.predict_on(tape.input(&first.x));
        trainer.check_labels(params, self, " of the validation data", &prediction.shape())?;
        let _ = trainer.loss_of(prediction, &first.y, &tape);
        Ok(())
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
