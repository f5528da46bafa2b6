//! Tensors joined along an axis, an existing or a new one.

use std::fmt;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Array, Content, Operation, Site, check_axis, write_call};
use crate::graph::{NodeId, Operand, Var};
use crate::scalar::Scalar;
use crate::shape::Shape;

/// Tensors one after the other along an axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Concat {
    axis: u8,
}

impl Operation for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let first = inputs[0];
        let axis = check_axis(first, self.axis)?;
        let mut sizes: SmallVec<[usize; 4]> = first[..].into();
        for input in &inputs[1..] {
            let fits = input.rank() == first.rank()
                && (0..first.rank()).all(|at| at == axis || input[at] == first[at]);
            if !fits {
                return Err(format!("shapes {first} and {input} differ beside axis {axis}"));
            }
            sizes[axis] = sizes[axis].saturating_add(input[axis]);
        }
        Ok(sizes[..].into())
    }

    fn reads(&self) -> Option<&'static [Content]> {
        None
    }

    fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let axis = self.axis as usize;
        let size = |x: &Var<'t>| x.shape()[axis];
        let start: usize = site.inputs[..input].iter().map(size).sum();
        let range = start..start + size(&site.inputs[input]);
        Some(site.g.slice(axis as isize, range))
    }

    #[cfg(test)]
    fn rule(&self, _input: usize) -> &'static str {
        "the part of `g` where the input is"
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let axis = self.axis as usize;
        let block = |shape: &Shape| shape[axis..].iter().product::<usize>();
        let whole = block(shape);
        let mut start = 0;
        for input in inputs {
            let own = block(input.shape);
            let blocks = input.numbers().chunks_exact(own.max(1));
            for (out, x) in out.chunks_exact_mut(whole.max(1)).zip(blocks) {
                out[start..start + own].copy_from_slice(x);
            }
            start += own;
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        write_call(f, self.name(), inputs, &[("axis", &self.axis)])
    }
}

impl<'t> Var<'t> {
    /// Tensors one after the other along an axis that all of them have (negative: counted from
    /// the last). Along the other axes their sizes are equal.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let params = Params::<f32>::new(Seed(0));
    /// let tape = Tape::inference(&params);
    /// let a = tape.input(&Tensor::from([[1.0, 2.0]]));
    /// let b = tape.input(&Tensor::from([[3.0], [4.0]]));
    /// let y = Var::concat(&[a, b.transpose()], 0);
    /// assert_eq!(tape.value(y), Tensor::from([[1.0, 2.0], [3.0, 4.0]]));
    /// ```
    ///
    /// # Panics
    ///
    /// If there are no tensors, or they have no such axis or other sizes along another one.
    #[track_caller]
    pub fn concat(parts: &[Var<'t>], axis: isize) -> Var<'t> {
        let &[first, ..] = parts else { panic!("concat: no tensors") };
        let axis = first.axis(axis) as u8;
        let graph = first.graph();
        let inputs: SmallVec<[NodeId; 4]> =
            parts.iter().map(|part| part.operand(graph).id()).collect();
        graph.record(Concat { axis }, &inputs)
    }

    /// Tensors of the same shape side by side along a new axis (negative: counted from the last
    /// of the result).
    ///
    /// # Panics
    ///
    /// If there are no tensors, their shapes differ or the result would not have such an axis.
    #[track_caller]
    pub fn stack(parts: &[Var<'t>], axis: isize) -> Var<'t> {
        let &[first, ..] = parts else { panic!("stack: no tensors") };
        let shape = first.shape();
        let rank = shape.rank() as isize + 1;
        let at = if axis < 0 { axis + rank } else { axis };
        assert!((0..rank).contains(&at), "stack: axis {axis} is out of range for shape {shape}");
        let (before, after) = shape.split_at(at as usize);
        let single: Shape = before.iter().chain(&[1]).chain(after).copied().collect();
        let mut raised: SmallVec<[Var<'t>; 4]> = SmallVec::new();
        for part in parts {
            let own = part.shape();
            assert!(own == shape, "stack: shapes {shape} and {own} differ");
            raised.push(part.reshape(&single));
        }
        Var::concat(&raised, at)
    }
}
