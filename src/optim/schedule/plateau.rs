//! A rate that shrinks when training gets no further.

use serde::{Deserialize, Serialize};

use crate::optim::hyperparameter::Allowed;

/// A rate that is multiplied by a factor whenever a value, such as the validation loss, has not
/// got better for so many updates.
///
/// | number | default | |
/// |---|---|---|
/// | [`factor`](Self::factor) | 0.1 | what the rate is multiplied by |
/// | [`patience`](Self::patience) | 10 | the updates without improvement that it takes |
/// | [`min_delta`](Self::min_delta) | 1e-4 | what a value must be better by to be an improvement |
/// | [`cooldown`](Self::cooldown) | 0 | the updates after a reduction that are not counted |
/// | [`min_rate`](Self::min_rate) | 0 | the rate is never reduced below it |
///
/// As in Keras, `min_delta` is absolute, and the update that exhausts the patience reduces the rate.
/// (PyTorch's threshold is relative, and its patience is one update longer.) As in PyTorch, all of
/// the cooldown's updates go uncounted. (Keras counts the last of them.) NaN is no improvement.
///
/// It depends on what it was told, so it is no [`Schedule`](crate::optim::Schedule) but sets one
/// rate after the other. To save a run, write it too: with serde, as it is.
///
/// ```
/// use gradtape::optim::{Optimizer, ReduceOnPlateau, Sgd};
///
/// let mut plateau = ReduceOnPlateau::minimizing(0.1).factor(0.5).patience(2);
/// let mut optimizer: Sgd = Sgd::new(plateau.rate());
/// for (loss, rate) in [(1.0, 0.1), (0.8, 0.1), (0.9, 0.1), (0.8, 0.05), (0.7, 0.05)] {
///     optimizer.set_rate(plateau.update(loss).into());
///     assert_eq!(optimizer.rate(), rate);
/// }
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceOnPlateau {
    better: Better,
    rate: f64,
    factor: f64,
    patience: u64,
    min_delta: f64,
    cooldown: u64,
    min_rate: f64,
    /// The best value so far.
    best: Option<f64>,
    /// The updates without improvement since, or since the last reduction.
    waited: u64,
    /// The updates of the cooldown that are left.
    cooling: u64,
}

/// Which values are better.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Better {
    Smaller,
    Larger,
}

impl ReduceOnPlateau {
    /// This rate at first; a smaller value, such as a loss, is better.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn minimizing(rate: f64) -> Self {
        Self::new(rate, Better::Smaller)
    }

    /// This rate at first; a larger value, such as an accuracy, is better.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn maximizing(rate: f64) -> Self {
        Self::new(rate, Better::Larger)
    }

    #[track_caller]
    fn new(rate: f64, better: Better) -> Self {
        Self {
            better,
            rate: Allowed::NotNegative.check("ReduceOnPlateau", "the rate", rate),
            factor: 0.1,
            patience: 10,
            min_delta: 1e-4,
            cooldown: 0,
            min_rate: 0.0,
            best: None,
            waited: 0,
            cooling: 0,
        }
    }

    /// What the rate is multiplied by.
    ///
    /// # Panics
    ///
    /// If it is not at least 0 and below 1.
    #[track_caller]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = Allowed::Fraction.check("ReduceOnPlateau", "factor", factor);
        self
    }

    /// The number of updates without improvement that it takes, at least 1.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn patience(mut self, updates: u64) -> Self {
        self.patience = super::at_least_one("ReduceOnPlateau", "patience", updates);
        self
    }

    /// What a value must be better by, at least, than the best before.
    ///
    /// # Panics
    ///
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.min_delta = Allowed::NotNegative.check("ReduceOnPlateau", "min_delta", delta);
        self
    }

    /// The number of updates after a reduction in which no patience is lost.
    pub fn cooldown(mut self, updates: u64) -> Self {
        self.cooldown = updates;
        self
    }

    /// The rate that is never reduced any further.
    ///
    /// # Panics
    ///
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn min_rate(mut self, rate: f64) -> Self {
        self.min_rate = Allowed::NotNegative.check("ReduceOnPlateau", "min_rate", rate);
        self
    }

    /// The same numbers for another run, of which no value has been seen.
    pub(crate) fn anew(&self, larger_is_better: bool) -> Self {
        let better = if larger_is_better { Better::Larger } else { Better::Smaller };
        Self { better, best: None, waited: 0, cooling: 0, ..*self }
    }

    /// The same numbers after all that another one has seen.
    pub(crate) fn going_on(&self, other: &Self) -> Self {
        let Self { better, rate, best, waited, cooling, .. } = *other;
        Self { better, rate, best, waited, cooling, ..*self }
    }

    /// Goes on from a rate that somebody else has changed.
    pub(crate) fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// The rate as it is.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Takes note of a value, such as an epoch's validation loss; the rate from now on.
    pub fn update(&mut self, value: f64) -> f64 {
        let cooling = self.cooling > 0;
        self.cooling = self.cooling.saturating_sub(1);
        if self.is_better(value) {
            self.best = Some(value);
            self.waited = 0;
        } else if !cooling {
            self.waited += 1;
            if self.waited >= self.patience {
                self.reduce();
            }
        }
        self.rate
    }

    fn is_better(&self, value: f64) -> bool {
        match (self.best, self.better) {
            (None, _) => !value.is_nan(),
            (Some(best), Better::Smaller) => value < best - self.min_delta,
            (Some(best), Better::Larger) => value > best + self.min_delta,
        }
    }

    fn reduce(&mut self) {
        // A rate that starts below the smallest is not raised to it.
        self.rate = (self.rate * self.factor).max(self.min_rate.min(self.rate));
        self.waited = 0;
        self.cooling = self.cooldown;
    }
}
