//! The same numbers in another shape or order: reshape, permute, broadcast, detach.
//!
//! The executor computes nothing for these where it can read the numbers at other strides.

use std::fmt;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::slice::check_places;
use super::{Array, Constant, Operation, Site, write_call};
use crate::graph::Var;
use crate::ops::slice::Embed;
use crate::scalar::Scalar;
use crate::shape::{Shape, Strides};
use crate::strided;

/// The same numbers in another shape or order.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum View {
    /// Row-by-row order kept, other sizes.
    Reshape(Shape),
    /// Axis `i` of the result is axis `axes[i]` of the input.
    Permute(SmallVec<[u8; 8]>),
    /// Repeated along new axes and those of size 1.
    BroadcastTo(Shape),
    /// Along each axis, every `step`-th element from `start` on; so many as the shape says.
    Slice { starts: Strides, steps: Strides, shape: Shape },
    /// Unchanged, but without a gradient.
    Detach,
}

impl View {
    /// Where the input's numbers are read, how far from where the input starts and at which
    /// strides, given those of the input; `None` if no strides do and the numbers have to be
    /// brought into order first.
    pub(crate) fn read(
        &self,
        input: &Shape,
        strides: &[usize],
        output: &Shape,
    ) -> Option<(usize, Strides)> {
        let start = match self {
            // What is empty is read nowhere.
            View::Slice { starts, .. } if output.numel() > 0 => {
                starts.iter().zip(strides).map(|(a, b)| a * b).sum()
            }
            _ => 0,
        };
        Some((start, self.strides(input, strides, output)?))
    }

    /// The strides at which the input's numbers are read.
    fn strides(&self, input: &Shape, strides: &[usize], output: &Shape) -> Option<Strides> {
        match self {
            View::Detach => Some(strides.into()),
            View::Slice { steps, .. } => {
                Some(steps.iter().zip(strides).map(|(step, stride)| step * stride).collect())
            }
            View::Permute(axes) => Some(axes.iter().map(|&axis| strides[axis as usize]).collect()),
            View::BroadcastTo(_) => {
                let repeated = strided::broadcast_strides(input, output);
                let added = output.rank() - input.rank();
                let own = |axis: usize| axis.checked_sub(added).map_or(0, |at| strides[at]);
                Some(
                    (0..output.rank()).map(|i| if repeated[i] == 0 { 0 } else { own(i) }).collect(),
                )
            }
            View::Reshape(_) => strided::reshape_strides(input, strides, output),
        }
    }
}

