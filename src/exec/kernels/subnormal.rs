//! Flushing of subnormal numbers to zero, which would otherwise slow a training run down by up to
//! a hundred times once activations or moments become tiny.

use crate::scalar::Scalar;

/// While it lives, results and operands of this thread that are too small for a normal number
/// count as zero; dropping it restores the thread's mode.
pub(crate) struct FlushSubnormals {
    #[cfg(target_arch = "x86_64")]
    before: u32,
    #[cfg(target_arch = "aarch64")]
    before: u64,
}

impl FlushSubnormals {
    #[cfg(target_arch = "x86_64")]
    fn new() -> Self {
        /// Flush to zero, and denormals are zero.
        const FLUSH: u32 = 0x8040;
        let before = read();
        if before & FLUSH != FLUSH {
            write(before | FLUSH);
        }
        Self { before }
    }

    #[cfg(target_arch = "aarch64")]
    fn new() -> Self {
        /// Flush to zero.
        const FLUSH: u64 = 1 << 24;
        let before = read();
        write(before | FLUSH);
        Self { before }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn new() -> Self {
        Self {}
    }
}

impl FlushSubnormals {
    /// A guard for work in this number type, if that type wants it.
    ///
    /// It must not live while this thread waits for others: it might be given a task of somebody
    /// else's to run meanwhile.
    pub(crate) fn during<T: Scalar>() -> Option<Self> {
        T::FLUSH_SUBNORMALS.then(Self::new)
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl Drop for FlushSubnormals {
    fn drop(&mut self) {
        if read() != self.before {
            write(self.before);
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn read() -> u32 {
    let mut mode: u32 = 0;
    // SAFETY: stores the control register of this thread's arithmetic into `mode`.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut mode, options(nostack, preserves_flags));
    }
    mode
}

#[cfg(target_arch = "x86_64")]
fn write(mode: u32) {
    // SAFETY: differs from the mode before in how subnormal numbers are treated, nothing else;
    // the guard lives within kernels and restores it before any other code runs on this thread.
    unsafe {
        std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const mode, options(nostack, preserves_flags));
    }
}

#[cfg(target_arch = "aarch64")]
fn read() -> u64 {
    let mode: u64;
    // SAFETY: reads the control register of this thread's arithmetic.
    unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) mode, options(nomem, nostack)) };
    mode
}

#[cfg(target_arch = "aarch64")]
fn write(mode: u64) {
    // SAFETY: differs from the mode before in how subnormal numbers are treated, nothing else;
    // the guard lives within kernels and restores it before any other code runs on this thread.
    unsafe { std::arch::asm!("msr fpcr, {}", in(reg) mode, options(nomem, nostack)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn flushes_while_it_lives_and_restores_the_mode() {
        let half = |x: f32| std::hint::black_box(x) * std::hint::black_box(0.5);
        assert_ne!(half(f32::MIN_POSITIVE), 0.0);
        {
            let _flush = FlushSubnormals::new();
            assert_eq!(half(f32::MIN_POSITIVE), 0.0);
        }
        assert_ne!(half(f32::MIN_POSITIVE), 0.0);
    }
}
