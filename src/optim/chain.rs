//! The engine: what is done around a rule, in one pass over parameters, gradients and state.

use std::fmt;

use smallvec::SmallVec;

use super::clip::{Clip, norm};
use super::groups::{Group, Groups, Settings};
use super::hyperparameter::{Allowed, Hyperparameter};
use super::pass::Pass;
use super::state::sealed::State as _;
use super::{Context, GroupTable, Optimizer, OptimizerState, Rule, Schedule, WeightDecay};
use crate::pages;
use crate::params::{Gradients, Params};
use crate::scalar::Scalar;

/// A rate and a [`Rule`], or a pair of rules: `p -= rate · step`, where the step is what the rules
/// make of the gradient.
///
/// Around the rules, every optimizer can do the following, in this order:
///
/// 1. [clip](Self::clip) the gradients,
/// 2. add [weight decay](Self::weight_decay) of the kind L2 to them,
/// 3. what the rules say: `p -= rate · step`,
/// 4. and, with the same rate, decoupled weight decay: `p -= rate · λ · p` with the `p` of before,
/// 5. draw small values to exactly 0, by a [proximal L1](Self::proximal_l1),
///
/// with other numbers for some [groups](Self::group) of parameters.
///
/// All formulas are compiled into one loop, so that parameters, gradients and state are read from
/// memory once and steps are never stored. The pass is spread over the threads of the current
/// rayon pool if there is enough of it; the values are the same on any number of threads.
pub struct Chain<R: Rule<T>, T: Scalar = f32> {
    pub(super) rule: R,
    name: &'static str,
    rate: Hyperparameter,
    clip: Option<Clip>,
    groups: Groups,
    steps: u64,
    /// What the rule remembers: one slice for each number, in the order of the layout.
    state: Vec<Vec<T>>,
    /// The number of values that it is remembered of.
    known: usize,
    /// What the gradients of each parameter are multiplied by, if each has a number of its own.
    factors: Vec<T>,
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
        let (state, factors) = (Vec::new(), Vec::new());
        let groups = Groups::default();
        Self { rule, name, rate, clip: None, groups, steps: 0, state, known: 0, factors }
    }

    /// The same around another rule, before the first step.
    pub(super) fn with_rule<S: Rule<T>>(self, rule: impl FnOnce(R) -> S) -> Chain<S, T> {
        let Self { name, rate, clip, groups, steps, .. } = self;
        let (state, factors) = (Vec::new(), Vec::new());
        Chain { rule: rule(self.rule), name, rate, clip, groups, steps, state, known: 0, factors }
    }

    /// Limits the gradients before anything else is done with them.
    ///
    /// # Panics
    ///
    /// If they are limited already.
    #[track_caller]
    pub fn clip(mut self, clip: Clip) -> Self {
        if let Some(before) = self.clip {
            panic!("{}: gradients are clipped already, {before}", self.name);
        }
        self.clip = Some(clip);
        self
    }

    /// Pulls parameters towards 0, in one of two ways, which are not the same.
    ///
    /// # Panics
    ///
    /// If the number is negative, infinite or NaN.
    #[track_caller]
    pub fn weight_decay(mut self, decay: WeightDecay) -> Self {
        self.groups.base.decay = Some(decay.checked(self.name));
        self
    }

    /// Draws parameters to exactly 0 where the loss does not resist:
    /// `p = sgn(p) · max(|p| - rate · λ, 0)` after the step, the proximal operator of
    /// `rate · λ Σ|p|`. A penalty [`L1`](crate::penalty::L1) in the loss makes values small, but
    /// never 0. The [`sparsity`](super::sparsity) tells how many there are.
    ///
    /// The rate is not divided by roots of squared gradients, as adaptive steps are.
    ///
    /// # Panics
    ///
    /// If the number is negative, infinite or NaN.
    #[track_caller]
    pub fn proximal_l1(mut self, lambda: f64) -> Self {
        self.groups.base.l1 = Allowed::NotNegative.check(self.name, "proximal_l1", lambda);
        self
    }

    /// Treats some parameters in another way. Settings of a later group override those of earlier
    /// ones.
    ///
    /// # Panics
    ///
    /// The first step does, if no parameter is in the group.
    pub fn group(mut self, group: Group) -> Self {
        self.groups.push(group);
        self
    }

    /// Leaves biases and the scales and shifts of normalizations without weight decay and
    /// proximal L1.
    pub fn exempt_biases_and_normalization(self) -> Self {
        let exempt = Group::biases_and_normalization();
        self.group(exempt.no_weight_decay().proximal_l1(0.0))
    }

    /// Who is in which group, and what that means for the next step.
    ///
    /// # Panics
    ///
    /// If no parameter is in a group.
    #[track_caller]
    pub fn groups(&self, params: &Params<T>) -> GroupTable {
        self.groups.table(self.name, params.layout(), self.rate.at(self.steps), self.steps)
    }

    /// Makes room for the state of so many values; that of new ones is the initial state.
    fn remember(&mut self, len: usize) {
        let initial = self.rule.init().numbers();
        self.state.resize_with(initial.len(), Vec::new);
        for (column, initial) in self.state.iter_mut().zip(initial) {
            pages::reserve(column, len);
            column.resize(len, initial);
        }
        self.known = len;
    }

    /// What this step's gradients are clipped by: the same factor for all, or `factors`.
    fn measure(&mut self, gradients: &Gradients<T>) -> T {
        let Some(clip) = self.clip else { return T::ONE };
        if clip.each_by_itself() {
            self.factors.resize(gradients.layout().entries().len(), T::ONE);
            for part in self.groups.parts(gradients, true) {
                let norm = norm(gradients, std::iter::once(part.range));
                self.factors[part.parameter] = clip.factor(norm);
            }
        } else if clip.all_together() {
            let parts = self.groups.parts(gradients, false);
            return clip.factor(norm(gradients, parts.map(|part| part.range)));
        }
        T::ONE
    }

    /// The pass where there is nothing around the rule.
    fn step_plainly(&mut self, rate: f64, params: &mut Params<T>, gradients: &Gradients<T>) {
        let formula = self.rule.formula(Context { step: self.steps, rate, gradients });
        let rate = T::from_f64(if self.rule.applies_rate() { 1.0 } else { rate });
        let formula = move |state: &mut R::State, parameter, gradient| {
            parameter - rate * formula(state, parameter, gradient)
        };
        let pass = Pass {
            parts: || gradients.segments().map(|range| (range, formula)),
            gradients: gradients.flat(),
        };
        let state = R::State::columns(&mut self.state.iter_mut().map(|column| &mut column[..]));
        pass.run::<R::State, _, _>(params.flat_mut(), state);
    }

    /// The pass with what may be around the rule: limits of single values and the proximal L1 only
    /// if asked for, since they take longer than all else.
    fn step_around<const LIMITS: bool>(
        &mut self,
        rate: f64,
        params: &mut Params<T>,
        gradients: &Gradients<T>,
    ) {
        let factor = self.measure(gradients);
        let Self { rule, clip, groups, steps, factors, .. } = self;
        let (rule, groups, step) = (&*rule, &*groups, *steps);
        let bound = clip.map_or(T::INFINITY, |clip| clip.bound());
        let classes: SmallVec<[_; 4]> = groups
            .classes()
            .iter()
            .map(|class| {
                let rate = groups.rate(class, rate, step);
                let formula = rule.formula(Context { step, rate, gradients });
                let around = Around::new(rate, rule.applies_rate(), &class.settings, bound);
                (formula, around)
            })
            .collect();
        let each_by_itself = clip.is_some_and(|clip| clip.each_by_itself());
        let (classes, factors) = (&classes, &*factors);
        let parts = || {
            groups.parts(gradients, each_by_itself).map(move |part| {
                let (formula, around) = classes[part.class];
                let factor = if each_by_itself { factors[part.parameter] } else { factor };
                (part.range, around.formula::<LIMITS, _>(factor, formula))
            })
        };
        let pass = Pass { parts, gradients: gradients.flat() };
        let state = R::State::columns(&mut self.state.iter_mut().map(|column| &mut column[..]));
        pass.run::<R::State, _, _>(params.flat_mut(), state);
    }

    /// The names of the numbers that the rule remembers, each of them once.
    fn slots(&self) -> Vec<String> {
        let (count, names) = (self.rule.init().numbers().len(), self.rule.slots());
        let named = names.len();
        assert!(named == count, "{}: {named} names for {count} numbers of state", self.name);
        let unique =
            |(i, name): (usize, &&str)| match names[..i].iter().filter(|n| *n == name).count() {
                0 => name.to_string(),
                before => format!("{name}_{}", before + 1),
            };
        names.iter().enumerate().map(unique).collect()
    }
}

