//! Packing: the operands of a product in the order in which its innermost loop reads them.

use std::ops::Range;

use super::Strided;
use crate::exec::kernels::vector::Vector;
use crate::scalar::Scalar;

/// Packs a panel of the right matrix: its rows one behind the other, each `width` long and filled up
/// with zeros.
///
/// # Safety
///
/// The processor must have the instruction set of `V`; `from` must have `depth` rows and `filled`
/// columns, at most `width`, and `to` be valid for `depth · width` writes.
pub(crate) unsafe fn pack_panel<T: Scalar, V: Vector<T>>(
    from: Strided<T>,
    [depth, filled]: [usize; 2],
    width: usize,
    to: *mut T,
) {
    // SAFETY: the caller's promise.
    unsafe {
        V::enter(
            #[inline(always)]
            move || {
                if from.column_stride == 1 {
                    copy_rows::<T, V>(from, [depth, filled], width, to);
                } else if from.row_stride == 1 {
                    transpose::<T, V>(from, [depth, filled], width, to);
                } else {
                    each(from, 0..depth, 0..filled, width, to);
                }
                if filled < width {
                    for p in 0..depth {
                        to.add(p * width + filled).write_bytes(0, width - filled);
                    }
                }
            },
        );
    }
}

/// Copies rows whose numbers lie side by side.
#[inline(always)]
unsafe fn copy_rows<T: Copy, V: Vector<T>>(
    from: Strided<T>,
    [depth, filled]: [usize; 2],
    width: usize,
    to: *mut T,
) {
    let whole = filled / V::LANES * V::LANES;
    for p in 0..depth {
        // SAFETY: the caller's promise.
        unsafe {
            let (from, to) = (from.start.add(p * from.row_stride), to.add(p * width));
            for at in (0..whole).step_by(V::LANES) {
                V::load(from.add(at)).store(to.add(at));
            }
            for at in whole..filled {
                *to.add(at) = *from.add(at);
            }
        }
    }
}

/// Copies columns whose numbers lie side by side, square by square.
#[inline(always)]
unsafe fn transpose<T: Copy, V: Vector<T>>(
    from: Strided<T>,
    [depth, filled]: [usize; 2],
    width: usize,
    to: *mut T,
) {
    let side = V::SQUARE;
    let (deep, wide) = (depth / side * side, filled / side * side);
    // SAFETY: the caller's promise.
    unsafe {
        for j in (0..wide).step_by(side) {
            let column = from.start.add(j * from.column_stride);
            for p in (0..deep).step_by(side) {
                V::transpose(column.add(p), from.column_stride, to.add(p * width + j), width);
            }
        }
        each(from, 0..deep, wide..filled, width, to);
        each(from, deep..depth, 0..filled, width, to);
    }
}

/// Copies number by number.
#[inline(always)]
unsafe fn each<T: Copy>(
    from: Strided<T>,
    rows: Range<usize>,
    columns: Range<usize>,
    width: usize,
    to: *mut T,
) {
    for p in rows {
        for j in columns.clone() {
            // SAFETY: the caller's promise.
            unsafe {
                let at = p * from.row_stride + j * from.column_stride;
                *to.add(p * width + j) = *from.start.add(at);
            }
        }
    }
}

/// Packs the rows of a tile of the left matrix: one column behind the other.
///
/// `spare` says that `from` has `V::ROWS` rows in memory, even if the tile has fewer: to copy as
/// many in every tile is faster.
///
/// # Safety
///
/// The processor must have the instruction set of `V`; `from` must have `rows` rows and `depth`
/// columns, and `to` be valid for `V::ROWS · depth` writes.
pub(super) unsafe fn pack_tile<T: Scalar, V: Vector<T>>(
    from: Strided<T>,
    [rows, depth]: [usize; 2],
    spare: bool,
    to: *mut T,
) -> Strided<T> {
    // SAFETY: the caller's promise.
    unsafe {
        V::enter(
            #[inline(always)]
            move || {
                let columns = from.transposed();
                let in_lines = spare && from.row_stride == 1;
                match V::ROWS {
                    4 if in_lines => copy_lines::<T, 4>(columns, depth, to),
                    6 if in_lines => copy_lines::<T, 6>(columns, depth, to),
                    8 if in_lines => copy_lines::<T, 8>(columns, depth, to),
                    width => each(columns, 0..depth, 0..rows, width, to),
                }
            },
        );
    }
    Strided { start: to.cast_const(), row_stride: 1, column_stride: V::ROWS }
}

/// Copies rows of `WIDTH` numbers side by side.
#[inline(always)]
unsafe fn copy_lines<T: Copy, const WIDTH: usize>(from: Strided<T>, depth: usize, to: *mut T) {
    for p in 0..depth {
        // SAFETY: the caller's promise; an array is aligned as its numbers are.
        unsafe {
            let line = *from.start.add(p * from.row_stride).cast::<[T; WIDTH]>();
            *to.add(p * WIDTH).cast() = line;
        }
    }
}
