//! Several models that decide together.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::graph::{Tape, Var};
use crate::layers::Layer;
use crate::params::Params;
use crate::scalar::Scalar;
use crate::tensor::Tensor;

/// What of the members' outputs is averaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EnsembleAverage {
    /// The outputs themselves: predicted numbers, or logits, which is the geometric mean of the
    /// probabilities.
    Outputs,
    /// The probabilities of classes, the softmax of logits along the last axis.
    Softmax,
    /// The probabilities of yes, the sigmoid of logits.
    Sigmoid,
}

impl EnsembleAverage {
    fn apply(self, y: Var<'_>) -> Var<'_> {
        match self {
            EnsembleAverage::Outputs => y,
            EnsembleAverage::Softmax => y.softmax(-1),
            EnsembleAverage::Sigmoid => y.sigmoid(),
        }
    }
}

/// Models whose predictions are averaged: different ones, or one with the parameters of several
/// runs, checkpoints, or moving averages. An ensemble is mostly better than its members, for they
/// err in different places (L. Hansen and P. Salamon, 1990).
///
/// ```
/// use gradtape::prelude::*;
/// use gradtape::train::{EnsembleAverage, Ensemble};
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let model = Dense::new(2, 3).build(&mut params, "model");
/// let mut later = params.clone();
/// later.flat_mut().iter_mut().for_each(|w| *w += 0.1);
///
/// let ensemble = Ensemble::new(EnsembleAverage::Softmax).with(&model, &params).with(&model, &later);
/// let probabilities = ensemble.predict(&Tensor::from([[1.0, -0.5]]))?;
/// assert!((probabilities.data().iter().sum::<f32>() - 1.0).abs() < 1e-6);
/// # Ok::<(), gradtape::Error>(())
/// ```
#[must_use = "an ensemble does nothing until it predicts"]
pub struct Ensemble<'a, T: Scalar = f32> {
    averaged: EnsembleAverage,
    members: Vec<(&'a dyn Layer, &'a Params<T>)>,
}

impl<'a, T: Scalar> Ensemble<'a, T> {
    /// An ensemble that has no members yet.
    pub fn new(averaged: EnsembleAverage) -> Self {
        Self { averaged, members: Vec::new() }
    }

