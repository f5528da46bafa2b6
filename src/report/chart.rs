//! Curves over an axis.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figure::{Canvas, Drawn, Figure, SIZE, TEXT, color, draw, range, short};
use crate::error::Error;
use crate::train::{History, Verdict};

/// Curves in one picture: losses by epoch, a loss by rate.
///
/// ```
/// use gradtape::report::{Chart, Figure};
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
    y_range: Option<(f64, f64)>,
    series: Vec<Series>,
    marks: Vec<(f64, String)>,
    levels: Vec<(f64, String)>,
}

#[derive(Clone, Debug)]
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    /// Lowest and highest value at each place.
    band: Vec<(f64, f64, f64)>,
    connected: bool,
}

impl Chart {
    /// A picture of this title without curves.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// The learning curves of a training, `loss` and `val_loss` by epoch. Where they show that the
    /// model overfits, the epoch from which on it does is marked.
    ///
    /// ```
    /// use gradtape::prelude::*;
    /// use gradtape::report::{Chart, Section};
    ///
    /// # fn main() -> Result<(), gradtape::Error> {
    /// let (train, valid) = datasets::digits8x8()?.take(600).split_at(300)?;
    /// let mut params = Params::new(Seed(42));
    /// let model = Dense::new(64, 10).build(&mut params, "output");
    /// let mut trainer = Trainer::new(&model, Adam::new(1e-2), loss::cross_entropy);
    /// let history = trainer.fit(&mut params, &train).epochs(8).validation(&valid).run()?;
    ///
    /// let section = Section::new("Digits").figure(Chart::learning_curves(&history), "One run.");
    /// # Ok(())
    /// # }
    /// ```
    pub fn learning_curves(history: &History) -> Self {
        let curve = |name: &str| {
            let values = history.get(name).unwrap_or_default();
            values.iter().enumerate().map(|(epoch, &loss)| ((epoch + 1) as f64, loss)).collect()
        };
        let (training, validation): (Vec<_>, Vec<_>) = (curve("loss"), curve("val_loss"));
        let chart = Self::new("Learning curves").x("epoch").y("loss").line("training", training);
        if validation.is_empty() {
            return chart;
        }
        let chart = chart.line("validation", validation);
        match history.diagnose().map(|diagnosis| diagnosis.verdict()) {
            Ok(Verdict::Overfitting { since, .. }) => chart.mark((since + 1) as f64, "overfits"),
            _ => chart,
        }
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

    /// Shows this part of the vertical axis only; curves are cut off where they leave it.
    pub fn y_range(mut self, low: f64, high: f64) -> Self {
        self.y_range = Some((low, high));
        self
    }

    /// A curve through these points; those that are not finite are left out.
    pub fn line(
        self,
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        self.series(name, points.into_iter().collect(), Vec::new(), true)
    }

    /// Points that nothing connects.
    pub fn points(
        self,
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        self.series(name, points.into_iter().collect(), Vec::new(), false)
    }

    /// Several runs' values by epoch, counted from 1: a curve of their means in a band from the
    /// lowest to the highest. It ends with the shortest run.
    ///
    /// ```
    /// use gradtape::report::Chart;
    ///
    /// let losses = [vec![0.9, 0.5, 0.4], vec![1.0, 0.6, 0.3]];
    /// let chart = Chart::new("Loss over two seeds").runs("training", &losses);
    /// ```
    pub fn runs<R: AsRef<[f64]>>(self, name: impl Into<String>, runs: &[R]) -> Self {
        let epochs = runs.iter().map(|run| run.as_ref().len()).min().unwrap_or(0);
        let at = (0..epochs).map(|i| {
            let values = || runs.iter().map(|run| run.as_ref()[i]);
            (i as f64 + 1.0, values().collect::<Vec<_>>())
        });
        self.spread(name, at)
    }

    /// Several values at each place, such as those of several seeds at each rate: a curve of their
    /// means in a band from the lowest to the highest.
    pub fn spread<V: AsRef<[f64]>>(
        self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = (f64, V)>,
    ) -> Self {
        let (mut means, mut band) = (Vec::new(), Vec::new());
        for (x, values) in values {
            let values = values.as_ref();
            means.push((x, values.iter().sum::<f64>() / values.len() as f64));
            let bound = |f: fn(f64, f64) -> f64| values.iter().copied().reduce(f);
            band.extend(bound(f64::min).zip(bound(f64::max)).map(|(low, high)| (x, low, high)));
        }
        self.series(name, means, band, true)
    }

    fn series(
        mut self,
        name: impl Into<String>,
        points: Vec<(f64, f64)>,
        band: Vec<(f64, f64, f64)>,
        connected: bool,
    ) -> Self {
        self.series.push(Series { name: name.into(), points, band, connected });
        self
    }

    /// A vertical line with a text.
    pub fn mark(mut self, x: f64, text: impl Into<String>) -> Self {
        self.marks.push((x, text.into()));
        self
    }

    /// A horizontal line with a text.
    pub fn level(mut self, y: f64, text: impl Into<String>) -> Self {
        self.levels.push((y, text.into()));
        self
    }

    /// A point as it is drawn, if it can be.
    fn place(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let scaled = |log: bool, value: f64| if log { value.log10() } else { value };
        let place = (scaled(self.log_x, x), scaled(self.log_y, y));
        (place.0.is_finite() && place.1.is_finite()).then_some(place)
    }

    /// The ranges of both axes, as they are drawn.
    fn ranges(&self) -> [Range<f64>; 2] {
        let points = || {
            let series = self.series.iter();
            let points = series.flat_map(|series| {
                let band = series.band.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)]);
                series.points.iter().copied().chain(band)
            });
            points.filter_map(|point| self.place(point))
        };
        let inside = |y: f64| self.place((1.0, y)).map(|(_, y)| y);
        let levels = self.levels.iter().filter_map(|(y, _)| inside(*y));
        let fixed = self.y_range.and_then(|(low, high)| Some(inside(low)?..inside(high)?));
        let free = || range(points().map(|(_, y)| y).chain(levels));
        [range(points().map(|(x, _)| x)), fixed.unwrap_or_else(free)]
    }

    fn paint(&self, area: &Canvas<'_>) -> Drawn {
        let [x_range, y_range] = self.ranges();
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(18)
            .x_label_area_size(40)
            .y_label_area_size(58)
            .build_cartesian_2d(Axis::new(self.log_x, &x_range), Axis::new(self.log_y, &y_range))?;
        let label = |log: bool, value: f64| short(if log { 10_f64.powf(value) } else { value });
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.1))
            .label_style(("sans-serif", TEXT))
            .x_desc(&self.x)
            .y_desc(&self.y)
            .x_label_formatter(&|&x| label(self.log_x, x))
            .y_label_formatter(&|&y| label(self.log_y, y))
            .draw()?;
        for (i, series) in self.series.iter().enumerate() {
            self.paint_series(&mut chart, series, color(i), &y_range)?;
        }
        for (x, text) in &self.marks {
            let Some((x, _)) = self.place((*x, 1.0)) else { continue };
            let ends = [(x, y_range.start), (x, y_range.end)];
            chart.draw_series([PathElement::new(ends, BLACK.mix(0.5))])?;
            // Near the right end there is room on the left only.
            let late = x - x_range.start > 0.8 * (x_range.end - x_range.start);
            let side = if late { HPos::Right } else { HPos::Left };
            let style = TextStyle::from(TEXT_STYLE).pos(Pos::new(side, VPos::Top));
            chart.draw_series([Text::new(format!(" {text} "), (x, y_range.end), style)])?;
        }
        for (y, text) in &self.levels {
            let place = self.place((1.0, *y));
            let Some((_, y)) = place.filter(|(_, y)| (y_range.start..=y_range.end).contains(y))
            else {
                continue;
            };
            let ends = [(x_range.start, y), (x_range.end, y)];
            chart.draw_series([PathElement::new(ends, BLACK.mix(0.5))])?;
            chart.draw_series([Text::new(format!(" {text}"), (x_range.start, y), TEXT_STYLE)])?;
        }
        Ok(())
    }

    fn paint_series(
        &self,
        chart: &mut ChartContext<'_, SVGBackend<'_>, Plane>,
        series: &Series,
        color: RGBColor,
        y_range: &Range<f64>,
    ) -> Drawn {
        let (low, high) = (y_range.start, y_range.end);
        let inside = |(_, y): &(f64, f64)| (low..=high).contains(y);
        let edge = |upper: bool| {
            let points =
                series.band.iter().map(|&(x, low, high)| (x, if upper { high } else { low }));
            let points: Vec<_> = points.filter_map(|point| self.place(point)).collect();
            // Between crossings an edge is inside or runs along the border.
            let points = with_crossings(&points, y_range).into_iter();
            points.map(|(x, y)| (x, y.clamp(low, high))).collect::<Vec<_>>()
        };
        let mut outline = edge(true);
        outline.extend(edge(false).into_iter().rev());
        if outline.len() > 2 {
            chart.draw_series([Polygon::new(outline, color.mix(0.18))])?;
        }
        let points: Vec<(f64, f64)> =
            series.points.iter().copied().filter_map(|point| self.place(point)).collect();
        if series.connected {
            let points = with_crossings(&points, y_range);
            let visible = points.split(|point| !inside(point)).filter(|part| !part.is_empty());
            chart.draw_series(
                visible.map(|part| PathElement::new(part.to_vec(), color.stroke_width(2))),
            )?;
        } else {
            let visible = points.into_iter().filter(inside);
            chart.draw_series(visible.map(|point| Circle::new(point, 3, color.filled())))?;
        }
        Ok(())
    }
}

