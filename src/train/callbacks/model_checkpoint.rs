//! Saving a training while it runs.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Callback, Decision, Memory, Moment, Monitor, recalled, remembered};
use crate::error::Error;
use crate::train::{Direction, History};

/// What becomes the number of the epoch in a file's name.
pub(in crate::train) const EPOCH: &str = "{epoch}";

/// Saves the whole training, so that it can go on where it was
/// ([`Fit::resume`](crate::train::Fit::resume)) or its weights be loaded
/// ([`Params::load`](crate::Params::load) takes the same file).
///
/// `{epoch}` in the file's name becomes the number of the epoch, counted from 1. Without it each
/// save replaces the last one. A run that is [paused](Decision::Pause), as by a
/// [`TimeLimit`](super::TimeLimit), is saved then as well, wherever in an epoch it is, but by a
/// checkpoint of the best.
///
/// ```
/// use gradtape::train::ModelCheckpoint;
///
/// let every_epoch = ModelCheckpoint::new("run.safetensors");
/// let best = ModelCheckpoint::new("best.safetensors").best("val_accuracy");
/// let last_three = ModelCheckpoint::new("epoch-{epoch}.safetensors").every(5).keep(3);
/// let often = ModelCheckpoint::new("run.safetensors").every_batches(100);
/// ```
#[derive(Clone, Debug)]
pub struct ModelCheckpoint {
    path: PathBuf,
    when: When,
    keep: usize,
    state: State,
}

#[derive(Clone, Debug)]
enum When {
    Epochs(usize),
    Batches(usize),
    Best(Monitor, Direction),
}

/// What it remembers of what it has saved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    best: Option<f64>,
    saved: VecDeque<PathBuf>,
}

impl ModelCheckpoint {
    /// Saves to this file after each epoch.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), when: When::Epochs(1), keep: usize::MAX, state: State::default() }
    }

    /// Saves after every so many epochs.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn every(mut self, epochs: usize) -> Self {
        assert!(epochs > 0, "ModelCheckpoint: every 0 epochs is never");
        self.when = When::Epochs(epochs);
        self
    }

    /// Saves after every so many batches of an epoch, and after its last one.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn every_batches(mut self, batches: usize) -> Self {
        assert!(batches > 0, "ModelCheckpoint: every 0 batches is never");
        self.when = When::Batches(batches);
        self
    }

    /// Saves only after epochs in which this column of the history is better than ever.
    pub fn best(mut self, monitor: &str) -> Self {
        // The column's own direction replaces this one before the first epoch.
        self.when = When::Best(monitor.into(), Direction::Lower);
        self
    }

    /// Removes all but the last so many of the files saved.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn keep(mut self, files: usize) -> Self {
        assert!(files > 0, "ModelCheckpoint: to keep 0 files is to save none");
        self.keep = files;
        self
    }

    /// The path as text if it says where the number of the epoch goes.
    fn pattern(&self) -> Option<&str> {
        self.path.to_str().filter(|path| path.contains(EPOCH))
    }

    fn save(&mut self, epoch: usize) -> Decision {
        let path = match self.pattern() {
            Some(pattern) => pattern.replace(EPOCH, &(epoch + 1).to_string()).into(),
            None => self.path.clone(),
        };
        let saved = &mut self.state.saved;
        saved.retain(|known| *known != path);
        saved.push_back(path.clone());
        let instead_of = if saved.len() > self.keep { saved.pop_front() } else { None };
        Decision::Save { path, instead_of }
    }
}

impl Callback for ModelCheckpoint {
    fn name(&self) -> &str {
        "ModelCheckpoint"
    }

    fn before(&mut self, history: &History) -> Result<(), Error> {
        if let When::Best(monitor, direction) = &mut self.when {
            *direction = monitor.direction("ModelCheckpoint", history)?;
        }
        // Better now than after the first epoch. Folders that differ by epoch may be made until then.
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let varies = self.pattern().is_some();
        if !folder.as_os_str().is_empty() && !varies && !folder.is_dir() {
            let found = format!("`{}`", self.path.display());
            return Err(Error::argument("ModelCheckpoint", "a file in a folder there is", found));
        }
        self.state = State::default();
        Ok(())
    }

    fn after_batch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        match self.when {
            When::Batches(batches) if (moment.batch + 1).is_multiple_of(batches) => {
                Ok(self.save(moment.epoch))
            }
            _ => Ok(Decision::Continue),
        }
    }

    fn after_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        let due = match &self.when {
            When::Epochs(epochs) => (moment.epoch + 1).is_multiple_of(*epochs),
            When::Batches(_) => true,
            When::Best(monitor, direction) => {
                let value = monitor.latest(moment.history);
                let best = self.state.best.unwrap_or(direction.worst());
                let improves = value.is_finite() && direction.better(value, best, 0.0);
                if improves {
                    self.state.best = Some(value);
                }
                improves
            }
        };
        Ok(if due { self.save(moment.epoch) } else { Decision::Continue })
    }

    fn on_pause(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        Ok(match self.when {
            // It is not the best that there was.
            When::Best(..) => Decision::Continue,
            When::Epochs(_) | When::Batches(_) => self.save(moment.epoch),
        })
    }

    fn memory(&self) -> Memory {
        Memory { text: remembered(&self.state), weights: Vec::new() }
    }

    fn recall(&mut self, memory: &Memory) -> Result<(), Error> {
        self.state = recalled("ModelCheckpoint", &memory.text)?;
        Ok(())
    }
}
