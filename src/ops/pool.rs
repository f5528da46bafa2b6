//! Pooling of images: the largest value or the mean of each window, and what their gradients need.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use self::halving::{Halving, HalvingGradient};
use super::window::{Padding, PerAxis, Windows};
use super::{Array, Content, Operation, Site};
use crate::exec::kernels::tasks::{for_each_chunk, is_spread};
use crate::graph::Var;
use crate::scalar::Scalar;
use crate::shape::Shape;

mod halving;
#[cfg(test)]
mod tests;

/// The settings of pooling: the window, by default as far apart as it is large, without padding.
///
/// A number is a square window: `x.max_pool2d(2)` halves height and width.
///
/// ```
/// use gradtape::prelude::*;
///
/// let params = Params::<f32>::new(Seed(0));
/// let tape = Tape::inference(&params);
/// let x = tape.input(&Tensor::zeros([8, 3, 32, 32]));
/// assert_eq!(x.max_pool2d(2).shape(), [8, 3, 16, 16].into());
/// let overlapping = Pooling::new(3).stride(2).padding(1);
/// assert_eq!(x.avg_pool2d(overlapping).shape(), [8, 3, 16, 16].into());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Pooling {
    window: [usize; 2],
    stride: [usize; 2],
    padding: [[usize; 2]; 2],
    count_padding: bool,
}

impl Pooling {
    /// Windows of this size, one beside the other: `2`, or `[2, 3]` of another height than width.
    pub fn new(window: impl PerAxis<2>) -> Self {
        let window = window.per_axis();
        Self { window, stride: window, padding: [[0; 2]; 2], count_padding: true }
    }

    /// How far apart the windows start.
    pub fn stride(mut self, stride: impl PerAxis<2>) -> Self {
        self.stride = stride.per_axis();
        self
    }

    /// Places around the input: `1` on all sides, `[1, 2]` on both sides of each axis,
    /// `[[0, 1], [2, 2]]` before and after each axis. They never are the largest, and count as 0
    /// or not at all for a mean.
    pub fn padding(mut self, padding: impl Padding<2>) -> Self {
        self.padding = padding.padding();
        self
    }

    /// Whether a mean is over the whole window, its places in the padding counted as 0. By default
    /// it is; otherwise over its places in the input.
    pub fn count_padding(mut self, count: bool) -> Self {
        self.count_padding = count;
        self
    }

    fn windows(&self, axis: usize) -> Windows {
        let (taps, stride) = (self.window[axis], self.stride[axis]);
        Windows { taps, dilation: 1, stride, padding: self.padding[axis] }
    }

    /// The shape of the result.
    fn output(&self, x: &Shape) -> Result<Shape, String> {
        let Self { window, stride, padding, .. } = self;
        let &[images, channels, height, width] = &x[..] else {
            return Err(format!("an input of shape {x} has {} axes and not 4", x.rank()));
        };
        if window.iter().chain(stride).any(|&size| size == 0) {
            return Err(format!("window {window:?} and stride {stride:?} have to be above 0"));
        }
        let mut counts = [0; 2];
        for (axis, size) in [height, width].into_iter().enumerate() {
            let windows = self.windows(axis);
            // Every window then has a place in the input.
            if padding[axis].iter().any(|&places| places >= window[axis]) {
                return Err(format!(
                    "padding {padding:?} has to be below the window {window:?} on each side"
                ));
            }
            counts[axis] = windows.count(size).filter(|_| size > 0).ok_or_else(|| {
                format!(
                    "a window of {window:?} is larger along axis {} than an input of shape {x}, \
                     which has {} places there with its padding",
                    axis + 2,
                    windows.padded(size)
                )
            })?;
        }
        Ok(Shape::from([images, channels, counts[0], counts[1]]))
    }
}

impl From<usize> for Pooling {
    fn from(window: usize) -> Self {
        Self::new(window)
    }
}

