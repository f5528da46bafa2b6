//! What learning curves tell, and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;

mod smooth;

use smooth::Smoothed;

/// Says whether a model underfits or overfits, from its training and validation losses of each
/// epoch. Short for [`LearningCurves::diagnose`] without further knowledge.
///
/// # Errors
///
/// [`Error::Argument`] if there are validation losses, but not as many as training losses.
pub fn diagnose(training: &[f64], validation: &[f64]) -> Result<Diagnosis, Error> {
    Ok(LearningCurves::new(training, validation)?.diagnose())
}

/// The training and validation losses of each epoch, and what is known of good and bad ones.
///
/// ```
/// use gradtape::train::{LearningCurves, Verdict};
///
/// let training = [2.0, 1.2, 0.8, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01];
/// let validation = [2.1, 1.4, 1.1, 1.0, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5];
/// let diagnosis = LearningCurves::new(&training, &validation)?.chance(2.3).diagnose();
/// assert!(matches!(diagnosis.verdict(), Verdict::Overfitting { .. }));
/// println!("{diagnosis}");
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "curves are there to be diagnosed"]
pub struct LearningCurves<'a> {
    training: &'a [f64],
    validation: &'a [f64],
    chance: Option<f64>,
    target: Option<f64>,
}

/// What learning curves look like.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Verdict {
    /// There are fewer than [`LearningCurves::LEAST`] epochs.
    TooFewEpochs,
    /// A loss is infinite or NaN, or the training loss ends above where it began.
    Diverged {
        /// The first epoch, counted from 0, whose loss is not finite, or from which on it rises.
        epoch: usize,
        /// Whether all losses are finite.
        finite: bool,
    },
    /// Not even the training data are learned well.
    Underfitting {
        /// Whether the training loss still fell in the last quarter of the epochs.
        falling: bool,
    },
    /// The training data are learned better than what they are examples of.
    Overfitting {
        /// The epoch, counted from 0, from which on the validation loss rises, or lies apart from
        /// the training loss.
        since: usize,
        /// How far the validation loss has risen since its best.
        rise: f64,
        /// How far it lies above the training loss at the end.
        gap: f64,
    },
    /// None of the above.
    Fitting {
        /// Whether the training loss still fell in the last quarter of the epochs.
        falling: bool,
    },
}

/// What learning curves tell. Prints as advice, in which epochs are counted from 1, as in a
/// [`History`](super::History) that is printed and in charts.
#[derive(Clone, PartialEq, Debug)]
#[must_use = "a diagnosis is there to be looked at"]
pub struct Diagnosis {
    verdict: Verdict,
    epochs: usize,
    /// The smoothed losses at the end.
    training: f64,
    validation: Option<f64>,
    chance: Option<f64>,
    target: Option<f64>,
}

impl<'a> LearningCurves<'a> {
    /// How many epochs it takes to tell anything.
    pub const LEAST: usize = 5;

    /// Curves of a loss that is the lower the better; of the data only, without penalties. There
    /// may be no validation losses at all.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there are validation losses, but not as many as training losses.
    pub fn new(training: &'a [f64], validation: &'a [f64]) -> Result<Self, Error> {
        if !validation.is_empty() && validation.len() != training.len() {
            let expected = format!("{} validation losses, or none", training.len());
            return Err(Error::argument("learning curves", expected, validation.len()));
        }
        Ok(Self { training, validation, chance: None, target: None })
    }

    /// The loss of guessing, such as [`loss_at_chance`](super::loss_at_chance): a model that is
    /// hardly better underfits.
    pub fn chance(mut self, loss: f64) -> Self {
        self.chance = Some(loss);
        self
    }

    /// The loss that is good enough, such as that of a person: a model that does not reach it on
    /// its training data underfits.
    pub fn target(mut self, loss: f64) -> Self {
        self.target = Some(loss);
        self
    }

    /// What the curves tell.
    ///
    /// Both are smoothed, and differences count only if they exceed what the curves' own noise
    /// explains. With the *fall* of the training loss from its beginning to its end:
    ///
    /// - overfitting: the validation loss ends above its minimum by 2 % of the fall or more while
    ///   the training loss went on falling, or lies above the training loss by 10 % of the fall;
    /// - underfitting: the training loss ends above the target, or, if there is none, above 90 % of
    ///   chance or else of where it began;
    /// - still falling: the training loss fell by 10 % or more in the last quarter of the epochs.
    pub fn diagnose(&self) -> Diagnosis {
        let Self { training, validation, chance, target } = *self;
        let last = |curve: &[f64]| curve.last().copied();
        let mut diagnosis = Diagnosis {
            verdict: Verdict::TooFewEpochs,
            epochs: training.len(),
            training: last(training).unwrap_or(f64::NAN),
            validation: last(validation),
            chance,
            target,
        };
        let broken = |curve: &[f64]| curve.iter().position(|loss| !loss.is_finite());
        let broken = [training, validation].iter().filter_map(|curve| broken(curve)).min();
        if let Some(epoch) = broken {
            diagnosis.verdict = Verdict::Diverged { epoch, finite: false };
        } else if training.len() >= Self::LEAST {
            let validation = (!validation.is_empty()).then(|| Smoothed::new(validation));
            let training = Smoothed::new(training);
            diagnosis.training = training.end();
            diagnosis.validation = validation.as_ref().map(Smoothed::end);
            diagnosis.verdict = self.judge(&training, validation.as_ref());
        }
        diagnosis
    }

