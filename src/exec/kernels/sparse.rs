//! Products of sparse and dense matrices.

use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use super::sample::sample;
use super::scratch::with_scratch;
use super::simd::vectorize;
use super::tasks::{for_each_chunk, for_each_of, is_spread};
use crate::scalar::Scalar;

/// The entries of a sparse matrix, row after row.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'a, V = f32> {
    /// Where each row's entries start, and where the last one's end; each row has one entry
    /// without them.
    pub(crate) offsets: Option<&'a [u32]>,
    /// The column of each entry.
    pub(crate) columns: &'a [u32],
    /// The number of each entry; all are 1 without them.
    pub(crate) values: Option<&'a [V]>,
}

impl<V> Entries<'_, V> {
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

/// `y[r, :] = Σ v w[c, :]`, or `+=`, over the entries `(c, v)` of row `r` in their order, for `w` and
/// `y` of rows of this width.
pub(crate) fn product<T: Scalar, V: Scalar>(
    x: Entries<'_, V>,
    w: &[T],
    width: usize,
    y: &mut [T],
    accumulate: bool,
) {
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
                        let values = values.map(|&value| T::from_f64(value.to_f64()));
                        combine(x.columns[at].iter().zip(values), w, width, y, accumulate);
                    }
                },
            ),
            None => vectorize(
                #[inline(always)]
                move || {
                    for (row, y) in rows {
                        let ones = std::iter::repeat(T::ONE);
                        let entries = x.columns[x.of_row(row)].iter().zip(ones);
                        combine(entries, w, width, y, accumulate);
                    }
                },
            ),
        }
    });
}

/// `y[c, :] = Σ v g[r, :]`, or `+=`, over the entries `(c, v)` of all rows `r` in their order: the
/// product with the transpose of the sparse matrix, for `g` and `y` of rows of this width.
///
/// Each task goes through all entries and takes those of its rows of the result: entries are
/// looked at in much less time than a row is added.
pub(crate) fn transposed_product<T: Scalar, V: Scalar>(
    x: Entries<'_, V>,
    g: &[T],
    width: usize,
    y: &mut [T],
    accumulate: bool,
) {
    let Some(columns) = y.len().checked_div(width) else { return };
    let work = (x.columns.len() + columns).saturating_mul(width);
    let parts = if is_spread(work) { rayon::current_num_threads() } else { 1 };
    let mut rest = y;
    let pieces = cuts(x.columns, columns, parts).into_iter().map(|columns: Range<usize>| {
        let (piece, others) = std::mem::take(&mut rest).split_at_mut(columns.len() * width);
        rest = others;
        (columns.start, piece)
    });
    for_each_of::<T, _>(pieces, work, |(first, y)| {
        if !accumulate {
            y.fill(T::ZERO);
        }
        match x.values {
            Some(values) => vectorize(
                #[inline(always)]
                move || scatter(x, |at| T::from_f64(values[at].to_f64()), g, width, first, y),
            ),
            None => vectorize(
                #[inline(always)]
                move || scatter(x, |_| T::ONE, g, width, first, y),
            ),
        }
    });
}

/// How many entries and columns [`cuts`] looks at.
const LOOKED_AT: usize = 512;

/// `0..columns` in so many parts of about as much work: an entry and a column count the same. Words
/// that are numbered by how common they are, for one, mostly have low numbers.
fn cuts(entries: &[u32], columns: usize, parts: usize) -> SmallVec<[Range<usize>; 16]> {
    if parts == 1 {
        return smallvec![0..columns];
    }
    with_scratch(LOOKED_AT, |looked_at: &mut [u32]| {
        for (to, at) in looked_at.iter_mut().zip(sample(entries.len() + columns, LOOKED_AT)) {
            *to = entries.get(at).copied().unwrap_or_else(|| (at - entries.len()) as u32);
        }
        looked_at.sort_unstable();
        let cut = |part: usize| match part {
            0 => 0,
            _ if part == parts => columns,
            _ => looked_at[part * LOOKED_AT / parts] as usize,
        };
        (0..parts).map(|part| cut(part)..cut(part + 1)).collect()
    })
}

/// Adds `number(entry) · g[r, :]` to `y[c - first, :]` for those entries `(r, c)` for which there is such
/// a row.
#[inline(always)]
fn scatter<T: Scalar, V>(
    x: Entries<'_, V>,
    number: impl Fn(usize) -> T,
    g: &[T],
    width: usize,
    first: usize,
    y: &mut [T],
) {
    for (row, g) in g.chunks_exact(width).enumerate() {
        for at in x.of_row(row) {
            let start = (x.columns[at] as usize).wrapping_sub(first).wrapping_mul(width);
            if let Some(y) = y.get_mut(start..).and_then(|y| y.get_mut(..width)) {
                add_scaled(number(at), g, y);
            }
        }
    }
}

/// `y += factor · x`
#[inline(always)]
fn add_scaled<T: Scalar>(factor: T, x: &[T], y: &mut [T]) {
    const LANES: usize = 16;
    let (x_lines, x_rest) = x.as_chunks::<LANES>();
    let (y_lines, y_rest) = y.as_chunks_mut::<LANES>();
    for (y, x) in y_lines.iter_mut().zip(x_lines) {
        let mut sums = *y;
        for lane in 0..LANES {
            sums[lane] += factor * x[lane];
        }
        *y = sums;
    }
    for (y, &x) in y_rest.iter_mut().zip(x_rest) {
        *y += factor * x;
    }
}

