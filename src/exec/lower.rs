//! From nodes to steps: forms fused groups, products and calls, in an order that can be run.
//!
//! An element-wise node joins the open group of an input. A group is sealed, and so comes before
//! whatever follows, as soon as anything outside of it reads one of its results; that keeps the
//! order of the sealed steps topological without ever looking for cycles.

use smallvec::SmallVec;

use super::draft::{
    ArgumentDraft, CodeDraft, GroupDraft, LoadDraft, Lowered, OperandDraft, ProductDraft,
    StepDraft, Storage, StorageId, ViewDraft, is_contiguous,
};
use super::fused::MAX_OPERANDS;
use super::plan::Place;
use super::simplify::Simplified;
use super::tiling::collapse;
use crate::graph::{Node, NodeId, Source};
use crate::ops::elementwise::{Elementwise, MAX_ARITY};
use crate::ops::reduce::{Kind, Reduce};
use crate::ops::view::View;
use crate::ops::{Constant, Op};
use crate::params::{Layout, ParamId};
use crate::shape::Shape;

/// What is known of a node's value while lowering.
#[derive(Clone)]
enum Value {
    Constant(Constant),
    Attached(u32),
    Seed,
    /// Drawn where it is used.
    Noise,
    /// A result of a group that is still open.
    Member {
        group: usize,
        code: usize,
    },
    /// A closing sum of a group that is still open.
    Closing {
        group: usize,
    },
    /// A product put off until the sum that it may be added to in place.
    Deferred,
    View(ViewDraft),
}

struct Lowering<'a> {
    nodes: &'a [Node],
    simplified: &'a Simplified,
    layout: &'a Layout,
    values: Vec<Option<Value>>,
    groups: Vec<GroupDraft>,
    lowered: Lowered,
    /// The node that is being lowered; one behind the last once all are.
    current: NodeId,
    /// The most operands of a group: fewer than it takes for two operations turns fusion off.
    limit: usize,
}

/// Lowers the live nodes, then brings the wanted values and gradients to where they belong.
pub(super) fn lower(
    nodes: &[Node],
    simplified: &Simplified,
    outputs: &[NodeId],
    gradients: &[(ParamId, NodeId)],
    layout: &Layout,
    fuse: bool,
) -> Lowered {
    let mut lowering = Lowering {
        nodes,
        simplified,
        layout,
        values: vec![None; nodes.len()],
        groups: Vec::new(),
        lowered: Lowered { storages: Vec::new(), steps: Vec::new(), outputs: Vec::new() },
        current: NodeId(0),
        limit: if fuse { MAX_OPERANDS } else { 0 },
    };
    for index in (0..nodes.len()).filter(|&index| simplified.live[index]) {
        let id = NodeId(index as u32);
        if simplified.of(id) == id || simplified.constants[index].is_some() {
            lowering.current = id;
            lowering.node(id);
        }
    }
    lowering.current = NodeId(nodes.len() as u32);
    lowering.finish(outputs, gradients);
    lowering.lowered
}

