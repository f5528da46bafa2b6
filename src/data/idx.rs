//! The IDX format, in which MNIST and Fashion-MNIST are published.
//!
//! A file is a header and values, all numbers big-endian: two zero bytes, a byte for the type of
//! the values, a byte for the number of axes, the size of each axis in four bytes, the values row
//! by row. Files compressed with gzip are recognized by their first bytes and read with the
//! feature `gzip`.
//!
//! Nothing that a header claims is believed before the bytes are there: memory grows with what
//! the stream holds, and a stream is read no further than one byte past what its header claims.
//!
//! ```no_run
//! use gradtape::data::{Dataset, idx};
//!
//! let images = idx::load("mnist/train-images-idx3-ubyte.gz")?.to_images()?;
//! let labels = idx::load("mnist/train-labels-idx1-ubyte.gz")?.to_labels()?;
//! let train = Dataset::new(images, labels)?.flatten();
//! # Ok::<(), gradtape::Error>(())
//! ```

use std::io::Read;
use std::path::Path;

use crate::data::compression::GZIP_MAGIC;
use crate::data::source::{Source, open, shape_in_memory, to_index};
use crate::error::Error;
use crate::scalar::Scalar;
use crate::shape::{Axes, Shape};
use crate::tensor::{Indices, Tensor};

#[cfg(test)]
mod tests;

/// The contents of an IDX file.
///
/// ```
/// use gradtape::data::idx;
///
/// // two bytes, type (unsigned byte), number of axes, size of the only axis, values
/// let file = [0, 0, 0x08, 1, 0, 0, 0, 3, 7, 2, 1];
/// let labels = idx::read(&file[..], "labels")?.to_labels()?;
/// assert_eq!(labels.data(), [7, 2, 1]);
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Idx {
    /// What errors call the file.
    name: String,
    shape: Shape,
    element: Element,
    /// The values as they are stored: big-endian, row by row.
    bytes: Vec<u8>,
}

impl Idx {
    /// The sizes of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The values, unscaled; rounded where the number type cannot hold them exactly.
    ///
    /// # Errors
    ///
    /// None for an [`Idx`] that was read: its values fill its shape.
    pub fn to_tensor<T: Scalar>(&self) -> Result<Tensor<T>, Error> {
        Tensor::new(&self.shape, self.values(T::from_f64))
    }

    /// Grey images: unsigned bytes scaled to `0..=1`, of shape `[images, rows, columns]`.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] if the values are not unsigned bytes on three axes.
    pub fn to_images(&self) -> Result<Tensor<f32>, Error> {
        if self.element != Element::U8 {
            let what = format!("{}, type of the values", self.name);
            return Err(Error::format(what, Element::U8.name(), self.element.name()));
        }
        if self.shape.rank() != 3 {
            let what = format!("{}, sizes", self.name);
            return Err(Error::format(what, "[images, rows, columns]", &self.shape));
        }
        let scaled = self.bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        Tensor::new(&self.shape, scaled)
    }

    /// Labels: whole numbers on one axis.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] if there is more than one axis, or naming the first value that is not a
    /// whole number from 0 to 4294967295.
    pub fn to_labels(&self) -> Result<Indices, Error> {
        if self.shape.rank() != 1 {
            let what = format!("{}, sizes", self.name);
            return Err(Error::format(what, "[labels]", &self.shape));
        }
        let label = |(row, value)| to_index(value, || format!("{}, label of row {row}", self.name));
        let labels: Result<Vec<u32>, Error> =
            self.values(|value| value).into_iter().enumerate().map(label).collect();
        Indices::new(&self.shape, labels?)
    }

    /// All values, each as what `convert` makes of it: `f64` holds every type's values exactly.
    fn values<T>(&self, convert: impl Fn(f64) -> T) -> Vec<T> {
        match self.element {
            Element::U8 => self.decode(|bytes| convert(u8::from_be_bytes(bytes).into())),
            Element::I8 => self.decode(|bytes| convert(i8::from_be_bytes(bytes).into())),
            Element::I16 => self.decode(|bytes| convert(i16::from_be_bytes(bytes).into())),
            Element::I32 => self.decode(|bytes| convert(i32::from_be_bytes(bytes).into())),
            Element::F32 => self.decode(|bytes| convert(f32::from_be_bytes(bytes).into())),
            Element::F64 => self.decode(|bytes| convert(f64::from_be_bytes(bytes))),
        }
    }

