//! Entries chosen by whole numbers: rows of a table, one entry of each row; and their transposes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Array, Content, Operation, Site, write_call};
use crate::exec::kernels::sparse::{Entries, transposed_product};
use crate::graph::{Attached, Graph, IndexOperand, NodeId, Var};
use crate::scalar::Scalar;
use crate::shape::Shape;

/// Choosing or scattering entries; the second input holds the indices.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Index {
    /// `y[i, :] = x[indices[i], :]`
    GatherRows,
    /// `y[indices[i], :] += x[i, :]` for a result of `rows` rows: the transpose of gathering.
    ScatterRows { rows: usize },
    /// `y[i] = x[i, indices[i]]` along the last axis.
    Pick,
    /// `y[i, indices[i]] = x[i]`, the rest of `width` entries 0: the transpose of picking.
    Place { width: usize },
}

impl Operation for Index {
    fn name(&self) -> &'static str {
        match self {
            Index::GatherRows => "gather_rows",
            Index::ScatterRows { .. } => "scatter_rows",
            Index::Pick => "pick",
            Index::Place { .. } => "place",
        }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let (x, indices) = (inputs[0], inputs[1]);
        let joined = |a: &[usize], b: &[usize]| -> Shape { a.iter().chain(b).copied().collect() };
        match *self {
            Index::GatherRows if x.rank() == 0 => Err("a scalar has no rows".to_string()),
            Index::GatherRows => Ok(joined(indices, &x[1..])),
            Index::ScatterRows { .. } if !x.starts_with(indices) => {
                Err(format!("indices of shape {indices} do not name a row for each of shape {x}"))
            }
            Index::ScatterRows { rows } => Ok(joined(&[rows], &x[indices.rank()..])),
            Index::Pick if x.rank() > 0 && x[..x.rank() - 1] == indices[..] => Ok(indices.clone()),
            Index::Pick => Err(format!(
                "indices of shape {indices} do not name one entry of each row of shape {x}"
            )),
            Index::Place { .. } if x != indices => {
                Err(format!("indices of shape {indices} do not place each entry of shape {x}"))
            }
            Index::Place { width } => Ok(joined(indices, &[width])),
        }
    }

    fn reads(&self) -> Option<&'static [Content]> {
        Some(&[Content::Numbers, Content::Indices])
    }

    fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        if input != 0 {
            return None;
        }
        let (x, indices) = (site.inputs[0].shape(), site.inputs[1]);
        let adjoint = match self {
            Index::GatherRows => Index::ScatterRows { rows: x[0] },
            Index::ScatterRows { .. } => Index::GatherRows,
            Index::Pick => Index::Place { width: x[x.rank() - 1] },
            Index::Place { .. } => Index::Pick,
        };
        Some(site.g.graph().record(adjoint, &[site.g.id(), indices.id()]))
    }

    #[cfg(test)]
    fn rule(&self, input: usize) -> &'static str {
        match self {
            _ if input > 0 => "none",
            Index::GatherRows => "`scatter_rows(g, indices)`",
            Index::ScatterRows { .. } => "`g.gather_rows(indices)`",
            Index::Pick => "`place(g, indices)`",
            Index::Place { .. } => "`g.pick(indices)`",
        }
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let (x, indices) = (inputs[0].numbers(), inputs[1].indices());
        match *self {
            Index::GatherRows => {
                let width = inputs[0].shape[1..].iter().product::<usize>();
                for (out, &row) in out.chunks_exact_mut(width.max(1)).zip(indices) {
                    out.copy_from_slice(&x[row as usize * width..][..width]);
                }
            }
            Index::ScatterRows { .. } => {
                let width = shape[1..].iter().product::<usize>();
                // The transpose of a sparse matrix of a single 1 in each row.
                let ones: Entries<'_> = Entries { offsets: None, columns: indices, values: None };
                transposed_product(ones, x, width, out, false);
            }
            Index::Pick => {
                let width = inputs[0].shape.last().copied().unwrap_or(1).max(1);
                for ((out, x), &at) in out.iter_mut().zip(x.chunks_exact(width)).zip(indices) {
                    *out = x[at as usize];
                }
            }
            Index::Place { width } => {
                out.fill(T::ZERO);
                for ((out, &x), &at) in out.chunks_exact_mut(width.max(1)).zip(x).zip(indices) {
                    out[at as usize] = x;
                }
            }
        }
    }

    fn forks(&self, _inputs: &[&Shape], _output: &Shape) -> bool {
        matches!(self, Index::ScatterRows { .. })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        match self {
            Index::ScatterRows { rows } => write_call(f, self.name(), inputs, &[("rows", rows)]),
            Index::Place { width } => write_call(f, self.name(), inputs, &[("width", width)]),
            _ => write_call(f, self.name(), inputs, &[]),
        }
    }
}