impl Lowering<'_> {
    fn shape(&self, id: NodeId) -> &Shape {
        &self.nodes[id.index()].shape
    }

    fn inputs(&self, id: NodeId) -> SmallVec<[NodeId; 4]> {
        self.nodes[id.index()].inputs.iter().map(|&input| self.simplified.of(input)).collect()
    }

    fn value(&self, id: NodeId) -> Value {
        self.values[id.index()].clone().expect("inputs are lowered before their readers")
    }

    fn node(&mut self, id: NodeId) {
        let value = match (&self.nodes[id.index()].op, self.simplified.constants[id.index()]) {
            (_, Some(constant)) => Value::Constant(constant),
            (Op::Source(source), _) => self.source(*source, id),
            (Op::Noise(_), _) => Value::Noise,
            (Op::Elementwise(op), _) => self.elementwise(*op, id),
            (Op::View(view), _) => self.view(view, id),
            (Op::Reduce(reduce), _) if reduce.kind == Kind::Sum => self.sum(reduce, id),
            (Op::MatMul(_), _) if self.may_accumulate(id) => Value::Deferred,
            (Op::MatMul(_), _) => {
                let c = self.allocate(id);
                self.product(id, c, false)
            }
            _ => self.call(id),
        };
        self.values[id.index()] = Some(value);
    }

    fn source(&mut self, source: Source, id: NodeId) -> Value {
        let place = match source {
            Source::Input(slot) => Place::Input(slot, 0),
            Source::Param(param) => Place::Param(self.layout.entry(param).offset),
            Source::Scalar(value) => return Value::Constant(value),
            Source::Indices(slot) | Source::Sparse(slot) => return Value::Attached(slot),
            Source::Seed => return Value::Seed,
        };
        let len = self.shape(id).numel();
        self.lowered.storages.push(Storage { node: id, len, place: Some(place), bound: true });
        self.contiguous_value(id, self.lowered.storages.len() - 1)
    }

    /// New memory for a node's value.
    fn allocate(&mut self, id: NodeId) -> StorageId {
        let len = self.shape(id).numel();
        self.lowered.storages.push(Storage { node: id, len, place: None, bound: false });
        self.lowered.storages.len() - 1
    }

    fn contiguous_value(&self, id: NodeId, storage: StorageId) -> Value {
        Value::View(ViewDraft { storage, start: 0, strides: self.shape(id).strides() })
    }

    // Element-wise operations and sums, which form groups.

    fn elementwise(&mut self, op: Elementwise, id: NodeId) -> Value {
        let inputs = self.inputs(id);
        if let Some(value) = self.accumulated(op, id, &inputs) {
            return value;
        }
        let group = self.group_for(self.shape(id).clone(), &inputs);
        let mut args = [OperandDraft::Load(0); MAX_ARITY];
        for (arg, &input) in args.iter_mut().zip(&inputs) {
            *arg = self.operand(group, input);
        }
        let group_draft = &mut self.groups[group];
        group_draft.code.push(CodeDraft { op, args, node: id, reads: 0 });
        Value::Member { group, code: group_draft.code.len() - 1 }
    }

    fn sum(&mut self, reduce: &Reduce, id: NodeId) -> Value {
        let inputs = self.inputs(id);
        let space = self.shape(inputs[0]).clone();
        let strides = reduce.output_strides(&space);
        let group = self.group_for(space, &inputs);
        let operand = self.operand(group, inputs[0]);
        let storage = self.allocate(id);
        self.groups[group].closings.push((operand, storage, strides));
        self.groups[group].closed.push(id);
        Value::Closing { group }
    }

    /// An open group over this space in which these inputs can be read: the one that holds some of
    /// them, or a new one. Groups that have to come first are sealed.
    fn group_for(&mut self, space: Shape, inputs: &[NodeId]) -> usize {
        let mut found: Option<usize> = None;
        for &input in inputs {
            let Value::Member { group, .. } = self.value(input) else {
                self.seal_for(input);
                continue;
            };
            let other = found.filter(|&found| found != group);
            let operands =
                |group: usize| self.groups[group].loads.len() + self.groups[group].code.len();
            let room = operands(group) + other.map_or(0, operands) + inputs.len() < self.limit;
            if self.groups[group].space != space || !room {
                self.seal(group);
            } else if let Some(other) = other {
                self.merge(group, other);
            } else {
                found = Some(group);
            }
        }
        // Sealing one input's group may have sealed the group that was found.
        found.filter(|&group| !self.groups[group].sealed).unwrap_or_else(|| {
            self.groups.push(GroupDraft { space, ..GroupDraft::default() });
            self.groups.len() - 1
        })
    }

    /// Moves an open group's loads, code and sums into another.
    fn merge(&mut self, from: usize, into: usize) {
        let moved = std::mem::take(&mut self.groups[from]);
        self.groups[from].sealed = true;
        let target = &mut self.groups[into];
        let (loads, code) = (target.loads.len(), target.code.len());
        let shifted = |operand: OperandDraft| match operand {
            OperandDraft::Load(i) => OperandDraft::Load(i + loads),
            OperandDraft::Code(i) => OperandDraft::Code(i + code),
        };
        target.loads.extend(moved.loads);
        for entry in moved.code {
            let next = target.code.len();
            self.values[entry.node.index()] = Some(Value::Member { group: into, code: next });
            target.code.push(CodeDraft { args: entry.args.map(shifted), ..entry });
        }
        for ((operand, storage, strides), id) in moved.closings.into_iter().zip(moved.closed) {
            self.values[id.index()] = Some(Value::Closing { group: into });
            target.closings.push((shifted(operand), storage, strides));
            target.closed.push(id);
        }
    }

    /// An input as an operand of a group.
    fn operand(&mut self, group: usize, input: NodeId) -> OperandDraft {
        let load = match self.value(input) {
            Value::Member { group: of, code } if of == group => {
                self.groups[group].code[code].reads += 1;
                return OperandDraft::Code(code);
            }
            Value::Constant(value) => LoadDraft::Immediate(value),
            Value::Noise if *self.shape(input) == self.groups[group].space => {
                let Op::Noise(noise) = &self.nodes[input.index()].op else { unreachable!() };
                LoadDraft::Noise(noise.clone())
            }
            _ => {
                let view = self.view_of(input);
                let space = &self.groups[group].space;
                LoadDraft::View(view.broadcast(self.shape(input), space))
            }
        };
        self.groups[group].load(load)
    }

    /// Seals the group that computes a value, if it is open.
    fn seal_for(&mut self, id: NodeId) {
        if let Value::Member { group, .. } | Value::Closing { group } = self.value(id) {
            self.seal(group);
        }
    }

    /// Closes a group to further operations and appends it to the steps. Results that are read
    /// outside of it get memory.
    fn seal(&mut self, group: usize) {
        let mut draft = std::mem::take(&mut self.groups[group]);
        self.groups[group].sealed = true;
        for (i, entry) in draft.code.iter().enumerate() {
            if self.simplified.uses[entry.node.index()] > entry.reads {
                let storage = self.allocate(entry.node);
                draft.stores.push((OperandDraft::Code(i), storage));
                self.values[entry.node.index()] = Some(self.contiguous_value(entry.node, storage));
            }
        }
        for ((_, storage, _), &id) in draft.closings.iter().zip(&draft.closed) {
            self.values[id.index()] = Some(self.contiguous_value(id, *storage));
        }
        let computed =
            draft.code.iter().map(|entry| entry.node).chain(draft.closed.iter().copied());
        let first = computed.min().unwrap_or(self.current);
        self.lowered.steps.push((first, StepDraft::Group(draft)));
    }

    // Values in memory.

    /// A value in memory, at whatever strides.
    fn view_of(&mut self, id: NodeId) -> ViewDraft {
        self.seal_for(id);
        match self.value(id) {
            Value::View(view) => view,
            Value::Constant(value) => self.copy(id, LoadDraft::Immediate(value), None),
            Value::Noise => {
                let Op::Noise(noise) = &self.nodes[id.index()].op else { unreachable!() };
                self.copy(id, LoadDraft::Noise(noise.clone()), None)
            }
            _ => unreachable!("not a number, or not yet computed"),
        }
    }

    /// A value in memory, stored row by row: the storage, and where in it the value starts.
    fn contiguous(&mut self, id: NodeId) -> (StorageId, usize) {
        let mut view = self.view_of(id);
        if !is_contiguous(self.shape(id), &view.strides) {
            view = self.copy(id, LoadDraft::View(view), None);
        }
        (view.storage, view.start)
    }

    /// Copies a value into memory of its own, which then holds the value.
    fn copy(&mut self, id: NodeId, load: LoadDraft, into: Option<StorageId>) -> ViewDraft {
        let storage = into.unwrap_or_else(|| self.allocate(id));
        let space = self.shape(id).clone();
        let view = ViewDraft { storage, start: 0, strides: space.strides() };
        let group = GroupDraft {
            space,
            loads: vec![load],
            stores: vec![(OperandDraft::Load(0), storage)],
            ..GroupDraft::default()
        };
        self.lowered.steps.push((self.current, StepDraft::Group(group)));
        self.values[id.index()] = Some(Value::View(view.clone()));
        view
    }

    fn view(&mut self, view: &View, id: NodeId) -> Value {
        let input = self.inputs(id)[0];
        let ViewDraft { storage, start, strides } = self.view_of(input);
        match view.read(self.shape(input), &strides, self.shape(id)) {
            Some((further, strides)) => {
                Value::View(ViewDraft { storage, start: start + further, strides })
            }
            None => {
                // Only a change of shape needs the elements in order, which they then are.
                let (storage, start) = self.contiguous(input);
                Value::View(ViewDraft { storage, start, strides: self.shape(id).strides() })
            }
        }
    }

    // Products and calls.

    /// Whether a product's only reader is a sum of the same shape, which may take it in place.
    fn may_accumulate(&self, id: NodeId) -> bool {
        let reader = self.simplified.reader[id.index()];
        self.simplified.uses[id.index()] == 1
            && reader.is_some_and(|reader| {
                let node = &self.nodes[reader.index()];
                node.op == Op::Elementwise(Elementwise::add) && node.shape == *self.shape(id)
            })
    }

    /// Whether a value's memory may be overwritten by its only reader.
    fn may_overwrite(&mut self, id: NodeId) -> Option<StorageId> {
        let computed = !matches!(self.nodes[id.index()].op, Op::View(_) | Op::Source(_));
        if !computed || self.simplified.uses[id.index()] != 1 {
            return None;
        }
        self.seal_for(id);
        match self.value(id) {
            Value::View(view) => self.lowered.owns(&view, self.shape(id)).then_some(view.storage),
            _ => None,
        }
    }

    /// A sum with a product that was put off: added in place to the other summand if that dies
    /// here. Otherwise the product is computed now and the sum is like any other.
    fn accumulated(&mut self, op: Elementwise, id: NodeId, inputs: &[NodeId]) -> Option<Value> {
        let deferred = |this: &Self, id: NodeId| matches!(this.value(id), Value::Deferred);
        if op != Elementwise::add || !inputs.iter().any(|&input| deferred(self, input)) {
            return None;
        }
        let (mut product, mut other) = (inputs[0], inputs[1]);
        if !deferred(self, product) {
            std::mem::swap(&mut product, &mut other);
        }
        if deferred(self, other) {
            let c = self.allocate(other);
            self.values[other.index()] = Some(self.product(other, c, false));
        }
        if *self.shape(other) == *self.shape(id)
            && let Some(c) = self.may_overwrite(other)
        {
            self.lowered.storages[c].node = id;
            return Some(self.product(product, c, true));
        }
        let c = self.allocate(product);
        self.values[product.index()] = Some(self.product(product, c, false));
        None
    }

    fn product(&mut self, id: NodeId, c: StorageId, accumulate: bool) -> Value {
        let inputs = self.inputs(id);
        let (a, b) = (self.view_of(inputs[0]), self.view_of(inputs[1]));
        let (shape, left, right) = (self.shape(id), self.shape(inputs[0]), self.shape(inputs[1]));
        let last = shape.rank() - 2;
        let sizes = [shape[last], left[left.rank() - 1], shape[last + 1]];
        // Each operand's matrices, broadcast to those of the result.
        let over = |matrix: &Shape| -> Shape {
            let matrix = &matrix[matrix.rank() - 2..];
            shape[..last].iter().chain(matrix).copied().collect()
        };
        let (a, b) = (a.broadcast(left, &over(left)), b.broadcast(right, &over(right)));
        let counted = collapse(&shape[..last], &[&a.strides[..last], &b.strides[..last]]);
        let batch = (0..counted.sizes.len())
            .map(|i| (counted.sizes[i], counted.strides[0][i], counted.strides[1][i]))
            .collect();
        let product = ProductDraft { sizes, batch, a, b, c, accumulate };
        self.lowered.steps.push((id, StepDraft::Product(product)));
        self.contiguous_value(id, c)
    }

    fn call(&mut self, id: NodeId) -> Value {
        let arguments = self.inputs(id).into_iter().map(|input| {
            let shape = self.shape(input).clone();
            match self.value(input) {
                Value::Attached(slot) => ArgumentDraft::Attached(slot, shape),
                Value::Seed => ArgumentDraft::Seed(shape),
                _ => {
                    let (storage, start) = self.contiguous(input);
                    ArgumentDraft::Numbers(storage, start, shape)
                }
            }
        });
        let inputs = arguments.collect();
        let out = self.allocate(id);
        self.lowered.steps.push((id, StepDraft::Call { node: id, inputs, out }));
        self.contiguous_value(id, out)
    }

    // The end.

    /// Seals what is open and brings the wanted values into memory, gradients where they belong.
    fn finish(&mut self, outputs: &[NodeId], gradients: &[(ParamId, NodeId)]) {
        for &id in outputs {
            let storage = self.contiguous(self.simplified.of(id));
            self.lowered.outputs.push(storage);
        }
        for &(param, node) in gradients {
            let place = Place::Gradient(self.layout.entry(param).offset);
            self.gradient(self.simplified.of(node), place);
        }
    }

    /// Has a gradient computed where it belongs, or copied there if that memory is taken.
    fn gradient(&mut self, id: NodeId, place: Place) {
        let view = self.view_of(id);
        let storage = view.storage;
        let wanted = self.lowered.outputs.iter().any(|&(output, _)| output == storage);
        let placed = self.lowered.storages[storage].place.is_some();
        if !placed && !wanted && self.lowered.owns(&view, self.shape(id)) {
            self.lowered.storages[storage].place = Some(place);
            return;
        }
        let copy = self.allocate(id);
        self.lowered.storages[copy].place = Some(place);
        self.copy(id, LoadDraft::View(view), Some(copy));
    }
}
