//! Files that may be compressed by gzip.

use std::io::Read;

use crate::error::Error;

/// The first two bytes of every gzip stream (RFC 1952).
pub(super) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// All bytes of a stream, decompressed if it is a gzip stream.
pub(super) fn decompress(mut reader: impl Read, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|source| Error::io(name, source))?;
    if bytes.starts_with(&GZIP_MAGIC) { decompress_gzip(&bytes, name) } else { Ok(bytes) }
}

#[cfg(feature = "gzip")]
fn decompress_gzip(compressed: &[u8], name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    // Reading memory cannot fail: this is what the decoder says of its contents.
    flate2::read::MultiGzDecoder::new(compressed)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::format(name, "a valid gzip stream", error))?;
    Ok(bytes)
}

#[cfg(not(feature = "gzip"))]
fn decompress_gzip(_compressed: &[u8], name: &str) -> Result<Vec<u8>, Error> {
    Err(Error::format(name, UNCOMPRESSED, "a gzip stream"))
}

/// What a library built without the feature `gzip` reads.
#[cfg(not(feature = "gzip"))]
pub(super) const UNCOMPRESSED: &str =
    "an uncompressed file (to read others, enable the feature `gzip`)";
