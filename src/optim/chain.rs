//! The engine: one pass over parameters, gradients and state.

use std::fmt;

use super::hyperparameter::{Allowed, Hyperparameter};
use super::state::sealed::State as _;
use super::{Optimizer, Rule, Schedule, State};
use crate::exec::kernels::simd::vectorize;
use crate::exec::kernels::subnormal::FlushSubnormals;
use crate::params::{Gradients, Params};
use crate::scalar::Scalar;

/// A rate and a [`Rule`], or a pair of rules: `p -= rate · step`, where the step is what the rules
/// make of the gradient.
///
/// The rules' formulas are compiled into one loop, so that parameters, gradients and state are read
/// from memory once and steps are never stored. The pass is spread over the threads of the current
/// rayon pool if there is enough of it; the values are the same on any number of threads.
pub struct Chain<R: Rule<T>, T: Scalar = f32> {
    pub(super) rule: R,
    rate: Hyperparameter,
    steps: u64,
    /// What the rule remembers: one slice for each number, in the order of the layout.
    state: Vec<Vec<T>>,
    /// The number of values that it is remembered of.
    known: usize,
}

impl<T: Scalar, R: Rule<T>> Chain<R, T> {
    /// A chain of a rule, or a pair of rules, and a rate.
    ///
    /// # Panics
    ///
    /// If the rate is negative, infinite or NaN.
    #[track_caller]
    pub fn new(rate: impl Into<Schedule>, rule: R) -> Self {
        Self::named("Chain", rate.into(), rule)
    }

    /// A chain that goes by this name in messages.
    #[track_caller]
    pub(super) fn named(name: &'static str, rate: Schedule, rule: R) -> Self {
        let rate = Hyperparameter::new(name, "the rate", Allowed::NotNegative, rate);
        Self { rule, rate, steps: 0, state: Vec::new(), known: 0 }
    }

    /// Makes room for the state of so many values; that of new ones is the initial state.
    fn remember(&mut self, len: usize) {
        let initial = self.rule.init().numbers();
        self.state.resize_with(initial.len(), Vec::new);
        for (column, initial) in self.state.iter_mut().zip(initial) {
            column.resize(len, initial);
        }
        self.known = len;
    }
}

impl<T: Scalar, R: Rule<T>> Optimizer<T> for Chain<R, T> {
    fn step(&mut self, params: &mut Params<T>, gradients: &Gradients<T>) {
        check_layout(params, gradients);
        let (len, known) = (params.flat().len(), self.known);
        assert!(
            known <= len,
            "this optimizer has stepped other parameters: {known} values, and here are {len}; \
             make one for each model"
        );
        if known < len {
            self.remember(len);
        }
        let rate = T::from_f64(self.rate.at(self.steps));
        let formula = self.rule.formula(self.steps, gradients);
        let pass = Pass {
            formula: move |state: &mut R::State, parameter, gradient| {
                parameter - rate * formula(state, parameter, gradient)
            },
            gradients,
            parallel: len >= PARALLEL && rayon::current_num_threads() > 1,
        };
        let state = R::State::columns(&mut self.state.iter_mut().map(|column| &mut column[..]));
        pass.run::<R::State>(0, params.flat_mut(), state);
        gradients.apply_updates(params);
        self.steps += 1;
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn rate(&self) -> f64 {
        self.rate.get(self.steps)
    }

    fn set_rate(&mut self, rate: Schedule) {
        self.rate.set(rate);
    }
}

/// The values that one thread works on at a time.
const CHUNK: usize = 32 * 1024;

/// The number of values from which on a second thread gains more than it costs to wake it.
const PARALLEL: usize = 4 * CHUNK;

/// One step's pass over all values.
struct Pass<'a, F, T: Scalar> {
    /// From state, parameter and gradient to the new parameter.
    formula: F,
    gradients: &'a Gradients<T>,
    parallel: bool,
}

impl<F, T: Scalar> Pass<'_, F, T> {
    /// Moves the parameters that stand from `start` on in the flat slice.
    fn run<S>(&self, start: usize, parameters: &mut [T], state: S::Columns<'_>)
    where
        S: State<T>,
        F: Fn(&mut S, T, T) -> T + Copy + Sync,
    {
        if self.parallel && parameters.len() > CHUNK {
            // Cut by the number of values only, wherever the threads are.
            let half = parameters.len().div_ceil(CHUNK) / 2 * CHUNK;
            let (left, right) = parameters.split_at_mut(half);
            let (left_state, right_state) = S::split_at(state, half);
            rayon::join(
                || self.run::<S>(start, left, left_state),
                || self.run::<S>(start + half, right, right_state),
            );
            return;
        }
        let _flush = FlushSubnormals::during::<T>();
        let (mut at, end) = (start, start + parameters.len());
        let mut rest = state;
        for segment in self.gradients.segments() {
            let range = segment.start.max(start)..segment.end.min(end);
            if range.is_empty() {
                continue;
            }
            let state;
            (_, rest) = S::split_at(rest, range.start - at);
            (state, rest) = S::split_at(rest, range.len());
            at = range.end;
            let parameters = &mut parameters[range.start - start..range.end - start];
            apply(self.formula, parameters, &self.gradients.flat()[range], state);
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

/// Parameters may have been added since the gradients were computed, but the others are the same.
#[track_caller]
fn check_layout<T: Scalar>(params: &Params<T>, gradients: &Gradients<T>) {
    let (layout, theirs) = (&**params.layout(), gradients.layout());
    if std::ptr::eq(layout, theirs) {
        return;
    }
    let mut entries = layout.entries().iter();
    for theirs in theirs.entries() {
        let same = entries.next().is_some_and(|e| e.name == theirs.name && e.shape == theirs.shape);
        let (name, shape) = (&theirs.name, &theirs.shape);
        assert!(
            same,
            "the gradients are of other parameters: `{name}` of shape {shape} is not at its place"
        );
    }
}

impl<T: Scalar, R: Rule<T> + Clone> Clone for Chain<R, T> {
    fn clone(&self) -> Self {
        let Self { rule, rate, steps, state, known } = self;
        let (rule, rate, state) = (rule.clone(), rate.clone(), state.clone());
        Self { rule, rate, steps: *steps, state, known: *known }
    }
}

impl<T: Scalar, R: Rule<T> + fmt::Debug> fmt::Debug for Chain<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, rate, steps, .. } = self;
        write!(f, "{rule:?} at {rate:?} after {steps} steps")
    }
}
