//! Losses: the value and its gradient with respect to the prediction, in both number types.

use gradtape::{Params, Scalar, Seed, Tape};
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
    case.attrs.only(&[])?;
    case.run::<f64>(&DOUBLE)?;
    case.run::<f32>(&SINGLE)
}

impl Case {
    fn run<T: Scalar>(&self, demands: &Demands) -> Result<(), String> {
        let params = Params::<T>::new(Seed(0));
        let tape = Tape::inference(&params);
        let x = tape.input(&self.pred.tensor()?);
        let labels = self.target.indices().transpose()?;
        let loss = match (&self.loss[..], &self.reduction[..], labels) {
            ("mse", "mean", None) => x.mean_squared_error(tape.input(&self.target.tensor()?)),
            ("binary_cross_entropy_logits", "mean", None) => {
                x.binary_cross_entropy(tape.input(&self.target.tensor()?))
            }
            ("cross_entropy_labels", "mean", Some(labels)) => x.cross_entropy(labels),
            (loss, reduction, _) => {
                return Err(format!("loss `{loss}` reduced by `{reduction}` is not known here"));
            }
        };
        let value = Array { shape: Vec::new(), data: vec![self.value], dtype: None };
        compare("value", &tape, loss, &value, demands.first, demands)?;
        let gradient = tape.gradient(loss, &[x])[0];
        compare("gradient", &tape, gradient, &self.grad, demands.first, demands)
    }
}
