//! Large pages behind large blocks of memory: the processor finds its way to a number in megabytes
//! of parameters faster if it has fewer pages to know.

/// Blocks of fewer bytes are left on pages of usual size, of which no more than needed are used.
const LARGE: usize = 4 << 20;

/// Makes room for so many elements, on large pages if they are many and the system has such.
pub(crate) fn reserve<T: Copy>(elements: &mut Vec<T>, len: usize) {
    if elements.capacity() >= len {
        return;
    }
    let mut larger: Vec<T> = Vec::with_capacity(len.max(2 * elements.capacity()));
    if size_of::<T>() * larger.capacity() >= LARGE {
        prefer_large_pages(larger.as_ptr().cast(), size_of::<T>() * larger.capacity());
    }
    larger.extend_from_slice(elements);
    *elements = larger;
}

/// Asks the system for large pages, before anything is written there.
#[cfg(target_os = "linux")]
fn prefer_large_pages(start: *const u8, len: usize) {
    /// The size of large pages on nearly all machines; a wrong one is only of no use.
    const PAGE: usize = 2 << 20;
    let first = start.align_offset(PAGE);
    let start = start.wrapping_add(first).cast_mut();
    let len = len.saturating_sub(first) / PAGE * PAGE;
    // SAFETY: these are whole pages within the block, and advice does not change what they hold. A
    // system that does not take it says so, and nothing has to follow from that.
    unsafe {
        libc::madvise(start.cast(), len, libc::MADV_HUGEPAGE);
    }
}

#[cfg(not(target_os = "linux"))]
fn prefer_large_pages(_start: *const u8, _len: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_stays_and_there_is_room() {
        for len in [0, 10, LARGE, 3 * LARGE] {
            let mut elements = vec![1_u8, 2, 3];
            reserve(&mut elements, len);
            assert!(elements.capacity() >= len);
            assert_eq!(elements, [1, 2, 3]);
            elements.resize(len, 7);
            assert!(elements.iter().skip(3).all(|&x| x == 7));
        }
    }
}
