//! Vector registers: what kernels need of an instruction set, and the choice of one at run time.

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// A vector register of numbers.
///
/// # Safety
///
/// The processor must have the instruction set for any of the functions. All but `enter` are
/// single instructions, or a few, only where they are inlined into the closure that `enter` runs.
/// Pointers must be valid for a register's numbers; they need no alignment.
pub trait Vector<T>: Copy {
    /// The numbers in a register.
    const LANES: usize;
    /// The most rows of a tile of results that stay in registers with what they are made from.
    const ROWS: usize;
    /// The most registers that such a tile is wide.
    const WIDTH: usize;
    /// The side of the squares that `transpose` takes.
    const SQUARE: usize;

    /// Runs a closure compiled for the instruction set.
    unsafe fn enter<R>(work: impl FnOnce() -> R) -> R;
    unsafe fn load(from: *const T) -> Self;
    unsafe fn store(self, to: *mut T);
    /// The first numbers of a register, at most all of them, and zeros: reads no more than these.
    unsafe fn load_first(from: *const T, count: usize) -> Self;
    /// Writes the first numbers of a register, at most all of them, and no more than these.
    unsafe fn store_first(self, to: *mut T, count: usize);
    /// The same number in every lane.
    unsafe fn splat(x: T) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    /// `self · factor + sum`, rounded once where there is an instruction for it.
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self;
    /// `yes` in the lanes where `self` is above `other`, `no` in the others. NaN is above every
    /// number, and not above NaN.
    unsafe fn where_above(self, other: Self, yes: Self, no: Self) -> Self;
    /// A bit for each lane, from the lowest on, set where the number is not zero.
    unsafe fn nonzero(self) -> u32;
    /// The numbers at even and those at odd places of two registers one behind the other.
    unsafe fn unzip(self, next: Self) -> [Self; 2];
    /// The numbers of two registers by turns.
    unsafe fn zip(self, other: Self) -> [Self; 2];
    /// `to[j, i] = from[i, j]` for a square of numbers.
    unsafe fn transpose(from: *const T, from_stride: usize, to: *mut T, to_stride: usize);
}

/// Something to be done with the widest registers at hand.
pub trait Work<T> {
    /// Does it.
    ///
    /// # Safety
    ///
    /// The processor must have the instruction set of `V`.
    unsafe fn run<V: Vector<T>>(self);
}

/// A number type that there are vector registers of.
pub trait Registers: Sized {
    /// Does some work with the widest registers that the processor has.
    fn with_widest(work: impl Work<Self>);
}

