//! A part of a model whose inner values are computed again for the backward pass.

use crate::graph::Var;
use crate::layers::Layer;

/// A block whose inner values are not kept for the backward pass but computed again: less memory
/// for more time, and the same bits. It is [`Var::remat`] as a layer, what others call gradient
/// checkpointing (T. Chen et al., 2016).
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let mut model = Sequential::new();
/// for part in 0..3 {
///     let mut block = Sequential::new();
///     for layer in 0..3 {
///         let name = format!("part{part}/layer{layer}");
///         block = block.then(Dense::new(16, 16).build(&mut params, &name)).then(Tanh);
///     }
///     model = model.then(Remat::new(block));
/// }
/// let tape = Tape::training(&params, Seed(1));
/// let y = model.forward(tape.input(&Tensor::zeros([8, 16])));
/// let gradients = tape.backward(y.square().mean(..));
/// assert!(gradients.unreached().next().is_none());
/// ```
pub struct Remat(Box<dyn Layer>);

impl Remat {
    /// A block that computes what this one does.
    pub fn new(block: impl Layer + 'static) -> Self {
        Self(Box::new(block))
    }
}

impl Layer for Remat {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.remat(|x| self.0.forward(x))
    }
}
