//! Losses of single numbers.

use super::targets_of;
use crate::graph::Var;

/// `(y - t)²` of every element.
///
/// # Panics
///
/// If the targets are neither one number nor of the predictions' shape; so for all losses here.
#[track_caller]
pub fn squared_error<'t>(y: Var<'t>, targets: Var<'t>) -> Var<'t> {
    (y - targets_of("squared_error", y, targets)).square()
}

/// `|y - t|` of every element.
#[track_caller]
pub fn absolute_error<'t>(y: Var<'t>, targets: Var<'t>) -> Var<'t> {
    (y - targets_of("absolute_error", y, targets)).abs()
}

/// `r²/2` where the error `r = y - t` is at most `delta`, else `delta · (|r| - delta/2)`, of every
/// element: less moved by outliers than the square (P. Huber, 1964).
///
/// # Panics
///
/// If `delta` is not above 0.
#[track_caller]
pub fn huber<'t>(y: Var<'t>, targets: Var<'t>, delta: f64) -> Var<'t> {
    assert!(delta > 0.0, "huber: delta has to be above 0, got {delta}");
    let size = (y - targets_of("huber", y, targets)).abs();
    let inside = size.minimum(delta);
    // With m = min(|r|, delta): m · (|r| - m/2) is both branches in one.
    inside * (size - 0.5 * inside)
}

/// `ln(1 + eᶻ) - z t` of every logit `z` and target in `0..=1`: the binary cross-entropy. Finite
/// wherever its limit is, infinite logits included.
///
/// A tape records no numbers, so targets outside of `0..=1` are not refused: there the loss has no
/// lower bound, and becomes negative. [`Accuracy`](crate::train::Accuracy) and the other metrics of
/// decisions do refuse them.
#[track_caller]
pub fn binary_cross_entropy<'t>(logits: Var<'t>, targets: Var<'t>) -> Var<'t> {
    let targets = targets_of("binary_cross_entropy", logits, targets);
    // The share of each class times what it costs; a share of 0 costs nothing, however unlikely.
    let others = 1.0 - targets;
    let positive = targets.select(targets * (-logits).softplus(), 0.0);
    positive + others.select(others * logits.softplus(), 0.0)
}

/// `-(t ln p + (1 - t) ln(1 - p))` of every probability `p` and target in `0..=1`. Infinite where
/// what is taken for impossible happens; a loss of logits is not.
#[track_caller]
pub fn binary_cross_entropy_of_probabilities<'t>(
    probabilities: Var<'t>,
    targets: Var<'t>,
) -> Var<'t> {
    let targets = targets_of("binary_cross_entropy_of_probabilities", probabilities, targets);
    let others = 1.0 - targets;
    // Where a share is 0 the logarithm is that of 1: of 0 it would have an infinite derivative, which
    // no factor of 0 makes good.
    let positive = targets * targets.select(probabilities, 1.0).ln();
    -(positive + others * others.select(1.0 - probabilities, 1.0).ln())
}

/// `max(0, 1 - t y)` of every element, for targets of -1 and 1.
#[track_caller]
pub fn hinge<'t>(y: Var<'t>, targets: Var<'t>) -> Var<'t> {
    (1.0 - y * targets_of("hinge", y, targets)).relu()
}

/// `max(0, 1 - t y)²` of every element, for targets of -1 and 1.
#[track_caller]
pub fn squared_hinge<'t>(y: Var<'t>, targets: Var<'t>) -> Var<'t> {
    (1.0 - y * targets_of("squared_hinge", y, targets)).relu().square()
}