    fn decode<const N: usize, T>(&self, value: impl Fn([u8; N]) -> T) -> Vec<T> {
        let (values, _) = self.bytes.as_chunks();
        values.iter().map(|&bytes| value(bytes)).collect()
    }
}

/// Reads an IDX file, compressed or not. The name is what errors call it.
///
/// The reader needs no buffer of its own. It may be left one byte past the values.
///
/// # Errors
///
/// [`Error::Format`] if the stream is not IDX, ends early or goes on after the last value, and if
/// it is compressed but the feature `gzip` is not enabled; [`Error::Io`] if it cannot be read.
pub fn read(mut reader: impl Read, name: &str) -> Result<Idx, Error> {
    let mut start = Vec::new();
    let found = reader.by_ref().take(2).read_to_end(&mut start);
    found.map_err(|source| Error::io(name, source))?;
    let compressed = start == GZIP_MAGIC;
    let whole = start.chain(reader);
    if compressed { read_gzip(whole, name) } else { Idx::of(Source::new(whole, name)) }
}

/// Reads an IDX file, compressed or not, at a path.
///
/// # Errors
///
/// Those of [`read`], with the path as name, and [`Error::Io`] if the file cannot be opened.
pub fn load(path: impl AsRef<Path>) -> Result<Idx, Error> {
    let (file, name) = open(path.as_ref())?;
    read(file, &name)
}

#[cfg(feature = "gzip")]
fn read_gzip(reader: impl Read, name: &str) -> Result<Idx, Error> {
    // A gzip file may have several members; this decoder also checks that nothing else follows.
    let reader = flate2::read::MultiGzDecoder::new(reader);
    Idx::of(Source::decoded(reader, name, "gzip"))
}

#[cfg(not(feature = "gzip"))]
fn read_gzip(_reader: impl Read, name: &str) -> Result<Idx, Error> {
    Err(Error::format(name, crate::data::compression::UNCOMPRESSED, "a gzip stream"))
}

impl Idx {
    fn of(mut source: Source<'_, impl Read>) -> Result<Self, Error> {
        let header = source.exactly(4, "header")?;
        let [0, 0, code, rank] = header[..] else {
            return Err(source.format("header", "two zero bytes", bytes_in_hex(&header[..2])));
        };
        let Some(element) = Element::of(code) else {
            let expected = "08, 09, 0b, 0c, 0d or 0e";
            return Err(source.format("type of the values", expected, bytes_in_hex(&[code])));
        };
        if !(1..=Axes::MAX_RANK).contains(&rank.into()) {
            return Err(source.format("number of axes", format!("1 to {}", Axes::MAX_RANK), rank));
        }

        let sizes = source.exactly(4 * u64::from(rank), "sizes")?;
        let (sizes, _) = sizes.as_chunks();
        let sizes: Vec<u64> = sizes.iter().map(|&bytes| u32::from_be_bytes(bytes).into()).collect();
        let Some(shape) = shape_in_memory(&sizes, element.size()) else {
            let expected = "a product that fits in memory";
            return Err(source.format("sizes", expected, format!("{sizes:?}")));
        };

        let bytes = source.exactly((shape.numel() * element.size()) as u64, "values")?;
        source.end(&format!("{} bytes of values for {shape}", bytes.len()))?;
        Ok(Idx { name: source.name().to_owned(), shape, element, bytes })
    }
}

/// Bytes as messages show them: `1f 8b`.
fn bytes_in_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// The type of a file's values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Element {
    U8,
    I8,
    I16,
    I32,
    F32,
    F64,
}

impl Element {
    /// The type that this byte of the header stands for.
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            0x08 => Element::U8,
            0x09 => Element::I8,
            0x0b => Element::I16,
            0x0c => Element::I32,
            0x0d => Element::F32,
            0x0e => Element::F64,
            _ => return None,
        })
    }

    /// The number of bytes of a value.
    fn size(self) -> usize {
        match self {
            Element::U8 | Element::I8 => 1,
            Element::I16 => 2,
            Element::I32 | Element::F32 => 4,
            Element::F64 => 8,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Element::U8 => "unsigned bytes",
            Element::I8 => "signed bytes",
            Element::I16 => "16-bit integers",
            Element::I32 => "32-bit integers",
            Element::F32 => "32-bit floating-point numbers",
            Element::F64 => "64-bit floating-point numbers",
        }
    }
}
