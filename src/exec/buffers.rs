//! Gives every result a place: in one arena, reused once a result is read for the last time, and
//! in place of an input that dies where it can be.

use smallvec::SmallVec;

use super::arena::aligned;
use super::draft::{
    ArgumentDraft, CodeDraft, GroupDraft, LoadDraft, Lowered, OperandDraft, ProductDraft,
    StepDraft, Storage, StorageId, ViewDraft, is_contiguous,
};
use super::fused::{Closing, Code, Group, Load, Target};
use super::plan::{Argument, Call, Matrix, Output, Place, Plan, Product, Step};
use super::tiling::{Borders, Collapsed, Tiling, collapse};
use crate::graph::Node;
use crate::shape::Shape;

/// A stretch of the arena that is free, or the end of it.
#[derive(Default)]
struct FreeList {
    /// Offset and length, in order, never adjacent.
    free: Vec<(usize, usize)>,
    end: usize,
}

impl FreeList {
    /// The smallest free stretch that is large enough.
    fn take(&mut self, len: usize) -> usize {
        let len = aligned(len.max(1));
        let fitting = self.free.iter().enumerate().filter(|(_, (_, free))| *free >= len);
        match fitting.min_by_key(|(_, (_, free))| *free).map(|(i, _)| i) {
            Some(i) => {
                let (offset, free) = self.free[i];
                if free == len {
                    self.free.remove(i);
                } else {
                    self.free[i] = (offset + len, free - len);
                }
                offset
            }
            None => {
                // What is free at the very end grows instead of being left behind.
                let start = match self.free.last() {
                    Some(&(offset, free)) if offset + free == self.end => {
                        self.free.pop();
                        offset
                    }
                    _ => self.end,
                };
                self.end = start + len;
                start
            }
        }
    }

    fn give(&mut self, offset: usize, len: usize) {
        let len = aligned(len.max(1));
        let i = self.free.partition_point(|&(free, _)| free < offset);
        self.free.insert(i, (offset, len));
        if self.free.get(i + 1).is_some_and(|&(next, _)| offset + len == next) {
            self.free[i].1 += self.free.remove(i + 1).1;
        }
        if i > 0 && self.free[i - 1].0 + self.free[i - 1].1 == offset {
            self.free[i - 1].1 += self.free.remove(i).1;
        }
    }
}

struct Placing<'a> {
    nodes: &'a [Node],
    storages: Vec<Storage>,
    /// The last step that uses each result; `usize::MAX` for wanted ones.
    last_use: Vec<usize>,
    arena: FreeList,
}

/// Places the results and finishes the plan.
pub(super) fn place(
    nodes: &[Node],
    lowered: Lowered,
    shapes: impl Iterator<Item = Shape>,
    reached: std::sync::Arc<[bool]>,
) -> Plan {
    let Lowered { storages, mut steps, outputs } = lowered;
    let mut last_use = vec![0; storages.len()];
    for (at, (_, step)) in steps.iter_mut().enumerate() {
        used(step).for_each(|storage| last_use[storage] = at);
    }
    outputs.iter().for_each(|&(storage, _)| last_use[storage] = usize::MAX);
    let mut placing = Placing { nodes, storages, last_use, arena: FreeList::default() };
    let steps = steps.into_iter().enumerate();
    let steps = steps.map(|(at, (_, draft))| placing.step(at, draft)).collect();
    let outputs = outputs
        .iter()
        .zip(shapes)
        .map(|(&(storage, start), shape)| Output {
            place: placing.place_of(storage).behind(start),
            shape,
        })
        .collect();
    Plan { steps, arena: placing.arena.end, outputs, reached }
}

/// Everything that a step reads or writes.
fn used(step: &mut StepDraft) -> impl Iterator<Item = StorageId> {
    let mut all: SmallVec<[StorageId; 8]> = step.reads().into_iter().map(|read| *read).collect();
    all.extend(step.writes().into_iter().map(|written| *written));
    all.into_iter()
}

