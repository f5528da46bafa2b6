//! AdaGrad.

use super::{Chain, Context, Epsilon, Rule, Schedule, optimizer, setters};
use crate::scalar::Scalar;

/// AdaGrad: each value has a rate of its own, which shrinks as its gradients add up.
///
/// ```text
/// a  = a + g²
/// p -= rate · g / (√a + ε)
/// ```
///
/// | hyperparameter | here | PyTorch | Keras |
/// |---|---|---|---|
/// | [`eps`](Self::eps) `ε` | 1e-7 outside | 1e-10 outside | 1e-7 inside |
/// | [`initial_sum`](Self::initial_sum), `a` at first | 0 | 0 | 0.1 |
///
/// With [`Epsilon::Inside`] the root is `√(a + ε)`. PyTorch's `lr_decay` is a schedule:
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
        let rule = SumOfSquares { initial_sum: 0.0, eps: Epsilon::Outside(1e-7) };
        Self(Chain::named("AdaGrad", rate.into(), rule))
    }

    /// What is added to the root, outside of it unless it says otherwise.
    ///
    /// # Panics
    ///
    /// If it is not finite and above 0 (in `f32`, too).
    #[track_caller]
    pub fn eps(mut self, eps: impl Into<Epsilon>) -> Self {
        self.0.rule.eps = eps.into().checked("AdaGrad");
        self
    }
}

setters!(AdaGrad {
    /// The sum of squares at first: it bounds the first steps, whose size is else that of the rate.
    initial_sum: NotNegative = rule.initial_sum;
});

optimizer!(AdaGrad);

/// Divides by the root of the sum of all squares so far.
#[derive(Clone, Debug)]
struct SumOfSquares {
    initial_sum: f64,
    eps: Epsilon,
}

impl<T: Scalar> Rule<T> for SumOfSquares {
    type State = [T; 1];

    fn init(&self) -> [T; 1] {
        [T::from_f64(self.initial_sum)]
    }

    fn slots(&self) -> Vec<&'static str> {
        vec!["sum"]
    }

    fn formula(&self, _: Context<'_, T>) -> impl Fn(&mut [T; 1], T, T) -> T + Copy + Send + Sync {
        let [inside, outside] = self.eps.places().map(T::from_f64);
        move |[sum], _, gradient| {
            *sum += gradient * gradient;
            gradient / ((*sum + inside).sqrt() + outside)
        }
    }
}
