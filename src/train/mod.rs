//! What a training loop needs besides a model and an optimizer.

mod metrics;
mod progress;

pub use metrics::{
    Accuracy, Auc, ConfusionMatrix, Decision, Direction, F1, MeanAbsoluteError, MeanSquaredError,
    Metric, Perplexity, Precision, Predictions, R2, Recall, Scored, Target, TopKAccuracy, Valued,
};
pub use progress::Progress;
