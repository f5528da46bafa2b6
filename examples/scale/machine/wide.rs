//! Loops in the widest registers of the processor.

/// Compiles a portable body for each set of instructions, and runs it in the best that there is.
macro_rules! for_each_processor {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty $body:block) => {
        $(#[$doc])*
        pub(super) fn $name($($arg: $type),*) -> $out {
            #[inline(always)]
            fn portable($($arg: $type),*) -> $out $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f")]
                fn with_avx512($($arg: $type),*) -> $out {
                    portable($($arg),*)
                }
                #[target_feature(enable = "avx2")]
                fn with_avx2($($arg: $type),*) -> $out {
                    portable($($arg),*)
                }
                if is_x86_feature_detected!("avx512f") {
                    // SAFETY: the processor has AVX-512, as just asked.
                    return unsafe { with_avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has AVX2, as just asked.
                    return unsafe { with_avx2($($arg),*) };
                }
            }
            portable($($arg),*)
        }
    };
}

for_each_processor! {
    /// The sum of all numbers.
    fn sum(a: &[f32]) -> f32 {
        const LANES: usize = 128;
        let mut lanes = [0.0; LANES];
        let (blocks, rest) = a.as_chunks::<LANES>();
        for block in blocks {
            lanes.iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
        }
        lanes.iter().chain(rest).sum()
    }
}

for_each_processor! {
    /// `a += s b`
    fn update(a: &mut [f32], b: &[f32], s: f32) -> () {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += s * b);
    }
}

/// Multiply-adds that do not wait for each other, enough to keep every unit busy.
const CHAINS: usize = 12;

/// Steps of all chains, so many times; how many operations that were, two for each number in a
/// register. A macro, since instructions of a processor are only inlined where they are enabled.
macro_rules! chains {
    ($times:ident, $start:expr, |$x:ident| $step:expr) => {{
        let mut registers = [$start; CHAINS];
        for _ in 0..$times {
            for register in &mut registers {
                let $x = *register;
                *register = $step;
            }
        }
        2 * $times * size_of_val(&std::hint::black_box(registers)) / size_of::<f32>()
    }};
}

/// Multiply-adds in registers, so many in each chain; how many operations that were.
pub(super) fn multiply_adds(times: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps, _mm512_fmadd_ps, _mm512_set1_ps};

        #[target_feature(enable = "avx512f")]
        fn with_avx512(times: usize) -> usize {
            let (factor, term) = (_mm512_set1_ps(0.999), _mm512_set1_ps(1e-3));
            chains!(times, _mm512_set1_ps(2.0), |x| _mm512_fmadd_ps(x, factor, term))
        }
        #[target_feature(enable = "avx2,fma")]
        fn with_fma(times: usize) -> usize {
            let (factor, term) = (_mm256_set1_ps(0.999), _mm256_set1_ps(1e-3));
            chains!(times, _mm256_set1_ps(2.0), |x| _mm256_fmadd_ps(x, factor, term))
        }
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512, as just asked.
            return unsafe { with_avx512(times) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has AVX2 and FMA, as just asked.
            return unsafe { with_fma(times) };
        }
    }
    portable_multiply_adds(times)
}

/// As [`multiply_adds`], in what the compiler takes for granted.
fn portable_multiply_adds(times: usize) -> usize {
    #[cfg(target_arch = "aarch64")]
    {
        use std::arch::aarch64::{vdupq_n_f32, vfmaq_f32};

        let (factor, term) = (vdupq_n_f32(0.999), vdupq_n_f32(1e-3));
        chains!(times, vdupq_n_f32(2.0), |x| vfmaq_f32(term, x, factor))
    }
    #[cfg(not(target_arch = "aarch64"))]
    chains!(times, [2.0_f32; 4], |x| x.map(|x| x * 0.999 + 1e-3))
}
