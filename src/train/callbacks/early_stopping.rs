//! Stopping when a value no longer improves.

use super::{Callback, Decision, Memory, Moment, recalled, remembered};
use crate::error::Error;
use crate::params::Params;
use crate::train::{Direction, History, MinDelta, Patience, Standing};

/// What is monitored: a column of the history by its name, whose metric knows whether more is
/// better; or, in a loop of your own, values of which this is said.
#[derive(Clone, PartialEq, Debug)]
pub enum Monitor {
    /// The column of this name.
    Column(String),
    /// Values that the loop hands over itself.
    Values(Direction),
}

impl From<&str> for Monitor {
    fn from(name: &str) -> Self {
        Monitor::Column(name.to_string())
    }
}

impl From<String> for Monitor {
    fn from(name: String) -> Self {
        Monitor::Column(name)
    }
}

impl From<Direction> for Monitor {
    fn from(direction: Direction) -> Self {
        Monitor::Values(direction)
    }
}

impl Monitor {
    /// Whether lower or higher values of what is monitored are better.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is no such column, or one without direction.
    pub(super) fn direction(
        &self,
        owner: &'static str,
        history: &History,
    ) -> Result<Direction, Error> {
        let name = match self {
            Monitor::Column(name) => &name[..],
            Monitor::Values(_) => "values of another loop",
        };
        if let Some(direction) = history.column(name).and_then(|column| column.direction) {
            return Ok(direction);
        }
        let columns = history.columns().iter().filter(|column| column.direction.is_some());
        let names: Vec<&str> = columns.map(|column| &column.name[..]).collect();
        let validated = names.iter().any(|name| name.starts_with("val_"));
        let hint = match name.starts_with("val_") && !validated {
            true => "; there is no validation data: call `.validation(..)`",
            false => "",
        };
        let expected = format!("to monitor one of {}", names.join(", "));
        Err(Error::argument(owner, expected, format!("{name}{hint}")))
    }

    /// The latest value.
    pub(super) fn latest(&self, history: &History) -> f64 {
        match self {
            Monitor::Column(name) => history.last(name).unwrap_or(f64::NAN),
            Monitor::Values(_) => f64::NAN,
        }
    }
}

/// Stops a training when a value no longer improves, and puts the best weights back at its end,
/// whatever ended it.
///
/// [`Patience`] says what an improvement is. Monitor a value of the validation data: a loss of the
/// training data is the mean over an epoch in which the weights changed, so the weights kept are
/// not those it was computed with.
///
/// In [`fit`](crate::train::Trainer::fit), as `.callback(EarlyStopping::new("val_loss").patience(3))`.
/// In a loop of your own:
///
/// ```
/// use gradtape::prelude::*;
/// use gradtape::train::{Direction, EarlyStopping};
///
/// let mut params = Params::<f32>::new(Seed(0));
/// let w = params.add_tensor("w", &Tensor::from([0.0]));
///
/// let mut stopping = EarlyStopping::new(Direction::Lower).patience(3);
/// for epoch in 0..100 {
///     params.values_mut(w)[0] += 0.1; // train
///     let loss = f64::from(params.values(w)[0] - 1.0).abs(); // validate
///     if stopping.update(loss, &params) {
///         assert_eq!(epoch, 12);
///         break;
///     }
/// }
/// stopping.restore(&mut params);
/// assert_eq!(stopping.best().map(|(epoch, _)| epoch), Some(9));
/// assert!((params.values(w)[0] - 1.0).abs() < 1e-6);
/// ```
///
/// L. Prechelt, *Early stopping, but when?*, 1998.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: Patience,
    restores: bool,
    weights: Vec<f32>,
    restored: bool,
}

