//! The header: a dictionary as Python writes it.

use std::io::Read;

use super::{Element, MAGIC, Source};
use crate::error::Error;
use crate::shape::Shape;

/// What a header says.
#[derive(PartialEq, Debug)]
pub(super) struct Header {
    pub(super) element: Element,
    pub(super) big_endian: bool,
    /// Whether the first axis runs fastest.
    pub(super) by_columns: bool,
    pub(super) sizes: Vec<u64>,
}

impl Header {
    /// Reads the header, and the magic bytes before it.
    pub(super) fn of(source: &mut Source<'_, impl Read>) -> Result<Self, Error> {
        let start = source.exactly(8, "start")?;
        let (magic, version) = start.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(source.format("start", "a .npy file's first bytes", "others"));
        }
        let length = match version[0] {
            1 => 2,
            2 | 3 => 4,
            other => return Err(source.format("version", "1, 2 or 3", other)),
        };
        let length = source.exactly(length, "length of the header")?;
        let length = length.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
        let text = source.exactly(length, "header")?;
        let text = String::from_utf8_lossy(&text);
        let mut dictionary = Dictionary { rest: &text, source };
        dictionary.header()
    }

    /// The bytes of a header, magic bytes included, padded as NumPy does it.
    pub(super) fn written(element: Element, big_endian: bool, shape: &Shape) -> Vec<u8> {
        let order = match (element.size(), big_endian) {
            (1, _) => '|',
            (_, true) => '>',
            (_, false) => '<',
        };
        let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
        // A comma makes a tuple of one number.
        let comma = if sizes.len() == 1 { "," } else { "" };
        let mut text = format!(
            "{{'descr': '{order}{}', 'fortran_order': False, 'shape': ({}{comma}), }}",
            element.code(),
            sizes.join(", ")
        );
        // With 10 bytes before it and a line break after it, a multiple of 64. At most 32 axes of
        // 20 digits fit easily into the two bytes of the length.
        let padding = (64 - (10 + text.len() + 1) % 64) % 64;
        text.extend(std::iter::repeat_n(' ', padding).chain(['\n']));
        let length = (text.len() as u16).to_le_bytes();
        [&MAGIC[..], &[1, 0], &length, text.as_bytes()].concat()
    }
}

/// What is left of a dictionary.
struct Dictionary<'d, 's, R> {
    rest: &'d str,
    source: &'d Source<'s, R>,
}

impl<R: Read> Dictionary<'_, '_, R> {
    fn header(&mut self) -> Result<Header, Error> {
        let (mut kind, mut by_columns, mut sizes) = (None, None, None);
        self.expect("{")?;
        while !self.take("}") {
            let key = self.string()?;
            self.expect(":")?;
            match &key[..] {
                "descr" if kind.is_none() => kind = Some(self.kind()?),
                "fortran_order" if by_columns.is_none() => by_columns = Some(self.boolean()?),
                "shape" if sizes.is_none() => sizes = Some(self.sizes()?),
                _ => {
                    let expected = "`descr`, `fortran_order` and `shape`, each once";
                    return Err(self.error(expected, format!("`{key}`")));
                }
            }
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        if !self.rest.trim().is_empty() {
            return Err(self.error("nothing after the dictionary", self.next()));
        }
        let (Some((element, big_endian)), Some(by_columns), Some(sizes)) =
            (kind, by_columns, sizes)
        else {
            return Err(self.error("`descr`, `fortran_order` and `shape`", "fewer"));
        };
        Ok(Header { element, big_endian, by_columns, sizes })
    }

    /// The type of the values, and whether they are big-endian: `'<f4'`.
    fn kind(&mut self) -> Result<(Element, bool), Error> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('[') {
            return Err(self.error("values of one type", "a record of several"));
        }
        let text = self.string()?;
        let known = text.split_at_checked(1).and_then(|(order, code)| {
            let element = Element::of(code)?;
            match order {
                "<" => Some((element, false)),
                ">" => Some((element, true)),
                // The native order of the machine that wrote it is not known.
                "|" if element.size() == 1 => Some((element, false)),
                _ => None,
            }
        });
        known.ok_or_else(|| {
            let expected = format!("`<` or `>` and one of {}", Element::CODES.join(", "));
            self.error(expected, format!("`{text}`"))
        })
    }

    fn boolean(&mut self) -> Result<bool, Error> {
        if self.take("True") {
            return Ok(true);
        }
        self.expect("False").map(|()| false)
    }

    /// A tuple of whole numbers: `()`, `(3,)`, `(3, 4)`.
    fn sizes(&mut self) -> Result<Vec<u64>, Error> {
        self.expect("(")?;
        let mut sizes = Vec::new();
        while !self.take(")") {
            let digits = self.rest.trim_start();
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            let Ok(size) = digits[..end].parse() else {
                return Err(self.error("the size of an axis", self.next()));
            };
            self.rest = &digits[end..];
            sizes.push(size);
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(sizes)
    }

    /// A string in single or double quotes; none that is known has escapes in it.
    fn string(&mut self) -> Result<String, Error> {
        let text = self.rest.trim_start();
        let quoted = text.chars().next().filter(|quote| "'\"".contains(*quote));
        let Some((string, rest)) = quoted.and_then(|quote| text[1..].split_once(quote)) else {
            return Err(self.error("a string", self.next()));
        };
        self.rest = rest;
        Ok(string.to_owned())
    }

    /// Reads a word, if it comes next.
    fn take(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, word: &str) -> Result<(), Error> {
        if self.take(word) { Ok(()) } else { Err(self.error(format!("`{word}`"), self.next())) }
    }

    /// The start of what is left, for messages.
    fn next(&self) -> String {
        match self.rest.trim() {
            "" => "its end".to_owned(),
            rest => format!("`{}`", rest.chars().take(20).collect::<String>()),
        }
    }

    fn error(&self, expected: impl ToString, found: impl ToString) -> Error {
        self.source.format("header", expected, found)
    }
}
