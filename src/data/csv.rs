//! Tables in text files: comma-separated values (RFC 4180).
//!
//! A file is read into a [`Table`] of text, whose columns are then asked for as numbers or as
//! labels. Nothing is guessed: a field that is missing or not what its column was asked for as is
//! an error that names line and column.
//!
//! ```
//! use gradtape::data::{Dataset, csv};
//!
//! let file = "length,width,species\n5.1,3.5,setosa\n6.2,2.9,virginica\n4.9,3.0,setosa\n";
//! let table = csv::read(file.as_bytes(), "iris")?;
//! let x = table.numbers(["length", "width"])?;
//! let (y, species) = table.classes("species")?;
//! assert_eq!(x.data()[2..4], [6.2, 2.9]);
//! assert_eq!((y.data(), &species[..]), (&[0, 1, 0][..], &["setosa".into(), "virginica".into()][..]));
//! let iris = Dataset::new(x, y)?;
//! # Ok::<(), gradtape::Error>(())
//! ```

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use crate::data::source::{Source, open};
use crate::error::Error;
use crate::scalar::Scalar;
use crate::tensor::{Indices, Tensor};

mod fields;

#[cfg(test)]
mod tests;

/// How a file is written: with commas and the columns' names in the first line, unless set
/// otherwise.
///
/// ```
/// use gradtape::data::csv::Format;
///
/// let table = Format::new().delimiter(';').no_header().read("1;2\n3;4\n".as_bytes(), "table")?;
/// assert_eq!(table.columns(), ["0", "1"]);
/// assert_eq!(table.numbers::<f32, _>(["1"])?.data(), [2.0, 4.0]);
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Format {
    delimiter: char,
    header: bool,
}

impl Default for Format {
    fn default() -> Self {
        Self::new()
    }
}

impl Format {
    /// Commas and a header.
    pub fn new() -> Self {
        Self { delimiter: ',', header: true }
    }

    /// What stands between two fields.
    ///
    /// # Panics
    ///
    /// If it is a quote or ends a line.
    #[track_caller]
    pub fn delimiter(mut self, delimiter: char) -> Self {
        assert!(!"\"\r\n".contains(delimiter), "csv: fields cannot be delimited by {delimiter:?}");
        self.delimiter = delimiter;
        self
    }

    /// The first line holds values; columns are named by their places, `"0"`, `"1"`, ….
    pub fn no_header(mut self) -> Self {
        self.header = false;
        self
    }

    /// Reads a table. The name is what errors call it.
    ///
    /// Empty lines are passed over. Fields in quotes may hold delimiters, line breaks and doubled
    /// quotes; in other fields, spaces at either end are no part of the field.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] naming the line where the text is not UTF-8, a quote is out of place or the
    /// number of fields is another than in the first line, and if there is no line or a name occurs
    /// twice; [`Error::Io`] if the file cannot be read.
    pub fn read(self, reader: impl Read, name: &str) -> Result<Table, Error> {
        let bytes = Source::new(reader, name).at_most(u64::MAX, "lines")?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count();
            Error::format(format!("{name}, line {line}"), "text in UTF-8", "other bytes")
        })?;
        Table::parse(text, self, name)
    }

    /// Reads the table at a path.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), with the path as name, and [`Error::Io`] if the file cannot be
    /// opened.
    pub fn load(self, path: impl AsRef<Path>) -> Result<Table, Error> {
        let (file, name) = open(path.as_ref())?;
        self.read(file, &name)
    }
}

/// Reads a table with commas and a header. The name is what errors call it.
///
/// # Errors
///
/// Those of [`Format::read`].
pub fn read(reader: impl Read, name: &str) -> Result<Table, Error> {
    Format::new().read(reader, name)
}

/// Reads the table with commas and a header at a path.
///
/// # Errors
///
/// Those of [`Format::load`].
pub fn load(path: impl AsRef<Path>) -> Result<Table, Error> {
    Format::new().load(path)
}

/// The fields of a file.
#[derive(Clone, Debug)]
pub struct Table {
    /// What errors call the file.
    name: String,
    columns: Vec<String>,
    /// The text of all fields, one after the other.
    text: String,
    /// Where each field's text ends, row by row.
    ends: Vec<usize>,
    /// The line of the file that each row starts in.
    lines: Vec<usize>,
}

