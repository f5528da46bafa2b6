//! Computes the inner values of parts a second time where something behind a part reads them, so
//! that their memory is free in between: gradient checkpointing.
//!
//! What is repeated are drafted steps. As every number comes from the same operations in the same
//! fusion, and so in the same order, no bit changes.

use std::collections::{BTreeMap, HashMap};

use smallvec::SmallVec;

use super::draft::{
    CodeDraft, GroupDraft, LoadDraft, Lowered, OperandDraft, StepDraft, Storage, StorageId,
    ViewDraft,
};
use super::parts::{PartId, Parts};
use crate::graph::NodeId;

/// What is known of a storage.
#[derive(Default)]
struct Fate {
    /// The steps that write it: the first one, and those that add to what it wrote.
    writers: SmallVec<[usize; 1]>,
    /// The innermost part of which it is an inner value that is not kept.
    part: Option<PartId>,
    /// Whether anything behind the part reads it.
    read_behind: bool,
}

struct Repeating<'a> {
    parts: &'a Parts,
    drafted: Vec<(NodeId, StepDraft)>,
    storages: Vec<Storage>,
    fates: Vec<Fate>,
    /// The storages that a part's inner values were computed into again.
    copies: HashMap<(PartId, StorageId), StorageId>,
    steps: Vec<(NodeId, StepDraft)>,
    /// Where in `steps` each drafted step is.
    places: Vec<usize>,
}

/// Repeats what the parts do not keep.
pub(super) fn repeat(lowered: Lowered, parts: &Parts) -> Lowered {
    let Lowered { storages, steps: drafted, outputs } = lowered;
    let fates = storages.iter().map(|_| Fate::default()).collect();
    let (steps, places) = (Vec::with_capacity(drafted.len()), Vec::with_capacity(drafted.len()));
    let copies = HashMap::new();
    let mut repeating = Repeating { parts, drafted, storages, fates, copies, steps, places };
    repeating.foresee(&outputs);
    for at in 0..repeating.drafted.len() {
        repeating.step(at);
    }
    Lowered { storages: repeating.storages, steps: repeating.steps, outputs }
}