impl From<[usize; 2]> for Pooling {
    fn from(window: [usize; 2]) -> Self {
        Self::new(window)
    }
}

/// Pooling or one of the linear maps that it is differentiated with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Pool {
    pub(crate) kind: Kind,
    pub(crate) settings: Pooling,
}

/// What comes out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The largest of each window of `x`.
    Max,
    /// Of `x` and `h` of one shape: `h` where `x` is the largest of its window.
    AtMax,
    /// Of `x` and `g` of the windows: `g` added up where `x` is the largest: the transpose of
    /// `AtMax` in its second input.
    ToMax,
    /// The mean of each window.
    Mean,
    /// Each window's number, divided by what a mean is over, added up at each of its places in an
    /// input of this height and width: the transpose of `Mean`.
    Spread([usize; 2]),
}

/// About how many operations a pooling takes, or its gradient, from so many elements to so many.
pub(super) fn work(x: usize, output: usize) -> usize {
    4 * x.max(output)
}

impl Operation for Pool {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Max => "max_pool2d",
            Kind::AtMax => "max_pool2d_gather",
            Kind::ToMax => "max_pool2d_scatter",
            Kind::Mean => "avg_pool2d",
            Kind::Spread(_) => "avg_pool2d_spread",
        }
    }

    fn forks(&self, inputs: &[&Shape], output: &Shape) -> bool {
        is_spread(work(inputs[0].numel(), output.numel()))
    }

    fn reads(&self) -> Option<&'static [Content]> {
        let count = if let Kind::AtMax | Kind::ToMax = self.kind { 2 } else { 1 };
        Some(&[Content::Numbers; 2][..count])
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let x = inputs[0];
        let fits = |found: &Shape, expected: &Shape| {
            let other = || format!("an input of shape {found} has to be of shape {expected}");
            (found == expected).then_some(()).ok_or_else(other)
        };
        match self.kind {
            Kind::Max | Kind::Mean => self.settings.output(x),
            Kind::AtMax => {
                fits(inputs[1], x)?;
                self.settings.output(x)
            }
            Kind::ToMax => {
                fits(inputs[1], &self.settings.output(x)?)?;
                Ok(x.clone())
            }
            Kind::Spread([height, width]) => {
                let &[images, channels, ..] = &x[..] else {
                    return Err(format!("an input of shape {x} has {} axes and not 4", x.rank()));
                };
                let spread = Shape::from([images, channels, height, width]);
                fits(x, &self.settings.output(&spread)?)?;
                Ok(spread)
            }
        }
    }

    fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let (g, x) = (site.g, site.inputs[0]);
        let record = |kind: Kind, inputs: &[Var<'t>]| {
            let ids: [_; 2] = [inputs[0].id(), inputs[inputs.len() - 1].id()];
            Some(g.graph().record(Pool { kind, ..*self }, &ids[..inputs.len()]))
        };
        match (self.kind, input) {
            (Kind::Max, _) | (Kind::AtMax, 1) => record(Kind::ToMax, &[x, g]),
            (Kind::ToMax, 1) => record(Kind::AtMax, &[x, g]),
            // Where the largest is does not change under small changes.
            (Kind::AtMax | Kind::ToMax, _) => None,
            (Kind::Mean, _) => record(Kind::Spread([x.shape()[2], x.shape()[3]]), &[g]),
            (Kind::Spread(_), _) => record(Kind::Mean, &[g]),
        }
    }

    fn sides<'t>(&self, inputs: &[Var<'t>], _y: Var<'t>) -> Option<Var<'t>> {
        if let Kind::Mean | Kind::Spread(_) = self.kind {
            return None;
        }
        // Of how many windows each place has the largest.
        let (x, graph) = (inputs[0], inputs[0].graph());
        let ones = graph.scalar(1.0).broadcast_to(self.settings.output(&x.shape()).ok()?);
        Some(graph.record(Pool { kind: Kind::ToMax, ..*self }, &[x.id(), ones.id()]))
    }

    #[cfg(test)]
    fn rule(&self, input: usize) -> &'static str {
        match (self.kind, input) {
            (Kind::Max, _) | (Kind::AtMax, 1) => "`max_pool2d_scatter(x, g)`",
            (Kind::ToMax, 1) => "`max_pool2d_gather(x, g)`",
            (Kind::AtMax | Kind::ToMax, _) => "none",
            (Kind::Mean, _) => "`avg_pool2d_spread(g)`",
            (Kind::Spread(_), _) => "`avg_pool2d(g)`",
        }
    }

    #[cfg(test)]
    fn kink(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Max | Kind::AtMax | Kind::ToMax => Some("which is the largest of a window"),
            Kind::Mean | Kind::Spread(_) => None,
        }
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let (x, sizes) = (inputs[0].numbers(), inputs[0].shape);
        let spread = matches!(self.kind, Kind::Spread(_));
        let full = if spread { shape } else { sizes };
        let planes = Planes {
            windows: [self.settings.windows(0), self.settings.windows(1)],
            sizes: [full[2], full[3]],
            count_padding: self.settings.count_padding,
        };
        let (plane, pooled) = (planes.sizes.iter().product(), planes.counts().iter().product());
        let work = work(x.len(), out.len());
        match self.kind {
            Kind::Max if planes.halves() => T::with_widest(Halving { sizes: planes.sizes, x, out }),
            Kind::ToMax if planes.halves() => {
                let g = inputs[1].numbers();
                T::with_widest(HalvingGradient { sizes: planes.sizes, x, g, out });
            }
            Kind::Max => for_each_chunk(out, pooled, work, |i, out| {
                let x = nth(x, i, plane);
                planes.each_largest(x, |window, at| out[window] = x[at]);
            }),
            Kind::AtMax => for_each_chunk(out, pooled, work, |i, out| {
                let h = nth(inputs[1].numbers(), i, plane);
                planes.each_largest(nth(x, i, plane), |window, at| out[window] = h[at]);
            }),
            Kind::ToMax => for_each_chunk(out, plane, work, |i, out| {
                let g = nth(inputs[1].numbers(), i, pooled);
                out.fill(T::ZERO);
                planes.each_largest(nth(x, i, plane), |window, at| out[at] += g[window]);
            }),
            Kind::Mean => for_each_chunk(out, pooled, work, |i, out| {
                let x = nth(x, i, plane);
                planes.each_window(|window, rows, columns| {
                    let mut sum = T::ZERO;
                    for y in rows.clone() {
                        for &x in &x[y * planes.sizes[1]..][columns.clone()] {
                            sum += x;
                        }
                    }
                    out[window] = sum / planes.divisor(rows.len() * columns.len());
                });
            }),
            Kind::Spread(_) => for_each_chunk(out, plane, work, |i, out| {
                let g = nth(x, i, pooled);
                out.fill(T::ZERO);
                planes.each_window(|window, rows, columns| {
                    let share = g[window] / planes.divisor(rows.len() * columns.len());
                    for y in rows {
                        for out in &mut out[y * planes.sizes[1]..][columns.clone()] {
                            *out += share;
                        }
                    }
                });
            }),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        let Pooling { window, stride, padding, count_padding } = self.settings;
        write!(f, "{}(", self.name())?;
        for input in inputs {
            write!(f, "{input}, ")?;
        }
        write!(f, "window={window:?}")?;
        if stride != window {
            write!(f, ", stride={stride:?}")?;
        }
        if padding != [[0; 2]; 2] {
            write!(f, ", padding={padding:?}")?;
        }
        if let Kind::Mean | Kind::Spread(_) = self.kind
            && !count_padding
        {
            write!(f, ", count_padding=false")?;
        }
        write!(f, ")")
    }
}

