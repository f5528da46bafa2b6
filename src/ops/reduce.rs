//! Reductions over axes: sum, maximum, minimum, log of a sum of exponentials; mean and variance are
//! made of sums.

mod kernel;

use std::fmt;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Array, Operation, Site, check_axes, write_call};
use crate::exec::kernels::tasks::{for_each_chunk, is_spread};
use crate::graph::Var;
use crate::scalar::Scalar;
use crate::shape::{Axes, IntoAxes, Shape, Strides};
use crate::strided;

/// A reduction over axes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Reduce {
    pub(crate) kind: Kind,
    pub(crate) axes: Axes,
    /// Whether the axes stay, with size 1.
    pub(crate) keep: bool,
}

/// What a reduction makes of the elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Sum,
    Max,
    Min,
    LogSumExp,
}

/// About how many elements a thread takes at a time.
const CHUNK: usize = 16 * 1024;

impl Reduce {
    /// The strides of the output along the axes of the input: 0 where elements are combined.
    pub(crate) fn output_strides(&self, input: &Shape) -> Strides {
        strided::broadcast_strides(&input.reduced(self.axes, true), input)
    }

    /// About how many operations so many elements take.
    fn work(&self, elements: usize) -> usize {
        elements * if self.kind == Kind::LogSumExp { 16 } else { 1 }
    }

    /// Something of the output's shape, brought back to the input's by repetition.
    fn expand<'t>(&self, reduced: Var<'t>, x: Var<'t>) -> Var<'t> {
        let shape = x.shape();
        reduced.reshape(shape.reduced(self.axes, true)).broadcast_to(shape)
    }
}

impl Operation for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sum => "sum",
            Kind::Max => "max",
            Kind::Min => "min",
            Kind::LogSumExp => "logsumexp",
        }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        check_axes(inputs[0], self.axes)?;
        let combined = self.axes.iter().map(|axis| inputs[0][axis]).product::<usize>();
        if combined == 0 && matches!(self.kind, Kind::Max | Kind::Min) {
            return Err(format!("{} has no elements along axes {}", inputs[0], self.axes));
        }
        Ok(inputs[0].reduced(self.axes, self.keep))
    }

    fn vjp<'t>(&self, _input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let x = site.inputs[0];
        let g = self.expand(site.g, x);
        Some(match self.kind {
            Kind::Sum => g,
            Kind::Max | Kind::Min => {
                // Ties share the gradient evenly.
                let extreme = x.equal(self.expand(site.y, x));
                let ties = extreme.reduce(Reduce { kind: Kind::Sum, keep: true, ..*self });
                g * extreme / ties
            }
            Kind::LogSumExp => {
                let y = self.expand(site.y, x);
                // Of infinities the largest share the gradient evenly, as in a maximum.
                let largest = x.equal(y);
                let ties = largest.reduce(Reduce { kind: Kind::Sum, keep: true, ..*self });
                let is_finite = (0.0 * y).equal(0.0);
                g * is_finite.select((x - y).exp(), largest / ties)
            }
        })
    }

    fn sides<'t>(&self, inputs: &[Var<'t>], y: Var<'t>) -> Option<Var<'t>> {
        matches!(self.kind, Kind::Max | Kind::Min)
            .then(|| inputs[0].equal(self.expand(y, inputs[0])))
    }

    #[cfg(test)]
    fn rule(&self, _input: usize) -> &'static str {
        match self.kind {
            Kind::Sum => "`g`, repeated",
            Kind::Max | Kind::Min => "`g` where `x` equals `y`, shared evenly",
            Kind::LogSumExp => "`g * (x - y).exp()`",
        }
    }

    #[cfg(test)]
    fn kink(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Max => Some("which is the largest"),
            Kind::Min => Some("which is the smallest"),
            Kind::Sum | Kind::LogSumExp => None,
        }
    }

    fn forks(&self, inputs: &[&Shape], _output: &Shape) -> bool {
        is_spread(self.work(inputs[0].numel()))
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], _shape: &Shape, out: &mut [T]) {
        let (data, kind) = (inputs[0].numbers(), self.kind);
        out.fill(kind.start());
        if data.is_empty() {
            return;
        }
        // Neighbouring axes that are both reduced or both kept count as one.
        let mut groups: SmallVec<[(bool, usize); 8]> = SmallVec::new();
        for (axis, &size) in inputs[0].shape.iter().enumerate().filter(|&(_, &size)| size != 1) {
            match (groups.last_mut(), self.axes.contains(axis)) {
                (Some((reduced, total)), own) if *reduced == own => *total *= size,
                (_, reduced) => groups.push((reduced, size)),
            }
        }
        // A panel of the last ones is reduced at a time; most often, it is all there is.
        let mut last = |reduced| match groups.last() {
            Some(&(own, size)) if own == reduced => groups.pop().map_or(1, |_| size),
            _ => 1,
        };
        let (inner, reduced, outer) = (last(false), last(true), last(false));
        let panel = outer * reduced * inner;
        let mut stride = outer * inner;
        let (mut sizes, mut strides) = (Strides::from_slice(&[1]), Strides::from_slice(&[0]));
        for (reduced, size) in groups.into_iter().rev() {
            sizes.insert(0, size);
            strides.insert(0, if reduced { 0 } else { stride });
            stride *= if reduced { 1 } else { size };
        }
        strided::for_each_run(&sizes, &strides, |start, offset| {
            let data = &data[start * panel..][..panel];
            let out = &mut out[offset..][..outer * inner];
            let each = (CHUNK / (reduced * inner)).max(1);
            for_each_chunk(out, each * inner, self.work(panel), |i, out| {
                let data = &data[i * each * reduced * inner..];
                kind.reduce(&data[..out.len() * reduced], [reduced, inner], out);
            });
        });
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        let keep: &[(&str, &dyn fmt::Display)] = if self.keep { &[("keep", &true)] } else { &[] };
        let constants: SmallVec<[_; 2]> =
            [("axes", &self.axes as _)].into_iter().chain(keep.iter().copied()).collect();
        write_call(f, self.name(), inputs, &constants)
    }
}

