//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Writes a file whole or not at all: into a file beside it, which takes its place once the disk
/// has it. After a crash there is the old file or the new one, and at most one that ends in
/// `.partial`, which the next write to the same path replaces.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Error> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = File::create(&partial).and_then(|file| {
        let mut writer = BufWriter::new(file);
        write(&mut writer)?;
        writer.flush()?;
        writer.get_ref().sync_all()?;
        fs::rename(&partial, path)
    });
    if let Err(error) = written {
        // It may not even exist, and the first error is the one that tells.
        let _ = fs::remove_file(&partial);
        return Err(Error::io(path, error));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Not every system lets a folder be opened; the file itself is safe either way.
    if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
        folder.sync_all().map_err(|error| Error::io(path, error))?;
    }
    Ok(())
}
