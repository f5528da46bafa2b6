//! The gradient check: analytic gradients against central differences, in double precision, of
//! the very graph that is trained.

use std::collections::BTreeSet;

use rand::seq::index;
use rand_distr::{Distribution, StandardNormal};

use super::evaluation::Evaluation;
use super::kinks;
use super::locate::{locate, locate_at_kinks};
use super::report::{Report, Row};
use crate::error::Error;
use crate::graph::{Tape, Var};
use crate::params::{Layout, ParamId, Params};
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::shape::Shape;
use crate::tensor::Tensor;

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
/// let x = Tensor::from_fn([8, 3], |i| (i as f32).sin());
///
/// let report = gradcheck(&params, |tape| {
///     layer.forward(tape.input(&x)).tanh().dropout(0.5).sum(..) + tape.penalty()
/// })?;
/// println!("{report}");
/// report.assert_below(1e-6);
/// # Ok::<(), gradtape::Error>(())
/// ```
///
/// The numerical gradient comes with an estimate of its own error, and a mismatch within ten of
/// those cannot be told from it. Where an operation changes sides at the very point (`relu` at 0, a
/// tie of a maximum), any value between the slopes of both sides is right; the report counts these
/// kinks. A tie has to give out its gradient once in all: where there are kinks, the parameters are
/// also moved together, which leaves ties what they are, and so are the inputs of each operation
/// that branches.
///
/// # Errors
///
/// [`Error::Uncheckable`] if the check could not fail: there is nothing trainable, a parameter or the
/// value is not finite, or it does not depend on one of the parameters, or so weakly that its gradient cannot be
/// told from zero.
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
    second_order: bool,
    /// Whether this is the check of one operation's rule, some of whose inputs may get none.
    one_rule: bool,
}

impl Default for GradCheck {
    fn default() -> Self {
        Self { seed: Seed(0), samples: 24, second_order: false, one_rule: false }
    }
}

impl GradCheck {
    /// Seed 0 and 24 samples of each parameter.
    pub fn new() -> Self {
        Self::default()
    }

    /// A check of one operation alone.
    pub(super) fn of_one_rule() -> Self {
        Self { one_rule: true, ..Self::default() }
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

    /// Checks second derivatives instead: the gradient of the gradient's product with a random
    /// direction, which is the Hessian's product with it. A parameter without second derivatives
    /// is checked to have none; at least one has to have some.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let mut params = Params::<f64>::new(Seed(0));
    /// let w = params.add_tensor("w", &Tensor::from([0.5, -1.0]));
    /// let report = GradCheck::new().second_order().run(&params, |tape| tape.param(w).tanh())?;
    /// report.assert_below(1e-6);
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    pub fn second_order(mut self) -> Self {
        self.second_order = true;
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
        let layout = params.layout();
        let checked: Vec<ParamId> = layout.ids().filter(|&id| layout.entry(id).trainable).collect();
        refuse_nothing_to_check(layout, &checked)?;
        if !self.one_rule {
            refuse_infinities(params, &checked)?;
        }
        let tape = Tape::training(params, self.seed.derive_named("noise"));
        let mut value = self.as_number(&tape, model(&tape));
        if self.second_order {
            value = self.along_gradient(&tape, value, &checked);
        }
        let mut evaluation = Evaluation::new(&tape, value, params)?;
        let rows = checked.into_iter().map(|id| self.check(id, layout, &mut evaluation));
        let mut rows = rows.collect::<Result<Vec<Row>, Error>>()?;
        if self.second_order && rows.iter().all(|row| row.resolved == 0 && row.is_right()) {
            let problem = "no second derivative can be told from zero, so a wrong one would pass";
            return Err(Error::Uncheckable(problem.to_string()));
        }
        let has_kinks = rows.iter().any(|row| row.kinks > 0);
        if has_kinks {
            rows.extend(check_ties(layout, &mut evaluation));
        }
        let culprit = match rows.iter().all(Row::is_right) {
            _ if self.one_rule => None,
            false => locate(value, &mut evaluation),
            true if has_kinks => locate_at_kinks(value, &mut evaluation),
            true => None,
        };
        Ok(Report::new(rows, culprit))
    }

    /// The product of the gradient with a random direction.
    fn along_gradient<'t, T: Scalar>(
        &self,
        tape: &'t Tape<'_, T>,
        value: Var<'t>,
        checked: &[ParamId],
    ) -> Var<'t> {
        let params: Vec<Var<'t>> = checked.iter().map(|&id| tape.param(id)).collect();
        let mut rng = self.seed.derive_named("direction").rng();
        let parts = tape.gradient(value, &params).into_iter().map(|slope| {
            let direction =
                Tensor::from_fn(slope.shape(), |_| T::from_f64(StandardNormal.sample(&mut rng)));
            (slope * tape.input(&direction)).sum(..)
        });
        parts.reduce(|sum, part| sum + part).unwrap_or(value)
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
    fn check(
        &self,
        id: ParamId,
        layout: &Layout,
        evaluation: &mut Evaluation<'_>,
    ) -> Result<Row, Error> {
        let (entry, first) = (layout.entry(id), layout.range(id).start);
        let name = &entry.name;
        let may_be_zero = self.second_order || self.one_rule;
        if !evaluation.reaches(id) && !may_be_zero {
            return Err(Error::Uncheckable(format!(
                "the value does not depend on parameter `{name}`; freeze it or leave it out"
            )));
        }
        let analytic = evaluation.gradient(id).to_vec();
        let largest = analytic.iter().fold(0.0_f64, |max, g| max.max(g.abs()));
        let mut row = Row::new(name.clone(), entry.shape.clone());
        for at in self.sample(name, &analytic) {
            // Around an infinity there are no differences: a rule is checked at its other inputs.
            if !evaluation.is_finite(first + at) {
                continue;
            }
            let place = first + at..first + at + 1;
            let entry = std::slice::from_ref(&place);
            let differences = evaluation.differences(entry);
            // Entries far below the parameter's largest are compared on its scale: relative to
            // themselves, they would show the rounding of the loss and nothing else.
            let finding = kinks::judge(analytic[at], &differences, 1e-3 * largest, |others| {
                evaluation.branches_between(entry, others)
            });
            row.record(at, &finding);
        }
        if row.checked > 0 && row.resolved == 0 && row.is_right() && !may_be_zero {
            return Err(unresolved(&row, largest));
        }
        Ok(row)
    }