impl Placing<'_> {
    fn place_of(&self, storage: StorageId) -> Place {
        self.storages[storage].place.expect("a result is placed before it is read")
    }

    /// The place of a result that a step writes, taken from the arena if it has none yet.
    fn place_result(&mut self, storage: StorageId) -> Place {
        let Storage { len, place, .. } = &mut self.storages[storage];
        *place.get_or_insert_with(|| Place::Arena(self.arena.take(*len)))
    }

    fn step(&mut self, at: usize, mut draft: StepDraft) -> Step {
        let mut used: SmallVec<[StorageId; 8]> = used(&mut draft).collect();
        let step = match draft {
            StepDraft::Group(group) => Step::Group(self.group(at, group)),
            StepDraft::Product(product) => Step::Product(self.product(&product)),
            StepDraft::Call { node, inputs, out } => {
                let node = &self.nodes[node.index()];
                let out = self.place_result(out);
                let argument = |input| match input {
                    ArgumentDraft::Numbers(storage, start, shape) => {
                        (Argument::Numbers(self.place_of(storage).behind(start)), shape)
                    }
                    ArgumentDraft::Attached(slot, shape) => (Argument::Attached(slot), shape),
                    ArgumentDraft::Seed(shape) => (Argument::Seed, shape),
                };
                let inputs: SmallVec<[_; 2]> = inputs.into_iter().map(argument).collect();
                let (op, shape) = (node.op.clone(), node.shape.clone());
                let forks = {
                    let shapes: SmallVec<[_; 4]> = inputs.iter().map(|(_, shape)| shape).collect();
                    op.forks(&shapes, &shape)
                };
                Step::Call(Call { op, inputs, shape, out, forks })
            }
        };
        used.sort_unstable();
        used.dedup();
        for storage in used {
            if let (true, Some(Place::Arena(offset))) =
                (self.last_use[storage] == at, self.storages[storage].place)
            {
                self.arena.give(offset, self.storages[storage].len);
            }
        }
        step
    }

    fn product(&mut self, draft: &ProductDraft) -> Product {
        let matrix = |view: &ViewDraft| Matrix {
            place: self.place_of(view.storage).behind(view.start),
            row_stride: view.strides[view.strides.len() - 2],
            column_stride: view.strides[view.strides.len() - 1],
        };
        let (a, b) = (matrix(&draft.a), matrix(&draft.b));
        let c = self.place_result(draft.c);
        let &ProductDraft { sizes, ref batch, accumulate, .. } = draft;
        Product { sizes, batch: batch.clone(), a, b, c, accumulate }
    }

    fn group(&mut self, at: usize, draft: GroupDraft) -> Group {
        let shape = draft.shape_over_space();
        let mut slots = Slots::new(&draft);
        let loads: Vec<Load> =
            (0..draft.loads.len()).map(|i| self.load(&draft, i, &shape, &mut slots)).collect();
        let index = |operand: OperandDraft| match operand {
            OperandDraft::Load(i) => i as u8,
            OperandDraft::Code(i) => (draft.loads.len() + i) as u8,
        };

        let mut copies = Vec::new();
        let mut targets: Vec<Option<Place>> = vec![None; draft.code.len()];
        for &(operand, storage) in &draft.stores {
            let (place, direct) = self.place_store(at, &draft, operand, storage);
            match operand {
                OperandDraft::Code(i) if direct => targets[i] = Some(place),
                _ => copies.push((index(operand), place)),
            }
        }
        let mut code = Vec::with_capacity(draft.code.len());
        for (i, entry) in draft.code.iter().enumerate() {
            let out = match targets[i] {
                Some(place) => Target::Memory(place),
                None => Target::Slot(slots.take(OperandDraft::Code(i))),
            };
            slots.release_after(i);
            code.push(Code { op: entry.op, args: entry.args.map(index), out });
        }
        let mut partial_sums = Vec::new();
        let closings = draft.closings.iter().zip(shape.closings);
        let closings = closings
            .map(|(&(operand, storage, _), strides)| Closing {
                operand: index(operand),
                out: self.place_result(storage),
                len: self.storages[storage].len,
                strides,
                partials: shape.partial.then(|| {
                    let len = self.storages[storage].len * shape.tiling.chunks;
                    let offset = self.arena.take(len);
                    partial_sums.push((offset, len));
                    Place::Arena(offset)
                }),
            })
            .collect();
        // Only now: the sums of one group are added up side by side.
        partial_sums.into_iter().for_each(|(offset, len)| self.arena.give(offset, len));
        let slots = slots.count as usize;
        Group { tiling: shape.tiling, sizes: shape.sizes, loads, code, closings, copies, slots }
    }

    fn load(&self, draft: &GroupDraft, i: usize, shape: &GroupShape, slots: &mut Slots) -> Load {
        let mut slot = || slots.take(OperandDraft::Load(i));
        match &draft.loads[i] {
            LoadDraft::Immediate(value) => Load::Immediate { value: *value, slot: slot() },
            LoadDraft::Noise(noise) => Load::Noise { noise: noise.clone(), slot: slot() },
            LoadDraft::View(view) => {
                let place = self.place_of(view.storage).behind(view.start);
                let Some(strides) = &shape.loads[i] else { return Load::Direct(place) };
                let slot = slot();
                match &strides[..] {
                    all if all.iter().all(|&stride| stride == 0) => Load::Splat { place, slot },
                    [outer @ .., stride]
                        if shape.tiling.per_row == 0 && outer.iter().all(|&stride| stride == 0) =>
                    {
                        Load::Periodic { place, stride: *stride, slot }
                    }
                    _ => Load::Strided { place, strides: strides.clone(), slot },
                }
            }
        }
    }

    /// Where a group's result goes, and whether the operation may write it there itself: into an
    /// input that dies in this group if there is one, else into new memory.
    fn place_store(
        &mut self,
        at: usize,
        draft: &GroupDraft,
        operand: OperandDraft,
        storage: StorageId,
    ) -> (Place, bool) {
        let OperandDraft::Code(result) = operand else {
            return (self.place_result(storage), false);
        };
        if let Some(place) = self.storages[storage].place {
            return (place, true);
        }
        let dying =
            (0..draft.loads.len()).find(|&i| self.may_be_overwritten(at, draft, i, storage));
        let Some(load) = dying else { return (self.place_result(storage), true) };
        let LoadDraft::View(ViewDraft { storage: input, .. }) = draft.loads[load] else {
            unreachable!("only what is in memory can be overwritten")
        };
        let place = self.place_of(input);
        self.storages[storage].place = Some(place);
        // The input's memory now belongs to the result.
        self.last_use[input] = usize::MAX;
        let read =
            |code: &CodeDraft| code.args[..code.op.arity()].contains(&OperandDraft::Load(load));
        let last_read = draft.code.iter().rposition(read);
        (place, last_read.is_none_or(|last| last < result))
    }

    /// Whether a load's memory can take a result: it is read for the last time, by this load
    /// alone, element by element, and by nothing that comes after the code.
    fn may_be_overwritten(
        &self,
        at: usize,
        draft: &GroupDraft,
        i: usize,
        result: StorageId,
    ) -> bool {
        let LoadDraft::View(ViewDraft { storage: input, strides, .. }) = &draft.loads[i] else {
            return false;
        };
        let same =
            |load: &&LoadDraft| matches!(load, LoadDraft::View(view) if view.storage == *input);
        let read_late = |operand: OperandDraft| operand == OperandDraft::Load(i);
        self.last_use[*input] == at
            && matches!(self.storages[*input].place, Some(Place::Arena(_)))
            && self.storages[*input].len == self.storages[result].len
            && is_contiguous(&draft.space, strides)
            && draft.loads.iter().filter(same).count() == 1
            && !draft.closings.iter().any(|closing| read_late(closing.0))
            && !draft.stores.iter().any(|store| read_late(store.0))
    }
}

