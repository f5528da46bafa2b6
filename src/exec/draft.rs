//! Steps whose results have no place yet: what lowering makes and placing finishes.

use smallvec::SmallVec;

use super::plan::{Batch, Place};
use crate::graph::NodeId;
use crate::ops::Constant;
use crate::ops::elementwise::{Elementwise, MAX_ARITY};
use crate::ops::random::Noise;
use crate::ops::view::View;
use crate::shape::{Shape, Strides};

/// A result or a bound tensor, by its place in [`Lowered::storages`].
pub(super) type StorageId = usize;

/// Steps whose results have no place yet.
pub(super) struct Lowered {
    pub(super) storages: Vec<Storage>,
    pub(super) steps: Vec<StepDraft>,
    /// Where the wanted values are, in the order of the request.
    pub(super) outputs: Vec<(StorageId, usize)>,
}

impl Lowered {
    /// Whether a value of this shape is all that a storage of the plan's own holds, in order.
    pub(super) fn owns(&self, view: &ViewDraft, shape: &Shape) -> bool {
        let storage = &self.storages[view.storage];
        !storage.bound && storage.len == shape.numel() && is_contiguous(shape, &view.strides)
    }
}

/// A stretch of numbers.
pub(super) struct Storage {
    pub(super) len: usize,
    /// Where it stands, if that is not for the arena to decide.
    pub(super) place: Option<Place>,
    /// Whether it is bound from outside and must not be written.
    pub(super) bound: bool,
}

pub(super) enum StepDraft {
    Group(GroupDraft),
    Product(ProductDraft),
    Call { node: NodeId, inputs: SmallVec<[ArgumentDraft; 2]>, out: StorageId },
}

/// Numbers in memory: where they start within a storage, and at which strides they are read.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ViewDraft {
    pub(super) storage: StorageId,
    pub(super) start: usize,
    pub(super) strides: Strides,
}

impl ViewDraft {
    /// The same numbers, of shape `from`, repeated to fill a larger shape.
    pub(super) fn broadcast(self, from: &Shape, to: &Shape) -> ViewDraft {
        let read = View::BroadcastTo(to.clone()).read(from, &self.strides, to);
        let (_, strides) = read.expect("a broadcast can be read at strides");
        ViewDraft { strides, ..self }
    }
}

/// `C = A B`, or `C += A B`, for each of some matrices; each operand with its row and column
/// stride.
pub(super) struct ProductDraft {
    pub(super) sizes: [usize; 3],
    pub(super) batch: Batch,
    pub(super) a: ViewDraft,
    pub(super) b: ViewDraft,
    pub(super) c: StorageId,
    pub(super) accumulate: bool,
}

pub(super) enum ArgumentDraft {
    Numbers(StorageId, usize, Shape),
    Attached(u32, Shape),
    Seed(Shape),
}

/// A group of element-wise operations over one space. Operands are numbered: first the loads, in
/// the finished group, then the results of the code; here each by its own list.
#[derive(Default)]
pub(super) struct GroupDraft {
    pub(super) space: Shape,
    pub(super) loads: Vec<LoadDraft>,
    pub(super) code: Vec<CodeDraft>,
    pub(super) stores: Vec<(OperandDraft, StorageId)>,
    /// Sums of an operand, with the strides of the result over the space.
    pub(super) closings: Vec<(OperandDraft, StorageId, Strides)>,
    /// The nodes that the closing sums compute.
    pub(super) closed: Vec<NodeId>,
    pub(super) sealed: bool,
}

#[derive(Clone, PartialEq)]
pub(super) enum LoadDraft {
    Immediate(Constant),
    Noise(Noise),
    View(ViewDraft),
}

pub(super) struct CodeDraft {
    pub(super) op: Elementwise,
    pub(super) args: [OperandDraft; MAX_ARITY],
    pub(super) node: NodeId,
    /// How often it is read within the group.
    pub(super) reads: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OperandDraft {
    Load(usize),
    Code(usize),
}

/// Whether strides are those of row-by-row order, on all axes where they matter.
pub(super) fn is_contiguous(shape: &Shape, strides: &[usize]) -> bool {
    let expected = shape.strides();
    shape.numel() == 0 || (0..shape.rank()).all(|i| shape[i] == 1 || strides[i] == expected[i])
}
