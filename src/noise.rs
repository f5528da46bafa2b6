//! Noise: *training adds it, testing marginalizes over it*.
//!
//! (documentation page)

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
    assert!(passes > 1, "marginalize: {passes} passes; a mean and its error need two at least");
    let pass = |pass: usize| {
        let tape = Tape::sampling(params, seed.derive(pass as u64));
        let value = value(&tape);
        tape.value(value)
    };
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
    Marginal {
        mean: Tensor::from_fn(first.shape(), |i| T::from_f64(moments[i].0)),
        std: Tensor::from_fn(first.shape(), |i| T::from_f64(variance(moments[i].1).sqrt())),
    }
}
