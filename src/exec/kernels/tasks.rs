//! Independent pieces of one kernel's work, spread over the threads where that pays.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use smallvec::SmallVec;

use super::gemm::Rows;
use super::subnormal::FlushSubnormals;
use super::team;
use crate::scalar::Scalar;

/// Work of fewer operations stays on the calling thread.
const PARALLEL_WORK: usize = 1 << 17;

/// Whether work of so many operations is spread, if it can be cut and there are threads.
pub(crate) fn is_spread(work: usize) -> bool {
    work >= PARALLEL_WORK
}

/// Runs pieces `0..count` of about `work` operations together, in any order.
pub(crate) fn for_each_task<T: Scalar>(count: usize, work: usize, run: impl Fn(usize) + Sync) {
    let run = |task| {
        let _flush = FlushSubnormals::during::<T>();
        run(task);
    };
    if count <= 1 || !is_spread(work) || rayon::current_num_threads() == 1 {
        (0..count).for_each(run);
    } else {
        spread(count, &run);
    }
}

/// Runs tasks on several threads. Compiled once, whatever it is that is run.
fn spread(count: usize, run: &(dyn Fn(usize) + Sync)) {
    if rayon::current_thread_index().is_some() {
        // A thread of the pool, which has other work to share as well.
        (0..count).into_par_iter().for_each(run);
    } else {
        team::for_each(count, run);
    }
}

/// Runs one piece of work for each `size` elements of the output, fewer for the last one, of about
/// `work` operations together, in any order.
pub(crate) fn for_each_chunk<T: Scalar>(
    out: &mut [T],
    size: usize,
    work: usize,
    run: impl Fn(usize, &mut [T]) + Sync,
) {
    let (len, start) = (out.len(), Rows(out.as_mut_ptr()));
    if len == 0 {
        return;
    }
    for_each_task::<T>(len.div_ceil(size), work, |chunk| {
        let Rows(start) = { start };
        let first = chunk * size;
        // SAFETY: these are elements of `out`, and of no other chunk.
        let chunk_out =
            unsafe { std::slice::from_raw_parts_mut(start.add(first), size.min(len - first)) };
        run(chunk, chunk_out);
    });
}

/// Runs one piece of work, of about `work` operations together, for each of these, in any order.
pub(crate) fn for_each_of<T: Scalar, P: Send>(
    pieces: impl IntoIterator<Item = P>,
    work: usize,
    run: impl Fn(P) + Sync,
) {
    let pieces: SmallVec<[_; 16]> =
        pieces.into_iter().map(|piece| Mutex::new(Some(piece))).collect();
    for_each_task::<T>(pieces.len(), work, |i| {
        let piece = pieces[i].lock().unwrap_or_else(PoisonError::into_inner).take();
        run(piece.expect("a task runs once"));
    });
}

/// Runs something on so many threads.
#[cfg(test)]
pub(crate) fn with_threads<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}
