//! Fractional max-pooling: the largest of regions of images that are cut at random, so that height
//! and width shrink by a ratio which is no whole number.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::pool::{largest, nth, work};
use super::random::random_bits;
use super::{Array, Content, Operation, Site};
use crate::exec::kernels::tasks::{for_each_chunk, is_spread};
use crate::graph::Var;
use crate::ops::window::PerAxis;
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::shape::Shape;

/// The settings of fractional max-pooling: by what ratio height and width shrink, and how the
/// regions are cut.
///
/// Along each axis, regions start at places `a₀ = 0 < a₁ < … < aₙ = size`, whose steps differ by at
/// most 1:
///
/// - [`random`](Self::random): a random order of short and long steps, each order as likely as
///   any other;
/// - [`pseudo_random`](Self::pseudo_random): the steps of `⌈α (i + u)⌉` with the ratio `α` and a
///   random `u` in `0..1`, which are spread evenly.
///
/// Region `i` is `aᵢ .. aᵢ₊₁`; if they overlap, the place `aᵢ₊₁` belongs to it as well, where there
/// is one. In the paper's sequences, which end at the last place and not behind it, disjoint regions
/// leave out the last row and column; here they do not.
///
/// ```
/// use gradtape::prelude::*;
///
/// let params = Params::<f32>::new(Seed(0));
/// let tape = Tape::training(&params, Seed(1));
/// let x = tape.input(&Tensor::zeros([8, 3, 32, 32]));
/// let settings = FractionalPooling::random(2_f64.sqrt()).overlapping();
/// assert_eq!(x.fractional_max_pool2d(settings).shape(), [8, 3, 22, 22].into());
/// let to_size = FractionalPooling::pseudo_random(1.5).output_size([24, 20]);
/// assert_eq!(x.fractional_max_pool2d(to_size).shape(), [8, 3, 24, 20].into());
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FractionalPooling {
    target: Target,
    pseudo: bool,
    overlapping: bool,
}

/// How large the result is.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Target {
    Ratio(f64),
    Size([usize; 2]),
}

impl FractionalPooling {
    /// Regions cut at random, for a result smaller by this ratio, rounded down.
    ///
    /// # Panics
    ///
    /// If the ratio is not finite and at least 1.
    #[track_caller]
    pub fn random(ratio: f64) -> Self {
        assert!(
            ratio >= 1.0 && ratio.is_finite(),
            "FractionalPooling: the ratio has to be finite and at least 1, got {ratio}"
        );
        Self { target: Target::Ratio(ratio), pseudo: false, overlapping: false }
    }

    /// Regions cut at random but spread evenly, for a result smaller by this ratio, rounded down.
    ///
    /// # Panics
    ///
    /// If the ratio is not finite and at least 1.
    #[track_caller]
    pub fn pseudo_random(ratio: f64) -> Self {
        Self { pseudo: true, ..Self::random(ratio) }
    }

    /// A result of this height and width, whatever the ratio is then.
    pub fn output_size(mut self, size: impl PerAxis<2>) -> Self {
        self.target = Target::Size(size.per_axis());
        self
    }

    /// Each region reaches one place into the next, which the paper found to work better.
    pub fn overlapping(mut self) -> Self {
        self.overlapping = true;
        self
    }

    /// The height and width of the result.
    fn output(&self, input: [usize; 2]) -> [usize; 2] {
        match self.target {
            Target::Ratio(ratio) => input.map(|size| (size as f64 / ratio) as usize),
            Target::Size(size) => size,
        }
    }
}

/// Fractional max-pooling or one of the linear maps that it is differentiated with. The last input
/// is the run's seed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct FractionalPool {
    kind: Kind,
    /// Height and width of the result.
    pooled: [usize; 2],
    pseudo: bool,
    overlapping: bool,
    /// Which of the graph's random operations this is.
    pub(crate) stream: u32,
}

/// What comes out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// The largest of each region of `x`.
    Max,
    /// Of `x` and `h` of one shape: `h` where `x` is the largest of its region.
    AtMax,
    /// Of `x` and `g` of the regions: `g` added up where `x` is the largest: the transpose of
    /// `AtMax` in its second input.
    ToMax,
}

