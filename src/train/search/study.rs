//! What a search found.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::space::{Draw, Part, Setting, Space};
use super::{Direction, Finished, Search};
use crate::seed::Seed;

/// How a trial ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// It went to its end, with this value.
    Value(f64),
    /// It was stopped since it looked bad.
    Stopped {
        /// After which epoch.
        epoch: usize,
        /// What it reported then.
        value: f64,
    },
    /// It returned an error, or a value that is not finite.
    Failed(String),
}

/// One trial of a [`Study`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ranked {
    /// The number of the trial, counted from 0.
    pub number: usize,
    /// What it drew.
    pub draws: Vec<Draw>,
    /// How it ended.
    pub outcome: Outcome,
}

/// All trials of a search, the best first. Prints as a table, with a warning if the best lies on
/// the border of what was searched.
///
/// It can be saved and loaded by serde; a search that goes on ([`zoom`](Self::zoom)) needs nothing
/// else.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[must_use = "a study is there to be looked at"]
pub struct Study {
    direction: Direction,
    seed: Seed,
    trials: Vec<Ranked>,
}

/// A setting whose best value lies on the border of what was searched, where better ones may lie
/// beyond.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Border {
    /// The setting's name.
    pub name: String,
    /// The best value.
    pub best: Setting,
    /// Whether it lies at the upper end.
    pub upper: bool,
    /// The space that it was drawn from.
    pub space: Space,
}

impl Ranked {
    /// The value that it is ranked by: the last one if it was stopped, none if it failed.
    pub fn value(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Value(value) | Outcome::Stopped { value, .. } => Some(value),
            Outcome::Failed(_) => None,
        }
    }

    /// Whether it was stopped since it looked bad.
    pub fn is_stopped(&self) -> bool {
        matches!(self.outcome, Outcome::Stopped { .. })
    }

    /// The setting of this name, if the trial drew it.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.draws.iter().find(|draw| draw.name == name).map(|draw| &draw.setting)
    }

    /// The number of this name, whole or not, if the trial drew one.
    pub fn number_of(&self, name: &str) -> Option<f64> {
        match self.setting(name)? {
            Setting::Number(value) => Some(*value),
            Setting::Integer(value) => Some(*value as f64),
            Setting::Choice(..) => None,
        }
    }

    /// Those that went to their end come first, those that failed last.
    fn class(&self) -> u8 {
        match self.outcome {
            Outcome::Value(_) => 0,
            Outcome::Stopped { .. } => 1,
            Outcome::Failed(_) => 2,
        }
    }
}

impl Study {
    /// How near to an end of what was searched the best value counts as on its border.
    const MARGIN: f64 = 0.05;

    pub(super) fn new(direction: Direction, seed: Seed, finished: Vec<Finished>) -> Self {
        let ranked = finished.into_iter().enumerate().map(|(number, finished)| {
            let Finished { draws, outcome, .. } = finished;
            Ranked { number, draws: draws.drawn, outcome }
        });
        let mut trials: Vec<Ranked> = ranked.collect();
        let key = |trial: &Ranked| {
            let value = trial.value().unwrap_or(0.0);
            if direction == Direction::Lower { value } else { -value }
        };
        // Stable: of equal ones the first comes first.
        trials.sort_by(|a, b| a.class().cmp(&b.class()).then(key(a).total_cmp(&key(b))));
        Self { direction, seed, trials }
    }

    /// All trials, the best first; those that were stopped come after all that were not, and those
    /// that failed last.
    pub fn trials(&self) -> &[Ranked] {
        &self.trials
    }

    /// The best trial that went to its end; none if there is no such.
    pub fn best(&self) -> Option<&Ranked> {
        self.trials.first().filter(|trial| matches!(trial.outcome, Outcome::Value(_)))
    }

    /// Whether lower or higher values are better.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The settings of the best trial that lie within 5 % of an end of what was searched, or at the
    /// very end of a grid or a range of whole numbers. Choices have no ends.
    pub fn borders(&self) -> Vec<Border> {
        let draws = self.best().map_or(&[][..], |best| &best.draws);
        draws.iter().filter_map(Self::border).collect()
    }

