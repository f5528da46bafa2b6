//! Optimizers against PyTorch, optax and Keras: parameters after each of 25 steps with given
//! gradients, computed in float64. The gradients differ in size by orders of magnitude and one
//! component is always zero; the rate changes in some cases, which tells the forms of momentum
//! apart.

use std::collections::BTreeMap;

use gradtape::optim::{AdaGrad, Adam, Momentum, Nesterov, Optimizer, RmsProp, Sgd};
use gradtape::params::{Gradients, Params};
use gradtape::{Scalar, Seed, Tensor};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    optimizer: String,
    /// Numbers and flags.
    hyper: BTreeMap<String, serde_json::Value>,
    /// The rate of each step.
    lr: Vec<f64>,
    /// The sizes of the tensors that the parameters consist of.
    split: Vec<usize>,
    params0: Values,
    /// One row for each step.
    grads: Values,
    params: Values,
}

#[derive(Deserialize)]
struct Values {
    data: Vec<f64>,
}

impl Case {
    fn hyper(&self, name: &str) -> f64 {
        self.hyper[name].as_f64().unwrap()
    }

    fn optimizer<T: Scalar>(&self) -> Box<dyn Optimizer<T>> {
        let lr = self.lr.clone();
        let decay = self.hyper.get("lr_decay").map_or(0.0, |decay| decay.as_f64().unwrap());
        let rate = move |step: u64| lr[step as usize] / (1.0 + step as f64 * decay);
        match &self.optimizer[..] {
            "sgd" => Box::new(Sgd::new(rate)),
            "momentum" => Box::new(Momentum::new(rate).momentum(self.hyper("momentum"))),
            "nesterov" => Box::new(Nesterov::new(rate).momentum(self.hyper("momentum"))),
            "adagrad" => Box::new(
                AdaGrad::new(rate)
                    .initial_sum(self.hyper("initial_accumulator"))
                    .eps(self.hyper("eps")),
            ),
            "rmsprop" => Box::new(RmsProp::new(rate).rho(self.hyper("rho")).eps(self.hyper("eps"))),
            "adam" => Box::new(
                Adam::new(rate)
                    .beta1(self.hyper("beta1"))
                    .beta2(self.hyper("beta2"))
                    .eps(self.hyper("eps")),
            ),
            other => panic!("{}: no optimizer {other}", self.name),
        }
    }

    /// Follows the reference for all steps, to a relative and an absolute tolerance.
    fn run<T: Scalar>(&self, relative: f64, absolute: f64) {
        let mut params = Params::<T>::new(Seed(0));
        let mut start = 0;
        for (i, &size) in self.split.iter().enumerate() {
            let values = &self.params0.data[start..start + size];
            params
                .add_tensor(format!("p{i}"), &Tensor::from_fn([size], |i| T::from_f64(values[i])));
            start += size;
        }
        let mut optimizer = self.optimizer();
        let rows = self.grads.data.chunks(start).zip(self.params.data.chunks(start));
        for (step, (gradients, want)) in rows.enumerate() {
            let gradients = gradients.iter().map(|&g| T::from_f64(g)).collect();
            let gradients = Gradients::new(&params, gradients, T::ZERO);
            optimizer.step(&mut params, &gradients);
            for (found, want) in params.flat().iter().zip(want) {
                let error = (found.to_f64() - want).abs();
                assert!(
                    error <= relative * want.abs() + absolute,
                    "{}, step {step}: {found:e}, not {want:e}",
                    self.name
                );
            }
        }
        assert_eq!(optimizer.steps(), self.lr.len() as u64);
    }
}

fn cases() -> Vec<Case> {
    let reference: Reference =
        serde_json::from_str(include_str!("reference/optimizers.json")).unwrap();
    reference.cases
}

#[test]
fn trajectories_in_f64() {
    for case in cases() {
        case.run::<f64>(1e-12, 0.0);
    }
}

#[test]
fn trajectories_in_f32() {
    for case in cases() {
        case.run::<f32>(1e-4, 1e-6);
    }
}
