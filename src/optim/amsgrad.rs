//! AMSGrad.

use super::adam::{Moments, moments};
use super::{Chain, Context, Rule, Schedule, optimizer};
use crate::scalar::Scalar;

/// AMSGrad: Adam whose divisor never shrinks.
///
/// ```text
/// m  = β₁m + (1-β₁)g
/// v  = β₂v + (1-β₂)g²
/// x  = max(x, v)
/// p -= rate · (m / (1-β₁ᵗ)) / (√(x / (1-β₂ᵗ)) + ε),   t = 1, 2, …
/// ```
///
/// The hyperparameters are [`Adam`](super::Adam)'s. PyTorch and Keras (with
/// [`eps_hat`](Self::eps_hat)) have this form; optax takes the
/// [maximum of the corrected](Self::maximum_of_corrected) `v`.
///
/// S. J. Reddi, S. Kale, S. Kumar, *On the convergence of Adam and beyond*, ICLR 2018.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: AmsGrad = AmsGrad::new(1e-3).beta2(0.99);
/// ```
#[derive(Clone, Debug)]
pub struct AmsGrad<T: Scalar = f32>(Chain<LargestMoments, T>);

impl<T: Scalar> AmsGrad<T> {
    /// AMSGrad at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        let rule = LargestMoments { moments: Moments::default(), of_corrected: false };
        Self(Chain::named("AmsGrad", rate.into(), rule))
    }

    /// `x = max(x, v / (1-β₂ᵗ))` and the root of `x` itself: optax' form.
    pub fn maximum_of_corrected(mut self) -> Self {
        self.0.rule.of_corrected = true;
        self
    }
}

moments!(AmsGrad, rule.moments);

optimizer!(AmsGrad);

/// Divides the running mean of gradients by the root of the largest running mean of squares so far.
#[derive(Clone, Debug)]
struct LargestMoments {
    moments: Moments,
    /// Whether what is compared is corrected first.
    of_corrected: bool,
}

impl<T: Scalar> Rule<T> for LargestMoments {
    type State = [T; 3];

    fn init(&self) -> [T; 3] {
        [T::ZERO; 3]
    }

    fn slots(&self) -> Vec<&'static str> {
        let largest = if self.of_corrected { "largest_corrected" } else { "largest" };
        vec!["mean", "square", largest]
    }

    fn formula(
        &self,
        context: Context<'_, T>,
    ) -> impl Fn(&mut [T; 3], T, T) -> T + Copy + Send + Sync {
        let [mean_factor, root_factor, eps] = self.moments.corrections(context.step);
        let (before, after) =
            if self.of_corrected { (root_factor * root_factor, 1.0) } else { (1.0, root_factor) };
        let [mean_factor, before, after, eps] = [mean_factor, before, after, eps].map(T::from_f64);
        let [beta1, rest1, beta2, rest2] = self.moments.weights::<T>();
        move |[mean, square, largest], _, gradient| {
            *mean = beta1 * *mean + rest1 * gradient;
            *square = beta2 * *square + rest2 * (gradient * gradient);
            *largest = largest.maximum(before * *square);
            mean_factor * *mean / (after * largest.sqrt() + eps)
        }
    }
}