    fn border(draw: &Draw) -> Option<Border> {
        let Draw { name, setting, space, place, part } = draw;
        let upper = match (setting, space) {
            (Setting::Choice(..), _) => return None,
            (_, Space::Uniform { low, high } | Space::LogUniform { low, high }) if low == high => {
                return None;
            }
            (_, Space::Integer { low, high }) if low == high => return None,
            (Setting::Integer(x), Space::Integer { high, .. }) if x == high => true,
            (Setting::Integer(x), Space::Integer { low, .. }) if x == low => false,
            (Setting::Integer(_), _) if *part == Part::ALL => return None,
            _ => {
                let at = (place - part.low) / part.width();
                match at {
                    _ if at <= Self::MARGIN => false,
                    _ if at >= 1.0 - Self::MARGIN => true,
                    _ => return None,
                }
            }
        };
        Some(Border { name: name.clone(), best: setting.clone(), upper, space: space.clone() })
    }

    /// A finer search around the best trial: by so many random trials, in ranges narrowed by a
    /// factor in their own scale, which stay within the spaces that the trials define. All choices
    /// stay open, and so do all ranges if no trial succeeded. The new trials differ from those of
    /// this study.
    ///
    /// # Panics
    ///
    /// If the factor is not at least 1.
    ///
    /// ```
    /// use gradtape::Seed;
    /// use gradtape::train::Direction;
    /// use gradtape::train::search::{Search, Study, Trial};
    ///
    /// let trial = |trial: &mut Trial| Ok((trial.log_uniform("rate", 1e-6, 1.0).ln() + 5.0).abs());
    /// let coarse = Search::random(10, Direction::Lower, Seed(1)).run(trial);
    /// let fine = coarse.zoom(4.0, 10).run(trial);
    /// let value = |study: &Study| study.best().and_then(|best| best.value());
    /// assert!(value(&fine) < value(&coarse));
    /// ```
    #[track_caller]
    pub fn zoom(&self, factor: f64, trials: usize) -> Search {
        assert!(factor >= 1.0, "zoom: a factor of {factor} does not narrow anything");
        let mut search = Search::random(trials, self.direction, self.seed.derive_named("zoom"));
        let draws = self.best().map_or(&[][..], |best| &best.draws);
        let narrowed = |draw: &Draw| (draw.name.clone(), draw.part.zoom(draw.place, factor));
        search.parts = draws.iter().map(narrowed).collect();
        search
    }
}

impl fmt::Display for Study {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All names, in the order in which they first occur.
        let mut names: Vec<&str> = Vec::new();
        for draw in self.trials.iter().flat_map(|trial| &trial.draws) {
            if !names.contains(&&draw.name[..]) {
                names.push(&draw.name);
            }
        }
        let cell = |trial: &Ranked, name: &str| {
            trial.setting(name).map_or("-".to_string(), ToString::to_string)
        };
        let width = |name: &str| {
            let cells = self.trials.iter().map(|trial| cell(trial, name).chars().count());
            cells.max().unwrap_or(0).max(name.chars().count())
        };
        let columns: Vec<(&str, usize)> = names.iter().map(|name| (*name, width(name))).collect();
        write!(f, "{:>5}  {:>11}", "trial", "value")?;
        columns.iter().try_for_each(|(name, width)| write!(f, "  {name:>width$}"))?;
        for trial in &self.trials {
            let value = trial.value().map_or("-".to_string(), |value| format!("{value:.5}"));
            write!(f, "\n{:>5}  {value:>11}", trial.number)?;
            for (name, width) in &columns {
                write!(f, "  {:>width$}", cell(trial, name))?;
            }
            match &trial.outcome {
                Outcome::Value(_) => {}
                Outcome::Stopped { epoch, .. } => write!(f, "  stopped after epoch {epoch}")?,
                Outcome::Failed(reason) => write!(f, "  failed: {reason}")?,
            }
        }
        self.borders().iter().try_for_each(|border| write!(f, "\n{border}"))
    }
}

impl fmt::Display for Border {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, best, upper, space } = self;
        let end = if *upper { "upper" } else { "lower" };
        write!(f, "the best `{name}`, {best}, lies at the {end} border of what was searched ")?;
        write!(f, "(in {space}): look beyond it")
    }
}
