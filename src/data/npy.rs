//! NumPy's arrays: `.npy` files of one array.
//!
//! A file is a header that says the type of the values, their order and the sizes of the axes, and
//! the values. Versions 1 to 3 are read, with whole numbers, floating-point numbers of 4 or 8 bytes
//! and booleans of either byte order, row by row or column by column. Archives of several arrays are
//! [`npz`](super::npz)'s.
//!
//! Nothing that a header claims is believed before the bytes are there.
//!
//! ```
//! use gradtape::Tensor;
//! use gradtape::data::npy::{self, Npy};
//!
//! let x = Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]);
//! let mut file = Vec::new();
//! Npy::from(&x).write(&mut file)?; // or .save("x.npy")
//! assert_eq!(npy::read(&file[..], "x")?.to_tensor::<f32>()?, x);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::{self, Read, Write};
use std::path::Path;

use crate::data::source::{Source, open, shape_in_memory, to_index};
use crate::disk::write_whole;
use crate::error::Error;
use crate::scalar::Scalar;
use crate::shape::{Axes, Shape};
use crate::tensor::{Indices, Tensor};

mod element;
mod header;

#[cfg(test)]
mod tests;

use element::Element;
use header::Header;

/// The first bytes of every file.
const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// An array as a file holds it: read from one, or made of a [`Tensor`] or of [`Indices`] to be
/// written.
#[derive(Clone, Debug)]
pub struct Npy {
    /// What errors call the array.
    name: String,
    shape: Shape,
    element: Element,
    big_endian: bool,
    /// The values as they are stored, row by row.
    bytes: Vec<u8>,
}

impl Npy {
    /// The sizes of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The values; rounded where the number type cannot hold them exactly. `false` is 0, `true` 1.
    ///
    /// # Errors
    ///
    /// None for an array that was read: its values fill its shape.
    pub fn to_tensor<T: Scalar>(&self) -> Result<Tensor<T>, Error> {
        let values = self.element.decode(&self.bytes, self.big_endian);
        Tensor::new(&self.shape, values.into_iter().map(T::from_f64).collect())
    }

    /// The values as labels or indices.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] naming the first value, counted row by row, that is not a whole number from
    /// 0 to 4294967295.
    pub fn to_indices(&self) -> Result<Indices, Error> {
        let index = |(place, value)| to_index(value, || format!("{}, value {place}", self.name));
        let values = self.element.decode(&self.bytes, self.big_endian).into_iter().enumerate();
        Indices::new(&self.shape, values.map(index).collect::<Result<Vec<u32>, _>>()?)
    }

    /// Writes the file, in version 1, with the byte order that the array was read in; one made here is
    /// little-endian.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn write(&self, mut writer: impl Write) -> io::Result<()> {
        writer.write_all(&Header::written(self.element, self.big_endian, &self.shape))?;
        writer.write_all(&self.bytes)
    }

    /// Writes the file at a path. A file that was there is replaced when the new one is whole.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write_whole(path.as_ref(), |file| self.write(file))
    }

    pub(super) fn of(mut source: Source<'_, impl Read>) -> Result<Self, Error> {
        let Header { element, big_endian, by_columns, sizes } = Header::of(&mut source)?;
        if sizes.len() > Axes::MAX_RANK {
            let expected = format!("at most {}", Axes::MAX_RANK);
            return Err(source.format("number of axes", expected, sizes.len()));
        }
        let Some(shape) = shape_in_memory(&sizes, element.size()) else {
            let expected = "a product that fits in memory";
            return Err(source.format("shape", expected, format!("{sizes:?}")));
        };
        let bytes = source.exactly((shape.numel() * element.size()) as u64, "values")?;
        source.end(&format!("{} bytes of values for {shape}", bytes.len()))?;
        let bytes = if by_columns { by_rows(&bytes, &shape, element.size()) } else { bytes };
        Ok(Self { name: source.name().to_owned(), shape, element, big_endian, bytes })
    }
}

/// Puts values whose first axis runs fastest into an order whose last does.
fn by_rows(bytes: &[u8], shape: &Shape, size: usize) -> Vec<u8> {
    let mut ordered = Vec::with_capacity(bytes.len());
    let mut index = vec![0; shape.rank()];
    for _ in 0..shape.numel() {
        let place = index.iter().zip(&shape[..]).rev().fold(0, |place, (i, size)| place * size + i);
        ordered.extend_from_slice(&bytes[place * size..][..size]);
        for (i, &size) in index.iter_mut().zip(&shape[..]).rev() {
            *i += 1;
            if *i < size {
                break;
            }
            *i = 0;
        }
    }
    ordered
}

/// Reads a file. The name is what errors call it.
///
/// # Errors
///
/// [`Error::Format`] if the stream is no such file, ends early or goes on after the last value, or
/// if its values are no numbers; [`Error::Io`] if it cannot be read.
pub fn read(reader: impl Read, name: &str) -> Result<Npy, Error> {
    Npy::of(Source::new(reader, name))
}

/// Reads the file at a path.
///
/// # Errors
///
/// Those of [`read`], with the path as name, and [`Error::Io`] if the file cannot be opened.
pub fn load(path: impl AsRef<Path>) -> Result<Npy, Error> {
    let (file, name) = open(path.as_ref())?;
    read(file, &name)
}

macro_rules! from_array {
    ($array:ty, $element:ident) => {
        impl From<&$array> for Npy {
            fn from(array: &$array) -> Self {
                Self {
                    name: "array".to_owned(),
                    shape: array.shape().clone(),
                    element: Element::$element,
                    big_endian: false,
                    bytes: array.data().iter().flat_map(|value| value.to_le_bytes()).collect(),
                }
            }
        }
    };
}

from_array!(Tensor<f32>, F32);
from_array!(Tensor<f64>, F64);
from_array!(Indices, U32);
