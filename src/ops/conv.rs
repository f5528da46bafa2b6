//! Convolutions: the cross-correlation of images with filters, and its two transposes.

use std::fmt;

use serde::{Deserialize, Serialize};

use self::kernel::Geometry;
use super::window::{Padding, PerAxis, Windows};
use super::{Array, Content, Operation, Site};
use crate::exec::kernels::tasks::is_spread;
use crate::graph::{Operand, Var};
use crate::scalar::Scalar;
use crate::shape::Shape;

mod direct;
mod kernel;
#[cfg(test)]
mod tests;

/// The settings of a convolution over `D` spatial axes: by default stride 1, no padding, dilation
/// 1 and one group.
///
/// ```
/// use gradtape::prelude::*;
///
/// let params = Params::<f32>::new(Seed(0));
/// let tape = Tape::inference(&params);
/// let (images, filters) = (Tensor::zeros([8, 3, 32, 32]), Tensor::zeros([16, 3, 5, 5]));
/// let (x, w) = (tape.input(&images), tape.input(&filters));
/// assert_eq!(x.conv2d(w, Convolution::new()).shape(), [8, 16, 28, 28].into());
/// let halved = Convolution::new().stride(2).padding(2);
/// assert_eq!(x.conv2d(w, halved).shape(), [8, 16, 16, 16].into());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Convolution<const D: usize> {
    pub(crate) stride: [usize; D],
    padding: [[usize; 2]; D],
    dilation: [usize; D],
    pub(crate) groups: usize,
}

impl<const D: usize> Default for Convolution<D> {
    fn default() -> Self {
        Self { stride: [1; D], padding: [[0; 2]; D], dilation: [1; D], groups: 1 }
    }
}

impl<const D: usize> Convolution<D> {
    /// The settings by default.
    pub fn new() -> Self {
        Self::default()
    }

    /// How far the filter moves from one output to the next: `2`, or `[2, 1]`, one an axis.
    pub fn stride(mut self, stride: impl PerAxis<D>) -> Self {
        self.stride = stride.per_axis();
        self
    }

    /// Places of value 0 around the input: `1` on all sides, `[1, 2]` on both sides of each axis,
    /// `[[0, 1], [2, 2]]` before and after each axis.
    pub fn padding(mut self, padding: impl Padding<D>) -> Self {
        self.padding = padding.padding();
        self
    }

    /// How far apart in the input the elements of the filter lie.
    pub fn dilation(mut self, dilation: impl PerAxis<D>) -> Self {
        self.dilation = dilation.per_axis();
        self
    }

    /// Cuts the channels into groups, convolved each with filters of its own.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// How the filter's places lie along a spatial axis.
    fn windows(&self, axis: usize, taps: usize) -> Windows {
        let Self { stride, padding, dilation, .. } = self;
        Windows { taps, dilation: dilation[axis], stride: stride[axis], padding: padding[axis] }
    }

    /// Whether the settings make sense for a filter, and so the number of outputs of a group.
    fn check(&self, w: &Shape) -> Result<usize, String> {
        if w.rank() != D + 2 {
            return Err(format!("a filter of shape {w} has {} axes and not {}", w.rank(), D + 2));
        }
        let settings = self.stride.iter().chain(&self.dilation).chain([&self.groups]);
        if settings.min() == Some(&0) {
            let Self { stride, dilation, groups, .. } = self;
            return Err(format!(
                "stride {stride:?}, dilation {dilation:?} and groups {groups} have to be above 0"
            ));
        }
        if let Some(axis) = (2..w.rank()).find(|&axis| w[axis] == 0) {
            return Err(format!("a filter of shape {w} has no elements along axis {axis}"));
        }
        if !w[0].is_multiple_of(self.groups) {
            let (filters, groups) = (w[0], self.groups);
            return Err(format!(
                "the {filters} filters of shape {w} do not divide into {groups} groups"
            ));
        }
        Ok(w[0] / self.groups)
    }

