//! Independent pieces of one kernel's work, spread over the threads where that pays.

use rayon::prelude::*;

use super::subnormal::FlushSubnormals;
use crate::scalar::Scalar;

/// Work of fewer operations stays on the calling thread.
const PARALLEL_WORK: usize = 1 << 18;

/// Runs work that will be spread over the threads on one of them: from any other thread, each
/// spreading would have to wake one and to wait for it.
pub(crate) fn on_a_pool_thread<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| run())
}

/// Whether so much work, in so many pieces, is spread if there are threads.
pub(crate) fn is_spread(count: usize, work: usize) -> bool {
    count > 1 && work >= PARALLEL_WORK
}

/// Runs pieces `0..count` of about `work` operations together, in any order.
pub(crate) fn for_each_task<T: Scalar>(count: usize, work: usize, run: impl Fn(usize) + Sync) {
    let run = |task| {
        let _flush = FlushSubnormals::during::<T>();
        run(task);
    };
    if is_spread(count, work) && rayon::current_num_threads() > 1 {
        (0..count).into_par_iter().for_each(run);
    } else {
        (0..count).for_each(run);
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
    if out.is_empty() {
        return;
    }
    let run = |(chunk, out): (usize, &mut [T])| {
        let _flush = FlushSubnormals::during::<T>();
        run(chunk, out);
    };
    if is_spread(out.len().div_ceil(size), work) && rayon::current_num_threads() > 1 {
        out.par_chunks_mut(size).enumerate().for_each(run);
    } else {
        out.chunks_mut(size).enumerate().for_each(run);
    }
}
