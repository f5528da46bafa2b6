//! Whole trainings: gradients, the loss before every one of 50 updates, the weights and running
//! statistics that they end at; and networks whose dropout or DropConnect has a given mask.

use std::collections::BTreeMap;

use gradtape::layers::{
    BatchNorm, Dense, DropConnect, Dropout, Layer, OriginalDropout, RunningStatistics, Scaling,
};
use gradtape::optim::{Adam, Epsilon, Nesterov, Optimizer, RmsProp, Sgd};
use gradtape::penalty::{L1L2, L2};
use gradtape::{Indices, ParamId, Params, Scalar, Seed, Tape, Tensor, Var};
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Array, Attributes};
use crate::compare::{DOUBLE, Demands, SINGLE, Tolerance, check as compare, close};

type Arrays = BTreeMap<String, Array>;

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Case {
    Training(Training),
    Dropout(Masked),
    DropConnect(Masked),
}

pub(crate) fn check(case: &Value) -> Result<(), String> {
    let case = Case::deserialize(case).map_err(|error| error.to_string())?;
    match case {
        Case::Training(training) => {
            // Roundings of a part in 1e16 (1e7) add up over the steps and grow as the case says.
            training.run::<f64>(&DOUBLE, 1e-13)?;
            training.run::<f32>(&SINGLE, 2e-6)
        }
        Case::Dropout(masked) => {
            masked.dropout::<f64>(&DOUBLE)?;
            masked.dropout::<f32>(&SINGLE)
        }
        Case::DropConnect(masked) => {
            masked.drop_connect::<f64>(&DOUBLE)?;
            masked.drop_connect::<f32>(&SINGLE)
        }
    }
}

/// A training run.
#[derive(Deserialize)]
struct Training {
    config: Attributes,
    optimizer: String,
    hyper: Attributes,
    x: Array,
    labels: Array,
    params0: Arrays,
    /// Of the loss at the start.
    gradients0: Arrays,
    /// Before each update and after the last.
    losses: Vec<f64>,
    #[serde(rename = "final")]
    end: Arrays,
    /// How far a disturbance of the start may grow.
    sensitivity: f64,
    /// With batch normalization, by convention.
    running: Option<BTreeMap<String, Running>>,
}

#[derive(Deserialize)]
struct Running {
    mean: Array,
    var: Array,
    inference_logits: Array,
}

/// `x · w1 + b1`, tanh or batch normalization and relu, `· w2 + b2`.
struct Model {
    hidden: Dense,
    norm: Option<BatchNorm>,
    output: Dense,
}

impl Layer for Model {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let hidden = self.hidden.forward(x);
        let hidden = match &self.norm {
            Some(norm) => norm.forward(hidden).relu(),
            None => hidden.tanh(),
        };
        self.output.forward(hidden)
    }
}

impl Model {
    fn id(&self, name: &str) -> Result<ParamId, String> {
        let norm = self.norm.as_ref();
        match name {
            "w1" => Some(self.hidden.kernel()),
            "b1" => self.hidden.bias(),
            "gamma" => norm.map(BatchNorm::scale),
            "beta" => norm.map(BatchNorm::shift),
            "w2" => Some(self.output.kernel()),
            "b2" => self.output.bias(),
            _ => None,
        }
        .ok_or_else(|| format!("the model has no `{name}`"))
    }

    /// Gives the parameters their values.
    fn set<T: Scalar>(&self, params: &mut Params<T>, values: &Arrays) -> Result<(), String> {
        for (name, array) in values {
            let values = array.tensor::<T>()?;
            let own = params.values_mut(self.id(name)?);
            if own.len() != values.data().len() {
                return Err(format!("`{name}` has {} values", own.len()));
            }
            own.copy_from_slice(values.data());
        }
        Ok(())
    }
}

