//! Fused groups: a chain of element-wise operations over one space, its broadcast inputs and its
//! closing sums, run tile by tile, so that everything in between stays in the first-level cache.

use smallvec::SmallVec;

use super::kernels::scratch::with_scratch;
use super::kernels::subnormal::FlushSubnormals;
use super::kernels::sum;
use super::kernels::tasks::{for_each_task, is_spread};
use super::memory::Memory;
use super::plan::{Immediate, Place};
use super::tiling::{TILE, Tiling};
use crate::ops::elementwise::{Elementwise, MAX_ARITY};
use crate::ops::random::Noise;
use crate::scalar::Scalar;

/// The most operands of a fused group, its inputs and its own results: what its tiles' pointers
/// are kept in.
pub(super) const MAX_OPERANDS: usize = 32;

/// A fused group. Operands are numbered: the loads first, then the results of the code.
pub(super) struct Group {
    pub(super) tiling: Tiling,
    /// The space, neighbouring axes merged; strides below are over these.
    pub(super) sizes: SmallVec<[usize; 4]>,
    pub(super) loads: Vec<Load>,
    pub(super) code: Vec<Code>,
    pub(super) closings: Vec<Closing>,
    /// Operands that are copied out once all else is done.
    pub(super) copies: Vec<(u8, Place)>,
    /// How many tiles of scratch memory the group needs.
    pub(super) slots: usize,
}

/// An input of a group, brought into tiles.
pub(super) enum Load {
    /// Stored like the space: read where it stands.
    Direct(Place),
    /// A number known when planning.
    Immediate { value: Immediate, slot: u8 },
    /// One number for all elements.
    Splat { place: Place, slot: u8 },
    /// The same in each row, where a tile holds whole rows.
    Periodic { place: Place, stride: usize, slot: u8 },
    /// At any other strides.
    Strided { place: Place, strides: SmallVec<[usize; 4]>, slot: u8 },
    /// Drawn at random.
    Noise { noise: Noise, slot: u8 },
}

/// One operation of a group.
pub(super) struct Code {
    pub(super) op: Elementwise,
    pub(super) args: [u8; MAX_ARITY],
    pub(super) out: Target,
}

/// Where an operation's result goes.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// A tile of scratch memory.
    Slot(u8),
    /// The result's own memory.
    Memory(Place),
}

/// A sum that closes a group.
pub(super) struct Closing {
    pub(super) operand: u8,
    pub(super) out: Place,
    /// The number of sums.
    pub(super) len: usize,
    /// The strides of the sums over the space: 0 along the axes that are summed over.
    pub(super) strides: SmallVec<[usize; 4]>,
    /// Where each chunk keeps its own sums, if chunks share some; added up in order at the end.
    pub(super) partials: Option<Place>,
}

impl Group {
    /// Runs the group.
    ///
    /// # Safety
    ///
    /// The memory must be that of the plan which the group is part of.
    pub(super) unsafe fn run<T: Scalar>(&self, memory: &Memory<'_, T>) {
        let chunks = self.tiling.chunks;
        for closing in self.closings.iter().filter(|closing| closing.partials.is_none()) {
            // SAFETY: the caller's promise.
            unsafe { closing.clear(0, memory) };
        }
        // SAFETY: the caller's promise; chunks write disjoint parts.
        for_each_task::<T>(chunks, self.work(), |chunk| unsafe { self.run_chunk(chunk, memory) });
        for closing in self.closings.iter().filter(|closing| closing.partials.is_some()) {
            // SAFETY: the caller's promise; no chunk is running any more.
            unsafe { closing.combine(chunks, memory) };
        }
    }

    /// Whether the group may spread its chunks over threads.
    pub(super) fn forks(&self) -> bool {
        self.tiling.chunks > 1 && is_spread(self.work())
    }

    /// About how many operations on numbers the group makes.
    fn work(&self) -> usize {
        let each = self.code.iter().map(|code| code.op.work()).sum::<usize>();
        self.tiling.len * (each + self.closings.len() + self.copies.len())
    }

    /// # Safety
    ///
    /// As for [`Group::run`]; no chunk may run twice at the same time.
    unsafe fn run_chunk<T: Scalar>(&self, chunk: usize, memory: &Memory<'_, T>) {
        with_scratch(self.slots * TILE, |scratch: &mut [T]| {
            let mut tiles = Tiles {
                operands: [std::ptr::null_mut(); MAX_OPERANDS],
                scratch: scratch.as_mut_ptr(),
                memory,
            };
            let first = chunk * self.tiling.chunk;
            let last = (first + self.tiling.chunk).min(self.tiling.tiles);
            // SAFETY: the caller's promise; scratch memory holds a tile for each slot.
            unsafe {
                for closing in self.closings.iter().filter(|closing| closing.partials.is_some()) {
                    closing.clear(chunk, memory);
                }
                self.load_repeated(&mut tiles);
                for tile in first..last {
                    self.run_tile(tile, chunk, &mut tiles);
                }
            }
        });
    }