impl<'t> Var<'t> {
    #[track_caller]
    fn reduce(self, reduce: Reduce) -> Var<'t> {
        self.graph().record(reduce, &[self.id()])
    }

    #[track_caller]
    fn reduce_over(self, kind: Kind, axes: impl IntoAxes, keep: bool) -> Var<'t> {
        let axes = self.axes(axes);
        self.reduce(Reduce { kind, axes, keep })
    }

    /// The axes as a set; panics at the caller's line if this tensor has no such axis.
    #[track_caller]
    pub(crate) fn axes(self, axes: impl IntoAxes) -> Axes {
        let shape = self.shape();
        match axes.into_axes(shape.rank()) {
            Ok(axes) => axes,
            Err(axis) => panic!("axis {axis} is out of range for shape {shape}"),
        }
    }

    /// The sum over the given axes, which are dropped: `sum(..)` over all, `sum(0)`,
    /// `sum([0, -1])`.
    #[track_caller]
    pub fn sum(self, axes: impl IntoAxes) -> Var<'t> {
        self.reduce_over(Kind::Sum, axes, false)
    }

    /// The sum over the given axes, which are kept with size 1.
    #[track_caller]
    pub fn sum_keep(self, axes: impl IntoAxes) -> Var<'t> {
        self.reduce_over(Kind::Sum, axes, true)
    }

    /// The mean over the given axes, which are dropped.
    #[track_caller]
    pub fn mean(self, axes: impl IntoAxes) -> Var<'t> {
        let axes = self.axes(axes);
        self.sum(axes) * (1.0 / self.count(axes))
    }

    /// The mean over the given axes, which are kept with size 1.
    #[track_caller]
    pub fn mean_keep(self, axes: impl IntoAxes) -> Var<'t> {
        let axes = self.axes(axes);
        self.sum_keep(axes) * (1.0 / self.count(axes))
    }

    /// The variance over the given axes, which are dropped: `mean((x - mean(x))²)`, that of a whole
    /// population. In two passes, so that a large mean costs no accuracy.
    #[track_caller]
    pub fn var(self, axes: impl IntoAxes) -> Var<'t> {
        let axes = self.axes(axes);
        (self - self.mean_keep(axes)).square().mean(axes)
    }

    /// The variance over the given axes, which are kept with size 1.
    #[track_caller]
    pub fn var_keep(self, axes: impl IntoAxes) -> Var<'t> {
        let axes = self.axes(axes);
        (self - self.mean_keep(axes)).square().mean_keep(axes)
    }

    /// An axis, counted from 0; panics at the caller's line if this tensor has no such axis.
    #[track_caller]
    pub(crate) fn axis(self, axis: isize) -> usize {
        self.axes(axis).iter().next().unwrap_or(0)
    }

    /// How many elements are combined by a reduction over these axes.
    fn count(self, axes: Axes) -> f64 {
        let shape = self.shape();
        axes.iter().map(|axis| shape[axis]).product::<usize>() as f64
    }

    /// The largest element along the given axes, which are dropped. Ties share the gradient
    /// evenly.
    #[track_caller]
    pub fn max(self, axes: impl IntoAxes) -> Var<'t> {
        self.reduce_over(Kind::Max, axes, false)
    }

    /// The largest element along the given axes, which are kept with size 1.
    #[track_caller]
    pub fn max_keep(self, axes: impl IntoAxes) -> Var<'t> {
        self.reduce_over(Kind::Max, axes, true)
    }

    /// The smallest element along the given axes, which are dropped. Ties share the gradient
    /// evenly.
    #[track_caller]
    pub fn min(self, axes: impl IntoAxes) -> Var<'t> {
        self.reduce_over(Kind::Min, axes, false)
    }

    /// The smallest element along the given axes, which are kept with size 1.
    #[track_caller]
    pub fn min_keep(self, axes: impl IntoAxes) -> Var<'t> {
        self.reduce_over(Kind::Min, axes, true)
    }

    /// `ln Σ eˣ` over the given axes, which are dropped; finite for any finite `x`.
    #[track_caller]
    pub fn logsumexp(self, axes: impl IntoAxes) -> Var<'t> {
        self.reduce_over(Kind::LogSumExp, axes, false)
    }

    /// `ln Σ eˣ` over the given axes, which are kept with size 1.
    #[track_caller]
    pub fn logsumexp_keep(self, axes: impl IntoAxes) -> Var<'t> {
        self.reduce_over(Kind::LogSumExp, axes, true)
    }
}

#[cfg(test)]
mod tests;
