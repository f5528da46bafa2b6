//! The innermost loop of a product: a tile of results that stays in registers while the inner
//! dimension passes.

use std::ops::Range;

use super::{Output, Strided};
use crate::exec::kernels::vector::{Vector, fetch};
use crate::scalar::Scalar;

/// The left operand of a tile, read number by number.
pub(crate) trait Left<T>: Copy {
    /// Where a row starts.
    fn row(self, i: usize) -> *const T;
    /// How far behind its row's start the number stands that meets row `p` of the panel.
    ///
    /// # Safety
    ///
    /// There must be such a number.
    unsafe fn offset(self, p: usize) -> usize;
}

impl<T: Copy> Left<T> for Strided<T> {
    #[inline(always)]
    fn row(self, i: usize) -> *const T {
        self.at(i, 0).start
    }

    #[inline(always)]
    unsafe fn offset(self, p: usize) -> usize {
        p * self.column_stride
    }
}

/// A matrix that is never laid out: its numbers stand wherever two tables say, as those that a
/// filter covers in an image.
#[derive(Clone, Copy)]
pub(crate) struct Gathered<'a, T> {
    pub(crate) base: *const T,
    /// Where each row starts, behind the base.
    pub(crate) starts: &'a [usize],
    /// How far behind its start each number of a row stands.
    pub(crate) offsets: &'a [usize],
}

impl<T: Copy> Left<T> for Gathered<'_, T> {
    #[inline(always)]
    fn row(self, i: usize) -> *const T {
        self.base.wrapping_add(self.starts[i])
    }

    #[inline(always)]
    unsafe fn offset(self, p: usize) -> usize {
        // SAFETY: the caller's promise.
        unsafe { *self.offsets.get_unchecked(p) }
    }
}

/// A panel of the right matrix: rows of a few registers, one behind the other.
#[derive(Clone, Copy)]
pub(crate) struct Panel<T> {
    pub(crate) start: *const T,
    /// How many registers a row is wide.
    pub(crate) registers: usize,
}

/// The registers of the panel that begins with so many columns to go.
pub(crate) fn panel_registers<T, V: Vector<T>>(columns: usize) -> usize {
    columns.div_ceil(V::LANES).min(V::WIDTH)
}

/// Rows in tiles as even as can be: a low one takes hardly less time than a full one.
pub(crate) fn tile_rows<T, V: Vector<T>>(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let count = rows.div_ceil(V::ROWS);
    (0..count).map(move |i| i * rows / count..(i + 1) * rows / count)
}

/// The columns of the widest tile there is, and the rows of the tallest.
const WIDEST: usize = 48;
const TALLEST: usize = 8;

/// `c = a b`, or `c += a b`, for at most `V::ROWS` rows and a panel, of which `columns` are stored.
///
/// # Safety
///
/// The processor must have the instruction set of `V`; `a` must have `rows` rows and `depth`
/// columns, `b` `depth` rows, `c` `rows` rows and `columns` columns.
// Inlined so that its arguments stay in registers: reading them back from memory would wait for
// the results of the tile before to be stored.
#[inline(always)]
pub(crate) unsafe fn tile<T: Scalar, V: Vector<T>>(
    [rows, depth, columns]: [usize; 3],
    a: impl Left<T>,
    b: Panel<T>,
    c: Output<T>,
) {
    /// One arm a size, compiled with that size as a constant, if the registers have such tiles.
    macro_rules! choose {
        ($($rows:literal)*) => {
            match (rows, b.registers) {
                $(
                    ($rows, 1) if V::ROWS >= $rows => {
                        of_size::<T, V, _, $rows, 1>(depth, columns, a, b.start, c)
                    }
                    ($rows, 2) if V::ROWS >= $rows => {
                        of_size::<T, V, _, $rows, 2>(depth, columns, a, b.start, c)
                    }
                    ($rows, 3) if V::ROWS >= $rows && V::WIDTH >= 3 => {
                        of_size::<T, V, _, $rows, 3>(depth, columns, a, b.start, c)
                    }
                )*
                _ => unreachable!("a tile of {rows} rows of {} registers", b.registers),
            }
        };
    }
    // SAFETY: the caller's promise.
    unsafe { choose!(1 2 3 4 5 6 7 8) }
}

/// As [`tile`], for `M` rows and a panel of `N` registers.
///
/// # Safety
///
/// As for [`tile`].
unsafe fn of_size<T: Scalar, V: Vector<T>, L: Left<T>, const M: usize, const N: usize>(
    depth: usize,
    columns: usize,
    a: L,
    b: *const T,
    c: Output<T>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        V::enter(
            #[inline(always)]
            move || {
                fetch_lines::<T, V, M, N>(c);
                let sums = sums::<T, V, L, M, N>(depth, a, b);
                store::<T, V, M, N>(&sums, columns, c);
            },
        );
    }
}

