//! Texts as the numbers of their words, with labels: a line `label TAB word word word` each, every
//! one a whole number.
//!
//! ```
//! use gradtape::data::documents;
//!
//! let file = "1\t4 0 4\n0\t2\n";
//! let reviews = documents::read(file.as_bytes(), "reviews")?;
//! let bags = reviews.multi_hot(5)?;
//! assert_eq!(bags.x().row(0), [0, 4]);
//! let sequences = reviews.sequences(2, 5)?;
//! assert_eq!(sequences.x().data(), [0, 4, 5, 2]);
//! # Ok::<(), gradtape::Error>(())
//! ```

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::data::Dataset;
use crate::data::compression::decompress;
use crate::error::Error;
use crate::sparse::SparseRows;
use crate::tensor::Indices;

#[cfg(test)]
mod tests;

/// Texts as the numbers of their words, and a label for each.
#[derive(Clone, PartialEq, Debug)]
pub struct Documents {
    /// What errors call the file.
    name: String,
    labels: Vec<u32>,
    /// Where each text's words end.
    ends: Vec<usize>,
    words: Vec<u32>,
}

/// Reads texts, compressed by gzip (with the feature `gzip`) or not. The name is what errors call
/// the stream.
///
/// # Errors
///
/// [`Error::Format`] naming the first line that is not as it should be, and [`Error::Io`] if the
/// stream cannot be read.
pub fn read(reader: impl Read, name: &str) -> Result<Documents, Error> {
    let bytes = decompress(reader, name)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Error::format(format!("{name}, line {line}"), "text in UTF-8", "other bytes")
    })?;
    let mut documents = Documents {
        name: name.to_owned(),
        labels: Vec::new(),
        ends: Vec::new(),
        words: Vec::new(),
    };
    for (line, text) in text.lines().enumerate() {
        let what = |expected: &str, found: &str| {
            Error::format(format!("{name}, line {}", line + 1), expected, format!("`{found}`"))
        };
        let (label, words) =
            text.split_once('\t').ok_or_else(|| what("a label, a tab, and words", text))?;
        documents.labels.push(label.parse().map_err(|_| what("a label, a whole number", label))?);
        for word in words.split_ascii_whitespace() {
            documents.words.push(word.parse().map_err(|_| what("words as whole numbers", word))?);
        }
        documents.ends.push(documents.words.len());
    }
    Ok(documents)
}

/// Reads texts from a file at a path.
///
/// # Errors
///
/// Those of [`read`], with the path as name, and [`Error::Io`] if the file cannot be opened.
pub fn load(path: impl AsRef<Path>) -> Result<Documents, Error> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|source| Error::io(path, source))?;
    read(file, &path.display().to_string())
}

impl Documents {
    /// The number of texts.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no texts.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The words of each text, in their order.
    pub fn texts(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        self.ends.iter().zip(starts).map(|(&end, start)| &self.words[start..end])
    }

    /// Checks that every word is the number of one of so many.
    fn check_words(&self, words: usize) -> Result<(), Error> {
        for (line, text) in (1..).zip(self.texts()) {
            if let Some(word) = text.iter().find(|&&word| word as usize >= words) {
                let what = format!("{}, line {line}", self.name);
                return Err(Error::format(what, format!("words below {words}"), word));
            }
        }
        Ok(())
    }

    /// Which of so many words each text has, in no order: rows of zeros and ones.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] naming the first line with a word that is not below `words`.
    pub fn multi_hot(&self, words: usize) -> Result<Dataset<SparseRows, Indices>, Error> {
        self.check_words(words)?;
        Dataset::new(SparseRows::multi_hot(words, self.texts())?, self.labels.as_slice().into())
    }

    /// The words of each text in their order, `[texts, length]`: the last `length` words of longer
    /// ones, and in front of shorter ones `padding`, so that every text ends with its words. An
    /// embedding needs a row for the padding too: with 10,000 words and padding 10,000, one of
    /// 10,001 rows.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] naming the first line with a word that is not below `padding`.
    pub fn sequences(&self, length: usize, padding: u32) -> Result<Dataset<Indices>, Error> {
        self.check_words(padding as usize)?;
        let mut words = Vec::new();
        for text in self.texts() {
            let last = &text[text.len().saturating_sub(length)..];
            words.extend(std::iter::repeat_n(padding, length - last.len()));
            words.extend_from_slice(last);
        }
        Dataset::new(Indices::new([self.len(), length], words)?, self.labels.as_slice().into())
    }
}
