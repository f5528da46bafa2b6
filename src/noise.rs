//! Noise: *training adds it, testing marginalizes over it.*
//!
//! Dropout, DropConnect, stochastic depth, random pooling, noise on values and even the choice of
//! a batch all follow one pattern. While training, a random `ξ` is drawn anew in each step, and
//! gradient descent follows the mean loss over it:
//!
//! ```text
//! training:  y = f(x, ξ)          ξ drawn from the step's seed
//! testing:   y = E[f(x, ξ)]       the mean over ξ
//! ```
//!
//! The network is so made to predict well under all of these disturbances, and at test time it
//! stands for the whole ensemble of networks that it has been. What the layers differ in is what
//! they disturb, and how they come by that mean without drawing: exactly where `y` is linear in
//! the noise, else by an approximation, such as that the mean of a function is the function of the
//! mean.
//!
//! | noise | in training | at test time | exact |
//! |---|---|---|---|
//! | [`Dropout`] | `x · m/p`, `m` is 1 with probability `p`, else 0 | `x` | if linear from there on |
//! | [`OriginalDropout`] | `x · m` | `x · p` | as above |
//! | [`SpatialDropout`] | as dropout, one `m` a channel | `x` | as above |
//! | [`AlphaDropout`] | `a (m x + (1-m) x₀) + b`, `x₀ = -1.7581` | `x` | mean 0 and variance 1 stay |
//! | [`GaussianDropout`] | `x · z`, `z` normal, mean 1, variance `(1-p)/p` | `x` | if linear from there on |
//! | [`GaussianNoise`] | `x + z`, `z` normal with mean 0 | `x` | as above |
//! | [`DropConnect`] | `f((W ∘ M/p) x)` | `f(W x)`, the mean network | if `f` is linear |
//! | … [`gaussian`](crate::layers::DropConnectBuilder::gaussian) | the same | mean of `f(u)` over draws of a normal `u` with the mean and variance of `(W ∘ M/p) x` | for many inputs |
//! | [`StochasticDepth`] | `x + f(x) · b/p`, `b` is 1 or 0 | `x + f(x)` | if linear from there on |
//! | [`FractionalMaxPool2d`] | regions cut at random | one cut, or a mean over several | |
//! | [`BatchNorm`] | mean and variance of a random batch | their running means | for large batches |
//!
//! `p` is the share that is kept, one minus the rate. Where a factor of `p` can stand on either
//! side, it divides in training (the *inverted* form), so that at test time the network is taken as
//! it is; [`Scaling::Original`](crate::layers::Scaling::Original) is the form of the papers.
//!
//! Which of the two happens is a property of the tape, never of the model:
//!
//! | tape | noise | statistics of [`BatchNorm`] |
//! |---|---|---|
//! | [`Tape::training`]`(params, seed)` | drawn from the seed | of the batch; running ones take them in |
//! | [`Tape::inference`]`(params)` | as the column *at test time* says | running |
//! | [`Tape::sampling`]`(params, seed)` | drawn from the seed | running, and left as they are |
//!
//! Noise is drawn in a counter-based way, from the seed, the number of the random operation on the
//! tape and the element's place: the same seed gives the same noise on any number of threads and in
//! either precision, so that a gradient check sees one and the same function.
//!
//! Noise of your own is made of [`Graph::normal`](crate::Graph::normal),
//! [`Graph::uniform`](crate::Graph::uniform) and [`Graph::bernoulli`](crate::Graph::bernoulli),
//! which a layer reaches by [`Var::graph`]. They follow the same pattern: drawn from the seed in
//! training, their own mean at test time.
//!
//! [`marginalize`] takes the mean over the noise by brute force, from many tapes that sample, so
//! that any of the approximations above can be compared with what it approximates. The standard
//! deviation from pass to pass says how sure the ensemble is (Y. Gal and Z. Ghahramani, 2016).
//!
//! ```
//! use gradtape::noise::marginalize;
//! use gradtape::prelude::*;
//!
//! let mut params = Params::<f32>::new(Seed(42));
//! let model = Sequential::new()
//!     .then(Dense::new(8, 64).init(HeNormal).build(&mut params, "hidden"))
//!     .then(Relu)
//!     .then(Dropout(0.5))
//!     .then(Dense::new(64, 3).build(&mut params, "output"))
//!     .then(Softmax);
//! let x = Tensor::from_fn([2, 8], |i| (i as f32).sin());
//!
//! // Training: noise.
//! let tape = Tape::training(&params, Seed(1));
//! let noisy = tape.value(model.forward(tape.input(&x)));
//!
//! // Testing: the mean over it, approximately in one pass ...
//! let tape = Tape::inference(&params);
//! let approximate = tape.value(model.forward(tape.input(&x)));
//!
//! // ... or as exactly as a thousand passes can.
//! let exact = marginalize(&params, 1000, Seed(2), |tape| model.forward(tape.input(&x)));
//!
//! let distance = |y: &Tensor| -> f32 {
//!     y.data().iter().zip(exact.mean.data()).map(|(y, mean)| (y - mean).abs()).sum()
//! };
//! assert!(distance(&approximate) < distance(&noisy));
//! ```
//!
//! [`Dropout`]: crate::layers::Dropout
//! [`OriginalDropout`]: crate::layers::OriginalDropout
//! [`SpatialDropout`]: crate::layers::SpatialDropout
//! [`AlphaDropout`]: crate::layers::AlphaDropout
//! [`GaussianDropout`]: crate::layers::GaussianDropout
//! [`GaussianNoise`]: crate::layers::GaussianNoise
//! [`DropConnect`]: crate::layers::DropConnect
//! [`StochasticDepth`]: crate::layers::StochasticDepth
//! [`FractionalMaxPool2d`]: crate::layers::FractionalMaxPool2d
//! [`BatchNorm`]: crate::layers::BatchNorm

