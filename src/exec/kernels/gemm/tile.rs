//! The innermost loop of a product: a tile of results that stays in registers while the inner
//! dimension passes.

use super::vector::Vector;
use super::{Output, Strided};
use crate::scalar::Scalar;

/// A panel of the right matrix: rows of one or two registers, one behind the other.
#[derive(Clone, Copy)]
pub(super) struct Panel<T> {
    pub(super) start: *const T,
    /// Whether rows are one register wide rather than two.
    pub(super) single: bool,
}

/// The columns of the widest panel there is: what a row of a tile may have.
const WIDEST: usize = 32;

/// `c = a b`, or `c += a b`, for at most `V::ROWS` rows and a panel, of which `columns` are stored.
///
/// # Safety
///
/// The processor must have the instruction set of `V`; `a` must have `rows` rows and `depth`
/// columns, `b` `depth` rows, `c` `rows` rows and `columns` columns.
pub(super) unsafe fn tile<T: Scalar, V: Vector<T>>(
    [rows, depth, columns]: [usize; 3],
    a: Strided<T>,
    b: Panel<T>,
    c: Output<T>,
) {
    /// One arm a number of rows, compiled with that number as a constant.
    macro_rules! choose {
        ($($count:literal)*) => {
            match (rows, b.single) {
                $(
                    // SAFETY: the caller's promise.
                    ($count, true) => unsafe {
                        V::enter(#[inline(always)] move || of_size::<T, V, $count, 1>(depth, columns, a, b.start, c))
                    },
                    // SAFETY: as above.
                    ($count, false) => unsafe {
                        V::enter(#[inline(always)] move || of_size::<T, V, $count, 2>(depth, columns, a, b.start, c))
                    },
                )*
                _ => unreachable!("a tile of {rows} rows"),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8);
}

/// As [`tile`], for `M` rows and a panel of `N` registers.
///
/// # Safety
///
/// As for [`tile`].
#[inline(always)]
unsafe fn of_size<T: Scalar, V: Vector<T>, const M: usize, const N: usize>(
    depth: usize,
    columns: usize,
    a: Strided<T>,
    mut b: *const T,
    c: Output<T>,
) {
    // SAFETY: the caller's promise: row `i` of `a` and `c` is within them, as are `depth` columns
    // of `a`, `depth` rows of `b`, and `columns` numbers of a row of `c`.
    unsafe {
        let mut sums = [[V::splat(T::ZERO); N]; M];
        let rows: [*const T; M] = std::array::from_fn(|i| a.at(i, 0).start);
        for p in 0..depth {
            let right: [V; N] = std::array::from_fn(
                #[inline(always)]
                |n| V::load(b.add(n * V::LANES)),
            );
            for (sums, row) in sums.iter_mut().zip(rows) {
                let left = V::splat(*row.add(p * a.column_stride));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = left.multiply_add(right, *sum);
                }
            }
            b = b.add(N * V::LANES);
        }
        let whole = columns == N * V::LANES && c.column_stride == 1;
        let mut line = [T::ZERO; WIDEST];
        for (i, sums) in sums.iter().enumerate() {
            for (n, &sum) in sums.iter().enumerate() {
                if whole {
                    let to = c.at(i, n * V::LANES).start;
                    if c.accumulate { V::load(to).add(sum) } else { sum }.store(to);
                } else {
                    sum.store(line.as_mut_ptr().add(n * V::LANES));
                }
            }
            if !whole {
                c.put(i, &line[..columns]);
            }
        }
    }
}