impl Repeating<'_> {
    /// Finds out which storages are not kept, and which of those are read behind their part.
    fn foresee(&mut self, outputs: &[(StorageId, usize)]) {
        for (fate, storage) in self.fates.iter_mut().zip(&self.storages) {
            let kept = storage.bound || storage.place.is_some();
            fate.part = self.parts.of(storage.node).filter(|_| !kept);
        }
        outputs.iter().for_each(|&(storage, _)| self.fates[storage].part = None);
        for (at, (first, step)) in self.drafted.iter_mut().enumerate() {
            for &mut written in step.writes() {
                let fate = &mut self.fates[written];
                fate.writers.push(at);
                // What is only brought into order behind the part is not of the part.
                fate.part = fate.part.filter(|&part| !self.parts.is_after(*first, part));
            }
            // Sums are kept: they are small, and in a smaller group, cut into other chunks, they
            // would be added up in another order.
            if let StepDraft::Group(group) = step {
                group.closings.iter().for_each(|&(_, sum, _)| self.fates[sum].part = None);
            }
        }
        for (first, step) in &mut self.drafted {
            for &mut read in step.reads() {
                let fate = &mut self.fates[read];
                fate.read_behind |= fate.part.is_some_and(|part| self.parts.is_after(*first, part));
            }
        }
    }

    /// Takes over a step, with what it reads of the parts before it computed again.
    fn step(&mut self, at: usize) {
        let (first, mut step) = self.drafted[at].clone();
        for read in step.reads() {
            let part = self.fates[*read].part;
            if let Some(part) = part.filter(|&part| self.parts.is_after(first, part)) {
                self.compute_again(*read, part);
                *read = self.copies[&(part, *read)];
            }
        }
        self.places.push(self.steps.len());
        self.steps.push((first, step));
    }

    /// Computes a part's inner value again, and so what it is computed from, unless that is done
    /// already.
    ///
    /// A part within another one is computed again when the outer one is, for its result, and once
    /// more for its own inner values: so these are only there for as long as they are read.
    fn compute_again(&mut self, storage: StorageId, part: PartId) {
        let around = self.parts.around(part);
        let mut wanted = Wanted::new();
        self.want(storage, part, &mut wanted);
        let mut repeated = Vec::new();
        while let Some(((depth, at), storages)) = wanted.pop_last() {
            let part = around[depth];
            let mut step = self.for_storages(at, storages, part);
            for &mut read in step.reads() {
                if let Some(part) = self.part_to_read(read, part) {
                    self.want(read, part, &mut wanted);
                }
            }
            repeated.push((part, self.drafted[at].0, step));
        }
        let mut passing = Vec::new();
        for (part, first, mut step) in repeated.into_iter().rev() {
            for read in step.reads() {
                if let Some(part) = self.part_to_read(*read, part) {
                    *read = self.copies[&(part, *read)];
                }
            }
            for written in step.writes() {
                if self.fates[*written].part != Some(part) {
                    passing.push((part, *written));
                }
                *written = self.copy(*written, part);
            }
            self.steps.push((first, step));
        }
        passing.iter().for_each(|copy| _ = self.copies.remove(copy));
    }

    /// Asks for the steps that compute a storage as a part is repeated, unless they have been.
    fn want(&self, storage: StorageId, part: PartId, wanted: &mut Wanted) {
        if !self.copies.contains_key(&(part, storage)) {
            let depth = self.parts.around(part).len() - 1;
            for &at in &self.fates[storage].writers {
                let storages = wanted.entry((depth, at)).or_default();
                if !storages.contains(&storage) {
                    storages.push(storage);
                }
            }
        }
    }

    /// The part as whose copy a storage is read when a part is repeated; `None` if the storage
    /// itself is read.
    fn part_to_read(&self, storage: StorageId, part: PartId) -> Option<PartId> {
        let own = self.fates[storage].part?;
        if self.parts.is_within(part, own) {
            return Some(own);
        }
        self.parts.is_within(own, part).then_some(part)
    }

    /// The copy of a storage that is written when a part is repeated.
    fn copy(&mut self, storage: StorageId, part: PartId) -> StorageId {
        let Storage { node, len, .. } = self.storages[storage];
        let new = self.storages.len();
        let copy = *self.copies.entry((part, storage)).or_insert(new);
        if copy == new {
            self.add(Storage { node, len, place: None, bound: false }, Fate::default());
        }
        copy
    }

    fn add(&mut self, storage: Storage, fate: Fate) {
        self.storages.push(storage);
        self.fates.push(fate);
    }

    /// What a drafted step does for some storages, as a part is repeated.
    fn for_storages(
        &mut self,
        at: usize,
        mut storages: SmallVec<[StorageId; 2]>,
        part: PartId,
    ) -> StepDraft {
        let StepDraft::Group(group) = &self.drafted[at].1 else {
            return self.drafted[at].1.clone();
        };
        // What will be read behind the part is computed now, with the rest.
        let more = group.stores.iter().map(|&(_, storage)| storage).filter(|storage| {
            let Fate { writers, part: own, read_behind } = &self.fates[*storage];
            let new = !storages.contains(storage) && !self.copies.contains_key(&(part, *storage));
            new && *own == Some(part) && *read_behind && writers.len() == 1
        });
        let more: SmallVec<[StorageId; 2]> = more.collect();
        storages.extend(more);
        let uses = group.uses(&storages, |node| {
            self.parts.of(node).is_some_and(|own| self.parts.is_within(own, part))
        });
        let loaded = |(i, of): (usize, &Use)| (*of == Use::Loaded).then_some(i);
        let loaded: Vec<usize> = uses.iter().enumerate().filter_map(loaded).collect();
        let loaded = loaded.into_iter().map(|i| (i, self.in_memory(at, i))).collect();
        let StepDraft::Group(group) = &self.drafted[at].1 else { unreachable!("it is a group") };
        StepDraft::Group(group.reduced(&storages, &uses, &loaded))
    }

    /// The storage of a group's result, which gets one if it has none.
    fn in_memory(&mut self, at: usize, code: usize) -> StorageId {
        let StepDraft::Group(group) = &mut self.drafted[at].1 else { unreachable!("it has code") };
        let stored = group.stores.iter().find(|&&(operand, storage)| {
            operand == OperandDraft::Code(code) && self.fates[storage].writers.len() == 1
        });
        if let Some(&(_, storage)) = stored {
            return storage;
        }
        let store = (OperandDraft::Code(code), self.storages.len());
        group.stores.push(store);
        let (node, len) = (group.code[code].node, group.space.numel());
        if let StepDraft::Group(group) = &mut self.steps[self.places[at]].1 {
            group.stores.push(store);
        }
        let part = self.parts.of(node);
        let fate = Fate { writers: [at].into_iter().collect(), part, read_behind: false };
        self.add(Storage { node, len, place: None, bound: false }, fate);
        store.1
    }
}

