//! Layers one after the other.

use crate::graph::Var;
use crate::layers::Layer;

/// Layers applied one after the other.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let model = Sequential::new()
///     .then(Dense::new(784, 512).init(HeNormal).build(&mut params, "hidden"))
///     .then(Relu)
///     .then(Dropout(0.5))
///     .then(Dense::new(512, 10).build(&mut params, "output"));
///
/// let tape = Tape::inference(&params);
/// let logits = model.forward(tape.input(&Tensor::zeros([8, 784])));
/// assert_eq!(logits.shape(), [8, 10].into());
/// ```
#[derive(Default)]
pub struct Sequential {
    layers: Vec<Box<dyn Layer>>,
}

impl Sequential {
    /// No layers: the value itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a layer.
    #[must_use = "the layer is part of what is returned"]
    pub fn then(mut self, layer: impl Layer + 'static) -> Self {
        self.layers.push(Box::new(layer));
        self
    }
}

impl Layer for Sequential {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.layers.iter().fold(x, |x, layer| layer.forward(x))
    }
}