impl Training {
    fn run<T: Scalar>(&self, demands: &Demands, rounding: f64) -> Result<(), String> {
        match &self.running {
            None => self.train::<T>(None, demands, rounding),
            Some(running) => running.iter().try_for_each(|(name, running)| {
                let momentum = self.config.number("bn_momentum_keras")?;
                let statistics = match &name[..] {
                    "keras" => RunningStatistics::Keras { momentum },
                    "pytorch" => RunningStatistics::PyTorch { momentum: 1.0 - momentum },
                    _ => return Err(format!("running statistics of `{name}` are not known here")),
                };
                self.train::<T>(Some((statistics, running)), demands, rounding)
                    .map_err(|error| format!("statistics of {name}: {error}"))
            }),
        }
    }

    fn model<T: Scalar>(
        &self,
        params: &mut Params<T>,
        statistics: Option<RunningStatistics>,
    ) -> Result<Model, String> {
        let size = |name: &str, axis: usize| {
            let array = self.params0.get(name).ok_or_else(|| format!("`{name}` is missing"))?;
            array.shape.get(axis).copied().ok_or_else(|| format!("`{name}` is no matrix"))
        };
        let (l1, l2) = (self.config.number("l1")?, self.config.number("l2")?);
        let hidden = Dense::new(size("w1", 0)?, size("w1", 1)?).penalty(L1L2 { l1, l2 });
        let output = Dense::new(size("w2", 0)?, size("w2", 1)?).penalty(L2(l2));
        let hidden = if statistics.is_some() { hidden.no_bias() } else { hidden };
        let norm = match statistics {
            Some(statistics) => {
                self.config.only(&["l1", "l2", "bn_eps", "bn_momentum_keras"])?;
                let norm = BatchNorm::new(size("w1", 1)?).eps(self.config.number("bn_eps")?);
                Some(norm.running_statistics(statistics).build(params, "norm"))
            }
            None => {
                self.config.only(&["l1", "l2"])?;
                None
            }
        };
        let model = Model {
            hidden: hidden.build(params, "hidden"),
            norm,
            output: output.build(params, "output"),
        };
        model.set(params, &self.params0)?;
        Ok(model)
    }

    fn optimizer<T: Scalar>(&self) -> Result<Box<dyn Optimizer<T>>, String> {
        let hyper = &self.hyper;
        let (lr, number) = (hyper.number("lr")?, |name: &str| hyper.number(name));
        match &self.optimizer[..] {
            "sgd" => hyper.only(&["lr"])?,
            "nesterov" => {
                hyper.only(&["lr", "momentum", "nesterov"])?;
                hyper.fixed("nesterov", true)?;
            }
            "rmsprop_pytorch" | "rmsprop_keras" => {
                hyper.only(&["lr", "rho", "eps", "centered", "momentum"])?;
                hyper.fixed("centered", false)?;
                hyper.fixed("momentum", 0.0)?;
            }
            _ => hyper.only(&["lr", "beta1", "beta2", "eps"])?,
        }
        Ok(match &self.optimizer[..] {
            "sgd" => Box::new(Sgd::new(lr)),
            "nesterov" => Box::new(Nesterov::new(lr).momentum(number("momentum")?)),
            "rmsprop_pytorch" => Box::new(RmsProp::new(lr).rho(number("rho")?).eps(number("eps")?)),
            "rmsprop_keras" => {
                let rmsprop = RmsProp::new(lr).rho(number("rho")?);
                Box::new(rmsprop.eps(Epsilon::Inside(number("eps")?)))
            }
            form @ ("adam_pytorch" | "adam_keras") => {
                let adam = Adam::new(lr).beta1(number("beta1")?).beta2(number("beta2")?);
                let eps = number("eps")?;
                Box::new(if form == "adam_keras" { adam.eps_hat(eps) } else { adam.eps(eps) })
            }
            other => return Err(format!("optimizer `{other}` is not known here")),
        })
    }

