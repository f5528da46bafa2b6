//! Averages of the weights.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::hyperparameter::Allowed;
use super::{Optimizer, OptimizerState, through_inner};
use crate::params::{Gradients, Params, Role};
use crate::scalar::Scalar;

/// How the weights of all steps so far are averaged: `e` after each step, from the parameters `p`.
///
/// | | |
/// |---|---|
/// | [`exponential`](Self::exponential) | `e = p` after the first step, then `e = βe + (1-β)p`: PyTorch's and Keras' |
/// | [`from_initial`](Self::from_initial) | the same, but `e = p` before the first step: optax' |
/// | [`debiased`](Self::debiased) | `a = βa + (1-β)p` from `a = 0`, `e = a / (1-βᵗ)`: optax' with `debias` |
/// | [`equal`](Self::equal) | the mean of all: stochastic weight averaging |
///
/// B. T. Polyak, A. B. Juditsky, *Acceleration of stochastic approximation by averaging*, 1992;
/// P. Izmailov et al., *Averaging weights leads to wider optima and better generalization*, UAI 2018.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Average(Kind);

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Kind {
    Exponential(f64),
    FromInitial(f64),
    Debiased(f64),
    Equal,
}

impl Average {
    /// `e = βe + (1-β)p`, starting with the parameters after the first step.
    ///
    /// # Panics
    ///
    /// If the number is not at least 0 and below 1.
    #[track_caller]
    pub fn exponential(decay: f64) -> Self {
        Self(Kind::Exponential(Allowed::Fraction.check("Average", "the decay", decay)))
    }

    /// `e = βe + (1-β)p`, starting with the parameters before the first step.
    ///
    /// # Panics
    ///
    /// If the number is not at least 0 and below 1.
    #[track_caller]
    pub fn from_initial(decay: f64) -> Self {
        Self(Kind::FromInitial(Allowed::Fraction.check("Average", "the decay", decay)))
    }

    /// `a = βa + (1-β)p`, starting with 0, and `e = a / (1-βᵗ)`: the older weights are worth less by
    /// the factor `β` with every step, the first as well.
    ///
    /// # Panics
    ///
    /// If the number is not at least 0 and below 1.
    #[track_caller]
    pub fn debiased(decay: f64) -> Self {
        Self(Kind::Debiased(Allowed::Fraction.check("Average", "the decay", decay)))
    }

    /// The mean of the parameters after all steps so far.
    pub fn equal() -> Self {
        Self(Kind::Equal)
    }

    /// By what part the average moves towards the parameters, for the `t`-th time from 1 on.
    fn part(self, t: u64) -> f64 {
        match self.0 {
            Kind::Exponential(_) if t == 1 => 1.0,
            Kind::Exponential(decay) | Kind::FromInitial(decay) => 1.0 - decay,
            // (1-β) / (1-βᵗ): what `e = a / (1-βᵗ)` comes to without `a`.
            Kind::Debiased(decay) => (1.0 - decay) / (1.0 - decay.powf(t as f64)),
            Kind::Equal => 1.0 / t as f64,
        }
    }
}

/// Keeps an average of the weights beside those that any optimizer trains; it is meant for
/// evaluation, and what is trained does not depend on it.
///
/// It begins with the first step, or after [`starting_after`](Self::starting_after) so many.
/// Parameters that are state, such as running statistics, are not averaged but taken as they are.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let w = params.add(Parameter::new("w", [1]));
/// let mut optimizer = Averaged::new(Sgd::new(1.0), Average::equal());
/// for _ in 0..3 {
///     let gradients = Gradients::new(&params, vec![1.0], 0.0);
///     optimizer.step(&mut params, &gradients);
/// }
/// assert_eq!(params.values(w), [-3.0]);
/// assert_eq!(optimizer.params(&params).values(w), [-2.0]);
///
/// // or in place, without a copy
/// optimizer.swap(&mut params);
/// assert_eq!(params.values(w), [-2.0]);
/// optimizer.swap(&mut params);
/// assert_eq!(params.values(w), [-3.0]);
/// ```
///
/// A [`Trainer`](crate::train::Trainer) is given `&mut`, and the average is there after the training:
///
/// ```
/// # use gradtape::prelude::*;
/// # let mut params = Params::new(Seed(42));
/// # let model = Dense::new(2, 2).build(&mut params, "layer");
/// # let train = Dataset::new(Tensor::full([8, 2], 1.0), Indices::from([1; 8]))?;
/// let mut optimizer = Averaged::new(Adam::new(1e-3), Average::exponential(0.99));
/// let mut trainer = Trainer::new(&model, &mut optimizer, loss::cross_entropy);
/// trainer.fit(&mut params, &train).epochs(5).run()?;
/// drop(trainer);
/// assert_ne!(optimizer.params(&params).flat(), params.flat());
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone)]
pub struct Averaged<O, T: Scalar = f32> {
    inner: O,
    average: Average,
    start: u64,
    /// How many times the parameters have been averaged.
    count: u64,
    /// The average, in the order of the layout.
    values: Vec<T>,
    /// Whether the parameters hold the average, and `values` what is trained.
    swapped: bool,
}

