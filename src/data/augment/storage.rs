//! Tensors that are written over once nobody holds them any more.

use crate::shape::Shape;
use crate::tensor::Tensor;

/// The last tensors that were given out, oldest first.
#[derive(Debug, Default)]
pub(super) struct Storage {
    given: Vec<Tensor<f32>>,
}

/// A clone starts with nothing: what was given out is the original's.
impl Clone for Storage {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Storage {
    /// How many are remembered: a loop holds one at a time, or two if it looks ahead.
    const KEPT: usize = 3;

    /// A tensor of this shape, in storage that was given out before if it has come back. Its values
    /// are to be overwritten, all of them.
    pub(super) fn filled(&mut self, shape: Shape, fill: impl FnOnce(&mut [f32])) -> Tensor<f32> {
        let free = self
            .given
            .iter_mut()
            .position(|tensor| shape[1..] == tensor.shape()[1..] && tensor.unshared().is_some());
        let mut tensor = match free {
            Some(free) => self.given.remove(free),
            None => Tensor::zeros(&shape),
        };
        if tensor.shape()[0] != shape[0] {
            tensor.refill_rows(shape[0], |values| values.resize(shape.numel(), 0.0));
        }
        fill(tensor.data_mut());
        if self.given.len() == Self::KEPT {
            self.given.remove(0);
        }
        self.given.push(tensor.clone());
        tensor
    }
}
