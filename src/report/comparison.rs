//! What several methods come to, one below the other.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figure::{Canvas, Drawn, Figure, SIZE, TEXT, color, draw, range, width_of};
use super::spread::Spread;
use crate::error::Error;

/// Methods one below the other, by name: the value of each run as a small circle, their mean as a
/// large one, and twice its standard error to both sides as a line. The vertical line is at the
/// first method's mean, so that the first is what the others are compared with. Runs that came to
/// nothing finite are left out and counted beside the name.
///
/// ```
/// use gradtape::report::{Comparison, Figure};
///
/// let figure = Comparison::new("Accuracy over three seeds")
///     .x("accuracy")
///     .runs("plain", [0.91, 0.92, 0.90])
///     .runs("dropout", [0.93, 0.94, 0.93]);
/// assert!(figure.to_svg()?.starts_with("<svg"));
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    title: String,
    x: String,
    rows: Vec<(String, Vec<f64>)>,
}

impl Comparison {
    /// The height of a row, in pixels.
    const ROW: u32 = 28;

    /// A picture of this title without methods.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// What is compared.
    pub fn x(mut self, label: impl Into<String>) -> Self {
        self.x = label.into();
        self
    }

    /// A method and what it came to in each run.
    pub fn runs(mut self, name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        let (finite, diverged): (Vec<f64>, Vec<f64>) =
            values.into_iter().partition(|value| value.is_finite());
        let mut name = name.into();
        if !diverged.is_empty() {
            name += &format!(" ({} of {} diverged)", diverged.len(), diverged.len() + finite.len());
        }
        self.rows.push((name, finite));
        self
    }

    fn paint(&self, area: &Canvas<'_>) -> Drawn {
        let names = self.rows.iter().map(|(name, _)| width_of(name));
        let spreads: Vec<Spread> =
            self.rows.iter().map(|(_, values)| Spread::of(values.iter().copied())).collect();
        let ends = |spread: &Spread| {
            let error = 2.0 * spread.standard_error();
            [spread.mean - error, spread.mean + error]
        };
        let drawn = self.rows.iter().flat_map(|(_, values)| values.iter().copied());
        let drawn = drawn.chain(spreads.iter().flat_map(ends)).filter(|x| x.is_finite());
        let (x_range, last) = (range(drawn), self.rows.len() as f64);
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(18)
            .x_label_area_size(40)
            .y_label_area_size(names.max().unwrap_or(0) + 12)
            // From the top down.
            .build_cartesian_2d(x_range.clone(), last..0.0)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.1))
            .disable_y_mesh()
            .label_style(("sans-serif", TEXT))
            .x_labels(7)
            .y_labels(0)
            .x_desc(&self.x)
            .draw()?;
        if let Some(first) = spreads.first().filter(|spread| spread.mean.is_finite()) {
            let ends = [(first.mean, 0.0), (first.mean, last)];
            chart.draw_series([PathElement::new(ends, BLACK.mix(0.5))])?;
        }
        let beside = ("sans-serif", TEXT).into_font().color(&BLACK);
        let beside = beside.pos(Pos::new(HPos::Right, VPos::Center));
        for (row, ((name, values), spread)) in self.rows.iter().zip(&spreads).enumerate() {
            let y = row as f64 + 0.5;
            // The area's own coordinates begin at its corner.
            let (corner, point) = (area.get_base_pixel(), chart.backend_coord(&(x_range.start, y)));
            let place = (point.0 - corner.0 - 8, point.1 - corner.1);
            area.draw(&Text::new(name.clone(), place, beside.clone()))?;
            let ink = color(0);
            chart.draw_series(
                values.iter().map(|&x| Circle::new((x, y), 2, ink.mix(0.5).filled())),
            )?;
            if spread.mean.is_finite() {
                // A single run has no standard error.
                if spread.runs > 1 {
                    let line = ends(spread).map(|x| (x, y));
                    chart.draw_series([PathElement::new(line, ink.stroke_width(2))])?;
                }
                chart.draw_series([Circle::new((spread.mean, y), 5, ink.filled())])?;
            }
        }
        Ok(())
    }
}

impl Figure for Comparison {
    fn title(&self) -> &str {
        &self.title
    }

    fn to_svg(&self) -> Result<String, Error> {
        let height = 100 + self.rows.len() as u32 * Self::ROW;
        draw((SIZE.0, height), &self.title, &[], |area| self.paint(area))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_and_each_mean_is_a_circle() {
        let svg = Comparison::new("Losses")
            .runs("plain", [0.3, 0.2, f64::NAN])
            .runs("diverged", [f64::INFINITY])
            .runs("<noise>", [0.1, 0.2])
            .to_svg()
            .unwrap();
        assert_eq!(svg.matches("<circle").count(), (2 + 1) + (2 + 1));
        let names = ["plain (1 of 3 diverged)", "diverged (1 of 1 diverged)", "&lt;noise&gt;"];
        assert!(names.iter().all(|name| svg.contains(name)), "{svg}");
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn nothing_can_be_compared() {
        assert!(Comparison::new("Nothing").to_svg().is_ok());
    }
}
