//! The loop over all values, cut into pieces for the threads.

use std::ops::Range;

use smallvec::SmallVec;

use super::State;
use crate::exec::kernels::simd::vectorize;
use crate::exec::kernels::tasks::for_each_of;
use crate::scalar::Scalar;

/// The fewest values that are a piece.
const PIECE: usize = 4 * 1024;
/// How many pieces there are for each thread, so that one that is held up leaves some to others.
const PIECES: usize = 4;
/// About how many operations a value takes.
const WORK: usize = 8;

/// One step's pass over all values.
pub(super) struct Pass<'a, P, T: Scalar> {
    /// Lists the parts of the flat slice that move, in order, each with its formula: from state,
    /// parameter and gradient to the new parameter.
    pub(super) parts: P,
    /// The flat slice of gradients.
    pub(super) gradients: &'a [T],
}

impl<P, T: Scalar> Pass<'_, P, T> {
    /// Moves all parameters.
    pub(super) fn run<S, F, I>(&self, parameters: &mut [T], state: S::Columns<'_>)
    where
        S: State<T>,
        F: Fn(&mut S, T, T) -> T,
        I: Iterator<Item = (Range<usize>, F)>,
        P: Fn() -> I + Sync,
    {
        let len = parameters.len();
        // The values do not meet, so that their pieces may depend on the number of threads.
        let size = len.div_ceil(PIECES * rayon::current_num_threads()).next_multiple_of(PIECE);
        let mut rest = state;
        let mut pieces = SmallVec::<[_; 16]>::new();
        for (i, parameters) in parameters.chunks_mut(size.max(1)).enumerate() {
            let first;
            (first, rest) = S::split_at(rest, parameters.len());
            pieces.push((i * size, parameters, first));
        }
        for_each_of::<T, _>(pieces, WORK * len, |(start, parameters, state)| {
            self.run_piece::<S, F, I>(start, parameters, state);
        });
    }

    /// Moves the parameters that stand from `start` on in the flat slice.
    fn run_piece<S, F, I>(&self, start: usize, parameters: &mut [T], state: S::Columns<'_>)
    where
        S: State<T>,
        F: Fn(&mut S, T, T) -> T,
        I: Iterator<Item = (Range<usize>, F)>,
        P: Fn() -> I + Sync,
    {
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
