//! Arrays in the place of registers, for what every architecture has.

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use super::{Registers, Work};
use super::{Vector, load_first, store_first, transpose};

/// An array in the place of a register.
macro_rules! portable {
    ($type:ty, $lanes:literal) => {
        #[allow(clippy::needless_range_loop, reason = "lane by lane")]
        impl Vector<$type> for [$type; $lanes] {
            const LANES: usize = $lanes;
            const ROWS: usize = 4;
            const WIDTH: usize = 2;
            const SQUARE: usize = $lanes;

            #[inline(always)]
            unsafe fn enter<R>(work: impl FnOnce() -> R) -> R {
                work()
            }
            #[inline(always)]
            unsafe fn load(from: *const $type) -> Self {
                // SAFETY: the caller's promise; an array is aligned as its numbers are.
                unsafe { *from.cast() }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $type) {
                // SAFETY: as above.
                unsafe { *to.cast() = self }
            }
            #[inline(always)]
            unsafe fn load_first(from: *const $type, count: usize) -> Self {
                // SAFETY: the caller's promise.
                unsafe { load_first(from, count) }
            }
            #[inline(always)]
            unsafe fn store_first(self, to: *mut $type, count: usize) {
                // SAFETY: the caller's promise.
                unsafe { store_first(self, to, count) }
            }
            #[inline(always)]
            unsafe fn splat(x: $type) -> Self {
                [x; $lanes]
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                std::array::from_fn(|lane| self[lane] + other[lane])
            }
            #[inline(always)]
            unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
                std::array::from_fn(|lane| self[lane] * factor[lane] + sum[lane])
            }
            #[inline(always)]
            unsafe fn where_above(self, other: Self, yes: Self, no: Self) -> Self {
                let above = |a: $type, b: $type| a > b || (a.is_nan() && !b.is_nan());
                std::array::from_fn(|lane| {
                    if above(self[lane], other[lane]) { yes[lane] } else { no[lane] }
                })
            }
            #[inline(always)]
            unsafe fn nonzero(self) -> u32 {
                (0..$lanes).fold(0, |bits, lane| bits | (u32::from(self[lane] != 0.0) << lane))
            }
            #[inline(always)]
            unsafe fn unzip(self, next: Self) -> [Self; 2] {
                let at = |i: usize| if i < $lanes { self[i] } else { next[i - $lanes] };
                [0, 1].map(|odd| std::array::from_fn(|lane| at(2 * lane + odd)))
            }
            #[inline(always)]
            unsafe fn zip(self, other: Self) -> [Self; 2] {
                let at = |i: usize| if i.is_multiple_of(2) { self[i / 2] } else { other[i / 2] };
                [0, $lanes].map(|first| std::array::from_fn(|lane| at(first + lane)))
            }
            #[inline(always)]
            unsafe fn transpose(
                from: *const $type,
                from_stride: usize,
                to: *mut $type,
                to_stride: usize,
            ) {
                // SAFETY: the caller's promise.
                unsafe { transpose::<$type, $lanes>(from, from_stride, to, to_stride) }
            }
        }
    };
}
portable!(f32, 4);
portable!(f64, 2);

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl Registers for f32 {
    fn with_widest(work: impl Work<Self>) {
        // SAFETY: no instruction set is needed.
        unsafe { work.run::<[f32; 4]>() };
    }
}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl Registers for f64 {
    fn with_widest(work: impl Work<Self>) {
        // SAFETY: no instruction set is needed.
        unsafe { work.run::<[f64; 2]>() };
    }
}
