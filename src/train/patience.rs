//! Waiting for a value to improve.

use serde::{Deserialize, Serialize};

use super::Direction;

/// Where a wait stands after the latest value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is the best so far: keep these weights.
    Improved,
    /// It is not, and there is patience left.
    Waiting,
    /// It is not, and patience has run out.
    Exhausted,
}

/// By how much a value has to be better than the best one to count as an improvement.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum MinDelta {
    /// By more than this.
    Absolute(f64),
    /// By more than this share of the best value's size.
    Relative(f64),
}

impl MinDelta {
    fn of(self, best: f64) -> f64 {
        match self {
            MinDelta::Absolute(delta) => delta,
            MinDelta::Relative(share) => share * best.abs(),
        }
    }
}

/// Waits for a value to improve, for so many epochs at most: the rule behind
/// [`EarlyStopping`](super::EarlyStopping), for loops of your own.
///
/// - A value *improves* if it is finite and better than the best one so far by more than
///   [`min_delta`](Self::min_delta). It is always compared with the best one, not with the last.
/// - Patience runs out with the `patience`-th value in a row that does not improve; 0 and 1 are the
///   same.
/// - With a [`baseline`](Self::baseline), an improvement that is not better than it does not start
///   the wait anew.
/// - The first [`warm_up`](Self::warm_up) values do not count at all.
///
/// ```
/// use gradtape::train::{Direction, Patience, Standing};
///
/// let mut patience = Patience::new(Direction::Lower, 2);
/// let standings = [0.9, 0.7, 0.8, 0.75].map(|loss| patience.update(loss));
/// assert_eq!(standings[1..], [Standing::Improved, Standing::Waiting, Standing::Exhausted]);
/// assert_eq!(patience.best(), Some((1, 0.7)));
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Patience {
    direction: Direction,
    patience: usize,
    min_delta: MinDelta,
    baseline: Option<f64>,
    warm_up: usize,
    seen: usize,
    best: Option<(usize, f64)>,
    waited: usize,
}

impl Patience {
    /// Patience for so many values in a row that do not improve.
    pub fn new(direction: Direction, patience: usize) -> Self {
        Self {
            direction,
            patience,
            min_delta: MinDelta::Absolute(0.0),
            baseline: None,
            warm_up: 0,
            seen: 0,
            best: None,
            waited: 0,
        }
    }

    /// By how much a value has to be better than the best one; 0 if this is not said.
    ///
    /// # Panics
    ///
    /// If it is negative or not finite.
    #[track_caller]
    pub fn min_delta(mut self, delta: MinDelta) -> Self {
        let (MinDelta::Absolute(size) | MinDelta::Relative(size)) = delta;
        assert!(size >= 0.0 && size.is_finite(), "min_delta must be finite and not negative");
        self.min_delta = delta;
        self
    }

    /// What a value has to beat before patience is renewed.
    pub fn baseline(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// How many values do not count, from the first on.
    pub fn warm_up(mut self, values: usize) -> Self {
        self.warm_up = values;
        self
    }

    /// Another number of values in a row.
    pub(super) fn limit(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }

    /// The same rule for other values, of which none has been seen.
    pub(super) fn anew(&self, direction: Direction) -> Self {
        Self { direction, seen: 0, best: None, waited: 0, ..*self }
    }

    /// The same rule after all that another one has seen.
    pub(super) fn going_on(self, other: &Self) -> Self {
        Self { seen: other.seen, best: other.best, waited: other.waited, ..self }
    }

    /// Takes in the next value.
    pub fn update(&mut self, value: f64) -> Standing {
        let at = self.seen;
        self.seen += 1;
        if at < self.warm_up {
            return Standing::Waiting;
        }
        self.waited += 1;
        if self.improves(value) {
            self.best = Some((at, value));
            if self.baseline.is_none_or(|baseline| self.direction.better(value, baseline, 0.0)) {
                self.waited = 0;
            }
            return Standing::Improved;
        }
        if self.is_exhausted() { Standing::Exhausted } else { Standing::Waiting }
    }

    fn improves(&self, value: f64) -> bool {
        value.is_finite()
            && self
                .best
                .is_none_or(|(_, best)| self.direction.better(value, best, self.min_delta.of(best)))
    }

    /// Whether patience has run out.
    pub fn is_exhausted(&self) -> bool {
        self.waited >= self.patience.max(1)
    }

    /// The best value and which it was, counted from 0.
    pub fn best(&self) -> Option<(usize, f64)> {
        self.best
    }

    /// Which of two values is the better one.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// How many values in a row have not improved.
    pub fn waited(&self) -> usize {
        self.waited
    }
}