impl Table {
    /// The number of rows, without the header.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The text of a column, row by row.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is no column of this name.
    pub fn text(&self, column: &str) -> Result<impl Iterator<Item = &str>, Error> {
        let column = self.column(column)?;
        Ok((0..self.rows()).map(move |row| self.field(row, column)))
    }

    /// The numbers in these columns, `[rows, columns]`. To take all but one, name those of
    /// [`columns`](Self::columns) that are not it.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is no column of such a name; [`Error::Format`] naming the first
    /// field that is empty or not a finite number.
    pub fn numbers<T: Scalar, C: AsRef<str>>(
        &self,
        columns: impl IntoIterator<Item = C>,
    ) -> Result<Tensor<T>, Error> {
        let columns = columns.into_iter().map(|column| self.column(column.as_ref()));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut values = Vec::with_capacity(self.rows() * columns.len());
        for row in 0..self.rows() {
            for &column in &columns {
                let field = self.field(row, column);
                let value = field.parse().map(T::from_f64).unwrap_or(T::from_f64(f64::NAN));
                if !value.to_f64().is_finite() {
                    return Err(self.unexpected(row, column, "a finite number"));
                }
                values.push(value);
            }
        }
        Tensor::new([self.rows(), columns.len()], values)
    }

    /// The whole numbers in a column, as labels.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is no column of this name; [`Error::Format`] naming the first
    /// field that is not a whole number from 0 to 4294967295.
    pub fn labels(&self, column: &str) -> Result<Indices, Error> {
        let column = self.column(column)?;
        let label = |row| {
            let expected = || format!("a whole number from 0 to {}", u32::MAX);
            self.field(row, column).parse().map_err(|_| self.unexpected(row, column, expected()))
        };
        Ok(Indices::from((0..self.rows()).map(label).collect::<Result<Vec<u32>, _>>()?))
    }

    /// The classes named in a column: the label of each row, and the classes' names in alphabetical
    /// order, at the places that the labels say.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is no column of this name; [`Error::Format`] naming the first
    /// field that is empty.
    pub fn classes(&self, column: &str) -> Result<(Indices, Vec<String>), Error> {
        let mut names: Vec<&str> = self.text(column)?.collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| !name.is_empty());
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        Ok((self.classes_among(column, &names)?, names))
    }

    /// The classes named in a column as those of another table are: the label of a row is the place
    /// of its class among these names, which are in alphabetical order.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is no column of this name or the names are out of order;
    /// [`Error::Format`] naming the first field that is none of the classes.
    pub fn classes_among(&self, column: &str, names: &[String]) -> Result<Indices, Error> {
        if !names.is_sorted() {
            return Err(Error::argument(
                "names",
                "names in alphabetical order",
                format!("{names:?}"),
            ));
        }
        let column = self.column(column)?;
        let label = |row| {
            let field = self.field(row, column);
            let place = names.binary_search_by(|name| name.as_str().cmp(field));
            let expected = || match names.len() {
                0..=12 if !field.is_empty() => format!("one of {}", names.join(", ")),
                count => format!("one of {count} classes"),
            };
            place.map(|place| place as u32).map_err(|_| self.unexpected(row, column, expected()))
        };
        Ok(Indices::from((0..self.rows()).map(label).collect::<Result<Vec<u32>, _>>()?))
    }

    /// The place of the column of this name.
    fn column(&self, name: &str) -> Result<usize, Error> {
        let place = self.columns.iter().position(|column| column == name);
        place.ok_or_else(|| {
            let expected = format!("one of {}", self.columns.join(", "));
            Error::argument("column", expected, format!("`{name}`"))
        })
    }

    fn field(&self, row: usize, column: usize) -> &str {
        &self.text[self.range(row * self.columns.len() + column)]
    }

    fn range(&self, field: usize) -> Range<usize> {
        let start = field.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[field]
    }

    /// An error in a field.
    fn unexpected(&self, row: usize, column: usize, expected: impl ToString) -> Error {
        let what =
            format!("{}, line {}, column `{}`", self.name, self.lines[row], self.columns[column]);
        match self.field(row, column) {
            "" => Error::format(what, expected, "nothing: the value is missing"),
            field => Error::format(what, expected, format!("`{field}`")),
        }
    }
}
