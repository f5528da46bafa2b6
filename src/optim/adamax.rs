//! Adamax.

use super::{Chain, Context, Epsilon, Rule, Schedule, optimizer, setters};
use crate::scalar::Scalar;

/// Adamax: Adam with the largest recent gradient in place of the root of the mean square.
///
/// ```text
/// m  = β₁m + (1-β₁)g
/// u  = max(β₂u, |g|)
/// p -= rate / (1-β₁ᵗ) · m / (u + ε),   t = 1, 2, …
/// ```
///
/// | hyperparameter | here | PyTorch | Keras |
/// |---|---|---|---|
/// | [`beta1`](Self::beta1) `β₁` | 0.9 | 0.9 | 0.9 |
/// | [`beta2`](Self::beta2) `β₂` | 0.999 | 0.999 | 0.999 |
/// | [`eps`](Self::eps) `ε` | 1e-7 outside | 1e-8 inside | 1e-7 outside |
///
/// With [`Epsilon::Inside`], PyTorch's and optax' form, it stands inside of the maximum:
/// `u = max(β₂u, |g| + ε)` and no `ε` in the divisor.
///
/// D. P. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015, section 7.1.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: Adamax = Adamax::new(2e-3).eps(Epsilon::Inside(1e-8));
/// ```
#[derive(Clone, Debug)]
pub struct Adamax<T: Scalar = f32>(Chain<LargestGradient, T>);

impl<T: Scalar> Adamax<T> {
    /// Adamax at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        let rule = LargestGradient { beta1: 0.9, beta2: 0.999, eps: Epsilon::Outside(1e-7) };
        Self(Chain::named("Adamax", rate.into(), rule))
    }

    /// What is added to the maximum, outside of it unless it says otherwise.
    ///
    /// # Panics
    ///
    /// If it is not finite and above 0 (in `f32`, too).
    #[track_caller]
    pub fn eps(mut self, eps: impl Into<Epsilon>) -> Self {
        self.0.rule.eps = eps.into().checked("Adamax");
        self
    }
}

setters!(Adamax {
    /// How much of the running mean of gradients is kept in a step.
    beta1: Fraction = rule.beta1;
    /// How much of the largest gradient is kept in a step.
    beta2: Fraction = rule.beta2;
});

optimizer!(Adamax);

/// Divides the running mean of gradients by the largest of them, each older one worth less.
#[derive(Clone, Debug)]
struct LargestGradient {
    beta1: f64,
    beta2: f64,
    eps: Epsilon,
}

impl<T: Scalar> Rule<T> for LargestGradient {
    type State = [T; 2];

    fn init(&self) -> [T; 2] {
        [T::ZERO; 2]
    }

    fn slots(&self) -> Vec<&'static str> {
        vec!["mean", "largest"]
    }

    fn formula(
        &self,
        context: Context<'_, T>,
    ) -> impl Fn(&mut [T; 2], T, T) -> T + Copy + Send + Sync {
        let Self { beta1, beta2, eps } = *self;
        let correct = T::from_f64(1.0 / (1.0 - beta1.powf(context.step as f64 + 1.0)));
        let [beta1, rest1, beta2] = [beta1, 1.0 - beta1, beta2].map(T::from_f64);
        let [inside, outside] = eps.places().map(T::from_f64);
        move |[mean, largest], _, gradient| {
            *mean = beta1 * *mean + rest1 * gradient;
            *largest = (beta2 * *largest).maximum(gradient.abs() + inside);
            correct * *mean / (*largest + outside)
        }
    }
}
