//! AVX-512 and AVX2 with FMA.

use std::arch::x86_64::*;

use super::{Registers, Vector, Work, load_first, store_first, vector};

vector!(
    __m256, f32, lanes: 8, tile: 6 x 2, features: "avx2,fma,bmi1,popcnt", _mm256_loadu_ps, _mm256_storeu_ps,
    first: load_first, store_first, _mm256_set1_ps, _mm256_add_ps,
    |x, y, z| _mm256_fmadd_ps(x, y, z),
    where_above_256_f32, nonzero_256_f32, unzip_256_f32, zip_256_f32, transpose 8: transpose_f32
);
vector!(
    __m256d, f64, lanes: 4, tile: 6 x 2, features: "avx2,fma,bmi1,popcnt", _mm256_loadu_pd, _mm256_storeu_pd,
    first: load_first, store_first, _mm256_set1_pd, _mm256_add_pd,
    |x, y, z| _mm256_fmadd_pd(x, y, z),
    where_above_256_f64, nonzero_256_f64, unzip_256_f64, zip_256_f64, transpose 4: transpose_f64
);
vector!(
    __m512, f32, lanes: 16, tile: 8 x 3, features: "avx512f,avx2,fma,bmi1,popcnt", _mm512_loadu_ps,
    _mm512_storeu_ps, first: load_first_512_f32, store_first_512_f32, _mm512_set1_ps,
    _mm512_add_ps, |x, y, z| _mm512_fmadd_ps(x, y, z),
    where_above_512_f32, nonzero_512_f32, unzip_512_f32, zip_512_f32, transpose 8: transpose_f32
);
vector!(
    __m512d, f64, lanes: 8, tile: 8 x 3, features: "avx512f,avx2,fma,bmi1,popcnt", _mm512_loadu_pd,
    _mm512_storeu_pd, first: load_first_512_f64, store_first_512_f64, _mm512_set1_pd,
    _mm512_add_pd, |x, y, z| _mm512_fmadd_pd(x, y, z),
    where_above_512_f64, nonzero_512_f64, unzip_512_f64, zip_512_f64, transpose 4: transpose_f64
);

/// What takes more than one instruction, or others for each width.
macro_rules! shuffles {
    ($($features:literal, $register:ty: {
        $where_above:ident: |$a:ident, $b:ident, $yes:ident, $no:ident| $chosen:expr;
        $nonzero:ident: |$u:ident| $bits:expr;
        $unzip:ident: |$x:ident, $y:ident| $unzipped:expr;
        $zip:ident: |$v:ident, $w:ident| $zipped:expr;
    })*) => {
        $(
            #[inline]
            #[target_feature(enable = $features)]
            fn $where_above(
                $a: $register,
                $b: $register,
                $yes: $register,
                $no: $register,
            ) -> $register {
                $chosen
            }
            #[inline]
            #[target_feature(enable = $features)]
            fn $nonzero($u: $register) -> u32 {
                $bits
            }
            #[inline]
            #[target_feature(enable = $features)]
            fn $unzip($x: $register, $y: $register) -> [$register; 2] {
                $unzipped
            }
            #[inline]
            #[target_feature(enable = $features)]
            fn $zip($v: $register, $w: $register) -> [$register; 2] {
                $zipped
            }
        )*
    };
}

