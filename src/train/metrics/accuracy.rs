//! The share of right decisions.

use super::{Direction, Metric, Predictions, Target, mean};
use crate::error::Error;

/// The share of examples that are classified right.
///
/// With labels, predictions are `[.., classes]`, and the largest number of each row decides (logits
/// or probabilities, it is the same). With numbers of 0 and 1 as targets, each predicted logit
/// decides for 1 if it is above 0.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Accuracy;

impl Metric for Accuracy {
    fn name(&self) -> &str {
        "accuracy"
    }

    fn direction(&self) -> Direction {
        Direction::Higher
    }

    fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error> {
        sums.resize(2, 0.0);
        let decided: &mut dyn Iterator<Item = bool> = match predictions.target {
            Target::Labels(_) => {
                let (labels, classes) = predictions.classes("accuracy")?;
                let rows = predictions.predicted.data().chunks_exact(classes.max(1));
                &mut rows.zip(labels.data()).map(|(row, &label)| largest(row) == label as usize)
            }
            Target::Values(_) => {
                let targets = predictions.values("accuracy")?.data();
                let pairs = predictions.predicted.data().iter().zip(targets);
                &mut pairs.map(|(&logit, &target)| (logit > 0.0) == (target > 0.5))
            }
        };
        let total = predictions.predicted.data().len();
        let width = match predictions.target {
            Target::Labels(labels) => labels.data().len() / predictions.len().max(1),
            Target::Values(_) => total / predictions.len().max(1),
        };
        for (i, right) in decided.enumerate() {
            let weight = predictions.weight(i / width.max(1));
            sums[0] += if right { weight } else { 0.0 };
            sums[1] += weight;
        }
        Ok(())
    }

    fn value(&self, sums: &[f64]) -> f64 {
        mean(sums)
    }
}

/// The place of the largest number, the first of equal ones.
fn largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (i, x) in row.iter().enumerate() {
        if *x > row[best] {
            best = i;
        }
    }
    best
}
