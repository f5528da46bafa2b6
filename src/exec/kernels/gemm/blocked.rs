//! Products in blocks that fit the caches (after Goto and van de Geijn, Anatomy of
//! High-Performance Matrix Multiplication, 2008).
//!
//! A slice of the right matrix is packed so that it stays in the second-level cache, in panels as
//! wide as a tile of results. The rows of one tile after the other, in the first-level cache, then
//! pass along all its panels. So results are written row by row, which matters where they are many
//! and the inner dimension is short.
//!
//! Each thread packs for itself what its part of the results needs: what another core has packed
//! would come more slowly than the matrix itself.

use std::ops::Range;

use super::pack::{pack_panel, pack_tile};
use super::tile::{Panel, panel_registers, tile, tile_rows};
use super::{Output, Strided};
use crate::exec::kernels::scratch::with_scratch;
use crate::exec::kernels::tasks::for_each_task;
use crate::exec::kernels::vector::Vector;
use crate::scalar::Scalar;

/// The most of the inner dimension that is taken at a time: eight rows of `f32` are then 16 kB.
/// Each slice reads and writes all results once, so it should not be short.
const DEPTH: usize = 512;
/// The same where the results are no wider than a panel, so that the left rows, which are then read
/// once, are read in longer stretches; still longer sums would lose precision.
const NARROW_DEPTH: usize = 768;
/// How many numbers a slice of the right matrix has: 512 kB of `f32`.
const SLICE: usize = 1 << 17;
/// How many rows of the right matrix are packed together if they lie in memory one by one.
const ROWS_READ: usize = 16;
/// About how many multiplications take as long as packing a number.
const PACKING: usize = 8;

/// The length of pieces of at most about `most`, as even as multiples of `unit` can be.
fn even(len: usize, most: usize, unit: usize) -> usize {
    len.div_ceil(len.div_ceil(most).max(1)).next_multiple_of(unit).max(unit)
}

/// `0..len` in pieces of this length, the last one shorter.
fn pieces(len: usize, piece: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(piece).map(move |start| start..(start + piece).min(len))
}

/// `c = a b`, or `c += a b`, for `a` of `rows × depth` and `b` of `depth × columns`, by the threads
/// or the calling one alone.
///
/// The parts may depend on the number of threads, since no sum is cut.
///
/// # Safety
///
/// The processor must have the instruction set of `V`; the matrices must be of these sizes, and `c`
/// must overlap neither `a` nor `b`.
pub(super) unsafe fn blocked<T: Scalar, V: Vector<T>>(
    sizes @ [rows, depth, columns]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: Output<T>,
    threads: bool,
) {
    let threads = if threads { rayon::current_num_threads() } else { 1 };
    let [most_rows, most_columns] = part_sizes::<T, V>([rows, columns], threads);
    let across = columns.div_ceil(most_columns);
    // By the shape of the whole: it decides which sums are added up.
    let narrow = columns <= V::WIDTH * V::LANES;
    let piece = even(depth, if narrow { NARROW_DEPTH } else { DEPTH }, 1);
    let work = sizes.into_iter().fold(1, usize::saturating_mul);
    for_each_task::<T>(rows.div_ceil(most_rows) * across, work, |task| {
        let (row, column) = (task / across * most_rows, task % across * most_columns);
        let sizes = [most_rows.min(rows - row), depth, most_columns.min(columns - column)];
        // SAFETY: the caller's promise, for the rows and columns of this task, which no other
        // task writes.
        unsafe { part::<T, V>(sizes, piece, a.at(row, 0), b.at(0, column), c.at(row, column)) };
    });
}

/// How many rows and columns of the results are a part: of all ways to cut them into a part for each
/// thread, the one whose parts need the fewest numbers packed. More parts would pack more, which
/// costs more than they save where a thread is held up.
fn part_sizes<T: Scalar, V: Vector<T>>([rows, columns]: [usize; 2], threads: usize) -> [usize; 2] {
    if threads == 1 {
        return [rows.max(1), columns.max(1)];
    }
    let ways = (1..=threads).map(|across| {
        let down = threads.div_ceil(across);
        [
            even(rows, rows.div_ceil(down), V::ROWS),
            even(columns, columns.div_ceil(across), V::LANES),
        ]
    });
    let time = |&[part_rows, part_columns]: &[usize; 2]| {
        let parts = rows.div_ceil(part_rows) * columns.div_ceil(part_columns);
        let multiplying = part_rows.saturating_mul(part_columns);
        let packing = PACKING * (part_rows + part_columns);
        parts.div_ceil(threads).saturating_mul(multiplying + packing)
    };
    ways.min_by_key(time).expect("there is a way for each number of parts")
}

