//! The entries of a matrix that is mostly zeros although all its numbers are given, as texts are
//! that are said to have or not to have each word of a vocabulary.
//!
//! To look for them takes as long as reading the matrix, and what is left to multiply takes hardly
//! any time: a product would otherwise read the matrix, and multiply all of it.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::sample::sample;
use super::sparse::Entries;
use super::subnormal::FlushSubnormals;
use super::tasks::{for_each_of, for_each_task, is_spread};
use super::vector::{Vector, Work, fetch};
use crate::scalar::Scalar;

/// How many stretches of a matrix are looked at before all of it is, and how long one is.
const STRETCHES: usize = 64;
const STRETCH: usize = 16;
/// A sample tells of a matrix of mostly zeros if at most one number in so many is none.
const SAMPLE_ONE_IN: usize = 32;
/// The same of the whole matrix: with more of them, entries save nothing.
const ONE_IN: usize = 16;
/// How many places of numbers are written down at a time.
const TOGETHER: usize = 4;
/// How far ahead numbers are fetched.
const AHEAD: usize = 512;

/// The entries of some rows that are not zero, in memory that is used again.
pub(crate) struct NonZero<T> {
    offsets: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<T>,
}

impl<T> Default for NonZero<T> {
    fn default() -> Self {
        Self { offsets: Vec::new(), columns: Vec::new(), values: Vec::new() }
    }
}

impl<T: Scalar> NonZero<T> {
    pub(crate) fn entries(&self) -> Entries<'_, T> {
        let Self { offsets, columns, values } = self;
        Entries { offsets: Some(offsets), columns, values: Some(values) }
    }

    /// Appends another's rows.
    fn append(&mut self, other: &Self) {
        let before = self.columns.len() as u32;
        self.offsets.extend(other.offsets[1..].iter().map(|offset| before + offset));
        self.columns.extend_from_slice(&other.columns);
        self.values.extend_from_slice(&other.values);
    }
}

/// Finds the entries of a matrix that are not zero, and whether they are few: nothing is promised
/// of the entries if not. Each thread looks through some rows; the first list holds all of them in
/// the end.
pub(crate) fn compress<T: Scalar>(
    numbers: &[T],
    width: usize,
    lists: &mut Vec<NonZero<T>>,
) -> bool {
    let most = numbers.len() / ONE_IN;
    if u32::try_from(width.max(most)).is_err() || !sample_is_mostly_zeros(numbers) {
        return false;
    }
    let threads = if is_spread(numbers.len()) { rayon::current_num_threads() } else { 1 };
    let rows = (numbers.len() / width).div_ceil(threads);
    let parts = numbers.chunks(rows * width);
    if lists.len() < parts.len() {
        lists.resize_with(parts.len(), NonZero::default);
    }
    let lists = &mut lists[..parts.len()];
    let found = AtomicUsize::new(0);
    for_each_of::<T, _>(parts.zip(lists.iter_mut()), numbers.len(), |(numbers, to)| {
        T::with_widest(Compress { numbers, width, most, found: &found, to });
    });
    // By the count of all: nobody stops before there are too many, on any number of threads.
    if found.into_inner() > most {
        return false;
    }
    if let [all, others @ ..] = lists {
        others.iter().for_each(|list| all.append(list));
    }
    true
}

/// Whether all of these are finite: then a zero adds nothing to a sum of products with them, but for
/// the sign of a sum that is zero.
pub(crate) fn all_finite<T: Scalar>(numbers: &[T]) -> bool {
    const CHUNK: usize = 1 << 14;
    let all = AtomicBool::new(true);
    for_each_task::<T>(numbers.len().div_ceil(CHUNK), numbers.len(), |task| {
        let numbers = &numbers[task * CHUNK..];
        let numbers = &numbers[..CHUNK.min(numbers.len())];
        // Without a branch for each, so that many are looked at together.
        if !numbers.iter().fold(true, |all, x| all & x.is_finite()) {
            all.store(false, Relaxed);
        }
    });
    all.into_inner()
}

/// Whether hardly any number of a sample is other than zero.
fn sample_is_mostly_zeros<T: Scalar>(numbers: &[T]) -> bool {
    // As the whole is looked through later: what is flushed is zero.
    let _flush = FlushSubnormals::during::<T>();
    let Some(last) = numbers.len().checked_sub(STRETCH) else { return false };
    let mut others = 0;
    for place in sample(last, STRETCHES) {
        others += numbers[place..][..STRETCH].iter().filter(|&&x| x != T::ZERO).count();
        if others > STRETCHES * STRETCH / SAMPLE_ONE_IN {
            return false;
        }
    }
    true
}

/// Finding the entries of some rows, until `found`, the count of all threads, is above `most`.
struct Compress<'a, T> {
    numbers: &'a [T],
    width: usize,
    most: usize,
    found: &'a AtomicUsize,
    to: &'a mut NonZero<T>,
}

impl<T: Scalar> Work<T> for Compress<'_, T> {
    unsafe fn run<V: Vector<T>>(self) {
        let Self { numbers, width, most, found, to } = self;
        let NonZero { offsets, columns, values } = to;
        offsets.clear();
        columns.clear();
        values.clear();
        offsets.push(0);
        for row in numbers.chunks_exact(width) {
            let before = columns.len();
            columns.reserve(width + TOGETHER);
            // SAFETY: the caller's promise; there is room for as many places as the row has
            // numbers, and for those written with the last.
            unsafe {
                let to = columns.as_mut_ptr().add(before);
                let count = V::enter(
                    #[inline(always)]
                    move || places::<T, V>(row, to),
                );
                columns.set_len(before + count);
                if found.fetch_add(count, Relaxed) + count > most {
                    return;
                }
            }
            values.extend(columns[before..].iter().map(|&column| row[column as usize]));
            offsets.push(columns.len() as u32);
        }
    }
}

