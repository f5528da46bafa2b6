//! Rows of a matrix: what they come to, and their transpose for rows that do not fill registers.

use crate::scalar::Scalar;

/// Rows shorter than this do not fill registers well: the columns of their transpose are computed
/// side by side instead.
pub(crate) const NARROW: usize = 32;
/// How many columns are computed side by side.
pub(crate) const COLUMNS: usize = 256;
/// How many partial results of a row there are side by side.
pub(crate) const LANES: usize = 16;

/// Joins `f(x)` of all numbers of a row.
#[inline(always)]
pub(crate) fn fold<T: Scalar>(
    row: &[T],
    start: T,
    join: impl Fn(T, T) -> T,
    f: impl Fn(T) -> T,
) -> T {
    let mut lanes = [start; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for (lane, &x) in lanes.iter_mut().zip(block) {
            *lane = join(*lane, f(x));
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = join(*lane, f(x));
    }
    lanes.into_iter().fold(start, join)
}

/// Writes a matrix of rows of this width column by column.
#[inline(always)]
pub(crate) fn transpose<T: Scalar>(rows: &[T], width: usize, columns: &mut [T]) {
    for (first, column) in columns.chunks_exact_mut(rows.len() / width).enumerate() {
        let numbers = rows[first..].iter().step_by(width);
        column.iter_mut().zip(numbers).for_each(|(out, &x)| *out = x);
    }
}