/// Some rows and columns of a product, so much of the inner dimension at a time.
///
/// # Safety
///
/// As for [`blocked`].
unsafe fn part<T: Scalar, V: Vector<T>>(
    [rows, depth, columns]: [usize; 3],
    piece: usize,
    a: Strided<T>,
    b: Strided<T>,
    c: Output<T>,
) {
    let wide = V::WIDTH * V::LANES;
    let [width, slice] = if columns <= wide && a.column_stride == 1 {
        // Rows that meet one panel only are read as far as a slice can go: long runs come fastest
        // from memory.
        let width = columns.next_multiple_of(V::LANES);
        [width, (SLICE / width / piece).max(1) * piece]
    } else {
        [even(columns, SLICE / piece, wide), piece]
    };
    let slice = slice.min(depth.max(1));
    with_scratch(slice * width, |panels: &mut [T]| {
        for columns in pieces(columns, width) {
            for inner in pieces(depth, slice) {
                let c = Output { accumulate: c.accumulate || inner.start > 0, ..c };
                let (a, c) = (a.at(0, inner.start), c.at(0, columns.start));
                let b = b.at(inner.start, columns.start);
                let sizes @ [_, depth, columns] = [rows, inner.len(), columns.len()];
                // SAFETY: the caller's promise, for this part of the matrices; the scratch is as
                // large as the largest slice.
                unsafe {
                    pack_slice::<T, V>(b, [depth, columns], panels);
                    multiply_slice::<T, V>(sizes, piece, a, panels, c);
                }
            }
        }
    });
}

/// Packs a slice of the right matrix: panels of some registers' columns one behind the other, the
/// last one of as few as hold its columns.
///
/// # Safety
///
/// As for [`blocked`].
unsafe fn pack_slice<T: Scalar, V: Vector<T>>(
    b: Strided<T>,
    [depth, columns]: [usize; 2],
    panels: &mut [T],
) {
    let wide = V::WIDTH * V::LANES;
    // Rows that lie in memory one by one are read to their end, as memory is fastest read, a few at
    // a time; columns, panel by panel.
    let most = if b.column_stride == 1 { ROWS_READ } else { depth.max(1) };
    for rows in pieces(depth, most) {
        for start in (0..columns).step_by(wide) {
            let filled = wide.min(columns - start);
            let width = panel_registers::<T, V>(filled) * V::LANES;
            let to = panels[start * depth + rows.start * width..].as_mut_ptr();
            // SAFETY: the caller's promise.
            unsafe { pack_panel::<T, V>(b.at(rows.start, start), [rows.len(), filled], width, to) };
        }
    }
}

/// The product with a packed slice of the right matrix, so much of the inner dimension at a time.
///
/// # Safety
///
/// As for [`blocked`].
unsafe fn multiply_slice<T: Scalar, V: Vector<T>>(
    [rows, depth, columns]: [usize; 3],
    piece: usize,
    a: Strided<T>,
    panels: &[T],
    c: Output<T>,
) {
    let wide = V::WIDTH * V::LANES;
    with_scratch(V::ROWS * piece, |packed: &mut [T]| {
        for Range { start: first, end } in tile_rows::<T, V>(rows) {
            for inner in pieces(depth, piece) {
                let c = Output { accumulate: c.accumulate || inner.start > 0, ..c };
                let mut left = a.at(first, inner.start);
                // Rows whose numbers lie side by side, or that meet one panel only, are read from
                // where they are.
                if a.column_stride != 1 && columns > wide {
                    let sizes = [end - first, inner.len()];
                    let (spare, to) = (first + V::ROWS <= rows, packed.as_mut_ptr());
                    // SAFETY: the caller's promise.
                    left = unsafe { pack_tile::<T, V>(left, sizes, spare, to) };
                }
                for column in (0..columns).step_by(wide) {
                    let columns = wide.min(columns - column);
                    let registers = panel_registers::<T, V>(columns);
                    let start = column * depth + inner.start * registers * V::LANES;
                    let panel = Panel { start: panels[start..].as_ptr(), registers };
                    // SAFETY: the caller's promise.
                    unsafe {
                        let sizes = [end - first, inner.len(), columns];
                        tile::<T, V>(sizes, left, panel, c.at(first, column));
                    }
                }
            }
        }
    });
}
