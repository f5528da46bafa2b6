//! Data to train on: files in published formats, data sets, batches.
//!
//! Data pass through three steps: a file is read into tensors, a [`Dataset`] holds examples and their
//! labels, and [`Dataset::batches`] cuts it into the [`Batch`]es of a training loop.
//!
//! | format | reads |
//! |---|---|
//! | [`idx`] | MNIST and Fashion-MNIST |
//! | [`cifar`] | CIFAR-10 and CIFAR-100 |
//! | [`csv`] | tables of text |
//! | [`npy`], [`npz`] | NumPy's arrays and archives, which can be written, too |
//! | [`documents`] | labelled texts as the numbers of their words |
//!
//! On the way from a data set to a step, [`Augment`], [`Mixup`] and [`CutMix`] change images, and
//! [`prefetch()`] does so on a thread of its own.

pub mod cifar;
pub mod csv;
pub mod documents;
pub mod idx;
pub mod npy;
pub mod npz;

mod augment;
mod batches;
mod compression;
mod dataset;
#[cfg(feature = "datasets")]
pub mod datasets;
mod labels;
mod prefetch;
mod rows;
mod scaling;
mod source;
mod split;
mod weighted;

pub use augment::{Augment, CutMix, Mixup};
pub use batches::{Batch, Batches};
pub use dataset::Dataset;
pub use prefetch::{Prefetched, prefetch};
pub use rows::Rows;
pub use scaling::{MinMax, Standardizer};
