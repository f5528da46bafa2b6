//! Stochastic depth: residual blocks that are skipped at random.

use super::{NoisePer, Scaling};
use crate::graph::Var;
use crate::layers::Layer;
use crate::layers::residual::branch;
use crate::ops::random::Distribution;
use crate::shape::Shape;

/// A residual block, `x + f(x)`, whose branch `f` survives with some probability while training
/// and is skipped otherwise (G. Huang et al., 2016; also called drop path).
///
/// Each example is decided on for itself, or all of a batch together
/// ([`per_batch`](Self::per_batch), as in the paper). A branch that survives is divided by its
/// probability, and inference uses the block as it is; the paper multiplies the branch by the
/// probability in inference instead ([`Scaling::Original`]).
///
/// What is skipped is computed all the same: the graph of a step does not depend on its seed.
///
/// ```
/// use gradtape::prelude::*;
///
/// // Deeper blocks survive less often, the last one with probability 0.5.
/// let mut params = Params::<f32>::new(Seed(42));
/// let mut model = Sequential::new();
/// for (i, survival) in StochasticDepth::linear_decay(4, 0.5).enumerate() {
///     let branch = Sequential::new()
///         .then(Dense::new(16, 16).build(&mut params, &format!("block{i}")))
///         .then(Relu);
///     model = model.then(StochasticDepth::new(branch, survival));
/// }
/// let tape = Tape::training(&params, Seed(1));
/// assert_eq!(model.forward(tape.input(&Tensor::zeros([8, 16]))).shape(), [8, 16].into());
/// ```
pub struct StochasticDepth {
    inner: Box<dyn Layer>,
    survival: f64,
    scaling: Scaling,
    per: NoisePer,
}

impl StochasticDepth {
    /// A block with this branch, which survives with this probability.
    ///
    /// # Panics
    ///
    /// If the probability is not above 0 and at most 1.
    #[track_caller]
    pub fn new(inner: impl Layer + 'static, survival: f64) -> Self {
        assert!(
            survival > 0.0 && survival <= 1.0,
            "StochasticDepth: the probability of survival has to be in (0, 1], got {survival}"
        );
        let (scaling, per) = (Scaling::Inverted, NoisePer::Example);
        Self { inner: Box::new(inner), survival, scaling, per }
    }

    /// Skips the branch for all of a batch or for none.
    pub fn per_batch(mut self) -> Self {
        self.per = NoisePer::Batch;
        self
    }

    /// When it is made up for that the branch is skipped.
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// The paper's rule for the probabilities of `blocks` blocks: `1 - l/L · (1 - last)` for block
    /// `l = 1, .., L`, since what early blocks find is used by all others.
    pub fn linear_decay(blocks: usize, last: f64) -> impl Iterator<Item = f64> {
        (1..=blocks).map(move |block| 1.0 - block as f64 / blocks as f64 * (1.0 - last))
    }
}

impl Layer for StochasticDepth {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let (noisy, shape) = (x.graph().mode().draws_noise(), x.shape());
        let y = branch("StochasticDepth", &*self.inner, x);
        if !noisy || self.survival == 1.0 {
            return x + self.scaling.apply(y, noisy, self.survival);
        }
        let draws = |axis: usize| match self.per {
            NoisePer::Example if axis == 0 => shape[0],
            _ => 1,
        };
        let gates: Shape = (0..shape.rank()).map(draws).collect();
        let factor = self.scaling.factor(noisy, self.survival);
        x + y * x.graph().noise(gates, Distribution::bernoulli(self.survival, factor))
    }
}
