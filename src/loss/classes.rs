//! Losses of examples whose last axis holds a number for each class.

use super::{labels_of, targets_of};
use crate::graph::Var;

/// `ln Σⱼ exp zⱼ - z[label]` of every example's logits `z`: the softmax cross-entropy with integer
/// class labels.
///
/// # Panics
///
/// If there is not one label for each example, or one is not below the number of classes; so for
/// all losses of labels.
#[track_caller]
pub fn cross_entropy<'t>(logits: Var<'t>, labels: Var<'t>) -> Var<'t> {
    let labels = labels_of("cross_entropy", logits, labels);
    -logits.log_softmax(-1).pick(labels)
}

/// [`cross_entropy`] with a share of the target spread over all classes: the target is
/// `1 - smoothing` for the label plus `smoothing / classes` for each class (C. Szegedy et al.,
/// 2016).
#[track_caller]
pub fn cross_entropy_smoothed<'t>(logits: Var<'t>, labels: Var<'t>, smoothing: f64) -> Var<'t> {
    let labels = labels_of("cross_entropy_smoothed", logits, labels);
    assert!((0.0..=1.0).contains(&smoothing), "the smoothing has to be in 0..=1, got {smoothing}");
    let log_probabilities = logits.log_softmax(-1);
    let label = log_probabilities.pick(labels);
    -((1.0 - smoothing) * label + smoothing * log_probabilities.mean(-1))
}

/// `-Σⱼ tⱼ ln softmax(z)ⱼ` of every example's logits `z` and target distribution `t`.
///
/// [`Dataset::one_hot`](crate::data::Dataset::one_hot) makes such targets of labels;
/// [`CategoricalAccuracy`](crate::train::CategoricalAccuracy) measures them.
///
/// # Panics
///
/// If the targets are not of the logits' shape.
#[track_caller]
pub fn cross_entropy_of_targets<'t>(logits: Var<'t>, targets: Var<'t>) -> Var<'t> {
    let targets = targets_of("cross_entropy_of_targets", logits, targets);
    // A class that is not wanted costs nothing, even if its logit is -∞.
    -targets.select(targets * logits.log_softmax(-1), 0.0).sum(-1)
}

/// Target distributions with a share spread over all classes:
/// `(1 - smoothing) · t + smoothing / classes`. Of binary targets there are two classes.
#[track_caller]
pub fn smooth(targets: Var<'_>, smoothing: f64, classes: usize) -> Var<'_> {
    assert!((0.0..=1.0).contains(&smoothing), "the smoothing has to be in 0..=1, got {smoothing}");
    targets * (1.0 - smoothing) + smoothing / classes as f64
}

/// `-ln p[label]` of every example's probabilities `p`, which are taken as they are.
#[track_caller]
pub fn cross_entropy_of_probabilities<'t>(probabilities: Var<'t>, labels: Var<'t>) -> Var<'t> {
    let labels = labels_of("cross_entropy_of_probabilities", probabilities, labels);
    -probabilities.pick(labels).ln()
}

/// `Σⱼ≠label max(0, margin + sⱼ - s[label])` of every example's scores `s` (J. Weston and
/// C. Watkins, 1999). Not divided by the number of classes.
///
/// # Panics
///
/// If the margin is negative.
#[track_caller]
pub fn multiclass_hinge<'t>(scores: Var<'t>, labels: Var<'t>, margin: f64) -> Var<'t> {
    let labels = labels_of("multiclass_hinge", scores, labels);
    assert!(margin >= 0.0, "multiclass_hinge: the margin has to be 0 or more, got {margin}");
    // The label's own term is the margin, and no more.
    (above_label(scores, labels) + margin).relu().sum(-1) - margin
}

/// `max(0, margin + maxⱼ≠label sⱼ - s[label])` of every example's scores `s` (K. Crammer and
/// Y. Singer, 2001).
#[track_caller]
pub fn multiclass_hinge_of_largest<'t>(scores: Var<'t>, labels: Var<'t>, margin: f64) -> Var<'t> {
    let labels = labels_of("multiclass_hinge_of_largest", scores, labels);
    let is_label = scores.graph().one_hot(labels, classes_of(scores));
    let others = is_label.select(f64::NEG_INFINITY, above_label(scores, labels));
    (others.max(-1) + margin).relu()
}

/// How far each class' score lies above the label's.
#[track_caller]
fn above_label<'t>(scores: Var<'t>, labels: Var<'t>) -> Var<'t> {
    let label = scores.pick(labels);
    let column = label.shape().iter().copied().chain([1]).collect::<crate::Shape>();
    scores - label.reshape(column)
}

fn classes_of(scores: Var<'_>) -> usize {
    scores.shape().last().copied().unwrap_or(0)
}

/// `Σⱼ pⱼ (ln pⱼ - ln softmax(z)ⱼ)` of every example's target distribution `p` and logits `z`:
/// the Kullback-Leibler divergence, where `0 ln 0 = 0`.
///
/// # Panics
///
/// If the targets are not of the predictions' shape; so for all divergences.
#[track_caller]
pub fn kl_divergence<'t>(logits: Var<'t>, targets: Var<'t>) -> Var<'t> {
    let targets = targets_of("kl_divergence", logits, targets);
    divergence(logits.log_softmax(-1), targets)
}

/// As [`kl_divergence`], of predicted logarithms of probabilities.
#[track_caller]
pub fn kl_divergence_of_log_probabilities<'t>(
    log_probabilities: Var<'t>,
    targets: Var<'t>,
) -> Var<'t> {
    let loss = "kl_divergence_of_log_probabilities";
    divergence(log_probabilities, targets_of(loss, log_probabilities, targets))
}

/// As [`kl_divergence`], of predicted probabilities.
#[track_caller]
pub fn kl_divergence_of_probabilities<'t>(probabilities: Var<'t>, targets: Var<'t>) -> Var<'t> {
    let targets = targets_of("kl_divergence_of_probabilities", probabilities, targets);
    // A class that is not wanted costs nothing, and has no infinite derivative at 0.
    divergence(targets.select(probabilities, 1.0).ln(), targets)
}

#[track_caller]
fn divergence<'t>(log_probabilities: Var<'t>, targets: Var<'t>) -> Var<'t> {
    let entropy = targets.select(targets, 1.0).ln();
    (targets * (entropy - targets.select(log_probabilities, 0.0))).sum(-1)
}
