//! What a training loop needs besides a model and an optimizer.

mod metrics;
mod progress;

pub use metrics::{Accuracy, Direction, Metric, Predictions, Target};
pub use progress::Progress;