/// One of the planes that lie one behind the other.
pub(super) fn nth<T>(planes: &[T], i: usize, size: usize) -> &[T] {
    &planes[i * size..][..size]
}

/// How windows lie on each plane of images.
struct Planes {
    windows: [Windows; 2],
    /// Height and width of a plane.
    sizes: [usize; 2],
    count_padding: bool,
}

impl Planes {
    /// The windows along each axis.
    fn counts(&self) -> [usize; 2] {
        std::array::from_fn(|axis| self.windows[axis].count(self.sizes[axis]).unwrap_or(0))
    }

    /// Whether windows are of 2 by 2 places, one beside the other.
    fn halves(&self) -> bool {
        self.windows.iter().all(|w| w.taps == 2 && w.stride == 2 && w.padding == [0; 2])
    }

    /// What the sum of a window is divided by for its mean.
    #[inline]
    fn divisor<T: Scalar>(&self, inside: usize) -> T {
        let whole = self.windows[0].taps as f64 * self.windows[1].taps as f64;
        T::from_f64(if self.count_padding { whole } else { inside as f64 })
    }

    /// Calls with each window and the rows and columns of the plane that it covers.
    #[inline(always)]
    fn each_window(&self, mut visit: impl FnMut(usize, Range<usize>, Range<usize>)) {
        let range = |axis: usize, window: usize| {
            let Windows { taps, stride, padding: [before, _], .. } = self.windows[axis];
            let start = window * stride;
            let end = (start + taps).saturating_sub(before).min(self.sizes[axis]);
            start.saturating_sub(before)..end
        };
        let [high, wide] = self.counts();
        for row in 0..high {
            let rows = range(0, row);
            for column in 0..wide {
                visit(row * wide + column, rows.clone(), range(1, column));
            }
        }
    }