/// A group's space and how its operands lie in it.
struct GroupShape {
    sizes: SmallVec<[usize; 4]>,
    tiling: Tiling,
    /// The strides of each load; `None` if it lies like the space, or is no view.
    loads: Vec<Option<SmallVec<[usize; 4]>>>,
    closings: Vec<SmallVec<[usize; 4]>>,
    /// Whether each chunk keeps its own sums.
    partial: bool,
}

impl GroupDraft {
    fn shape_over_space(&self) -> GroupShape {
        let strided: Vec<Option<&[usize]>> = self
            .loads
            .iter()
            .map(|load| match load {
                LoadDraft::View(view) if !is_contiguous(&self.space, &view.strides) => {
                    Some(&view.strides[..])
                }
                _ => None,
            })
            .collect();
        let sums = self.closings.iter().map(|(_, _, strides)| &strides[..]);
        let all: Vec<&[usize]> = strided.iter().flatten().copied().chain(sums).collect();
        let Collapsed { sizes, strides } = collapse(&self.space, &all);
        let mut strides = strides.into_iter();
        let loads =
            strided.iter().map(|load| load.and_then(|_| strides.next())).collect::<Vec<_>>();
        let closings: Vec<_> = strides.collect();
        let (tiling, partial) = self.cut(&sizes, &closings);
        GroupShape { sizes, tiling, loads, closings, partial }
    }

