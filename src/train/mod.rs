//! Training: the loop and what looks at it.
//!
//! [`Trainer`] has what Keras users expect of `compile`, `fit`, `evaluate` and `predict`. All of
//! its parts work without it, in a loop of your own: [`Progress`], [`Patience`], [`EarlyStopping`],
//! every [`Metric`].

mod callbacks;
mod checkpoint;
mod diagnose;
mod ensemble;
mod epoch;
mod examples;
mod fit;
mod history;
mod inspect;
mod metrics;
mod patience;
mod predict;
mod progress;
mod rate_range;
pub mod sanity;
pub mod search;
mod targets;
mod trainer;
mod validation;

pub use callbacks::{
    Callback, CsvLog, Decision, EarlyStopping, JsonLog, Memory, ModelCheckpoint, Moment, Monitor,
    OnEpoch, RateSchedule, ReduceRate, StopOnNonFinite, TimeLimit,
};
pub use diagnose::{Diagnosis, LearningCurves, Verdict, diagnose};
pub use ensemble::{Ensemble, EnsembleAverage, mean_params, mean_tensor};
pub use fit::Fit;
pub use history::{Column, Ending, History};
pub use inspect::{Histogram, Inspected, Inspection, Picture, Summary, Update, Updates};
pub use metrics::{
    Accuracy, Auc, CategoricalAccuracy, ConfusionMatrix, Decided, Direction, F1, MeanAbsoluteError,
    MeanSquaredError, Metric, Named, Perplexity, Precision, Predictions, R2, Recall, Scored,
    Target, TopKAccuracy, Valued,
};
pub use patience::{MinDelta, Patience, Standing};
pub use predict::predict;
pub use progress::Progress;
pub use rate_range::RateRange;
pub use sanity::loss_at_chance;
pub use targets::Targets;
pub use trainer::{Evaluation, Trainer};