impl Index {
    /// What the indices have to be below, given the shape of what they choose from or place.
    pub(crate) fn bound(self, x: &Shape) -> usize {
        match self {
            Index::GatherRows => x.first().copied().unwrap_or(0),
            Index::ScatterRows { rows } => rows,
            Index::Pick => x.last().copied().unwrap_or(0),
            Index::Place { width } => width,
        }
    }
}

impl<'t> Var<'t> {
    /// The rows of a table (of its first axis) at these indices: an embedding lookup. Of shape
    /// `indices.shape + self.shape[1..]`; the gradients of rows taken more than once add up.
    ///
    /// # Panics
    ///
    /// If an index is not below the number of rows.
    #[doc(alias = "take")]
    #[doc(alias = "index_select")]
    #[track_caller]
    pub fn gather_rows(self, indices: impl IndexOperand<'t>) -> Var<'t> {
        let rows = self.shape().first().copied().unwrap_or(0);
        let indices = self.graph().indices_below(indices, rows, "gather_rows");
        self.graph().record(Index::GatherRows, &[self.id(), indices])
    }

    /// One entry of each row: `y[i] = x[i, indices[i]]` along the last axis.
    ///
    /// # Panics
    ///
    /// If an index is not below the size of the last axis.
    #[doc(alias = "gather")]
    #[doc(alias = "take_along_axis")]
    #[track_caller]
    pub fn pick(self, indices: impl IndexOperand<'t>) -> Var<'t> {
        let width = self.shape().last().copied().unwrap_or(0);
        let indices = self.graph().indices_below(indices, width, "pick");
        self.graph().record(Index::Pick, &[self.id(), indices])
    }
}

impl Graph {
    /// The tensor of shape `indices.shape + [depth]` that is 1 at each index along the last axis
    /// and 0 elsewhere.
    ///
    /// # Panics
    ///
    /// If an index is not below the depth.
    #[track_caller]
    pub fn one_hot<'t>(&'t self, indices: impl IndexOperand<'t>, depth: usize) -> Var<'t> {
        let indices = self.indices_below(indices, depth, "one_hot");
        let ones = self.scalar(1.0).broadcast_to(self.var(indices).shape());
        self.record(Index::Place { width: depth }, &[ones.id(), indices])
    }

    /// Whole numbers after a check that all are below a bound.
    #[track_caller]
    fn indices_below<'t>(
        &'t self,
        indices: impl IndexOperand<'t>,
        bound: usize,
        op: &str,
    ) -> NodeId {
        let indices = indices.index_operand(self);
        let Some(Attached::Indices(numbers)) = self.attached_to(indices) else {
            panic!("{op}: {indices:?} is not whole numbers; bind them as `Indices`");
        };
        if let Some(largest) = numbers.max().filter(|&largest| largest as usize >= bound) {
            let at = numbers.data().iter().position(|&i| i == largest).unwrap_or(0);
            panic!("{op}: index {largest} (at place {at}) is not below {bound}");
        }
        indices.id()
    }
}
