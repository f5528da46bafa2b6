//! Vector registers: what the kernels of matrix products need of an instruction set, and the choice
//! of one at run time.

/// A vector register of numbers.
///
/// # Safety
///
/// The processor must have the instruction set for any of the functions. All but `enter` are
/// single instructions only where they are inlined into the closure that `enter` runs. Pointers
/// must be valid for a register's numbers; they need no alignment.
pub trait Vector<T>: Copy {
    /// The numbers in a register.
    const LANES: usize;
    /// The most rows of a tile of results, two registers wide, that stay in registers with what
    /// they are made from.
    const ROWS: usize;
    /// The side of the squares that `transpose` takes.
    const SQUARE: usize;

    /// Runs a closure compiled for the instruction set.
    unsafe fn enter<R>(work: impl FnOnce() -> R) -> R;
    unsafe fn load(from: *const T) -> Self;
    unsafe fn store(self, to: *mut T);
    /// The same number in every lane.
    unsafe fn splat(x: T) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    /// `self · factor + sum`, rounded once where there is an instruction for it.
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self;
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

/// Registers of an instruction set that not every processor of an architecture has.
macro_rules! vector {
    (
        $register:ty, $type:ty, lanes: $lanes:expr, rows: $rows:expr, features: $features:literal,
        $load:ident, $store:ident, $splat:ident, $add:ident, |$x:ident, $y:ident, $z:ident| $fma:expr,
        transpose $square:literal: $transpose:path
    ) => {
        impl Vector<$type> for $register {
            const LANES: usize = $lanes;
            const ROWS: usize = $rows;
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

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Registers, Vector, Work};

    vector!(
        __m256, f32, lanes: 8, rows: 6, features: "avx2,fma", _mm256_loadu_ps, _mm256_storeu_ps,
        _mm256_set1_ps, _mm256_add_ps, |x, y, z| _mm256_fmadd_ps(x, y, z),
        transpose 8: transpose_f32
    );
    vector!(
        __m256d, f64, lanes: 4, rows: 6, features: "avx2,fma", _mm256_loadu_pd, _mm256_storeu_pd,
        _mm256_set1_pd, _mm256_add_pd, |x, y, z| _mm256_fmadd_pd(x, y, z),
        transpose 4: transpose_f64
    );
    vector!(
        __m512, f32, lanes: 16, rows: 8, features: "avx512f,avx2,fma", _mm512_loadu_ps,
        _mm512_storeu_ps, _mm512_set1_ps, _mm512_add_ps, |x, y, z| _mm512_fmadd_ps(x, y, z),
        transpose 8: transpose_f32
    );
    vector!(
        __m512d, f64, lanes: 8, rows: 8, features: "avx512f,avx2,fma", _mm512_loadu_pd,
        _mm512_storeu_pd, _mm512_set1_pd, _mm512_add_pd, |x, y, z| _mm512_fmadd_pd(x, y, z),
        transpose 4: transpose_f64
    );

    /// A square of 8 in 8 registers: pairs of numbers change places, then pairs of pairs, then
    /// halves of registers.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn transpose_f32(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller's promise.
        let x: [_; 8] =
            std::array::from_fn(|i| unsafe { _mm256_loadu_ps(from.add(i * from_stride)) });
        let pairs: [_; 4] = std::array::from_fn(|i| {
            let (a, b) = (x[2 * i], x[2 * i + 1]);
            (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b))
        });
        let fours = |i: usize| {
            let ((a, c), (b, d)) = (pairs[i], pairs[i + 1]);
            [
                _mm256_shuffle_ps::<0x44>(a, b),
                _mm256_shuffle_ps::<0xEE>(a, b),
                _mm256_shuffle_ps::<0x44>(c, d),
                _mm256_shuffle_ps::<0xEE>(c, d),
            ]
        };
        let (low, high) = (fours(0), fours(2));
        for j in 0..4 {
            // SAFETY: the caller's promise.
            unsafe {
                let first = _mm256_permute2f128_ps::<0x20>(low[j], high[j]);
                let second = _mm256_permute2f128_ps::<0x31>(low[j], high[j]);
                _mm256_storeu_ps(to.add(j * to_stride), first);
                _mm256_storeu_ps(to.add((j + 4) * to_stride), second);
            }
        }
    }

