//! Slices, and the reverse: a tensor embedded in a larger one.

use std::fmt;
use std::ops::RangeBounds;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::view::View;
use super::{Array, Constant, Operation, Site};
use crate::graph::Var;
use crate::scalar::Scalar;
use crate::shape::{Shape, Strides, bounds};
use crate::strided;

/// A tensor of one value, in which the input takes every `step`-th place from `start` on along
/// each axis: padding, and the transpose of slicing.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Embed {
    pub(crate) starts: Strides,
    pub(crate) steps: Strides,
    pub(crate) shape: Shape,
    pub(crate) value: Constant,
}

/// Whether a tensor of shape `part` lies at these places in one of shape `whole`.
pub(super) fn check_places(
    starts: &[usize],
    steps: &[usize],
    part: &Shape,
    whole: &Shape,
) -> Result<(), String> {
    let rank = whole.rank();
    let lies_within = |axis: usize| {
        let (start, step, n, size) = (starts[axis], steps[axis], part[axis], whole[axis]);
        let last = n.checked_sub(1).and_then(|n| n.checked_mul(step)?.checked_add(start));
        let steps_on = step > 0 && step <= size.max(1);
        steps_on && if n == 0 { start <= size } else { last.is_some_and(|last| last < size) }
    };
    let of_rank = [starts.len(), steps.len(), part.rank()].iter().all(|&len| len == rank);
    if of_rank && (0..rank).all(lies_within) {
        return Ok(());
    }
    Err(format!("{part} at {starts:?} in steps of {steps:?} does not lie within {whole}"))
}

impl Operation for Embed {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        check_places(&self.starts, &self.steps, inputs[0], &self.shape)?;
        Ok(self.shape.clone())
    }

    fn vjp<'t>(&self, _input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let (starts, steps) = (self.starts.clone(), self.steps.clone());
        let slice = View::Slice { starts, steps, shape: site.inputs[0].shape() };
        Some(site.g.graph().record(slice, &[site.g.id()]))
    }

    #[cfg(test)]
    fn rule(&self, _input: usize) -> &'static str {
        "the part of `g` where `x` is"
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let (x, sizes, own) = (inputs[0].numbers(), inputs[0].shape, shape.strides());
        let strides: Strides = own.iter().zip(&self.steps).map(|(a, b)| a * b).collect();
        let first: usize = own.iter().zip(&self.starts).map(|(a, b)| a * b).sum();
        let width = sizes.last().copied().unwrap_or(1);
        let step = strides.last().copied().unwrap_or(1);
        out.fill(T::from_f64(self.value.0));
        strided::for_each_run(sizes, &strides, |start, offset| {
            for (i, &x) in x[start..start + width].iter().enumerate() {
                out[first + offset + i * step] = x;
            }
        });
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        let Self { starts, steps, shape, value } = self;
        write!(f, "embed({}, {starts:?}, {shape}, steps={steps:?}, value={value})", inputs[0])
    }
}

impl<'t> Var<'t> {
    /// The elements of a range along an axis (negative: counted from the last), the others left
    /// out: `x.slice(0, 2..5)`, `x.slice(-1, 1..)`.
    ///
    /// # Panics
    ///
    /// If the range does not lie within the axis.
    #[track_caller]
    pub fn slice(self, axis: isize, range: impl RangeBounds<usize>) -> Var<'t> {
        self.slice_step(axis, range, 1)
    }

    /// Every `step`-th element of a range along an axis, the first one among them.
    ///
    /// # Panics
    ///
    /// If the range does not lie within the axis or the step is 0.
    #[track_caller]
    pub fn slice_step(self, axis: isize, range: impl RangeBounds<usize>, step: usize) -> Var<'t> {
        let input = self.shape();
        let axis = self.axis(axis);
        let size = input[axis];
        let (start, stop) = bounds(&range, size);
        assert!(
            start <= stop && stop <= size,
            "slice: {start}..{stop} does not lie within axis {axis} of shape {input}"
        );
        assert!(step > 0, "slice: the step has to be above 0");
        // A larger step would lead out of the axis as well.
        let step = step.min(size.max(1));
        let len = (stop - start).div_ceil(step);
        if len == size {
            return self;
        }
        let each = |own: usize, other: usize| -> Strides {
            (0..input.rank()).map(|at| if at == axis { own } else { other }).collect()
        };
        let sizes = input.iter().enumerate().map(|(at, &n)| if at == axis { len } else { n });
        let shape = sizes.collect::<Shape>();
        // What is empty starts nowhere.
        let start = if shape.numel() == 0 { 0 } else { start };
        let slice = View::Slice { starts: each(start, 0), steps: each(step, 1), shape };
        self.graph().record(slice, &[self.id()])
    }

    /// This value with so many elements of a constant before and after it along each axis.
    ///
    /// # Panics
    ///
    /// If there is not one pair for each axis.
    #[track_caller]
    pub fn pad(self, padding: &[[usize; 2]], value: f64) -> Var<'t> {
        let input = self.shape();
        let (given, rank) = (padding.len(), input.rank());
        assert!(given == rank, "pad: {given} pairs for the {rank} axes of shape {input}");
        let starts = padding.iter().map(|[before, _]| *before).collect();
        let sizes = input
            .iter()
            .zip(padding)
            .map(|(n, [before, after])| n.saturating_add(*before).saturating_add(*after));
        let (steps, shape) = (SmallVec::from_elem(1, rank), sizes.collect());
        let embed = Embed { starts, steps, shape, value: Constant(value) };
        self.graph().record(embed, &[self.id()])
    }
}