    /// Cuts the space so that chunks share no sums, or else keep their own.
    fn cut(&self, sizes: &[usize], closings: &[SmallVec<[usize; 4]>]) -> (Tiling, bool) {
        if closings.is_empty() {
            return (Tiling::new(sizes, &Borders::Free), false);
        }
        let distinct = closings.iter().all(|strides| strides.first().is_some_and(|&s| s != 0));
        if distinct {
            let block = sizes[1..].iter().product();
            let tiling = Tiling::new(sizes, &Borders::Blocks(block));
            if tiling.takes_blocks(block) {
                return (tiling, false);
            }
        }
        let sums = self.closings.iter().map(|(_, _, strides)| {
            let kept = strides.iter().zip(&self.space[..]).filter(|&(&stride, _)| stride != 0);
            kept.map(|(_, &size)| size).product()
        });
        let tiling = Tiling::new(sizes, &Borders::Partials(sums.max().unwrap_or(1)));
        let partial = tiling.chunks > 1;
        (tiling, partial)
    }
}

/// Hands out a group's tiles of scratch memory, each free again once its operand is read for the
/// last time.
struct Slots {
    free: Vec<u8>,
    count: u8,
    /// The slot of each operation's result.
    of_code: Vec<Option<u8>>,
    /// The results that are read for the last time by each operation.
    dying: Vec<SmallVec<[usize; 2]>>,
}

impl Slots {
    fn new(draft: &GroupDraft) -> Self {
        let code = draft.code.len();
        let mut last = (0..code).collect::<Vec<_>>();
        for (i, entry) in draft.code.iter().enumerate() {
            for arg in &entry.args[..entry.op.arity()] {
                if let OperandDraft::Code(of) = arg {
                    last[*of] = i;
                }
            }
        }
        let late = draft.closings.iter().map(|closing| closing.0);
        for operand in late.chain(draft.stores.iter().map(|store| store.0)) {
            if let OperandDraft::Code(of) = operand {
                last[of] = code;
            }
        }
        let mut dying = vec![SmallVec::new(); code + 1];
        last.into_iter().enumerate().for_each(|(of, at)| dying[at].push(of));
        Slots { free: Vec::new(), count: 0, of_code: vec![None; code], dying }
    }

    /// A tile for an operand.
    fn take(&mut self, operand: OperandDraft) -> u8 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        if let OperandDraft::Code(i) = operand {
            self.of_code[i] = Some(slot);
        }
        slot
    }

    /// Frees what an operation was the last to read.
    fn release_after(&mut self, code: usize) {
        for &of in &self.dying[code] {
            self.free.extend(self.of_code[of]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_memory_is_merged_and_used_again() {
        let mut list = FreeList::default();
        let blocks: Vec<usize> = (0..4).map(|_| list.take(100)).collect();
        assert_eq!(blocks, [0, 112, 224, 336]);
        list.give(blocks[1], 100);
        list.give(blocks[3], 100);
        list.give(blocks[2], 100);
        assert_eq!(list.free, [(112, 336)]);
        assert_eq!(list.take(10), 112);
        // What is free at the end grows.
        assert_eq!(list.take(1000), 128);
        assert_eq!(list.end, 128 + 1008);
    }
}
