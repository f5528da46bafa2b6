//! The gradient check: analytic gradients against central differences, in double precision, of
//! the very graph that is trained.

use rand::seq::index;
use rand_distr::{Distribution, StandardNormal};

use super::report::{Report, Row};
use crate::error::Error;
use crate::exec::{self, Bindings, Plan, Workspace};
use crate::graph::{Graph, Tape, Var};
use crate::params::{ParamId, Params};
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::tensor::{Indices, Tensor};

/// Checks the gradients of a model with respect to all its trainable parameters.
///
/// The closure records the model on a training tape, with penalties and dropout as in training;
/// the recorded graph is then run in `f64`, whatever the model is trained in. If the result is
/// not one number, it is multiplied by random numbers and summed.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(0));
/// let layer = Dense::new(3, 2).penalty(L2(0.1)).build(&mut params, "layer");
/// let x = Tensor::from([[0.5, -1.0, 2.0]]);
///
/// let report = gradcheck(&params, |tape| {
///     layer.forward(tape.input(&x)).tanh().dropout(0.5).sum(..) + tape.penalty()
/// })?;
/// println!("{report}");
/// report.assert_below(1e-6);
/// # Ok::<(), gradtape::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Uncheckable`] if the value is not finite, or does not depend on one of the parameters,
/// so that the check could not fail.
#[track_caller]
pub fn gradcheck<T: Scalar>(
    params: &Params<T>,
    model: impl for<'t> FnOnce(&'t Tape<'_, T>) -> Var<'t>,
) -> Result<Report, Error> {
    GradCheck::new().run(params, model)
}

/// A gradient check with settings of its own; [`gradcheck`] is one with the default settings.
#[derive(Clone, Copy, Debug)]
pub struct GradCheck {
    seed: Seed,
    samples: usize,
}

impl Default for GradCheck {
    fn default() -> Self {
        Self { seed: Seed(0), samples: 24 }
    }
}

impl GradCheck {
    /// Seed 0 and 24 samples of each parameter.
    pub fn new() -> Self {
        Self::default()
    }

    /// The seed of the sample, of the tape's noise and of the cotangent.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// How many entries of each parameter are checked; all if it has no more.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn samples(mut self, samples: usize) -> Self {
        assert!(samples > 0, "a gradient check of no samples could not fail");
        self.samples = samples;
        self
    }

    /// Runs the check; see [`gradcheck`].
    ///
    /// # Errors
    ///
    /// As [`gradcheck`].
    #[track_caller]
    pub fn run<T: Scalar>(
        &self,
        params: &Params<T>,
        model: impl for<'t> FnOnce(&'t Tape<'_, T>) -> Var<'t>,
    ) -> Result<Report, Error> {
        let tape = Tape::training(params, self.seed.derive_named("noise"));
        let value = self.as_number(&tape, model(&tape));
        let mut evaluation = Evaluation::new(&tape, value, params)?;
        let layout = params.layout();
        let checked = layout.ids().filter(|&id| layout.entry(id).trainable);
        let rows = checked.map(|id| self.check(id, &mut evaluation)).collect();
        Ok(Report::new(rows))
    }

    /// The value itself if it is one number, else its sum with random weights: weights of 1 would
    /// let errors cancel.
    fn as_number<'t, T: Scalar>(&self, tape: &'t Tape<'_, T>, value: Var<'t>) -> Var<'t> {
        if value.shape().numel() == 1 {
            return value.sum(..);
        }
        let mut rng = self.seed.derive_named("cotangent").rng();
        let weights =
            Tensor::from_fn(value.shape(), |_| T::from_f64(StandardNormal.sample(&mut rng)));
        (value * tape.input(&weights)).sum(..)
    }

    /// Checks a sample of one parameter's entries.
    fn check(&self, id: ParamId, evaluation: &mut Evaluation<'_>) -> Row {
        let entry = evaluation.params.layout().entry(id).clone();
        let range = evaluation.params.layout().range(id);
        let (first, total) = (range.start, range.len());
        let analytic = evaluation.gradients[range].to_vec();
        let largest = analytic.iter().fold(0.0_f64, |max, g| max.max(g.abs()));
        let mut row = Row::new(entry.name.clone(), entry.shape, total);
        let mut rng = self.seed.derive_named(&entry.name).rng();
        for at in index::sample(&mut rng, total, self.samples.min(total)) {
            let numeric = evaluation.difference_quotient(first + at);
            // Entries far below the parameter's largest are compared on its scale: relative to
            // themselves, they would show the rounding of the loss and nothing else.
            let floor = (1e-3 * largest).max(1e-8);
            let scale = analytic[at].abs().max(numeric.abs()).max(floor);
            row.record(at, analytic[at], numeric, (analytic[at] - numeric).abs() / scale);
        }
        row
    }
}

