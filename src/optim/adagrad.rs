//! AdaGrad.

use super::hyperparameter::Allowed;
use super::{Chain, Rule, Schedule, optimizer};
use crate::params::Gradients;
use crate::scalar::Scalar;

/// AdaGrad: each value has a rate of its own, which shrinks as its gradients add up.
///
/// ```text
/// a  = a + g²
/// p -= rate · g / (√a + ε)
/// ```
///
/// | hyperparameter | default |
/// |---|---|
/// | [`eps`](Self::eps) `ε` | 1e-7 |
/// | [`initial_sum`](Self::initial_sum), `a` at first | 0 |
///
/// This is PyTorch's form, where `ε` stands outside of the root and is 1e-10 by default. Keras
/// divides by `√(a + ε)` and starts at `a = 0.1`. PyTorch's `lr_decay` is a schedule:
/// `|step: u64| rate / (1.0 + step as f64 * lr_decay)`.
///
/// J. Duchi, E. Hazan, Y. Singer, *Adaptive subgradient methods for online learning and stochastic
/// optimization*, JMLR 12, 2011.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: AdaGrad = AdaGrad::new(0.01).initial_sum(0.1);
/// ```
#[derive(Clone, Debug)]
pub struct AdaGrad<T: Scalar = f32>(Chain<SumOfSquares, T>);

impl<T: Scalar> AdaGrad<T> {
    /// AdaGrad at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        Self(Chain::named("AdaGrad", rate.into(), SumOfSquares { initial_sum: 0.0, eps: 1e-7 }))
    }

    /// What is added to the root: it bounds the step of a value whose gradients have been small.
    ///
    /// # Panics
    ///
    /// If it is not above 0.
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> Self {
        self.0.rule.eps = Allowed::Positive.check("AdaGrad", "eps", eps);
        self
    }

    /// The sum of squares at first: it bounds the first steps, whose size is else that of the rate.
    ///
    /// # Panics
    ///
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn initial_sum(mut self, sum: f64) -> Self {
        self.0.rule.initial_sum = Allowed::NotNegative.check("AdaGrad", "initial_sum", sum);
        self
    }
}

optimizer!(AdaGrad);

/// Divides by the root of the sum of all squares so far.
#[derive(Clone, Debug)]
struct SumOfSquares {
    initial_sum: f64,
    eps: f64,
}

impl<T: Scalar> Rule<T> for SumOfSquares {
    type State = [T; 1];

    fn init(&self) -> [T; 1] {
        [T::from_f64(self.initial_sum)]
    }

    fn formula(
        &self,
        _: u64,
        _: &Gradients<T>,
    ) -> impl Fn(&mut [T; 1], T, T) -> T + Copy + Send + Sync {
        let eps = T::from_f64(self.eps);
        move |[sum], _, gradient| {
            *sum += gradient * gradient;
            gradient / (sum.sqrt() + eps)
        }
    }
}
