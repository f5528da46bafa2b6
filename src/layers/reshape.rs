//! Layers that change the shape of each example.

use crate::graph::Var;
use crate::layers::Layer;
use crate::shape::Shape;

/// All numbers of an example in one row: from `[batch, ..]` to `[batch, features]`.
///
/// ```
/// use gradtape::prelude::*;
///
/// let params = Params::<f32>::new(Seed(0));
/// let tape = Tape::inference(&params);
/// let images = tape.input(&Tensor::zeros([8, 3, 7, 7]));
/// assert_eq!(Flatten.forward(images).shape(), [8, 147].into());
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Flatten;

impl Layer for Flatten {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let shape = x.shape();
        let Some((&batch, rest)) = shape.split_first() else {
            panic!("Flatten: a scalar has no examples")
        };
        x.reshape([batch, rest.iter().product()])
    }
}

/// Each example in another shape: from `[batch, ..]` to `[batch, ..]` with the given sizes.
///
/// ```
/// use gradtape::prelude::*;
///
/// let params = Params::<f32>::new(Seed(0));
/// let tape = Tape::inference(&params);
/// let rows = tape.input(&Tensor::zeros([8, 784]));
/// assert_eq!(Reshape::new([1, 28, 28]).forward(rows).shape(), [8, 1, 28, 28].into());
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Reshape(Shape);

impl Reshape {
    /// Examples of this shape.
    pub fn new(example: impl Into<Shape>) -> Self {
        Self(example.into())
    }
}

impl Layer for Reshape {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let batch = x.shape().first().copied().unwrap_or(1);
        x.reshape([batch].iter().chain(&self.0[..]).copied().collect::<Shape>())
    }
}