impl<T: Scalar, O: Optimizer<T>> Averaged<O, T> {
    /// An average beside what this optimizer trains.
    pub fn new(inner: O, average: Average) -> Self {
        Self { inner, average, start: 0, count: 0, values: Vec::new(), swapped: false }
    }

    /// Leaves out the first so many steps, in which the average is the parameters themselves.
    pub fn starting_after(mut self, steps: u64) -> Self {
        self.start = steps;
        self
    }

    /// The optimizer inside.
    pub fn inner(&self) -> &O {
        &self.inner
    }

    /// A copy of the parameters with the average as values.
    ///
    /// # Panics
    ///
    /// If they are [swapped](Self::swap).
    #[track_caller]
    pub fn params(&self, params: &Params<T>) -> Params<T> {
        self.expect_unswapped();
        let mut average = params.clone();
        let known = self.values.len().min(average.flat().len());
        let layout = params.layout();
        for entry in layout.entries().iter().filter(|entry| entry.role != Role::State) {
            let range = entry.range();
            if range.end <= known {
                average.flat_mut()[range.clone()].copy_from_slice(&self.values[range]);
            }
        }
        average
    }

    /// Exchanges parameters and average: the parameters are the average until this is called again.
    pub fn swap(&mut self, params: &mut Params<T>) {
        self.catch_up(params);
        let layout = params.layout().clone();
        for entry in layout.entries().iter().filter(|entry| entry.role != Role::State) {
            let range = entry.range();
            params.flat_mut()[range.clone()].swap_with_slice(&mut self.values[range]);
        }
        self.swapped = !self.swapped;
    }

    /// Begins with what has been added since the last step.
    fn catch_up(&mut self, params: &Params<T>) {
        self.values.extend_from_slice(params.flat().get(self.values.len()..).unwrap_or_default());
    }

    #[track_caller]
    fn expect_unswapped(&self) {
        assert!(
            !self.swapped,
            "Averaged: the parameters are the average at present; swap them back first"
        );
    }
}

impl<T: Scalar, O: Optimizer<T>> Optimizer<T> for Averaged<O, T> {
    /// # Panics
    ///
    /// Also if the parameters are [swapped](Averaged::swap).
    fn step(&mut self, params: &mut Params<T>, gradients: &Gradients<T>) {
        self.expect_unswapped();
        self.catch_up(params);
        let before = self.inner.steps();
        self.inner.step(params, gradients);
        if self.inner.steps() == before {
            return;
        }
        if self.inner.steps() <= self.start {
            self.values.copy_from_slice(params.flat());
            return;
        }
        self.count += 1;
        let part = T::from_f64(self.average.part(self.count));
        if part == T::ONE {
            self.values.copy_from_slice(params.flat());
            return;
        }
        for (average, &value) in self.values.iter_mut().zip(params.flat()) {
            *average += part * (value - *average);
        }
    }

    through_inner!();

    fn state(&self, params: &Params<T>) -> OptimizerState<T> {
        self.expect_unswapped();
        let mut state = self.inner.state(params).within("Averaged");
        state.set_count("averaged", self.count);
        let known = self.values.len();
        let values = [&self.values[..], params.flat().get(known..).unwrap_or_default()].concat();
        state.set_column("average", params.layout(), &values, T::ZERO);
        state
    }

    fn load(&mut self, params: &Params<T>, state: &OptimizerState<T>) {
        self.inner.load(params, &state.inner());
        self.count = state.count("averaged").unwrap_or_default();
        self.values = params.flat().to_vec();
        state.column("average", params.layout(), &mut self.values);
        self.swapped = false;
    }
}

impl<T: Scalar, O: fmt::Debug> fmt::Debug for Averaged<O, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, average, start, .. } = self;
        write!(f, "Averaged({inner:?}, {:?}", average.0)?;
        if *start > 0 {
            write!(f, " after {start} steps")?;
        }
        f.write_str(")")
    }
}