/// Asks for the memory of the results, so that it is near when the sums are done.
#[inline(always)]
fn fetch_lines<T: Scalar, V: Vector<T>, const M: usize, const N: usize>(c: Output<T>) {
    if c.column_stride == 1 {
        for i in 0..M {
            // One more than the registers: rows seldom start where a line of the cache does.
            for n in 0..=N {
                fetch(c.at(i, n * V::LANES).start);
            }
        }
    }
}

/// The numbers of a tile.
///
/// # Safety
///
/// As for [`tile`].
#[inline(always)]
unsafe fn sums<T: Scalar, V: Vector<T>, L: Left<T>, const M: usize, const N: usize>(
    depth: usize,
    a: L,
    mut b: *const T,
) -> [[V; N]; M] {
    // SAFETY: the caller's promise: row `i` of `a` and `c` is within them, as are `depth` columns
    // of `a`, `depth` rows of `b`, and `columns` numbers of a row of `c`.
    unsafe {
        let mut sums = [[V::splat(T::ZERO); N]; M];
        let rows: [*const T; M] = std::array::from_fn(|i| a.row(i));
        for p in 0..depth {
            let right: [V; N] = std::array::from_fn(
                #[inline(always)]
                |n| V::load(b.add(n * V::LANES)),
            );
            let offset = a.offset(p);
            for (sums, row) in sums.iter_mut().zip(rows) {
                let left = V::splat(*row.wrapping_add(offset));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = left.multiply_add(right, *sum);
                }
            }
            b = b.add(N * V::LANES);
        }
        sums
    }
}

/// Writes or adds the first columns of a tile.
///
/// # Safety
///
/// As for [`tile`].
#[inline(always)]
unsafe fn store<T: Scalar, V: Vector<T>, const M: usize, const N: usize>(
    sums: &[[V; N]; M],
    columns: usize,
    c: Output<T>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if c.column_stride != 1 {
            return store_turned::<T, V, M, N>(sums, columns, c);
        }
        for (i, sums) in sums.iter().enumerate() {
            for (n, &sum) in sums.iter().enumerate() {
                let to = c.at(i, n * V::LANES).start;
                let count = columns.saturating_sub(n * V::LANES);
                if count >= V::LANES {
                    if c.accumulate { V::load(to).add(sum) } else { sum }.store(to);
                } else if c.accumulate {
                    V::load_first(to, count).add(sum).store_first(to, count);
                } else {
                    sum.store_first(to, count);
                }
            }
        }
    }
}

/// As [`store`], for results that lie column by column: turned square by square.
///
/// # Safety
///
/// As for [`tile`].
#[inline(always)]
unsafe fn store_turned<T: Scalar, V: Vector<T>, const M: usize, const N: usize>(
    sums: &[[V; N]; M],
    columns: usize,
    c: Output<T>,
) {
    let side = V::SQUARE;
    const {
        assert!(V::ROWS <= TALLEST && TALLEST.is_multiple_of(V::SQUARE));
        assert!(V::WIDTH * V::LANES <= WIDEST && WIDEST.is_multiple_of(V::SQUARE));
    }
    // Rows that the tile does not have are turned with the others, but not written.
    let mut lines = [[T::ZERO; WIDEST]; TALLEST];
    // SAFETY: the caller's promise; whole squares cover the lines, which hold the tile.
    unsafe {
        for (line, sums) in lines.iter_mut().zip(sums) {
            for (n, sum) in sums.iter().enumerate() {
                sum.store(line.as_mut_ptr().add(n * V::LANES));
            }
        }
        for i in (0..M).step_by(side) {
            for j in (0..columns).step_by(side) {
                let (from, to) = (lines[i][j..].as_ptr(), c.at(i, j).start);
                let sizes @ [rows, columns] = [side.min(M - i), side.min(columns - j)];
                if !c.accumulate && sizes == [side; 2] {
                    V::transpose(from, WIDEST, to, c.column_stride);
                    continue;
                }
                let mut square = [T::ZERO; TALLEST * TALLEST];
                V::transpose(from, WIDEST, square.as_mut_ptr(), side);
                for (j, column) in square.chunks_exact(side).take(columns).enumerate() {
                    let to = std::slice::from_raw_parts_mut(to.add(j * c.column_stride), rows);
                    for (to, &x) in to.iter_mut().zip(column) {
                        *to = if c.accumulate { *to + x } else { x };
                    }
                }
            }
        }
    }
}
