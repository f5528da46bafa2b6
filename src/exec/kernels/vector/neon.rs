//! NEON, which every processor of the architecture has.

use std::arch::aarch64::*;

use super::{Registers, Vector, Work, load_first, store_first, transpose, vector};

vector!(
    float32x4_t, f32, lanes: 4, tile: 8 x 3, features: "neon", vld1q_f32, vst1q_f32,
    first: load_first, store_first, vdupq_n_f32, vaddq_f32, |x, y, z| vfmaq_f32(z, x, y),
    where_above_f32, nonzero_f32, unzip_f32, zip_f32, transpose 4: transpose::<f32, 4>
);
vector!(
    float64x2_t, f64, lanes: 2, tile: 8 x 3, features: "neon", vld1q_f64, vst1q_f64,
    first: load_first, store_first, vdupq_n_f64, vaddq_f64, |x, y, z| vfmaq_f64(z, x, y),
    where_above_f64, nonzero_f64, unzip_f64, zip_f64, transpose 2: transpose::<f64, 2>
);

/// What takes more than one instruction. A number is above another where it is not at most that,
/// unless the other is NaN.
macro_rules! shuffles {
    ($($register:ty: $where_above:ident $choose:ident $at_most:ident $equal:ident,
        $nonzero:ident $array:ty,
        $unzip:ident $even:ident $odd:ident, $zip:ident $first:ident $second:ident;)*) => {
        $(
            #[inline]
            #[target_feature(enable = "neon")]
            fn $where_above(a: $register, b: $register, yes: $register, no: $register) -> $register {
                let unless_nan = $choose($equal(b, b), yes, no);
                $choose($at_most(a, b), no, unless_nan)
            }
            #[inline]
            #[target_feature(enable = "neon")]
            fn $nonzero(x: $register) -> u32 {
                // SAFETY: a register is as large as an array of its lanes.
                let lanes: $array = unsafe { std::mem::transmute(x) };
                let bits = lanes.into_iter().enumerate();
                bits.fold(0, |bits, (lane, x)| bits | (u32::from(x != 0.0) << lane))
            }
            #[inline]
            #[target_feature(enable = "neon")]
            fn $unzip(x: $register, y: $register) -> [$register; 2] {
                [$even(x, y), $odd(x, y)]
            }
            #[inline]
            #[target_feature(enable = "neon")]
            fn $zip(x: $register, y: $register) -> [$register; 2] {
                [$first(x, y), $second(x, y)]
            }
        )*
    };
}
shuffles! {
    float32x4_t: where_above_f32 vbslq_f32 vcleq_f32 vceqq_f32, nonzero_f32 [f32; 4],
        unzip_f32 vuzp1q_f32 vuzp2q_f32, zip_f32 vzip1q_f32 vzip2q_f32;
    float64x2_t: where_above_f64 vbslq_f64 vcleq_f64 vceqq_f64, nonzero_f64 [f64; 2],
        unzip_f64 vuzp1q_f64 vuzp2q_f64, zip_f64 vzip1q_f64 vzip2q_f64;
}

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
