//! Sums of slices.

use super::simd::vectorize;
use crate::scalar::Scalar;

/// How many partial sums run side by side: the same on every processor, so that the bits are too.
const LANES: usize = 16;

/// The sum of all values, in a fixed order: lanes first, then pairwise across them.
pub(crate) fn sum<T: Scalar>(values: &[T]) -> T {
    vectorize(
        #[inline(always)]
        move || {
            let (blocks, rest) = values.as_chunks::<LANES>();
            let mut lanes = [T::ZERO; LANES];
            for block in blocks {
                for lane in 0..LANES {
                    lanes[lane] += block[lane];
                }
            }
            for (lane, &x) in lanes.iter_mut().zip(rest) {
                *lane += x;
            }
            let mut width = LANES / 2;
            while width > 0 {
                for lane in 0..width {
                    lanes[lane] += lanes[lane + width];
                }
                width /= 2;
            }
            lanes[0]
        },
    )
}

/// `sums[i] += Σⱼ values[i, j]`, for as many rows as there are sums.
pub(crate) fn add_each_row<T: Scalar>(sums: &mut [T], values: &[T]) {
    let width = values.len() / sums.len().max(1);
    if width >= LANES {
        let rows = sums.iter_mut().zip(values.chunks_exact(width));
        return rows.for_each(|(row, values)| *row += sum(values));
    }
    vectorize(
        #[inline(always)]
        move || {
            for (row, values) in sums.iter_mut().zip(values.chunks_exact(width.max(1))) {
                *row += values.iter().fold(T::ZERO, |sum, &x| sum + x);
            }
        },
    );
}

/// The most columns whose sums are kept on the stack.
const COLUMNS: usize = 256;

/// `sums[j] += Σᵢ values[i, j]`, where a row is as long as `sums`: the rows are added up first.
pub(crate) fn add_rows<T: Scalar>(sums: &mut [T], values: &[T]) {
    let width = sums.len();
    vectorize(
        #[inline(always)]
        move || {
            if width == values.len() {
                sums.iter_mut().zip(values).for_each(|(sum, &x)| *sum += x);
            } else if width < NARROW {
                narrow(sums, values);
            } else {
                let mut rows = [T::ZERO; COLUMNS];
                for (sums, first) in sums.chunks_mut(COLUMNS).zip((0..).step_by(COLUMNS)) {
                    let rows = &mut rows[..sums.len()];
                    rows.fill(T::ZERO);
                    for row in values.chunks_exact(width) {
                        let row = &row[first..first + rows.len()];
                        rows.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
                    }
                    sums.iter_mut().zip(rows).for_each(|(sum, row)| *sum += *row);
                }
            }
        },
    );
}

/// Rows narrower than this are added up several at a time.
const NARROW: usize = 8;

/// As [`add_rows`], for narrow rows: so many at a time that they fill whole registers.
#[inline(always)]
fn narrow<T: Scalar>(sums: &mut [T], values: &[T]) {
    let width = sums.len().max(1);
    let block = LANES / width * width;
    let mut lanes = [T::ZERO; LANES];
    let mut blocks = values.chunks_exact(block);
    for values in &mut blocks {
        lanes[..block].iter_mut().zip(values).for_each(|(sum, &x)| *sum += x);
    }
    lanes.iter_mut().zip(blocks.remainder()).for_each(|(sum, &x)| *sum += x);
    for row in lanes[..block].chunks_exact(width) {
        sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_sums_to_the_right_value() {
        for len in 0..100 {
            let values: Vec<f64> = (1..=len).map(f64::from).collect();
            assert_eq!(sum(&values), f64::from(len * (len + 1) / 2));
        }
    }

    #[test]
    fn rows_of_every_width_add_up() {
        for width in (1..40).chain([255, 256, 257, 600]) {
            for rows in [1, 2, 3, 17] {
                let values: Vec<f64> = (0..rows * width).map(|i| (i % 13) as f64).collect();
                let mut sums = vec![100.0; width];
                add_rows(&mut sums, &values);
                for (column, sum) in sums.iter().enumerate() {
                    let column = values.iter().skip(column).step_by(width);
                    assert_eq!(*sum, 100.0 + column.sum::<f64>(), "{rows} rows of {width}");
                }
            }
        }
    }

    #[test]
    fn each_row_adds_up() {
        for width in 1..40 {
            let values: Vec<f64> = (0..5 * width).map(|i| i as f64).collect();
            let mut sums = [1.0; 5];
            add_each_row(&mut sums, &values);
            for (sum, row) in sums.iter().zip(values.chunks(width)) {
                assert_eq!(*sum, 1.0 + row.iter().sum::<f64>());
            }
        }
    }

    #[test]
    fn long_sums_lose_little() {
        let values = vec![0.1_f32; 1 << 20];
        let exact = 0.1_f32 as f64 * values.len() as f64;
        // One after the other would be off by about 1 %.
        assert!((f64::from(sum(&values)) / exact - 1.0).abs() < 1e-3);
    }
}
