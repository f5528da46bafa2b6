//! A function of two numbers, and ways over it.

mod trace;

use std::ops::Range;

use plotters::prelude::*;

use super::figure::{Canvas, Drawn, Figure, TEXT, color, draw, short};
use crate::error::Error;

/// Lines of equal height of a function of two numbers, and ways over it, such as an optimizer's
/// steps. A way begins at a ring and ends at a dot; it is cut off where it leaves the picture.
///
/// ```
/// use gradtape::report::{Contours, Figure};
///
/// let steps = (0..20).map(|step| (0.8_f64.powi(step), 0.5_f64.powi(step)));
/// let figure = Contours::new("A ravine", -1.0..1.2, -1.0..1.2, |x, y| x * x + 10.0 * y * y)
///     .path("gradient descent", steps)
///     .minimum(0.0, 0.0);
/// assert!(figure.to_svg()?.starts_with("<svg"));
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Contours {
    title: String,
    x: Range<f64>,
    y: Range<f64>,
    /// Heights at the points of a grid, row by row from the lowest `y` on.
    heights: Vec<f64>,
    paths: Vec<(String, Vec<(f64, f64)>)>,
    minima: Vec<(f64, f64)>,
}

impl Contours {
    /// The points of the grid along each axis.
    const GRID: usize = 97;

    /// The number of lines. They are at such heights that the areas between them are equal: a
    /// steep rim does not take all of them.
    const LINES: usize = 16;

    const SIZE: (u32, u32) = (560, 480);

    /// The function's lines in this part of the plane.
    pub fn new(
        title: impl Into<String>,
        x: Range<f64>,
        y: Range<f64>,
        height: impl Fn(f64, f64) -> f64,
    ) -> Self {
        let at = |axis: &Range<f64>, i: usize| {
            axis.start + (axis.end - axis.start) * i as f64 / (Self::GRID - 1) as f64
        };
        let places =
            (0..Self::GRID).flat_map(|row| (0..Self::GRID).map(move |column| (row, column)));
        let heights = places.map(|(row, column)| height(at(&x, column), at(&y, row))).collect();
        let (paths, minima) = Default::default();
        Self { title: title.into(), x, y, heights, paths, minima }
    }

    /// A way through these points.
    pub fn path(
        mut self,
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        self.paths.push((name.into(), points.into_iter().collect()));
        self
    }

    /// Marks where the function is lowest.
    pub fn minimum(mut self, x: f64, y: f64) -> Self {
        self.minima.push((x, y));
        self
    }

    fn levels(&self) -> Vec<f64> {
        let mut sorted: Vec<f64> = self.heights.iter().copied().filter(|z| z.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let quantile =
            |i: usize| sorted.get(sorted.len() * (2 * i + 1) / (2 * Self::LINES)).copied();
        let mut levels: Vec<f64> = (0..Self::LINES).filter_map(quantile).collect();
        levels.dedup();
        levels
    }

    fn paint(&self, area: &Canvas<'_>) -> Drawn {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(18)
            .x_label_area_size(30)
            .y_label_area_size(48)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        chart
            .configure_mesh()
            .disable_mesh()
            .label_style(("sans-serif", TEXT))
            .x_labels(7)
            .y_labels(7)
            .x_label_formatter(&|&x| short(x))
            .y_label_formatter(&|&y| short(y))
            .draw()?;
        let place = |(column, row): (f64, f64)| {
            let along = |axis: &Range<f64>, i: f64| {
                axis.start + (axis.end - axis.start) * i / (Self::GRID - 1) as f64
            };
            (along(&self.x, column), along(&self.y, row))
        };
        for level in self.levels() {
            for line in trace::lines(&self.heights, Self::GRID, level) {
                let line: Vec<(f64, f64)> = line.into_iter().map(place).collect();
                chart.draw_series([PathElement::new(line, BLACK.mix(0.22))])?;
            }
        }
        for &minimum in &self.minima {
            chart.draw_series([Cross::new(minimum, 6, BLACK.stroke_width(2))])?;
        }
        let visible = |&(x, y): &(f64, f64)| self.x.contains(&x) && self.y.contains(&y);
        for (i, (_, points)) in self.paths.iter().enumerate() {
            let points: Vec<(f64, f64)> = points.iter().copied().take_while(visible).collect();
            let (Some(&first), Some(&last)) = (points.first(), points.last()) else { continue };
            chart.draw_series([PathElement::new(points, color(i).stroke_width(2))])?;
            chart.draw_series([Circle::new(first, 5, BLACK.stroke_width(1))])?;
            chart.draw_series([Circle::new(last, 4, color(i).filled())])?;
        }
        Ok(())
    }
}

impl Figure for Contours {
    fn title(&self) -> &str {
        &self.title
    }

    fn to_svg(&self) -> Result<String, Error> {
        let names: Vec<&str> = self.paths.iter().map(|(name, _)| &name[..]).collect();
        draw(Self::SIZE, &self.title, &names, |area| self.paint(area))
    }
}
