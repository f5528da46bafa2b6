//! Data to train on: files in published formats, data sets, batches.
//!
//! Data pass through three steps: [`idx`] and [`documents`] read a file, a [`Dataset`] holds examples
//! and their labels, and [`Dataset::batches`] cuts it into the [`Batch`]es of a training loop.

pub mod documents;
pub mod idx;

mod batches;
mod compression;
mod dataset;
#[cfg(feature = "datasets")]
pub mod datasets;
mod labels;
mod rows;
mod scaling;
mod split;

pub use batches::{Batch, Batches};
pub use dataset::Dataset;
pub use rows::Rows;
pub use scaling::{MinMax, Standardizer};
