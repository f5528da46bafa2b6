//! How numbers are spread, layer by layer.

use plotters::prelude::*;

use super::figure::{Canvas, Drawn, Figure, SIZE, TEXT, color, draw, short, width_of};
use crate::error::Error;
use crate::scalar::Scalar;
use crate::train::{Histogram, Inspection};

/// Histograms side by side, one a layer, over the same axis: a layer whose values are all alike
/// shows as a spike. Each is as high as its fullest bin.
///
/// ```
/// use gradtape::report::{Figure, Histograms};
///
/// let wide: Vec<f64> = (0..100).map(|i| (i as f64).sin()).collect();
/// let narrow: Vec<f64> = wide.iter().map(|x| 0.1 * x).collect();
/// let figure = Histograms::new("Activations").values("layer 1", &wide).values("layer 2", &narrow);
/// assert!(figure.to_svg()?.starts_with("<svg"));
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Histograms {
    title: String,
    own_axes: bool,
    panels: Vec<(String, Histogram)>,
}

impl Histograms {
    /// Panels in a row.
    const COLUMNS: usize = 5;

    /// The height of a panel, in pixels.
    const HEIGHT: u32 = 110;

    /// The bins of values that are given as they are.
    const BINS: usize = 40;

    /// A picture of this title without histograms.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), own_axes: false, panels: Vec::new() }
    }

    /// The watched values of a model, all over one axis, as long as the widest spread is. Logits or a
    /// loss that are watched, too, press those of the hidden layers together: watch hidden layers
    /// only, or give each its [own axis](Self::own_axes).
    pub fn of_values(title: impl Into<String>, inspection: &Inspection) -> Self {
        let rows = inspection.rows().iter();
        rows.fold(Self::new(title), |figure, row| {
            figure.histogram(&row.name, &row.values.histogram)
        })
    }

    /// The gradients of the loss with respect to the watched values of a model.
    pub fn of_gradients(title: impl Into<String>, inspection: &Inspection) -> Self {
        let rows = inspection.rows().iter();
        let gradients = rows.filter_map(|row| Some((&row.name, row.gradient.as_ref()?)));
        gradients.fold(Self::new(title), |figure, (name, gradient)| {
            figure.histogram(name, &gradient.histogram)
        })
    }

    /// Appends a histogram.
    pub fn histogram(mut self, name: impl Into<String>, histogram: &Histogram) -> Self {
        self.panels.push((name.into(), histogram.clone()));
        self
    }

    /// Appends the histogram of these numbers.
    pub fn values<T: Scalar>(self, name: impl Into<String>, numbers: &[T]) -> Self {
        self.histogram(name, &Histogram::of(numbers, Self::BINS))
    }

    /// Gives each histogram an axis of its own, from its smallest to its largest value.
    pub fn own_axes(mut self) -> Self {
        self.own_axes = true;
        self
    }

    fn paint(&self, area: &Canvas<'_>) -> Drawn {
        let ends = |histogram: &Histogram| {
            let edges: Vec<f64> = histogram.edges().collect();
            (edges[0], edges[edges.len() - 1])
        };
        let all = self.panels.iter().map(|(_, histogram)| ends(histogram));
        let shared = all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0.0, 1.0));
        let panels = area.margin(4, 4, 8, 8).split_evenly((self.rows(), Self::COLUMNS));
        for ((name, histogram), panel) in self.panels.iter().zip(&panels) {
            let axis = if self.own_axes { ends(histogram) } else { shared };
            paint_panel(panel, name, histogram, axis)?;
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        self.panels.len().div_ceil(Self::COLUMNS).max(1)
    }
}

fn paint_panel(panel: &Canvas<'_>, name: &str, histogram: &Histogram, axis: (f64, f64)) -> Drawn {
    let style = || ("sans-serif", TEXT).into_font().color(&BLACK);
    let (width, height) = panel.dim_in_pixel();
    let (width, top, bottom) =
        (width as i32 - 10, TEXT as i32 + 6, height as i32 - TEXT as i32 - 8);
    panel.draw(&Text::new(name.to_string(), (5, 1), style()))?;
    let at = |x: f64| 5 + ((x - axis.0) / (axis.1 - axis.0) * f64::from(width)).round() as i32;
    let most = histogram.counts().iter().copied().max().unwrap_or(0).max(1);
    let edges: Vec<f64> = histogram.edges().collect();
    for (bin, &count) in histogram.counts().iter().enumerate().filter(|(_, count)| **count > 0) {
        let share = count as f64 / most as f64;
        let bar = (share * f64::from(bottom - top)).ceil() as i32;
        let (left, right) = (at(edges[bin]), at(edges[bin + 1]));
        let corners = [(left, bottom - bar), (right.max(left + 1), bottom)];
        panel.draw(&Rectangle::new(corners, color(0).filled()))?;
    }
    panel.draw(&PathElement::new([(5, bottom), (5 + width, bottom)], BLACK.mix(0.5)))?;
    let (low, high) = (short(rounded(axis.0)), short(rounded(axis.1)));
    let right = 5 + width - width_of(&high);
    panel.draw(&Text::new(low, (5, bottom + 4), style()))?;
    panel.draw(&Text::new(high, (right, bottom + 4), style()))?;
    Ok(())
}

/// A number of two digits, as an axis that is not meant to be read exactly has it.
fn rounded(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

impl Figure for Histograms {
    fn title(&self) -> &str {
        &self.title
    }

    fn to_svg(&self) -> Result<String, Error> {
        let size = (SIZE.0, 40 + self.rows() as u32 * Self::HEIGHT);
        draw(size, &self.title, &[], |area| self.paint(area))
    }
}
