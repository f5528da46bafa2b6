//! The elements along axes in reverse order.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Array, Operation, Site, check_axes, write_call};
use crate::graph::Var;
use crate::scalar::Scalar;
use crate::shape::{Axes, IntoAxes, Shape, Strides};
use crate::strided;

/// The elements along axes in reverse order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Flip {
    axes: Axes,
}

impl Operation for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        check_axes(inputs[0], self.axes)?;
        Ok(inputs[0].clone())
    }

    fn vjp<'t>(&self, _input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        Some(site.g.flip(self.axes))
    }

    #[cfg(test)]
    fn rule(&self, _input: usize) -> &'static str {
        "`g.flip(axes)`"
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let x = inputs[0].numbers();
        let Some(last) = shape.rank().checked_sub(1) else { return out.copy_from_slice(x) };
        // How far a run lies from the first one along flipped axes, which it is to lie from the
        // last one.
        let (own, width) = (shape.strides(), shape[last]);
        let flipped = |axis: usize| if self.axes.contains(axis) { own[axis] } else { 0 };
        let strides: Strides = (0..shape.rank()).map(flipped).collect();
        let end: usize = (0..last).map(|at| strides[at] * shape[at].saturating_sub(1)).sum();
        strided::for_each_run(shape, &strides, |start, offset| {
            let from = start - offset + (end - offset);
            let run = &mut out[start..start + width];
            run.copy_from_slice(&x[from..from + width]);
            if self.axes.contains(last) {
                run.reverse();
            }
        });
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        write_call(f, self.name(), inputs, &[("axes", &self.axes)])
    }
}

impl<'t> Var<'t> {
    /// The elements along the given axes in reverse order: `flip(0)`, `flip([0, -1])`.
    #[track_caller]
    pub fn flip(self, axes: impl IntoAxes) -> Var<'t> {
        let axes = self.axes(axes);
        self.graph().record(Flip { axes }, &[self.id()])
    }
}
