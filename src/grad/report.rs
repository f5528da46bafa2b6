//! What a gradient check found.

use std::fmt;

use crate::shape::Shape;

/// What a gradient check found, one [`Row`] a parameter. Prints as a table.
#[derive(Clone, Debug)]
#[must_use = "a report has to be looked at or asserted"]
pub struct Report {
    rows: Vec<Row>,
}

/// One parameter's part of a [`Report`]: the entry with the largest error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The parameter's path.
    pub parameter: String,
    /// How many entries were checked.
    pub checked: usize,
    /// How many entries the parameter has.
    pub total: usize,
    /// The largest relative error, `|a - n| / max(|a|, |n|)`. Entries that are a thousand times
    /// smaller than the parameter's largest gradient are compared on a thousandth of its scale.
    pub error: f64,
    /// The entry where it was found, one index an axis.
    pub index: Vec<usize>,
    /// The gradient there by the rules.
    pub analytic: f64,
    /// The gradient there by central differences.
    pub numeric: f64,
    shape: Shape,
}

impl Row {
    pub(super) fn new(parameter: String, shape: Shape, total: usize) -> Self {
        let (error, analytic, numeric) = (0.0, 0.0, 0.0);
        Self { parameter, checked: 0, total, error, index: Vec::new(), analytic, numeric, shape }
    }

    /// Counts one entry, and keeps it if it is the worst so far.
    pub(super) fn record(&mut self, at: usize, analytic: f64, numeric: f64, error: f64) {
        self.checked += 1;
        let first = self.checked == 1;
        // An error that is not a number is the worst, and the first of those stays.
        let worse = error > self.error || error.is_nan();
        if first || worse && !self.error.is_nan() {
            (self.error, self.analytic, self.numeric) = (error, analytic, numeric);
            let strides = self.shape.strides();
            let index = strides.iter().zip(&self.shape[..]).map(|(&s, &size)| at / s % size);
            self.index = index.collect();
        }
    }
}

impl Report {
    /// The error up to which the printed verdict is `ok`.
    pub const TOLERANCE: f64 = 1e-6;

    pub(super) fn new(rows: Vec<Row>) -> Self {
        Self { rows }
    }

    /// The rows, one a parameter, in the order of the layout.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The largest relative error of all.
    pub fn worst(&self) -> f64 {
        self.rows
            .iter()
            .map(|row| row.error)
            .fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
    }

    /// Whether every error is below the tolerance; errors that are not a number are not.
    pub fn is_below(&self, tolerance: f64) -> bool {
        self.rows.iter().all(|row| row.error < tolerance)
    }

    /// Asserts that every error is below the tolerance.
    ///
    /// # Panics
    ///
    /// If one is not, with the table and the parameters where.
    #[track_caller]
    pub fn assert_below(&self, tolerance: f64) {
        let wrong = self.rows.iter().filter(|row| row.error >= tolerance || row.error.is_nan());
        let names: Vec<String> = wrong.map(|row| format!("`{}`", row.parameter)).collect();
        assert!(
            names.is_empty(),
            "gradient check: error of {tolerance:e} or more in {}\n{self}",
            names.join(", ")
        );
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = |lengths: &mut dyn Iterator<Item = usize>, least: usize| {
            lengths.max().unwrap_or(0).max(least)
        };
        let name = longest(&mut self.rows.iter().map(|row| row.parameter.len()), 9);
        let place = longest(&mut self.rows.iter().map(|row| format!("{:?}", row.index).len()), 5);
        writeln!(
            f,
            "{:name$}  {:>14}  {:>11}  {:>place$}  {:>13}  {:>13}  verdict",
            "parameter", "checked", "worst error", "where", "analytic", "numeric"
        )?;
        for row in &self.rows {
            let checked = format!("{}/{}", row.checked, row.total);
            let at = format!("{:?}", row.index);
            let verdict = if row.error < Self::TOLERANCE { "ok" } else { "WRONG" };
            writeln!(
                f,
                "{:name$}  {checked:>14}  {:>11.1e}  {at:>place$}  {:>13.6e}  {:>13.6e}  {verdict}",
                row.parameter, row.error, row.analytic, row.numeric
            )?;
        }
        Ok(())
    }
}
