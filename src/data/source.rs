//! Reading what may not be what it claims to be.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::error::Error;
use crate::shape::Shape;

/// A stream that is being read, and what errors call it.
pub(super) struct Source<'n, R> {
    reader: R,
    name: &'n str,
    /// The encoding that the reader decodes.
    decoded: Option<&'static str>,
}

impl<'n, R: Read> Source<'n, R> {
    /// A stream that is read as it is.
    pub(super) fn new(reader: R, name: &'n str) -> Self {
        Self { reader, name, decoded: None }
    }

    /// What a decoder gives: an error of it may be one of the data.
    #[cfg(feature = "gzip")]
    pub(super) fn decoded(reader: R, name: &'n str, encoding: &'static str) -> Self {
        Self { reader, name, decoded: Some(encoding) }
    }

    pub(super) fn name(&self) -> &'n str {
        self.name
    }

    /// The next bytes, as many as asked for.
    pub(super) fn exactly(&mut self, count: u64, part: &str) -> Result<Vec<u8>, Error> {
        let bytes = self.at_most(count, part)?;
        if (bytes.len() as u64) < count {
            return Err(self.format(part, format!("{count} bytes"), bytes.len()));
        }
        Ok(bytes)
    }

    /// The next bytes, fewer than asked for if the stream ends. The memory grows as they arrive.
    pub(super) fn at_most(&mut self, count: u64, part: &str) -> Result<Vec<u8>, Error> {
        use ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};

        let mut bytes = Vec::new();
        let found = self.reader.by_ref().take(count).read_to_end(&mut bytes);
        match (found.map_err(|error| (error.kind(), error)), self.decoded) {
            (Ok(_), _) => Ok(bytes),
            // The file itself could be read: this is what the decoder says of its contents.
            (Err((InvalidData | InvalidInput | UnexpectedEof, error)), Some(encoding)) => {
                Err(self.format(part, format!("a valid {encoding} stream"), error))
            }
            (Err((_, source)), _) => Err(Error::io(self.name, source)),
        }
    }

    /// Checks that nothing follows what has been read, which is described.
    pub(super) fn end(&mut self, read: &str) -> Result<(), Error> {
        if self.at_most(1, "end")?.is_empty() {
            return Ok(());
        }
        Err(self.format("end", format!("no more than {read}"), "more bytes"))
    }

    /// An error in a part of the stream.
    pub(super) fn format(
        &self,
        part: &str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Error {
        Error::format(format!("{}, {part}", self.name), expected, found)
    }
}

/// The file at a path, and what errors call it.
pub(super) fn open(path: &Path) -> Result<(File, String), Error> {
    let file = File::open(path).map_err(|source| Error::io(path, source))?;
    Ok((file, path.display().to_string()))
}

/// The number as a label or an index, or an error that names what it is.
pub(super) fn to_index(value: f64, what: impl FnOnce() -> String) -> Result<u32, Error> {
    // The cast saturates, and makes 0 of NaN: what it changes is no index.
    let index = value as u32;
    if f64::from(index) == value {
        return Ok(index);
    }
    let expected = format!("a whole number from 0 to {}", u32::MAX);
    Err(Error::format(what(), expected, value))
}

/// The shape of these sizes, unless its values, of so many bytes each, would be more than memory
/// can address. Sizes beside a 0 are held to the same bound: products of some of the sizes are
/// taken later on.
pub(super) fn shape_in_memory(sizes: &[u64], value: usize) -> Option<Shape> {
    let mut bytes = value;
    for &size in sizes {
        bytes = bytes.checked_mul(usize::try_from(size).ok()?.max(1))?;
    }
    isize::try_from(bytes).ok()?;
    Some(sizes.iter().map(|&size| size as usize).collect())
}
