//! Rates that shrink by a factor, as one over the step, or by a power of the steps left.

use serde::{Deserialize, Serialize};

use super::{at_least_one, finite, fraction, schedule};

/// A rate that is multiplied by a factor every so many steps: `rate · factor^⌊t/every⌋`.
///
/// ```
/// use gradtape::optim::StepDecay;
///
/// let schedule = StepDecay::new(0.1, 30, 0.5);
/// assert_eq!([0, 29, 30, 60].map(|step| schedule.at(step)), [0.1, 0.1, 0.05, 0.025]);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepDecay {
    rate: f64,
    every: u64,
    factor: f64,
}

impl StepDecay {
    /// This rate, multiplied by the factor `every` so many steps.
    ///
    /// # Panics
    ///
    /// If `every` is 0, or the rate or the factor is infinite or NaN.
    #[track_caller]
    pub fn new(rate: f64, every: u64, factor: f64) -> Self {
        let rate = finite("StepDecay", "the rate", rate);
        let every = at_least_one("StepDecay", "every", every);
        Self { rate, every, factor: finite("StepDecay", "the factor", factor) }
    }

    /// The rate at this step.
    pub fn at(&self, step: u64) -> f64 {
        self.rate * self.factor.powf((step / self.every.max(1)) as f64)
    }
}

schedule!(StepDecay);

/// A rate that is multiplied by the same factor in every step: `rate · factor^(t/per)`.
///
/// The form `rate · e^(-kt)` is this one with the factor `e^(-k)`. With
/// [`held`](Self::held)`(per)` it is a staircase, [`StepDecay`].
///
/// ```
/// use gradtape::optim::ExponentialDecay;
///
/// let schedule = ExponentialDecay::new(0.1, 0.5).per(10);
/// assert_eq!([0, 10, 20].map(|step| schedule.at(step)), [0.1, 0.05, 0.025]);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExponentialDecay {
    rate: f64,
    factor: f64,
    per: u64,
}

impl ExponentialDecay {
    /// This rate, multiplied by the factor in every step.
    ///
    /// # Panics
    ///
    /// If the rate is infinite or NaN, or the factor is, or is negative.
    #[track_caller]
    pub fn new(rate: f64, factor: f64) -> Self {
        let rate = finite("ExponentialDecay", "the rate", rate);
        let allowed = factor >= 0.0 && factor.is_finite();
        assert!(
            allowed,
            "ExponentialDecay: the factor must be finite and not negative, not {factor}"
        );
        Self { rate, factor, per: 1 }
    }

    /// The number of steps in which the whole factor is reached; 1 unless set.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn per(mut self, steps: u64) -> Self {
        self.per = at_least_one("ExponentialDecay", "per", steps);
        self
    }

    /// The rate at this step.
    pub fn at(&self, step: u64) -> f64 {
        self.rate * self.factor.powf(step as f64 / self.per.max(1) as f64)
    }
}

schedule!(ExponentialDecay);

/// A rate that shrinks as one over the step: `rate / (1 + decay · t/per)`.
///
/// ```
/// use gradtape::optim::InverseTimeDecay;
///
/// let schedule = InverseTimeDecay::new(0.1, 1.0).per(10);
/// assert_eq!([0, 10, 30].map(|step| schedule.at(step)), [0.1, 0.05, 0.025]);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InverseTimeDecay {
    rate: f64,
    decay: f64,
    per: u64,
}

impl InverseTimeDecay {
    /// This rate, whose divisor grows from 1 by `decay` in every step.
    ///
    /// # Panics
    ///
    /// If the rate is infinite or NaN, or the decay is, or is negative.
    #[track_caller]
    pub fn new(rate: f64, decay: f64) -> Self {
        let rate = finite("InverseTimeDecay", "the rate", rate);
        let allowed = decay >= 0.0 && decay.is_finite();
        assert!(
            allowed,
            "InverseTimeDecay: the decay must be finite and not negative, not {decay}"
        );
        Self { rate, decay, per: 1 }
    }

    /// The number of steps in which the divisor grows by the whole of `decay`; 1 unless set.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn per(mut self, steps: u64) -> Self {
        self.per = at_least_one("InverseTimeDecay", "per", steps);
        self
    }

    /// The rate at this step.
    pub fn at(&self, step: u64) -> f64 {
        self.rate / (1.0 + self.decay * step as f64 / self.per.max(1) as f64)
    }
}

schedule!(InverseTimeDecay);

/// A rate that falls to an end by a power of the part of the steps that is left, and stays there:
/// `end + (rate - end) · (1 - t/steps)^power`.
///
/// ```
/// use gradtape::optim::PolynomialDecay;
///
/// let line = PolynomialDecay::new(0.5, 100);
/// assert_eq!([0, 50, 100, 200].map(|step| line.at(step)), [0.5, 0.25, 0.0, 0.0]);
///
/// let parabola = PolynomialDecay::new(0.5, 100).power(2.0).to(0.1);
/// assert_eq!(parabola.at(50), 0.1 + 0.4 / 4.0);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolynomialDecay {
    rate: f64,
    steps: u64,
    end: f64,
    power: f64,
    cyclic: bool,
}

impl PolynomialDecay {
    /// From this rate to 0 in so many steps, in a straight line.
    ///
    /// # Panics
    ///
    /// If the rate is infinite or NaN, or the number of steps 0.
    #[track_caller]
    pub fn new(rate: f64, steps: u64) -> Self {
        let rate = finite("PolynomialDecay", "the rate", rate);
        let steps = at_least_one("PolynomialDecay", "the number of steps", steps);
        Self { rate, steps, end: 0.0, power: 1.0, cyclic: false }
    }

    /// The rate at the end; 0 unless set.
    ///
    /// # Panics
    ///
    /// If it is infinite or NaN.
    #[track_caller]
    pub fn to(mut self, end: f64) -> Self {
        self.end = finite("PolynomialDecay", "the end", end);
        self
    }

    /// The power; 1 unless set, a straight line.
    ///
    /// # Panics
    ///
    /// If it is not above 0, or infinite.
    #[track_caller]
    pub fn power(mut self, power: f64) -> Self {
        let allowed = power > 0.0 && power.is_finite();
        assert!(allowed, "PolynomialDecay: power must be finite and above 0, not {power}");
        self.power = power;
        self
    }

    /// Goes up again after the end, to fall to it in twice, three times, … as many steps as at
    /// first, all counted from the start: the rate jumps lower every time, and falls more slowly.
    pub fn cyclic(mut self) -> Self {
        self.cyclic = true;
        self
    }

    /// The rate at this step.
    pub fn at(&self, step: u64) -> f64 {
        let Self { rate, end, power, .. } = *self;
        let (step, steps) = (step as f64, self.steps as f64);
        let cycles = if self.cyclic { fraction(step, steps).ceil().max(1.0) } else { 1.0 };
        let left = 1.0 - fraction(step, steps * cycles).min(1.0);
        end + (rate - end) * left.powf(power)
    }
}

schedule!(PolynomialDecay);
