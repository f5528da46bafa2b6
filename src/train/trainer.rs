//! A model with what it takes to train it.

use std::fmt;

use super::epoch::Sums;
use super::examples::check_counting;
use super::predict::{ROWS, predict};
use super::{Fit, Metric, Predictions, Targets};
use crate::data::{Batch, Dataset, Rows};
use crate::error::Error;
use crate::graph::{CodeLocation, Input, Tape, Var};
use crate::layers::{self, Layer};
use crate::loss;
use crate::optim::Optimizer;
use crate::params::Params;
use crate::tensor::Tensor;

/// From predictions and targets to what they cost.
type Loss<'m> = dyn for<'t> Fn(Var<'t>, Var<'t>) -> Var<'t> + 'm;

/// A model with what it takes to train it: optimizer, loss and metrics. What Keras does by
/// `compile`.
///
/// The loss is a function of predictions and targets. If it gives a number for each element or
/// example, as the functions of [`loss`](crate::loss) do, their mean is the loss. Penalties are
/// added by themselves and reported apart.
///
/// Examples may be anything that a tape takes as an [`Input`] and a data set holds as [`Rows`]:
/// tensors, sparse rows, the numbers of words. Targets are labels or numbers, with
/// [weights](Dataset::weighted) or without. Models of several inputs need a
/// [loop of their own](crate::guide::keras#models-of-several-inputs).
///
/// ```
/// use gradtape::prelude::*;
///
/// // Points in and around a circle.
/// let x = Tensor::from_fn([400, 2], |i| ((i * i + 7 * i) % 97) as f32 / 48.0 - 1.0);
/// let inside = |p: &[f32]| (p[0] * p[0] + p[1] * p[1] < 0.5) as u32;
/// let y: Vec<u32> = x.data().chunks(2).map(inside).collect();
/// let (train, valid) = Dataset::new(x, Indices::from(y))?.split_at(300)?;
///
/// let mut params = Params::new(Seed(42));
/// let model = Sequential::new()
///     .then(Dense::new(2, 32).init(HeNormal).build(&mut params, "hidden"))
///     .then(Relu)
///     .then(Dense::new(32, 2).build(&mut params, "output"));
///
/// let mut trainer = Trainer::new(&model, Adam::new(0.01), loss::cross_entropy).metric(Accuracy);
/// let history = trainer
///     .fit(&mut params, &train)
///     .epochs(60)
///     .batch_size(32)
///     .seed(Seed(1))
///     .validation(&valid)
///     .callback(EarlyStopping::new("val_loss").patience(10))
///     .silent()
///     .run()?;
///
/// assert!(history["loss"][0] > history.last("loss").unwrap());
/// let result = trainer.evaluate(&params, &valid)?;
/// assert!(result.get("accuracy").unwrap() > 0.9, "{result}");
/// # Ok::<(), gradtape::Error>(())
/// ```
pub struct Trainer<'m> {
    model: &'m dyn Layer,
    pub(super) optimizer: Box<dyn Optimizer + 'm>,
    pub(super) loss: Box<Loss<'m>>,
    pub(super) metrics: Vec<Box<dyn Metric + 'm>>,
    pub(super) made_at: CodeLocation,
}

/// What a model's predictions cost and how good they are.
#[derive(Clone, PartialEq, Debug)]
pub struct Evaluation {
    /// The mean loss, without penalties.
    pub loss: f64,
    /// Name and value of each metric.
    pub metrics: Vec<(String, f64)>,
}

impl Evaluation {
    /// The value of this name: `loss` or a metric's.
    pub fn get(&self, name: &str) -> Option<f64> {
        if name == "loss" {
            return Some(self.loss);
        }
        self.metrics.iter().find(|(known, _)| known == name).map(|&(_, value)| value)
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loss {:.4}", self.loss)?;
        self.metrics.iter().try_for_each(|(name, value)| write!(f, ", {name} {value:.4}"))
    }
}

impl<'m> Trainer<'m> {
    /// A model, an optimizer and a loss: one of [`loss`](crate::loss) by its name, or a closure
    /// such as `|y, targets| loss::huber(y, targets, 0.5)`.
    ///
    /// Shapes that do not fit panic when the model or the loss is recorded, with a message that names
    /// the line of this call.
    #[track_caller]
    pub fn new(
        model: &'m dyn Layer,
        optimizer: impl Optimizer + 'm,
        loss: impl for<'t> Fn(Var<'t>, Var<'t>) -> Var<'t> + 'm,
    ) -> Self {
        let (optimizer, loss) = (Box::new(optimizer), Box::new(loss));
        Self { model, optimizer, loss, metrics: Vec::new(), made_at: CodeLocation::caller() }
    }

