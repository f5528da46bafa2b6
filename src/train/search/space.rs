//! Where settings are drawn from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::seed::Seed;

/// The space of a setting.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Space {
    /// All numbers of a range are equally probable.
    Uniform {
        /// The smallest.
        low: f64,
        /// The largest.
        high: f64,
    },
    /// All orders of magnitude of a range are equally probable.
    LogUniform {
        /// The smallest, above 0.
        low: f64,
        /// The largest.
        high: f64,
    },
    /// All whole numbers of a range are equally probable.
    Integer {
        /// The smallest.
        low: i64,
        /// The largest.
        high: i64,
    },
    /// All of some things are equally probable.
    Choice {
        /// What they are called.
        labels: Vec<String>,
    },
}

/// The value of a setting.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Setting {
    /// Of a range of numbers.
    Number(f64),
    /// Of a range of whole numbers.
    Integer(i64),
    /// One of several things: the place of it, and what it is called.
    Choice(usize, String),
}

/// One setting that a trial drew.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Draw {
    /// The name.
    pub name: String,
    /// The value.
    pub setting: Setting,
    /// Where it was drawn from.
    pub space: Space,
    /// Its place in the space, from 0 to 1.
    pub(super) place: f64,
    /// The part of the space that was searched.
    pub(super) part: Part,
}

/// A part of a space, from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Part {
    pub(super) const ALL: Part = Part { low: 0.0, high: 1.0 };

    pub(super) fn width(self) -> f64 {
        self.high - self.low
    }

    /// A part smaller by a factor, around a place of this one and within the whole space.
    pub(super) fn zoom(self, place: f64, factor: f64) -> Part {
        let half = 0.5 * self.width() / factor;
        Part { low: (place - half).max(0.0), high: (place + half).min(1.0) }
    }
}

impl Space {
    /// The setting at a place from 0 to 1.
    pub(super) fn at(&self, place: f64) -> Setting {
        let between = |low: f64, high: f64| (low * (1.0 - place) + high * place).clamp(low, high);
        match *self {
            Space::Uniform { low, high } => Setting::Number(between(low, high)),
            // The ends themselves, not what rounding makes of them.
            Space::LogUniform { low, .. } if place == 0.0 => Setting::Number(low),
            Space::LogUniform { high, .. } if place == 1.0 => Setting::Number(high),
            Space::LogUniform { low, high } => {
                Setting::Number(between(low.ln(), high.ln()).exp().clamp(low, high))
            }
            Space::Integer { low, high } => {
                let offset = nth(place, high.abs_diff(low).saturating_add(1));
                Setting::Integer(low.saturating_add_unsigned(offset))
            }
            Space::Choice { ref labels } => {
                let index = nth(place, labels.len() as u64) as usize;
                Setting::Choice(index, labels[index].clone())
            }
        }
    }

    /// The number of settings, if it is finite.
    fn count(&self) -> Option<u64> {
        match self {
            Space::Uniform { low, high } | Space::LogUniform { low, high } => {
                (low == high).then_some(1)
            }
            Space::Integer { low, high } => Some(high.abs_diff(*low).saturating_add(1)),
            Space::Choice { labels } => Some(labels.len() as u64),
        }
    }

    /// The places of a grid: all of a choice, else so many of the part that is searched.
    fn grid(&self, points: usize, part: Part) -> Vec<f64> {
        let middle_of = |i: u64, count: u64| (i as f64 + 0.5) / count as f64;
        let spaced = |i: usize| match points {
            1 => 0.5,
            _ => i as f64 / (points - 1) as f64,
        };
        let places = (0..points).map(|i| part.low + spaced(i) * part.width());
        match (self, self.count()) {
            (Space::Choice { .. }, Some(count)) => {
                (0..count).map(|i| middle_of(i, count)).collect()
            }
            (_, Some(count)) => {
                // Of a few whole numbers, several points may be the same.
                let mut offsets: Vec<u64> = places.map(|place| nth(place, count)).collect();
                offsets.dedup();
                offsets.into_iter().map(|i| middle_of(i, count)).collect()
            }
            _ => places.collect(),
        }
    }
}