/// Writes down the places of those numbers that are not zero, from the first on, and counts them.
///
/// # Safety
///
/// The processor must have the instruction set of `V`; there must be room for as many places as
/// there are numbers, and [`TOGETHER`] more.
#[inline(always)]
unsafe fn places<T: Scalar, V: Vector<T>>(numbers: &[T], to: *mut u32) -> usize {
    let step = 4 * V::LANES;
    let whole = numbers.len() / step * step;
    let from = numbers.as_ptr();
    let mut count = 0;
    // SAFETY: within the numbers, and the caller's promise.
    unsafe {
        for start in (0..whole).step_by(step) {
            let bits: [u64; 4] = std::array::from_fn(
                #[inline(always)]
                |i| {
                    let from = from.add(start + i * V::LANES);
                    fetch(from.wrapping_add(AHEAD));
                    u64::from(V::load(from).nonzero()) << (i * V::LANES)
                },
            );
            count = put_places(bits[0] | bits[1] | bits[2] | bits[3], start, to, count);
        }
        for start in (whole..numbers.len()).step_by(V::LANES) {
            let rest = V::load_first(from.add(start), V::LANES.min(numbers.len() - start));
            count = put_places(u64::from(rest.nonzero()), start, to, count);
        }
    }
    count
}

/// Puts the places of bits that are set behind so many places, and counts all.
///
/// # Safety
///
/// As for [`places`].
#[inline(always)]
unsafe fn put_places(mut bits: u64, start: usize, to: *mut u32, count: usize) -> usize {
    let end = count + bits.count_ones() as usize;
    let mut at = count;
    // Without a branch that depends on how many there are, unless there are many: it would be
    // guessed wrong at every other step.
    loop {
        for i in 0..TOGETHER {
            // SAFETY: the caller's promise.
            unsafe { *to.add(at + i) = (start as u32).wrapping_add(bits.trailing_zeros()) };
            bits &= bits.wrapping_sub(1);
        }
        at += TOGETHER;
        if at >= end {
            return end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::kernels::tasks::with_threads;
    use crate::exec::kernels::vector::{Check, check_all};

    /// Numbers of which about one in so many is not zero; among the zeros are negative ones.
    fn numbers<T: Scalar>(len: usize, one_in: u64) -> Vec<T> {
        let mut random = len as u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random >> 33
        };
        let number = |(chosen, kind): (u64, u64)| match kind % 4 {
            _ if chosen % one_in != 0 => T::from_f64(if kind % 2 == 0 { 0.0 } else { -0.0 }),
            0 => T::from_f64(f64::NAN),
            _ => T::from_f64(kind as f64),
        };
        (0..len).map(|_| number((next(), next()))).collect()
    }

    /// The columns and numbers of a row's entries, as text, in which NaN equals NaN.
    fn rows<T: Scalar>(numbers: &[T], width: usize) -> Vec<String> {
        let entries = |row: &[T]| {
            let entries = row.iter().enumerate().filter(|&(_, &x)| x != T::ZERO);
            format!("{:?}", entries.collect::<Vec<_>>())
        };
        numbers.chunks_exact(width).map(entries).collect()
    }

    fn found<T: Scalar>(list: &NonZero<T>) -> Vec<String> {
        let row = |pair: &[u32]| {
            let at = pair[0] as usize..pair[1] as usize;
            let columns = list.columns[at.clone()].iter().map(|&column| column as usize);
            format!("{:?}", columns.zip(&list.values[at]).collect::<Vec<_>>())
        };
        list.offsets.windows(2).map(row).collect()
    }

    struct AllEntries;

    impl Check for AllEntries {
        fn check<T: Scalar, V: Vector<T>>(&self) {
            let mut list = NonZero::default();
            for width in (1..70).chain([500, 1000]) {
                for one_in in [1, 2, 5, 100] {
                    let numbers = numbers::<T>(7 * width, one_in);
                    let found_so_far = AtomicUsize::new(0);
                    let all = Compress {
                        numbers: &numbers,
                        width,
                        most: 7 * width,
                        found: &found_so_far,
                        to: &mut list,
                    };
                    // SAFETY: the processor has the registers.
                    unsafe { all.run::<V>() };
                    assert_eq!(found(&list), rows(&numbers, width), "{width}, 1 in {one_in}");
                }
            }
        }
    }

    #[test]
    fn every_instruction_set_finds_all_entries() {
        check_all(&AllEntries);
    }

    #[test]
    fn any_number_of_threads_finds_the_same_entries() {
        let numbers = numbers::<f32>(1000 * 300, 64);
        for threads in [1, 2, 3, 7] {
            with_threads(threads, || {
                let mut lists = Vec::new();
                assert!(compress(&numbers, 300, &mut lists));
                assert_eq!(found(&lists[0]), rows(&numbers, 300), "{threads} threads");
            });
        }
    }

    #[test]
    fn what_has_many_entries_is_refused_even_if_the_sample_does_not_show_it() {
        assert!(!compress(&numbers::<f32>(1 << 18, 10), 512, &mut Vec::new()));
        // Zeros wherever the sample looks.
        let mut hidden = vec![1.0_f32; 1 << 18];
        for place in sample(hidden.len() - STRETCH, STRETCHES) {
            hidden[place..][..STRETCH].fill(0.0);
        }
        assert!(sample_is_mostly_zeros(&hidden));
        assert!(!compress(&hidden, 512, &mut Vec::new()));
    }
}