/// Asks for what stands at this place, if anything does, to be brought near: a hint, and none at all
/// where no instruction for it is at hand.
#[inline(always)]
pub(crate) fn fetch<T>(from: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: whatever the address, nothing is read that a program could see.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(from.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}

/// Registers whose numbers are an operand of the instructions of this name.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! vector {
    (
        $register:ty, $type:ty, lanes: $lanes:expr, tile: $rows:literal x $width:literal, features: $features:literal,
        $load:ident, $store:ident, first: $load_first:path, $store_first:path,
        $splat:ident, $add:ident, |$x:ident, $y:ident, $z:ident| $fma:expr,
        $where_above:path, $nonzero:path, $unzip:path, $zip:path, transpose $square:literal: $transpose:path
    ) => {
        impl Vector<$type> for $register {
            const LANES: usize = $lanes;
            const ROWS: usize = $rows;
            const WIDTH: usize = $width;
            const SQUARE: usize = $square;

            #[inline(always)]
            unsafe fn enter<R>(work: impl FnOnce() -> R) -> R {
                #[target_feature(enable = $features)]
                fn compiled<R>(work: impl FnOnce() -> R) -> R {
                    work()
                }
                // SAFETY: the caller's promise.
                unsafe { compiled(work) }
            }
            #[inline(always)]
            unsafe fn load(from: *const $type) -> Self {
                // SAFETY: the caller's promise.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $type) {
                // SAFETY: the caller's promise.
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn load_first(from: *const $type, count: usize) -> Self {
                // SAFETY: the caller's promise.
                unsafe { $load_first(from, count) }
            }
            #[inline(always)]
            unsafe fn store_first(self, to: *mut $type, count: usize) {
                // SAFETY: the caller's promise.
                unsafe { $store_first(self, to, count) }
            }
            #[inline(always)]
            unsafe fn splat(x: $type) -> Self {
                // SAFETY: the caller's promise.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: the caller's promise.
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
                let ($x, $y, $z) = (self, factor, sum);
                // SAFETY: the caller's promise.
                unsafe { $fma }
            }
            #[inline(always)]
            unsafe fn where_above(self, other: Self, yes: Self, no: Self) -> Self {
                // SAFETY: the caller's promise.
                unsafe { $where_above(self, other, yes, no) }
            }
            #[inline(always)]
            unsafe fn nonzero(self) -> u32 {
                // SAFETY: the caller's promise.
                unsafe { $nonzero(self) }
            }
            #[inline(always)]
            unsafe fn unzip(self, next: Self) -> [Self; 2] {
                // SAFETY: the caller's promise.
                unsafe { $unzip(self, next) }
            }
            #[inline(always)]
            unsafe fn zip(self, other: Self) -> [Self; 2] {
                // SAFETY: the caller's promise.
                unsafe { $zip(self, other) }
            }
            #[inline(always)]
            unsafe fn transpose(
                from: *const $type,
                from_stride: usize,
                to: *mut $type,
                to_stride: usize,
            ) {
                // SAFETY: the caller's promise.
                unsafe { $transpose(from, from_stride, to, to_stride) }
            }
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use vector;

/// [`Vector::load_first`] by way of memory.
///
/// # Safety
///
/// As for [`Vector::load_first`].
#[inline(always)]
unsafe fn load_first<T: Copy + Default, V: Vector<T>>(from: *const T, count: usize) -> V {
    // SAFETY: the caller's promise; no register is wider than the line.
    unsafe {
        if count == V::LANES {
            return V::load(from);
        }
        let mut line = [T::default(); WIDEST];
        line.as_mut_ptr().copy_from_nonoverlapping(from, count);
        V::load(line.as_ptr())
    }
}

/// [`Vector::store_first`] by way of memory.
///
/// # Safety
///
/// As for [`Vector::store_first`].
#[inline(always)]
unsafe fn store_first<T: Copy + Default, V: Vector<T>>(register: V, to: *mut T, count: usize) {
    // SAFETY: the caller's promise; no register is wider than the line.
    unsafe {
        if count == V::LANES {
            return register.store(to);
        }
        let mut line = [T::default(); WIDEST];
        register.store(line.as_mut_ptr());
        to.copy_from_nonoverlapping(line.as_ptr(), count);
    }
}

/// The most lanes of those registers that [`load_first`] and [`store_first`] serve.
const WIDEST: usize = 8;

/// As [`Vector::transpose`], number by number.
#[inline(always)]
unsafe fn transpose<T: Copy, const SIDE: usize>(
    from: *const T,
    from_stride: usize,
    to: *mut T,
    to_stride: usize,
) {
    for i in 0..SIDE {
        for j in 0..SIDE {
            // SAFETY: the caller's promise.
            unsafe { *to.add(j * to_stride + i) = *from.add(i * from_stride + j) };
        }
    }
}

/// A check of something that the registers of all instruction sets have to do alike.
#[cfg(test)]
pub(crate) trait Check {
    /// Makes the check with one kind of registers, which the processor has.
    fn check<T: crate::Scalar, V: Vector<T>>(&self);
}

/// Makes a check with each kind of registers that the processor has.
#[cfg(test)]
pub(crate) fn check_all(check: &impl Check) {
    check.check::<f32, [f32; 4]>();
    check.check::<f64, [f64; 2]>();
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        if x86::has_avx2_and_fma() {
            check.check::<f32, __m256>();
            check.check::<f64, __m256d>();
            if is_x86_feature_detected!("avx512f") {
                check.check::<f32, __m512>();
                check.check::<f64, __m512d>();
            }
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        check.check::<f32, std::arch::aarch64::float32x4_t>();
        check.check::<f64, std::arch::aarch64::float64x2_t>();
    }
}

#[cfg(test)]
mod tests;
