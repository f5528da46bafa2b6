//! The rate, epoch by epoch.

use super::{Callback, Decision, Memory, Moment, Monitor, recalled, remembered};
use crate::error::Error;
use crate::optim::Schedule;
use crate::train::{Direction, History, MinDelta, Patience, Standing};

/// The rate as a function of the epoch, counted from 0. For a rate that changes from step to step,
/// give the optimizer itself a [`Schedule`].
#[derive(Clone, Debug)]
pub struct RateSchedule(Schedule);

impl RateSchedule {
    /// The rate of each epoch.
    ///
    /// ```
    /// use gradtape::train::RateSchedule;
    ///
    /// let halving = RateSchedule::new(|epoch: u64| 0.1 * 0.5_f64.powi(epoch as i32 / 10));
    /// ```
    pub fn new(rate: impl Into<Schedule>) -> Self {
        Self(rate.into())
    }
}

impl Callback for RateSchedule {
    fn name(&self) -> &str {
        "RateSchedule"
    }

    fn after_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        Ok(Decision::Rate(self.0.at(moment.epoch as u64 + 1)))
    }
}

/// Multiplies the rate by a factor when a value no longer improves.
///
/// ```
/// use gradtape::train::ReduceRate;
///
/// let reduce = ReduceRate::on_plateau("val_loss").patience(5).factor(0.2).minimum(1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct ReduceRate {
    monitor: Monitor,
    patience: Patience,
    factor: f64,
    minimum: f64,
    cooldown: usize,
    cooling: usize,
}

impl ReduceRate {
    /// A tenth of the rate after ten epochs without improvement of this column of the history.
    pub fn on_plateau(monitor: &str) -> Self {
        // The column's own direction replaces this one before the first epoch.
        let patience = Patience::new(Direction::Lower, 10).min_delta(MinDelta::Absolute(1e-4));
        let monitor = monitor.into();
        Self { monitor, patience, factor: 0.1, minimum: 0.0, cooldown: 0, cooling: 0 }
    }

    /// How many epochs in a row may fail to improve.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = self.patience.limit(epochs);
        self
    }

    /// See [`Patience::min_delta`]; 1e-4 if this is not said.
    #[track_caller]
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.patience = self.patience.min_delta(MinDelta::Absolute(delta));
        self
    }

    /// What the rate is multiplied with.
    ///
    /// # Panics
    ///
    /// If it is not above 0 and below 1.
    #[track_caller]
    pub fn factor(mut self, factor: f64) -> Self {
        assert!(factor > 0.0 && factor < 1.0, "ReduceRate: a factor of {factor} does not reduce");
        self.factor = factor;
        self
    }

    /// The lowest rate.
    pub fn minimum(mut self, rate: f64) -> Self {
        self.minimum = rate;
        self
    }

    /// For how many epochs after a reduction nothing is counted.
    pub fn cooldown(mut self, epochs: usize) -> Self {
        self.cooldown = epochs;
        self
    }
}

impl Callback for ReduceRate {
    fn name(&self) -> &str {
        "ReduceRate"
    }

    fn before(&mut self, history: &History) -> Result<(), Error> {
        self.patience = self.patience.anew(self.monitor.direction("ReduceRate", history)?);
        self.cooling = 0;
        Ok(())
    }

    fn after_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        let standing = self.patience.update(self.monitor.latest(moment.history));
        if self.cooling > 0 {
            self.cooling -= 1;
            self.patience.renew();
            return Ok(Decision::Continue);
        }
        if standing != Standing::Exhausted {
            return Ok(Decision::Continue);
        }
        self.patience.renew();
        self.cooling = self.cooldown;
        let rate = (moment.rate * self.factor).max(self.minimum);
        Ok(if rate < moment.rate { Decision::Rate(rate) } else { Decision::Continue })
    }

    fn memory(&self) -> Memory {
        Memory { text: remembered(&(&self.patience, self.cooling)), weights: Vec::new() }
    }

    fn recall(&mut self, memory: &Memory) -> Result<(), Error> {
        let (patience, cooling): (Patience, usize) = recalled("ReduceRate", &memory.text)?;
        self.patience = self.patience.clone().going_on(&patience);
        self.cooling = cooling;
        Ok(())
    }
}
