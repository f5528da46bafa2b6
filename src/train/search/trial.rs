//! One trial of a search.

use std::fmt::Display;
use std::ops::ControlFlow;

use super::space::{Draws, Part, Setting, Space};
use super::study::Outcome;
use super::{Finished, Search};
use crate::error::Error;
use crate::seed::Seed;

/// One trial: draws settings, and may report how it goes.
///
/// Settings have names that are unique in the trial; drawing one again gives the same value. A
/// range whose ends are not in order, or not finite, is a mistake in the trial's code and panics.
pub struct Trial<'s> {
    number: usize,
    draws: Draws,
    search: &'s Search,
    earlier: &'s [Finished],
    reports: Vec<(usize, f64)>,
    stopped: Option<(usize, f64)>,
}

impl<'s> Trial<'s> {
    /// The values that a median is taken of at least.
    const COMPARED: usize = 4;

    pub(super) fn new(
        number: usize,
        draws: Draws,
        search: &'s Search,
        earlier: &'s [Finished],
    ) -> Self {
        Self { number, draws, search, earlier, reports: Vec::new(), stopped: None }
    }

    /// The number of the trial, counted from 0.
    pub fn number(&self) -> usize {
        self.number
    }

    /// A seed of the trial's own, for initial values and noise. For differences that are due to the
    /// settings alone, use one seed for all trials instead.
    pub fn seed(&self) -> Seed {
        self.draws.seed()
    }

    /// A number from `low` to `high`, all equally probable.
    #[track_caller]
    pub fn uniform(&mut self, name: &str, low: f64, high: f64) -> f64 {
        let ordered = low.is_finite() && high.is_finite() && low <= high;
        assert!(ordered, "the setting `{name}`: no range from {low} to {high}");
        self.draw_number(name, Space::Uniform { low, high })
    }

    /// A number from `low` to `high`, all orders of magnitude equally probable: for rates and
    /// strengths.
    #[track_caller]
    pub fn log_uniform(&mut self, name: &str, low: f64, high: f64) -> f64 {
        let ordered = low > 0.0 && high.is_finite() && low <= high;
        assert!(ordered, "the setting `{name}`: no logarithmic range from {low} to {high}");
        self.draw_number(name, Space::LogUniform { low, high })
    }

    /// A whole number from `low` to `high`, both included, all equally probable.
    #[track_caller]
    pub fn integer(&mut self, name: &str, low: i64, high: i64) -> i64 {
        assert!(low <= high, "the setting `{name}`: no range from {low} to {high}");
        match self.draw(name, Space::Integer { low, high }) {
            Setting::Integer(value) => *value,
            _ => unreachable!("the space is of integers"),
        }
    }

    /// One of several things, all equally probable.
    #[track_caller]
    pub fn choice<'c, C: Display>(&mut self, name: &str, choices: &'c [C]) -> &'c C {
        assert!(!choices.is_empty(), "the setting `{name}`: nothing to choose from");
        let labels = choices.iter().map(ToString::to_string).collect();
        match self.draw(name, Space::Choice { labels }) {
            Setting::Choice(index, _) => &choices[*index],
            _ => unreachable!("the space is of choices"),
        }
    }

    #[track_caller]
    fn draw_number(&mut self, name: &str, space: Space) -> f64 {
        match self.draw(name, space) {
            Setting::Number(value) => *value,
            _ => unreachable!("the space is of numbers"),
        }
    }

    #[track_caller]
    fn draw(&mut self, name: &str, space: Space) -> &Setting {
        let part = self.search.parts.get(name).copied().unwrap_or(Part::ALL);
        self.draws.draw(name, space, part)
    }

    /// Says how good the trial is after an epoch, of which each is reported once and in order.
    /// Breaks if there is no point in going on: the value is not finite, or the search
    /// [compares](Search::median_stopping) trials and this one is worse than most.
    ///
    /// ```
    /// use gradtape::Seed;
    /// use gradtape::train::{Direction, search::Search};
    ///
    /// let search = Search::random(32, Direction::Lower, Seed(1)).median_stopping(2);
    /// let study = search.run(|trial| {
    ///     let rate = trial.log_uniform("rate", 1e-3, 10.0);
    ///     let mut distance: f64 = 1.0;
    ///     for epoch in 0..10 {
    ///         distance *= 1.0 - rate;
    ///         if trial.report(epoch, distance.abs()).is_break() {
    ///             break;
    ///         }
    ///     }
    ///     Ok(distance.abs())
    /// });
    /// assert!(study.trials().iter().any(|trial| trial.is_stopped()));
    /// ```
    pub fn report(&mut self, epoch: usize, value: f64) -> ControlFlow<()> {
        self.reports.push((epoch, value));
        if self.stopped.is_none() && (!value.is_finite() || self.is_worse_than_median(epoch, value))
        {
            self.stopped = Some((epoch, value));
        }
        match self.stopped {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    fn is_worse_than_median(&self, epoch: usize, value: f64) -> bool {
        if self.search.median_from.is_none_or(|from| epoch < from) {
            return false;
        }
        let at_epoch = |finished: &Finished| {
            let report = finished.reports.iter().find(|(at, _)| *at == epoch);
            report.map(|(_, value)| *value).filter(|value| value.is_finite())
        };
        let mut values: Vec<f64> = self.earlier.iter().filter_map(at_epoch).collect();
        if values.len() < Self::COMPARED {
            return false;
        }
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => 0.5 * (values[middle - 1] + values[middle]),
            _ => values[middle],
        };
        self.search.direction.better(median, value, 0.0)
    }

    pub(super) fn finish(self, result: Result<f64, Error>) -> Finished {
        let outcome = match (self.stopped, result) {
            (_, Err(error)) => Outcome::Failed(error.to_string()),
            (Some((epoch, value)), _) if !value.is_finite() => {
                Outcome::Failed(format!("{value} after epoch {epoch}"))
            }
            (Some((epoch, value)), _) => Outcome::Stopped { epoch, value },
            (None, Ok(value)) if !value.is_finite() => {
                Outcome::Failed(format!("the value {value}"))
            }
            (None, Ok(value)) => Outcome::Value(value),
        };
        Finished { draws: self.draws, outcome, reports: self.reports }
    }
}