/// A recorded value that can be computed again at other parameters, in double precision.
struct Evaluation<'a> {
    params: Params<f64>,
    bound: Bound<'a>,
    forward: Plan,
    /// The analytic gradients, laid out as the parameters.
    gradients: Vec<f64>,
    value: f64,
}

/// What stays the same from one evaluation to the next: inputs, labels and noise.
struct Bound<'a> {
    inputs: Vec<Tensor<f64>>,
    indices: std::cell::Ref<'a, [Indices]>,
    seed: Seed,
    workspace: Workspace<f64>,
}

impl Bound<'_> {
    /// Computes the value, and gradients if the plan does.
    fn run(&mut self, plan: &Plan, params: &Params<f64>, gradients: &mut [f64]) -> f64 {
        let Self { inputs, indices, seed, workspace } = self;
        let bindings = Bindings { params: params.flat(), inputs, indices, seed: *seed };
        workspace.run(plan, &bindings, gradients);
        workspace.output(plan, 0, params.flat(), inputs).1[0]
    }
}

impl<'a> Evaluation<'a> {
    fn new<T: Scalar>(
        tape: &'a Tape<'_, T>,
        value: Var<'a>,
        params: &Params<T>,
    ) -> Result<Self, Error> {
        let graph: &Graph = tape.graph();
        let gradients = graph.swept_params(graph.sweep_params(value));
        let plan = |wanted: &[(ParamId, _)]| {
            graph.with_nodes(|nodes, _| {
                exec::plan(nodes, &[value.id()], wanted, graph.layout(), true)
            })
        };
        let backward = plan(&gradients);
        let unreached = params
            .layout()
            .ids()
            .find(|&id| params.layout().entry(id).trainable && !backward.reached[id.index()]);
        if let Some(id) = unreached {
            let name = &params.layout().entry(id).name;
            return Err(Error::Uncheckable(format!(
                "the value does not depend on parameter `{name}`; freeze it or leave it out"
            )));
        }
        let mut bound = Bound {
            inputs: tape.inputs_in_double(),
            indices: graph.bound_indices(),
            seed: tape.seed(),
            workspace: Workspace::default(),
        };
        let params = params.cast();
        let mut gradients = vec![0.0; params.flat().len()];
        let value = bound.run(&backward, &params, &mut gradients);
        if !value.is_finite() {
            return Err(Error::Uncheckable(format!("the value is {value}")));
        }
        for id in params.layout().ids() {
            let values = &gradients[params.layout().range(id)];
            if let Some(bad) = values.iter().find(|g| !g.is_finite()) {
                let name = &params.layout().entry(id).name;
                return Err(Error::Uncheckable(format!("the gradient of `{name}` holds {bad}")));
            }
        }
        Ok(Self { params, bound, forward: plan(&[]), gradients, value })
    }

    /// The value with one entry of the parameters moved.
    fn value_at(&mut self, entry: usize, x: f64) -> f64 {
        let before = std::mem::replace(&mut self.params.flat_mut()[entry], x);
        let value = self.bound.run(&self.forward, &self.params, &mut []);
        self.params.flat_mut()[entry] = before;
        value
    }

    /// The derivative with respect to one entry, by central differences extrapolated to a step of
    /// zero (L. F. Richardson). Of several steps, the one with the smallest estimated error is
    /// taken; the analytic gradient has no say in it.
    fn difference_quotient(&mut self, entry: usize) -> f64 {
        const STEPS: usize = 8;
        const RATIO: f64 = 4.0;
        let x = self.params.flat()[entry];
        let mut step = 1e-2 * x.abs().max(1.0);
        let (mut last_quotient, mut last) = (f64::NAN, f64::NAN);
        let (mut best, mut least_error) = (f64::NAN, f64::INFINITY);
        for _ in 0..STEPS {
            let (above, below) = (x + step, x - step);
            let rise = self.value_at(entry, above) - self.value_at(entry, below);
            let quotient = rise / (above - below);
            let extrapolated = quotient + (quotient - last_quotient) / (RATIO * RATIO - 1.0);
            let rounding = f64::EPSILON * self.value.abs() / step;
            let error = (extrapolated - last).abs() + rounding;
            if error < least_error || best.is_nan() {
                best = if extrapolated.is_nan() { quotient } else { extrapolated };
                least_error = if error.is_nan() { f64::INFINITY } else { error };
            }
            (last_quotient, last) = (quotient, extrapolated);
            step /= RATIO;
        }
        best
    }
}
