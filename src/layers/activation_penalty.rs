//! A penalty on what passes through.

use crate::graph::Var;
use crate::layers::Layer;
use crate::penalty::Penalty;

/// Passes values on unchanged and adds a penalty on them to [`Tape::penalty`], as a mean over the
/// examples of the batch, which the first axis counts: Keras' activity regularizer.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let model = Sequential::new()
///     .then(Dense::new(64, 32).build(&mut params, "hidden"))
///     .then(Relu)
///     // Few units at a time.
///     .then(ActivationPenalty::new(L1(1e-3)));
///
/// let tape = Tape::training(&params, Seed(1));
/// let y = model.forward(tape.input(&Tensor::full([8, 64], 1.0)));
/// // After the forward pass: a penalty asked for before it would miss what is added there.
/// assert!(tape.item(tape.penalty()) > 0.0);
/// ```
///
/// [`Tape::penalty`]: crate::Tape::penalty
pub struct ActivationPenalty(Box<dyn Penalty>);

impl ActivationPenalty {
    /// A layer with this penalty.
    pub fn new(penalty: impl Penalty + 'static) -> Self {
        Self(Box::new(penalty))
    }
}

impl Layer for ActivationPenalty {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let examples = x.shape().first().copied().unwrap_or(1).max(1);
        x.graph().add_penalty(self.0.penalty(x) * (1.0 / examples as f64));
        x
    }
}