// A number is above another, or one of them is NaN, unless it is not above; the other must not be.
shuffles! {
    "avx2", __m256: {
        where_above_256_f32: |a, b, yes, no| {
            let above = _mm256_cmp_ps::<_CMP_NLE_UQ>(a, b);
            let number = _mm256_cmp_ps::<_CMP_ORD_Q>(b, b);
            _mm256_blendv_ps(no, yes, _mm256_and_ps(above, number))
        };
        nonzero_256_f32: |u| _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(u, _mm256_setzero_ps())).cast_unsigned();
        unzip_256_f32: |x, y| {
            let even = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(x, y));
            let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0b11_01_11_01>(x, y));
            [
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(even)),
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(odd)),
            ]
        };
        zip_256_f32: |x, y| {
            let (low, high) = (_mm256_unpacklo_ps(x, y), _mm256_unpackhi_ps(x, y));
            [
                _mm256_permute2f128_ps::<0x20>(low, high),
                _mm256_permute2f128_ps::<0x31>(low, high),
            ]
        };
    }
    "avx2", __m256d: {
        where_above_256_f64: |a, b, yes, no| {
            let above = _mm256_cmp_pd::<_CMP_NLE_UQ>(a, b);
            let number = _mm256_cmp_pd::<_CMP_ORD_Q>(b, b);
            _mm256_blendv_pd(no, yes, _mm256_and_pd(above, number))
        };
        nonzero_256_f64: |u| _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NEQ_UQ>(u, _mm256_setzero_pd())).cast_unsigned();
        unzip_256_f64: |x, y| [
            _mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_unpacklo_pd(x, y)),
            _mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_unpackhi_pd(x, y)),
        ];
        zip_256_f64: |x, y| {
            let (low, high) = (_mm256_unpacklo_pd(x, y), _mm256_unpackhi_pd(x, y));
            [
                _mm256_permute2f128_pd::<0x20>(low, high),
                _mm256_permute2f128_pd::<0x31>(low, high),
            ]
        };
    }
    "avx512f", __m512: {
        where_above_512_f32: |a, b, yes, no| {
            let number = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(b, b);
            let above = _mm512_mask_cmp_ps_mask::<_CMP_NLE_UQ>(number, a, b);
            _mm512_mask_blend_ps(above, no, yes)
        };
        nonzero_512_f32: |u| u32::from(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(u, _mm512_setzero_ps()));
        unzip_512_f32: |x, y| {
            let even =
                _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
            [_mm512_permutex2var_ps(x, even, y), _mm512_permutex2var_ps(x, odd, y)]
        };
        zip_512_f32: |x, y| {
            let first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
            [_mm512_permutex2var_ps(x, first, y), _mm512_permutex2var_ps(x, second, y)]
        };
    }
    "avx512f", __m512d: {
        where_above_512_f64: |a, b, yes, no| {
            let number = _mm512_cmp_pd_mask::<_CMP_ORD_Q>(b, b);
            let above = _mm512_mask_cmp_pd_mask::<_CMP_NLE_UQ>(number, a, b);
            _mm512_mask_blend_pd(above, no, yes)
        };
        nonzero_512_f64: |u| u32::from(_mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(u, _mm512_setzero_pd()));
        unzip_512_f64: |x, y| {
            let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
            let odd = _mm512_add_epi64(even, _mm512_set1_epi64(1));
            [_mm512_permutex2var_pd(x, even, y), _mm512_permutex2var_pd(x, odd, y)]
        };
        zip_512_f64: |x, y| {
            let first = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
            let second = _mm512_add_epi64(first, _mm512_set1_epi64(4));
            [_mm512_permutex2var_pd(x, first, y), _mm512_permutex2var_pd(x, second, y)]
        };
    }
}

/// Registers of which instructions read and write a part.
macro_rules! masked {
    ($($register:ty, $type:ty, $mask:ty: $load_first:ident $load:ident, $store_first:ident $store:ident;)*) => {
        $(
            #[inline]
            #[target_feature(enable = "avx512f")]
            unsafe fn $load_first(from: *const $type, count: usize) -> $register {
                // SAFETY: the caller's promise: no more than these are read.
                unsafe { $load(first_lanes(count) as $mask, from) }
            }
            #[inline]
            #[target_feature(enable = "avx512f")]
            unsafe fn $store_first(register: $register, to: *mut $type, count: usize) {
                // SAFETY: the caller's promise: no more than these are written.
                unsafe { $store(to, first_lanes(count) as $mask, register) }
            }
        )*
    };
}
masked! {
    __m512, f32, __mmask16: load_first_512_f32 _mm512_maskz_loadu_ps,
        store_first_512_f32 _mm512_mask_storeu_ps;
    __m512d, f64, __mmask8: load_first_512_f64 _mm512_maskz_loadu_pd,
        store_first_512_f64 _mm512_mask_storeu_pd;
}

/// The mask of the first lanes, at most 16 of them.
#[inline(always)]
fn first_lanes(count: usize) -> u32 {
    (1 << count) - 1
}

/// A square of 8 in 8 registers: pairs of numbers change places, then pairs of pairs, then
/// halves of registers.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn transpose_f32(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    // SAFETY: the caller's promise.
    let x: [_; 8] = std::array::from_fn(|i| unsafe { _mm256_loadu_ps(from.add(i * from_stride)) });
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
    let x: [_; 4] = std::array::from_fn(|i| unsafe { _mm256_loadu_pd(from.add(i * from_stride)) });
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

/// Whether there are AVX2 and FMA, and the instructions on bits (BMI1, POPCNT) that came with them.
pub(super) fn has_avx2_and_fma() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
}

macro_rules! registers {
    ($type:ty: $avx512:ty, $avx2:ty, $portable:ty) => {
        impl Registers for $type {
            fn with_widest(work: impl Work<Self>) {
                let fma = has_avx2_and_fma();
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
