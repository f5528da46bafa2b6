//! One block of memory for all intermediate results of a plan.

use crate::pages;
use crate::scalar::Scalar;

/// Types of which any bits are a value, and which need no stricter alignment than a cache line.
pub(crate) trait AnyBits: Copy {}

impl<T: Scalar> AnyBits for T {}
impl AnyBits for u32 {}
impl AnyBits for usize {}

/// A cache line: the unit of alignment.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Memory for numbers, aligned to cache lines, that only grows.
#[derive(Default)]
pub(super) struct Arena {
    lines: Vec<Line>,
}

impl Arena {
    /// Memory for `len` numbers. What it holds is unspecified, but always numbers.
    pub(super) fn reserve<T: AnyBits>(&mut self, len: usize) -> *mut T {
        let bytes = len.checked_mul(size_of::<T>()).expect("more memory than there can be");
        let lines = bytes.div_ceil(size_of::<Line>());
        if self.lines.len() < lines {
            // A fresh zeroed block: cheaper than keeping contents that nobody reads.
            self.lines = Vec::new();
            pages::reserve(&mut self.lines, lines);
            self.lines.resize(lines, Line([0; 64]));
        }
        self.lines.as_mut_ptr().cast()
    }

    /// The first `len` numbers.
    pub(super) fn numbers<T: Scalar>(&self, len: usize) -> &[T] {
        assert!(len <= self.lines.len() * (size_of::<Line>() / size_of::<T>()), "arena too small");
        // SAFETY: within the lines, aligned to them; any bits are a number.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), len) }
    }
}

/// Rounds a number of elements up so that the next result starts on a cache line, for the
/// narrowest number type.
pub(super) fn aligned(len: usize) -> usize {
    len.next_multiple_of(size_of::<Line>() / size_of::<f32>())
}