    /// Which entries of a parameter are checked: a random sample, half of it of those whose
    /// gradient is not zero, lest a sparse gradient be missed.
    fn sample(&self, name: &str, gradient: &[f64]) -> BTreeSet<usize> {
        let total = gradient.len();
        let samples = self.samples.min(total);
        let mut rng = self.seed.derive_named(name).rng();
        let nonzero: Vec<usize> = (0..total).filter(|&at| gradient[at] != 0.0).collect();
        let half = samples.div_ceil(2).min(nonzero.len());
        let mut chosen: BTreeSet<usize> =
            index::sample(&mut rng, nonzero.len(), half).into_iter().map(|i| nonzero[i]).collect();
        for at in index::sample(&mut rng, total, samples) {
            if chosen.len() < samples {
                chosen.insert(at);
            }
        }
        chosen
    }
}

/// Checks all entries at once, moved by the same amount: so ties stay ties, and the function is
/// smooth where for each entry alone it has a kink and any of many gradients is accepted. Nothing
/// is said if it has a kink all the same.
fn check_ties(layout: &Layout, evaluation: &mut Evaluation<'_>) -> Option<Row> {
    let trainable = layout.ids().filter(|&id| layout.entry(id).trainable);
    let all: Vec<_> = trainable.collect();
    let entries: Vec<_> = all.iter().map(|&id| layout.range(id)).collect();
    if entries.iter().cloned().flatten().any(|at| !evaluation.is_finite(at)) {
        return None;
    }
    let differences = evaluation.differences(&entries);
    if evaluation.branches_between(&entries, differences.closest()) {
        return None;
    }
    let slopes = || all.iter().flat_map(|&id| evaluation.gradient(id));
    let (analytic, size) = (slopes().sum(), slopes().map(|g| g.abs()).sum::<f64>());
    let finding = kinks::judge(analytic, &differences, 1e-3 * size, |_| false);
    let mut row = Row::new("all, moved together".to_string(), Shape::scalar());
    row.record(0, &finding);
    Some(row)
}

/// An error if there is no entry of a trainable parameter.
fn refuse_nothing_to_check(layout: &Layout, checked: &[ParamId]) -> Result<(), Error> {
    let names = |ids: &mut dyn Iterator<Item = ParamId>| {
        let names: Vec<String> = ids.map(|id| format!("`{}`", layout.entry(id).name)).collect();
        names.join(", ")
    };
    let problem = if layout.entries().is_empty() {
        "there are no parameters".to_string()
    } else if checked.is_empty() {
        format!("all parameters are frozen: {}", names(&mut layout.ids()))
    } else if checked.iter().all(|&id| layout.range(id).is_empty()) {
        format!(
            "the trainable parameters have no elements: {}",
            names(&mut checked.iter().copied())
        )
    } else {
        return Ok(());
    };
    Err(Error::Uncheckable(format!("{problem}, so there is nothing to check")))
}

/// An error if a parameter holds an infinity or NaN, around which there are no differences.
fn refuse_infinities<T: Scalar>(params: &Params<T>, checked: &[ParamId]) -> Result<(), Error> {
    for &id in checked {
        if let Some(bad) = params.values(id).iter().find(|x| !x.is_finite()) {
            let name = &params.layout().entry(id).name;
            return Err(Error::Uncheckable(format!("the parameter `{name}` holds {bad}")));
        }
    }
    Ok(())
}

/// Says that no gradient of a parameter can be told from zero.
fn unresolved(row: &Row, largest: f64) -> Error {
    let name = &row.parameter;
    Error::Uncheckable(if largest == 0.0 && row.numeric == 0.0 {
        format!(
            "every checked gradient of `{name}` is exactly zero, so a wrong rule would not show; \
             check at other values, freeze it or leave it out"
        )
    } else {
        format!(
            "no gradient of `{name}` can be told from zero: the largest is {largest:e}, but \
             differences are off by {:e}; scale the value or shift it closer to zero",
            row.numeric_error
        )
    })
}