/// Which of so many equal parts a place is in.
fn nth(place: f64, count: u64) -> u64 {
    ((place * count as f64) as u64).min(count.saturating_sub(1))
}

/// How a trial draws.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// At random.
    Random,
    /// The points of a grid with these numbers, one for each setting in the order in which they are
    /// drawn, and the first point of further ones.
    Grid { points: usize, fixed: Vec<usize> },
}

impl Plan {
    /// The trials of a grid that differ from this one in a setting that it was the first to draw:
    /// with those that follow from them, every combination comes exactly once.
    pub(super) fn siblings(&self, draws: &Draws) -> Vec<Plan> {
        let Plan::Grid { points, fixed } = self else {
            return Vec::new();
        };
        let of_setting = |at: usize| {
            let start: Vec<usize> = (0..at).map(|i| fixed.get(i).copied().unwrap_or(0)).collect();
            (1..draws.counts[at]).map(move |i| {
                let fixed = start.iter().copied().chain([i]).collect();
                Plan::Grid { points: *points, fixed }
            })
        };
        (fixed.len()..draws.counts.len()).flat_map(of_setting).collect()
    }
}

/// What a trial has drawn so far.
pub(super) struct Draws {
    plan: Plan,
    seed: Seed,
    pub(super) drawn: Vec<Draw>,
    /// The number of points that the grid has along each setting.
    counts: Vec<usize>,
}

impl Draws {
    pub(super) fn new(plan: Plan, seed: Seed) -> Self {
        Self { plan, seed, drawn: Vec::new(), counts: Vec::new() }
    }

    pub(super) fn seed(&self) -> Seed {
        self.seed
    }

    /// Draws a setting, or finds it if it was drawn before.
    #[track_caller]
    pub(super) fn draw(&mut self, name: &str, space: Space, part: Part) -> &Setting {
        if let Some(at) = self.drawn.iter().position(|draw| draw.name == name) {
            let before = &self.drawn[at].space;
            assert!(
                *before == space,
                "the setting `{name}` is drawn from {space}, but was drawn from {before} before"
            );
            return &self.drawn[at].setting;
        }
        // All choices stay open.
        let part = if matches!(space, Space::Choice { .. }) { Part::ALL } else { part };
        let place = match &self.plan {
            Plan::Random => {
                // The 53 bits that a number holds.
                let uniform = (self.seed.derive_named(name).0 >> 11) as f64 / (1_u64 << 53) as f64;
                part.low + uniform * part.width()
            }
            Plan::Grid { points, fixed } => {
                let places = space.grid(*points, part);
                let point = fixed.get(self.counts.len()).copied().unwrap_or(0);
                self.counts.push(places.len());
                // A trial that draws other settings than its sibling may have fewer points here.
                places[point.min(places.len() - 1)]
            }
        };
        let setting = space.at(place);
        let at = self.drawn.len();
        self.drawn.push(Draw { name: name.to_string(), setting, space, place, part });
        &self.drawn[at].setting
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Space::Uniform { low, high } => write!(f, "{low} to {high}"),
            Space::LogUniform { low, high } => write!(f, "{low:e} to {high:e} (logarithmic)"),
            Space::Integer { low, high } => write!(f, "whole numbers {low} to {high}"),
            Space::Choice { labels } => write!(f, "one of {}", labels.join(", ")),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Number(x) if *x == 0.0 || (0.01..1e4).contains(&x.abs()) => {
                write!(f, "{x:.4}")
            }
            Setting::Number(x) => write!(f, "{x:.2e}"),
            Setting::Integer(x) => write!(f, "{x}"),
            Setting::Choice(_, label) => f.write_str(label),
        }
    }
}
