//! NAdam.

use super::adam::{Moments, moments};
use super::{Chain, Context, Rule, Schedule, optimizer, setters};
use crate::scalar::Scalar;

/// NAdam: Adam that looks ahead as Nesterov's momentum does, with a momentum that warms up.
///
/// ```text
/// m  = β₁m + (1-β₁)g
/// v  = β₂v + (1-β₂)g²
/// μₜ = β₁ · (1 - 0.96^(ψt) / 2),   cₜ = μ₁ ⋯ μₜ
/// p -= rate · (μₜ₊₁ · m / (1-cₜ₊₁) + (1-μₜ) · g / (1-cₜ)) / (√(v / (1-β₂ᵗ)) + ε),   t = 1, 2, …
/// ```
///
/// | hyperparameter | here | PyTorch | Keras |
/// |---|---|---|---|
/// | [`momentum_decay`](Self::momentum_decay) `ψ` | 0.004 | 0.004 | 1, fixed |
/// | [`eps`](Self::eps) `ε` | 1e-7 | 1e-8 | 1e-7 |
/// | the others | [`Adam`](super::Adam)'s | | |
///
/// optax has a [constant momentum](Self::constant_momentum), `μₜ = β₁`.
///
/// T. Dozat, *Incorporating Nesterov momentum into Adam*, ICLR workshop 2016.
///
/// ```
/// use gradtape::prelude::*;
///
/// let optimizer: NAdam = NAdam::new(2e-3).momentum_decay(0.01);
/// ```
#[derive(Clone, Debug)]
pub struct NAdam<T: Scalar = f32>(Chain<LookingMoments, T>);

impl<T: Scalar> NAdam<T> {
    /// NAdam at this rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>) -> Self {
        let momentum = Warmup { decay: 0.004, constant: false };
        let rule = LookingMoments { moments: Moments::default(), momentum };
        Self(Chain::named("NAdam", rate.into(), rule))
    }

    /// `μₜ = β₁` at every step: optax' form, and the paper's without its schedule.
    pub fn constant_momentum(mut self) -> Self {
        self.0.rule.momentum.constant = true;
        self
    }
}

moments!(NAdam, rule.moments);

setters!(NAdam {
    /// How fast the momentum goes from `β₁/2` to `β₁`.
    momentum_decay: NotNegative = rule.momentum.decay;
});

optimizer!(NAdam);

/// The schedule of the momentum.
#[derive(Clone, Debug)]
struct Warmup {
    decay: f64,
    constant: bool,
}

impl Warmup {
    /// `μₜ / β₁`
    fn factor(&self, t: f64) -> f64 {
        if self.constant { 1.0 } else { 1.0 - 0.5 * 0.96_f64.powf(t * self.decay) }
    }

    /// `cₜ / β₁ᵗ`: the product of all factors so far, which depends on nothing but `t`. With
    /// `q = 0.96^ψ`, its logarithm is `Σᵢ ln(1 - qⁱ/2) = -Σₖ (1/2)ᵏ/k · Σᵢ qᵏⁱ`, and the inner
    /// sum is geometric.
    fn product(&self, t: f64) -> f64 {
        if self.constant {
            return 1.0;
        }
        let ln_q = self.decay * 0.96_f64.ln();
        let geometric = |k: f64| match (k * ln_q).exp_m1() {
            0.0 => t,
            ratio => (k * ln_q).exp() * (k * t * ln_q).exp_m1() / ratio,
        };
        // What comes after the sixtieth is below the rounding of the first.
        let sum: f64 = (1..=60).map(|k| 0.5_f64.powi(k) / f64::from(k) * geometric(k.into())).sum();
        (-sum).exp()
    }
}

/// Adam's moments, with the next step's momentum.
#[derive(Clone, Debug)]
struct LookingMoments {
    moments: Moments,
    momentum: Warmup,
}

impl<T: Scalar> Rule<T> for LookingMoments {
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
        let Self { moments, momentum } = self;
        let t = context.step as f64 + 1.0;
        let product = |t: f64| moments.beta1.powf(t) * momentum.product(t);
        let ahead = moments.beta1 * momentum.factor(t + 1.0) / (1.0 - product(t + 1.0));
        let here = (1.0 - moments.beta1 * momentum.factor(t)) / (1.0 - product(t));
        let [_, root_factor, eps] = moments.corrections(context.step);
        let [ahead, here, root_factor, eps] = [ahead, here, root_factor, eps].map(T::from_f64);
        let [beta1, rest1, beta2, rest2] = moments.weights::<T>();
        move |[mean, square], _, gradient| {
            *mean = beta1 * *mean + rest1 * gradient;
            *square = beta2 * *square + rest2 * (gradient * gradient);
            (ahead * *mean + here * gradient) / (root_factor * square.sqrt() + eps)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_in_closed_form_is_the_product() {
        for decay in [0.0, 0.004, 0.3, 1.0, 40.0] {
            let warmup = Warmup { decay, constant: false };
            let mut product = 1.0;
            for t in 1..=2000 {
                product *= warmup.factor(f64::from(t));
                let closed = warmup.product(f64::from(t));
                // Products below any normal number are as good as 0.
                let allowed = 1e-12 * product + f64::MIN_POSITIVE;
                assert!((closed - product).abs() <= allowed, "decay {decay}, t = {t}");
            }
        }
    }
}
