//! Data that a graph holds itself.

use super::Source;
use crate::ops::Data;
use crate::shape::Shape;
use crate::sparse::SparseRows;
use crate::tensor::Indices;

/// Data that a graph holds itself, since they are the same for every number type, and since a
/// `Var` has to be able to bind them.
#[derive(Clone)]
pub(crate) enum Attached {
    Indices(Indices),
    Sparse(SparseRows),
}

impl Attached {
    pub(super) fn shape(&self) -> &Shape {
        match self {
            Attached::Indices(indices) => indices.shape(),
            Attached::Sparse(rows) => rows.shape(),
        }
    }

    /// Where they enter the graph, if they are those of this slot.
    pub(super) fn source(&self, slot: u32) -> Source {
        match self {
            Attached::Indices(_) => Source::Indices(slot),
            Attached::Sparse(_) => Source::Sparse(slot),
        }
    }

    /// As a kernel sees them.
    pub(crate) fn data<T>(&self) -> Data<'_, T> {
        match self {
            Attached::Indices(indices) => Data::Indices(indices.data()),
            Attached::Sparse(rows) => Data::Sparse(rows.stored()),
        }
    }
}
