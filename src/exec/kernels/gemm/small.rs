//! Products so small that packing the left matrix would not pay.

use std::mem::MaybeUninit;

use super::{Output, Strided};
use crate::exec::kernels::simd::vectorize;
use crate::scalar::Scalar;

/// The most elements of `B`, its rows filled up to a multiple of [`LANES`].
pub(super) const MOST_B: usize = 2048;
/// The columns computed side by side: two vector registers, or one where there are no more.
pub(super) const LANES: usize = 16;
const HALF: usize = LANES / 2;
/// The rows computed side by side.
const ROWS: usize = 4;

/// A product so small that `B` is copied, a panel of columns at a time, to the stack.
///
/// # Safety
///
/// As for [`super::gemm`], with a column stride of 1 in `c`; `B` must have at most [`MOST_B`] elements when its rows are filled up
/// to a multiple of [`LANES`].
pub(super) unsafe fn small<T: Scalar>(
    [m, k, n]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: Output<T>,
) {
    vectorize(
        #[inline(always)]
        move || {
            let mut panel = [MaybeUninit::uninit(); MOST_B];
            for first in (0..n).step_by(LANES) {
                let width = LANES.min(n - first);
                // SAFETY: the caller's promise, for these columns of `B` and `C`.
                unsafe {
                    let (b, c) = (b.at(0, first), c.at(0, first));
                    if width > HALF {
                        columns::<T, LANES>([m, k, width], a, b, c, &mut panel);
                    } else {
                        columns::<T, HALF>([m, k, width], a, b, c, &mut panel);
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
/// As for [`small`], with at most `W` columns.
#[inline(always)]
unsafe fn columns<T: Scalar, const W: usize>(
    [m, k, width]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: Output<T>,
    panel: &mut [MaybeUninit<T>; MOST_B],
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
            unsafe {
                if width == W && !c.accumulate {
                    c.at(first + r, 0).start.cast::<[T; W]>().write(*sums);
                } else {
                    c.put(first + r, &sums[..width]);
                }
            }
        }
    }
}