    /// The shape of the convolution of `x` with `w`.
    fn output(&self, x: &Shape, w: &Shape) -> Result<Shape, String> {
        self.check(w)?;
        if x.rank() != D + 2 {
            return Err(format!("an input of shape {x} has {} axes and not {}", x.rank(), D + 2));
        }
        let (channels, taken) = (x[1], w[1].saturating_mul(self.groups));
        if channels != taken {
            return Err(format!(
                "an input of shape {x} has {channels} channels, but a filter of shape {w} in {} \
                 groups takes {taken}",
                self.groups
            ));
        }
        let mut shape: Shape = [x[0], w[0]].into_iter().collect();
        for axis in 0..D {
            let (size, windows) = (x[axis + 2], self.windows(axis, w[axis + 2]));
            let Some(count) = windows.count(size) else {
                return Err(format!(
                    "a filter of shape {w} spans {} places along axis {}, but an input of shape \
                     {x} has {} there with its padding",
                    windows.span(),
                    axis + 2,
                    windows.padded(size)
                ));
            };
            shape = shape.iter().copied().chain([count]).collect();
        }
        Ok(shape)
    }

    /// The spatial sizes of the smallest input that gives an output of shape `y`.
    fn least_input(&self, y: &Shape, w: &Shape) -> Result<[usize; D], String> {
        self.check(w)?;
        if y.rank() != D + 2 {
            return Err(format!("an input of shape {y} has {} axes and not {}", y.rank(), D + 2));
        }
        let mut sizes = [0; D];
        for (axis, size) in sizes.iter_mut().enumerate() {
            let windows = self.windows(axis, w[axis + 2]);
            *size = windows.least_size(y[axis + 2]).ok_or_else(|| {
                format!(
                    "nothing is left of an input of shape {y} along axis {} without the padding \
                     {:?}",
                    axis + 2,
                    windows.padding
                )
            })?;
        }
        Ok(sizes)
    }
}

impl Convolution<2> {
    fn geometry(&self, x: &Shape, w: &Shape, y: &Shape) -> Geometry {
        Geometry {
            images: x[0],
            groups: self.groups,
            channels: w[1],
            filters: w[0] / self.groups,
            input: [x[2], x[3]],
            output: [y[2], y[3]],
            windows: [self.windows(0, w[2]), self.windows(1, w[3])],
        }
    }
}

impl Convolution<1> {
    /// The same over images of height 1.
    fn flat(&self) -> Convolution<2> {
        Convolution {
            stride: [1, self.stride[0]],
            padding: [[0, 0], self.padding[0]],
            dilation: [1, self.dilation[0]],
            groups: self.groups,
        }
    }
}

/// The settings of a two-dimensional convolution, as they are saved.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Convolution::<2>")]
struct Settings {
    stride: [usize; 2],
    padding: [[usize; 2]; 2],
    dilation: [usize; 2],
    groups: usize,
}

/// One of the three bilinear maps that a convolution is differentiated with. Between images `x`,
/// filters `w` and outputs `y` all three are read off one sum, `Σ x w y` over all places that
/// meet: the gradient of each consists of the other two.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Conv {
    pub(crate) wanted: Wanted,
    #[serde(with = "Settings")]
    pub(crate) settings: Convolution<2>,
}

/// Which of the three comes out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    /// `y` of `x` and `w`: the convolution.
    Output,
    /// `x` of this height and width of `y` and `w`: the transposed convolution.
    Input([usize; 2]),
    /// `w` of this height and width of `x` and `y`.
    Filter([usize; 2]),
}

impl Conv {
    fn geometry(&self, [a, b]: [&Shape; 2], output: &Shape) -> Geometry {
        let (x, w, y) = match self.wanted {
            Wanted::Output => (a, b, output),
            Wanted::Input(_) => (output, b, a),
            Wanted::Filter(_) => (a, output, b),
        };
        self.settings.geometry(x, w, y)
    }
}

