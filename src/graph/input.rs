//! What a tape is given to work on.

use super::{Attached, Tape, Var};
use crate::scalar::Scalar;
use crate::sparse::SparseRows;
use crate::tensor::{Indices, Tensor};

/// What a tape takes as an input: numbers, whole numbers such as labels, or sparse rows.
///
/// [`Tape::input`] takes any of them, so that a training loop reads the same whatever a model
/// works on. Numbers are shared, not copied.
///
/// A pair is none: a model of several inputs binds each by itself, in a
/// [loop of its own](crate::guide::keras#models-of-several-inputs).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an input of a tape",
    label = "neither a tensor, nor whole numbers, nor sparse rows, of the tape's number type",
    note = "a model of several inputs is not trained by a `Trainer` but by a loop of its own, which \
            binds each of them: `tape.input(&batch.x.0)`, `tape.input(&batch.x.1)`; there is one \
            in `gradtape::guide::keras`, under \"Models of several inputs\""
)]
pub trait Input<T: Scalar> {
    /// Binds it to a tape.
    fn bind<'t>(&self, tape: &'t Tape<'_, T>) -> Var<'t>;
}

impl<T: Scalar> Input<T> for Tensor<T> {
    #[track_caller]
    fn bind<'t>(&self, tape: &'t Tape<'_, T>) -> Var<'t> {
        tape.bind_tensor(self)
    }
}

/// Whole numbers, such as labels, are read by the operations that take an
/// [`IndexOperand`](crate::IndexOperand) only; any other panics. No gradient reaches them.
impl<T: Scalar> Input<T> for Indices {
    #[track_caller]
    fn bind<'t>(&self, tape: &'t Tape<'_, T>) -> Var<'t> {
        tape.graph().attach(Attached::Indices(self.clone()))
    }
}

/// Sparse rows are multiplied by a matrix: `tape.input(&rows).matmul(w)` or any layer that begins
/// with such a product. The entries are shared, not copied, and their number may differ from step
/// to step. No gradient reaches them.
///
/// Any other operation on them panics; for those bind [`to_dense`](SparseRows::to_dense).
impl<T: Scalar> Input<T> for SparseRows {
    #[track_caller]
    fn bind<'t>(&self, tape: &'t Tape<'_, T>) -> Var<'t> {
        tape.graph().attach(Attached::Sparse(self.clone()))
    }
}