    /// Calls with each window and the place of its largest number: the first one row by row, NaN
    /// before any number.
    #[inline(always)]
    fn each_largest<T: Scalar>(&self, x: &[T], mut visit: impl FnMut(usize, usize)) {
        let width = self.sizes[1];
        self.each_window(|window, rows, columns| {
            visit(window, largest(x, width, rows, columns));
        });
    }
}

/// The place of the largest number in a part of a plane of this width: the first one row by row,
/// NaN before any number.
#[inline(always)]
pub(super) fn largest<T: Scalar>(
    x: &[T],
    width: usize,
    rows: Range<usize>,
    columns: Range<usize>,
) -> usize {
    let mut best = rows.start * width + columns.start;
    let mut largest = x[best];
    for y in rows {
        let start = y * width + columns.start;
        for (i, &x) in x[start..start + columns.len()].iter().enumerate() {
            if x > largest || (x.is_nan() && !largest.is_nan()) {
                (best, largest) = (start + i, x);
            }
        }
    }
    best
}

impl<'t> Var<'t> {
    /// The largest value of each window of images `[images, channels, height, width]`; of several,
    /// the first one row by row has the gradient. Windows that would pass the end are left out.
    #[track_caller]
    pub fn max_pool2d(self, settings: impl Into<Pooling>) -> Var<'t> {
        let pool = Pool { kind: Kind::Max, settings: settings.into() };
        self.graph().record(pool, &[self.id()])
    }

    /// The mean of each window of images `[images, channels, height, width]`. Windows that would
    /// pass the end are left out.
    #[track_caller]
    pub fn avg_pool2d(self, settings: impl Into<Pooling>) -> Var<'t> {
        let pool = Pool { kind: Kind::Mean, settings: settings.into() };
        self.graph().record(pool, &[self.id()])
    }

    /// The mean of each channel of images: from `[images, channels, height, width]` to
    /// `[images, channels]`.
    #[track_caller]
    pub fn global_avg_pool2d(self) -> Var<'t> {
        let shape = self.shape();
        let rank = shape.rank();
        assert!(
            rank == 4,
            "global_avg_pool2d: an input of shape {shape} has {rank} axes and not 4"
        );
        self.mean([2, 3])
    }
}
