//! Optimizers: the parameters after every step with given gradients, in both number types. The
//! gradients differ in size by orders of magnitude and one component is always zero; the rate
//! changes in some cases, which tells the forms of momentum apart.

use gradtape::optim::{
    AdaDelta, AdaGrad, Adam, AdamW, Adamax, AmsGrad, Average, Averaged, Clip, Convention, Epsilon,
    Lion, Momentum, NAdam, Nesterov, Optimizer, RmsProp, Schedule, Sgd, WeightDecay,
};
use gradtape::{Gradients, Params, Scalar, Seed, Tensor};
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Array, Attributes};
use crate::compare::{Tolerance, close};

#[derive(Deserialize)]
struct Case {
    optimizer: String,
    framework: Framework,
    #[serde(default)]
    name: String,
    hyper: Attributes,
    /// The rate of each step.
    lr: Vec<f64>,
    /// The sizes of the tensors that the parameters consist of.
    split: Vec<usize>,
    params0: Array,
    /// One row for each step.
    grads: Array,
    params: Array,
    clipped_grads: Option<Array>,
    ema: Option<Array>,
}

/// Whose form of the formula.
#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Framework {
    Pytorch,
    Keras,
    Optax,
}

pub(crate) fn check(case: &Value) -> Result<(), String> {
    let case = Case::deserialize(case).map_err(|error| error.to_string())?;
    let rows = vec![case.lr.len(), case.split.iter().sum()];
    let arrays =
        [Some(&case.grads), Some(&case.params), case.clipped_grads.as_ref(), case.ema.as_ref()];
    let fit = arrays.into_iter().flatten().all(|array| array.shape == rows);
    if case.params0.shape != rows[1..] || !fit {
        return Err("rates, split, parameters and gradients do not fit together".to_string());
    }
    if case.clipped_grads.is_some() != case.optimizer.starts_with("clip_") {
        return Err("clipped gradients belong to clipping, and to nothing else".to_string());
    }
    if case.ema.is_some() != (case.optimizer == "ema") {
        return Err("an average belongs to averaging, and to nothing else".to_string());
    }
    // An update is a few roundings of numbers that may be larger than its result.
    case.run::<f64>(Tolerance { relative: 1e-11, absolute: 1e-12 })?;
    case.run::<f32>(Tolerance { relative: 1e-4, absolute: 1e-5 })
}

/// The optimizer with the weight decay and the clipping that there are, in a box.
macro_rules! with {
    ($optimizer:expr, $decay:expr) => {
        with!($optimizer, $decay, None::<Clip>)
    };
    ($optimizer:expr, $decay:expr, $clip:expr) => {{
        let mut optimizer = $optimizer;
        if let Some(decay) = $decay {
            optimizer = optimizer.weight_decay(decay);
        }
        if let Some(clip) = $clip {
            optimizer = optimizer.clip(clip);
        }
        Box::new(optimizer)
    }};
}

impl Case {
    /// The form of momentum and of clipping.
    fn convention(&self) -> Convention {
        if self.framework == Framework::Keras { Convention::Keras } else { Convention::PyTorch }
    }

    fn number(&self, name: &str) -> Result<f64, String> {
        self.hyper.number(name)
    }

    /// Where the root's epsilon stands.
    fn eps(&self) -> Result<Epsilon, String> {
        let eps = self.number("eps")?;
        let outside = self.framework == Framework::Pytorch;
        Ok(if outside { Epsilon::Outside(eps) } else { Epsilon::Inside(eps) })
    }

    /// The weight decay of an optimizer whose kind of it is fixed by its framework.
    fn coupled(&self) -> Result<Option<WeightDecay>, String> {
        if !self.hyper.has("weight_decay") {
            return Ok(None);
        }
        let decay = self.number("weight_decay")?;
        let coupled = self.framework == Framework::Pytorch;
        Ok(Some(if coupled { WeightDecay::L2(decay) } else { WeightDecay::Decoupled(decay) }))
    }

    fn rate(&self) -> Result<Schedule, String> {
        let decay = if self.hyper.has("lr_decay") { self.number("lr_decay")? } else { 0.0 };
        let lr = self.lr.clone();
        Ok(Schedule::from(move |step: u64| lr[step as usize] / (1.0 + step as f64 * decay)))
    }

