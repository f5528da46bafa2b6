//! Products of sparse and dense matrices.

use std::ops::Range;

use super::scratch::with_scratch;
use super::simd::vectorize;
use super::tasks::for_each_chunk;
use crate::scalar::Scalar;

/// The entries of a sparse matrix, row after row.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'a> {
    /// Where each row's entries start, and where the last one's end; each row has one entry
    /// without them.
    pub(crate) offsets: Option<&'a [u32]>,
    /// The column of each entry.
    pub(crate) columns: &'a [u32],
    /// The number of each entry; all are 1 without them.
    pub(crate) values: Option<&'a [f32]>,
}

impl Entries<'_> {
    fn rows(&self) -> usize {
        self.offsets.map_or(self.columns.len(), |offsets| offsets.len() - 1)
    }

    /// Where the entries of a row stand.
    #[inline(always)]
    fn of_row(&self, row: usize) -> Range<usize> {
        match self.offsets {
            Some(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            None => row..row + 1,
        }
    }
}

/// The rows of a result that one task computes.
const ROWS: usize = 64;

/// `y[r, :] = Σ v w[c, :]` over the entries `(c, v)` of row `r` in their order, for `w` and `y` of
/// rows of this width.
pub(crate) fn product<T: Scalar>(x: Entries<'_>, w: &[T], width: usize, y: &mut [T]) {
    // A row costs something even without entries.
    let work = (x.columns.len() + x.rows()).saturating_mul(width);
    for_each_chunk(y, ROWS * width, work, |chunk, y| {
        let rows = (chunk * ROWS..).zip(y.chunks_exact_mut(width));
        match x.values {
            Some(values) => vectorize(
                #[inline(always)]
                move || {
                    for (row, y) in rows {
                        let at = x.of_row(row);
                        let values = values[at.clone()].iter();
                        let values = values.map(|&value| T::from_f64(f64::from(value)));
                        combine(x.columns[at].iter().zip(values), w, width, y);
                    }
                },
            ),
            None => vectorize(
                #[inline(always)]
                move || {
                    for (row, y) in rows {
                        let ones = std::iter::repeat(T::ONE);
                        combine(x.columns[x.of_row(row)].iter().zip(ones), w, width, y);
                    }
                },
            ),
        }
    });
}

/// `y[c, :] = Σ v g[r, :]` over the entries `(c, v)` of all rows `r` in their order: the product
/// with the transpose of the sparse matrix, for `g` and `y` of rows of this width.
///
/// Sorting the entries by column costs two passes over them, and makes every row of the result a
/// sum of its own, which is written once and by one thread.
pub(crate) fn transposed_product<T: Scalar>(x: Entries<'_>, g: &[T], width: usize, y: &mut [T]) {
    let Some(columns) = y.len().checked_div(width) else { return };
    let entries = x.columns.len();
    with_scratch(columns + 1, |offsets: &mut [u32]| {
        with_scratch(entries, |rows: &mut [u32]| {
            with_scratch(x.values.map_or(0, <[f32]>::len), |values: &mut [f32]| {
                transpose(x, offsets, rows, values);
                let values = x.values.map(|_| &*values);
                let transposed = Entries { offsets: Some(offsets), columns: rows, values };
                product(transposed, g, width, y);
            });
        });
    });
}

