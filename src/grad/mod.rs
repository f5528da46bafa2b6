//! Differentiation: the reverse sweep that appends gradients to a graph, and the numerical check
//! of what it finds.

mod check;
mod report;
pub(crate) mod sweep;

pub use check::{GradCheck, gradcheck};
pub use report::{Report, Row};