impl Operation for View {
    fn name(&self) -> &'static str {
        match self {
            View::Reshape(_) => "reshape",
            View::Permute(_) => "permute",
            View::BroadcastTo(_) => "broadcast_to",
            View::Slice { .. } => "slice",
            View::Detach => "detach",
        }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let x = inputs[0];
        match self {
            View::Detach => Ok(x.clone()),
            View::Slice { starts, steps, shape } => {
                check_places(starts, steps, shape, x)?;
                Ok(shape.clone())
            }
            View::Reshape(shape) if shape.numel() == x.numel() => Ok(shape.clone()),
            View::Reshape(shape) => Err(format!(
                "{x} holds {} elements, but {shape} holds {}",
                x.numel(),
                shape.numel()
            )),
            View::BroadcastTo(shape) if x.broadcasts_to(shape) => Ok(shape.clone()),
            View::BroadcastTo(shape) => Err(format!("{x} does not broadcast to {shape}")),
            View::Permute(axes) => {
                let each_once = (0..x.rank()).all(|axis| axes.contains(&(axis as u8)));
                if axes.len() != x.rank() || !each_once {
                    return Err(format!("{axes:?} does not name each axis of {x} once"));
                }
                Ok(axes.iter().map(|&axis| x[axis as usize]).collect())
            }
        }
    }

    fn vjp<'t>(&self, _input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let (g, x) = (site.g, site.inputs[0]);
        match self {
            View::Detach => None,
            View::Reshape(_) => Some(g.reshape(x.shape())),
            View::Slice { starts, steps, .. } => {
                let (starts, steps, shape) = (starts.clone(), steps.clone(), x.shape());
                let embed = Embed { starts, steps, shape, value: Constant(0.0) };
                Some(g.graph().record(embed, &[g.id()]))
            }
            // The engine sums over what was broadcast.
            View::BroadcastTo(_) => Some(g),
            View::Permute(axes) => {
                let mut inverse: SmallVec<[u8; 8]> = SmallVec::from_elem(0, axes.len());
                for (i, &axis) in axes.iter().enumerate() {
                    inverse[axis as usize] = i as u8;
                }
                Some(g.graph().record(View::Permute(inverse), &[g.id()]))
            }
        }
    }

    #[cfg(test)]
    fn rule(&self, _input: usize) -> &'static str {
        match self {
            View::Reshape(_) => "`g` in the shape of `x`",
            View::Permute(_) => "`g`, its axes in the order of `x`",
            View::BroadcastTo(_) => "`g`, summed over what was repeated",
            View::Slice { .. } => "`g` at its places among zeros",
            View::Detach => "none",
        }
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let (data, input) = (inputs[0].numbers(), inputs[0].shape);
        match self.read(input, &input.strides(), shape) {
            Some((start, strides)) => strided::gather(&data[start..], shape, &strides, out),
            None => unreachable!("a tensor stored row by row can be read in any shape"),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        match self {
            View::Permute(axes) => write!(f, "permute({}, {axes:?})", inputs[0]),
            View::Reshape(shape) | View::BroadcastTo(shape) => {
                write!(f, "{}({}, {shape})", self.name(), inputs[0])
            }
            View::Slice { starts, steps, shape } => {
                write!(f, "slice({}, {starts:?}, {shape}, steps={steps:?})", inputs[0])
            }
            View::Detach => write_call(f, "detach", inputs, &[]),
        }
    }
}

impl<'t> Var<'t> {
    /// The same elements, row by row, in another shape.
    #[track_caller]
    pub fn reshape(self, shape: impl Into<Shape>) -> Var<'t> {
        let shape = shape.into();
        if shape == self.shape() {
            return self;
        }
        self.graph().record(View::Reshape(shape), &[self.id()])
    }

    /// The elements repeated to fill a larger shape, by NumPy's broadcasting rule.
    #[track_caller]
    pub fn broadcast_to(self, shape: impl Into<Shape>) -> Var<'t> {
        let shape = shape.into();
        if shape == self.shape() {
            return self;
        }
        self.graph().record(View::BroadcastTo(shape), &[self.id()])
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]` of the input.
    #[track_caller]
    pub fn permute(self, axes: &[usize]) -> Var<'t> {
        let (rank, shape) = (axes.len(), self.shape());
        let each_once = (0..shape.rank()).all(|axis| axes.contains(&axis));
        assert!(
            rank == shape.rank() && each_once,
            "permute: {axes:?} does not name each axis of {shape} once"
        );
        let axes = axes.iter().map(|&axis| axis as u8).collect();
        self.graph().record(View::Permute(axes), &[self.id()])
    }

    /// The last two axes swapped; of a matrix, the transpose.
    #[track_caller]
    pub fn transpose(self) -> Var<'t> {
        let rank = self.shape().rank();
        let mut axes: SmallVec<[u8; 8]> = (0..rank as u8).collect();
        assert!(rank >= 2, "transpose: {} has fewer than two axes", self.shape());
        axes.swap(rank - 2, rank - 1);
        self.graph().record(View::Permute(axes), &[self.id()])
    }

    /// The same value, held constant: no gradient passes through.
    #[track_caller]
    pub fn detach(self) -> Var<'t> {
        self.graph().record(View::Detach, &[self.id()])
    }
}
