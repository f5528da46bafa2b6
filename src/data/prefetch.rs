//! Preparing batches while the last one is trained on.

use std::any::Any;
use std::iter::FusedIterator;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Runs a loop over items, such as batches, that a thread prepares up to so many ahead of it. They
/// are the same items in the same order.
///
/// It pays where an item takes time that the processor has left: reading files, augmentation.
///
/// ```
/// use gradtape::data::{Augment, prefetch};
/// use gradtape::{Seed, Tensor};
///
/// let images = Tensor::<f32>::zeros([64, 28, 28]);
/// let examples: Vec<usize> = (0..64).collect();
/// let mut augment = Augment::new().shift(2).rotate(10.0);
/// let epochs = (0..5).map(|epoch| augment.apply(&images, &examples, Seed(1).derive(epoch)));
///
/// let steps = prefetch(epochs, 2, |batches| {
///     let mut steps = 0;
///     for x in batches {
///         assert_eq!(x.shape()[0], 64);
///         steps += 1;
///     }
///     steps
/// });
/// assert_eq!(steps, 5);
/// ```
///
/// The thread ends before this function returns, also if the loop leaves early.
///
/// # Panics
///
/// If `ahead` is 0. A panic in the thread goes on in the loop, where the item would have come.
#[track_caller]
pub fn prefetch<I, R>(items: I, ahead: usize, body: impl FnOnce(Prefetched<I::Item>) -> R) -> R
where
    I: Iterator + Send,
    I::Item: Send,
{
    assert!(ahead > 0, "prefetch: expected at least 1 item ahead");
    let left = items.size_hint();
    // The thread itself holds one more.
    let (sender, receiver) = sync_channel(ahead - 1);
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let mut items = items;
            loop {
                // After a panic nothing is asked of the iterator any more.
                let next = catch_unwind(AssertUnwindSafe(|| items.next()));
                let (message, is_last) = match next {
                    Ok(None) => return,
                    Ok(Some(item)) => (Ok(item), false),
                    Err(panic) => (Err(panic), true),
                };
                // Without a receiver, the loop has been left.
                if sender.send(message).is_err() || is_last {
                    return;
                }
            }
        });
        let result = body(Prefetched { receiver, left });
        // What the iterator holds may panic when it is dropped.
        worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        result
    })
}

/// The items that a thread prepares: what [`prefetch`] gives to its loop.
#[derive(Debug)]
pub struct Prefetched<T> {
    receiver: Receiver<Result<T, Box<dyn Any + Send>>>,
    left: (usize, Option<usize>),
}

impl<T> Iterator for Prefetched<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let item = self.receiver.recv().ok()?.unwrap_or_else(|panic| resume_unwind(panic));
        let (lower, upper) = self.left;
        self.left = (lower.saturating_sub(1), upper.map(|upper| upper.saturating_sub(1)));
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left
    }
}

impl<T> FusedIterator for Prefetched<T> {}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::data::Dataset;
    use crate::seed::Seed;
    use crate::tensor::{Indices, Tensor};

    #[test]
    fn batches_are_the_same_in_the_same_order() {
        let x = Tensor::from_fn([10, 2], |i| i as f32);
        let data = Dataset::new(x, Indices::from([0; 10])).unwrap();
        let batches = || data.batches(3).shuffled(Seed(1)).epochs(4);
        for ahead in [1, 2, 7, 100] {
            let count = prefetch(batches(), ahead, |prefetched| {
                assert_eq!(prefetched.size_hint(), (16, Some(16)));
                let pairs = prefetched.zip(batches());
                pairs
                    .map(|(got, want)| assert_eq!((got.seed(), got.x), (want.seed(), want.x)))
                    .count()
            });
            assert_eq!(count, 16);
        }
    }

    #[test]
    fn items_are_prepared_so_many_ahead_and_no_more() {
        for ahead in [1, 2, 5] {
            let prepared = AtomicUsize::new(0);
            let items = (0..50).inspect(|_| _ = prepared.fetch_add(1, Ordering::SeqCst));
            prefetch(items, ahead, |items| {
                for (taken, item) in items.enumerate().take(40) {
                    assert_eq!(item, taken);
                    // In the end all that may be are prepared; there are never more.
                    while prepared.load(Ordering::SeqCst) < taken + 1 + ahead {
                        thread::yield_now();
                    }
                    thread::yield_now();
                    assert!(prepared.load(Ordering::SeqCst) <= taken + 1 + ahead);
                }
            });
            assert!(prepared.load(Ordering::SeqCst) <= 41 + ahead, "the loop was left");
        }
    }

    #[test]
    fn a_loop_that_leaves_early_ends_the_thread() {
        let dropped = AtomicUsize::new(0);
        struct Endless<'d>(&'d AtomicUsize);
        impl Iterator for Endless<'_> {
            type Item = u32;
            fn next(&mut self) -> Option<u32> {
                Some(7)
            }
        }
        impl Drop for Endless<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        assert_eq!(prefetch(Endless(&dropped), 3, |mut items| items.next()), Some(7));
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        prefetch(Endless(&dropped), 3, drop);
        assert_eq!(dropped.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_panic_goes_on_where_the_item_would_have_come() {
        let taken = AtomicUsize::new(0);
        let items = (0..5).map(|i| if i == 3 { panic!("row {i} is damaged") } else { i });
        let count = |_| _ = taken.fetch_add(1, Ordering::SeqCst);
        let run = || prefetch(items, 2, |items| items.map(count).count());
        let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "row 3 is damaged");
        assert_eq!(taken.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_panic_of_the_loop_ends_the_thread() {
        let run = || prefetch(0.., 2, |mut items| assert_eq!(items.next(), Some(1)));
        assert!(catch_unwind(run).is_err());
    }

    #[test]
    #[should_panic(expected = "prefetch: expected at least 1 item ahead")]
    fn nothing_ahead_panics() {
        prefetch(0..5, 0, |_| ());
    }
}
