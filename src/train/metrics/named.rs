//! Metrics by names of their own.

use super::{Direction, Metric, Predictions};
use crate::error::Error;

/// A metric under another name: what [`Metric::named`] returns.
#[derive(Clone, PartialEq, Debug)]
pub struct Named<M> {
    name: String,
    metric: M,
}

impl<M: Metric> Named<M> {
    pub(super) fn new(name: String, metric: M) -> Self {
        Self { name, metric }
    }
}

impl<M: Metric> Metric for Named<M> {
    fn name(&self) -> &str {
        &self.name
    }

    fn direction(&self) -> Direction {
        self.metric.direction()
    }

    fn add(&self, sums: &mut Vec<f64>, predictions: &Predictions<'_>) -> Result<(), Error> {
        self.metric.add(sums, predictions)
    }

    fn value(&self, sums: &[f64]) -> f64 {
        self.metric.value(sums)
    }
}
