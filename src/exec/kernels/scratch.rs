//! Memory that a kernel needs only while it runs, kept by each thread for the next kernel.

use std::cell::RefCell;

use crate::exec::arena::{AnyBits, Arena};

thread_local! {
    /// What is not in use. A kernel that calls another, or whose thread takes up other work while
    /// it waits, finds the next one or makes one.
    static SPARE: RefCell<Vec<Arena>> = const { RefCell::new(Vec::new()) };
}

/// Runs work on `len` numbers of unspecified value.
pub(crate) fn with_scratch<T: AnyBits, R>(len: usize, work: impl FnOnce(&mut [T]) -> R) -> R {
    let mut arena = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
    let start = arena.reserve::<T>(len);
    // SAFETY: the arena holds so many numbers, and nobody else has it.
    let result = work(unsafe { std::slice::from_raw_parts_mut(start, len) });
    SPARE.with_borrow_mut(|spare| spare.push(arena));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_within_scratch_is_other_memory_and_is_kept() {
        let places = || {
            with_scratch(100, |outer: &mut [f32]| {
                outer.fill(1.0);
                let inner = with_scratch(1000, |inner: &mut [f64]| {
                    inner.fill(2.0);
                    inner.as_ptr()
                });
                assert!(outer.iter().all(|&x| x == 1.0));
                (outer.as_ptr(), inner)
            })
        };
        assert_eq!(places(), places());
    }
}
