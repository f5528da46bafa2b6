//! Optimizers: the parameters after every step with given gradients, in both number types. The
//! gradients differ in size by orders of magnitude and one component is always zero; the rate
//! changes in some cases, which tells the forms of momentum apart.

use gradtape::optim::{AdaGrad, Adam, Momentum, Nesterov, Optimizer, RmsProp, Sgd};
use gradtape::{Gradients, Params, Scalar, Seed, Tensor};
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Array, Attributes};
use crate::compare::{Tolerance, close};

#[derive(Deserialize)]
struct Case {
    optimizer: String,
    hyper: Attributes,
    /// The rate of each step.
    lr: Vec<f64>,
    /// The sizes of the tensors that the parameters consist of.
    split: Vec<usize>,
    params0: Array,
    /// One row for each step.
    grads: Array,
    params: Array,
}

pub(crate) fn check(case: &Value) -> Result<(), String> {
    let case = Case::deserialize(case).map_err(|error| error.to_string())?;
    let rows = vec![case.lr.len(), case.split.iter().sum()];
    if case.params0.shape != rows[1..] || case.grads.shape != rows || case.params.shape != rows {
        return Err("rates, split, parameters and gradients do not fit together".to_string());
    }
    // An update is a few roundings of double precision.
    case.run::<f64>(Tolerance { relative: 1e-12, absolute: 0.0 })?;
    case.run::<f32>(Tolerance { relative: 1e-4, absolute: 1e-6 })
}

impl Case {
    fn optimizer<T: Scalar>(&self) -> Result<Box<dyn Optimizer<T>>, String> {
        let hyper = &self.hyper;
        let lr = self.lr.clone();
        let decay = match &self.optimizer[..] {
            "adagrad" => hyper.number("lr_decay")?,
            _ => 0.0,
        };
        let rate = move |step: u64| lr[step as usize] / (1.0 + step as f64 * decay);
        Ok(match &self.optimizer[..] {
            "sgd" => {
                hyper.only(&[])?;
                Box::new(Sgd::new(rate))
            }
            "momentum" => {
                hyper.only(&["momentum", "nesterov"])?;
                hyper.fixed("nesterov", false)?;
                Box::new(Momentum::new(rate).momentum(hyper.number("momentum")?))
            }
            "nesterov" => {
                hyper.only(&["momentum", "nesterov"])?;
                hyper.fixed("nesterov", true)?;
                Box::new(Nesterov::new(rate).momentum(hyper.number("momentum")?))
            }
            "adagrad" => {
                hyper.only(&["initial_accumulator", "lr_decay", "eps"])?;
                let sum = hyper.number("initial_accumulator")?;
                Box::new(AdaGrad::new(rate).initial_sum(sum).eps(hyper.number("eps")?))
            }
            "rmsprop" => {
                hyper.only(&["rho", "eps", "momentum", "centered"])?;
                hyper.fixed("momentum", 0.0)?;
                hyper.fixed("centered", false)?;
                Box::new(RmsProp::new(rate).rho(hyper.number("rho")?).eps(hyper.number("eps")?))
            }
            "adam" => {
                hyper.only(&["beta1", "beta2", "eps"])?;
                let adam =
                    Adam::new(rate).beta1(hyper.number("beta1")?).beta2(hyper.number("beta2")?);
                Box::new(adam.eps(hyper.number("eps")?))
            }
            other => return Err(format!("optimizer `{other}` is not known here")),
        })
    }

    /// Follows the reference for all steps.
    fn run<T: Scalar>(&self, tolerance: Tolerance) -> Result<(), String> {
        let mut params = Params::<T>::new(Seed(0));
        let start = self.params0.tensor::<T>()?;
        let mut numbers = start.data();
        for (i, &size) in self.split.iter().enumerate() {
            let (own, rest) = numbers.split_at(size);
            params.add_tensor(format!("p{i}"), &Tensor::from_fn([size], |i| own[i]));
            numbers = rest;
        }
        let mut optimizer = self.optimizer()?;
        let gradients = self.grads.tensor::<T>()?;
        let width = start.data().len();
        let rows = gradients.data().chunks(width).zip(self.params.data.chunks(width));
        for (step, (gradients, want)) in rows.enumerate() {
            let gradients = Gradients::new(&params, gradients.to_vec(), T::ZERO);
            optimizer.step(&mut params, &gradients);
            let got = Tensor::from_fn([width], |i| params.flat()[i]);
            let want = Tensor::from_fn([width], |i| want[i]);
            close(&format!("parameters after step {step}"), &got, &want, tolerance)?;
        }
        let (steps, rates) = (optimizer.steps(), self.lr.len());
        if steps != rates as u64 {
            return Err(format!("the optimizer counts {steps} steps, not {rates}"));
        }
        Ok(())
    }
}
