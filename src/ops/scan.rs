//! Walks along one axis: running sums, and where the largest element stands.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Array, Operation, Site, check_axis, write_call};
use crate::graph::Var;
use crate::scalar::Scalar;
use crate::shape::Shape;

/// A walk along an axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scan {
    /// The sum of each element and all before it, or all after it in reverse.
    CumSum { axis: u8, reverse: bool },
    /// The place of the largest element, as a number; the first one of ties.
    ArgMax { axis: u8 },
}

impl Operation for Scan {
    fn name(&self) -> &'static str {
        match self {
            Scan::CumSum { .. } => "cumsum",
            Scan::ArgMax { .. } => "argmax",
        }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let x = inputs[0];
        let (Scan::CumSum { axis, .. } | Scan::ArgMax { axis }) = *self;
        check_axis(x, axis)?;
        match *self {
            Scan::CumSum { .. } => Ok(x.clone()),
            Scan::ArgMax { axis } if x[axis as usize] == 0 => {
                Err(format!("{x} has no elements along axis {axis}"))
            }
            Scan::ArgMax { axis } => {
                let sizes = x.iter().enumerate().filter(|&(at, _)| at != axis as usize);
                Ok(sizes.map(|(_, &size)| size).collect())
            }
        }
    }

    fn vjp<'t>(&self, _input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        match *self {
            // Each element is part of all sums from its own on.
            Scan::CumSum { axis, reverse } => {
                let adjoint = Scan::CumSum { axis, reverse: !reverse };
                Some(site.g.graph().record(adjoint, &[site.g.id()]))
            }
            Scan::ArgMax { .. } => None,
        }
    }

    fn sides<'t>(&self, _inputs: &[Var<'t>], y: Var<'t>) -> Option<Var<'t>> {
        matches!(self, Scan::ArgMax { .. }).then_some(y)
    }

    #[cfg(test)]
    fn rule(&self, _input: usize) -> &'static str {
        match self {
            Scan::CumSum { .. } => "the running sum of `g` from the other end",
            Scan::ArgMax { .. } => "none",
        }
    }

    #[cfg(test)]
    fn kink(&self) -> Option<&'static str> {
        matches!(self, Scan::ArgMax { .. }).then_some("where the largest stands")
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], _shape: &Shape, out: &mut [T]) {
        let (x, sizes) = (inputs[0].numbers(), inputs[0].shape);
        let (Scan::CumSum { axis, .. } | Scan::ArgMax { axis }) = *self;
        let len = sizes[axis as usize];
        let inner: usize = sizes[axis as usize + 1..].iter().product();
        let block = (len * inner).max(1);
        match *self {
            Scan::CumSum { reverse, .. } => {
                out.copy_from_slice(x);
                for block in out.chunks_exact_mut(block) {
                    for at in 1..len {
                        // Row by row: each is added to the next one on the way.
                        let cut = if reverse { len - at } else { at } * inner;
                        let (before, after) = block.split_at_mut(cut);
                        let (before, after) = (&mut before[cut - inner..], &mut after[..inner]);
                        let (sums, row) = if reverse { (after, before) } else { (before, after) };
                        row.iter_mut().zip(sums).for_each(|(x, sum)| *x += *sum);
                    }
                }
            }
            Scan::ArgMax { .. } => {
                for (out, x) in out.chunks_exact_mut(inner.max(1)).zip(x.chunks_exact(block)) {
                    for (column, out) in out.iter_mut().enumerate() {
                        let mut best = 0;
                        for at in 1..len {
                            let (x, largest) = (x[at * inner + column], x[best * inner + column]);
                            // As in `max`, a NaN is larger than any number.
                            if x > largest || (x.is_nan() && !largest.is_nan()) {
                                best = at;
                            }
                        }
                        *out = T::from_f64(best as f64);
                    }
                }
            }
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        match self {
            Scan::CumSum { axis, reverse: true } => {
                write_call(f, self.name(), inputs, &[("axis", axis), ("reverse", &true)])
            }
            Scan::CumSum { axis, .. } | Scan::ArgMax { axis } => {
                write_call(f, self.name(), inputs, &[("axis", axis)])
            }
        }
    }
}

impl<'t> Var<'t> {
    /// The running sum along an axis: of each element and all before it.
    #[track_caller]
    pub fn cumsum(self, axis: isize) -> Var<'t> {
        let axis = self.axis(axis) as u8;
        self.graph().record(Scan::CumSum { axis, reverse: false }, &[self.id()])
    }

    /// The place of the largest element along an axis, which is dropped, as a number: the first
    /// one of ties. It has no gradient.
    ///
    /// # Panics
    ///
    /// If there are no elements along the axis.
    #[track_caller]
    pub fn argmax(self, axis: isize) -> Var<'t> {
        let axis = self.axis(axis) as u8;
        self.graph().record(Scan::ArgMax { axis }, &[self.id()])
    }
}