    fn train<T: Scalar>(
        &self,
        running: Option<(RunningStatistics, &Running)>,
        demands: &Demands,
        rounding: f64,
    ) -> Result<(), String> {
        let labels = labels(&self.labels)?;
        let x = self.x.tensor::<T>()?;
        let mut params = Params::<T>::new(Seed(0));
        let model = self.model(&mut params, running.map(|(statistics, _)| statistics))?;
        let mut optimizer = self.optimizer()?;
        let tolerance = Tolerance {
            relative: demands.first.relative,
            absolute: rounding * self.sensitivity.max(1.0),
        };
        let (last, before) = self.losses.split_last().ok_or("there are no losses")?;
        let loss = |want: f64, got: T, step: usize| {
            let what = format!("loss before step {step}");
            close(&what, &Tensor::scalar(got), &Tensor::scalar(want), tolerance)
        };
        let backward = |params: &Params<T>| {
            let tape = Tape::training(params, Seed(0));
            let data = model.forward(tape.input(&x)).cross_entropy(&labels);
            tape.backward(data + tape.penalty())
        };
        let gradients = backward(&params);
        for (name, want) in &self.gradients0 {
            let got = gradients.get(model.id(name)?).ok_or("a gradient is missing")?;
            let got = Tensor::from_fn(&want.shape[..], |i| got[i]);
            close(&format!("gradient of {name}"), &got, &want.tensor()?, demands.first)?;
        }
        for (step, &want) in before.iter().enumerate() {
            let gradients = backward(&params);
            loss(want, gradients.loss(), step)?;
            optimizer.step(&mut params, &gradients);
        }
        loss(*last, backward(&params).loss(), before.len())?;
        for (name, want) in &self.end {
            let got = params.tensor(model.id(name)?);
            close(&format!("final {name}"), &got, &want.tensor()?, tolerance)?;
        }
        let (Some((_, running)), Some(norm)) = (running, &model.norm) else { return Ok(()) };
        let (mean, var) = (norm.running_mean(), norm.running_variance());
        close("running mean", &params.tensor(mean), &running.mean.tensor()?, tolerance)?;
        close("running variance", &params.tensor(var), &running.var.tensor()?, tolerance)?;
        let tape = Tape::inference(&params);
        let logits = tape.value(model.forward(tape.input(&x)));
        close("logits in inference", &logits, &running.inference_logits.tensor()?, tolerance)
    }
}

/// A network with noise whose masks are given.
#[derive(Deserialize)]
struct Masked {
    config: Attributes,
    x: Array,
    labels: Array,
    params0: Arrays,
    masks: Arrays,
    train: Noisy,
    test: Quiet,
}

#[derive(Deserialize)]
struct Noisy {
    logits: Array,
    loss: f64,
    gradients: Arrays,
    gradient_x: Array,
}

#[derive(Deserialize)]
struct Quiet {
    logits: Array,
    loss: f64,
}

/// The parameters of a network of two layers, by name.
type Weights<'t> = BTreeMap<&'static str, Var<'t>>;

