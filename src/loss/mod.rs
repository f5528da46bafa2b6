//! Losses: what a model's predictions cost, element by element or example by example.
//!
//! Predictions and targets are values of a tape, so that a loss is named where one is wanted:
//! `Trainer::new(&model, Adam::new(1e-3), loss::cross_entropy)`.
//!
//! The functions here do not average: they return one number an element (regression, binary
//! decisions) or one an example (classes along the last axis). Reduce it as you need:
//!
//! ```
//! use gradtape::{loss, prelude::*};
//!
//! let params = Params::<f32>::new(Seed(0));
//! let tape = Tape::inference(&params);
//! let logits = tape.input(&Tensor::from([[2.0, 0.0, -1.0], [0.5, 0.5, 0.0]]));
//!
//! let each = loss::cross_entropy(logits, tape.input(&Indices::from([0, 2])));
//! let mean = each.mean(..);
//! let sum = each.sum(..);
//! // The second example counts three times.
//! let weighted = loss::weighted_mean(each, tape.input(&Tensor::from([1.0, 3.0])));
//! # assert!(tape.item(sum) > tape.item(weighted) && tape.item(weighted) > tape.item(mean));
//! ```
//!
//! The most common means are methods, whose targets need not be bound to a tape first:
//! [`Var::cross_entropy`], [`Var::binary_cross_entropy`] and [`Var::mean_squared_error`].
//!
//! Classifiers give logits, not probabilities: the loss of logits is finite wherever its limit is,
//! at ±10,000 and for infinite logits too.

mod classes;
mod elements;

pub use classes::{
    cross_entropy, cross_entropy_of_probabilities, cross_entropy_of_targets,
    cross_entropy_smoothed, kl_divergence, kl_divergence_of_log_probabilities,
    kl_divergence_of_probabilities, multiclass_hinge, multiclass_hinge_of_largest, smooth,
};
pub use elements::{
    absolute_error, binary_cross_entropy, binary_cross_entropy_of_probabilities, hinge, huber,
    squared_error, squared_hinge,
};

use crate::graph::{Attached, IndexOperand, Operand, Var};

/// The mean in which each element counts by its weight: `Σ wᵢ xᵢ / Σ wᵢ`.
///
/// # Panics
///
/// If the weights do not broadcast to the values' shape.
#[track_caller]
pub fn weighted_mean<'t>(values: Var<'t>, weights: Var<'t>) -> Var<'t> {
    let weights = weights.broadcast_to(values.shape());
    (values * weights).sum(..) / weights.sum(..)
}

impl<'t> Var<'t> {
    /// The mean [`cross_entropy`] of logits with integer class labels, over all examples.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let params = Params::<f32>::new(Seed(0));
    /// let tape = Tape::inference(&params);
    /// let logits = tape.input(&Tensor::from([[0.0, 0.0, 0.0, 0.0]]));
    /// let loss = logits.cross_entropy([2]);
    /// assert!((tape.item(loss) - 4.0_f32.ln()).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is not one label for each example, or one is not below the number of classes.
    #[track_caller]
    pub fn cross_entropy(self, labels: impl IndexOperand<'t>) -> Var<'t> {
        let labels = labels_of("cross_entropy", self, labels.index_operand(self.graph()));
        -self.log_softmax(-1).pick(labels).mean(..)
    }

    /// The mean [`binary_cross_entropy`] of logits with targets in `0..=1`, over all elements.
    ///
    /// # Panics
    ///
    /// If the targets are neither one number nor of the logits' shape.
    #[track_caller]
    pub fn binary_cross_entropy(self, targets: impl Operand<'t>) -> Var<'t> {
        binary_cross_entropy(self, targets.operand(self.graph())).mean(..)
    }

    /// `mean((y - t)²)`, the mean [`squared_error`] over all elements.
    ///
    /// # Panics
    ///
    /// If the targets are neither one number nor of the predictions' shape.
    #[track_caller]
    pub fn mean_squared_error(self, targets: impl Operand<'t>) -> Var<'t> {
        squared_error(self, targets.operand(self.graph())).mean(..)
    }
}

/// Targets of a loss: one number for all, or as many as predictions. Anything else that would
/// broadcast, such as `[n]` against `[n, 1]`, is a mistake that would go unnoticed.
#[track_caller]
fn targets_of<'t>(loss: &str, predictions: Var<'t>, targets: Var<'t>) -> Var<'t> {
    let (found, expected) = (targets.shape(), predictions.shape());
    let labels = matches!(targets.graph().attached_to(targets), Some(Attached::Indices(_)));
    if !labels && (found.rank() == 0 || found == expected) {
        return targets;
    }
    let hint = match expected.split_last() {
        Some((classes, rest)) if labels && *classes > 1 && *rest == found[..] => format!(
            "; labels become distributions by `Dataset::one_hot({classes})`, and `cross_entropy` takes them \
             as they are"
        ),
        _ if labels => "; labels become numbers by `Dataset::numeric_labels()`".to_string(),
        Some((1, rest)) if *rest == found[..] => format!("; reshape them to {expected}"),
        _ => String::new(),
    };
    let trainer = targets.graph().of_trainer();
    panic!("{loss}: targets of shape {found} for predictions of shape {expected}{hint}{trainer}");
}

/// Labels of a loss: a class for each example. Said of labels, what is wrong tells more than what
/// an operation would say of indices.
#[track_caller]
fn labels_of<'t>(loss: &str, predictions: Var<'t>, labels: Var<'t>) -> Var<'t> {
    let trainer = || predictions.graph().of_trainer();
    let Some(Attached::Indices(numbers)) = predictions.graph().attached_to(labels) else {
        let hint = match labels.shape() == predictions.shape() {
            true => "; for a distribution over the classes see `cross_entropy_of_targets`",
            false => "",
        };
        panic!(
            "{loss}: labels are whole numbers, bound as `Indices`, and not {labels:?}{hint}{}",
            trainer()
        );
    };
    let (found, shape) = (labels.shape(), predictions.shape());
    let Some((&classes, _)) = shape.split_last().filter(|(_, rest)| **rest == found[..]) else {
        panic!(
            "{loss}: labels of shape {found} for predictions of shape {shape}, whose last axis \
             holds a number for each class{}",
            trainer()
        );
    };
    if let Some(at) = numbers.data().iter().position(|&label| label as usize >= classes) {
        panic!(
            "{loss}: label {} of example {at} for predictions of {classes} classes, 0 to {}{}",
            numbers.data()[at],
            classes.saturating_sub(1),
            trainer()
        );
    }
    labels
}
