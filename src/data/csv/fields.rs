//! From text to fields.

use super::{Format, Table};
use crate::error::Error;

impl Table {
    pub(super) fn parse(text: &str, format: Format, name: &str) -> Result<Self, Error> {
        let mut table = Table {
            name: name.to_owned(),
            columns: Vec::new(),
            text: String::new(),
            ends: Vec::new(),
            lines: Vec::new(),
        };
        let mut lines = Lines { rest: text, line: 1, delimiter: format.delimiter, name };
        let mut width = None;
        while let Some(line) = lines.next_row() {
            let before = table.ends.len();
            lines.row(&mut table)?;
            let found = table.ends.len() - before;
            let expected = *width.get_or_insert(found);
            if found != expected {
                let expected = format!("{expected} fields, as in the first line");
                return Err(lines.unexpected(line, expected, found));
            }
            table.lines.push(line);
        }
        let Some(width) = width else {
            return Err(Error::format(name, "at least one line", "an empty file"));
        };
        if format.header {
            table.take_header(width)?;
        } else {
            table.columns = (0..width).map(|column| column.to_string()).collect();
        }
        Ok(table)
    }

    /// Makes names of the first row.
    fn take_header(&mut self, width: usize) -> Result<(), Error> {
        self.columns = (0..width).map(|field| self.text[self.range(field)].to_owned()).collect();
        let end = self.ends[width - 1];
        self.text.drain(..end);
        self.ends.drain(..width);
        self.ends.iter_mut().for_each(|place| *place -= end);
        self.lines.remove(0);
        let mut names: Vec<&String> = self.columns.iter().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => {
                let what = format!("{}, names of columns", self.name);
                Err(Error::format(what, "names that differ", format!("`{}` twice", pair[0])))
            }
            None => Ok(()),
        }
    }
}

/// What is left of the text.
struct Lines<'t> {
    rest: &'t str,
    /// The number of the line that the rest starts in, from 1.
    line: usize,
    delimiter: char,
    name: &'t str,
}

impl Lines<'_> {
    /// Passes over empty lines; the number of the line that the next row starts in.
    fn next_row(&mut self) -> Option<usize> {
        while self.line_break() {}
        (!self.rest.is_empty()).then_some(self.line)
    }

    /// Reads a row and its line break.
    fn row(&mut self, table: &mut Table) -> Result<(), Error> {
        loop {
            match self.rest.strip_prefix('"') {
                Some(rest) => {
                    self.rest = rest;
                    self.quoted(&mut table.text)?;
                }
                None => self.plain(&mut table.text)?,
            }
            table.ends.push(table.text.len());
            match self.rest.strip_prefix(self.delimiter) {
                Some(rest) => self.rest = rest,
                None if self.rest.is_empty() || self.line_break() => return Ok(()),
                None => {
                    let expected = "a delimiter or the end of the line after a closing quote";
                    let found = self.rest.chars().next().unwrap_or_default();
                    return Err(self.unexpected(self.line, expected, format!("`{found}`")));
                }
            }
        }
    }

    /// Reads a field up to what ends it.
    fn plain(&mut self, text: &mut String) -> Result<(), Error> {
        let end = self.rest.find([self.delimiter, '\n', '"']).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        if rest.starts_with('"') {
            let expected = "quotes around a whole field only, and doubled within";
            return Err(self.unexpected(self.line, expected, format!("`{field}\"`")));
        }
        // The line break of some systems is `\r\n`.
        let (field, rest) = match field.strip_suffix('\r') {
            Some(field) if rest.starts_with('\n') => (field, &self.rest[end - 1..]),
            _ => (field, rest),
        };
        text.push_str(field.trim_matches([' ', '\t']));
        self.rest = rest;
        Ok(())
    }

    /// Reads a field, whose opening quote has been read, and its closing quote.
    fn quoted(&mut self, text: &mut String) -> Result<(), Error> {
        let start = self.line;
        loop {
            let Some((part, rest)) = self.rest.split_once('"') else {
                let expected = "a closing quote for the one in this line";
                return Err(self.unexpected(start, expected, "the end of the file"));
            };
            text.push_str(part);
            self.line += part.matches('\n').count();
            self.rest = rest;
            match rest.strip_prefix('"') {
                Some(rest) => {
                    text.push('"');
                    self.rest = rest;
                }
                None => return Ok(()),
            }
        }
    }

    /// Reads a line break, if there is one.
    fn line_break(&mut self) -> bool {
        let rest = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix('\n'));
        if let Some(rest) = rest {
            self.rest = rest;
            self.line += 1;
        }
        rest.is_some()
    }

    fn unexpected(&self, line: usize, expected: impl ToString, found: impl ToString) -> Error {
        Error::format(format!("{}, line {line}", self.name), expected, found)
    }
}
