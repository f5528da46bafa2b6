//! Losses: plain compositions of recorded operations, so they need no rule of their own.

use crate::graph::{Operand, Var};
use crate::tensor::Indices;

impl<'t> Var<'t> {
    /// The softmax cross-entropy of logits with integer class labels, averaged over all examples:
    /// `mean(ln Σⱼ exp zⱼ - z[label])`, classes along the last axis. Finite for any finite logits.
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
    /// If a label is not below the number of classes.
    #[track_caller]
    pub fn cross_entropy(self, labels: impl Into<Indices>) -> Var<'t> {
        -self.log_softmax(-1).pick(labels).mean(..)
    }

    /// The binary cross-entropy of logits with targets in `0..=1`, averaged over all elements:
    /// `mean(ln(1 + eᶻ) - z t)`. Finite for any finite logits.
    ///
    /// # Panics
    ///
    /// If the targets are neither one number nor of the logits' shape.
    #[track_caller]
    pub fn binary_cross_entropy(self, targets: impl Operand<'t>) -> Var<'t> {
        let targets = self.targets(targets, "binary_cross_entropy");
        (self.softplus() - self * targets).mean(..)
    }

    /// `mean((y - t)²)` over all elements.
    ///
    /// # Panics
    ///
    /// If the targets are neither one number nor of the predictions' shape.
    #[track_caller]
    pub fn mean_squared_error(self, targets: impl Operand<'t>) -> Var<'t> {
        let targets = self.targets(targets, "mean_squared_error");
        (self - targets).square().mean(..)
    }

    /// Targets of a loss: one number for all, or as many as predictions. Anything else that would
    /// broadcast, such as `[n]` against `[n, 1]`, is a mistake that would go unnoticed.
    #[track_caller]
    fn targets(self, targets: impl Operand<'t>, loss: &str) -> Var<'t> {
        let targets = targets.operand(self.graph());
        let (found, expected) = (targets.shape(), self.shape());
        assert!(
            found.rank() == 0 || found == expected,
            "{loss}: targets of shape {found} for predictions of shape {expected}"
        );
        targets
    }
}