/// `y = Σ v w[c, :]`, or `+=`, over entries `(c, v)`: so many columns at a time that the sums stay in
/// registers, and of wide rows so many that what is read of a row lies together.
#[inline(always)]
fn combine<'a, T: Scalar>(
    entries: impl Iterator<Item = (&'a u32, T)> + Clone,
    w: &[T],
    width: usize,
    y: &mut [T],
    accumulate: bool,
) {
    let mut first = 0;
    macro_rules! blocks {
        ($($lanes:literal)*) => {$(
            while let Some(y) = y[first..].first_chunk_mut::<$lanes>() {
                let start = if accumulate { *y } else { [T::ZERO; $lanes] };
                *y = sums(entries.clone(), w, width, first, start);
                first += $lanes;
            }
        )*};
    }
    blocks!(128 32 16 8 4 1);
}

/// What the sums of so many columns from the first on come to.
#[inline(always)]
fn sums<'a, T: Scalar, const LANES: usize>(
    entries: impl Iterator<Item = (&'a u32, T)>,
    w: &[T],
    width: usize,
    first: usize,
    mut sums: [T; LANES],
) -> [T; LANES] {
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
    use crate::exec::kernels::tasks::with_threads;

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
        for (values, before) in [
            (None, None),
            (Some(&VALUES[..]), None),
            (None, Some(0.5)),
            (Some(&VALUES[..]), Some(0.5)),
        ] {
            let x = Entries { offsets: Some(&OFFSETS), columns: &COLUMNS, values };
            let dense = dense(values);
            let accumulate = before.is_some();
            let start = before.unwrap_or(f32::NAN);
            let before = before.unwrap_or(0.0);
            for width in 0..70 {
                // Small multiples of 1/4, so that no sum is rounded.
                let number = |i: usize| (i * 7 % 23) as f32 / 4.0 - 2.0;
                let w: Vec<f32> = (0..5 * width).map(number).collect();
                let g: Vec<f32> = (0..7 * width).map(number).collect();
                let mut y = vec![start; 7 * width];
                product(x, &w, width, &mut y, accumulate);
                let mut transposed = vec![start; 5 * width];
                transposed_product(x, &g, width, &mut transposed, accumulate);
                for j in 0..width {
                    for (r, row) in dense.iter().enumerate() {
                        let want: f32 = (0..5).map(|c| row[c] * w[c * width + j]).sum();
                        let got = y[r * width + j];
                        assert_eq!(got, before + want, "row {r}, column {j} of {width}");
                    }
                    for c in 0..5 {
                        let want: f32 = (0..7).map(|r| dense[r][c] * g[r * width + j]).sum();
                        let got = transposed[c * width + j];
                        assert_eq!(got, before + want, "{c}, {j} of {width}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_the_bits() {
        let (rows, columns, width) = (400, 3000, 37);
        // As words: most of them common ones.
        let mut random = 1_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let fraction = (random >> 40) as f64 / (1 << 24) as f64;
            (fraction * fraction * below as f64) as u32
        };
        let mut offsets = vec![0];
        let mut named = Vec::new();
        for _ in 0..rows {
            named.extend((0..next(60)).map(|_| next(columns)));
            offsets.push(named.len() as u32);
        }
        let values: Vec<f32> = named.iter().map(|&c| (c as f32 * 0.37).sin()).collect();
        let x =
            Entries { offsets: Some(&offsets), columns: &named, values: Some(values.as_slice()) };
        let g: Vec<f32> = (0..rows * width).map(|i| (i as f32 * 0.71).cos()).collect();
        let run = |threads: usize| {
            with_threads(threads, || {
                let mut y = vec![f32::NAN; columns * width];
                transposed_product(x, &g, width, &mut y, false);
                y.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            })
        };
        let one = run(1);
        for threads in [2, 3, 20] {
            assert!(run(threads) == one, "{threads} threads");
        }
    }

    #[test]
    fn parts_are_all_columns_and_of_about_as_many_entries() {
        let entries: Vec<u32> = (0..10_000_u32).map(|i| i * i / 100_000).collect();
        for parts in [1, 2, 7] {
            let cuts = cuts(&entries, 1000, parts);
            assert_eq!(cuts.len(), parts);
            assert!(cuts[0].start == 0 && cuts[parts - 1].end == 1000, "{cuts:?}");
            assert!(cuts.windows(2).all(|pair| pair[0].end == pair[1].start), "{cuts:?}");
            let count = |cut: &Range<usize>| {
                entries.iter().filter(|&&column| cut.contains(&(column as usize))).count()
            };
            let most = cuts.iter().map(count).max().unwrap();
            assert!(most < 13_000 / parts, "{most} of 10,000 in one of {parts} parts");
        }
        assert_eq!(*cuts(&[], 0, 3), [0..0, 0..0, 0..0]);
    }

    #[test]
    fn without_offsets_each_row_has_one_entry() {
        let x: Entries<'_> = Entries { offsets: None, columns: &[2, 0, 2], values: None };
        let mut y = [f64::NAN; 3];
        transposed_product(x, &[1.0, 2.0, 4.0], 1, &mut y, false);
        assert_eq!(y, [2.0, 0.0, 5.0]);
    }
}
