//! What a gradient check found.

use std::fmt;

use super::kinks::{Class, Finding};
use super::locate::Culprit;
use crate::shape::Shape;

/// What a gradient check found, one [`Row`] a parameter. Prints as a table.
#[derive(Clone, Debug)]
#[must_use = "a report has to be looked at or asserted"]
pub struct Report {
    rows: Vec<Row>,
    culprit: Option<Culprit>,
}

/// One parameter's part of a [`Report`]: how many entries are right, and the one with the largest
/// error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The parameter's path.
    pub parameter: String,
    /// How many entries were checked.
    pub checked: usize,
    /// How many entries the parameter has.
    pub total: usize,
    /// How many of the checked entries are at a kink, where the gradient by the rules lies between
    /// the slopes of both sides.
    pub kinks: usize,
    /// How many are at a kink, where it does not.
    pub wrong_kinks: usize,
    /// How many are wrong without being at a kink.
    pub wrong: usize,
    /// How many have a gradient that differences can tell from zero.
    pub resolved: usize,
    /// The largest relative error, `|a - n| / max(|a|, |n|)`; at a kink, of the distance to the
    /// slopes of both sides. Entries that are a thousand times smaller than the parameter's
    /// largest gradient are compared on a thousandth of its scale, and a mismatch of ten estimated
    /// numerical errors counts as [`Report::TOLERANCE`], for less cannot be told from them.
    pub error: f64,
    /// The estimated numerical error at the entry with the largest error, on the same scale.
    pub uncertainty: f64,
    /// The entry where it was found, one index an axis.
    pub index: Vec<usize>,
    /// The gradient there by the rules.
    pub analytic: f64,
    /// The gradient there by central differences.
    pub numeric: f64,
    /// The estimated error of `numeric`.
    pub numeric_error: f64,
    /// The slopes on the left and on the right, if the entry is at a kink.
    pub one_sided: Option<[f64; 2]>,
    shape: Shape,
}

impl Row {
    pub(super) fn new(parameter: String, shape: Shape) -> Self {
        Self {
            parameter,
            checked: 0,
            total: shape.numel(),
            kinks: 0,
            wrong_kinks: 0,
            wrong: 0,
            resolved: 0,
            error: 0.0,
            uncertainty: 0.0,
            index: Vec::new(),
            analytic: 0.0,
            numeric: 0.0,
            numeric_error: 0.0,
            one_sided: None,
            shape,
        }
    }

    /// Counts one entry, and keeps it if it is the worst so far.
    pub(super) fn record(&mut self, at: usize, found: &Finding) {
        self.checked += 1;
        self.resolved += usize::from(found.resolved);
        match found.class {
            Class::Smooth => {}
            Class::Kink => self.kinks += 1,
            Class::BadKink => self.wrong_kinks += 1,
            Class::Wrong => self.wrong += 1,
        }
        // An error that is not a number is the worst, and the first of those stays.
        let worse = found.error > self.error || found.error.is_nan();
        if self.checked == 1 || worse && !self.error.is_nan() {
            (self.error, self.uncertainty) = (found.error, found.uncertainty);
            (self.analytic, self.one_sided) = (found.analytic, found.one_sided);
            (self.numeric, self.numeric_error) = (found.numeric.value, found.numeric.error);
            let strides = self.shape.strides();
            let index = strides.iter().zip(&self.shape[..]).map(|(&s, &size)| at / s % size);
            self.index = index.collect();
        }
    }

    /// Whether no entry is wrong.
    pub(super) fn is_right(&self) -> bool {
        self.wrong + self.wrong_kinks == 0
    }

    /// The verdict in the table.
    fn verdict(&self) -> String {
        let kinks = |count: usize| format!("{count} kink{}", if count == 1 { "" } else { "s" });
        match self {
            Row { checked: 0, .. } => "empty".to_string(),
            Row { wrong: 0, wrong_kinks: 0, kinks: 0, resolved: 0, .. } => "ok, zero".to_string(),
            Row { wrong: 0, wrong_kinks: 0, kinks: 0, .. } => "ok".to_string(),
            Row { wrong: 0, wrong_kinks: 0, kinks: n, .. } => format!("ok, {} accepted", kinks(*n)),
            Row { wrong: 0, wrong_kinks: n, .. } => format!("WRONG at {}", kinks(*n)),
            Row { wrong, wrong_kinks: 0, .. } => format!("WRONG at {wrong}"),
            Row { wrong, wrong_kinks: n, .. } => format!("WRONG at {wrong} and {}", kinks(*n)),
        }
    }
}

impl Report {
    /// The error up to which the printed verdict is `ok`.
    pub const TOLERANCE: f64 = 1e-6;

    pub(super) fn new(rows: Vec<Row>, culprit: Option<Culprit>) -> Self {
        Self { rows, culprit }
    }

    /// Where a wrong gradient comes from, if one is wrong: the first operation whose own rule
    /// disagrees with differences, or else a `detach`.
    pub fn culprit(&self) -> Option<&Culprit> {
        self.culprit.as_ref()
    }

    /// The rows, one a parameter, in the order of the layout; and one of all parameters moved
    /// together, if there are kinks and this leaves ties what they are.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The largest relative error of all.
    pub fn worst(&self) -> f64 {
        self.errors().fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
    }

    /// Whether every error is below the tolerance; errors that are not a number are not.
    pub fn is_below(&self, tolerance: f64) -> bool {
        self.errors().all(|error| error < tolerance)
    }

    /// The errors of the rows, and that of a rule found wrong.
    fn errors(&self) -> impl Iterator<Item = f64> {
        let culprit = self.culprit.as_ref().and_then(|culprit| culprit.error);
        self.rows.iter().map(|row| row.error).chain(culprit)
    }

    /// Asserts that every error is below the tolerance.
    ///
    /// # Panics
    ///
    /// If one is not, with the table and the parameters where.
    #[track_caller]
    pub fn assert_below(&self, tolerance: f64) {
        let wrong = self.rows.iter().filter(|row| row.error >= tolerance || row.error.is_nan());
        let mut names: Vec<String> = wrong.map(|row| format!("`{}`", row.parameter)).collect();
        if names.is_empty() && !self.is_below(tolerance) {
            names.extend(
                self.culprit.as_ref().map(|culprit| format!("the rule of `{}`", culprit.op)),
            );
        }
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
            "{:name$}  {:>11}  {:>5}  {:>11}  {:>9}  {:>place$}  {:>13}  {:>13}  {:>8}  verdict",
            "parameter",
            "checked",
            "kinks",
            "worst error",
            "numerical",
            "where",
            "analytic",
            "numeric",
            "+-"
        )?;
        for row in &self.rows {
            let checked = format!("{}/{}", row.checked, row.total);
            let (kinks, at) = (row.kinks + row.wrong_kinks, format!("{:?}", row.index));
            writeln!(
                f,
                "{:name$}  {checked:>11}  {kinks:>5}  {:>11.1e}  {:>9.1e}  {at:>place$}  \
                 {:>13.6e}  {:>13.6e}  {:>8.0e}  {}",
                row.parameter,
                row.error,
                row.uncertainty,
                row.analytic,
                row.numeric,
                row.numeric_error,
                row.verdict()
            )?;
        }
        match &self.culprit {
            Some(culprit) => writeln!(f, "{culprit}"),
            None => Ok(()),
        }
    }
}