    /// Fills the tiles that are the same throughout.
    ///
    /// # Safety
    ///
    /// As for [`Group::run_chunk`].
    unsafe fn load_repeated<T: Scalar>(&self, tiles: &mut Tiles<'_, T>) {
        let len = self.tiling.tile.min(self.tiling.len);
        for (i, load) in self.loads.iter().enumerate() {
            // SAFETY: the slot is the load's own, and what is read is of the load's size.
            unsafe {
                match *load {
                    Load::Immediate { value, slot } => {
                        tiles.fill(i, slot, len, T::from_f64(value.0));
                    }
                    Load::Splat { place, slot } => {
                        let value = *tiles.memory.at(place);
                        tiles.fill(i, slot, len, value);
                    }
                    Load::Periodic { place, stride, slot } => {
                        let row = tiles.memory.at(place);
                        let out = tiles.slot(i, slot, len);
                        for out in out.chunks_mut(self.tiling.width) {
                            read_run(row, stride, out);
                        }
                    }
                    Load::Direct(_) | Load::Strided { .. } | Load::Noise { .. } => {}
                }
            }
        }
    }

    /// # Safety
    ///
    /// As for [`Group::run_chunk`], after [`Group::load_repeated`].
    unsafe fn run_tile<T: Scalar>(&self, tile: usize, chunk: usize, tiles: &mut Tiles<'_, T>) {
        let (start, len) = self.tiling.span(tile);
        // SAFETY: what is read and written lies within the tile's part of each operand.
        unsafe {
            for (i, load) in self.loads.iter().enumerate() {
                self.load(i, load, start, len, tiles);
            }
            for (i, code) in self.code.iter().enumerate() {
                let args = code.args.map(|arg| tiles.operands[arg as usize].cast_const());
                let out = match code.out {
                    Target::Slot(slot) => tiles.scratch.add(slot as usize * TILE),
                    Target::Memory(place) => tiles.memory.at(place).add(start),
                };
                code.op.apply(args, out, len);
                tiles.operands[self.loads.len() + i] = out;
            }
            for closing in &self.closings {
                let values = tiles.operands[closing.operand as usize];
                let values = std::slice::from_raw_parts(values, len);
                self.add_up(closing, values, start, closing.sums(chunk, tiles.memory));
            }
            for &(operand, place) in &self.copies {
                let out = tiles.memory.at(place).add(start);
                out.copy_from_nonoverlapping(tiles.operands[operand as usize], len);
            }
        }
    }

    /// Brings an input's part of a tile to where the code reads it.
    ///
    /// # Safety
    ///
    /// As for [`Group::run_tile`].
    #[inline(always)]
    unsafe fn load<T: Scalar>(
        &self,
        i: usize,
        load: &Load,
        start: usize,
        len: usize,
        tiles: &mut Tiles<'_, T>,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match load {
                Load::Direct(place) => tiles.operands[i] = tiles.memory.at(*place).add(start),
                Load::Strided { place, strides, slot } => {
                    let stride = strides[strides.len() - 1];
                    let from = tiles.memory.at(*place);
                    if self.tiling.per_row > 0 && stride == 1 {
                        tiles.operands[i] = from.add(self.offset(start, strides));
                        return;
                    }
                    let width = self.tiling.width;
                    let out = tiles.slot(i, *slot, len);
                    for (row, out) in out.chunks_mut(width).enumerate() {
                        let offset = self.offset(start + row * width, strides);
                        read_run(from.add(offset), stride, out);
                    }
                }
                Load::Noise { noise, slot } => {
                    let seed = tiles.memory.seed();
                    noise.fill(seed, start, tiles.slot(i, *slot, len));
                }
                Load::Immediate { .. } | Load::Splat { .. } | Load::Periodic { .. } => {}
            }
        }
    }

    /// Adds a tile's values to the sums that they belong to.
    ///
    /// # Safety
    ///
    /// `sums` must point to the closing's sums, and nothing else may use those of this tile.
    unsafe fn add_up<T: Scalar>(
        &self,
        closing: &Closing,
        values: &[T],
        start: usize,
        sums: *mut T,
    ) {
        let width = self.tiling.width;
        let strides = &closing.strides;
        // SAFETY: the caller's promise; offsets at the closing's strides lie within its sums.
        unsafe {
            match strides.last() {
                // One sum for all.
                _ if strides.iter().all(|&stride| stride == 0) => *sums += sum::sum(values),
                // The rows of a tile are added up first: fewer numbers meet a large sum, which
                // costs precision.
                Some(1) if strides[..strides.len() - 1].iter().all(|&stride| stride == 0) => {
                    let within = start % width;
                    let columns = width.min(values.len());
                    let sums = std::slice::from_raw_parts_mut(sums.add(within), columns);
                    sum::add_rows(sums, values);
                }
                Some(1) => {
                    for (i, run) in values.chunks(width).enumerate() {
                        let offset = self.offset(start + i * width, strides);
                        let sums = std::slice::from_raw_parts_mut(sums.add(offset), run.len());
                        sum::add_rows(sums, run);
                    }
                }
                _ if self.tiling.per_row == 0 && matches!(strides[..], [1, 0]) => {
                    let rows = values.len() / width;
                    let sums = std::slice::from_raw_parts_mut(sums.add(start / width), rows);
                    sum::add_each_row(sums, values);
                }
                _ => {
                    for (i, run) in values.chunks(width).enumerate() {
                        *sums.add(self.offset(start + i * width, strides)) += sum::sum(run);
                    }
                }
            }
        }
    }

    /// Where an element, counted row by row, stands at the given strides.
    #[inline]
    fn offset(&self, mut element: usize, strides: &[usize]) -> usize {
        if let (&[_, width], &[outer, inner]) = (&self.sizes[..], strides) {
            return element / width * outer + element % width * inner;
        }
        let mut offset = 0;
        for (&size, &stride) in self.sizes.iter().zip(strides).rev() {
            offset += element % size * stride;
            element /= size;
        }
        offset
    }
}

