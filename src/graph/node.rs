//! One node of a graph.

use std::panic::Location;

use smallvec::SmallVec;

use crate::ops::{Constant, Op};
use crate::params::ParamId;
use crate::shape::Shape;

/// A node's place in recording order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct NodeId(pub(crate) u32);

impl NodeId {
    #[inline(always)]
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node without inputs stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Source {
    /// An input tensor, by the order in which the tape was given them.
    Input(u32),
    /// Whole numbers, such as labels, by the order in which the graph was given them.
    Indices(u32),
    /// A sparse matrix, in the same order as whole numbers.
    Sparse(u32),
    /// A parameter.
    Param(ParamId),
    /// A constant scalar.
    Scalar(Constant),
    /// The seed of the run, as two whole numbers: its low and its high half.
    Seed,
}

impl Source {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Source::Input(_) => "input",
            Source::Indices(_) => "indices",
            Source::Sparse(_) => "sparse",
            Source::Param(_) => "param",
            Source::Scalar(_) => "scalar",
            Source::Seed => "seed",
        }
    }
}

/// A recorded operation: what it computes, from which nodes, of which shape, and where in the
/// user's source it was written.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) inputs: SmallVec<[NodeId; 4]>,
    pub(crate) shape: Shape,
    pub(crate) location: &'static Location<'static>,
}

impl Node {
    /// Whether this node is what another recording has, wherever it was written.
    pub(crate) fn repeats(&self, op: &Op, inputs: &[NodeId], shape: &Shape) -> bool {
        self.op == *op && self.inputs[..] == *inputs && self.shape == *shape
    }
}
