//! Adam.

use super::{Chain, Context, Rule, Schedule, optimizer};
use crate::scalar::Scalar;

/// Adam: a running mean of the gradient, divided by the root of the running mean of its square,
/// both corrected for having started at 0.
///
/// ```text
/// m  = β₁m + (1-β₁)g
/// v  = β₂v + (1-β₂)g²
/// p -= rate · (m / (1-β₁ᵗ)) / (√(v / (1-β₂ᵗ)) + ε),   t = 1, 2, …
/// ```
///
/// | hyperparameter | here | PyTorch | Keras |
/// |---|---|---|---|
/// | [`beta1`](Self::beta1) `β₁` | 0.9 | 0.9 | 0.9 |
/// | [`beta2`](Self::beta2) `β₂` | 0.999 | 0.999 | 0.999 |
/// | [`eps`](Self::eps) `ε` | 1e-7 | 1e-8 | |
/// | [`eps_hat`](Self::eps_hat) `ε̂` | | | 1e-7 |
///
/// With [`eps_hat`](Self::eps_hat), which is Keras' form, it is added before the correction:
/// `p -= rate · √(1-β₂ᵗ) / (1-β₁ᵗ) · m / (√v + ε̂)`. The first steps are then smaller where gradients
/// are of the size of `ε̂`. A weight decay may be of either kind; [`AdamW`](super::AdamW) is this
/// with the decoupled one.
///
/// D. P. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: Adam = Adam::new(1e-3).beta1(0.95).eps(1e-8);
/// ```
#[derive(Clone, Debug)]
pub struct Adam<T: Scalar = f32>(Chain<Moments, T>);

impl<T: Scalar> Adam<T> {
    /// Adam at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        Self(Chain::named("Adam", rate.into(), Moments::default()))
    }
}

/// Makes the setters of optimizers that divide by a root of `v`.
macro_rules! moments {
    ($name:ident, $($field:ident).+) => {
        $crate::optim::setters!($name {
            /// How much of the running mean of gradients is kept in a step.
            beta1: Fraction = $($field).+.beta1;
            /// How much of the running mean of squares is kept in a step.
            beta2: Fraction = $($field).+.beta2;
        });

        impl<T: $crate::Scalar> $name<T> {
            /// What is added to the corrected root, `√(v / (1-β₂ᵗ)) + ε`, in place of
            /// [`eps_hat`](Self::eps_hat): it bounds the step of a value whose gradients have been
            /// small.
            ///
            /// # Panics
            ///
            /// If it is not finite and above 0 (in `f32`, too).
            #[track_caller]
            pub fn eps(mut self, eps: f64) -> Self {
                let allowed = $crate::optim::hyperparameter::Allowed::Positive;
                self.0.$($field).+.eps = allowed.check(stringify!($name), "eps", eps);
                self.0.$($field).+.before_correction = false;
                self
            }

            /// What is added to the root before its correction, `(√v + ε̂) / √(1-β₂ᵗ)`, in place of
            /// [`eps`](Self::eps): Keras' form, and the paper's "epsilon hat".
            ///
            /// # Panics
            ///
            /// If it is not finite and above 0 (in `f32`, too).
            #[track_caller]
            pub fn eps_hat(mut self, eps: f64) -> Self {
                let allowed = $crate::optim::hyperparameter::Allowed::Positive;
                self.0.$($field).+.eps = allowed.check(stringify!($name), "eps_hat", eps);
                self.0.$($field).+.before_correction = true;
                self
            }
        }
    };
}
pub(super) use moments;

moments!(Adam, rule);

optimizer!(Adam);

/// Divides the running mean of gradients by the root of that of squares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub(super) beta1: f64,
    pub(super) beta2: f64,
    pub(super) eps: f64,
    /// Whether `eps` is added before the root is corrected.
    pub(super) before_correction: bool,
}

impl Default for Moments {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-7, before_correction: false }
    }
}

impl Moments {
    /// What the mean, the root of squares and nothing are corrected with: two factors and `ε`.
    pub(super) fn corrections(&self, step: u64) -> [f64; 3] {
        let t = step as f64 + 1.0;
        let mean = 1.0 / (1.0 - self.beta1.powf(t));
        let root = 1.0 / (1.0 - self.beta2.powf(t)).sqrt();
        [mean, root, if self.before_correction { root * self.eps } else { self.eps }]
    }

    /// `[β₁, 1-β₁, β₂, 1-β₂]`
    pub(super) fn weights<T: Scalar>(&self) -> [T; 4] {
        [self.beta1, 1.0 - self.beta1, self.beta2, 1.0 - self.beta2].map(T::from_f64)
    }
}

impl<T: Scalar> Rule<T> for Moments {
    type State = [T; 2];

    fn init(&self) -> [T; 2] {
        [T::ZERO; 2]
    }

    fn slots(&self) -> Vec<&'static str> {
        vec!["mean", "square"]
    }

    fn formula(
        &self,
        context: Context<'_, T>,
    ) -> impl Fn(&mut [T; 2], T, T) -> T + Copy + Send + Sync {
        let [mean_factor, root_factor, eps] = self.corrections(context.step).map(T::from_f64);
        let [beta1, rest1, beta2, rest2] = self.weights::<T>();
        move |[mean, square], _, gradient| {
            *mean = beta1 * *mean + rest1 * gradient;
            *square = beta2 * *square + rest2 * (gradient * gradient);
            mean_factor * *mean / (root_factor * square.sqrt() + eps)
        }
    }
}
