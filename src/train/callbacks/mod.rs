//! Callbacks: what looks at a training from time to time and decides how it goes on.
//!
//! A callback decides, the loop acts: it returns [`Decision`]s and changes nothing itself. It is
//! told what columns the history will have before the first epoch, so that a monitored name that
//! does not exist is an error then and not a lost run; whether more is better is a property of the
//! metric and not guessed from a name.
//!
//! | callback | decides |
//! |---|---|
//! | [`EarlyStopping`] | to stop when a value no longer improves, and to restore the best weights |
//! | [`ModelCheckpoint`] | to save the training, or the best of it |
//! | [`ReduceRate`] | to lower the rate on a plateau |
//! | [`RateSchedule`] | the rate of each epoch |
//! | [`StopOnNonFinite`] | to end in order, with the weights of before, when the loss is not finite |
//! | [`TimeLimit`] | to pause after some time |
//! | [`CsvLog`], [`JsonLog`] | nothing: they write a line for each epoch |
//! | [`OnEpoch`] | what a closure of yours does |

mod early_stopping;
mod log;
mod model_checkpoint;
mod on_epoch;
mod rate;
mod stop_on_non_finite;
mod time_limit;

use std::path::PathBuf;
use std::time::Duration;

pub use early_stopping::{EarlyStopping, Monitor};
pub use log::{CsvLog, JsonLog};
pub(super) use model_checkpoint::EPOCH;
pub use model_checkpoint::ModelCheckpoint;
pub use on_epoch::OnEpoch;
pub use rate::{RateSchedule, ReduceRate};
pub use stop_on_non_finite::StopOnNonFinite;
pub use time_limit::TimeLimit;

use super::History;
use crate::error::Error;
use crate::graph::NonFinite;
use crate::params::Params;

/// What a callback wants the loop to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Decision {
    /// Go on.
    Continue,
    /// End the training here, for this reason. A checkpoint that is written at the same moment is one
    /// of a training that is done.
    Stop(String),
    /// End this run here, for this reason: the training is not done, and goes on where a checkpoint of
    /// it is resumed.
    Pause(String),
    /// Save a checkpoint here, and remove another one once it is written.
    Save {
        /// The new checkpoint.
        path: PathBuf,
        /// The one that it replaces.
        instead_of: Option<PathBuf>,
    },
    /// Go on at this rate.
    Rate(f64),
}

/// Where a training is when a callback is asked.
#[non_exhaustive]
pub struct Moment<'a> {
    /// The epoch, counted from 0.
    pub epoch: usize,
    /// The batch of the epoch that was just done, counted from 0; 0 before an epoch as well.
    pub batch: usize,
    /// The optimizer's steps so far.
    pub step: u64,
    /// The optimizer's rate.
    pub rate: f64,
    /// The parameters.
    pub params: &'a Params,
    /// What is recorded. After an epoch its values are the last of each column.
    pub history: &'a History,
    /// The time since this run began; a resumed one begins anew.
    pub elapsed: Duration,
}

/// What a callback remembers, as a checkpoint holds it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Memory {
    /// Anything, as text.
    pub text: String,
    /// Weights, as many as the parameters have or none.
    pub weights: Vec<f32>,
}

/// Something that looks at a training from time to time and decides how it goes on.
///
/// ```
/// use gradtape::train::{Callback, Decision, Moment};
/// use gradtape::Error;
///
/// /// Stops once the loss is low enough.
/// struct GoodEnough(f64);
///
/// impl Callback for GoodEnough {
///     fn name(&self) -> &str {
///         "good enough"
///     }
///
///     fn after_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
///         let loss = moment.history.last("loss").unwrap_or(f64::NAN);
///         Ok(if loss < self.0 {
///             Decision::Stop(format!("a loss of {loss:.4}"))
///         } else {
///             Decision::Continue
///         })
///     }
/// }
/// ```
pub trait Callback {
    /// The name in messages, and by which a checkpoint knows whose memory is whose.
    fn name(&self) -> &str;

    /// Before the first epoch: the columns that the history will have, in order.
    ///
    /// # Errors
    ///
    /// If the callback cannot do its work, such as when what it monitors is not there.
    fn before(&mut self, _history: &History) -> Result<(), Error> {
        Ok(())
    }

    /// Before the first batch of each epoch.
    ///
    /// # Errors
    ///
    /// Whatever ends the training with an error.
    fn before_epoch(&mut self, _moment: &Moment<'_>) -> Result<Decision, Error> {
        Ok(Decision::Continue)
    }

    /// After each step.
    ///
    /// # Errors
    ///
    /// Whatever ends the training with an error.
    fn after_batch(&mut self, _moment: &Moment<'_>) -> Result<Decision, Error> {
        Ok(Decision::Continue)
    }

    /// After each epoch and its validation.
    ///
    /// # Errors
    ///
    /// Whatever ends the training with an error.
    fn after_epoch(&mut self, _moment: &Moment<'_>) -> Result<Decision, Error> {
        Ok(Decision::Continue)
    }

    /// Before a run ends because a callback has it [paused](Decision::Pause): what to save of it.
    ///
    /// # Errors
    ///
    /// Whatever ends the training with an error.
    fn on_pause(&mut self, _moment: &Moment<'_>) -> Result<Decision, Error> {
        Ok(Decision::Continue)
    }

    /// When the loss of a batch is not finite, before a step is taken. Unless a callback stops it (a
    /// pause is a stop, too: it would go on to the same loss), the training ends with [`Error::Diverged`].
    fn on_non_finite(&mut self, _trace: Option<&NonFinite>) -> Decision {
        Decision::Continue
    }

    /// After the last epoch, whatever ended the training.
    fn after(&mut self, _params: &mut Params) {}

    /// What has to be in a checkpoint for a resumed training to go on as if never stopped.
    fn memory(&self) -> Memory {
        Memory::default()
    }

    /// Takes back what [`memory`](Self::memory) gave.
    ///
    /// # Errors
    ///
    /// If it is nothing that this callback remembers.
    fn recall(&mut self, _memory: &Memory) -> Result<(), Error> {
        Ok(())
    }
}

/// A callback that is wanted back after the training.
impl<C: Callback + ?Sized> Callback for &mut C {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn before(&mut self, history: &History) -> Result<(), Error> {
        (**self).before(history)
    }

    fn before_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        (**self).before_epoch(moment)
    }

    fn after_batch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        (**self).after_batch(moment)
    }

    fn after_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        (**self).after_epoch(moment)
    }

    fn on_pause(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        (**self).on_pause(moment)
    }

    fn on_non_finite(&mut self, trace: Option<&NonFinite>) -> Decision {
        (**self).on_non_finite(trace)
    }

    fn after(&mut self, params: &mut Params) {
        (**self).after(params);
    }

    fn memory(&self) -> Memory {
        (**self).memory()
    }

    fn recall(&mut self, memory: &Memory) -> Result<(), Error> {
        (**self).recall(memory)
    }
}

/// The text of a memory as what it was written from.
fn recalled<T: serde::de::DeserializeOwned>(callback: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| {
        Error::format(format!("memory of {callback}"), "what it wrote itself", error)
    })
}

/// What a callback remembers as text.
fn remembered(value: &impl serde::Serialize) -> String {
    // Numbers, names and lists of them, which JSON has a text for.
    serde_json::to_string(value).unwrap_or_default()
}
