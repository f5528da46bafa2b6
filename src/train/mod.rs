//! What a training loop needs besides a model and an optimizer.

mod progress;

pub use progress::Progress;
