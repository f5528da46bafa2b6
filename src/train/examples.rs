//! What may be wrong with the examples that a model is given.

use super::{Target, Targets, Trainer};
use crate::data::{Batch, Dataset, Rows, check_classes};
use crate::error::Error;
use crate::graph::Tape;
use crate::ops::Op;
use crate::ops::index::Index;
use crate::params::Params;
use crate::shape::Shape;
use crate::tensor::{Indices, Tensor};

impl Trainer<'_> {
    /// Checks that all labels of a data set are classes that the model gives numbers for: with what
    /// it predicts of a batch, their shape. Otherwise the loss would panic at the first batch that
    /// holds such a label, in the name of its place there.
    pub(super) fn check_labels<X: Rows, Y: Targets>(
        &self,
        params: &Params,
        data: &Dataset<X, Y>,
        of: &str,
        predicted: &Shape,
    ) -> Result<(), Error> {
        let (Target::Labels(labels), Some((&classes, rows))) =
            (data.y().target(), predicted.split_last())
        else {
            return Ok(());
        };
        let checked = check_classes(labels, classes, of);
        let one_each = labels.shape().get(1..) == rows.get(1..);
        // Labels may be other things to a loss of the user's own, such as who is on a picture.
        match checked.is_err() && one_each && self.picks_labels(params, predicted, rows)? {
            true => checked,
            false => Ok(()),
        }
    }

    /// Whether the loss picks a prediction of each example by its label.
    fn picks_labels(
        &self,
        params: &Params,
        predicted: &Shape,
        rows: &[usize],
    ) -> Result<bool, Error> {
        let tape = Tape::inference(params);
        tape.graph().set_trainer(&self.made_at);
        let labels = Indices::new(rows, vec![0; rows.iter().product()])?;
        let labels = tape.input(&labels);
        let _ = (self.loss)(tape.input(&Tensor::zeros(predicted)), labels);
        Ok(tape.graph().with_nodes(|nodes, _| {
            let pick = Op::Index(Index::Pick);
            nodes.iter().any(|node| node.op == pick && node.inputs[1] == labels.id())
        }))
    }
}

/// Refuses data without examples, or none that counts.
pub(super) fn check_counting<X: Rows, Y: Targets>(
    name: &'static str,
    expected: &str,
    data: &Dataset<X, Y>,
) -> Result<(), Error> {
    let weightless = |weights: &Tensor<f32>| weights.data().iter().all(|&weight| weight == 0.0);
    if data.is_empty() {
        return Err(Error::argument(name, expected, "none"));
    }
    match data.y().weights().is_some_and(weightless) {
        true => Err(Error::argument(name, expected, "only such of weight 0")),
        false => Ok(()),
    }
}

/// Where the numbers of a batch are not finite, in terms of the data set that it was cut from.
pub(super) fn find_non_finite<X: Rows, Y: Targets>(
    batch: &Batch<X, Y>,
    data: &Dataset<X, Y>,
) -> Option<String> {
    let bad = |x: &X, y: &Y| {
        let target = match y.target() {
            Target::Values(values) => values.find_non_finite(),
            Target::Labels(_) => None,
        };
        let example = x.find_non_finite().map(|found| ("examples", found));
        example.or(target.map(|found| ("targets", found)))
    };
    let (what, (at, column, value)) = bad(&batch.x, &batch.y)?;
    let row = *batch.rows().get(at)?;
    let raw = data.batch(row..=row);
    let prepared = if bad(&raw.x, &raw.y).is_none() { ", once it was prepared" } else { "" };
    Some(format!(
        "the {what} hold {value}: row {row}, column {column} of the training data{prepared}"
    ))
}
