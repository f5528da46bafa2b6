//! Losses: the value and its gradient with respect to the prediction, in both number types.

use gradtape::{Params, Scalar, Seed, Tape, Var, loss};
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Array, Attributes};
use crate::compare::{DOUBLE, Demands, SINGLE, check as compare};

#[derive(Deserialize)]
struct Case {
    loss: String,
    /// Over examples or elements: `mean` or `sum`.
    reduction: String,
    attrs: Attributes,
    pred: Array,
    target: Array,
    value: f64,
    /// With respect to the prediction.
    grad: Array,
}

pub(crate) fn check(case: &Value) -> Result<(), String> {
    let case = Case::deserialize(case).map_err(|error| error.to_string())?;
    case.attrs.only(match &case.loss[..] {
        "huber" => &["delta"],
        "multiclass_hinge" | "multiclass_hinge_max" => &["margin"],
        "binary_cross_entropy_logits" | "cross_entropy_labels" | "cross_entropy_targets" => {
            &["label_smoothing"]
        }
        _ => &[],
    })?;
    case.run::<f64>(&DOUBLE)?;
    case.run::<f32>(&SINGLE)
}

impl Case {
    fn run<T: Scalar>(&self, demands: &Demands) -> Result<(), String> {
        let params = Params::<T>::new(Seed(0));
        let tape = Tape::inference(&params);
        let x = tape.input(&self.pred.tensor()?);
        let each = self.each(&tape, x)?;
        let loss = match &self.reduction[..] {
            "mean" => each.mean(..),
            "sum" => each.sum(..),
            reduction => return Err(format!("reduction `{reduction}` is not known here")),
        };
        let value = Array { shape: Vec::new(), data: vec![self.value], dtype: None };
        compare("value", &tape, loss, &value, demands.first, demands)?;
        let gradient = tape.gradient(loss, &[x])[0];
        compare("gradient", &tape, gradient, &self.grad, demands.first, demands)
    }

    /// The loss of each element or example, by the function of this library that computes it.
    fn each<'t, T: Scalar>(&self, tape: &'t Tape<'_, T>, x: Var<'t>) -> Result<Var<'t>, String> {
        let number = |name: &str| self.attrs.number(name);
        let smoothing = || number("label_smoothing").ok();
        if let Some(labels) = self.target.indices().transpose()? {
            let labels = tape.input(&labels);
            return Ok(match &self.loss[..] {
                "cross_entropy_labels" => match smoothing() {
                    Some(smoothing) => loss::cross_entropy_smoothed(x, labels, smoothing),
                    None => loss::cross_entropy(x, labels),
                },
                "cross_entropy_probs" => loss::cross_entropy_of_probabilities(x, labels),
                "multiclass_hinge" => loss::multiclass_hinge(x, labels, number("margin")?),
                "multiclass_hinge_max" => {
                    loss::multiclass_hinge_of_largest(x, labels, number("margin")?)
                }
                name => return Err(format!("loss `{name}` of labels is not known here")),
            });
        }
        let targets = tape.input(&self.target.tensor()?);
        let smoothed = |classes: usize| match smoothing() {
            Some(smoothing) => loss::smooth(targets, smoothing, classes),
            None => targets,
        };
        Ok(match &self.loss[..] {
            "mse" => loss::squared_error(x, targets),
            "mae" => loss::absolute_error(x, targets),
            "huber" => loss::huber(x, targets, number("delta")?),
            "binary_cross_entropy_logits" => loss::binary_cross_entropy(x, smoothed(2)),
            "binary_cross_entropy_probs" => loss::binary_cross_entropy_of_probabilities(x, targets),
            "cross_entropy_targets" => {
                let classes = x.shape().last().copied().unwrap_or(0);
                loss::cross_entropy_of_targets(x, smoothed(classes))
            }
            "hinge" => loss::hinge(x, targets),
            "squared_hinge" => loss::squared_hinge(x, targets),
            "kl_divergence_log_probs" => loss::kl_divergence_of_log_probabilities(x, targets),
            "kl_divergence_probs" => loss::kl_divergence_of_probabilities(x, targets),
            "kl_divergence_logits" => loss::kl_divergence(x, targets),
            name => return Err(format!("loss `{name}` is not known here")),
        })
    }
}
