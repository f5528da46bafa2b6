//! Random numbers for noise of one's own.

use super::random::Distribution;
use crate::graph::{Graph, Tape, Var};
use crate::scalar::Scalar;
use crate::shape::Shape;

impl Graph {
    /// `z ~ N(0, 1)`: independent numbers of the normal distribution with mean 0 and variance 1,
    /// for noise of one's own: `mean + std * z`. In inference they are their mean, 0.
    ///
    /// As all noise here, they are a pure function of the tape's seed, of which of the tape's random
    /// operations this is, and of the element's place: asking twice gives the same numbers, and the
    /// next call others. No gradient reaches them.
    ///
    /// The reparametrization of a variational autoencoder (D. Kingma and M. Welling, 2014), as
    /// a layer would write it:
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// fn sample<'t>(mean: Var<'t>, log_variance: Var<'t>) -> Var<'t> {
    ///     mean + (0.5 * log_variance).exp() * mean.graph().normal(mean.shape())
    /// }
    ///
    /// let params = Params::<f32>::new(Seed(0));
    /// let code = Tensor::full([2, 3], 1.5);
    /// let tape = Tape::training(&params, Seed(7));
    /// let drawn = tape.value(sample(tape.input(&code), tape.scalar(0.0).broadcast_to([2, 3])));
    /// assert_ne!(drawn, code);
    ///
    /// let tape = Tape::inference(&params);
    /// let mean = tape.value(sample(tape.input(&code), tape.scalar(0.0).broadcast_to([2, 3])));
    /// assert_eq!(mean, code);
    /// ```
    ///
    /// To draw without training, as from a generator, take [`Tape::sampling`].
    #[track_caller]
    pub fn normal(&self, shape: impl Into<Shape>) -> Var<'_> {
        self.drawn(shape.into(), Distribution::normal(0.0, 1.0), 0.0)
    }

    /// `u ~ U[0, 1)`: independent numbers, even from 0 to 1 without 1 itself; others by
    /// `low + (high - low) * u`. In inference they are their mean, ½. What else holds of
    /// [`normal`](Self::normal) holds of these.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let params = Params::<f32>::new(Seed(0));
    /// let tape = Tape::training(&params, Seed(7));
    /// // Gumbel noise: the largest of `logits + gumbel` is a draw of softmax.
    /// let gumbel = -(-tape.uniform([1000]).maximum(1e-7).ln()).ln();
    /// assert!((tape.item(gumbel.mean(..)) - 0.577).abs() < 0.2);
    /// ```
    #[track_caller]
    pub fn uniform(&self, shape: impl Into<Shape>) -> Var<'_> {
        self.drawn(shape.into(), Distribution::Uniform, 0.5)
    }

    /// `b ~ B(p)`: independent numbers that are 1 with this probability, to a multiple of 2⁻³², and
    /// else 0. In inference they are their mean, the probability. What else holds of
    /// [`normal`](Self::normal) holds of these.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// // Salt-and-pepper noise in a tenth of the places.
    /// let params = Params::<f32>::new(Seed(0));
    /// let tape = Tape::training(&params, Seed(7));
    /// let x = tape.input(&Tensor::full([8, 8], 0.5));
    /// let hit = tape.bernoulli(0.1, [8, 8]);
    /// let noisy = tape.value(hit.select(tape.bernoulli(0.5, [8, 8]), x));
    /// assert!(noisy.data().iter().all(|x| [0.0, 0.5, 1.0].contains(x)));
    /// ```
    ///
    /// # Panics
    ///
    /// If the probability is not in `0..=1`.
    #[track_caller]
    pub fn bernoulli(&self, probability: f64, shape: impl Into<Shape>) -> Var<'_> {
        let possible = (0.0..=1.0).contains(&probability);
        assert!(possible, "bernoulli: the probability has to be in 0..=1, got {probability}");
        self.drawn(shape.into(), Distribution::bernoulli(probability, 1.0), probability)
    }

    /// Numbers of this distribution, or their mean where no noise is drawn.
    #[track_caller]
    fn drawn(&self, shape: Shape, distribution: Distribution, mean: f64) -> Var<'_> {
        match self.mode().draws_noise() {
            true => self.noise(shape, distribution),
            false => self.scalar(mean).broadcast_to(shape),
        }
    }
}

impl<T: Scalar> Tape<'_, T> {
    /// Numbers of the normal distribution: see [`Graph::normal`].
    #[track_caller]
    pub fn normal(&self, shape: impl Into<Shape>) -> Var<'_> {
        self.graph().normal(shape)
    }

    /// Numbers that are even from 0 to 1: see [`Graph::uniform`].
    #[track_caller]
    pub fn uniform(&self, shape: impl Into<Shape>) -> Var<'_> {
        self.graph().uniform(shape)
    }

    /// Numbers that are 1 with this probability, else 0: see [`Graph::bernoulli`].
    #[track_caller]
    pub fn bernoulli(&self, probability: f64, shape: impl Into<Shape>) -> Var<'_> {
        self.graph().bernoulli(probability, shape)
    }
}
