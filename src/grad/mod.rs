//! Differentiation: the reverse sweep that appends gradients to a graph, and the numerical check
//! of what it finds.

mod check;
mod differences;
mod evaluation;
mod kinks;
mod locate;
mod products;
mod report;
pub(crate) mod sweep;

pub use check::{GradCheck, gradcheck};
pub use locate::Culprit;
pub use report::{Report, Row};
