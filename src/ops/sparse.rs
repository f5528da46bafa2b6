//! The product of a sparse matrix and a dense one, and that of the transpose.

use serde::{Deserialize, Serialize};

use super::{Array, Content, Operation, Site};
use crate::exec::kernels::sparse::{product, transposed_product};
use crate::graph::Var;
use crate::scalar::Scalar;
use crate::shape::Shape;

#[cfg(test)]
mod tests;

/// The product of a sparse matrix `x`, the first input, and a dense one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SparseMatMul {
    /// `y = x · w`
    Plain,
    /// `y = xᵀ · g`
    Transposed,
}

impl Operation for SparseMatMul {
    fn name(&self) -> &'static str {
        match self {
            SparseMatMul::Plain => "sparse_matmul",
            SparseMatMul::Transposed => "sparse_matmul_transposed",
        }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let (x, w) = (inputs[0], inputs[1]);
        let (&[rows, columns], &[k, n]) = (&x[..], &w[..]) else {
            return Err(format!("sparse rows of shape {x} are multiplied by one matrix, not {w}"));
        };
        match self {
            SparseMatMul::Plain if columns == k => Ok([rows, n].into()),
            SparseMatMul::Plain => Err(format!(
                "shapes {x} and {w} do not fit: {columns} columns of the first, {k} rows of the \
                 second"
            )),
            SparseMatMul::Transposed => Ok([columns, n].into()),
        }
    }

    fn reads(&self) -> Option<&'static [Content]> {
        Some(&[Content::Sparse, Content::Numbers])
    }

    fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let adjoint = match self {
            SparseMatMul::Plain => SparseMatMul::Transposed,
            SparseMatMul::Transposed => SparseMatMul::Plain,
        };
        (input == 1).then(|| site.g.graph().record(adjoint, &[site.inputs[0].id(), site.g.id()]))
    }

    #[cfg(test)]
    fn rule(&self, input: usize) -> &'static str {
        match self {
            _ if input == 0 => "none",
            SparseMatMul::Plain => "`sparse_matmul_transposed(x, g)`",
            SparseMatMul::Transposed => "`x.matmul(g)`",
        }
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let (x, dense) = (inputs[0].sparse(), inputs[1].numbers());
        match self {
            SparseMatMul::Plain => product(x, dense, shape[1], out, false),
            SparseMatMul::Transposed => transposed_product(x, dense, shape[1], out, false),
        }
    }

    fn forks(&self, _inputs: &[&Shape], _output: &Shape) -> bool {
        true
    }
}