impl Closing {
    /// Where the sums that a chunk adds to stand.
    ///
    /// # Safety
    ///
    /// The memory must be that of the closing's plan.
    unsafe fn sums<T: Scalar>(&self, chunk: usize, memory: &Memory<'_, T>) -> *mut T {
        match self.partials {
            // SAFETY: the plan has room for the sums of each chunk.
            Some(partials) => unsafe { memory.at(partials).add(chunk * self.len) },
            None => memory.at(self.out),
        }
    }

    /// Sets the sums that a chunk adds to to zero.
    ///
    /// # Safety
    ///
    /// As for [`Closing::sums`], and nothing else may use these sums meanwhile.
    unsafe fn clear<T: Scalar>(&self, chunk: usize, memory: &Memory<'_, T>) {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.sums(chunk, memory), self.len) }.fill(T::ZERO);
    }

    /// Adds up the chunks' sums, in order.
    ///
    /// # Safety
    ///
    /// As for [`Closing::clear`], for all chunks.
    unsafe fn combine<T: Scalar>(&self, chunks: usize, memory: &Memory<'_, T>) {
        let _flush = FlushSubnormals::during::<T>();
        // SAFETY: the caller's promise.
        unsafe {
            let out = std::slice::from_raw_parts_mut(memory.at(self.out), self.len);
            out.fill(T::ZERO);
            for chunk in 0..chunks {
                let part = std::slice::from_raw_parts(self.sums(chunk, memory), self.len);
                sum::add_rows(out, part);
            }
        }
    }
}

/// The operands of the tile at hand.
struct Tiles<'a, T> {
    /// Where each operand's part of the tile stands.
    operands: [*mut T; MAX_OPERANDS],
    /// A tile of memory for each slot.
    scratch: *mut T,
    memory: &'a Memory<'a, T>,
}

impl<T: Scalar> Tiles<'_, T> {
    /// The slot's tile, which from now on is where the operand stands.
    ///
    /// # Safety
    ///
    /// There must be such a slot, and no other slice of it.
    unsafe fn slot(&mut self, operand: usize, slot: u8, len: usize) -> &mut [T] {
        // SAFETY: the caller's promise.
        let start = unsafe { self.scratch.add(slot as usize * TILE) };
        self.operands[operand] = start;
        // SAFETY: as above; a tile holds at most `TILE` numbers, and the arena always numbers.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }

    /// # Safety
    ///
    /// As for [`Tiles::slot`].
    unsafe fn fill(&mut self, operand: usize, slot: u8, len: usize, value: T) {
        // SAFETY: the caller's promise.
        unsafe { self.slot(operand, slot, len) }.fill(value);
    }
}

/// Reads numbers that lie `stride` apart.
///
/// # Safety
///
/// All of them must be readable.
#[inline]
unsafe fn read_run<T: Scalar>(from: *const T, stride: usize, out: &mut [T]) {
    /// Runs shorter than this are not worth a call.
    const SHORT: usize = 16;
    // SAFETY: the caller's promise.
    unsafe {
        match stride {
            _ if out.len() < SHORT => {
                out.iter_mut().enumerate().for_each(|(i, out)| *out = *from.add(i * stride));
            }
            0 => out.fill(*from),
            1 => out.copy_from_slice(std::slice::from_raw_parts(from, out.len())),
            _ => out.iter_mut().enumerate().for_each(|(i, out)| *out = *from.add(i * stride)),
        }
    }
}
