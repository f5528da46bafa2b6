//! RMSProp.

use super::hyperparameter::Allowed;
use super::{Chain, Context, Convention, Epsilon, Rule, Schedule, Velocity, optimizer};
use crate::scalar::Scalar;

/// RMSProp: each gradient is divided by the root of the running mean of its squares.
///
/// ```text
/// s  = ρs + (1-ρ)g²
/// p -= rate · g / (√s + ε)
/// ```
///
/// where `s = 0` at first.
///
/// | hyperparameter | here | PyTorch | Keras |
/// |---|---|---|---|
/// | [`rho`](Self::rho) `ρ` | 0.9 | 0.99 (`alpha`) | 0.9 |
/// | [`eps`](Self::eps) `ε` | 1e-7 outside | 1e-8 outside | 1e-7 inside |
/// | [`centered`](Self::centered) | no | no | no |
/// | [`momentum`](Self::momentum) | none | 0 | 0 |
///
/// With [`Epsilon::Inside`] the root is `√(s + ε)`. Centered and momentum are other rules, which
/// remember more, and so other types: `RmsProp<T, R>`.
///
/// T. Tieleman, G. Hinton, *Lecture 6.5: rmsprop*, Neural networks for machine learning, 2012.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: RmsProp = RmsProp::new(1e-3).rho(0.99);
/// let mut params = Params::<f32>::new(Seed(42));
/// let w = params.add(Parameter::new("w", [2]));
/// let gradients = Gradients::new(&params, vec![1.0, 2.0], 0.0);
///
/// let mut centered = RmsProp::new(1e-3).centered().momentum(0.9).rho(0.95);
/// centered.step(&mut params, &gradients);
/// ```
#[derive(Clone, Debug)]
pub struct RmsProp<T: Scalar = f32, R: Rule<T> = MeanSquares>(Chain<R, T>);

impl<T: Scalar> RmsProp<T> {
    /// RMSProp at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        let rule = MeanSquares { rho: 0.9, eps: Epsilon::Outside(1e-7) };
        Self(Chain::named("RmsProp", rate.into(), rule))
    }

    /// Divides by the standard deviation instead: `√(s - m²)` with the running mean `m` of the
    /// gradient, `m = ρm + (1-ρ)g`. The variance is never below 0, whatever rounding does.
    ///
    /// A. Graves, *Generating sequences with recurrent neural networks*, 2013.
    pub fn centered(self) -> RmsProp<T, CenteredSquares> {
        RmsProp(self.0.with_rule(CenteredSquares))
    }
}

impl<T: Scalar, R: Rule<T> + Squares> RmsProp<T, R> {
    /// How much of the running mean is kept in a step.
    ///
    /// # Panics
    ///
    /// If it is not at least 0 and below 1.
    #[track_caller]
    pub fn rho(mut self, rho: f64) -> Self {
        self.0.rule.squares().rho = Allowed::Fraction.check("RmsProp", "rho", rho);
        self
    }

    /// What is added to the root, outside of it unless it says otherwise.
    ///
    /// # Panics
    ///
    /// If it is not finite and above 0 (in `f32`, too).
    #[track_caller]
    pub fn eps(mut self, eps: impl Into<Epsilon>) -> Self {
        self.0.rule.squares().eps = eps.into().checked("RmsProp");
        self
    }

    /// Adds momentum: `b = μb + g / (√s + ε)`, `p -= rate · b`, without dampening.
    ///
    /// # Panics
    ///
    /// If it is not at least 0 and below 1.
    #[track_caller]
    pub fn momentum(self, momentum: impl Into<Schedule>) -> RmsProp<T, (R, Velocity)> {
        let velocity = Velocity::new("RmsProp", momentum);
        RmsProp(self.0.with_rule(|squares| (squares, velocity)))
    }
}

impl<T: Scalar, R: Rule<T>> RmsProp<T, (R, Velocity)> {
    /// Which framework's form of momentum, PyTorch's by default. Keras':
    /// `b = μb + rate · g / √(s + ε)`, `p -= b`; the place of `ε` is chosen by
    /// [`eps`](Self::eps).
    pub fn convention(mut self, convention: Convention) -> Self {
        self.0.rule.1.convention = convention;
        self
    }
}

optimizer!([T: Scalar, R: Rule<T>] RmsProp<T, R>);

mod sealed {
    /// A rule that divides by a root of squares, maybe followed by others.
    pub trait Squares {
        /// Where its numbers are.
        fn squares(&mut self) -> &mut super::MeanSquares;
    }
}
use sealed::Squares;

impl Squares for MeanSquares {
    fn squares(&mut self) -> &mut MeanSquares {
        self
    }
}

impl Squares for CenteredSquares {
    fn squares(&mut self) -> &mut MeanSquares {
        &mut self.0
    }
}

impl<S: Squares> Squares for (S, Velocity) {
    fn squares(&mut self) -> &mut MeanSquares {
        self.0.squares()
    }
}

/// The rule of [`RmsProp`]: divides by the root of the running mean of squares.
#[derive(Clone, Debug)]
pub struct MeanSquares {
    rho: f64,
    eps: Epsilon,
}

impl<T: Scalar> Rule<T> for MeanSquares {
    type State = [T; 1];

    fn init(&self) -> [T; 1] {
        [T::ZERO]
    }

    fn slots(&self) -> Vec<&'static str> {
        vec!["square"]
    }

    fn formula(&self, _: Context<'_, T>) -> impl Fn(&mut [T; 1], T, T) -> T + Copy + Send + Sync {
        let [inside, outside] = self.eps.places().map(T::from_f64);
        let [rho, rest] = [self.rho, 1.0 - self.rho].map(T::from_f64);
        move |[square], _, gradient| {
            *square = rho * *square + rest * (gradient * gradient);
            gradient / ((*square + inside).sqrt() + outside)
        }
    }
}

/// The rule of centered [`RmsProp`]: divides by the root of the running variance.
#[derive(Clone, Debug)]
pub struct CenteredSquares(MeanSquares);

impl<T: Scalar> Rule<T> for CenteredSquares {
    type State = [T; 2];

    fn init(&self) -> [T; 2] {
        [T::ZERO; 2]
    }

    fn slots(&self) -> Vec<&'static str> {
        vec!["square", "mean"]
    }

    fn formula(&self, _: Context<'_, T>) -> impl Fn(&mut [T; 2], T, T) -> T + Copy + Send + Sync {
        let MeanSquares { rho, eps } = self.0;
        let [inside, outside] = eps.places().map(T::from_f64);
        let [rho, rest] = [rho, 1.0 - rho].map(T::from_f64);
        move |[square, mean], _, gradient| {
            *square = rho * *square + rest * (gradient * gradient);
            *mean = rho * *mean + rest * gradient;
            // Rounding may take the difference of two equal numbers below 0.
            let variance = (*square - *mean * *mean).maximum(T::ZERO);
            gradient / ((variance + inside).sqrt() + outside)
        }
    }
}
