//! Reductions over axes: sum, maximum, log of a sum of exponentials; the mean is made of a sum.

use std::fmt;

use smallvec::SmallVec;

use super::{Array, Operation, Site, write_call};
use crate::graph::Var;
use crate::scalar::Scalar;
use crate::shape::{Axes, IntoAxes, Shape, Strides};
use crate::strided;

/// A reduction over axes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Reduce {
    pub(crate) kind: Kind,
    pub(crate) axes: Axes,
    /// Whether the axes stay, with size 1.
    pub(crate) keep: bool,
}

/// What a reduction makes of the elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Kind {
    Sum,
    Max,
    LogSumExp,
}

impl Reduce {
    /// The strides of the output along the axes of the input: 0 where elements are combined.
    pub(crate) fn output_strides(&self, input: &Shape) -> Strides {
        strided::broadcast_strides(&input.reduced(self.axes, true), input)
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
            Kind::LogSumExp => "logsumexp",
        }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let combined = self.axes.iter().map(|axis| inputs[0][axis]).product::<usize>();
        if combined == 0 && self.kind == Kind::Max {
            return Err(format!("{} has no elements along axes {}", inputs[0], self.axes));
        }
        Ok(inputs[0].reduced(self.axes, self.keep))
    }

    fn vjp<'t>(&self, _input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let x = site.inputs[0];
        let g = self.expand(site.g, x);
        Some(match self.kind {
            Kind::Sum => g,
            Kind::Max => {
                // Ties share the gradient evenly.
                let largest = x.equal(self.expand(site.y, x));
                let ties = largest.reduce(Reduce { kind: Kind::Sum, keep: true, ..*self });
                g * largest / ties
            }
            Kind::LogSumExp => g * (x - self.expand(site.y, x)).exp(),
        })
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], _shape: &Shape, out: &mut [T]) {
        let (data, sizes) = (inputs[0].numbers(), inputs[0].shape);
        let strides = self.output_strides(sizes);
        // Folds each run along the last axis into the outputs that it belongs to.
        let fold = |out: &mut [T], combine: &mut dyn FnMut(&mut T, T, usize)| {
            let width = sizes.last().copied().unwrap_or(1);
            let step = strides.last().copied().unwrap_or(0);
            strided::for_each_run(sizes, &strides, |start, offset| {
                for (i, &x) in data[start..start + width].iter().enumerate() {
                    let at = offset + i * step;
                    combine(&mut out[at], x, at);
                }
            });
        };
        match self.kind {
            Kind::Sum => {
                out.fill(T::ZERO);
                fold(out, &mut |sum, x, _| *sum += x);
            }
            Kind::Max => {
                out.fill(-T::INFINITY);
                fold(out, &mut |max, x, _| *max = max.maximum(x));
            }
            Kind::LogSumExp => {
                let mut shift = vec![-T::INFINITY; out.len()];
                fold(&mut shift, &mut |max, x, _| *max = max.maximum(x));
                // An infinite maximum is the result itself, and no shift.
                let finite = |x: T| if x.is_finite() { x } else { T::ZERO };
                out.fill(T::ZERO);
                fold(out, &mut |sum, x, at| *sum += (x - finite(shift[at])).exp());
                for (y, &max) in out.iter_mut().zip(&shift) {
                    *y = y.ln() + finite(max);
                }
            }
        }
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
