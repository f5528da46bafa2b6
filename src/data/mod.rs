//! Data to train on: files in published formats, data sets, batches.
//!
//! Data pass through three steps: a file is read into tensors, a [`Dataset`] holds examples and their
//! labels, and [`Dataset::batches`] cuts it into the [`Batch`]es of a training loop.
//!
//! | format | reads |
//! |---|---|
//! | [`idx`] | MNIST and Fashion-MNIST |
//! | [`cifar`] | CIFAR-10 and CIFAR-100 |
//! | [`published`] | a folder of either, as it is published |
//! | [`csv`] | tables of text |
//! | [`npy`], [`npz`] | NumPy's arrays and archives, which can be written, too |
//! | [`documents`] | labelled texts as the numbers of their words |
//!
//! On the way from a data set to a step, [`Augment`], [`Mixup`] and [`CutMix`] change images, and
//! [`prefetch()`] does so on a thread of its own.
//!
//! # Data larger than memory
//!
//! A data set may hold where its examples are, such as paths, in a type of your own that is
//! [`Rows`]. Shuffling, batches, splits and seeds work as for numbers; each batch is read when its
//! turn comes, on another thread if it is wrapped in [`prefetch()`], and what cannot be read is an
//! error of that batch.
//!
//! ```
//! use std::path::PathBuf;
//!
//! use gradtape::data::{Rows, npy, prefetch};
//! use gradtape::prelude::*;
//! use gradtape::Error;
//!
//! #[derive(Clone)]
//! struct Files(Vec<PathBuf>);
//!
//! impl Rows for Files {
//!     fn rows(&self) -> Result<usize, String> {
//!         Ok(self.0.len())
//!     }
//!
//!     fn refill(&mut self, source: &Self, rows: impl ExactSizeIterator<Item = usize> + Clone) {
//!         self.0.clear();
//!         self.0.extend(rows.map(|row| source.0[row].clone()));
//!     }
//!
//!     fn is_unshared(&mut self) -> bool {
//!         true
//!     }
//! }
//!
//! impl Files {
//!     /// The examples, each a file of 4 numbers.
//!     fn read(&self) -> Result<Tensor, Error> {
//!         let mut numbers = Vec::new();
//!         for path in &self.0 {
//!             numbers.extend_from_slice(npy::load(path)?.to_tensor::<f32>()?.data());
//!         }
//!         Tensor::new([self.0.len(), 4], numbers)
//!     }
//! }
//!
//! # fn main() -> Result<(), Error> {
//! # let folder = std::env::temp_dir().join("gradtape-example-files");
//! # std::fs::create_dir_all(&folder).expect("a folder can be made");
//! # let paths: Vec<PathBuf> = (0..6).map(|i| folder.join(format!("{i}.npy"))).collect();
//! # for (i, path) in paths.iter().enumerate() {
//! #     npy::Npy::from(&Tensor::full([4], i as f32)).save(path)?;
//! # }
//! let data = Dataset::new(Files(paths), Indices::from([0, 1, 0, 1, 0, 1]))?;
//! let batches = data.batches(2).shuffled(Seed(1)).epochs(3);
//! let read = batches.map(|batch| batch.x.read().map(|x| (x, batch)));
//! prefetch(read, 2, |batches| {
//!     for next in batches {
//!         let (x, batch) = next?;
//!         assert_eq!(x.data()[0], batch.rows()[0] as f32);
//!         // a step on `x` and `batch.y`
//!     }
//!     Ok(())
//! })
//! # }
//! ```

pub mod cifar;
pub mod csv;
pub mod documents;
pub mod idx;
pub mod npy;
pub mod npz;
pub mod published;

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
pub(crate) use labels::check_classes;
pub use prefetch::{Prefetched, prefetch};
pub use rows::Rows;
pub use scaling::{MinMax, Standardizer};
