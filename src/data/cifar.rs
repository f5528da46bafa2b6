//! CIFAR-10 and CIFAR-100, small photographs of ten or a hundred things, in their binary form.
//!
//! A file is a row of records: the label in a byte (CIFAR-100: that of the class in 20, then that
//! of the class in 100), then 32 rows of 32 values of red, as many of green and of blue. There is no
//! header, so a file of another kind is noticed by its length and its labels only.
//!
//! ```no_run
//! use gradtape::data::cifar;
//!
//! let batches = (1..=5).map(|i| format!("cifar-10-batches-bin/data_batch_{i}.bin"));
//! let train = cifar::load(batches, cifar::Labels::Ten)?;
//! let test = cifar::load(["cifar-10-batches-bin/test_batch.bin"], cifar::Labels::Ten)?;
//! assert_eq!(train.x().shape()[..], [50_000, 3, 32, 32]);
//! # Ok::<(), gradtape::Error>(())
//! ```
//!
//! A. Krizhevsky, *Learning multiple layers of features from tiny images*, 2009.

use std::io::Read;
use std::path::Path;

use crate::data::Dataset;
use crate::data::source::{Source, open};
use crate::error::Error;
use crate::tensor::{Indices, Tensor};

/// The shape of an image: colours, rows, columns.
const IMAGE: [usize; 3] = [3, 32, 32];

/// The bytes of an image.
const PIXELS: usize = IMAGE[0] * IMAGE[1] * IMAGE[2];

/// Which of its labels an image goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Labels {
    /// CIFAR-10's only one: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.
    Ten,
    /// CIFAR-100's coarse one, of 20 superclasses such as `fish`.
    Twenty,
    /// CIFAR-100's fine one, of 100 classes such as `shark`.
    Hundred,
}

impl Labels {
    /// The number of classes of each label that a record starts with, and the place of this one.
    fn stored(self) -> (&'static [u8], usize) {
        match self {
            Labels::Ten => (&[10], 0),
            Labels::Twenty => (&[20, 100], 0),
            Labels::Hundred => (&[20, 100], 1),
        }
    }
}

/// Reads one file: `x` of shape `[images, 3, 32, 32]`, scaled to `0..=1`. The name is what errors
/// call it.
///
/// # Errors
///
/// [`Error::Format`] naming the first record that is cut off or has a label that is none, or if
/// there are no records; [`Error::Io`] if it cannot be read.
pub fn read(reader: impl Read, name: &str, labels: Labels) -> Result<Dataset, Error> {
    let mut images = Images::default();
    images.read(reader, name, labels)?;
    images.into_dataset()
}

/// Reads the files at these paths, one after the other.
///
/// # Errors
///
/// Those of [`read`], with the path as name, and [`Error::Io`] if a file cannot be opened.
pub fn load<P: AsRef<Path>>(
    paths: impl IntoIterator<Item = P>,
    labels: Labels,
) -> Result<Dataset, Error> {
    let mut images = Images::default();
    for path in paths {
        let (file, name) = open(path.as_ref())?;
        images.read(file, &name, labels)?;
    }
    images.into_dataset()
}

/// What has been read so far.
#[derive(Default)]
struct Images {
    values: Vec<f32>,
    labels: Vec<u32>,
}

impl Images {
    fn read(&mut self, reader: impl Read, name: &str, labels: Labels) -> Result<(), Error> {
        let (classes, chosen) = labels.stored();
        let length = classes.len() + PIXELS;
        let mut source = Source::new(reader, name);
        let bytes = source.at_most(u64::MAX, "records")?;
        if bytes.is_empty() {
            return Err(source.format("records", "at least one", "an empty file"));
        }
        let records = bytes.chunks(length);
        self.values.reserve(records.len() * PIXELS);
        for (row, record) in records.enumerate() {
            if record.len() < length {
                let expected = format!("{length} bytes");
                return Err(source.format(&format!("record {row}"), expected, record.len()));
            }
            let (stored, pixels) = record.split_at(classes.len());
            for (&label, &classes) in stored.iter().zip(classes) {
                if label >= classes {
                    let expected = format!("one of {classes} classes (0 to {})", classes - 1);
                    return Err(source.format(&format!("label of record {row}"), expected, label));
                }
            }
            self.labels.push(stored[chosen].into());
            self.values.extend(pixels.iter().map(|&byte| f32::from(byte) / 255.0));
        }
        Ok(())
    }

