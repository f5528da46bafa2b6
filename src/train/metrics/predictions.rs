//! What metrics are measured of, read in the ways that they need it.

use crate::error::Error;
use crate::shape::Shape;
use crate::tensor::{Indices, Tensor};

/// What predictions are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Whole numbers, such as the labels of classes.
    Labels(&'a Indices),
    /// Numbers, as many as predictions.
    Values(&'a Tensor<f32>),
}

impl<'a> From<&'a Indices> for Target<'a> {
    fn from(labels: &'a Indices) -> Self {
        Target::Labels(labels)
    }
}

impl<'a> From<&'a Tensor<f32>> for Target<'a> {
    fn from(values: &'a Tensor<f32>) -> Self {
        Target::Values(values)
    }
}

/// Predictions for some examples, what they should have been, and how much each example counts.
///
/// ```
/// use gradtape::train::{Accuracy, Metric, Predictions};
/// use gradtape::{Indices, Tensor};
///
/// let logits = Tensor::from([[2.0, 0.5], [0.1, 0.3]]);
/// let labels = Indices::from([0, 0]);
/// let predictions = Predictions::new(&logits, &labels).weighted(&[3.0, 1.0]);
/// assert_eq!(Accuracy.measure(&predictions)?, 0.75);
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Predictions<'a> {
    /// What the model gave, an example at each place of the first axis.
    pub predicted: &'a Tensor<f32>,
    /// What was wanted.
    pub target: Target<'a>,
    /// The weight of each example; 1 if there are none.
    pub weights: Option<&'a [f32]>,
}

/// The scores of all classes for one label; see [`Predictions::classes`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scored<'a> {
    /// A logit or probability for each class.
    pub scores: &'a [f32],
    /// The class that it is, one of those that have a score.
    pub label: usize,
    /// How much it counts.
    pub weight: f64,
}

/// One predicted number and what it should have been; see [`Predictions::values`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Valued {
    /// What the model gave.
    pub predicted: f64,
    /// What was wanted.
    pub target: f64,
    /// How much it counts.
    pub weight: f64,
}

/// One decision for a class; see [`Predictions::decisions`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decided {
    /// The class that it is.
    pub actual: usize,
    /// The class that was predicted; none if a score is NaN.
    pub predicted: Option<usize>,
    /// How many classes there are.
    pub classes: usize,
}

impl<'a> Predictions<'a> {
    /// Predictions for examples that count all the same.
    pub fn new(predicted: &'a Tensor<f32>, target: impl Into<Target<'a>>) -> Self {
        Self { predicted, target: target.into(), weights: None }
    }

    /// Has each example count by its weight.
    pub fn weighted(self, weights: &'a [f32]) -> Self {
        Self { weights: Some(weights), ..self }
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.predicted.shape().first().copied().unwrap_or(0)
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels with the scores of all classes, which stand along the last axis of the
    /// predictions. There may be several labels to an example, such as one for each place of a
    /// sequence.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] in the name of a metric if there is not one label below the number of
    /// classes for each row of predictions, or not one weight for each example.
    pub fn classes(
        &self,
        metric: &'static str,
    ) -> Result<impl Iterator<Item = Scored<'a>> + use<'a>, Error> {
        let Target::Labels(labels) = self.target else {
            return Err(Error::argument(metric, "labels of classes", "numbers"));
        };
        let shape = self.predicted.shape();
        let classes = match shape[..] {
            [ref rows @ .., classes] if labels.shape()[..] == *rows => classes,
            _ => return Err(mismatch(metric, labels.shape(), shape)),
        };
        let labels = self.checked_labels(metric, labels, classes)?;
        let weight = self.weight_of_each(metric, labels.len())?;
        let rows = self.predicted.data().chunks_exact(classes.max(1)).zip(labels).enumerate();
        Ok(rows.map(move |(i, (scores, &label))| Scored {
            scores,
            label: label as usize,
            weight: weight(i),
        }))
    }

    /// The predicted numbers with their targets.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] in the name of a metric if there is not one target number for each
    /// predicted number, or not one weight for each example.
    pub fn values(
        &self,
        metric: &'static str,
    ) -> Result<impl Iterator<Item = Valued> + use<'a>, Error> {
        let targets = self.target_values(metric)?;
        let weight = self.weight_of_each(metric, targets.data().len())?;
        let pairs = self.predicted.data().iter().zip(targets.data()).enumerate();
        Ok(pairs.map(move |(i, (&predicted, &target))| {
            let (predicted, target) = (f64::from(predicted), f64::from(target));
            Valued { predicted, target, weight: weight(i) }
        }))
    }

