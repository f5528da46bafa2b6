//! Parts of a model whose inner values are computed twice instead of being kept.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Array, Content, Operation, Site, write_call};
use crate::graph::{Operand, Var};
use crate::scalar::Scalar;
use crate::shape::Shape;

/// The end of a part: passes on its first input, the value that the part is there for. The second
/// input is a constant that was recorded where the part began, so that what was recorded between
/// the two is the part.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Remat;

impl Operation for Remat {
    fn name(&self) -> &'static str {
        "remat"
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        Ok(inputs[0].clone())
    }

    fn reads(&self) -> Option<&'static [Content]> {
        Some(&[Content::Numbers, Content::Numbers])
    }

    fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        (input == 0).then_some(site.g)
    }

    #[cfg(test)]
    fn rule(&self, input: usize) -> &'static str {
        if input == 0 { "`g`" } else { "none" }
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], _shape: &Shape, out: &mut [T]) {
        out.copy_from_slice(inputs[0].numbers());
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        write_call(f, self.name(), &inputs[..1], &[])
    }
}

impl<'t> Var<'t> {
    /// What `f` makes of this value, but with the values on the way computed again for the
    /// backward pass instead of being kept until then. This trades time for memory, and changes no
    /// bit of a value or a gradient.
    ///
    /// Without it, a training step keeps nearly all values of the forward pass. Of a part that is
    /// recorded here it keeps what the part reads from outside and its result; when the backward
    /// pass arrives, it repeats the part's operations and lets go of their values once it has
    /// passed. A model of `n` equal layers in `√n` parts so needs memory for about `2 √n` layers
    /// instead of `n`, for the time of one more forward pass (T. Chen et al., *Training deep nets
    /// with sublinear memory cost*, 2016). Parts may have parts of their own, which need less
    /// memory still and are computed once more for each level.
    ///
    /// Noise is a function of the tape's seed, so it is the same each time; state is
    /// [updated](crate::Graph::update) once. Sums are kept, being small as a rule. A value of the
    /// part that `f` hands out in another way than as its result is computed again where it is
    /// read later. Where there is no backward pass, nothing is repeated.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let mut params = Params::<f32>::new(Seed(0));
    /// let layers: Vec<Dense> =
    ///     (0..9).map(|i| Dense::new(8, 8).build(&mut params, &format!("layer{i}"))).collect();
    /// let input = Tensor::from_fn([4, 8], |i| (i as f32).sin());
    ///
    /// let tape = Tape::training(&params, Seed(1));
    /// let mut x = tape.input(&input);
    /// for part in layers.chunks(3) {
    ///     x = x.remat(|x| part.iter().fold(x, |x, layer| layer.forward(x).tanh()));
    /// }
    /// let gradients = tape.backward(x.square().mean(..));
    ///
    /// let tape = Tape::training(&params, Seed(1));
    /// let kept = layers.iter().fold(tape.input(&input), |x, layer| layer.forward(x).tanh());
    /// assert_eq!(gradients.flat(), tape.backward(kept.square().mean(..)).flat());
    /// ```
    ///
    /// # Panics
    ///
    /// If `f` returns a value of another tape.
    #[track_caller]
    pub fn remat(self, f: impl FnOnce(Var<'t>) -> Var<'t>) -> Var<'t> {
        let start = self.graph().scalar(0.0);
        let y = f(self).operand(self.graph());
        self.graph().record(Remat, &[y.id(), start.id()])
    }
}
