//! A number for each row and column.

use plotters::prelude::*;

use super::figure::{Canvas, Drawn, Figure, SIZE, TEXT, color, draw, short, width_of};
use crate::error::Error;
use crate::train::ConfusionMatrix;

/// A number for each row and column, the darker the larger.
///
/// ```
/// use gradtape::report::{Figure, Heatmap};
///
/// let map = Heatmap::new("Accuracy", ["rate 0.1", "rate 0.2"], ["16", "64"], [0.9, 0.95, 0.8, 0.85])
///     .columns("units");
/// assert!(map.to_svg()?.starts_with("<svg"));
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Heatmap {
    title: String,
    rows: Vec<String>,
    columns: Vec<String>,
    values: Vec<f64>,
    row_axis: String,
    column_axis: String,
}

impl Heatmap {
    /// A map of these values, row by row.
    ///
    /// # Panics
    ///
    /// If there is not one value for each row and column.
    #[track_caller]
    pub fn new<N: Into<String>, M: Into<String>>(
        title: impl Into<String>,
        rows: impl IntoIterator<Item = N>,
        columns: impl IntoIterator<Item = M>,
        values: impl IntoIterator<Item = f64>,
    ) -> Self {
        let rows: Vec<String> = rows.into_iter().map(Into::into).collect();
        let columns: Vec<String> = columns.into_iter().map(Into::into).collect();
        let values: Vec<f64> = values.into_iter().collect();
        let (height, width, found) = (rows.len(), columns.len(), values.len());
        assert!(height * width == found, "heatmap: {found} values for {height} rows of {width}");
        let (row_axis, column_axis) = Default::default();
        Self { title: title.into(), rows, columns, values, row_axis, column_axis }
    }

    /// What is taken for what: a row for each actual class, a column for each predicted one.
    pub fn of_confusion(matrix: &ConfusionMatrix) -> Self {
        let classes = 0..matrix.classes();
        let names = || classes.clone().map(|class| class.to_string());
        let counts = classes.clone().flat_map(|actual| {
            classes.clone().map(move |predicted| matrix.count(actual, predicted))
        });
        Self::new("Confusion matrix", names(), names(), counts).rows("actual").columns("predicted")
    }

    /// What the rows are.
    pub fn rows(mut self, label: impl Into<String>) -> Self {
        self.row_axis = label.into();
        self
    }

    /// What the columns are.
    pub fn columns(mut self, label: impl Into<String>) -> Self {
        self.column_axis = label.into();
        self
    }

    fn paint(&self, area: &Canvas<'_>) -> Drawn {
        let line = TEXT as i32 + 5;
        let names = self.rows.iter().chain([&self.row_axis]).map(|name| width_of(name));
        let left = names.max().unwrap_or(0) + 24;
        let (width, height) = area.dim_in_pixel();
        let (width, height) = (width as i32 - 12, height as i32 - 8);
        let top = 2 * line;
        let text = |text: &str, at: (i32, i32)| {
            let style = ("sans-serif", TEXT).into_font().color(&BLACK);
            area.draw(&Text::new(text.to_string(), at, style))
        };
        let cell = |row: usize, column: usize| {
            let x = left + (width - left) * column as i32 / self.columns.len() as i32;
            let y = top + (height - top) * row as i32 / self.rows.len() as i32;
            (x, y)
        };
        let centred = |name: &str, (x, y): (i32, i32), (right, bottom): (i32, i32)| {
            text(name, ((x + right - width_of(name)) / 2, (y + bottom - TEXT as i32) / 2))
        };
        text(&self.row_axis, (12, line))?;
        text(&self.column_axis, (left, 0))?;
        for (i, name) in self.columns.iter().enumerate() {
            centred(name, (cell(0, i).0, line), (cell(0, i + 1).0, top))?;
        }
        for (i, name) in self.rows.iter().enumerate() {
            let (y, bottom) = (cell(i, 0).1, cell(i + 1, 0).1);
            text(name, (12, (y + bottom - TEXT as i32) / 2))?;
        }
        let finite = || self.values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = (finite().fold(0.0, f64::min), finite().fold(0.0, f64::max));
        for (i, &value) in self.values.iter().enumerate() {
            let (row, column) = (i / self.columns.len(), i % self.columns.len());
            let (corner, opposite) = (cell(row, column), cell(row + 1, column + 1));
            let share = if high > low { (value - low) / (high - low) } else { 0.0 };
            // Not so dark that the number could not be read.
            let shade = color(0).mix(0.6 * share.max(0.0)).filled();
            area.draw(&Rectangle::new([corner, (opposite.0 - 1, opposite.1 - 1)], shade))?;
            centred(&short(value), corner, opposite)?;
        }
        Ok(())
    }
}

impl Figure for Heatmap {
    fn title(&self) -> &str {
        &self.title
    }

    fn to_svg(&self) -> Result<String, Error> {
        let size = (SIZE.0, 90 + 30 * self.rows.len() as u32);
        draw(size, &self.title, &[], |area| self.paint(area))
    }
}