    fn clip(&self) -> Result<Option<Clip>, String> {
        let clip = match &self.optimizer[..] {
            "clip_value" => Clip::value(self.number("clip")?),
            "clip_norm" => Clip::norm(self.number("clip")?),
            "clip_global_norm" => Clip::global_norm(self.number("clip")?),
            _ => return Ok(None),
        };
        let plus = self.framework == Framework::Pytorch;
        Ok(Some(clip.convention(if plus { Convention::PyTorch } else { Convention::Keras })))
    }

    fn average(&self) -> Result<Option<Average>, String> {
        if self.optimizer != "ema" {
            return Ok(None);
        }
        self.hyper.only(&["decay"])?;
        // The two forms of optax differ in nothing else but their names.
        Ok(Some(match (self.framework, self.name.rsplit('/').next().unwrap_or_default()) {
            (Framework::Pytorch, name) if name.contains("equal_average") => {
                self.hyper.only(&[])?;
                Average::equal()
            }
            (Framework::Pytorch | Framework::Keras, _) => {
                Average::exponential(self.number("decay")?)
            }
            (Framework::Optax, name) if name.contains("from_initial") => {
                Average::from_initial(self.number("decay")?)
            }
            (Framework::Optax, name) if name.contains("debiased") => {
                Average::debiased(self.number("decay")?)
            }
            (Framework::Optax, name) => return Err(format!("average `{name}` is not known here")),
        }))
    }

    fn momentum<T: Scalar>(&self) -> Result<Box<dyn Optimizer<T>>, String> {
        let (momentum, convention) = (self.number("momentum")?, self.convention());
        let (decay, clip) = (self.coupled()?, self.clip()?);
        if self.hyper.get("nesterov")? {
            if self.hyper.has("dampening") {
                self.hyper.fixed("dampening", 0.0)?;
            }
            let nesterov = Nesterov::new(self.rate()?).momentum(momentum).convention(convention);
            return Ok(with!(nesterov, decay, clip));
        }
        let mut heavy = Momentum::new(self.rate()?).momentum(momentum).convention(convention);
        if self.hyper.has("dampening") {
            heavy = heavy.dampening(self.number("dampening")?);
        }
        Ok(with!(heavy, decay, clip))
    }

    fn rmsprop<T: Scalar>(&self) -> Result<Box<dyn Optimizer<T>>, String> {
        let plain = RmsProp::new(self.rate()?).rho(self.number("rho")?).eps(self.eps()?);
        let (momentum, convention) = (self.number("momentum")?, self.convention());
        let decay = self.coupled()?;
        Ok(match (self.hyper.get("centered")?, momentum != 0.0) {
            (false, false) => with!(plain, decay),
            (true, false) => with!(plain.centered(), decay),
            (false, true) => with!(plain.momentum(momentum).convention(convention), decay),
            (true, true) => {
                with!(plain.centered().momentum(momentum).convention(convention), decay)
            }
        })
    }

