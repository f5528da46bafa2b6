//! Products of few rows with a large matrix whose rows lie in memory one by one: as the gradient at
//! the weights of a layer of few units.
//!
//! The large matrix is read once, a few rows at a time, while a block of the results stays in the
//! first-level cache: packing it would take longer than the product.

use super::{Output, Strided};
use crate::exec::kernels::scratch::with_scratch;
use crate::exec::kernels::tasks::for_each_task;
use crate::exec::kernels::vector::Vector;
use crate::scalar::Scalar;

/// How many rows of the large matrix are read together, two registers of each at a time: the more,
/// the less often results are loaded and stored, as long as there are registers for them. What is
/// left at the end is read row by row.
const GROUPS: [usize; 2] = [8, 4];
/// The columns that results are kept of: 16 rows of `f32` are then 32 kB.
const COLUMNS: usize = 512;
/// The numbers of the largest step along a row.
const STEP: usize = 32;
/// How far apart the rows of the results are kept: were it half a page, the processor would take the
/// loads of one row to wait for the stores of the row before the last.
const SUMS_STRIDE: usize = COLUMNS + STEP;

/// `c = few · large`, or `c += few · large`, for `few` of `rows × depth` and `large` of
/// `depth × columns`, by the threads or the calling one alone.
///
/// # Safety
///
/// The processor must have the instruction set of `V`; the matrices must be of these sizes, `large`
/// must have a column stride of 1, and `c` must overlap neither of them.
pub(super) unsafe fn streamed<T: Scalar, V: Vector<T>>(
    [rows, depth, columns]: [usize; 3],
    few: Strided<T>,
    large: Strided<T>,
    c: Output<T>,
    threads: bool,
) {
    let work = if threads { rows.saturating_mul(depth).saturating_mul(columns) } else { 0 };
    with_scratch(rows * depth, |packed: &mut [T]| {
        // SAFETY: the caller's promise.
        unsafe { pack::<T, V>(few, [rows, depth], packed) };
        let packed = &*packed;
        for_each_task::<T>(columns.div_ceil(COLUMNS), work, |task| {
            let first = task * COLUMNS;
            let sizes = [rows, depth, COLUMNS.min(columns - first)];
            // SAFETY: the caller's promise, for columns that no other task writes.
            unsafe { block::<T, V>(sizes, packed, large.at(0, first), c.at(0, first)) };
        });
    });
}

/// Packs the few rows: for each group of columns, row after row.
///
/// # Safety
///
/// As for [`streamed`].
unsafe fn pack<T: Scalar, V: Vector<T>>(few: Strided<T>, [rows, depth]: [usize; 2], to: &mut [T]) {
    for p in 0..depth {
        let (group, size) = group_of::<T, V>(p, depth);
        for i in 0..rows {
            // SAFETY: the caller's promise.
            to[group * rows + i * size + (p - group)] = unsafe { *few.at(i, p).start };
        }
    }
}

/// Where the group of a row of the large matrix starts, and how many rows it has.
fn group_of<T, V: Vector<T>>(row: usize, depth: usize) -> (usize, usize) {
    let suits = |&size: &usize| size <= V::ROWS && row / size * size + size <= depth;
    let size = GROUPS.into_iter().find(suits).unwrap_or(1);
    (row / size * size, size)
}

/// Some columns of the product.
///
/// # Safety
///
/// As for [`streamed`].
unsafe fn block<T: Scalar, V: Vector<T>>(
    [rows, depth, columns]: [usize; 3],
    few: &[T],
    large: Strided<T>,
    c: Output<T>,
) {
    with_scratch(rows * SUMS_STRIDE, |sums: &mut [T]| {
        sums.fill(T::ZERO);
        let mut p = 0;
        while p < depth {
            let (_, size) = group_of::<T, V>(p, depth);
            let (few, large) = (few[p * rows..].as_ptr(), large.at(p, 0));
            let sums = sums.as_mut_ptr();
            // SAFETY: the caller's promise.
            unsafe {
                V::enter(
                    #[inline(always)]
                    move || match size {
                        8 => add_rows::<T, V, 8>([rows, columns], few, large, sums),
                        4 => add_rows::<T, V, 4>([rows, columns], few, large, sums),
                        _ => add_rows::<T, V, 1>([rows, columns], few, large, sums),
                    },
                );
            }
            p += size;
        }
        for (i, sums) in sums.chunks_exact(SUMS_STRIDE).enumerate() {
            // SAFETY: the caller's promise.
            unsafe { c.put(i, &sums[..columns]) };
        }
    });
}

/// Adds what a group of rows of the large matrix contributes to the sums.
///
/// # Safety
///
/// As for [`streamed`]; `sums` must be rows of [`SUMS_STRIDE`] numbers.
#[inline(always)]
unsafe fn add_rows<T: Scalar, V: Vector<T>, const G: usize>(
    [rows, columns]: [usize; 2],
    few: *const T,
    large: Strided<T>,
    sums: *mut T,
) {
    let step = 2 * V::LANES;
    let whole = columns / step * step;
    // SAFETY: the caller's promise.
    unsafe {
        for column in (0..whole).step_by(step) {
            add_step::<T, V, G>(
                rows,
                few,
                large.start.add(column),
                large.row_stride,
                sums.add(column),
            );
        }
        if whole < columns {
            // The rest, filled up: the sums are.
            let mut lines = [[T::ZERO; STEP]; G];
            for (p, line) in lines.iter_mut().enumerate() {
                for (column, x) in (whole..columns).zip(line) {
                    *x = *large.at(p, column).start;
                }
            }
            add_step::<T, V, G>(rows, few, lines.as_ptr().cast(), STEP, sums.add(whole));
        }
    }
}

/// As [`add_rows`], for the columns of two registers.
///
/// # Safety
///
/// As for [`add_rows`].
#[inline(always)]
unsafe fn add_step<T: Scalar, V: Vector<T>, const G: usize>(
    rows: usize,
    few: *const T,
    large: *const T,
    row_stride: usize,
    sums: *mut T,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let x: [[V; 2]; G] = std::array::from_fn(
            #[inline(always)]
            |p| {
                let row = large.add(p * row_stride);
                [V::load(row), V::load(row.add(V::LANES))]
            },
        );
        for i in 0..rows {
            let to = sums.add(i * SUMS_STRIDE);
            let mut sum = [V::load(to), V::load(to.add(V::LANES))];
            for (p, x) in x.iter().enumerate() {
                let factor = V::splat(*few.add(i * G + p));
                sum = [factor.multiply_add(x[0], sum[0]), factor.multiply_add(x[1], sum[1])];
            }
            sum[0].store(to);
            sum[1].store(to.add(V::LANES));
        }
    }
}
