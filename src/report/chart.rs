//! Curves over an axis.

use std::io::Write;
use std::path::Path;

use plotters::prelude::*;

use crate::disk::write_whole;
use crate::error::Error;

/// Curves in one picture: losses by epoch, a loss by rate.
///
/// ```
/// use gradtape::report::Chart;
///
/// let chart = Chart::new("Learning curves")
///     .x("epoch")
///     .y("loss")
///     .line("training", [(1.0, 0.9), (2.0, 0.5), (3.0, 0.4)])
///     .line("validation", [(1.0, 1.0), (2.0, 0.7), (3.0, 0.8)])
///     .mark(2.0, "best");
/// assert!(chart.to_svg()?.starts_with("<svg"));
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Chart {
    title: String,
    x: String,
    y: String,
    log_x: bool,
    log_y: bool,
    lines: Vec<(String, Vec<(f64, f64)>)>,
    marks: Vec<(f64, String)>,
}

/// Colours that differ for the colour-blind, too (P. Tol's bright scheme).
const COLORS: [RGBColor; 6] = [
    RGBColor(0x44, 0x77, 0xAA),
    RGBColor(0xEE, 0x66, 0x77),
    RGBColor(0x22, 0x88, 0x33),
    RGBColor(0xCC, 0xBB, 0x44),
    RGBColor(0xAA, 0x33, 0x77),
    RGBColor(0x66, 0xCC, 0xEE),
];

const SIZE: (u32, u32) = (720, 420);

impl Chart {
    /// A picture of this title without curves.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// What the horizontal axis is.
    pub fn x(mut self, label: impl Into<String>) -> Self {
        self.x = label.into();
        self
    }

    /// What the vertical axis is.
    pub fn y(mut self, label: impl Into<String>) -> Self {
        self.y = label.into();
        self
    }

    /// A logarithmic horizontal axis; points at 0 and below are left out.
    pub fn log_x(mut self) -> Self {
        self.log_x = true;
        self
    }

    /// A logarithmic vertical axis; points at 0 and below are left out.
    pub fn log_y(mut self) -> Self {
        self.log_y = true;
        self
    }

    /// A curve through these points; those that are not finite are left out.
    pub fn line(
        mut self,
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        self.lines.push((name.into(), points.into_iter().collect()));
        self
    }

    /// A vertical line with a text.
    pub fn mark(mut self, x: f64, text: impl Into<String>) -> Self {
        self.marks.push((x, text.into()));
        self
    }

    /// Writes the picture to a file, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let svg = self.to_svg()?;
        write_whole(path.as_ref(), |file| file.write_all(svg.as_bytes()))
    }

    /// The picture as SVG.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if it cannot be drawn.
    pub fn to_svg(&self) -> Result<String, Error> {
        let mut svg = String::new();
        let drawn = self.draw(&mut svg);
        drawn.map_err(|error| Error::argument("Chart", "a picture that can be drawn", error))?;
        Ok(svg)
    }

    /// A point as it is drawn, if it can be.
    fn place(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let scaled = |log: bool, value: f64| if log { value.log10() } else { value };
        let place = (scaled(self.log_x, x), scaled(self.log_y, y));
        (place.0.is_finite() && place.1.is_finite()).then_some(place)
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error + '_>> {
        let lines: Vec<(&str, Vec<(f64, f64)>)> = self
            .lines
            .iter()
            .map(|(name, points)| {
                (&name[..], points.iter().filter_map(|&point| self.place(point)).collect())
            })
            .collect();
        let points = || lines.iter().flat_map(|(_, points)| points.iter().copied());
        let [x_range, y_range] = [range(points().map(|p| p.0)), range(points().map(|p| p.1))];
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, ("sans-serif", 20))
            .margin(14)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(x_range, y_range.clone())?;
        let label = |log: bool, value: f64| {
            if log { format!("{:.1e}", 10_f64.powf(value)) } else { short(value) }
        };
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(&self.x)
            .y_desc(&self.y)
            .x_label_formatter(&|&x| label(self.log_x, x))
            .y_label_formatter(&|&y| label(self.log_y, y))
            .draw()?;
        for (i, (name, points)) in lines.iter().enumerate() {
            let style = COLORS[i % COLORS.len()].stroke_width(2);
            chart
                .draw_series(LineSeries::new(points.iter().copied(), style))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        for (x, text) in &self.marks {
            let Some((x, _)) = self.place((*x, 1.0)) else { continue };
            let ends = [(x, y_range.start), (x, y_range.end)];
            chart.draw_series([PathElement::new(ends, BLACK.mix(0.5))])?;
            let style = ("sans-serif", 13).into_font();
            chart.draw_series([Text::new(text.clone(), (x, y_range.end), style)])?;
        }
        let border = BLACK.mix(0.3);
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.85))
            .border_style(border)
            .draw()?;
        root.present()?;
        drop(chart);
        drop(root);
        Ok(())
    }
}

/// A range with some room around all values.
fn range(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return 0.0..1.0;
    }
    let room = if high > low { 0.04 * (high - low) } else { 0.5 * low.abs().max(1.0) };
    low - room..high + room
}

/// A number in few characters.
fn short(value: f64) -> String {
    let text = if value != 0.0 && !(1e-3..1e5).contains(&value.abs()) {
        format!("{value:.1e}")
    } else {
        format!("{value:.3}")
    };
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}
