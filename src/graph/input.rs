//! What a tape is given to work on.

use super::{Tape, Var};
use crate::scalar::Scalar;
use crate::tensor::{Indices, Tensor};

/// What a tape takes as an input: numbers, or whole numbers such as labels.
///
/// [`Tape::input`] takes any of them, so that a training loop reads the same whatever a model
/// works on. Numbers are shared, not copied.
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

/// Whole numbers can be read by the operations that take an
/// [`IndexOperand`](crate::IndexOperand) only.
impl<T: Scalar> Input<T> for Indices {
    #[track_caller]
    fn bind<'t>(&self, tape: &'t Tape<'_, T>) -> Var<'t> {
        tape.graph().indices(self.clone())
    }
}