/// Sorts entries by column, those of one column in the order of the rows (a counting sort).
fn transpose(x: Entries<'_>, offsets: &mut [u32], rows: &mut [u32], values: &mut [f32]) {
    offsets.fill(0);
    // One place further on, so that filling a column moves its start to where it belongs.
    for &column in x.columns {
        if let Some(count) = offsets.get_mut(column as usize + 2) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for offset in offsets.iter_mut() {
        sum += *offset;
        *offset = sum;
    }
    for row in 0..x.rows() {
        for at in x.of_row(row) {
            let place = &mut offsets[x.columns[at] as usize + 1];
            rows[*place as usize] = row as u32;
            if let Some(from) = x.values {
                values[*place as usize] = from[at];
            }
            *place += 1;
        }
    }
}

/// `y = Σ v w[c, :]` over entries `(c, v)`: so many columns at a time that the sums stay in registers,
/// and of wide rows so many that what is read of a row lies together.
#[inline(always)]
fn combine<'a, T: Scalar>(
    entries: impl Iterator<Item = (&'a u32, T)> + Clone,
    w: &[T],
    width: usize,
    y: &mut [T],
) {
    let mut first = 0;
    macro_rules! blocks {
        ($($lanes:literal)*) => {$(
            while width - first >= $lanes {
                let sums: [T; $lanes] = sums(entries.clone(), w, width, first);
                y[first..first + $lanes].copy_from_slice(&sums);
                first += $lanes;
            }
        )*};
    }
    blocks!(128 32 16 8 4 1);
}

/// The sums of so many columns from the first on.
#[inline(always)]
fn sums<'a, T: Scalar, const LANES: usize>(
    entries: impl Iterator<Item = (&'a u32, T)>,
    w: &[T],
    width: usize,
    first: usize,
) -> [T; LANES] {
    let mut sums = [T::ZERO; LANES];
    for (&row, value) in entries {
        let w = &w[row as usize * width + first..][..LANES];
        for lane in 0..LANES {
            sums[lane] += value * w[lane];
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix of 7 rows and 5 columns: rows without entries, columns that no row names, and
    /// columns that a row names twice.
    const OFFSETS: [u32; 8] = [0, 0, 3, 4, 4, 8, 9, 9];
    const COLUMNS: [u32; 9] = [3, 0, 3, 1, 1, 0, 1, 3, 0];
    const VALUES: [f32; 9] = [1.0, -2.0, 0.5, 3.0, 4.0, 0.25, -1.0, 2.0, 8.0];

    fn dense(values: Option<&[f32]>) -> [[f32; 5]; 7] {
        let mut dense = [[0.0; 5]; 7];
        for row in 0..7 {
            for at in OFFSETS[row] as usize..OFFSETS[row + 1] as usize {
                dense[row][COLUMNS[at] as usize] += values.map_or(1.0, |values| values[at]);
            }
        }
        dense
    }

    #[test]
    fn both_products_are_their_definitions_at_every_width() {
        for values in [None, Some(&VALUES[..])] {
            let x = Entries { offsets: Some(&OFFSETS), columns: &COLUMNS, values };
            let dense = dense(values);
            for width in 0..70 {
                // Small multiples of 1/4, so that no sum is rounded.
                let number = |i: usize| (i * 7 % 23) as f32 / 4.0 - 2.0;
                let w: Vec<f32> = (0..5 * width).map(number).collect();
                let g: Vec<f32> = (0..7 * width).map(number).collect();
                let mut y = vec![f32::NAN; 7 * width];
                product(x, &w, width, &mut y);
                let mut transposed = vec![f32::NAN; 5 * width];
                transposed_product(x, &g, width, &mut transposed);
                for j in 0..width {
                    for (r, row) in dense.iter().enumerate() {
                        let want: f32 = (0..5).map(|c| row[c] * w[c * width + j]).sum();
                        assert_eq!(y[r * width + j], want, "row {r}, column {j} of {width}");
                    }
                    for c in 0..5 {
                        let want: f32 = (0..7).map(|r| dense[r][c] * g[r * width + j]).sum();
                        assert_eq!(transposed[c * width + j], want, "{c}, {j} of {width}");
                    }
                }
            }
        }
    }

    #[test]
    fn without_offsets_each_row_has_one_entry() {
        let x = Entries { offsets: None, columns: &[2, 0, 2], values: None };
        let mut y = [f64::NAN; 3];
        transposed_product(x, &[1.0, 2.0, 4.0], 1, &mut y);
        assert_eq!(y, [2.0, 0.0, 5.0]);
    }
}
