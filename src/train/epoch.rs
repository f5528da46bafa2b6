//! What is summed up over the batches of an epoch.

use serde::{Deserialize, Serialize};

use super::history::numbers;
use super::{Direction, Metric, Predictions};
use crate::error::Error;

/// Sums over the batches so far, from which an epoch's values come.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sums {
    /// The batches' losses and penalties, each times the batch's weight, and the weights.
    #[serde(with = "numbers")]
    losses: Vec<f64>,
    metrics: Vec<MetricSums>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct MetricSums(#[serde(with = "numbers")] Vec<f64>);

impl Sums {
    /// Nothing yet, of so many metrics.
    pub(super) fn new(metrics: usize) -> Self {
        Self { losses: vec![0.0; 3], metrics: vec![MetricSums::default(); metrics] }
    }

    /// Adds a batch's mean loss and its penalty.
    pub(super) fn add_loss(&mut self, loss: f64, penalty: f64, weight: f64) {
        for (sum, x) in self.losses.iter_mut().zip([loss * weight, penalty * weight, weight]) {
            *sum += x;
        }
    }

    /// Adds a batch's predictions.
    pub(super) fn add_predictions(
        &mut self,
        metrics: &[Box<dyn Metric + '_>],
        predictions: &Predictions<'_>,
    ) -> Result<(), Error> {
        let sums = self.metrics.iter_mut();
        metrics
            .iter()
            .zip(sums)
            .try_for_each(|(metric, MetricSums(sums))| metric.add(sums, predictions))
    }

    /// The mean loss and penalty.
    pub(super) fn losses(&self) -> [f64; 2] {
        match self.losses[..] {
            [loss, penalty, weight] => [loss / weight, penalty / weight],
            _ => [f64::NAN; 2],
        }
    }

    /// The values of the metrics.
    pub(super) fn metrics<'a>(
        &'a self,
        metrics: &'a [Box<dyn Metric + '_>],
    ) -> impl Iterator<Item = f64> + 'a {
        metrics.iter().zip(&self.metrics).map(|(metric, MetricSums(sums))| metric.value(sums))
    }
}

/// The columns that these metrics fill, each name with a prefix.
pub(super) fn metric_columns(
    prefix: &str,
    metrics: &[Box<dyn Metric + '_>],
) -> impl Iterator<Item = (String, Option<Direction>)> {
    metrics
        .iter()
        .map(move |metric| (format!("{prefix}{}", metric.name()), Some(metric.direction())))
}
