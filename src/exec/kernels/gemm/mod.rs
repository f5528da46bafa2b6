//! Matrix products, each made in the way that suits its shape.

mod blocked;
pub(crate) mod pack;
mod small;
mod streamed;
pub(crate) mod tile;

use self::blocked::blocked;
use self::streamed::streamed;

use super::subnormal::FlushSubnormals;
use super::tasks::for_each_task;
use super::vector::{Vector, Work};
use crate::scalar::Scalar;

/// A matrix in memory: where it starts and how far apart rows and columns lie.
#[derive(Clone, Copy)]
pub(crate) struct Strided<T> {
    pub(crate) start: *const T,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<T> Strided<T> {
    /// The same matrix from this row and column on.
    pub(crate) fn at(self, row: usize, column: usize) -> Self {
        let offset = row * self.row_stride + column * self.column_stride;
        Self { start: self.start.wrapping_add(offset), ..self }
    }

    /// The same memory read as the transpose.
    pub(crate) fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }
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

/// A matrix of results in memory, and whether to add to what it holds.
#[derive(Clone, Copy)]
pub(crate) struct Output<T> {
    pub(crate) start: *mut T,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
    pub(crate) accumulate: bool,
}

// SAFETY: every thread derives disjoint tiles from it.
unsafe impl<T: Send> Sync for Output<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Output<T> {}

impl<T: Scalar> Output<T> {
    /// The same matrix from this row and column on.
    pub(crate) fn at(self, row: usize, column: usize) -> Self {
        let offset = row * self.row_stride + column * self.column_stride;
        Self { start: self.start.wrapping_add(offset), ..self }
    }

    /// The same memory written as the transpose.
    fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    /// Writes or adds the first numbers of a row.
    ///
    /// # Safety
    ///
    /// The matrix must have such a row of so many numbers.
    #[inline(always)]
    unsafe fn put(self, row: usize, numbers: &[T]) {
        let to = self.at(row, 0);
        for (j, &x) in numbers.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe {
                let to = to.start.add(j * to.column_stride);
                *to = if self.accumulate { *to + x } else { x };
            }
        }
    }
}

/// Products of at most this many multiplications, if they suit [`small`], run faster there.
const SMALL_PRODUCT: usize = 4096;
/// Products of fewer multiplications stay on the calling thread.
pub(crate) const PARALLEL_PRODUCT: usize = 1 << 19;
/// Products with at most this many rows or columns read the other matrix in place: packing it
/// would take longer than the multiplications.
const NARROW: usize = 16;

/// `C = A B`, or `C += A B`, for `A` of `m × k`, `B` of `k × n` and `C` of `m × n` row by row.
///
/// # Safety
///
/// `a` and `b` must describe matrices that can be read, `c` must be valid for `m · n` writes
/// (and hold numbers if they are added to) and overlap neither.
pub(crate) unsafe fn gemm<T: Scalar>(
    sizes @ [.., n]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: *mut T,
    accumulate: bool,
) {
    let c = Output { start: c, row_stride: n, column_stride: 1, accumulate };
    // SAFETY: the caller's promise.
    unsafe { multiply(sizes, a, b, c, true) };
}

/// As [`gemm`], on the calling thread alone, with rows of `C` that lie `c_stride` apart.
///
/// # Safety
///
/// As for [`gemm`], with rows of `C` that lie `c_stride` apart.
pub(crate) unsafe fn gemm_alone<T: Scalar>(
    sizes: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: *mut T,
    c_stride: usize,
    accumulate: bool,
) {
    let c = Output { start: c, row_stride: c_stride, column_stride: 1, accumulate };
    // SAFETY: the caller's promise.
    unsafe { multiply(sizes, a, b, c, false) };
}

/// Chooses the way to a product: by its shape and layout only, so that it is the same, bit for bit,
/// on any number of threads.
///
/// # Safety
///
/// As for [`gemm`].
unsafe fn multiply<T: Scalar>(
    sizes @ [m, k, n]: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: Output<T>,
    threads: bool,
) {
    let work = m.saturating_mul(k).saturating_mul(n);
    if work <= SMALL_PRODUCT && k.saturating_mul(n.next_multiple_of(small::LANES)) <= small::MOST_B
    {
        let _flush = FlushSubnormals::during::<T>();
        // SAFETY: the caller's promise.
        return unsafe { small::small(sizes, a, b, c) };
    }
    let threads = threads && work >= PARALLEL_PRODUCT;
    let plain = Large { sizes, a, b, c, way: Way::Blocked, threads };
    let turned = Large {
        sizes: [n, k, m],
        a: b.transposed(),
        b: a.transposed(),
        c: c.transposed(),
        ..plain
    };
    // What a short inner dimension makes is mostly writing, for which the order of rows is best.
    T::with_widest(if k < NARROW {
        plain
    } else if m <= NARROW && n > 2 * NARROW {
        if b.column_stride == 1 { Large { way: Way::Streamed, ..plain } } else { turned }
    } else if n <= NARROW && m > 2 * NARROW && a.row_stride == 1 && a.column_stride != 1 {
        Large { way: Way::Streamed, ..turned }
    } else {
        plain
    });
}

/// How a product too large for [`small`] is made.
#[derive(Clone, Copy)]
enum Way {
    /// With the right matrix packed.
    Blocked,
    /// With the right matrix read once, where it is.
    Streamed,
}

/// A product for the widest registers.
#[derive(Clone, Copy)]
struct Large<T> {
    sizes: [usize; 3],
    a: Strided<T>,
    b: Strided<T>,
    c: Output<T>,
    way: Way,
    threads: bool,
}

impl<T: Scalar> Work<T> for Large<T> {
    unsafe fn run<V: Vector<T>>(self) {
        let Self { sizes, a, b, c, way, threads } = self;
        // SAFETY: the promise of `multiply`'s caller, and this one's.
        unsafe {
            match way {
                Way::Blocked => blocked::<T, V>(sizes, a, b, c, threads),
                Way::Streamed => streamed::<T, V>(sizes, a, b, c, threads),
            }
        }
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
    let count = batch.iter().map(|&(size, ..)| size).product::<usize>();
    let each = [m, k, n].into_iter().fold(1, usize::saturating_mul);
    let all = each.saturating_mul(count);
    // Threads take whole matrices where there are enough of them, or where one is too small to cut.
    let together = all >= PARALLEL_PRODUCT
        && (count >= rayon::current_num_threads() || each < PARALLEL_PRODUCT);
    let run = |matrix: usize| {
        let Rows(c) = { c };
        let (mut rest, mut a, mut b) = (matrix, a, b);
        for &(size, a_stride, b_stride) in batch.iter().rev() {
            a.start = a.start.wrapping_add(rest % size * a_stride);
            b.start = b.start.wrapping_add(rest % size * b_stride);
            rest /= size;
        }
        // SAFETY: the caller's promise; each product writes a matrix of its own.
        unsafe {
            let c = c.add(matrix * m * n);
            if together {
                gemm_alone(sizes, a, b, c, n, accumulate);
            } else {
                gemm(sizes, a, b, c, accumulate);
            }
        }
    };
    if together {
        for_each_task::<T>(count, all, run);
    } else {
        (0..count).for_each(run);
    }
}

#[cfg(test)]
mod tests;
