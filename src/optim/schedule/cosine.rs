//! Rates that fall along half a wave of the cosine.

use serde::{Deserialize, Serialize};

use super::{at_least_one, finite, fraction, half_wave, schedule};

/// A rate that falls to an end along half a wave of the cosine, and stays there:
/// `end + (rate - end) · (1 + cos(π t/steps)) / 2`.
///
/// I. Loshchilov, F. Hutter, *SGDR: stochastic gradient descent with warm restarts*, ICLR 2017.
///
/// ```
/// use gradtape::prelude::*;
/// use gradtape::optim::CosineDecay;
///
/// let schedule = CosineDecay::new(0.1, 100).to(0.02);
/// assert_eq!([0, 50, 100, 200].map(|step| schedule.at(step)), [0.1, 0.06, 0.02, 0.02]);
///
/// let optimizer: Adam = Adam::new(schedule.warmup(10));
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineDecay {
    rate: f64,
    steps: u64,
    end: f64,
    exponent: f64,
    periodic: bool,
}

impl CosineDecay {
    /// From this rate to 0 in so many steps.
    ///
    /// # Panics
    ///
    /// If the rate is infinite or NaN, or the number of steps 0.
    #[track_caller]
    pub fn new(rate: f64, steps: u64) -> Self {
        let rate = finite("CosineDecay", "the rate", rate);
        let steps = at_least_one("CosineDecay", "the number of steps", steps);
        Self { rate, steps, end: 0.0, exponent: 1.0, periodic: false }
    }

    /// The rate at the end; 0 unless set. (Keras' and optax' `alpha` is it as a part of the rate.)
    ///
    /// # Panics
    ///
    /// If it is infinite or NaN.
    #[track_caller]
    pub fn to(mut self, end: f64) -> Self {
        self.end = finite("CosineDecay", "the end", end);
        self
    }

    /// A power that the half wave, which goes from 1 to 0, is taken to; 1 unless set.
    ///
    /// # Panics
    ///
    /// If it is not above 0, or infinite.
    #[track_caller]
    pub fn exponent(mut self, exponent: f64) -> Self {
        let allowed = exponent > 0.0 && exponent.is_finite();
        assert!(allowed, "CosineDecay: exponent must be finite and above 0, not {exponent}");
        self.exponent = exponent;
        self
    }

    /// Rises again after the end as it fell, and so on, as PyTorch's `CosineAnnealingLR`.
    pub fn periodic(mut self) -> Self {
        self.periodic = true;
        self
    }

    /// The rate at this step.
    pub fn at(&self, step: u64) -> f64 {
        let Self { rate, end, exponent, .. } = *self;
        let x = fraction(step as f64, self.steps as f64);
        let x = if self.periodic { x } else { x.min(1.0) };
        end + (rate - end) * half_wave(x).powf(exponent)
    }
}

schedule!(CosineDecay);

/// Half waves of the cosine, one after the other: each starts high and falls to the same end.
///
/// In period `i = 0, 1, …`, which is `steps · growth^i` steps long, at the part `x` of it:
/// `end + (rate - end) · shrink^i · (1 + cos(πx)) / 2`. A step on the border of two periods starts
/// the second.
///
/// I. Loshchilov, F. Hutter, *SGDR: stochastic gradient descent with warm restarts*, ICLR 2017.
///
/// ```
/// use gradtape::optim::CosineRestarts;
///
/// let schedule = CosineRestarts::new(0.1, 10).growth(2.0).shrink(0.5);
/// assert_eq!([0, 5, 10, 20, 30].map(|step| schedule.at(step)), [0.1, 0.05, 0.05, 0.025, 0.025]);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineRestarts {
    rate: f64,
    steps: u64,
    end: f64,
    growth: f64,
    shrink: f64,
}

impl CosineRestarts {
    /// From this rate to 0 in so many steps, again and again.
    ///
    /// # Panics
    ///
    /// If the rate is infinite or NaN, or the number of steps 0.
    #[track_caller]
    pub fn new(rate: f64, steps: u64) -> Self {
        let rate = finite("CosineRestarts", "the rate", rate);
        let steps = at_least_one("CosineRestarts", "the number of steps", steps);
        Self { rate, steps, end: 0.0, growth: 1.0, shrink: 1.0 }
    }

    /// The rate at the end of each period; 0 unless set.
    ///
    /// # Panics
    ///
    /// If it is infinite or NaN.
    #[track_caller]
    pub fn to(mut self, end: f64) -> Self {
        self.end = finite("CosineRestarts", "the end", end);
        self
    }

    /// How many times longer each period is than the one before; 1 unless set.
    ///
    /// # Panics
    ///
    /// If it is below 1 or infinite: the periods would end.
    #[track_caller]
    pub fn growth(mut self, factor: f64) -> Self {
        let allowed = factor >= 1.0 && factor.is_finite();
        assert!(allowed, "CosineRestarts: growth must be finite and at least 1, not {factor}");
        self.growth = factor;
        self
    }

    /// What the height of each period is multiplied by against the one before; 1 unless set.
    ///
    /// # Panics
    ///
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn shrink(mut self, factor: f64) -> Self {
        let allowed = factor >= 0.0 && factor.is_finite();
        assert!(allowed, "CosineRestarts: shrink must be finite and not negative, not {factor}");
        self.shrink = factor;
        self
    }

    /// The rate at this step.
    pub fn at(&self, step: u64) -> f64 {
        let Self { rate, end, shrink, .. } = *self;
        let (period, x) = self.period(step as f64);
        end + (rate - end) * shrink.powf(period) * half_wave(x)
    }

    /// The number of the period that a step is in, and the part of it that is over.
    fn period(&self, step: f64) -> (f64, f64) {
        let (steps, growth) = (self.steps.max(1) as f64, self.growth);
        let start = |period: f64| {
            let lengths =
                if growth > 1.0 { (growth.powf(period) - 1.0) / (growth - 1.0) } else { period };
            steps * lengths
        };
        let lengths = step / steps;
        let guess = if growth > 1.0 {
            (1.0 + lengths * (growth - 1.0)).ln() / growth.ln()
        } else {
            lengths
        };
        // The logarithm may round to the wrong side of a border; the powers of whole numbers do not.
        let guess = guess.floor();
        let near = [guess + 1.0, guess, guess - 1.0];
        let period = near.into_iter().find(|&period| start(period) <= step).unwrap_or(0.0).max(0.0);
        (period, (step - start(period)) / (start(period + 1.0) - start(period)))
    }
}

schedule!(CosineRestarts);
