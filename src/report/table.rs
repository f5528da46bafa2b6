//! Numbers in rows and columns.

use std::fmt::Write;

use super::html::escaped;
use crate::params::Params;
use crate::scalar::Scalar;
use crate::train::Updates;

/// A table of a report. Cells that read as numbers stand to the right.
///
/// ```
/// use gradtape::report::Table;
///
/// let mut table = Table::new(["rate", "accuracy"]);
/// table.row(["0.1", "0.94"]);
/// table.row(["0.2", "0.93"]);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of these columns, without rows.
    pub fn new<C: Into<String>>(columns: impl IntoIterator<Item = C>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Appends a row.
    ///
    /// # Panics
    ///
    /// If it has not one cell for each column.
    #[track_caller]
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) -> &mut Self {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        let (found, columns) = (cells.len(), self.columns.len());
        assert!(found == columns, "table: {found} cells in a row of {columns} columns");
        self.rows.push(cells);
        self
    }

    /// The parameters of a model: shape, number of values, role.
    pub fn of_params<T: Scalar>(params: &Params<T>) -> Self {
        let mut table = Self::new(["parameter", "shape", "values", "role"]);
        let layout = params.layout();
        for id in layout.ids() {
            let entry = layout.entry(id);
            let role = format!("{:?}", entry.role).to_lowercase();
            table.row([
                entry.name.clone(),
                entry.shape.to_string(),
                entry.shape.numel().to_string(),
                role,
            ]);
        }
        table
    }

    /// How far a step moved each parameter, compared with how large it is.
    pub fn of_updates(updates: &Updates) -> Self {
        let mut table = Self::new(["parameter", "norm of weights", "norm of step", "ratio"]);
        for row in updates.rows() {
            let numbers = [row.weights, row.step, row.ratio].map(|x| format!("{x:.1e}"));
            table.row(std::iter::once(row.parameter.clone()).chain(numbers));
        }
        table
    }

    pub(super) fn write_html(&self, html: &mut String) {
        html.push_str("<div class=\"wide\"><table>\n<thead><tr>");
        for (i, column) in self.columns.iter().enumerate() {
            let class = self.class(i);
            let _ = write!(html, "<th scope=\"col\"{class}>{}</th>", escaped(column));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for (i, cell) in row.iter().enumerate() {
                let _ = write!(html, "<td{}>{}</td>", self.class(i), escaped(cell));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table></div>\n");
    }

    /// The class of a column's cells: numbers stand to the right.
    fn class(&self, column: usize) -> &'static str {
        let is_number = |cell: &String| cell.starts_with(|c: char| "+-−0123456789".contains(c));
        let mut cells = self.rows.iter().map(|row| &row[column]).filter(|cell| !cell.is_empty());
        if !self.rows.is_empty() && cells.all(is_number) { " class=\"number\"" } else { "" }
    }
}