    /// The scores of all classes beside the target distributions over them, both along the last axis,
    /// and the weight of each pair.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] in the name of a metric if there are not several classes, one target number
    /// for each predicted number and one weight for each example.
    pub fn distributions(
        &self,
        metric: &'static str,
    ) -> Result<impl Iterator<Item = (&'a [f32], &'a [f32], f64)> + use<'a>, Error> {
        let targets = self.target_values(metric)?;
        let shape = self.predicted.shape();
        let classes = match shape[..] {
            [_, .., classes] if classes > 1 => classes,
            _ => {
                let found = format!("predictions of shape {shape}");
                return Err(Error::argument(metric, "several classes along the last axis", found));
            }
        };
        let weight = self.weight_of_each(metric, targets.data().len() / classes)?;
        let rows = |x: &'a Tensor<f32>| x.data().chunks_exact(classes);
        let pairs = rows(self.predicted).zip(rows(targets)).enumerate();
        Ok(pairs.map(move |(i, (scores, targets))| (scores, targets, weight(i))))
    }

    /// The logits of decisions between yes and no, with 1 for yes as target and 0 for no. They
    /// may be single numbers, with numbers (yes above ½; -1, as of a hinge loss, is no) or labels of
    /// 0 and 1 as targets, or pairs along the last axis with labels; a pair's logit is
    /// `second - first`.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] in the name of a metric if they are anything else.
    pub fn binary(&self, metric: &'static str, mut each: impl FnMut(Valued)) -> Result<(), Error> {
        match self.target {
            Target::Values(targets) => {
                let values = self.values(metric)?;
                if let Some(other) = targets.data().iter().find(|x| !(-1.0..=1.0).contains(*x)) {
                    return Err(Error::argument(metric, "targets of 0 and 1", other));
                }
                values.for_each(|value| {
                    each(Valued { target: f64::from(value.target > 0.5), ..value });
                });
            }
            Target::Labels(labels) if self.is_single(labels) => {
                let labels = self.checked_labels(metric, labels, 2)?;
                let weight = self.weight_of_each(metric, labels.len())?;
                for (i, (&x, &label)) in self.predicted.data().iter().zip(labels).enumerate() {
                    let (predicted, target) = (f64::from(x), f64::from(label));
                    each(Valued { predicted, target, weight: weight(i) });
                }
            }
            Target::Labels(_) => {
                let rows = self.classes(metric)?;
                let classes = self.predicted.shape().last().copied().unwrap_or(0);
                if classes != 2 {
                    return Err(Error::argument(metric, "two classes", classes));
                }
                for Scored { scores, label, weight } in rows {
                    let predicted = f64::from(scores[1]) - f64::from(scores[0]);
                    each(Valued { predicted, target: label as f64, weight });
                }
            }
        }
        Ok(())
    }

    /// What the predictions decide for, and the weight of each decision. With labels, the largest
    /// score of each row decides, the first of equal ones. With numbers of 0 and 1 as targets (1
    /// is what is above ½), or labels of 0 and 1 with a single score each, a score above
    /// `threshold` decides for 1.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] in the name of a metric if predictions and targets do not match.
    pub fn decisions(
        &self,
        metric: &'static str,
        threshold: f64,
        mut each: impl FnMut(Decided, f64),
    ) -> Result<(), Error> {
        match self.target {
            Target::Labels(labels) if !self.is_single(labels) => {
                for Scored { scores, label, weight } in self.classes(metric)? {
                    let (predicted, classes) = (largest(scores), scores.len());
                    each(Decided { actual: label, predicted, classes }, weight);
                }
                Ok(())
            }
            _ => self.binary(metric, |Valued { predicted, target, weight }| {
                let yes = (!predicted.is_nan()).then(|| usize::from(predicted > threshold));
                each(Decided { actual: target as usize, predicted: yes, classes: 2 }, weight);
            }),
        }
    }

    /// Whether there is a single score for each label.
    fn is_single(&self, labels: &Indices) -> bool {
        let shape = self.predicted.shape();
        labels.shape() == shape
            || matches!(&shape[..], [rows @ .., 1] if labels.shape()[..] == *rows)
    }

    /// Target numbers, of the predictions' shape.
    fn target_values(&self, metric: &'static str) -> Result<&'a Tensor<f32>, Error> {
        let Target::Values(targets) = self.target else {
            return Err(Error::argument(metric, "numbers as targets", "labels of classes"));
        };
        let (expected, found) = (self.predicted.shape(), targets.shape());
        if found != expected {
            let expected = format!("targets of the predictions' shape {expected}");
            return Err(Error::argument(metric, expected, format!("shape {found}")));
        }
        Ok(targets)
    }

    /// Labels that are all below the number of classes.
    fn checked_labels(
        &self,
        metric: &'static str,
        labels: &'a Indices,
        classes: usize,
    ) -> Result<&'a [u32], Error> {
        match labels.data().iter().find(|&&label| label as usize >= classes) {
            None => Ok(labels.data()),
            Some(label) => {
                let expected = format!("labels of {classes} classes, counted from 0");
                Err(Error::argument(metric, expected, label))
            }
        }
    }

    /// The weight of each of so many results, the same for all of one example.
    fn weight_of_each(
        &self,
        metric: &'static str,
        results: usize,
    ) -> Result<impl Fn(usize) -> f64 + use<'a>, Error> {
        let (examples, weights) = (self.len(), self.weights);
        match weights {
            Some(weights) if weights.len() != examples => {
                let expected = format!("a weight for each of {examples} examples");
                Err(Error::argument(metric, expected, format!("{} weights", weights.len())))
            }
            _ => {
                let width = (results / examples.max(1)).max(1);
                Ok(move |i: usize| weights.map_or(1.0, |weights| f64::from(weights[i / width])))
            }
        }
    }
}

/// The place of the largest number, the first of equal ones; none if there is NaN or nothing.
pub(super) fn largest(row: &[f32]) -> Option<usize> {
    let mut best = 0;
    for (i, x) in row.iter().enumerate() {
        if x.is_nan() {
            return None;
        }
        if *x > row[best] {
            best = i;
        }
    }
    (!row.is_empty()).then_some(best)
}

#[cold]
fn mismatch(metric: &'static str, labels: &Shape, predictions: &Shape) -> Error {
    let expected = format!("a label for each row of predictions of shape {predictions}");
    Error::argument(metric, expected, format!("labels of shape {labels}"))
}