impl Operation for Conv {
    fn name(&self) -> &'static str {
        match self.wanted {
            Wanted::Output => "conv2d",
            Wanted::Input(_) => "conv_transpose2d",
            Wanted::Filter(_) => "conv2d_filter",
        }
    }

    fn forks(&self, inputs: &[&Shape], output: &Shape) -> bool {
        is_spread(self.geometry([inputs[0], inputs[1]], output).work())
    }

    fn reads(&self) -> Option<&'static [Content]> {
        Some(&[Content::Numbers; 2])
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let (a, b, settings) = (inputs[0], inputs[1], &self.settings);
        match self.wanted {
            Wanted::Output => settings.output(a, b),
            Wanted::Input([height, width]) => {
                let (y, w) = (a, b);
                settings.check(w)?;
                if y.rank() != 4 {
                    return Err(format!("an input of shape {y} has {} axes and not 4", y.rank()));
                }
                let channels = w[1].saturating_mul(settings.groups);
                let x = Shape::from([y[0], channels, height, width]);
                let expected = settings.output(&x, w)?;
                if y[1] != w[0] {
                    let (channels, filters) = (y[1], w[0]);
                    return Err(format!(
                        "an input of shape {y} has {channels} channels, but a filter of shape \
                         {w} takes {filters}"
                    ));
                }
                if *y != expected {
                    return Err(format!(
                        "an input of shape {y} does not lead to one of shape {x} with a filter \
                         of shape {w}: that needs an input of shape {expected}"
                    ));
                }
                Ok(x)
            }
            Wanted::Filter([height, width]) => {
                let (x, y) = (a, b);
                let (&[_, channels, ..], &[_, filters, ..]) = (&x[..], &y[..]) else {
                    return Err(format!("shapes {x} and {y} are not both images"));
                };
                // Without groups, the check of the settings says so.
                let channels = channels / settings.groups.max(1);
                let w = Shape::from([filters, channels, height, width]);
                let expected = settings.output(x, &w)?;
                if *y != expected {
                    return Err(format!(
                        "a filter of shape {w} leads from {x} to {expected} and not to {y}"
                    ));
                }
                Ok(w)
            }
        }
    }

    fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let [a, b] = [site.inputs[0], site.inputs[1]];
        let record = |wanted: Wanted, a: Var<'t>, b: Var<'t>| {
            a.graph().record(Conv { wanted, ..*self }, &[a.id(), b.id()])
        };
        let spatial = |of: Var<'t>| [of.shape()[2], of.shape()[3]];
        let (g, output) = (site.g, Wanted::Output);
        Some(match (self.wanted, input) {
            // x, w to y
            (Wanted::Output, 0) => record(Wanted::Input(spatial(a)), g, b),
            (Wanted::Output, _) => record(Wanted::Filter(spatial(b)), a, g),
            // y, w to x
            (Wanted::Input(_), 0) => record(output, g, b),
            (Wanted::Input(_), _) => record(Wanted::Filter(spatial(b)), g, a),
            // x, y to w
            (Wanted::Filter(_), 0) => record(Wanted::Input(spatial(a)), b, g),
            (Wanted::Filter(_), _) => record(output, a, g),
        })
    }

    #[cfg(test)]
    fn rule(&self, input: usize) -> &'static str {
        match (self.wanted, input) {
            (Wanted::Output, 0) => "`conv_transpose2d(g, w)`",
            (Wanted::Output, _) => "`conv2d_filter(x, g)`",
            (Wanted::Input(_), 0) => "`conv2d(g, w)`",
            (Wanted::Input(_), _) => "`conv2d_filter(g, y)`",
            (Wanted::Filter(_), 0) => "`conv_transpose2d(y, g)`",
            (Wanted::Filter(_), _) => "`conv2d(x, g)`",
        }
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let [a, b] = [&inputs[0], &inputs[1]];
        let geometry = self.geometry([a.shape, b.shape], shape);
        match self.wanted {
            Wanted::Output => geometry.output(a.numbers(), b.numbers(), out),
            Wanted::Input(_) => geometry.input(a.numbers(), b.numbers(), out),
            Wanted::Filter(_) => geometry.filter(a.numbers(), b.numbers(), out),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        let Convolution { stride, padding, dilation, groups } = &self.settings;
        write!(f, "{}({}, {}", self.name(), inputs[0], inputs[1])?;
        if let Wanted::Input(size) | Wanted::Filter(size) = self.wanted {
            write!(f, ", size={size:?}")?;
        }
        let plain = Convolution::<2>::new();
        if *stride != plain.stride {
            write!(f, ", stride={stride:?}")?;
        }
        if *padding != plain.padding {
            write!(f, ", padding={padding:?}")?;
        }
        if *dilation != plain.dilation {
            write!(f, ", dilation={dilation:?}")?;
        }
        if *groups != 1 {
            write!(f, ", groups={groups}")?;
        }
        write!(f, ")")
    }
}

