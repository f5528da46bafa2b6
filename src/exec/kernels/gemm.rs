//! Matrix products: `matrixmultiply`, spread over the threads, and a kernel of our own for
//! products too small for its packing to pay.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::simd::vectorize;
use super::subnormal::FlushSubnormals;
use crate::scalar::Scalar;

/// A matrix in memory: where it starts and how far apart rows and columns lie.
#[derive(Clone, Copy)]
pub(crate) struct Strided<T> {
    pub(crate) start: *const T,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

// SAFETY: only a description of memory; `gemm`'s caller promises that it may be read.
unsafe impl<T: Sync> Sync for Strided<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Send for Strided<T> {}

/// A pointer to the rows that a thread writes, none of which another thread touches.
#[derive(Clone, Copy)]
pub(crate) struct Rows<T>(pub(crate) *mut T);

// SAFETY: every thread derives its own, disjoint rows from it.
unsafe impl<T: Send> Sync for Rows<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Rows<T> {}

/// Products of at most this many multiplications, with at most this many elements in `B`, run
/// faster without packing `A`.
const SMALL_PRODUCT: usize = 32 * 1024;
const SMALL_B: usize = 2048;
/// Products of fewer multiplications stay on the calling thread.
pub(crate) const PARALLEL_PRODUCT: usize = 1 << 20;
/// The rows or columns that a thread takes at a time.
const BLOCK: usize = 64;

/// `C = A B`, or `C += A B`, for `A` of `m × k`, `B` of `k × n` and `C` of `m × n` row by row.
///
/// # Safety
///
/// `a` and `b` must describe matrices that can be read, `c` must be valid for `m · n` writes
/// (and hold numbers if they are added to) and overlap neither.
pub(crate) unsafe fn gemm<T: Scalar>(
    [m, k, n]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: *mut T,
    accumulate: bool,
) {
    let multiplications = m.saturating_mul(k).saturating_mul(n);
    if multiplications < PARALLEL_PRODUCT || rayon::current_num_threads() == 1 {
        // SAFETY: the caller's promise.
        return unsafe { gemm_alone([m, k, n], a, b, c, n, accumulate) };
    }
    let c = Rows(c);
    let by_rows = m >= n;
    let blocks = if by_rows { m } else { n }.div_ceil(BLOCK);
    // Fewer, larger blocks repeat less of the packing; their number depends on the shape only,
    // and no sum is ever cut, so the bits do not depend on it either.
    let block = if by_rows { m } else { n }.div_ceil(blocks.min(8)).next_multiple_of(8);
    let count = if by_rows { m } else { n }.div_ceil(block);
    (0..count).into_par_iter().for_each(|i| {
        let Rows(c) = { c };
        let at = i * block;
        // SAFETY: block `i` reads and writes within the matrices, and no other block writes it.
        unsafe {
            if by_rows {
                let a = Strided { start: a.start.add(at * a.row_stride), ..a };
                packed([block.min(m - at), k, n], a, b, c.add(at * n), n, accumulate);
            } else {
                let b = Strided { start: b.start.add(at * b.column_stride), ..b };
                packed([m, k, block.min(n - at)], a, b, c.add(at), n, accumulate);
            }
        }
    });
}

/// As [`gemm`], on the calling thread alone, with rows of `C` that lie `c_stride` apart.
///
/// # Safety
///
/// As for [`gemm`], with rows of `C` that lie `c_stride` apart.
pub(crate) unsafe fn gemm_alone<T: Scalar>(
    [m, k, n]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: *mut T,
    c_stride: usize,
    accumulate: bool,
) {
    let multiplications = m.saturating_mul(k).saturating_mul(n);
    if multiplications <= SMALL_PRODUCT && k.saturating_mul(n.next_multiple_of(LANES)) <= SMALL_B {
        let _flush = FlushSubnormals::during::<T>();
        // SAFETY: the caller's promise.
        unsafe { small([m, k, n], a, b, c, c_stride, accumulate) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { packed([m, k, n], a, b, c, c_stride, accumulate) };
    }
}

/// As [`gemm`], for each of some matrices: `batch` holds the sizes of the axes that count them, and
/// the strides of `A` and `B` along each. The results stand one behind the other.
///
/// # Safety
///
/// As for [`gemm`], for each of the matrices.
pub(crate) unsafe fn gemm_each<T: Scalar>(
    batch: &[(usize, usize, usize)],
    sizes @ [m, k, n]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: *mut T,
    accumulate: bool,
) {
    let c = Rows(c);
    let run = |matrix: usize| {
        let Rows(c) = { c };
        let (mut rest, mut a, mut b) = (matrix, a, b);
        for &(size, a_stride, b_stride) in batch.iter().rev() {
            a.start = a.start.wrapping_add(rest % size * a_stride);
            b.start = b.start.wrapping_add(rest % size * b_stride);
            rest /= size;
        }
        // SAFETY: the caller's promise; each product writes a matrix of its own.
        unsafe { gemm(sizes, a, b, c.add(matrix * m * n), accumulate) };
    };
    let count = batch.iter().map(|&(size, ..)| size).product::<usize>();
    let multiplications = [m, k, n].into_iter().fold(count, usize::saturating_mul);
    if count > 1 && multiplications >= PARALLEL_PRODUCT && rayon::current_num_threads() > 1 {
        (0..count).into_par_iter().for_each(run);
    } else {
        (0..count).for_each(run);
    }
}

/// The product by `matrixmultiply`.
///
/// # Safety
///
/// As for [`gemm`], with rows of `C` that lie `c_stride` apart.
unsafe fn packed<T: Scalar>(
    [m, k, n]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: *mut T,
    c_stride: usize,
    accumulate: bool,
) {
    let _flush = FlushSubnormals::during::<T>();
    let strides = |m: Strided<T>| (m.row_stride as isize, m.column_stride as isize);
    let beta = if accumulate { T::ONE } else { T::ZERO };
    // SAFETY: the caller's promise.
    unsafe {
        T::gemm(m, k, n, a.start, strides(a), b.start, strides(b), beta, c, (c_stride as isize, 1));
    }
}

/// The columns computed side by side: two vector registers, or one where there are no more.
const LANES: usize = 16;
const HALF: usize = LANES / 2;
/// The rows computed side by side.
const ROWS: usize = 4;

/// A product so small that `B` is copied, a panel of columns at a time, to the stack.
///
/// # Safety
///
/// As for [`gemm_alone`]; `B` must have at most [`SMALL_B`] elements when its rows are filled up
/// to a multiple of [`LANES`].
unsafe fn small<T: Scalar>(
    [m, k, n]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: *mut T,
    c_stride: usize,
    accumulate: bool,
) {
    vectorize(
        #[inline(always)]
        move || {
            let mut panel = [MaybeUninit::uninit(); SMALL_B];
            for first in (0..n).step_by(LANES) {
                let width = LANES.min(n - first);
                // SAFETY: the caller's promise, for these columns of `B` and `C`.
                unsafe {
                    let b = Strided { start: b.start.add(first * b.column_stride), ..b };
                    let c = c.add(first);
                    if width > HALF {
                        columns::<T, LANES>(
                            [m, k, width],
                            a,
                            b,
                            c,
                            c_stride,
                            accumulate,
                            &mut panel,
                        );
                    } else {
                        columns::<T, HALF>(
                            [m, k, width],
                            a,
                            b,
                            c,
                            c_stride,
                            accumulate,
                            &mut panel,
                        );
                    }
                }
            }
        },
    );
}

/// At most `W` columns of a small product.
///
/// # Safety
///
/// As for [`gemm`], with rows of `C` that lie `c_stride` apart, and `k · W` elements in `panel`.
#[inline(always)]
unsafe fn columns<T: Scalar, const W: usize>(
    [m, k, width]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: *mut T,
    c_stride: usize,
    accumulate: bool,
    panel: &mut [MaybeUninit<T>; SMALL_B],
) {
    let (panel, _) = panel.as_chunks_mut::<W>();
    for (p, row) in panel[..k].iter_mut().enumerate() {
        for (lane, value) in row.iter_mut().enumerate() {
            // SAFETY: within `B`.
            let from = || unsafe { *b.start.add(p * b.row_stride + lane * b.column_stride) };
            value.write(if lane < width { from() } else { T::ZERO });
        }
    }
    for first in (0..m).step_by(ROWS) {
        let rows = ROWS.min(m - first);
        let mut sums = [[T::ZERO; W]; ROWS];
        // The last row is computed again where there are fewer than `ROWS`.
        let row_of = |r: usize| (first + r.min(rows - 1)) * a.row_stride;
        // SAFETY: within `A`.
        let row: [*const T; ROWS] = std::array::from_fn(|r| unsafe { a.start.add(row_of(r)) });
        for (p, b) in panel[..k].iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(row) {
                // SAFETY: within `A`; the panel was filled above.
                let (x, b) = unsafe { (*row.add(p * a.column_stride), b.map(|b| b.assume_init())) };
                for lane in 0..W {
                    sums[lane] += x * b[lane];
                }
            }
        }
        for (r, sums) in sums[..rows].iter().enumerate() {
            // SAFETY: within `C`.
            let out =
                unsafe { std::slice::from_raw_parts_mut(c.add((first + r) * c_stride), width) };
            match <&mut [T; W]>::try_from(&mut *out) {
                Ok(out) if !accumulate => *out = *sums,
                _ => out.iter_mut().zip(sums).for_each(|(out, &sum)| {
                    *out = if accumulate { *out + sum } else { sum };
                }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A product of whole numbers, exact in any order, into memory that held NaN.
    fn check(sizes @ [m, k, n]: [usize; 3], transposed: [bool; 2], accumulate: bool) {
        let value = |i: usize| ((i * 7 + 3) % 11) as f64 - 5.0;
        let a: Vec<f64> = (0..m * k).map(value).collect();
        let b: Vec<f64> = (0..k * n).map(|i| value(i + 5)).collect();
        let strided = |data: &[f64], rows: usize, columns: usize, transposed: bool| {
            let (row_stride, column_stride) = if transposed { (1, rows) } else { (columns, 1) };
            Strided { start: data.as_ptr(), row_stride, column_stride }
        };
        let (a_view, b_view) = (strided(&a, m, k, transposed[0]), strided(&b, k, n, transposed[1]));
        let before = if accumulate { 3.0 } else { f64::NAN };
        let mut c = vec![before; m * n];
        // SAFETY: the views describe the vectors above.
        unsafe { gemm(sizes, a_view, b_view, c.as_mut_ptr(), accumulate) };
        for (at, &got) in c.iter().enumerate() {
            let (i, j) = (at / n, at % n);
            let product: f64 = (0..k)
                .map(|p| {
                    a[i * a_view.row_stride + p * a_view.column_stride]
                        * b[p * b_view.row_stride + j * b_view.column_stride]
                })
                .sum();
            let want = if accumulate { 3.0 + product } else { product };
            assert_eq!(got, want, "{sizes:?} {transposed:?} {accumulate} at ({i}, {j})");
        }
    }

    #[test]
    fn all_small_sizes_and_layouts() {
        let sizes = [0, 1, 2, 3, 4, 5, 15, 16, 17, 33];
        for m in sizes {
            for k in sizes {
                for n in sizes {
                    for transposed in [[false, false], [true, false], [false, true], [true, true]] {
                        check([m, k, n], transposed, false);
                        check([m, k, n], transposed, true);
                    }
                }
            }
        }
    }

    #[test]
    fn large_products_on_any_number_of_threads() {
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                check([130, 129, 131], [false, true], false);
                check([513, 64, 65], [true, false], true);
                check([65, 64, 513], [false, false], false);
            });
        }
    }

    #[test]
    fn cutting_a_product_does_not_change_its_bits() {
        let (m, k, n) = (300, 301, 250);
        let data: Vec<f32> = (0..m.max(n) * k).map(|i| (i as f32 * 0.37).sin()).collect();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut c = vec![f32::NAN; m * n];
            let out = Rows(c.as_mut_ptr());
            let a = Strided { start: data.as_ptr(), row_stride: k, column_stride: 1 };
            let b = Strided { start: data.as_ptr(), row_stride: 1, column_stride: k };
            pool.install(|| {
                let Rows(out) = { out };
                // SAFETY: both views lie in `data`, and `c` is a vector of its own.
                unsafe { gemm([m, k, n], a, b, out, false) }
            });
            c
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            assert!(run(threads).iter().zip(&one).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}
