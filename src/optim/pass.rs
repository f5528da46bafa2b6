//! The loop over all values, cut into pieces for the threads.

use std::ops::Range;

use super::State;
use crate::exec::kernels::simd::vectorize;
use crate::exec::kernels::subnormal::FlushSubnormals;
use crate::scalar::Scalar;

/// The values that one thread works on at a time.
const CHUNK: usize = 32 * 1024;

/// The number of values from which on a second thread gains more than it costs to wake it.
const PARALLEL: usize = 4 * CHUNK;

/// Whether so many values are worth more than one thread, and there is one.
pub(super) fn is_parallel(len: usize) -> bool {
    len >= PARALLEL && rayon::current_num_threads() > 1
}

/// Where so many values are cut in two, if they are: by their number only, wherever the threads
/// are, so that the bits are the same on any number of them.
pub(super) fn cut(len: usize) -> Option<usize> {
    (len > CHUNK).then(|| len.div_ceil(CHUNK) / 2 * CHUNK)
}

/// One step's pass over all values.
pub(super) struct Pass<'a, P, T: Scalar> {
    /// Lists the parts of the flat slice that move, in order, each with its formula: from state,
    /// parameter and gradient to the new parameter.
    pub(super) parts: P,
    /// The flat slice of gradients.
    pub(super) gradients: &'a [T],
    pub(super) parallel: bool,
}

impl<P, T: Scalar> Pass<'_, P, T> {
    /// Moves the parameters that stand from `start` on in the flat slice.
    pub(super) fn run<S, F, I>(&self, start: usize, parameters: &mut [T], state: S::Columns<'_>)
    where
        S: State<T>,
        F: Fn(&mut S, T, T) -> T,
        I: Iterator<Item = (Range<usize>, F)>,
        P: Fn() -> I + Sync,
    {
        if let Some(half) = cut(parameters.len()).filter(|_| self.parallel) {
            let (left, right) = parameters.split_at_mut(half);
            let (left_state, right_state) = S::split_at(state, half);
            rayon::join(
                || self.run::<S, F, I>(start, left, left_state),
                || self.run::<S, F, I>(start + half, right, right_state),
            );
            return;
        }
        let _flush = FlushSubnormals::during::<T>();
        let (mut at, end) = (start, start + parameters.len());
        let mut rest = state;
        for (part, formula) in (self.parts)() {
            let range = part.start.max(start)..part.end.min(end);
            if range.is_empty() {
                continue;
            }
            let state;
            (_, rest) = S::split_at(rest, range.start - at);
            (state, rest) = S::split_at(rest, range.len());
            at = range.end;
            let parameters = &mut parameters[range.start - start..range.end - start];
            apply(formula, parameters, &self.gradients[range], state);
        }
    }
}

fn apply<T, S, F>(formula: F, parameters: &mut [T], gradients: &[T], state: S::Columns<'_>)
where
    T: Scalar,
    S: State<T>,
    F: Fn(&mut S, T, T) -> T,
{
    vectorize(
        #[inline(always)]
        move || {
            // Slices that are seen to be of equal length need no check of bounds.
            let count = parameters.len();
            let gradients = &gradients[..count];
            let (mut columns, _) = S::split_at(state, count);
            for i in 0..count {
                let mut state = S::get(&columns, i);
                parameters[i] = formula(&mut state, parameters[i], gradients[i]);
                state.set(&mut columns, i);
            }
        },
    );
}