/// The points of a curve, and those at which it enters or leaves a range of heights: no line
/// between two of them crosses the border.
fn with_crossings(points: &[(f64, f64)], range: &Range<f64>) -> Vec<(f64, f64)> {
    let mut all: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let mut borders = [range.start, range.end];
        if y1 < y0 {
            borders.reverse();
        }
        let crossed = borders.into_iter().filter(|border| (y0 - border) * (y1 - border) < 0.0);
        all.extend(crossed.map(|border| (x0 + (border - y0) / (y1 - y0) * (x1 - x0), border)));
        all.push((x1, y1));
    }
    all
}

type Plane = Cartesian2d<Axis, Axis>;

/// A range as it is drawn, logarithms if the axis is logarithmic.
struct Axis {
    range: RangedCoordf64,
    log: bool,
}

impl Axis {
    /// About how many lines and numbers are on it.
    const NUMBERS: usize = 7;

    fn new(log: bool, range: &Range<f64>) -> Self {
        Self { range: range.clone().into(), log }
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn range(&self) -> Range<f64> {
        self.range.range()
    }

    /// Lines and numbers of a logarithmic axis are at powers of ten, and at twice and five times
    /// each if there are few; on a short one, at round numbers.
    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        let range = self.range();
        let decades = range.end - range.start;
        if !self.log {
            return self.range.key_points(Self::NUMBERS);
        }
        // Less than that need not have two of the others in it.
        if decades < 0.7 {
            let numbers = 10_f64.powf(range.start)..10_f64.powf(range.end);
            let round = RangedCoordf64::from(numbers).key_points(Self::NUMBERS);
            return round.into_iter().map(f64::log10).collect();
        }
        let multiples: &[f64] = if decades < 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = (decades / Self::NUMBERS as f64).ceil() as usize;
        let powers = (range.start.floor() as i32..=range.end.floor() as i32).step_by(every);
        let points = powers.flat_map(|power| multiples.iter().map(move |x| (power, x.log10())));
        let points = points.map(|(power, x)| f64::from(power) + x);
        points.filter(|point| range.contains(point)).collect()
    }
}