impl EarlyStopping {
    /// Stops at the first value that does not improve, until [`patience`](Self::patience) says
    /// otherwise. Monitors a column of the history by name, such as `val_loss`, or values of the
    /// given [`Direction`] in a loop of your own.
    pub fn new(monitor: impl Into<Monitor>) -> Self {
        let monitor = monitor.into();
        let direction = match monitor {
            Monitor::Values(direction) => direction,
            // Replaced before the first epoch.
            Monitor::Column(_) => Direction::Lower,
        };
        let patience = Patience::new(direction, 1);
        Self { monitor, patience, restores: true, weights: Vec::new(), restored: false }
    }

    /// How many values in a row may fail to improve: the last of them ends the training. 0 and 1
    /// are the same.
    pub fn patience(mut self, values: usize) -> Self {
        self.patience = self.patience.limit(values);
        self
    }

    /// See [`Patience::min_delta`].
    #[track_caller]
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.patience = self.patience.min_delta(MinDelta::Absolute(delta));
        self
    }

    /// [`min_delta`](Self::min_delta) as a share of the best value.
    #[track_caller]
    pub fn relative_delta(mut self, share: f64) -> Self {
        self.patience = self.patience.min_delta(MinDelta::Relative(share));
        self
    }

    /// See [`Patience::baseline`].
    pub fn baseline(mut self, baseline: f64) -> Self {
        self.patience = self.patience.baseline(baseline);
        self
    }

    /// See [`Patience::warm_up`].
    pub fn warm_up(mut self, values: usize) -> Self {
        self.patience = self.patience.warm_up(values);
        self
    }

    /// Leaves the weights as they are at the end.
    pub fn keep_last(mut self) -> Self {
        self.restores = false;
        self
    }

    /// Takes in the next value, keeping the weights if it is the best; whether to stop.
    pub fn update(&mut self, value: f64, params: &Params) -> bool {
        match self.patience.update(value) {
            Standing::Improved => {
                if self.restores {
                    self.weights.clear();
                    self.weights.extend_from_slice(params.flat());
                }
                false
            }
            Standing::Waiting => false,
            Standing::Exhausted => true,
        }
    }

    /// Puts the best weights back, if any were kept.
    ///
    /// # Panics
    ///
    /// If parameters were added since.
    #[track_caller]
    pub fn restore(&mut self, params: &mut Params) {
        if !self.weights.is_empty() {
            let (kept, found) = (self.weights.len(), params.flat().len());
            assert!(kept == found, "weights of {kept} values were kept, and here are {found}");
            params.flat_mut().copy_from_slice(&self.weights);
            self.restored = true;
        }
    }

    /// The best value and which it was, counted from 0.
    pub fn best(&self) -> Option<(usize, f64)> {
        self.patience.best()
    }

    /// Whether the best weights were put back.
    pub fn restored(&self) -> bool {
        self.restored
    }
}

impl Callback for EarlyStopping {
    fn name(&self) -> &str {
        "EarlyStopping"
    }

    fn before(&mut self, history: &History) -> Result<(), Error> {
        let direction = self.monitor.direction("EarlyStopping", history)?;
        // A training of its own: what another one remembered is not this one's best.
        self.patience = self.patience.anew(direction);
        self.weights.clear();
        self.restored = false;
        Ok(())
    }

    fn after_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        let value = self.monitor.latest(moment.history);
        if !self.update(value, moment.params) {
            return Ok(Decision::Continue);
        }
        let waited = self.patience.waited();
        Ok(Decision::Stop(match self.best() {
            Some((epoch, best)) => {
                format!("no improvement for {waited} epochs on {best:.4} of epoch {}", epoch + 1)
            }
            None => format!("no value to keep in {waited} epochs"),
        }))
    }

    fn after(&mut self, params: &mut Params) {
        self.restore(params);
    }

    fn memory(&self) -> Memory {
        Memory { text: remembered(&self.patience), weights: self.weights.clone() }
    }

    fn recall(&mut self, memory: &Memory) -> Result<(), Error> {
        let remembered: Patience = recalled("EarlyStopping", &memory.text)?;
        self.patience = self.patience.clone().going_on(&remembered);
        self.weights.clone_from(&memory.weights);
        Ok(())
    }
}
