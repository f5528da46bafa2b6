//! A penalty on what keeps a matrix from being orthogonal.

use serde::{Deserialize, Serialize};

use super::{Penalty, factor};
use crate::graph::Var;
use crate::ops::Constant;
use crate::ops::slice::Embed;
use crate::shape::Shape;

/// `λ · ‖WᵀW - 1‖²`, the sum of squares over all elements: pulls the columns of a kernel
/// `[inputs, outputs]` towards being orthogonal and of length 1 (the soft orthogonality of N. Bansal
/// et al., 2018). Its gradient is `4λ · W (WᵀW - 1)`.
///
/// Of a filter `[outputs, inputs, ..]`, it is the outputs' rows of all other axes together. Where
/// there are more of these vectors than they have elements, so that not all can be orthogonal, it
/// is the vectors across that are pulled: `‖WᵀW - 1‖²` and `‖WWᵀ - 1‖²` differ by a constant, and
/// only for the smaller product can it become 0.
///
/// ```
/// use gradtape::prelude::*;
///
/// let params = Params::<f32>::new(Seed(0));
/// let tape = Tape::inference(&params);
/// let rotation = tape.input(&Tensor::from([[0.6, -0.8], [0.8, 0.6]]));
/// assert!(tape.item(Orthogonality(1.0).penalty(rotation)).abs() < 1e-6);
/// assert!((tape.item(Orthogonality(1.0).penalty(2.0 * rotation)) - 18.0).abs() < 1e-4);
/// ```
///
/// # Panics
///
/// Where the penalty is recorded, if the parameter has fewer than two axes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Orthogonality(pub f64);

impl Penalty for Orthogonality {
    #[track_caller]
    fn penalty<'t>(&self, w: Var<'t>) -> Var<'t> {
        let shape = w.shape();
        assert!(shape.rank() > 1, "Orthogonality: a parameter of shape {shape} is no matrix");
        let w = w.reshape([shape[0], shape[1..].iter().product()]);
        let [rows, columns] = [w.shape()[0], w.shape()[1]];
        let products =
            if rows < columns { w.matmul(w.transpose()) } else { w.transpose().matmul(w) };
        factor("Orthogonality", self.0)
            * (products - identity(w, rows.min(columns))).square().sum(..)
    }
}

/// The identity matrix on the graph of a value.
#[track_caller]
fn identity(like: Var<'_>, size: usize) -> Var<'_> {
    let graph = like.graph();
    let ones = graph.scalar(1.0).broadcast_to([size]);
    // Row by row, every `size + 1`-th element is on the diagonal, and a single one takes no step.
    let numbers = size * size;
    let starts = [0].into_iter().collect();
    let steps = [(size + 1).min(numbers.max(1))].into_iter().collect();
    let row = Embed { starts, steps, shape: Shape::from([numbers]), value: Constant(0.0) };
    graph.record(row, &[ones.id()]).reshape([size, size])
}