use crate::graph::{Tape, Var};
use crate::params::Params;
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::tensor::Tensor;

/// What is left of a value when its noise is averaged over.
#[derive(Clone, Debug)]
pub struct Marginal<T: Scalar = f32> {
    /// The mean over all passes.
    pub mean: Tensor<T>,
    /// The standard deviation from pass to pass, estimated without bias. That of the mean is
    /// smaller by a factor of the root of the number of passes.
    pub std: Tensor<T>,
    /// The number of passes.
    pub passes: usize,
}

/// Averages a value over its noise by brute force: the mean of this many passes, each on a tape of
/// its own, [`Tape::sampling`], whose seed derives from this one.
///
/// What inference computes in one pass is an approximation of it, exact where the value is linear
/// in the noise. The passes share their plan and memory; noise is drawn as in training, but
/// running statistics are used as they are.
///
/// ```
/// use gradtape::noise::marginalize;
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(0));
/// let output = Dense::new(16, 3).build(&mut params, "output");
/// let x = Tensor::full([1, 16], 1.0);
///
/// // The output is linear in the mask, so inference has the very mean.
/// let noisy = marginalize(&params, 1000, Seed(1), |tape| output.forward(tape.input(&x).dropout(0.5)));
/// let tape = Tape::inference(&params);
/// let y = tape.value(output.forward(tape.input(&x).dropout(0.5)));
/// for i in 0..3 {
///     let error = 5.0 * noisy.std.data()[i] / 1000_f32.sqrt();
///     assert!((noisy.mean.data()[i] - y.data()[i]).abs() < error);
/// }
/// ```
///
/// # Panics
///
/// If there are fewer than two passes, or the value's shape differs from pass to pass.
#[track_caller]
pub fn marginalize<T: Scalar>(
    params: &Params<T>,
    passes: usize,
    seed: Seed,
    value: impl for<'t> Fn(&'t Tape<'_, T>) -> Var<'t>,
) -> Marginal<T> {
    Marginal::over(passes, seed, |seed| {
        let tape = Tape::sampling(params, seed);
        let value = value(&tape);
        tape.value(value)
    })
}

