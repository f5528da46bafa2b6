//! What can go wrong outside of a model's code: files, data, labels, names.

use std::fmt;
use std::path::PathBuf;

use crate::graph::NonFinite;
use crate::shape::Shape;

/// An error in what came from outside: it says what was expected, what was found and where.
///
/// Mistakes in a model's own code, such as shapes that do not fit, panic at the line that made
/// them instead.
///
/// What `main` returns is printed by `Debug`, which is why that is the message here, too.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or stream could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file; empty for a stream without a name.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Data are not in the format that they were read as.
    #[error("{what}: expected {expected}, found {found}")]
    Format {
        /// Which file or part of it.
        what: String,
        /// What the format asks for.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The number of values does not fill the shape.
    #[error("a tensor of shape {shape} holds {} values, but {found} were given", shape.numel())]
    Length {
        /// The shape asked for.
        shape: Shape,
        /// The number of values given.
        found: usize,
    },
    /// An argument is outside of what makes sense.
    #[error("{name}: expected {expected}, found {found}")]
    Argument {
        /// The argument's name.
        name: &'static str,
        /// What it may be.
        expected: String,
        /// What it was.
        found: String,
    },
    /// A training whose loss is not finite.
    #[error(
        "the loss of epoch {epoch}, batch {batch} is not finite{}",
        trace.as_ref().map_or_else(String::new, |trace| format!(": {trace}"))
    )]
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch of the epoch, counted from 1.
        batch: usize,
        /// The operation that made the first such number.
        trace: Option<Box<NonFinite>>,
    },
    /// What was saved does not fit what it is loaded into.
    #[error("{what} does not fit:{}", problems.iter().map(|p| format!("\n  {p}")).collect::<String>())]
    Mismatch {
        /// What was loaded.
        what: String,
        /// Each name that is missing, unexpected or of another shape.
        problems: Vec<String>,
    },
    /// A graph cannot be saved, or a saved one not be recorded as asked.
    #[error("saved graph: {0}")]
    SavedGraph(String),
    /// A gradient check was asked to certify what it cannot.
    #[error("gradient check: {0}")]
    Uncheckable(String),
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// An error of the operating system at a path.
    pub(crate) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Error::Io { path: path.into(), source }
    }

    pub(crate) fn format(
        what: impl Into<String>,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Error::Format {
            what: what.into(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    pub(crate) fn argument(
        name: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Error::Argument { name, expected: expected.to_string(), found: found.to_string() }
    }
}
