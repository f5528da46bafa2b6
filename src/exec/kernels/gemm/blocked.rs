//! Products in blocks that fit the caches (after Goto and van de Geijn, Anatomy of
//! High-Performance Matrix Multiplication, 2008).
//!
//! A slice of the right matrix is packed so that it stays in the second-level cache, in panels as
//! wide as a tile of results. The rows of a few tiles at a time, packed into the first-level cache,
//! then pass along all its panels. So results are written row by row, which matters where they are
//! many and the inner dimension is short.

use std::ops::Range;

use super::pack::{pack_panel, pack_tile};
use super::tile::{Panel, panel_registers, tile, tile_rows};
use super::{Output, Rows, Strided};
use crate::exec::kernels::scratch::with_scratch;
use crate::exec::kernels::tasks::for_each_task;
use crate::exec::kernels::vector::Vector;
use crate::scalar::Scalar;

/// The most of the inner dimension that is taken at a time: eight rows of `f32` are then 12 kB.
/// Each slice reads and writes all results once, so it should not be short.
const DEPTH: usize = 384;
/// How many numbers a slice of the right matrix has: 512 kB of `f32`.
const SLICE: usize = 1 << 17;
/// How many rows of the right matrix are packed together if they lie in memory one by one.
const ROWS_READ: usize = 16;
/// Into how many tasks a slice is cut if it is large enough: by the shape only.
const TASKS: usize = 8;
/// The fewest columns that a task takes if others take the same rows, which each of them packs.
const TASK_COLUMNS: usize = 128;

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
/// # Safety
///
/// The processor must have the instruction set of `V`; the matrices must be of these sizes, and `c`
/// must overlap neither `a` nor `b`.
pub(super) unsafe fn blocked<T: Scalar, V: Vector<T>>(
    [rows, depth, columns]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: Output<T>,
    threads: bool,
) {
    let wide = V::WIDTH * V::LANES;
    let piece = even(depth, DEPTH, 1);
    let width = even(columns, SLICE / piece, wide);
    with_scratch(piece * width, |panels: &mut [T]| {
        for columns in pieces(columns, width) {
            for inner in pieces(depth, piece) {
                let c = Output { accumulate: c.accumulate || inner.start > 0, ..c };
                let (a, c) = (a.at(0, inner.start), c.at(0, columns.start));
                let b = b.at(inner.start, columns.start);
                let sizes = [rows, inner.len(), columns.len()];
                // SAFETY: the caller's promise, for this part of the matrices; the scratch is as
                // large as the largest part.
                unsafe {
                    pack_slice::<T, V>(b, [inner.len(), columns.len()], panels, threads);
                    slice::<T, V>(sizes, a, panels, c, threads);
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
    threads: bool,
) {
    let wide = V::WIDTH * V::LANES;
    let to = Rows(panels.as_mut_ptr());
    // A number packed costs about as much as this many multiplications.
    let work = if threads { 4 * depth * columns } else { 0 };
    // Rows that lie in memory one by one are read to their end, as memory is fastest read, a few at
    // a time; columns, panel by panel.
    let by_rows = b.column_stride == 1;
    let rows = if by_rows { ROWS_READ } else { depth };
    let count = if by_rows { depth.div_ceil(rows) } else { columns.div_ceil(wide) };
    for_each_task::<T>(count, work, |task| {
        let Rows(to) = { to };
        let (first, starts) =
            if by_rows { (task * rows, 0..columns) } else { (0, task * wide..(task + 1) * wide) };
        let rows = rows.min(depth - first);
        for start in starts.step_by(wide) {
            let filled = wide.min(columns - start);
            let width = panel_registers::<T, V>(filled) * V::LANES;
            // SAFETY: the caller's promise; each panel's rows are written by one task.
            unsafe {
                let to = to.add(start * depth + first * width);
                pack_panel::<T, V>(b.at(first, start), [rows, filled], width, to);
            }
        }
    });
}

/// The product with a packed slice of the right matrix, in tasks of some rows and columns.
///
/// # Safety
///
/// As for [`blocked`].
unsafe fn slice<T: Scalar, V: Vector<T>>(
    [rows, depth, columns]: [usize; 3],
    a: Strided<T>,
    panels: &[T],
    c: Output<T>,
    threads: bool,
) {
    let (most_rows, most_columns) = if threads {
        let down = rows.div_ceil(2 * V::ROWS).min(TASKS);
        let across = (columns / TASK_COLUMNS).clamp(1, TASKS / down.max(1));
        (even(rows, rows.div_ceil(down.max(1)), V::ROWS), columns.div_ceil(across))
    } else {
        (rows, columns)
    };
    let most_columns = most_columns.next_multiple_of(V::WIDTH * V::LANES);
    let (down, across) = (rows.div_ceil(most_rows), columns.div_ceil(most_columns));
    let work = if threads { rows.saturating_mul(depth * columns) } else { 0 };
    for_each_task::<T>(down * across, work, |task| {
        let (row, column) = (task / across * most_rows, task % across * most_columns);
        let sizes = [most_rows.min(rows - row), depth, most_columns.min(columns - column)];
        let panels = &panels[column * depth..];
        // SAFETY: the caller's promise, for the rows and columns of this task, which no other
        // task writes.
        unsafe { block::<T, V>(sizes, a.at(row, 0), panels, c.at(row, column)) };
    });
}

/// All tiles of some rows and columns.
///
/// # Safety
///
/// As for [`blocked`].
unsafe fn block<T: Scalar, V: Vector<T>>(
    [rows, depth, columns]: [usize; 3],
    a: Strided<T>,
    panels: &[T],
    c: Output<T>,
) {
    let wide = V::WIDTH * V::LANES;
    with_scratch(V::ROWS * depth, |packed: &mut [T]| {
        for Range { start: first, end } in tile_rows::<T, V>(rows) {
            let mut left = a.at(first, 0);
            // Rows that meet one panel only are read once, from where they are.
            if columns > wide {
                let (sizes, spare) = ([end - first, depth], first + V::ROWS <= rows);
                // SAFETY: the caller's promise.
                left = unsafe { pack_tile::<T, V>(left, sizes, spare, packed.as_mut_ptr()) };
            }
            for column in (0..columns).step_by(wide) {
                let columns = wide.min(columns - column);
                let start = panels[column * depth..].as_ptr();
                let panel = Panel { start, registers: panel_registers::<T, V>(columns) };
                // SAFETY: the caller's promise.
                unsafe {
                    let sizes = [end - first, depth, columns];
                    tile::<T, V>(sizes, left, panel, c.at(first, column));
                }
            }
        }
    });
}