    fn into_dataset(self) -> Result<Dataset, Error> {
        let [colours, rows, columns] = IMAGE;
        let x = Tensor::new([self.labels.len(), colours, rows, columns], self.values)?;
        Dataset::new(x, Indices::from(self.labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with these labels, whose pixels are their places modulo 256.
    fn record(labels: &[u8]) -> Vec<u8> {
        let pixels = (0..PIXELS).map(|place| (place % 256) as u8);
        labels.iter().copied().chain(pixels).collect()
    }

    fn message(bytes: &[u8], labels: Labels) -> String {
        read(bytes, "file", labels).unwrap_err().to_string()
    }

    #[test]
    fn images_and_labels_are_read() {
        let two = [record(&[9]), record(&[0])].concat();
        let data = read(&two[..], "file", Labels::Ten).unwrap();
        assert_eq!(*data.x().shape(), [2, 3, 32, 32].into());
        assert_eq!(data.y().data(), [9, 0]);
        let place = PIXELS + 2 * 1024 + 5 * 32 + 7; // image 1, blue, row 5, column 7
        assert_eq!(data.x().data()[place], ((2 * 1024 + 5 * 32 + 7) % 256) as f32 / 255.0);
        assert_eq!(data.x().data()[255], 1.0);
    }

    #[test]
    fn a_record_of_a_hundred_has_two_labels() {
        let file = record(&[19, 99]);
        for (labels, want) in [(Labels::Twenty, 19), (Labels::Hundred, 99)] {
            let data = read(&file[..], "file", labels).unwrap();
            assert_eq!(data.y().data(), [want]);
            assert_eq!(data.x().data()[1], 1.0 / 255.0);
        }
    }

    #[test]
    fn a_label_that_is_none_is_named() {
        let file = [record(&[3]), record(&[10])].concat();
        assert_eq!(
            message(&file, Labels::Ten),
            "file, label of record 1: expected one of 10 classes (0 to 9), found 10"
        );
        for (stored, classes) in [([20, 0], 20), ([0, 100], 100)] {
            // Also if it is not the one that is asked for: the file is not what it should be.
            for labels in [Labels::Twenty, Labels::Hundred] {
                let said = message(&record(&stored), labels);
                assert!(said.starts_with(&format!(
                    "file, label of record 0: expected one of {classes} classes"
                )));
            }
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = [record(&[3]), record(&[4])].concat();
        for end in (0..whole.len()).filter(|&end| end != whole.len() / 2) {
            assert!(matches!(read(&whole[..end], "file", Labels::Ten), Err(Error::Format { .. })));
        }
        assert_eq!(
            message(&[], Labels::Ten),
            "file, records: expected at least one, found an empty file"
        );
        assert_eq!(
            message(&whole[..whole.len() - 1], Labels::Ten),
            "file, record 1: expected 3073 bytes, found 3072"
        );
        assert!(message(&whole, Labels::Hundred).contains("expected"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load(["no/such/file"], Labels::Ten).unwrap_err();
        assert!(matches!(&error, Error::Io { path, .. } if path == Path::new("no/such/file")));
    }

    #[test]
    fn files_are_put_together_in_order() {
        let mut images = Images::default();
        images.read(&record(&[3])[..], "first", Labels::Ten).unwrap();
        images.read(&record(&[1])[..], "second", Labels::Ten).unwrap();
        assert_eq!(images.into_dataset().unwrap().y().data(), [3, 1]);
    }
}
