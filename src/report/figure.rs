//! What all drawings share: size, colours, title, legend.

use std::io::Write;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::disk::write_whole;
use crate::error::Error;

/// A drawing that a [`Section`](super::Section) can hold.
///
/// A drawing is black ink on white paper with few other colours; a page in dark colours exchanges
/// them.
pub trait Figure {
    /// What it is called.
    fn title(&self) -> &str;

    /// The drawing as SVG.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if it cannot be drawn.
    fn to_svg(&self) -> Result<String, Error>;

    /// Writes the drawing to a file, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written.
    fn save(&self, path: impl AsRef<Path>) -> Result<(), Error>
    where
        Self: Sized,
    {
        let svg = self.to_svg()?;
        write_whole(path.as_ref(), |file| file.write_all(svg.as_bytes()))
    }
}

/// Colours that differ for the colour-blind, too (P. Tol's bright scheme).
const COLORS: [RGBColor; 7] = [
    RGBColor(0x44, 0x77, 0xAA),
    RGBColor(0xEE, 0x66, 0x77),
    RGBColor(0x22, 0x88, 0x33),
    RGBColor(0xCC, 0xBB, 0x44),
    RGBColor(0xAA, 0x33, 0x77),
    RGBColor(0x66, 0xCC, 0xEE),
    RGBColor(0x77, 0x77, 0x77),
];

/// The colour of the series at this place.
pub(super) fn color(series: usize) -> RGBColor {
    COLORS[series % COLORS.len()]
}

/// Width and height of a drawing, in pixels; in a page it takes the width that there is.
pub(super) const SIZE: (u32, u32) = (560, 360);

/// The sizes of letters, in pixels; what `plotters` makes of them is a fifth smaller.
pub(super) const TITLE: u32 = 20;
pub(super) const TEXT: u32 = 16;

pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A drawing of this size with a title and, below it, a legend of series that have names. The rest
/// of the area is the caller's.
pub(super) fn draw(
    size: (u32, u32),
    title: &str,
    legend: &[&str],
    body: impl FnOnce(&Canvas<'_>) -> Drawn,
) -> Result<String, Error> {
    let mut svg = String::new();
    let drawn = paint(&mut svg, size, title, legend, body);
    drawn.map_err(|error| Error::argument("figure", "a picture that can be drawn", error))?;
    Ok(svg)
}

fn paint(
    svg: &mut String,
    size: (u32, u32),
    title: &str,
    legend: &[&str],
    body: impl FnOnce(&Canvas<'_>) -> Drawn,
) -> Drawn {
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    let style = ("sans-serif", TITLE).into_font().color(&BLACK);
    root.draw(&Text::new(title.to_string(), (12, 10), style))?;
    let mut top = TITLE as i32 + 18;
    if legend.len() > 1 {
        top = write_legend(&root, legend, top, size.0 as i32)?;
    }
    let (_, rest) = root.split_vertically(top);
    body(&rest)?;
    root.present()?;
    Ok(())
}

/// Writes the names from left to right, in as many rows as it takes, and returns where they end.
fn write_legend(
    root: &Canvas<'_>,
    names: &[&str],
    top: i32,
    width: i32,
) -> Result<i32, Box<dyn std::error::Error>> {
    const DASH: i32 = 16;
    let row = TEXT as i32 + 6;
    let (mut x, mut y) = (14, top);
    for (i, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let room = DASH + 6 + width_of(name) + 16;
        if x + room > width && x > 14 {
            (x, y) = (14, y + row);
        }
        let middle = y + TEXT as i32 / 2;
        root.draw(&PathElement::new([(x, middle), (x + DASH, middle)], color(i).stroke_width(3)))?;
        let style = ("sans-serif", TEXT).into_font().color(&BLACK);
        root.draw(&Text::new(name.to_string(), (x + DASH + 6, y - 1), style))?;
        x += room;
    }
    Ok(y + row)
}

/// About how wide a text is, in pixels: a letter is half as wide as it is high.
pub(super) fn width_of(text: &str) -> i32 {
    text.chars().count() as i32 * (TEXT as i32 * 45 / 100)
}

/// A range with some room around all values.
pub(super) fn range(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
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
pub(super) fn short(value: f64) -> String {
    if value != 0.0 && !(1e-3..1e5).contains(&value.abs()) {
        return format!("{value:.1e}").replace(".0e", "e");
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}
