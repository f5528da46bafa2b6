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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn empty_folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("gradtape-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// An IDX file of bytes.
    fn idx(shape: &[u8], values: &[u8]) -> Vec<u8> {
        let sizes = shape.iter().flat_map(|&size| [0, 0, 0, size]);
        [0, 0, 8, shape.len() as u8]
            .into_iter()
            .chain(sizes)
            .chain(values.iter().copied())
            .collect()
    }

    #[test]
    fn a_folder_in_the_form_of_mnist_is_read() {
        let folder = empty_folder("published-mnist");
        for (part, labels) in [("train", [3, 1]), ("t10k", [2, 0])] {
            let images = idx(&[2, 1, 3], &[0, 51, 255, 0, 0, 102]);
            fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
            fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), idx(&[2], &labels))
                .unwrap();
        }
        let (train, test) = load(&folder).unwrap();
        assert_eq!(train.x().data(), [0.0, 0.2, 1.0, 0.0, 0.0, 0.4]);
        assert_eq!((train.y().data(), test.y().data()), (&[3, 1][..], &[2, 0][..]));

        fs::remove_file(folder.join("t10k-labels-idx1-ubyte")).unwrap();
        let error = load(&folder).unwrap_err().to_string();
        assert!(error.contains("t10k-labels-idx1-ubyte"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_in_the_form_of_cifar_10_is_read() {
        let folder = empty_folder("published-cifar");
        let record = |label: u8| [vec![label], vec![0; 3072]].concat();
        for i in 1..=5 {
            fs::write(folder.join(format!("data_batch_{i}.bin")), record(i)).unwrap();
        }
        fs::write(folder.join("test_batch.bin"), record(9)).unwrap();
        let (train, test) = load(&folder).unwrap();
        assert_eq!((train.y().data(), test.y().data()), (&[1, 2, 3, 4, 5][..], &[9][..]));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn another_folder_is_told_what_is_looked_for() {
        let folder = empty_folder("published-nothing");
        let error = load(&folder).unwrap_err().to_string();
        assert!(error.contains("train-images-idx3-ubyte") && error.contains("CIFAR-10"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }
}
