//! Stochastic gradient descent.

use super::{Chain, Context, Rule, Schedule, optimizer};
use crate::scalar::Scalar;

/// Stochastic gradient descent: `p -= rate · g`. [`Momentum`](super::Momentum) and
/// [`Nesterov`](super::Nesterov) are the same with momentum.
///
/// H. Robbins, S. Monro, *A stochastic approximation method*, 1951.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: Sgd = Sgd::new(0.1);
/// ```
#[derive(Clone, Debug)]
pub struct Sgd<T: Scalar = f32>(Chain<Descent, T>);

impl<T: Scalar> Sgd<T> {
    /// Gradient descent at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        Self(Chain::named("Sgd", rate.into(), Descent))
    }
}

optimizer!(Sgd);

/// The step is the gradient.
#[derive(Clone, Debug)]
struct Descent;

impl<T: Scalar> Rule<T> for Descent {
    type State = [T; 0];

    fn init(&self) -> [T; 0] {
        []
    }

    fn slots(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn formula(&self, _: Context<'_, T>) -> impl Fn(&mut [T; 0], T, T) -> T + Copy + Send + Sync {
        |_, _, gradient| gradient
    }
}
