//! Run-time choice of the instruction set.

/// Runs a loop compiled for the best instruction set of the processor at hand, so that users need
/// no compiler flags.
///
/// The closure must be `#[inline(always)]`, as must be everything that it calls in its loop: only
/// what is inlined here is compiled for the wider registers. It must be `move`: numbers that are
/// captured by reference might change with every store of the loop, for all the compiler knows. No instruction that changes a
/// result (such as a fused multiply-add) is formed, so the bits are those of the portable code.
#[inline(always)]
pub(crate) fn vectorize<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as just asked.
        return unsafe { with_avx2(work) };
    }
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// As [`vectorize`], with registers of 512 bits where there are. Worth its compiled size for loops
/// that compute more than they read.
#[inline(always)]
pub(crate) fn vectorize_widest<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512dq")
    {
        // SAFETY: the processor has both, as just asked.
        return unsafe { with_avx512(work) };
    }
    vectorize(work)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn with_avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}
