//! Where in the user's source a node was recorded.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The file, line and column of the user's source that recorded a node. Prints as
/// `src/model.rs:12:9`, and is saved as that text.
#[derive(Clone)]
pub struct CodeLocation(Origin);

#[derive(Clone)]
enum Origin {
    /// Of this program.
    Recorded(&'static Location<'static>),
    /// Of the program that saved the graph.
    Loaded(Arc<Loaded>),
}

struct Loaded {
    file: String,
    line: u32,
    column: u32,
}

impl CodeLocation {
    /// Where the caller was called from.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn caller() -> Self {
        Self(Origin::Recorded(Location::caller()))
    }

    /// The file's path, as the compiler was given it.
    pub fn file(&self) -> &str {
        match &self.0 {
            Origin::Recorded(location) => location.file(),
            Origin::Loaded(loaded) => &loaded.file,
        }
    }

    /// The line, counted from 1.
    pub fn line(&self) -> u32 {
        match &self.0 {
            Origin::Recorded(location) => location.line(),
            Origin::Loaded(loaded) => loaded.line,
        }
    }

    /// The column, counted from 1.
    pub fn column(&self) -> u32 {
        match &self.0 {
            Origin::Recorded(location) => location.column(),
            Origin::Loaded(loaded) => loaded.column,
        }
    }

    /// Reads what [`Display`](fmt::Display) writes.
    fn parse(text: &str) -> Option<Self> {
        let (rest, column) = text.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        let (line, column) = (line.parse().ok()?, column.parse().ok()?);
        Some(Self(Origin::Loaded(Arc::new(Loaded { file: file.to_string(), line, column }))))
    }
}

impl PartialEq for CodeLocation {
    fn eq(&self, other: &Self) -> bool {
        (self.file(), self.line(), self.column()) == (other.file(), other.line(), other.column())
    }
}

impl Eq for CodeLocation {}

impl fmt::Display for CodeLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file(), self.line(), self.column())
    }
}

impl fmt::Debug for CodeLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CodeLocation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CodeLocation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = &"a file, line and column such as `src/model.rs:12:9`";
        Self::parse(&text).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), expected))
    }
}