impl<T: Scalar, R: Rule<T>> Optimizer<T> for Chain<R, T> {
    fn step(&mut self, params: &mut Params<T>, gradients: &Gradients<T>) {
        check_layout(params, gradients);
        // Parameters may have been added, frozen or unfrozen since they were computed.
        let later = gradients.of(params.layout());
        let gradients = later.as_ref().unwrap_or(gradients);
        let (len, known) = (params.flat().len(), self.known);
        assert!(
            known <= len,
            "this optimizer has stepped other parameters: {known} values, and here are {len}; \
             make one for each model"
        );
        if known < len {
            self.remember(len);
        }
        let rate = self.rate.at(self.steps);
        if self.clip.is_none() && self.groups.are_plain() {
            self.step_plainly(rate, params, gradients);
        } else {
            self.groups.assign(self.name, params.layout());
            let limits = self.clip.is_some_and(|clip| clip.bound::<T>() < T::INFINITY);
            if limits || self.groups.classes().iter().any(|class| class.settings.l1 > 0.0) {
                self.step_around::<true>(rate, params, gradients);
            } else {
                self.step_around::<false>(rate, params, gradients);
            }
        }
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

    fn state(&self, params: &Params<T>) -> OptimizerState<T> {
        let mut state = OptimizerState::new(self.name);
        state.set_count("steps", self.steps);
        let initial = self.rule.init().numbers();
        for (i, (slot, initial)) in self.slots().iter().zip(initial).enumerate() {
            let column = self.state.get(i).map_or(&[][..], |column| column);
            state.set_column(slot, params.layout(), column, initial);
        }
        state
    }

    fn load(&mut self, params: &Params<T>, state: &OptimizerState<T>) {
        self.remember(params.flat().len());
        let slots = self.slots();
        for (slot, column) in slots.iter().zip(&mut self.state) {
            state.column(slot, params.layout(), column);
        }
        self.steps = state.count("steps").unwrap_or_default();
    }
}

/// What is done around a rule's formula to the values of a class of parameters.
#[derive(Clone, Copy)]
struct Around<T> {
    /// The largest gradient.
    bound: T,
    /// What of the parameter is added to the gradient.
    coupled: T,
    /// What the step is multiplied by.
    rate: T,
    /// What of the parameter is subtracted from it besides the step.
    decoupled: T,
    /// How far the parameter is drawn towards 0.
    threshold: T,
}

impl<T: Scalar> Around<T> {
    fn new(rate: f64, applied: bool, settings: &Settings, bound: T) -> Self {
        let Settings { decay, l1, .. } = *settings;
        Self {
            bound,
            coupled: T::from_f64(WeightDecay::coupled(decay)),
            rate: T::from_f64(if applied { 1.0 } else { rate }),
            decoupled: T::from_f64(rate * WeightDecay::decoupled(decay)),
            threshold: T::from_f64(rate * l1),
        }
    }

