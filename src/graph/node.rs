//! One node of a graph.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::CodeLocation;
use crate::ops::{Constant, Content, Op};
use crate::params::ParamId;
use crate::shape::Shape;

/// A node's place in recording order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct NodeId(pub(crate) u32);

impl NodeId {
    #[inline(always)]
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node without inputs stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// An input tensor, by the order in which the tape was given them.
    Input(u32),
    /// Whole numbers, such as labels, by the order in which the graph was given them.
    Indices(u32),
    /// A sparse matrix, in the same order as whole numbers.
    Sparse(u32),
    /// A parameter; in a saved graph, by its place among those that the graph uses.
    #[serde(with = "detached")]
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

    /// What the node holds.
    pub(crate) fn content(self) -> Content {
        match self {
            Source::Input(_) | Source::Param(_) | Source::Scalar(_) => Content::Numbers,
            Source::Indices(_) => Content::Indices,
            Source::Sparse(_) => Content::Sparse,
            Source::Seed => Content::Seed,
        }
    }
}

/// The ids of parameters in a saved graph, which belong to no `Params`.
mod detached {
    use super::{Deserialize, ParamId, Serialize};

    pub(super) fn serialize<S: serde::Serializer>(
        id: &ParamId,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        id.index().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ParamId, D::Error> {
        u32::deserialize(deserializer).map(ParamId::detached)
    }
}

/// A recorded operation: what it computes, from which nodes, of which shape, and where in the
/// user's source it was written.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) inputs: SmallVec<[NodeId; 4]>,
    pub(crate) shape: Shape,
    pub(crate) location: CodeLocation,
}

impl Node {
    /// What the node holds.
    pub(crate) fn content(&self) -> Content {
        match self.op {
            Op::Source(source) => source.content(),
            _ => Content::Numbers,
        }
    }

    /// Whether this node is what another recording has, wherever it was written.
    pub(crate) fn repeats(&self, op: &Op, inputs: &[NodeId], shape: &Shape) -> bool {
        self.op == *op && self.inputs[..] == *inputs && self.shape == *shape
    }
}