    /// Adds a model with these parameters.
    pub fn with(mut self, model: &'a dyn Layer, params: &'a Params<T>) -> Self {
        self.members.push((model, params));
        self
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The mean of what the members predict.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there are no members, or they predict different shapes.
    #[track_caller]
    pub fn predict(&self, x: &Tensor<T>) -> Result<Tensor<T>, Error> {
        let mut predictions = Vec::with_capacity(self.len());
        // A closure would hide the caller's line.
        for (model, params) in &self.members {
            let tape = Tape::inference(params);
            predictions.push(tape.value(self.averaged.apply(model.forward(tape.input(x)))));
        }
        mean_tensor(&predictions)
    }
}

/// The mean of tensors of one shape, such as predictions of several models.
///
/// # Errors
///
/// [`Error::Argument`] if there are none, or they have different shapes.
pub fn mean_tensor<T: Scalar>(tensors: &[Tensor<T>]) -> Result<Tensor<T>, Error> {
    let [first, others @ ..] = tensors else {
        return Err(Error::argument("mean", "at least one tensor", "none"));
    };
    let shape = first.shape();
    if let Some(other) = others.iter().find(|other| other.shape() != shape) {
        let expected = format!("tensors of shape {shape}, as the first");
        return Err(Error::argument("mean", expected, format!("shape {}", other.shape())));
    }
    let slices: Vec<&[T]> = tensors.iter().map(Tensor::data).collect();
    Ok(Tensor::from_fn(shape, |i| mean_at(&slices, i)))
}

/// Parameters that are the mean of those of several runs or checkpoints of one model: a single
/// model that is often as good as their ensemble if they come from late in one run (P. Izmailov et
/// al., 2018). Of independent runs the mean means nothing, for their units do not correspond; use
/// an [`Ensemble`].
///
/// State, such as running statistics, is averaged too; better have it gathered anew.
///
/// ```
/// use gradtape::prelude::*;
/// use gradtape::train::mean_params;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let w = params.add(Parameter::new("w", [2]).init(Ones));
/// let mut later = params.clone();
/// later.values_mut(w)[0] = 3.0;
/// let mean = mean_params(&[&params, &later])?;
/// assert_eq!(mean.values(w), [2.0, 1.0]);
/// # Ok::<(), gradtape::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Argument`] if there are none, or they do not have the same names and shapes in the same
/// order; it lists those that differ.
pub fn mean_params<T: Scalar>(params: &[&Params<T>]) -> Result<Params<T>, Error> {
    let [first, others @ ..] = params else {
        return Err(Error::argument("mean of parameters", "at least one set", "none"));
    };
    for other in others {
        let differences = differences(first, other);
        if !differences.is_empty() {
            let expected = "the names and shapes of the first set";
            return Err(Error::argument("mean of parameters", expected, differences.join(", ")));
        }
    }
    let slices: Vec<&[T]> = params.iter().map(|params| params.flat()).collect();
    let mut mean = Params::clone(first);
    for (i, value) in mean.flat_mut().iter_mut().enumerate() {
        *value = mean_at(&slices, i);
    }
    Ok(mean)
}

/// The mean of the numbers at a place.
fn mean_at<T: Scalar>(slices: &[&[T]], at: usize) -> T {
    let sum: f64 = slices.iter().map(|slice| slice[at].to_f64()).sum();
    T::from_f64(sum / slices.len() as f64)
}

/// What parameters do not have in common with the first ones, in the order of these.
fn differences<T: Scalar>(first: &Params<T>, other: &Params<T>) -> Vec<String> {
    let (mine, theirs) = (first.layout().entries(), other.layout().entries());
    let count = mine.len().max(theirs.len());
    let difference = |at: usize| match (mine.get(at), theirs.get(at)) {
        (Some(a), Some(b)) if a.name == b.name && a.shape == b.shape => None,
        (Some(a), Some(b)) => {
            Some(format!("`{}` {} for `{}` {}", b.name, b.shape, a.name, a.shape))
        }
        (Some(a), None) => Some(format!("nothing for `{}` {}", a.name, a.shape)),
        (None, Some(b)) => Some(format!("`{}` {} more", b.name, b.shape)),
        (None, None) => None,
    };
    (0..count).filter_map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Dense;
    use crate::params::Parameter;
    use crate::seed::Seed;

    /// A model of one dense layer and the parameters of three runs.
    fn runs() -> (Dense, Vec<Params<f64>>) {
        let mut params = Params::<f64>::new(Seed(0));
        let model = Dense::new(3, 2).build(&mut params, "model");
        let runs = (0..3_u32).map(|run| {
            let mut params = params.clone();
            let values = params.flat_mut().iter_mut().enumerate();
            values.for_each(|(i, w)| *w += (f64::from(run) + i as f64).sin());
            params
        });
        (model, runs.collect())
    }

    fn examples() -> Tensor<f64> {
        Tensor::from([[1.0, 0.5, -2.0], [0.0, -1.0, 3.0]])
    }

    #[test]
    fn an_ensemble_predicts_the_mean() {
        let (model, runs) = runs();
        let x = examples();
        for averaged in
            [EnsembleAverage::Outputs, EnsembleAverage::Softmax, EnsembleAverage::Sigmoid]
        {
            let outputs = runs.iter().map(|params| {
                let tape = Tape::inference(params);
                let y = model.forward(tape.input(&x));
                tape.value(match averaged {
                    EnsembleAverage::Outputs => y,
                    EnsembleAverage::Softmax => y.softmax(-1),
                    EnsembleAverage::Sigmoid => y.sigmoid(),
                })
            });
            let outputs: Vec<_> = outputs.collect();
            let ensemble = runs.iter().fold(Ensemble::new(averaged), |e, p| e.with(&model, p));
            let predicted = ensemble.predict(&x).unwrap();
            assert_eq!(ensemble.len(), 3);
            for (i, y) in predicted.data().iter().enumerate() {
                let mean = outputs.iter().map(|output| output.data()[i]).sum::<f64>() / 3.0;
                assert_eq!(*y, mean, "{averaged:?}");
            }
        }
    }

    #[test]
    fn the_mean_of_linear_models_predicts_the_mean() {
        let (model, runs) = runs();
        let x = examples();
        let ensemble =
            runs.iter().fold(Ensemble::new(EnsembleAverage::Outputs), |e, p| e.with(&model, p));
        let mean = mean_params(&runs.iter().collect::<Vec<_>>()).unwrap();
        let tape = Tape::inference(&mean);
        let of_mean = tape.value(model.forward(tape.input(&x)));
        approx::assert_abs_diff_eq!(ensemble.predict(&x).unwrap(), of_mean, epsilon = 1e-14);
    }

    #[test]
    fn what_has_no_mean_is_an_error() {
        let (_, runs) = runs();
        let mut others = Params::<f64>::new(Seed(0));
        others.add(Parameter::new("model/kernel", [3, 3]));
        let message = |params: &[&Params<f64>]| mean_params(params).unwrap_err().to_string();
        assert_eq!(
            message(&[&runs[0], &runs[1], &others]),
            "mean of parameters: expected the names and shapes of the first set, found \
             `model/kernel` [3, 3] for `model/kernel` [3, 2], nothing for `model/bias` [2]"
        );
        assert!(message(&[&others, &runs[0]]).ends_with("`model/bias` [2] more"));
        assert_eq!(message(&[]), "mean of parameters: expected at least one set, found none");
        assert!(Ensemble::<f64>::new(EnsembleAverage::Outputs).predict(&examples()).is_err());
        assert!(mean_tensor(&[examples(), Tensor::zeros([2])]).is_err());
    }
}