/// What may not be asked, said in the words of the method that was called.
#[cold]
#[track_caller]
fn reject(op: &str, reason: &str, inputs: [Var<'_>; 2]) -> ! {
    panic!("{op}: {reason}\n  inputs: {:?}, {:?}", inputs[0], inputs[1])
}

impl<'t> Var<'t> {
    /// The convolution of images `[images, channels, height, width]` with a filter of shape
    /// `[filters, channels / groups, height, width]`: `y = Σ x w` over all places that the filter
    /// covers, for each filter and each place of it. The filter is not flipped. A bias of shape
    /// `[filters, 1, 1]` can be added to the result.
    #[track_caller]
    pub fn conv2d(self, filter: Var<'t>, settings: Convolution<2>) -> Var<'t> {
        let filter = filter.operand(self.graph());
        self.graph().record(Conv { wanted: Wanted::Output, settings }, &[self.id(), filter.id()])
    }

    /// The convolution of sequences `[sequences, channels, length]` with a filter of shape
    /// `[filters, channels / groups, length]`; see [`conv2d`](Self::conv2d). A bias of shape
    /// `[filters, 1]` can be added to the result.
    #[track_caller]
    pub fn conv1d(self, filter: Var<'t>, settings: Convolution<1>) -> Var<'t> {
        let filter = filter.operand(self.graph());
        match settings.output(&self.shape(), &filter.shape()) {
            Ok(shape) => self.tall().conv2d(filter.tall(), settings.flat()).reshape(shape),
            Err(reason) => reject("conv1d", &reason, [self, filter]),
        }
    }

    /// The transposed convolution: from a value of the shape of a convolution's output to the
    /// smallest input that the convolution takes there, of size `(size - 1) · stride + span -
    /// padding` along each axis. It is the gradient of [`conv2d`](Self::conv2d), so the filter is
    /// of shape `[channels, outputs / groups, height, width]`.
    #[track_caller]
    pub fn conv_transpose2d(self, filter: Var<'t>, settings: Convolution<2>) -> Var<'t> {
        let filter = filter.operand(self.graph());
        match settings.least_input(&self.shape(), &filter.shape()) {
            Ok(sizes) => self.conv_transpose2d_to(filter, sizes, settings),
            Err(reason) => reject("conv_transpose2d", &reason, [self, filter]),
        }
    }

    /// The transposed convolution to a height and width of choice: with a stride, inputs of several
    /// sizes lead to outputs of the same, and [`conv_transpose2d`](Self::conv_transpose2d) chooses
    /// the smallest.
    #[track_caller]
    pub fn conv_transpose2d_to(
        self,
        filter: Var<'t>,
        size: [usize; 2],
        settings: Convolution<2>,
    ) -> Var<'t> {
        let filter = filter.operand(self.graph());
        let conv = Conv { wanted: Wanted::Input(size), settings };
        self.graph().record(conv, &[self.id(), filter.id()])
    }

    /// The transposed convolution of sequences; see [`conv_transpose2d`](Self::conv_transpose2d).
    #[track_caller]
    pub fn conv_transpose1d(self, filter: Var<'t>, settings: Convolution<1>) -> Var<'t> {
        let filter = filter.operand(self.graph());
        match settings.least_input(&self.shape(), &filter.shape()) {
            Ok([length]) => {
                let y =
                    self.tall().conv_transpose2d_to(filter.tall(), [1, length], settings.flat());
                let shape = y.shape();
                y.reshape([shape[0], shape[1], length])
            }
            Err(reason) => reject("conv_transpose1d", &reason, [self, filter]),
        }
    }

    /// The same as an image of height 1.
    #[track_caller]
    fn tall(self) -> Var<'t> {
        let shape = self.shape();
        self.reshape([shape[0], shape[1], 1, shape[2]])
    }
}