    /// As [`transpose_f32`], for a square of 4.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn transpose_f64(from: *const f64, from_stride: usize, to: *mut f64, to_stride: usize) {
        // SAFETY: the caller's promise.
        let x: [_; 4] =
            std::array::from_fn(|i| unsafe { _mm256_loadu_pd(from.add(i * from_stride)) });
        let low = [_mm256_unpacklo_pd(x[0], x[1]), _mm256_unpackhi_pd(x[0], x[1])];
        let high = [_mm256_unpacklo_pd(x[2], x[3]), _mm256_unpackhi_pd(x[2], x[3])];
        for j in 0..2 {
            // SAFETY: the caller's promise.
            unsafe {
                let first = _mm256_permute2f128_pd::<0x20>(low[j], high[j]);
                let second = _mm256_permute2f128_pd::<0x31>(low[j], high[j]);
                _mm256_storeu_pd(to.add(j * to_stride), first);
                _mm256_storeu_pd(to.add((j + 2) * to_stride), second);
            }
        }
    }

    macro_rules! registers {
        ($type:ty: $avx512:ty, $avx2:ty, $portable:ty) => {
            impl Registers for $type {
                fn with_widest(work: impl Work<Self>) {
                    let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
                    // SAFETY: the processor has the instruction set, as just asked.
                    unsafe {
                        if fma && is_x86_feature_detected!("avx512f") {
                            work.run::<$avx512>();
                        } else if fma {
                            work.run::<$avx2>();
                        } else {
                            work.run::<$portable>();
                        }
                    }
                }
            }
        };
    }
    registers!(f32: __m512, __m256, [f32; 4]);
    registers!(f64: __m512d, __m256d, [f64; 2]);
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::*;

    use super::{Registers, Vector, Work, transpose};

    vector!(
        float32x4_t, f32, lanes: 4, rows: 8, features: "neon", vld1q_f32, vst1q_f32, vdupq_n_f32,
        vaddq_f32, |x, y, z| vfmaq_f32(z, x, y), transpose 4: transpose::<f32, 4>
    );
    vector!(
        float64x2_t, f64, lanes: 2, rows: 8, features: "neon", vld1q_f64, vst1q_f64, vdupq_n_f64,
        vaddq_f64, |x, y, z| vfmaq_f64(z, x, y), transpose 4: transpose::<f64, 4>
    );

    impl Registers for f32 {
        fn with_widest(work: impl Work<Self>) {
            // SAFETY: every processor of this architecture has the instruction set.
            unsafe { work.run::<float32x4_t>() };
        }
    }
    impl Registers for f64 {
        fn with_widest(work: impl Work<Self>) {
            // SAFETY: every processor of this architecture has the instruction set.
            unsafe { work.run::<float64x2_t>() };
        }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod portable {
    use super::{Registers, Work};

    impl Registers for f32 {
        fn with_widest(work: impl Work<Self>) {
            // SAFETY: no instruction set is needed.
            unsafe { work.run::<[f32; 4]>() };
        }
    }
    impl Registers for f64 {
        fn with_widest(work: impl Work<Self>) {
            // SAFETY: no instruction set is needed.
            unsafe { work.run::<[f64; 2]>() };
        }
    }
}

/// What every architecture has, or does without registers.
macro_rules! portable {
    ($type:ty, $lanes:literal) => {
        #[allow(clippy::needless_range_loop, reason = "lane by lane")]
        impl Vector<$type> for [$type; $lanes] {
            const LANES: usize = $lanes;
            const ROWS: usize = 4;
            const SQUARE: usize = 4;

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
            unsafe fn transpose(
                from: *const $type,
                from_stride: usize,
                to: *mut $type,
                to_stride: usize,
            ) {
                // SAFETY: the caller's promise.
                unsafe { transpose::<$type, 4>(from, from_stride, to, to_stride) }
            }
        }
    };
}
portable!(f32, 4);
portable!(f64, 2);

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