    /// The whole formula, from state, parameter and gradient to the new parameter.
    fn formula<const LIMITS: bool, S>(
        self,
        factor: T,
        rule: impl Fn(&mut S, T, T) -> T + Copy + Send + Sync,
    ) -> impl Fn(&mut S, T, T) -> T + Copy + Send + Sync {
        let Self { bound, coupled, rate, decoupled, threshold } = self;
        #[inline(always)]
        move |state, parameter, gradient| {
            let clipped = gradient * factor;
            let clipped = if LIMITS { clamp(clipped, bound) } else { clipped };
            let step = rule(state, parameter, clipped + coupled * parameter);
            let moved = parameter - (rate * step + decoupled * parameter);
            if LIMITS { moved - clamp(moved, threshold) } else { moved }
        }
    }
}

/// The nearest number to `x` in `-bound..=bound`, or NaN for NaN: each line is one instruction.
#[inline(always)]
pub(super) fn clamp<T: Scalar>(x: T, bound: T) -> T {
    let x = if bound < x { bound } else { x };
    if -bound > x { -bound } else { x }
}

/// Parameters may have been added since the gradients were computed, but the others are the same.
#[track_caller]
pub(super) fn check_layout<T: Scalar>(params: &Params<T>, gradients: &Gradients<T>) {
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
        let Self { rule, name, rate, clip, groups, steps, state, known, factors } = self;
        Self {
            rule: rule.clone(),
            name,
            rate: rate.clone(),
            clip: *clip,
            groups: groups.clone(),
            steps: *steps,
            state: state.clone(),
            known: *known,
            factors: factors.clone(),
        }
    }
}

/// All that was chosen, with the formulas of the weight decay.
impl<T: Scalar, R: Rule<T> + fmt::Debug> fmt::Debug for Chain<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, rate, clip, groups, steps, .. } = self;
        write!(f, "{rule:?} at {rate:?}")?;
        if let Some(clip) = clip {
            write!(f, ", clipping {clip}")?;
        }
        write!(f, "{groups:?} after {steps} steps")
    }
}

/// The same as `Debug`.
impl<T: Scalar, R: Rule<T> + fmt::Debug> fmt::Display for Chain<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