    fn optimizer<T: Scalar>(&self) -> Result<Box<dyn Optimizer<T>>, String> {
        let hyper = &self.hyper;
        let decay = self.coupled()?;
        let known: &[&str] = match &self.optimizer[..] {
            "sgd" => &["weight_decay"],
            "momentum" | "nesterov" => &["momentum", "nesterov", "dampening", "weight_decay"],
            "adagrad" => &["initial_accumulator", "lr_decay", "eps", "weight_decay"],
            "rmsprop" => &["rho", "eps", "momentum", "centered", "weight_decay"],
            "adadelta" => &["rho", "eps", "weight_decay"],
            "adam" | "adamw" | "amsgrad" | "adamax" => &["beta1", "beta2", "eps", "weight_decay"],
            "nadam" => &["beta1", "beta2", "eps", "momentum_decay", "weight_decay"],
            "lion" => &["beta1", "beta2", "weight_decay"],
            "clip_value" | "clip_norm" | "clip_global_norm" => &["momentum", "nesterov", "clip"],
            "ema" => &["decay"],
            other => return Err(format!("optimizer `{other}` is not known here")),
        };
        hyper.only(known)?;
        /// Sets what Adam and its relatives have in common.
        macro_rules! moments {
            ($optimizer:ident) => {{
                let optimizer = $optimizer::new(self.rate()?)
                    .beta1(self.number("beta1")?)
                    .beta2(self.number("beta2")?);
                let eps = self.number("eps")?;
                match self.framework {
                    Framework::Keras => optimizer.eps_hat(eps),
                    _ => optimizer.eps(eps),
                }
            }};
        }
        Ok(match &self.optimizer[..] {
            "sgd" => with!(Sgd::new(self.rate()?), decay),
            "momentum" | "nesterov" => {
                hyper.fixed("nesterov", self.optimizer == "nesterov")?;
                self.momentum()?
            }
            "clip_value" | "clip_norm" | "clip_global_norm" => self.momentum()?,
            "adagrad" => {
                let sum = self.number("initial_accumulator")?;
                with!(AdaGrad::new(self.rate()?).initial_sum(sum).eps(self.eps()?), decay)
            }
            "rmsprop" => self.rmsprop()?,
            "adadelta" => {
                let rho = self.number("rho")?;
                with!(AdaDelta::new(self.rate()?).rho(rho).eps(self.number("eps")?), decay)
            }
            "adam" => with!(moments!(Adam), decay),
            "adamw" => {
                let decay = WeightDecay::Decoupled(self.number("weight_decay")?);
                Box::new(moments!(AdamW).weight_decay(decay))
            }
            "amsgrad" => match self.framework {
                Framework::Optax => with!(moments!(AmsGrad).maximum_of_corrected(), decay),
                _ => with!(moments!(AmsGrad), decay),
            },
            "adamax" => {
                // Here it is Keras' that stands outside.
                let eps = self.number("eps")?;
                let outside = self.framework == Framework::Keras;
                let eps = if outside { Epsilon::Outside(eps) } else { Epsilon::Inside(eps) };
                let adamax = Adamax::new(self.rate()?).beta1(self.number("beta1")?).eps(eps);
                with!(adamax.beta2(self.number("beta2")?), decay)
            }
            "nadam" => {
                let nadam = NAdam::new(self.rate()?)
                    .beta1(self.number("beta1")?)
                    .beta2(self.number("beta2")?)
                    .eps(self.number("eps")?);
                match self.framework {
                    Framework::Optax => {
                        hyper.only(&["beta1", "beta2", "eps"])?;
                        Box::new(nadam.constant_momentum())
                    }
                    _ => with!(nadam.momentum_decay(self.number("momentum_decay")?), decay),
                }
            }
            "lion" => {
                let lion = Lion::new(self.rate()?).beta1(self.number("beta1")?);
                let decay = WeightDecay::Decoupled(self.number("weight_decay")?);
                Box::new(lion.beta2(self.number("beta2")?).weight_decay(decay))
            }
            _ => Box::new(Sgd::new(self.rate()?)),
        })
    }

    /// The parameters before the first step.
    fn start<T: Scalar>(&self) -> Result<Params<T>, String> {
        let mut params = Params::<T>::new(Seed(0));
        let start = self.params0.tensor::<T>()?;
        let mut numbers = start.data();
        for (i, &size) in self.split.iter().enumerate() {
            let (own, rest) = numbers.split_at(size);
            params.add_tensor(format!("p{i}"), &Tensor::from_fn([size], |i| own[i]));
            numbers = rest;
        }
        Ok(params)
    }

    /// Follows the reference for all steps.
    fn run<T: Scalar>(&self, tolerance: Tolerance) -> Result<(), String> {
        let mut params = self.start::<T>()?;
        let width = params.flat().len();
        // A case without an average is given one that is looked at by nobody.
        let average = self.average()?;
        let mut optimizer =
            Averaged::new(self.optimizer::<T>()?, average.unwrap_or(Average::equal()));
        let (clip, all) = (self.clip()?, self.grads.tensor::<T>()?);
        let agree = |what: &str, step: usize, got: &[T], want: &Array| {
            let got = Tensor::from_fn([width], |i| got[i]);
            let want = Tensor::from_fn([width], |i| want.data[step * width + i]);
            close(&format!("{what} after step {step}"), &got, &want, tolerance)
        };
        for (step, row) in all.data().chunks(width.max(1)).enumerate() {
            let mut gradients = Gradients::new(&params, row.to_vec(), T::ZERO);
            optimizer.step(&mut params, &gradients);
            agree("parameters", step, params.flat(), &self.params)?;
            if let (Some(clip), Some(want)) = (clip, &self.clipped_grads) {
                clip.apply(&mut gradients);
                agree("clipped gradients", step, gradients.flat(), want)?;
            }
            if let Some(want) = &self.ema {
                agree("average", step, optimizer.params(&params).flat(), want)?;
            }
        }
        let (steps, rates) = (optimizer.steps(), self.lr.len());
        if steps != rates as u64 {
            return Err(format!("the optimizer counts {steps} steps, not {rates}"));
        }
        Ok(())
    }
}
