//! The matrix product.

use super::{Array, Operation, Site};
use crate::graph::{Operand, Var};
use crate::scalar::Scalar;
use crate::shape::Shape;

/// The product of an `m × k` and a `k × n` matrix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct MatMul;

impl Operation for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let (a, b) = (inputs[0], inputs[1]);
        match (&a[..], &b[..]) {
            (&[m, k], &[l, n]) if k == l => Ok([m, n].into()),
            ([_, k], [l, _]) => Err(format!(
                "shapes {a} and {b} do not fit: {k} columns of the first, {l} rows of the second"
            )),
            _ => Err(format!("shapes {a} and {b} are not both matrices")),
        }
    }

    fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let (g, a, b) = (site.g, site.inputs[0], site.inputs[1]);
        Some(if input == 0 { g.matmul(b.transpose()) } else { a.transpose().matmul(g) })
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let (a, b) = (inputs[0].numbers(), inputs[1].numbers());
        let (k, n) = (inputs[0].shape[1], shape[1]);
        out.fill(T::ZERO);
        for (i, row) in out.chunks_exact_mut(n.max(1)).enumerate() {
            for (p, b) in b.chunks_exact(n.max(1)).enumerate() {
                let a = a[i * k + p];
                row.iter_mut().zip(b).for_each(|(c, &b)| *c += a * b);
            }
        }
    }
}

impl<'t> Var<'t> {
    /// The matrix product of `[m, k]` and `[k, n]`, of shape `[m, n]`. A transpose of either is
    /// read in place.
    #[track_caller]
    pub fn matmul(self, other: Var<'t>) -> Var<'t> {
        let other = other.operand(self.graph());
        self.graph().record(MatMul, &[self.id(), other.id()])
    }
}
