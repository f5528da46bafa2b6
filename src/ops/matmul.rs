//! The matrix product.

use serde::{Deserialize, Serialize};

use super::{Array, Content, Operation, Site};
use crate::graph::{Operand, Var};
use crate::ops::sparse::SparseMatMul;
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::strided;

#[cfg(test)]
mod tests;

/// The product of `[.., m, k]` and `[.., k, n]`: one for each place of the axes before the last
/// two, which are broadcast.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct MatMul;

/// The axes of a product's operand that count matrices.
pub(crate) fn batch(shape: &Shape) -> Shape {
    Shape::from(&shape[..shape.rank() - 2])
}

impl Operation for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let (a, b) = (inputs[0], inputs[1]);
        let (&[.., m, k], &[.., l, n]) = (&a[..], &b[..]) else {
            return Err(format!("shapes {a} and {b} are not both matrices"));
        };
        if k != l {
            return Err(format!(
                "shapes {a} and {b} do not fit: {k} columns of the first, {l} rows of the second"
            ));
        }
        match batch(a).broadcast(&batch(b)) {
            Ok(batch) => Ok(batch.iter().copied().chain([m, n]).collect()),
            Err((axis, p, q)) => {
                Err(format!("shapes {a} and {b} do not broadcast at axis {axis} ({p} vs {q})"))
            }
        }
    }

    fn reads(&self) -> Option<&'static [Content]> {
        Some(&[Content::Numbers; 2])
    }

    fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let (g, a, b) = (site.g, site.inputs[0], site.inputs[1]);
        Some(if input == 0 { g.matmul(b.transpose()) } else { a.transpose().matmul(g) })
    }

    #[cfg(test)]
    fn rule(&self, input: usize) -> &'static str {
        if input == 0 { "`g.matmul(b.transpose())`" } else { "`a.transpose().matmul(g)`" }
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let [m, k, n] = [
            shape[shape.rank() - 2],
            inputs[0].shape[inputs[0].shape.rank() - 1],
            shape[shape.rank() - 1],
        ];
        let matrices = batch(shape);
        let full = |last: [usize; 2]| -> Shape { matrices.iter().copied().chain(last).collect() };
        let a = strided::expand(inputs[0].numbers(), inputs[0].shape, &full([m, k]));
        let b = strided::expand(inputs[1].numbers(), inputs[1].shape, &full([k, n]));
        out.fill(T::ZERO);
        for matrix in 0..matrices.numel() {
            let (a, b) = (&a[matrix * m * k..], &b[matrix * k * n..]);
            for i in 0..m {
                let row = &mut out[(matrix * m + i) * n..][..n];
                for p in 0..k {
                    let x = a[i * k + p];
                    row.iter_mut().zip(&b[p * n..]).for_each(|(c, &y)| *c += x * y);
                }
            }
        }
    }
}

impl<'t> Var<'t> {
    /// The matrix product of `[.., m, k]` and `[.., k, n]`, of shape `[.., m, n]`; the axes before
    /// the last two are broadcast. A vector counts as one row on the left and as one column on
    /// the right, which the result does not have. A transpose of either is read in place. The
    /// left one may be [sparse](crate::SparseRows).
    #[track_caller]
    pub fn matmul(self, other: Var<'t>) -> Var<'t> {
        let other = other.operand(self.graph());
        let (a, b) = (self.shape(), other.shape());
        match (a.rank(), b.rank()) {
            (1, 1..) => {
                let row = self.reshape([1, a[0]]).matmul(other);
                let rank = row.shape().rank();
                row.drop_axis(if b.rank() == 1 { 0 } else { rank - 2 })
            }
            (2.., 1) => {
                let column = self.matmul(other.reshape([b[0], 1]));
                let rank = column.shape().rank();
                column.drop_axis(rank - 1)
            }
            // Many matrices times one are one product of many rows.
            (3.., 2) if a[a.rank() - 1] == b[0] => {
                let rows: usize = a[..a.rank() - 1].iter().product();
                let product = self.reshape([rows, a[a.rank() - 1]]).matmul(other);
                let sizes = a[..a.rank() - 1].iter().copied().chain([b[1]]);
                product.reshape(sizes.collect::<Shape>())
            }
            _ if self.content() == Content::Sparse => {
                self.graph().record(SparseMatMul::Plain, &[self.id(), other.id()])
            }
            _ => self.graph().record(MatMul, &[self.id(), other.id()]),
        }
    }

    /// This value without an axis of size 1.
    #[track_caller]
    fn drop_axis(self, axis: usize) -> Var<'t> {
        let shape = self.shape();
        let kept = shape.iter().enumerate().filter(|&(at, _)| at != axis).map(|(_, &size)| size);
        self.reshape(kept.collect::<Shape>())
    }
}
