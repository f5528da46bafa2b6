//! The small number that protects a division.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::hyperparameter::Allowed;

/// What keeps a division by a root from blowing up, and where it stands. It bounds the step of a
/// value whose gradients have been small; where they are far larger than `√ε`, the place does not
/// matter.
///
/// A plain number stands outside.
///
/// ```
/// use gradtape::optim::{Epsilon, RmsProp};
///
/// let pytorch: RmsProp = RmsProp::new(1e-2).rho(0.99).eps(1e-8);
/// let keras: RmsProp = RmsProp::new(1e-3).rho(0.9).eps(Epsilon::Inside(1e-7));
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Epsilon {
    /// `√s + ε`: PyTorch's form.
    Outside(f64),
    /// `√(s + ε)`: Keras' and optax' form.
    Inside(f64),
}

impl From<f64> for Epsilon {
    fn from(eps: f64) -> Self {
        Epsilon::Outside(eps)
    }
}

impl fmt::Display for Epsilon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Epsilon::Outside(eps) => write!(f, "{eps} outside of the root"),
            Epsilon::Inside(eps) => write!(f, "{eps} inside of the root"),
        }
    }
}

impl Epsilon {
    /// What is added inside and what outside.
    pub(super) fn places(self) -> [f64; 2] {
        match self {
            Epsilon::Outside(eps) => [0.0, eps],
            Epsilon::Inside(eps) => [eps, 0.0],
        }
    }

    /// The number and its place, if the number is allowed.
    #[track_caller]
    pub(super) fn checked(self, owner: &str) -> Self {
        let (Epsilon::Outside(eps) | Epsilon::Inside(eps)) = self;
        Allowed::Positive.check(owner, "eps", eps);
        self
    }
}
