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
    /// The steps in order, each with the first of the nodes that it is drafted for.
    pub(super) steps: Vec<(NodeId, StepDraft)>,
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
#[derive(Clone)]
pub(super) struct Storage {
    /// The node whose value it holds in the end.
    pub(super) node: NodeId,
    pub(super) len: usize,
    /// Where it stands, if that is not for the arena to decide.
    pub(super) place: Option<Place>,
    /// Whether it is bound from outside and must not be written.
    pub(super) bound: bool,
}

#[derive(Clone)]
pub(super) enum StepDraft {
    Group(GroupDraft),
    Product(ProductDraft),
    Call { node: NodeId, inputs: SmallVec<[ArgumentDraft; 2]>, out: StorageId },
}

impl StepDraft {
    /// The storages that the step reads.
    pub(super) fn reads(&mut self) -> SmallVec<[&mut StorageId; 8]> {
        match self {
            StepDraft::Group(group) => {
                let views = group.loads.iter_mut().filter_map(|load| match load {
                    LoadDraft::View(view) => Some(&mut view.storage),
                    _ => None,
                });
                views.collect()
            }
            StepDraft::Product(product) => {
                [&mut product.a.storage, &mut product.b.storage].into_iter().collect()
            }
            StepDraft::Call { inputs, .. } => {
                let numbers = inputs.iter_mut().filter_map(|input| match input {
                    ArgumentDraft::Numbers(storage, ..) => Some(storage),
                    _ => None,
                });
                numbers.collect()
            }
        }
    }

    /// The storages that the step writes, or adds to.
    pub(super) fn writes(&mut self) -> SmallVec<[&mut StorageId; 8]> {
        match self {
            StepDraft::Group(group) => {
                let stores = group.stores.iter_mut().map(|(_, storage)| storage);
                let closings = group.closings.iter_mut().map(|(_, storage, _)| storage);
                stores.chain(closings).collect()
            }
            StepDraft::Product(product) => [&mut product.c].into_iter().collect(),
            StepDraft::Call { out, .. } => [out].into_iter().collect(),
        }
    }
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
#[derive(Clone)]
pub(super) struct ProductDraft {
    pub(super) sizes: [usize; 3],
    pub(super) batch: Batch,
    pub(super) a: ViewDraft,
    pub(super) b: ViewDraft,
    pub(super) c: StorageId,
    pub(super) accumulate: bool,
}

#[derive(Clone)]
pub(super) enum ArgumentDraft {
    Numbers(StorageId, usize, Shape),
    Attached(u32, Shape),
    Seed(Shape),
}

/// A group of element-wise operations over one space. Operands are numbered: first the loads, in
/// the finished group, then the results of the code; here each by its own list.
#[derive(Clone, Default)]
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

impl GroupDraft {
    /// A load as an operand: a new one unless the group has it already.
    pub(super) fn load(&mut self, load: LoadDraft) -> OperandDraft {
        let at = self.loads.iter().position(|known| *known == load).unwrap_or_else(|| {
            self.loads.push(load);
            self.loads.len() - 1
        });
        OperandDraft::Load(at)
    }
}

#[derive(Clone, PartialEq)]
pub(super) enum LoadDraft {
    Immediate(Constant),
    Noise(Noise),
    View(ViewDraft),
}

#[derive(Clone)]
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
