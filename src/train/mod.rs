//! What a training loop needs besides a model and an optimizer.

mod diagnose;
mod ensemble;
mod inspect;
mod metrics;
mod progress;
pub mod sanity;
pub mod search;

pub use diagnose::{Diagnosis, LearningCurves, Verdict, diagnose};
pub use ensemble::{Averaged, Ensemble, mean_params, mean_tensor};
pub use inspect::{Histogram, Inspected, Inspection, Picture, Summary, Update, Updates};
pub use metrics::{
    Accuracy, Auc, ConfusionMatrix, Decided, Direction, F1, MeanAbsoluteError, MeanSquaredError,
    Metric, Perplexity, Precision, Predictions, R2, Recall, Scored, Target, TopKAccuracy, Valued,
};
pub use progress::Progress;
pub use sanity::loss_at_chance;
