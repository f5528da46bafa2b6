//! Image data sets as they are published: a folder of files, recognized by their names.
//!
//! ```no_run
//! let (train, test) = gradtape::data::published::load("data/fashion")?;
//! assert_eq!(train.x().shape()[..], [60_000, 28, 28]);
//! # Ok::<(), gradtape::Error>(())
//! ```

use std::path::{Path, PathBuf};

use crate::data::{Dataset, cifar, idx};
use crate::error::Error;

/// Training and test examples of MNIST or of a data set in its form, such as Fashion-MNIST (files
/// `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-...`, compressed with the ending
/// `.gz` or not), or of CIFAR-10 (`data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin`).
///
/// # Errors
///
/// [`Error::Argument`] if the folder holds neither; the reader's errors if a file is missing or is
/// not what its name says.
pub fn load(folder: impl AsRef<Path>) -> Result<(Dataset, Dataset), Error> {
    let folder = folder.as_ref();
    if folder.join("data_batch_1.bin").exists() {
        let train = (1..=5).map(|i| folder.join(format!("data_batch_{i}.bin")));
        let test = [folder.join("test_batch.bin")];
        return Ok((
            cifar::load(train, cifar::Labels::Ten)?,
            cifar::load(test, cifar::Labels::Ten)?,
        ));
    }
    if existing(folder, "train-images-idx3-ubyte").exists() {
        let part = |name: &str| {
            let images = idx::load(existing(folder, &format!("{name}-images-idx3-ubyte")))?;
            let labels = idx::load(existing(folder, &format!("{name}-labels-idx1-ubyte")))?;
            Dataset::new(images.to_images()?, labels.to_labels()?)
        };
        return Ok((part("train")?, part("t10k")?));
    }
    let expected = "a folder with train-images-idx3-ubyte (MNIST) or data_batch_1.bin (CIFAR-10)";
    Err(Error::argument("data folder", expected, folder.display()))
}

/// The file of this name, or the compressed one if there is only that.
fn existing(folder: &Path, name: &str) -> PathBuf {
    let (plain, compressed) = (folder.join(name), folder.join(format!("{name}.gz")));
    if !plain.exists() && compressed.exists() { compressed } else { plain }
}
