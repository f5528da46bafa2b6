//! NumPy's archives: `.npz` files of named arrays.
//!
//! An archive is a ZIP file of [`npy`](super::npy) files. Those that are stored as they are
//! (`numpy.savez`) are read always, and this is how archives are written; compressed ones
//! (`numpy.savez_compressed`) are read with the feature `gzip`.
//!
//! ```
//! use gradtape::data::npz::{self, Npz};
//! use gradtape::{Indices, Tensor};
//!
//! let mut archive = Npz::new();
//! archive.insert("x", &Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]));
//! archive.insert("y", &Indices::from([0, 1]));
//! let mut file = Vec::new();
//! archive.write(&mut file)?; // or .save("data.npz")
//!
//! let archive = npz::read(&file[..], "data")?;
//! assert_eq!(archive.names().collect::<Vec<_>>(), ["x", "y"]);
//! assert_eq!(archive.get("y")?.to_indices()?, Indices::from([0, 1]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::data::npy::Npy;
use crate::data::source::{Source, open};
use crate::disk::write_whole;
use crate::error::Error;

mod zip;

#[cfg(test)]
mod tests;

use zip::Entry;

/// Named arrays.
#[derive(Clone, Debug, Default)]
pub struct Npz {
    /// What errors call the archive.
    name: String,
    arrays: BTreeMap<String, Npy>,
}

impl Npz {
    /// No arrays yet.
    pub fn new() -> Self {
        Self { name: "archive".to_owned(), arrays: BTreeMap::new() }
    }

    /// The arrays' names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// The array of this name.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] if there is none.
    pub fn get(&self, name: &str) -> Result<&Npy, Error> {
        self.arrays.get(name).ok_or_else(|| {
            let there = self.names().collect::<Vec<_>>().join(", ");
            Error::format(&self.name, format!("an array `{name}`"), format!("only {there}"))
        })
    }

    /// Adds an array; one of the same name is replaced.
    pub fn insert(&mut self, name: impl Into<String>, array: impl Into<Npy>) {
        self.arrays.insert(name.into(), array.into());
    }

    /// Writes the file, without compression.
    ///
    /// # Errors
    ///
    /// What the writer says, and [`io::ErrorKind::InvalidInput`] if a name has more than 65,000
    /// bytes or the archive more than 4 GiB or 65,534 arrays, which do not fit into such a file.
    pub fn write(&self, mut writer: impl Write) -> io::Result<()> {
        let mut archive = zip::Writer::new(&mut writer);
        for (name, array) in &self.arrays {
            let mut bytes = Vec::new();
            array.write(&mut bytes)?;
            archive.add(&format!("{name}.npy"), &bytes)?;
        }
        archive.finish()
    }

    /// Writes the file at a path. A file that was there is replaced when the new one is whole.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write_whole(path.as_ref(), |file| self.write(file))
    }
}

/// Reads an archive. The name is what errors call it.
///
/// # Errors
///
/// [`Error::Format`] if it is no such archive, is damaged or holds what is no array of numbers, and
/// if an array is compressed but the feature `gzip` is not enabled; [`Error::Io`] if it cannot be
/// read.
pub fn read(reader: impl Read, name: &str) -> Result<Npz, Error> {
    let bytes = Source::new(reader, name).at_most(u64::MAX, "archive")?;
    let mut archive = Npz { name: name.to_owned(), arrays: BTreeMap::new() };
    for entry in zip::entries(&bytes, name)? {
        let what = format!("{name}, `{}`", entry.name);
        let array = array(&entry, &what)?;
        let Some(name) = entry.name.strip_suffix(".npy") else {
            return Err(Error::format(what, "a name that ends in .npy", "another"));
        };
        if archive.arrays.insert(name.to_owned(), array).is_some() {
            return Err(Error::format(what, "names that differ", "the same twice"));
        }
    }
    Ok(archive)
}

/// Reads the archive at a path.
///
/// # Errors
///
/// Those of [`read`], with the path as name, and [`Error::Io`] if the file cannot be opened.
pub fn load(path: impl AsRef<Path>) -> Result<Npz, Error> {
    let (file, name) = open(path.as_ref())?;
    read(file, &name)
}

/// The array of an entry, whose bytes are what their checksum says.
fn array(entry: &Entry<'_>, what: &str) -> Result<Npy, Error> {
    let mut checksum = zip::Checksum::new();
    let array = match entry.method {
        zip::STORED => Npy::of(Source::new(checksum.of(entry.bytes), what))?,
        zip::DEFLATED => inflate(entry, what, &mut checksum)?,
        other => {
            return Err(Error::format(what, "method 0 (stored) or 8 (deflate)", other));
        }
    };
    if checksum.value() != entry.checksum {
        let expected = format!("checksum {:08x}", entry.checksum);
        return Err(Error::format(what, expected, format!("{:08x}", checksum.value())));
    }
    Ok(array)
}

#[cfg(feature = "gzip")]
fn inflate(entry: &Entry<'_>, what: &str, checksum: &mut zip::Checksum) -> Result<Npy, Error> {
    let inflated = flate2::read::DeflateDecoder::new(entry.bytes);
    Npy::of(Source::decoded(checksum.of(inflated), what, "deflate"))
}

#[cfg(not(feature = "gzip"))]
fn inflate(_: &Entry<'_>, what: &str, _: &mut zip::Checksum) -> Result<Npy, Error> {
    let expected = "an array that is not compressed (to read others, enable the feature `gzip`)";
    Err(Error::format(what, expected, "a compressed one"))
}