    /// Measures this as well.
    pub fn metric(mut self, metric: impl Metric + 'm) -> Self {
        self.metrics.push(Box::new(metric));
        self
    }

    /// The optimizer, which keeps what it remembers from one [`fit`](Self::fit) to the next.
    pub fn optimizer(&self) -> &dyn Optimizer {
        &*self.optimizer
    }

    /// A training of the parameters on these examples, to be set up and
    /// [`run`](super::Fit::run).
    pub fn fit<'a, X: Rows + Input<f32>, Y: Targets>(
        &'a mut self,
        params: &'a mut Params,
        train: &'a Dataset<X, Y>,
    ) -> Fit<'a, 'm, X, Y> {
        Fit::new(self, params, train)
    }

    /// Loss and metrics on these examples, as the model predicts without noise.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there are no examples that count, or predictions and targets are not of
    /// the kind that a metric measures; [`Error::Format`] if a label is none of the classes that the
    /// loss knows.
    pub fn evaluate<X: Rows + Input<f32>, Y: Targets>(
        &self,
        params: &Params,
        data: &Dataset<X, Y>,
    ) -> Result<Evaluation, Error> {
        check_counting("evaluate", "examples", data)?;
        let sums = self.measure(params, data, ROWS)?;
        let names = self.metrics.iter().map(|metric| metric.name().to_string());
        let [loss, _] = sums.losses();
        Ok(Evaluation { loss, metrics: names.zip(sums.metrics(&self.metrics)).collect() })
    }

    /// What the model predicts without noise: see [`predict`](super::predict()).
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if `x` is a scalar, or the model does not predict a row for each.
    pub fn predict<X: Rows + Input<f32>>(
        &self,
        params: &Params,
        x: &X,
    ) -> Result<Tensor<f32>, Error> {
        predict(&layers::from_fn(|x| self.predict_on(x)), params, x)
    }

    /// Loss and metrics without noise, in batches of this size.
    pub(super) fn measure<X: Rows + Input<f32>, Y: Targets>(
        &self,
        params: &Params,
        data: &Dataset<X, Y>,
        batch_size: usize,
    ) -> Result<Sums, Error> {
        let (mut sums, mut checked) = (Sums::new(self.metrics.len()), false);
        for batch in data.batches(batch_size).filter(|batch| weight_of(batch) > 0.0) {
            let tape = Tape::inference(params);
            let prediction = self.predict_on(tape.input(&batch.x));
            if !std::mem::replace(&mut checked, true) {
                self.check_labels(params, data, "", &prediction.shape())?;
            }
            let loss = self.loss_of(prediction, &batch.y, &tape);
            let _ = tape.keep(prediction);
            sums.add_loss(tape.item(loss).into(), 0.0, weight_of(&batch));
            self.measure_batch(&mut sums, &tape, prediction, &batch.y)?;
        }
        Ok(sums)
    }

    /// Records what the model makes of an input.
    pub(super) fn predict_on<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.graph().set_trainer(&self.made_at);
        self.model.forward(x)
    }

    /// Records the mean of what predictions cost, in which each example counts by its weight.
    pub(super) fn loss_of<'t>(
        &self,
        prediction: Var<'t>,
        targets: &impl Targets,
        tape: &'t Tape<'_>,
    ) -> Var<'t> {
        let loss = (self.loss)(prediction, targets.bind_target(tape));
        let rank = loss.shape().rank();
        match targets.weights() {
            None if rank == 0 => loss,
            None => loss.mean(..),
            Some(weights) => {
                assert!(
                    rank > 0,
                    "examples of different weight need a loss of each one, such as \
                     `loss::cross_entropy(..)`, not their mean"
                );
                let others: Vec<isize> = (1..rank as isize).collect();
                loss::weighted_mean(loss.mean(&others[..]), tape.input(weights))
            }
        }
    }

    /// Adds predictions that the tape keeps to the sums of the metrics.
    pub(super) fn measure_batch(
        &self,
        sums: &mut Sums,
        tape: &Tape<'_>,
        prediction: Var<'_>,
        targets: &impl Targets,
    ) -> Result<(), Error> {
        if self.metrics.is_empty() {
            return Ok(());
        }
        let (predicted, target) = (&tape.value(prediction), targets.target());
        let weights = targets.weights().map(Tensor::data);
        sums.add_predictions(&self.metrics, &Predictions { predicted, target, weights })
    }
}

/// How much a batch counts: as much as its examples together.
pub(super) fn weight_of<X: Rows, Y: Targets>(batch: &Batch<X, Y>) -> f64 {
    match batch.y.weights() {
        Some(weights) => weights.data().iter().map(|&weight| f64::from(weight)).sum(),
        None => batch.len() as f64,
    }
}