/// The storages that steps are to compute again, by part, the outermost first, and step: so each
/// step reads only what stands before it.
type Wanted = BTreeMap<(usize, usize), SmallVec<[StorageId; 2]>>;

/// What becomes of a result of a group's code when the group is reduced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Unused,
    Computed,
    Loaded,
}

impl GroupDraft {
    /// What becomes of the code when only some storages are written and only some nodes may be
    /// computed for that, others being loaded.
    fn uses(&self, storages: &[StorageId], computed: impl Fn(NodeId) -> bool) -> Vec<Use> {
        let mut uses = vec![Use::Unused; self.code.len()];
        for (operand, _) in self.stores.iter().filter(|(_, storage)| storages.contains(storage)) {
            if let OperandDraft::Code(i) = *operand {
                uses[i] = Use::Computed;
            }
        }
        for (i, entry) in self.code.iter().enumerate().rev() {
            if uses[i] == Use::Computed {
                for arg in &entry.args[..entry.op.arity()] {
                    if let OperandDraft::Code(read) = *arg
                        && uses[read] == Use::Unused
                    {
                        let computed = computed(self.code[read].node);
                        uses[read] = if computed { Use::Computed } else { Use::Loaded };
                    }
                }
            }
        }
        uses
    }

    /// The group without what is not used for some storages.
    fn reduced(
        &self,
        storages: &[StorageId],
        uses: &[Use],
        loaded: &HashMap<usize, StorageId>,
    ) -> GroupDraft {
        let space = self.space.clone();
        let mut reduced = GroupDraft { space, ..GroupDraft::default() };
        let mut results = vec![OperandDraft::Load(0); self.code.len()];
        let operand = |reduced: &mut GroupDraft, results: &[OperandDraft], operand| match operand {
            OperandDraft::Load(i) => reduced.load(self.loads[i].clone()),
            OperandDraft::Code(i) => results[i],
        };
        for (i, entry) in self.code.iter().enumerate() {
            results[i] = match uses[i] {
                Use::Unused => continue,
                Use::Loaded => {
                    let strides = self.space.strides();
                    let view = ViewDraft { storage: loaded[&i], start: 0, strides };
                    reduced.load(LoadDraft::View(view))
                }
                Use::Computed => {
                    let mut args = entry.args;
                    for arg in &mut args[..entry.op.arity()] {
                        *arg = operand(&mut reduced, &results, *arg);
                    }
                    reduced.code.push(CodeDraft { args, ..*entry });
                    OperandDraft::Code(reduced.code.len() - 1)
                }
            };
        }
        for &(of, storage) in self.stores.iter().filter(|(_, storage)| storages.contains(storage)) {
            let of = operand(&mut reduced, &results, of);
            reduced.stores.push((of, storage));
        }
        reduced
    }
}
