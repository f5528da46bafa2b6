//! A line for each epoch in a file, to be looked at while the training runs.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Callback, Decision, Moment};
use crate::disk::write_whole;
use crate::error::Error;
use crate::train::History;

/// Appends a line to a file.
fn append(path: &Path, line: &str) -> Result<(), Error> {
    let open = OpenOptions::new().create(true).append(true).open(path);
    let written = open.and_then(|mut file| writeln!(file, "{line}"));
    written.map_err(|error| Error::io(path, error))
}

/// Writes a line of comma-separated values for each epoch. A resumed training goes on in the same
/// file.
#[derive(Clone, Debug)]
pub struct CsvLog {
    path: PathBuf,
}

impl CsvLog {
    /// A log in this file, which is replaced when a training begins.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Callback for CsvLog {
    fn name(&self) -> &str {
        "CsvLog"
    }

    fn before(&mut self, history: &History) -> Result<(), Error> {
        history.save_csv(&self.path)
    }

    fn after_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        let values = moment.history.columns().iter().map(|column| column.values.last().copied());
        let cells: Vec<String> = values.map(|x| x.unwrap_or(f64::NAN).to_string()).collect();
        append(&self.path, &format!("{},{}", moment.epoch + 1, cells.join(",")))?;
        Ok(Decision::Continue)
    }
}

/// Writes a line with a JSON object for each epoch. A resumed training goes on in the same file.
/// Values that are not finite are `null`.
#[derive(Clone, Debug)]
pub struct JsonLog {
    path: PathBuf,
}

impl JsonLog {
    /// A log in this file, which is replaced when a training begins.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

/// An epoch as a JSON object.
fn object(history: &History, epoch: usize) -> String {
    let mut object = serde_json::Map::new();
    object.insert("epoch".to_string(), (epoch + 1).into());
    for column in history.columns() {
        let value = column.values.get(epoch).copied().unwrap_or(f64::NAN);
        object.insert(column.name.clone(), value.into());
    }
    serde_json::Value::from(object).to_string()
}

impl Callback for JsonLog {
    fn name(&self) -> &str {
        "JsonLog"
    }

    fn before(&mut self, history: &History) -> Result<(), Error> {
        let lines: Vec<String> =
            (0..history.epochs()).map(|epoch| object(history, epoch)).collect();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        write_whole(&self.path, |file| file.write_all(text.as_bytes()))
    }

    fn after_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        append(&self.path, &object(moment.history, moment.epoch))?;
        Ok(Decision::Continue)
    }
}
