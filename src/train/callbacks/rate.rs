//! The rate, epoch by epoch.

use super::{Callback, Decision, Memory, Moment, Monitor, recalled, remembered};
use crate::error::Error;
use crate::optim::{ReduceOnPlateau, Schedule};
use crate::train::{Direction, History};

/// The rate as a function of the epoch, counted from 0. It is set before each epoch, whatever others,
/// such as [`ReduceRate`], have made of it. For a rate that changes from step to step, give the
/// optimizer itself a [`Schedule`].
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

    fn before_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        Ok(Decision::Rate(self.0.at(moment.epoch as u64)))
    }
}

/// Multiplies the rate by a factor when a column of the history no longer improves, by the rule
/// of [`ReduceOnPlateau`], whose numbers these are.
///
/// ```
/// use gradtape::train::ReduceRate;
///
/// let reduce = ReduceRate::on_plateau("val_loss").patience(5).factor(0.2).min_rate(1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct ReduceRate {
    monitor: Monitor,
    plateau: ReduceOnPlateau,
}

macro_rules! numbers {
    ($($method:ident: $type:ty),*) => {$(
        #[doc = concat!("See [`ReduceOnPlateau::", stringify!($method), "`].")]
        #[track_caller]
        pub fn $method(mut self, $method: $type) -> Self {
            self.plateau = self.plateau.$method($method);
            self
        }
    )*};
}

impl ReduceRate {
    /// A tenth of the rate after ten epochs without improvement, until other numbers are given.
    pub fn on_plateau(monitor: &str) -> Self {
        // Column and optimizer say before the first epoch which way is better and the rate.
        Self { monitor: monitor.into(), plateau: ReduceOnPlateau::minimizing(0.0) }
    }

    numbers!(factor: f64, patience: u64, min_delta: f64, cooldown: u64, min_rate: f64);
}

impl Callback for ReduceRate {
    fn name(&self) -> &str {
        "ReduceRate"
    }

    fn before(&mut self, history: &History) -> Result<(), Error> {
        let direction = self.monitor.direction("ReduceRate", history)?;
        self.plateau = self.plateau.anew(direction == Direction::Higher);
        Ok(())
    }

    fn after_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        self.plateau.set_rate(moment.rate);
        let rate = self.plateau.update(self.monitor.latest(moment.history));
        Ok(if rate < moment.rate { Decision::Rate(rate) } else { Decision::Continue })
    }

    fn memory(&self) -> Memory {
        Memory { text: remembered(&self.plateau), weights: Vec::new() }
    }

    fn recall(&mut self, memory: &Memory) -> Result<(), Error> {
        let saved = recalled("ReduceRate", &memory.text)?;
        self.plateau = self.plateau.going_on(&saved);
        Ok(())
    }
}
