//! A branch that is added to what it branches off.

use crate::graph::Var;
use crate::layers::Layer;

/// A residual block, `x + f(x)`, so that its branch `f` only has to learn what to change (K. He et
/// al., 2016).
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let block = Residual::new(
///     Sequential::new()
///         .then(LayerNorm::new(16).build(&mut params, "norm"))
///         .then(Dense::new(16, 16).build(&mut params, "dense"))
///         .then(Relu),
/// );
/// let tape = Tape::inference(&params);
/// assert_eq!(block.forward(tape.input(&Tensor::zeros([8, 16]))).shape(), [8, 16].into());
/// ```
pub struct Residual(Box<dyn Layer>);

impl Residual {
    /// A block with this branch, whose output has the shape of its input.
    pub fn new(branch: impl Layer + 'static) -> Self {
        Self(Box::new(branch))
    }
}

impl Layer for Residual {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x + branch("Residual", &*self.0, x)
    }
}

/// What a branch makes of `x`, of the same shape.
#[track_caller]
pub(super) fn branch<'t>(block: &str, inner: &dyn Layer, x: Var<'t>) -> Var<'t> {
    let y = inner.forward(x);
    let (from, to) = (x.shape(), y.shape());
    assert!(from == to, "{block}: the branch turns shape {from} into {to}, which cannot be added");
    y
}