    fn judge(&self, training: &Smoothed, validation: Option<&Smoothed>) -> Verdict {
        let start = training.first().max(training.start());
        let (end, epochs) = (training.end(), training.epochs());
        let fall = start - end;
        let before = training.at(epochs - 1 - (epochs / 4).max(1));
        let falling = before - end > (0.1 * before.abs()).max(training.doubt());

        if end > training.start() + training.doubt() {
            return Verdict::Diverged { epoch: training.best(), finite: true };
        }
        if let Some(validation) = validation {
            let best = validation.best();
            let rise = validation.end() - validation.at(best);
            let risen = rise > (0.02 * fall).max(validation.doubt());
            if risen && training.at(best) > end {
                return Verdict::Overfitting { since: best, rise, gap: validation.end() - end };
            }
        }
        let missed = self.target.is_some_and(|target| end > target + training.doubt());
        let ignorant = self.chance.unwrap_or(start);
        let hardly_learned = ignorant - end < (0.1 * ignorant.abs()).max(training.doubt());
        if missed || self.target.is_none() && hardly_learned {
            return Verdict::Underfitting { falling };
        }
        if let Some(validation) = validation {
            let apart = (0.1 * fall).max(validation.doubt());
            let gap = |epoch: usize| validation.at(epoch) - training.at(epoch);
            let together = (0..epochs).rev().find(|&epoch| gap(epoch) <= apart);
            let since = together.map_or(0, |epoch| epoch + 1);
            if since < epochs {
                let rise = validation.end() - validation.at(validation.best());
                return Verdict::Overfitting { since, rise, gap: gap(epochs - 1) };
            }
        }
        Verdict::Fitting { falling }
    }
}

impl Diagnosis {
    /// What the curves look like.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What to try, what helps most first.
    pub fn remedies(&self) -> Vec<&'static str> {
        const LONGER: &str = "train longer: the training loss is still falling";
        const MORE: &str = "a larger model: more units, more layers";
        match self.verdict {
            Verdict::TooFewEpochs => vec!["train for some more epochs, then ask again"],
            Verdict::Diverged { .. } => vec![
                "a lower learning rate: try a third, then a tenth",
                "clip the gradients, or raise the rate slowly in the first steps",
                "normalize the inputs to mean 0 and deviation 1, and look for broken ones",
                "ask `Tape::find_non_finite` which operation made the first bad number",
            ],
            Verdict::Underfitting { falling } => {
                let longer = if falling { vec![LONGER] } else { Vec::new() };
                let others = [
                    "another learning rate, searched on a logarithmic scale, or a better \
                     optimizer (momentum, Adam)",
                    "inputs normalized to mean 0 and deviation 1, an initializer that fits the \
                     activations, normalization between the layers",
                    MORE,
                    "less regularization: weaker penalties, less dropout",
                ];
                longer.into_iter().chain(others).collect()
            }
            Verdict::Overfitting { .. } => vec![
                "stop early, and keep the parameters of the best epoch",
                "more training data, or augmented ones",
                "more regularization: L2 or L1 penalties, dropout",
                "a smaller model",
                "average several models, or parameters over the last epochs",
            ],
            Verdict::Fitting { falling: true } => vec![LONGER],
            Verdict::Fitting { falling: false } => vec![
                "if it is not good enough, a larger model, for this one does not overfit",
                "a search of learning rate and regularization around what they are now",
            ],
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epochs, training, .. } = *self;
        let validation = self.validation.unwrap_or(f64::NAN);
        match self.verdict {
            Verdict::TooFewEpochs => write!(f, "Too few epochs ({epochs}) to tell anything.")?,
            Verdict::Diverged { epoch, finite: true } => {
                write!(f, "Diverged: the training loss rises since epoch {}, ", epoch + 1)?;
                write!(f, "and ends at {training:.4}, above where it began.")?;
            }
            Verdict::Diverged { epoch, finite: false } => {
                write!(f, "Diverged: the loss is not finite in epoch {}.", epoch + 1)?;
            }
            Verdict::Underfitting { .. } => {
                write!(f, "Underfitting: the training loss ends at {training:.4}")?;
                match (self.target, self.chance) {
                    (Some(target), _) => write!(f, ", above the target of {target:.4}.")?,
                    (_, Some(chance)) => write!(f, "; guessing would give {chance:.4}.")?,
                    _ => write!(f, ", hardly below where it began.")?,
                }
            }
            Verdict::Overfitting { since, rise, gap } => {
                write!(f, "Overfitting since epoch {}: ", since + 1)?;
                write!(f, "the validation loss ends at {validation:.4}, ")?;
                write!(f, "{gap:.4} above the training loss of {training:.4}")?;
                if rise > 0.0 {
                    write!(f, " and {rise:.4} above its own best")?;
                }
                write!(f, ".")?;
            }
            Verdict::Fitting { .. } => {
                write!(
                    f,
                    "Neither under- nor overfitting: the training loss ends at {training:.4}"
                )?;
                if self.validation.is_some() {
                    write!(f, ", the validation loss at {validation:.4}")?;
                }
                write!(f, ".")?;
                if self.target.is_none() {
                    write!(f, " Whether that is good enough, a target would tell.")?;
                }
            }
        }
        write!(f, "\nWhat to try, in this order:")?;
        self.remedies().iter().try_for_each(|remedy| write!(f, "\n- {remedy}"))
    }
}

#[cfg(test)]
mod tests;