impl Operation for FractionalPool {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Max => "fractional_max_pool2d",
            Kind::AtMax => "fractional_max_pool2d_gather",
            Kind::ToMax => "fractional_max_pool2d_scatter",
        }
    }

    fn forks(&self, inputs: &[&Shape], output: &Shape) -> bool {
        is_spread(work(inputs[0].numel(), output.numel()))
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let (x, pooled) = (inputs[0], self.pooled);
        let &[images, channels, height, width] = &x[..] else {
            return Err(format!("an input of shape {x} has {} axes and not 4", x.rank()));
        };
        if std::iter::zip(pooled, [height, width]).any(|(to, from)| to == 0 || to > from) {
            return Err(format!(
                "an input of shape {x} cannot be pooled to height and width {pooled:?}"
            ));
        }
        let output = Shape::from([images, channels, pooled[0], pooled[1]]);
        let (result, other) = match self.kind {
            Kind::Max => return Ok(output),
            Kind::AtMax => (output, x.clone()),
            Kind::ToMax => (x.clone(), output),
        };
        match *inputs[1] == other {
            true => Ok(result),
            false => Err(format!("an input of shape {} has to be of shape {other}", inputs[1])),
        }
    }

    fn reads(&self) -> Option<&'static [Content]> {
        Some(match self.kind {
            Kind::Max => &[Content::Numbers, Content::Seed],
            Kind::AtMax | Kind::ToMax => &[Content::Numbers, Content::Numbers, Content::Seed],
        })
    }

    fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let (g, x, seed) = (site.g, site.inputs[0], site.inputs[site.inputs.len() - 1]);
        let kind = match (self.kind, input) {
            (Kind::Max, 0) | (Kind::AtMax, 1) => Kind::ToMax,
            (Kind::ToMax, 1) => Kind::AtMax,
            // Where the largest is does not change under small changes.
            _ => return None,
        };
        let op = FractionalPool { kind, ..*self };
        Some(g.graph().record(op, &[x.id(), g.id(), seed.id()]))
    }

    fn sides<'t>(&self, inputs: &[Var<'t>], y: Var<'t>) -> Option<Var<'t>> {
        // Of how many regions each place has the largest.
        let (x, seed) = (inputs[0], inputs[inputs.len() - 1]);
        let (shape, graph) = (x.shape(), y.graph());
        let pooled = [shape[0], shape[1], self.pooled[0], self.pooled[1]];
        let ones = graph.scalar(1.0).broadcast_to(pooled);
        let count = FractionalPool { kind: Kind::ToMax, ..*self };
        Some(graph.record(count, &[x.id(), ones.id(), seed.id()]))
    }

    #[cfg(test)]
    fn kink(&self) -> Option<&'static str> {
        Some("which is the largest of a region")
    }

    #[cfg(test)]
    fn rule(&self, input: usize) -> &'static str {
        match (self.kind, input) {
            (Kind::Max, 0) | (Kind::AtMax, 1) => "`fractional_max_pool2d_scatter(x, g, seed)`",
            (Kind::ToMax, 1) => "`fractional_max_pool2d_gather(x, g, seed)`",
            _ => "none",
        }
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], _shape: &Shape, out: &mut [T]) {
        let (x, shape) = (inputs[0].numbers(), inputs[0].shape);
        let (channels, sizes) = (shape[1], [shape[2], shape[3]]);
        let seed = inputs[inputs.len() - 1].seed().derive(u64::from(self.stream));
        let [plane, pooled] = [sizes, self.pooled].map(|sizes| sizes.iter().product::<usize>());
        let work = work(x.len(), out.len());
        let regions = |i: usize| self.regions(sizes, seed.derive((i / channels) as u64));
        let second = || inputs[1].numbers();
        match self.kind {
            Kind::Max => for_each_chunk(out, pooled, work, |i, out| {
                let x = nth(x, i, plane);
                regions(i).each_largest(x, |region, at| out[region] = x[at]);
            }),
            Kind::AtMax => for_each_chunk(out, pooled, work, |i, out| {
                let h = nth(second(), i, plane);
                let x = nth(x, i, plane);
                regions(i).each_largest(x, |region, at| out[region] = h[at]);
            }),
            Kind::ToMax => for_each_chunk(out, plane, work, |i, out| {
                let g = nth(second(), i, pooled);
                out.fill(T::ZERO);
                regions(i).each_largest(nth(x, i, plane), |region, at| {
                    out[at] += g[region];
                });
            }),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        write!(f, "{}(", self.name())?;
        for input in inputs {
            write!(f, "{input}, ")?;
        }
        write!(f, "size={:?}", self.pooled)?;
        if self.pseudo {
            write!(f, ", pseudo_random=true")?;
        }
        if self.overlapping {
            write!(f, ", overlapping=true")?;
        }
        write!(f, ")")
    }
}

