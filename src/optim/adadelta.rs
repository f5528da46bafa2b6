//! AdaDelta.

use super::{Chain, Context, Rule, Schedule, optimizer, setters};
use crate::scalar::Scalar;

/// AdaDelta: as [`RmsProp`](super::RmsProp), times the root of the running mean of squared steps, so
/// that steps have the units of the parameters and the rate is a mere factor.
///
/// ```text
/// s  = ρs + (1-ρ)g²
/// d  = √(u + ε) / √(s + ε) · g
/// u  = ρu + (1-ρ)d²
/// p -= rate · d
/// ```
///
/// where `s = u = 0` at first. Keras has the same form.
///
/// | hyperparameter | here | PyTorch | Keras |
/// |---|---|---|---|
/// | rate | none | 1 | 0.001 |
/// | [`rho`](Self::rho) `ρ` | 0.9 | 0.9 | 0.95 |
/// | [`eps`](Self::eps) `ε`, which sets the size of the first steps | 1e-6 | 1e-6 | 1e-7 |
///
/// M. D. Zeiler, *ADADELTA: an adaptive learning rate method*, 2012, whose rate is 1.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: AdaDelta = AdaDelta::new(1.0).rho(0.95);
/// ```
#[derive(Clone, Debug)]
pub struct AdaDelta<T: Scalar = f32>(Chain<RelativeSteps, T>);

impl<T: Scalar> AdaDelta<T> {
    /// AdaDelta at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        Self(Chain::named("AdaDelta", rate.into(), RelativeSteps { rho: 0.9, eps: 1e-6 }))
    }
}

setters!(AdaDelta {
    /// How much of the running means is kept in a step.
    rho: Fraction = rule.rho;
    /// What is added to both means, inside of the roots.
    eps: Positive = rule.eps;
});

optimizer!(AdaDelta);

/// Divides by the root of squared gradients and multiplies by that of squared steps.
#[derive(Clone, Debug)]
struct RelativeSteps {
    rho: f64,
    eps: f64,
}

impl<T: Scalar> Rule<T> for RelativeSteps {
    type State = [T; 2];

    fn init(&self) -> [T; 2] {
        [T::ZERO; 2]
    }

    fn slots(&self) -> Vec<&'static str> {
        vec!["square", "step_square"]
    }

    fn formula(&self, _: Context<'_, T>) -> impl Fn(&mut [T; 2], T, T) -> T + Copy + Send + Sync {
        let [rho, rest, eps] = [self.rho, 1.0 - self.rho, self.eps].map(T::from_f64);
        move |[square, step_square], _, gradient| {
            *square = rho * *square + rest * (gradient * gradient);
            let step = (*step_square + eps).sqrt() / (*square + eps).sqrt() * gradient;
            *step_square = rho * *step_square + rest * (step * step);
            step
        }
    }
}
