//! Training: the loop and what looks at it.
//!
//! [`Trainer`] has what Keras users expect of `compile`, `fit`, `evaluate` and `predict`. All of
//! its parts work without it, in a loop of your own: [`Progress`], [`Patience`], [`EarlyStopping`],
//! every [`Metric`].

mod callbacks;
mod checkpoint;
mod epoch;
mod fit;
mod history;
mod metrics;
mod patience;
mod progress;
mod rate_range;
mod targets;
mod trainer;

pub use callbacks::{
    Callback, CsvLog, Decision, EarlyStopping, JsonLog, Memory, ModelCheckpoint, Moment, Monitor,
    OnEpoch, RateSchedule, ReduceRate, StopOnNonFinite, TimeLimit,
};
pub use fit::Fit;
pub use history::{Column, Ending, History};
pub use metrics::{Accuracy, Direction, Metric, Predictions, Target};
pub use patience::{MinDelta, Patience, Verdict};
pub use progress::Progress;
pub use rate_range::RateRange;
pub use targets::Targets;
pub use trainer::{Evaluation, Trainer};