impl FractionalPool {
    /// How one image is cut; all its channels alike.
    fn regions(&self, sizes: [usize; 2], seed: Seed) -> Regions {
        let axis = |axis: usize| Cuts {
            size: sizes[axis],
            count: self.pooled[axis],
            pseudo: self.pseudo,
            key: seed.derive(axis as u64).0,
        };
        Regions { rows: axis(0), columns: axis(1), overlapping: self.overlapping }
    }
}

/// How an axis is cut into regions.
#[derive(Clone, Copy)]
struct Cuts {
    size: usize,
    count: usize,
    pseudo: bool,
    key: u64,
}

impl Cuts {
    /// Where regions start and end, in order. They are drawn anew each time instead of being
    /// stored.
    #[inline]
    fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        let Self { size, count, pseudo, key } = self;
        let (low, high) = (key as u32, (key >> 32) as u32);
        let short = size / count;
        let mut long_left = size % count;
        // `⌈size / count · (i + u)⌉`, exactly, with a `u` of 16 bits.
        let u = random_bits(0, low, high) >> 16;
        let even = move |i: usize| {
            let exact = size as u64 * ((i as u64) << 16 | u64::from(u));
            exact.div_ceil((count as u64) << 16) as usize
        };
        let origin = even(0);
        let mut start = 0;
        (0..count).map(move |i| {
            let end = if pseudo {
                even(i + 1) - origin
            } else {
                // As many of the steps that are left are long as have to be.
                let drawn = u64::from(random_bits(i as u32, low, high));
                let long = drawn * ((count - i) as u64) < (long_left as u64) << 32;
                long_left -= usize::from(long);
                start + short + usize::from(long)
            };
            let range = start..end;
            start = end;
            range
        })
    }
}

/// How an image is cut.
struct Regions {
    rows: Cuts,
    columns: Cuts,
    overlapping: bool,
}

impl Regions {
    /// Calls with each region and the place of its largest number: the first one row by row, NaN
    /// before any number.
    #[inline(always)]
    fn each_largest<T: Scalar>(&self, x: &[T], mut visit: impl FnMut(usize, usize)) {
        let further = usize::from(self.overlapping);
        let width = self.columns.size;
        for (row, rows) in self.rows.ranges().enumerate() {
            let rows = rows.start..(rows.end + further).min(self.rows.size);
            for (column, columns) in self.columns.ranges().enumerate() {
                let columns = columns.start..(columns.end + further).min(width);
                visit(row * self.columns.count + column, largest(x, width, rows.clone(), columns));
            }
        }
    }
}

impl<'t> Var<'t> {
    /// Fractional max-pooling of images `[images, channels, height, width]`: the largest of each of
    /// regions that are cut at random, for each image anew (B. Graham, 2014); of several, the first
    /// one row by row has the gradient.
    ///
    /// The regions depend on the tape's seed, and on which of the tape's random operations this is,
    /// in inference as well, where the seed is 0: there is no single network without noise. For the
    /// mean over several cuts see [`noise::marginalize`](crate::noise::marginalize).
    #[track_caller]
    pub fn fractional_max_pool2d(self, settings: FractionalPooling) -> Var<'t> {
        let shape = self.shape();
        let (rank, graph) = (shape.rank(), self.graph());
        assert!(
            rank == 4,
            "fractional_max_pool2d: an input of shape {shape} has {rank} axes and not 4"
        );
        let pooled = settings.output([shape[2], shape[3]]);
        let (stream, seed) = graph.random_stream();
        let FractionalPooling { pseudo, overlapping, .. } = settings;
        let pool = FractionalPool { kind: Kind::Max, pooled, pseudo, overlapping, stream };
        graph.record(pool, &[self.id(), seed.id()])
    }
}

#[cfg(test)]
mod tests;