const TEXT_STYLE: (&str, u32) = ("sans-serif", TEXT);

impl Figure for Chart {
    fn title(&self) -> &str {
        &self.title
    }

    fn to_svg(&self) -> Result<String, Error> {
        let names: Vec<&str> = self.series.iter().map(|series| &series.name[..]).collect();
        draw(SIZE, &self.title, &names, |area| self.paint(area))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers at a logarithmic axis.
    fn numbers(low: f64, high: f64) -> Vec<String> {
        let axis = Axis::new(true, &(low.log10()..high.log10()));
        axis.key_points(0).into_iter().map(|x| short(10_f64.powf(x))).collect()
    }

    /// The heights of all points of lines in a picture, in pixels from its top.
    fn heights(chart: &Chart) -> Vec<Vec<i32>> {
        let svg = chart.to_svg().unwrap();
        let lines = svg.split("<polyline ").skip(1).filter(|line| {
            line.split('>').next().is_some_and(|tag| tag.contains("stroke-width=\"2\""))
        });
        let points = lines.map(|line| line.split("points=\"").nth(1).unwrap().split('"').next());
        let pairs = |points: &str| -> Vec<i32> {
            let pairs = points.split_whitespace().map(|pair| pair.split_once(',').unwrap());
            pairs.map(|(_, y)| y.parse().unwrap()).collect()
        };
        points.map(|points| pairs(points.unwrap())).collect()
    }

    #[test]
    fn a_curve_is_cut_where_it_leaves_the_range() {
        let chart = |ys: &[f64]| {
            let points = ys.iter().enumerate().map(|(x, &y)| (x as f64, y));
            heights(&Chart::new("").y_range(0.0, 1.0).line("a", points))
        };
        let [whole] = &chart(&[0.0, 1.0])[..] else { panic!("one line") };
        let (bottom, top) = (whole[0], whole[1]);
        let middle = (bottom + top) / 2;
        assert_eq!(chart(&[2.0, 3.0, 2.0]), Vec::<Vec<i32>>::new(), "nothing of it is inside");
        assert_eq!(chart(&[-1.0, 2.0]), [[bottom, top]], "through the range in one step");
        let parts = chart(&[0.5, 1.5, 1.5, 0.5, -0.5]);
        assert_eq!(parts.len(), 2, "{parts:?}");
        assert!(parts[0][0].abs_diff(middle) <= 1 && parts[0][1..] == [top]);
        assert!(parts[1][0] == top && parts[1][2] == bottom && parts[1].len() == 3);
    }

    #[test]
    fn the_text_of_a_mark_stands_where_there_is_room() {
        let text = |x: f64| {
            let chart = Chart::new("").line("a", [(0.0, 0.0), (10.0, 1.0)]).mark(x, "here");
            let svg = chart.to_svg().unwrap();
            let before = svg.split("here").next().unwrap();
            let tag = before.rsplit("<text ").next().unwrap();
            if tag.contains("text-anchor=\"end\"") { "left" } else { "right" }
        };
        assert_eq!([0.0, 5.0, 7.0].map(text), ["right"; 3]);
        assert_eq!([9.0, 10.0].map(text), ["left"; 2]);
    }

    #[test]
    fn crossings_are_on_the_way() {
        let found = with_crossings(&[(0.0, 3.0), (4.0, -1.0), (5.0, 0.5)], &(0.0..1.0));
        assert_eq!(
            found,
            [(0.0, 3.0), (2.0, 1.0), (3.0, 0.0), (4.0, -1.0), (14.0 / 3.0, 0.0), (5.0, 0.5)]
        );
        assert!(with_crossings(&[], &(0.0..1.0)).is_empty());
    }

    #[test]
    fn a_logarithmic_axis_has_round_numbers() {
        assert_eq!(numbers(0.9, 300.0), ["1", "2", "5", "10", "20", "50", "100", "200"]);
        assert_eq!(numbers(0.9e-4, 1.1), ["1e-4", "0.001", "0.01", "0.1", "1"]);
        assert_eq!(numbers(0.9e-9, 1.1e5), ["1e-7", "1e-4", "0.1", "100", "1e5"]);
        assert_eq!(numbers(110.0, 380.0), ["150", "200", "250", "300", "350"]);
        assert_eq!(numbers(3.1, 4.9), ["3.5", "4", "4.5"]);
    }
}