impl<T: Scalar> Marginal<T> {
    /// The mean of this many passes, each made from a seed of its own that derives from this one:
    /// what [`marginalize`] does, for noise that is not on a tape that samples, such as
    /// augmentation or the choice of a batch.
    ///
    /// ```
    /// use gradtape::noise::Marginal;
    /// use gradtape::prelude::*;
    ///
    /// let mut params = Params::<f32>::new(Seed(0));
    /// let model = Dense::new(64, 10).build(&mut params, "output");
    /// let image = datasets::digits8x8()?.batch(0..1).x;
    ///
    /// // test-time augmentation
    /// let mut augment = Augment::new().flattened([1, 8, 8]).shift(1);
    /// let mean = Marginal::over(20, Seed(1), |seed| {
    ///     let tape = Tape::inference(&params);
    ///     let moved = augment.apply(&image, &[0], seed);
    ///     tape.value(model.forward(tape.input(&moved)).softmax(-1))
    /// });
    /// assert_eq!(*mean.mean.shape(), [1, 10].into());
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// As [`marginalize`].
    #[track_caller]
    pub fn over(passes: usize, seed: Seed, mut pass: impl FnMut(Seed) -> Tensor<T>) -> Self {
        assert!(passes > 1, "marginalize: {passes} passes; a mean and its error need two at least");
        let mut pass = |number: usize| pass(seed.derive(number as u64));
        // In one go (B. P. Welford, 1962), and in double precision.
        let first = pass(0);
        let mut moments: Vec<(f64, f64)> = first.data().iter().map(|x| (x.to_f64(), 0.0)).collect();
        for count in 1..passes {
            let next = pass(count);
            let (shape, other) = (first.shape(), next.shape());
            assert!(shape == other, "marginalize: shape {shape} in one pass, {other} in another");
            for ((mean, squares), x) in moments.iter_mut().zip(next.data()) {
                let off = x.to_f64() - *mean;
                *mean += off / (count + 1) as f64;
                *squares += off * (x.to_f64() - *mean);
            }
        }
        let variance = |squares: f64| squares / (passes - 1) as f64;
        Self {
            mean: Tensor::from_fn(first.shape(), |i| T::from_f64(moments[i].0)),
            std: Tensor::from_fn(first.shape(), |i| T::from_f64(variance(moments[i].1).sqrt())),
            passes,
        }
    }

    /// How far the mean of so many passes is off, root mean square over all elements: that of one
    /// pass divided by the root of their number.
    pub fn error_of_mean(&self, passes: usize) -> f64 {
        let squares = self.std.data().iter().map(|std| std.to_f64().powi(2));
        (mean(squares) / passes as f64).sqrt()
    }

    /// How far a value is from what it approximates, the mean of infinitely many passes, root mean
    /// square over all elements. It is measured from the mean of those that there are, and what
    /// that is off itself is taken off; 0 if that is all.
    ///
    /// ```
    /// use gradtape::noise::marginalize;
    /// use gradtape::prelude::*;
    ///
    /// let params = Params::<f64>::new(Seed(0));
    /// let x = Tensor::full([1000], 1.0);
    /// let noisy = marginalize(&params, 100, Seed(1), |tape| tape.input(&x).gaussian_noise(0.5));
    /// assert!((noisy.error_of_mean(1) - 0.5).abs() < 0.01);
    /// assert!((noisy.distance(&Tensor::full([1000], 1.2)) - 0.2).abs() < 0.01);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is of another shape.
    #[track_caller]
    pub fn distance(&self, value: &Tensor<T>) -> f64 {
        let (shape, other) = (self.mean.shape(), value.shape());
        assert!(shape == other, "distance: a value of shape {other}, a mean of shape {shape}");
        let pairs = value.data().iter().zip(self.mean.data());
        let square = mean(pairs.map(|(a, b)| (a.to_f64() - b.to_f64()).powi(2)));
        (square - self.error_of_mean(self.passes).powi(2)).max(0.0).sqrt()
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
