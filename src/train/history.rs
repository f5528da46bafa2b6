//! What a training recorded, epoch by epoch.

use std::fmt;
use std::io::Write;
use std::ops::Index;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Diagnosis, Direction};
use crate::disk::write_whole;
use crate::error::Error;

/// One quantity of a [`History`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Column {
    /// The name, such as `val_loss`.
    pub name: String,
    /// Which of two values is the better one, if one is.
    pub direction: Option<Direction>,
    /// The value of each epoch.
    #[serde(with = "numbers")]
    pub values: Vec<f64>,
}

/// Why a training ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Ending {
    /// All epochs are done.
    Finished,
    /// A callback stopped it, for this reason.
    Stopped {
        /// The callback's name.
        by: String,
        /// Its reason.
        reason: String,
    },
    /// A callback ended this run of it, for this reason; it goes on where a checkpoint is resumed.
    Paused {
        /// The callback's name.
        by: String,
        /// Its reason.
        reason: String,
    },
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("all epochs are done"),
            Self::Stopped { by, reason } => write!(f, "stopped by {by}: {reason}"),
            Self::Paused { by, reason } => write!(f, "paused by {by}: {reason}"),
        }
    }
}

/// What a training recorded: a column for each quantity, a value for each epoch.
///
/// | column | what |
/// |---|---|
/// | `loss` | the loss on the training data, without penalties: the mean over the epoch's batches |
/// | `penalty` | what penalties add, likewise |
/// | `total` | both together: what is differentiated |
/// | a metric's name | the metric on the predictions made in training |
/// | `val_...` | loss and metrics on the validation data, after the epoch |
/// | `rate` | the optimizer's rate at the end of the epoch |
///
/// Indexing by a name gives the column's values; printed, it is a table.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct History {
    columns: Vec<Column>,
    ending: Option<Ending>,
}

impl History {
    /// A history of these quantities without values.
    pub(super) fn new(columns: impl IntoIterator<Item = (String, Option<Direction>)>) -> Self {
        let column = |(name, direction)| Column { name, direction, values: Vec::new() };
        Self { columns: columns.into_iter().map(column).collect(), ending: None }
    }

    /// Refuses two columns of one name, of which only the first could be asked for.
    pub(super) fn check_names(&self) -> Result<(), Error> {
        let mut names: Vec<&str> = self.columns.iter().map(|column| &column.name[..]).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(()),
            Some(pair) => {
                let expected = "a name of its own for each: see `Metric::named`";
                Err(Error::argument("metrics", expected, format!("two columns `{}`", pair[0])))
            }
        }
    }

    /// Appends an epoch's values, one for each column.
    pub(super) fn push(&mut self, values: &[f64]) {
        for (column, &value) in self.columns.iter_mut().zip(values) {
            column.values.push(value);
        }
    }

    pub(super) fn end(&mut self, ending: Ending) {
        self.ending = Some(ending);
    }

    /// The columns, in the order of the table.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The values of the column of this name, one for each epoch.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.column(name).map(|column| &column.values[..])
    }

    /// The last value of the column of this name.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name)?.last().copied()
    }

    /// The epoch, counted from 0, and the value at which a column that has a direction is best.
    pub fn best(&self, name: &str) -> Option<(usize, f64)> {
        let column = self.column(name)?;
        let direction = column.direction?;
        let values = column.values.iter().copied().enumerate();
        values
            .filter(|(_, value)| !value.is_nan())
            .reduce(|best, next| if direction.better(next.1, best.1, 0.0) { next } else { best })
    }

    /// What the columns `loss` and `val_loss` say of the training: underfitting, overfitting or
    /// neither, and what to do about it. See [`diagnose`](super::diagnose()).
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if the columns, read from elsewhere, have not equally many values.
    pub fn diagnose(&self) -> Result<Diagnosis, Error> {
        let column = |name| self.get(name).unwrap_or_default();
        super::diagnose(column("loss"), column("val_loss"))
    }

    /// The number of epochs.
    pub fn epochs(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// Why the training ended; `None` while it goes on.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Writes a CSV file, whole or not at all: a line of names, a line for each epoch.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written.
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write_whole(path.as_ref(), |file| self.write_csv(file))
    }

    fn write_csv(&self, out: &mut impl Write) -> std::io::Result<()> {
        let names: Vec<&str> = self.columns.iter().map(|column| &column.name[..]).collect();
        writeln!(out, "epoch,{}", names.join(","))?;
        for epoch in 0..self.epochs() {
            write!(out, "{}", epoch + 1)?;
            for column in &self.columns {
                write!(out, ",{}", column.values[epoch])?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// The names of the columns as a row of the table.
    pub(super) fn heading(&self) -> String {
        let cells = self.columns.iter().map(|column| format!("{:>1$}", column.name, width(column)));
        std::iter::once(format!("{:>5}", "epoch")).chain(cells).collect::<Vec<_>>().join("  ")
    }

    /// An epoch's values as a row of the table.
    pub(super) fn row(&self, epoch: usize) -> String {
        let cells = self.columns.iter().map(|column| {
            let (value, width) = (column.values[epoch], width(column));
            let small = value != 0.0 && value.abs() < 1e-3;
            if small { format!("{value:>width$.1e}") } else { format!("{value:>width$.4}") }
        });
        std::iter::once(format!("{:>5}", epoch + 1)).chain(cells).collect::<Vec<_>>().join("  ")
    }
}

fn width(column: &Column) -> usize {
    column.name.len().max(8)
}

impl Index<&str> for History {
    type Output = [f64];

    /// # Panics
    ///
    /// If there is no such column; the message lists those there are.
    #[track_caller]
    fn index(&self, name: &str) -> &[f64] {
        let Some(values) = self.get(name) else {
            let names: Vec<&str> = self.columns.iter().map(|column| &column.name[..]).collect();
            panic!("a history without `{name}`; it has {}", names.join(", "))
        };
        values
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.heading())?;
        for epoch in 0..self.epochs() {
            write!(f, "\n{}", self.row(epoch))?;
        }
        match &self.ending {
            Some(ending) if *ending != Ending::Finished => write!(f, "\n{ending}"),
            _ => Ok(()),
        }
    }
}

/// Numbers in a format that may know no NaN and no infinity, such as JSON: those are texts.
pub(super) mod numbers {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Number {
        Finite(f64),
        Other(String),
    }

    pub(in crate::train) fn serialize<S: Serializer>(
        values: &[f64],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let number = |&value: &f64| match value.is_finite() {
            true => Number::Finite(value),
            false => Number::Other(value.to_string()),
        };
        values.iter().map(number).collect::<Vec<_>>().serialize(serializer)
    }

    pub(in crate::train) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<f64>, D::Error> {
        let number = |number| match number {
            Number::Finite(value) => Ok(value),
            Number::Other(text) => text.parse().map_err(serde::de::Error::custom),
        };
        Vec::<Number>::deserialize(deserializer)?.into_iter().map(number).collect()
    }
}