impl Masked {
    fn mask<'t, T: Scalar>(
        &self,
        tape: &'t Tape<'_, T>,
        name: &str,
    ) -> Result<Option<Var<'t>>, String> {
        self.masks.get(name).map(|mask| Ok(tape.input(&mask.tensor()?))).transpose()
    }

    /// Compares logits, loss and gradients with masks, and logits and loss without.
    fn compare<T: Scalar>(
        &self,
        params: &Params<T>,
        demands: &Demands,
        ids: &[(&'static str, ParamId)],
        logits: impl for<'t> Fn(&'t Tape<'_, T>, &Weights<'t>, Var<'t>) -> Result<Var<'t>, String>,
    ) -> Result<(), String> {
        let labels = labels(&self.labels)?;
        let number = |value: f64| Array { shape: Vec::new(), data: vec![value], dtype: None };
        for training in [true, false] {
            let tape = match training {
                true => Tape::training(params, Seed(0)),
                false => Tape::inference(params),
            };
            let x = tape.input(&self.x.tensor()?);
            let weights: Weights<'_> =
                ids.iter().map(|&(name, id)| (name, tape.param(id))).collect();
            let y = logits(&tape, &weights, x)?;
            let loss = y.cross_entropy(&labels);
            let (want, value) = match training {
                true => (&self.train.logits, self.train.loss),
                false => (&self.test.logits, self.test.loss),
            };
            let when = if training { "training" } else { "test" };
            compare(&format!("{when} logits"), &tape, y, want, demands.first, demands)?;
            compare(&format!("{when} loss"), &tape, loss, &number(value), demands.first, demands)?;
            if !training {
                continue;
            }
            let names: Vec<&str> = self.train.gradients.keys().map(|name| &name[..]).collect();
            let xs: Option<Vec<Var<'_>>> = names.iter().map(|&n| weights.get(n).copied()).collect();
            let mut xs = xs.ok_or("there is a gradient of an unknown parameter")?;
            xs.push(x);
            let gradients = tape.gradient(loss, &xs);
            let wanted = self.train.gradients.values().chain([&self.train.gradient_x]);
            for ((&gradient, want), name) in
                gradients.iter().zip(wanted).zip(names.iter().chain(&["x"]))
            {
                let what = format!("gradient of {name}");
                compare(&what, &tape, gradient, want, demands.first, demands)?;
            }
        }
        Ok(())
    }

    fn dropout<T: Scalar>(&self, demands: &Demands) -> Result<(), String> {
        self.config.only(&["variant", "keep"])?;
        let keep: BTreeMap<String, f64> = self.config.get("keep")?;
        let variant: String = self.config.get("variant")?;
        let mut params = Params::<T>::new(Seed(0));
        let mut ids = Vec::new();
        for name in ["w1", "b1", "w2", "b2"] {
            let array = self.params0.get(name).ok_or_else(|| format!("`{name}` is missing"))?;
            ids.push((name, params.add_tensor(name, &array.tensor()?)));
        }
        self.compare(&params, demands, &ids, |tape, weights, x| {
            let drop = |value, what: &str| {
                let Some(&keep) = keep.get(what) else { return Ok(value) };
                let layer: Box<dyn Layer> = match &variant[..] {
                    "inverted" => Box::new(Dropout(1.0 - keep)),
                    "lecture" => Box::new(OriginalDropout(1.0 - keep)),
                    _ => return Err(format!("variant `{variant}` is not known here")),
                };
                if tape.graph().mode() == gradtape::Mode::Inference {
                    return Ok(layer.forward(value));
                }
                let mask = self.mask(tape, what)?.ok_or_else(|| format!("no mask of {what}"))?;
                let factor = if variant == "inverted" { 1.0 / keep } else { 1.0 };
                Ok(value * (mask * factor))
            };
            let x = drop(x, "input")?;
            let hidden = drop((x.matmul(weights["w1"]) + weights["b1"]).tanh(), "hidden")?;
            Ok(hidden.matmul(weights["w2"]) + weights["b2"])
        })
    }

    fn drop_connect<T: Scalar>(&self, demands: &Demands) -> Result<(), String> {
        self.config.only(&["keep", "inverted"])?;
        let keep = self.config.number("keep")?;
        let scaling = match self.config.get("inverted")? {
            true => Scaling::Inverted,
            false => Scaling::Original,
        };
        let array = |name: &str| self.params0.get(name).ok_or(format!("`{name}` is missing"));
        let (w1, w2) = (array("w1")?, array("w2")?);
        let mut params = Params::<T>::new(Seed(0));
        let hidden = DropConnect::new(w1.shape[0], w1.shape[1], 1.0 - keep);
        let hidden = hidden.scaling(scaling).build(&mut params, "hidden");
        let output = Dense::new(w2.shape[0], w2.shape[1]).build(&mut params, "output");
        let ids = [
            ("w1", hidden.kernel()),
            ("b1", hidden.bias().ok_or("no bias")?),
            ("w2", output.kernel()),
            ("b2", output.bias().ok_or("no bias")?),
        ];
        for (name, id) in ids {
            params.values_mut(id).copy_from_slice(array(name)?.tensor::<T>()?.data());
        }
        self.compare(&params, demands, &ids, |tape, _, x| {
            let y = if tape.graph().mode() == gradtape::Mode::Inference {
                hidden.forward(x)
            } else {
                let kernel = self.mask(tape, "w1")?.ok_or("there is no mask")?;
                hidden.forward_masked(x, kernel, self.mask(tape, "b1")?)
            };
            Ok(output.forward(y.tanh()))
        })
    }
}

fn labels(labels: &Array) -> Result<Indices, String> {
    labels.indices().ok_or("the labels are not whole numbers")?
}
