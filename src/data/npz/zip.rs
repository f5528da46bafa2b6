//! As much of the ZIP format (PKWARE's APPNOTE) as archives of arrays need.

use std::io::{self, ErrorKind, Read, Write};

use crate::error::Error;

/// The methods of compression: none, and deflate.
pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;

/// The signatures of an entry, of an entry of the directory and of the archive's end.
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";

/// The bytes of each without names and comments.
const LOCAL_LENGTH: usize = 30;
const CENTRAL_LENGTH: usize = 46;
const END_LENGTH: usize = 22;

/// Names are in UTF-8.
const UTF_8: u16 = 1 << 11;

/// The contents are encrypted.
const ENCRYPTED: u16 = 1;

/// A file of an archive.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    pub(super) method: u16,
    /// Of the contents, uncompressed.
    pub(super) checksum: u32,
    /// The contents as they are stored.
    pub(super) bytes: &'a [u8],
}

/// All files of the archive that these bytes are. The name is what errors call it.
pub(super) fn entries<'a>(bytes: &'a [u8], name: &str) -> Result<Vec<Entry<'a>>, Error> {
    let damaged = |part: &str| {
        let expected = format!("a ZIP archive with {part}");
        Error::format(name, expected, "a damaged archive, or another kind of file")
    };
    // A comment of up to 65,535 bytes may follow the end.
    let last = bytes.len().saturating_sub(END_LENGTH);
    let first = last.saturating_sub(usize::from(u16::MAX));
    let end = (first..=last).rev().find(|&at| bytes[at..].starts_with(&END));
    let end = end.and_then(|at| Fields::at(bytes, at, END_LENGTH));
    let end = end.ok_or_else(|| damaged("an end"))?;
    let (count, mut at) = (end.u16(10), end.u32(16) as usize);
    if end.u32(16) == u32::MAX || count == u16::MAX {
        return Err(Error::format(name, "an archive below 4 GiB", "a ZIP64 archive"));
    }

    let mut entries = Vec::new();
    let mut stored_in_all = 0;
    for _ in 0..count {
        let directory = || damaged("a directory of its files");
        let fields = Fields::at(bytes, at, CENTRAL_LENGTH).ok_or_else(directory)?;
        if !fields.0.starts_with(&CENTRAL) {
            return Err(directory());
        }
        let lengths = [28, 30, 32].map(|place| usize::from(fields.u16(place)));
        let start = at + CENTRAL_LENGTH;
        let stored = bytes.get(start..start + lengths[0]).ok_or_else(directory)?;
        let entry_name = String::from_utf8_lossy(stored).into_owned();
        let contents = contents(bytes, &fields)
            .ok_or_else(|| damaged(&format!("the whole of `{entry_name}`")))?;
        // Files that share their bytes would take more memory than there are bytes.
        stored_in_all += contents.len();
        if stored_in_all > bytes.len() {
            return Err(damaged("files that do not overlap"));
        }
        if fields.u16(8) & ENCRYPTED != 0 {
            let what = format!("{name}, `{entry_name}`");
            return Err(Error::format(what, "a readable array", "an encrypted one"));
        }
        entries.push(Entry {
            name: entry_name,
            method: fields.u16(10),
            checksum: fields.u32(16),
            bytes: contents,
        });
        at = start + lengths.iter().sum::<usize>();
    }
    Ok(entries)
}

/// The contents that an entry of the directory speaks of.
fn contents<'a>(bytes: &'a [u8], directory: &Fields<'_>) -> Option<&'a [u8]> {
    let (length, at) = (directory.u32(20) as usize, directory.u32(42) as usize);
    let fields =
        Fields::at(bytes, at, LOCAL_LENGTH).filter(|fields| fields.0.starts_with(&LOCAL))?;
    let start = at + LOCAL_LENGTH + usize::from(fields.u16(26)) + usize::from(fields.u16(28));
    bytes.get(start..start.checked_add(length)?)
}

/// Fields of a fixed length, with little-endian numbers at their places.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn at(bytes: &'a [u8], at: usize, length: usize) -> Option<Self> {
        bytes.get(at..at.checked_add(length)?).map(Self)
    }

    fn u16(&self, place: usize) -> u16 {
        u16::from_le_bytes([self.0[place], self.0[place + 1]])
    }

    fn u32(&self, place: usize) -> u32 {
        u32::from(self.u16(place)) | u32::from(self.u16(place + 2)) << 16
    }
}

/// Writes an archive of files that are stored as they are.
pub(super) struct Writer<W> {
    writer: W,
    at: u32,
    directory: Vec<u8>,
    count: u16,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, at: 0, directory: Vec::new(), count: 0 }
    }

    pub(super) fn add(&mut self, name: &str, contents: &[u8]) -> io::Result<()> {
        let name_length = u16::try_from(name.len()).map_err(|_| too_large("a name"))?;
        let length = u32::try_from(contents.len()).map_err(|_| too_large("an array"))?;
        let mut checksum = Checksum::new();
        checksum.update(contents);
        // What the entry and its copy in the directory have in common: version 2.0, flags, method,
        // 00:00 on 1 January 1980, checksum, both lengths, lengths of the name and of no extras.
        let mut common = Vec::new();
        for number in [20, UTF_8, STORED, 0, 0x21] {
            common.extend(number.to_le_bytes());
        }
        for number in [checksum.value(), length, length] {
            common.extend(number.to_le_bytes());
        }
        common.extend(name_length.to_le_bytes());
        common.extend([0; 2]);
        let header = [&LOCAL, &common[..], name.as_bytes()].concat();

        // Version that wrote it; lengths of no comment, disk 0, no attributes.
        self.directory.extend(CENTRAL.iter().chain(&20_u16.to_le_bytes()).chain(&common));
        self.directory.extend([0; 10]);
        self.directory.extend(self.at.to_le_bytes().iter().chain(name.as_bytes()));

        let end = self.at.checked_add(header.len() as u32).and_then(|at| at.checked_add(length));
        self.at = end.ok_or_else(|| too_large("the archive"))?;
        self.count += 1;
        if self.count == u16::MAX {
            return Err(too_large("the number of arrays"));
        }
        self.writer.write_all(&header)?;
        self.writer.write_all(contents)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        let length = u32::try_from(self.directory.len());
        let length = length.map_err(|_| too_large("the directory"))?;
        self.writer.write_all(&self.directory)?;
        let mut end = END.to_vec();
        end.extend([0; 4]);
        end.extend(self.count.to_le_bytes().repeat(2));
        end.extend(length.to_le_bytes().iter().chain(&self.at.to_le_bytes()));
        end.extend([0; 2]);
        self.writer.write_all(&end)
    }
}

fn too_large(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, format!("{what} does not fit into a ZIP archive"))
}

/// The checksum of what has passed so far: CRC-32.
pub(super) struct Checksum(u32);

impl Checksum {
    pub(super) fn new() -> Self {
        Self(u32::MAX)
    }

    pub(super) fn value(&self) -> u32 {
        !self.0
    }

    fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = TABLE[usize::from(self.0 as u8 ^ byte)] ^ (self.0 >> 8);
        }
    }

    /// A reader whose bytes are taken account of.
    pub(super) fn of<R: Read>(&mut self, reader: R) -> Checked<'_, R> {
        Checked { reader, checksum: self }
    }
}

/// What [`Checksum::of`] returns.
pub(super) struct Checked<'c, R> {
    reader: R,
    checksum: &'c mut Checksum,
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.checksum.update(&buffer[..count]);
        Ok(count)
    }
}

/// The checksums of all bytes.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut value, mut bit) = (byte as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xEDB8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};
