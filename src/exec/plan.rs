//! What the executor makes of a graph: steps in order, with a place for every result.

use std::sync::Arc;

use smallvec::SmallVec;

use super::fused::Group;
use crate::graph::NodeId;
use crate::ops::{Constant, Op};
use crate::shape::Shape;

/// What a run is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Request {
    /// The nodes whose values are wanted.
    pub(crate) outputs: SmallVec<[NodeId; 4]>,
    /// The gradients of the first output with respect to the parameters, if they are wanted too, and
    /// so many updates of state.
    pub(crate) gradients: Option<Arc<[Option<NodeId>]>>,
    pub(crate) updates: u32,
}

/// A program made from a graph: knows shapes and places, but no numbers and no number type.
pub(crate) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The number of elements that the arena needs.
    pub(super) arena: usize,
    pub(super) outputs: Vec<Output>,
    /// The parameters that get a gradient or, if they are state, a new value; by position in the
    /// layout.
    pub(crate) reached: Arc<[bool]>,
}

/// Where a wanted value is found after a run.
pub(super) struct Output {
    pub(super) place: Place,
    pub(super) shape: Shape,
}

/// Where numbers stand: in the arena or in what is bound to a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// An offset into the arena.
    Arena(usize),
    /// An offset into the gradients.
    Gradient(usize),
    /// An offset into the parameters.
    Param(usize),
    /// An input tensor, and an offset into it.
    Input(u32, usize),
}

impl Place {
    /// The place some elements behind this one.
    pub(super) fn behind(self, elements: usize) -> Place {
        match self {
            Place::Arena(offset) => Place::Arena(offset + elements),
            Place::Gradient(offset) => Place::Gradient(offset + elements),
            Place::Param(offset) => Place::Param(offset + elements),
            Place::Input(slot, offset) => Place::Input(slot, offset + elements),
        }
    }
}

/// One instruction.
pub(super) enum Step {
    /// A fused group of element-wise operations, with closing sums.
    Group(Group),
    /// A matrix product.
    Product(Product),
    /// Any other operation, by its own kernel.
    Call(Call),
}

/// `C = A B`, or `C += A B`, for each of some matrices.
#[derive(Debug)]
pub(super) struct Product {
    /// The axes that count matrices: size, and the strides of `A` and `B`.
    pub(super) batch: Batch,
    /// Rows of `A`, columns of `A`, columns of `B`.
    pub(super) sizes: [usize; 3],
    pub(super) a: Matrix,
    pub(super) b: Matrix,
    /// Stored row by row.
    pub(super) c: Place,
    pub(super) accumulate: bool,
}

/// Axes that count matrices: size, and the strides of both operands.
pub(super) type Batch = SmallVec<[(usize, usize, usize); 1]>;

/// A matrix that may lie transposed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix {
    pub(super) place: Place,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

/// An operation run by its own kernel.
pub(super) struct Call {
    pub(super) op: Op,
    pub(super) inputs: SmallVec<[(Argument, Shape); 2]>,
    pub(super) shape: Shape,
    pub(super) out: Place,
    /// Whether the kernel may spread its work over threads.
    pub(super) forks: bool,
}

/// An input of a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Argument {
    Numbers(Place),
    Attached(u32),
    Seed,
}

/// A number known when planning.
pub(super) type Immediate = Constant;
