//! Searching for good settings: a learning rate, a number of units, a penalty's strength.

mod space;
mod study;
mod trial;

use std::collections::BTreeMap;

use rayon::prelude::*;
pub use space::{Draw, Setting, Space};
use space::{Draws, Part, Plan};
pub use study::{Border, Outcome, Ranked, Study};
pub use trial::Trial;

use super::Direction;
use crate::error::Error;
use crate::seed::Seed;

/// A search by trials: each draws settings, trains with them and returns how good that was.
///
/// The spaces are defined where they are drawn from, in the trial itself, so that settings are
/// plain typed values and a setting that depends on another is an `if`:
///
/// ```
/// use gradtape::Seed;
/// use gradtape::train::{Direction, search::Search};
///
/// # fn train(_: f64, _: i64, _: Option<f64>) -> f64 { 0.5 }
/// let study = Search::random(20, Direction::Lower, Seed(1)).run(|trial| {
///     let rate = trial.log_uniform("rate", 1e-5, 1e-1);
///     let units = trial.integer("units", 16, 256);
///     let dropout = match *trial.choice("regularization", &["none", "dropout"]) {
///         "dropout" => Some(trial.uniform("keep", 0.2, 0.8)),
///         _ => None,
///     };
///     Ok(train(rate, units, dropout))
/// });
/// println!("{study}");
/// let best = study.best().expect("a trial succeeded");
/// let rate = best.number_of("rate").expect("all trials draw it");
/// # assert!((1e-5..=1e-1).contains(&rate));
/// ```
///
/// What a trial draws is a function of the seed, its number and the setting's name; trials run side
/// by side on the threads of the current rayon pool, and the result is the same on any number.
///
/// Random search finds better settings than a grid of as many trials where few of the settings
/// matter (J. Bergstra and Y. Bengio, 2012). From coarse to fine, [`Study::zoom`] goes on around
/// the best.
#[derive(Clone, Debug)]
#[must_use = "a search does nothing until it is run"]
pub struct Search {
    method: Method,
    seed: Seed,
    direction: Direction,
    median_from: Option<usize>,
    /// The part of a space that is left, of settings that are searched around their best.
    parts: BTreeMap<String, Part>,
}

#[derive(Clone, Copy, Debug)]
enum Method {
    Random { trials: usize },
    Grid { points: usize },
}

/// What a trial leaves: what it drew, how it ended and what it reported, epoch by epoch.
struct Finished {
    draws: Draws,
    outcome: Outcome,
    reports: Vec<(usize, f64)>,
}

impl Search {
    /// How many trials may run side by side where those that look bad are stopped: each is
    /// compared with the trials of earlier rounds only, so that nothing depends on which one is
    /// faster.
    const ROUND: usize = 8;

    fn new(method: Method, direction: Direction, seed: Seed) -> Self {
        Self { method, seed, direction, median_from: None, parts: BTreeMap::new() }
    }

    /// So many trials that draw at random, of whose values the lower or the higher are better.
    pub fn random(trials: usize, direction: Direction, seed: Seed) -> Self {
        Self::new(Method::Random { trials }, direction, seed)
    }

    /// A trial for each combination of all choices and of so many points of each range, its ends
    /// among them, evenly spaced in the range's own scale. Two settings of five points are 25
    /// trials, four are 625.
    ///
    /// # Panics
    ///
    /// If there is not at least one point.
    #[track_caller]
    pub fn grid(points: usize, direction: Direction, seed: Seed) -> Self {
        assert!(points > 0, "a grid has at least one point");
        Self::new(Method::Grid { points }, direction, seed)
    }

    /// Stops a trial that [reports](Trial::report) a value worse than the median of what the trials
    /// before it did at the same epoch (D. Golovin et al., 2017), from this epoch on, and once there
    /// are four to compare with. Trials run in rounds of eight, and are compared with those of
    /// earlier rounds.
    pub fn median_stopping(mut self, from_epoch: usize) -> Self {
        self.median_from = Some(from_epoch);
        self
    }

    /// Runs all trials. One that returns an error, or a value that is not finite, has failed; the
    /// others go on.
    pub fn run(&self, trial: impl Fn(&mut Trial<'_>) -> Result<f64, Error> + Sync) -> Study {
        let mut finished: Vec<Finished> = Vec::new();
        // What each trial of the next level draws first; a grid grows level by level.
        let mut level: Vec<Plan> = match self.method {
            Method::Random { trials } => vec![Plan::Random; trials],
            Method::Grid { points } => vec![Plan::Grid { points, fixed: Vec::new() }],
        };
        while !level.is_empty() {
            let first = finished.len();
            let round = if self.median_from.is_some() { Self::ROUND } else { usize::MAX };
            for plans in level.chunks(round.min(level.len())) {
                let number = finished.len();
                let one = |(i, plan): (usize, &Plan)| {
                    self.run_one(number + i, plan.clone(), &finished, &trial)
                };
                let done: Vec<_> = plans.par_iter().enumerate().with_max_len(1).map(one).collect();
                finished.extend(done);
            }
            let grown = finished[first..].iter().zip(&level);
            level = grown.flat_map(|(finished, plan)| plan.siblings(&finished.draws)).collect();
        }
        Study::new(self.direction, self.seed, finished)
    }

    fn run_one(
        &self,
        number: usize,
        plan: Plan,
        earlier: &[Finished],
        run: impl Fn(&mut Trial<'_>) -> Result<f64, Error>,
    ) -> Finished {
        let draws = Draws::new(plan, self.seed.derive(number as u64));
        let mut trial = Trial::new(number, draws, self, earlier);
        let result = run(&mut trial);
        trial.finish(result)
    }
}

#[cfg(test)]
mod tests;
