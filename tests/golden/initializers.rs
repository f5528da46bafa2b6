//! Initializers: what a large sample of each has to come to, and what matrices have to fulfil.

use gradtape::init::{
    Distribution, Fan, Fans, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Identity,
    Initializer, LecunNormal, LecunUniform, Normal, Orthogonal, TruncatedNormal, VarianceScaling,
    gain,
};
use gradtape::{Seed, Shape, Tensor};
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Array, Attributes};
use crate::compare::{Tolerance, close};

/// What is drawn of a distribution: the numbers that the tolerances below follow from.
const DRAWN: [usize; 2] = [400, 250];

#[derive(Deserialize)]
struct Case {
    initializer: String,
    hyper: Attributes,
    #[serde(default)]
    shape: Vec<usize>,
    layout: Option<String>,
    fan_in: Option<usize>,
    fan_out: Option<usize>,
    distribution: Option<String>,
    mean: Option<f64>,
    stddev: Option<f64>,
    limit: Option<f64>,
    sigma: Option<f64>,
    bound: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    matrix: Option<[usize; 2]>,
    orthonormal: Option<String>,
    gram: Option<Array>,
    values: Option<Array>,
    gain: Option<f64>,
}

pub(crate) fn check(case: &Value) -> Result<(), String> {
    let case = Case::deserialize(case).map_err(|error| error.to_string())?;
    match &case.initializer[..] {
        "gain" => case.gain(),
        "identity" => case.identity(),
        "orthogonal" => case.orthogonal(),
        _ => case.sample(),
    }
}

fn some<T>(value: Option<T>, name: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("`{name}` is missing"))
}

fn equal(what: &str, got: f64, want: f64) -> Result<(), String> {
    let tolerance = Tolerance { relative: 1e-15, absolute: 0.0 };
    close(what, &Tensor::scalar(got), &Tensor::scalar(want), tolerance)
}

impl Case {
    /// The fans of the layer that the case's parameter belongs to.
    fn fans(&self) -> Result<Fans, String> {
        let fans = match (self.layout.as_deref(), &self.shape[..]) {
            (Some("dense"), &[inputs, outputs]) => Fans::dense(inputs, outputs),
            (Some("OIHW"), [_, _, _, _]) | (Some("OIL"), [_, _, _]) => {
                Fans::conv(&self.shape[..].into(), 1)
            }
            // Drawn as given.
            (None, _) => return Ok(Fans::dense(1, 1)),
            (Some(layout), shape) => {
                return Err(format!("layout `{layout}` of shape {shape:?} is not known here"));
            }
        };
        let want =
            Fans { fan_in: some(self.fan_in, "fan_in")?, fan_out: some(self.fan_out, "fan_out")? };
        if fans == want { Ok(fans) } else { Err(format!("got {fans:?}, want {want:?}")) }
    }

    fn initializer(&self) -> Result<Box<dyn Initializer>, String> {
        let hyper = &self.hyper;
        if self.initializer.starts_with("variance_scaling_") {
            hyper.only(&["scale", "mode", "distribution"])?;
            return Ok(Box::new(self.scaling(hyper.number("scale")?, "distribution")?));
        }
        if self.initializer.starts_with("kaiming_") {
            hyper.only(&["a", "mode", "gain"])?;
            let factor =
                if hyper.has("a") { gain::leaky_relu(hyper.number("a")?) } else { gain::RELU };
            equal("gain", factor, hyper.number("gain")?)?;
            return Ok(Box::new(self.scaling(1.0, "")?.gain(factor)));
        }
        let known: &[&str] = match &self.initializer[..] {
            "xavier_uniform_pytorch" | "xavier_normal_pytorch" => &["gain"],
            "truncated_normal" => &["mean", "stddev_parameter", "corrected"],
            "truncated_normal_interval" => &["mean", "stddev_parameter", "low", "high"],
            _ => &[],
        };
        hyper.only(known)?;
        Ok(match &self.initializer[..] {
            "glorot_uniform" => Box::new(GlorotUniform),
            "glorot_normal" => Box::new(GlorotNormal.truncated()),
            "he_uniform" => Box::new(HeUniform),
            "he_normal" => Box::new(HeNormal.truncated()),
            "lecun_uniform" => Box::new(LecunUniform),
            "lecun_normal" => Box::new(LecunNormal.truncated()),
            "xavier_lecture" => Box::new(LecunNormal),
            "xavier_he_lecture" => Box::new(HeNormal),
            "xavier_uniform_pytorch" => Box::new(GlorotUniform.gain(hyper.number("gain")?)),
            "xavier_normal_pytorch" => Box::new(GlorotNormal.gain(hyper.number("gain")?)),
            "truncated_normal" => {
                let (mean, std) = (hyper.number("mean")?, hyper.number("stddev_parameter")?);
                match hyper.get("corrected")? {
                    true => Box::new(TruncatedNormal::new(mean, std)),
                    false => {
                        let bound = 2.0 * std;
                        Box::new(Normal { mean, std }.within(mean - bound, mean + bound))
                    }
                }
            }
            "truncated_normal_interval" => {
                let (mean, std) = (hyper.number("mean")?, hyper.number("stddev_parameter")?);
                let (low, high) = (hyper.number("low")?, hyper.number("high")?);
                Box::new(Normal { mean, std }.within(low, high))
            }
            other => return Err(format!("initializer `{other}` is not known here")),
        })
    }

    /// The scaling whose kind is the attribute of this name, or the distribution of the sample.
    fn scaling(&self, scale: f64, kind: &str) -> Result<VarianceScaling, String> {
        let fan = match &self.hyper.get::<String>("mode")?[..] {
            "fan_in" => Fan::In,
            "fan_out" => Fan::Out,
            "fan_avg" => Fan::Average,
            other => return Err(format!("`mode` = {other} is not known here")),
        };
        let kind = match kind {
            "" => some(self.distribution.clone(), "distribution")?,
            attribute => self.hyper.get(attribute)?,
        };
        let distribution = match &kind[..] {
            "uniform" => Distribution::Uniform,
            "truncated_normal" => Distribution::TruncatedNormal,
            "normal" | "untruncated_normal" => Distribution::Normal,
            other => return Err(format!("`distribution` = {other} is not known here")),
        };
        Ok(VarianceScaling { scale, fan, distribution })
    }

    /// Draws many values with the case's fans.
    fn sample(&self) -> Result<(), String> {
        let drawn = Shape::from(DRAWN);
        let values = self.initializer()?.sample(&drawn, self.fans()?, Seed(42));
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let std = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        let (want_mean, want) = (some(self.mean, "mean")?, some(self.stddev, "stddev")?);
        // Five standard errors, those of a normal distribution: none here has heavier tails.
        within("mean", mean, want_mean, 5.0 * want / count.sqrt())?;
        within("standard deviation", std, want, 5.0 * want / (2.0 * count).sqrt())?;
        self.bounds(&values, want_mean)
    }

    /// Values keep the bounds and come near them. The margins are missed by a sound initializer
    /// once in more than 10¹² samples; where there are no bounds, the tails are as heavy as they
    /// should be.
    fn bounds(&self, values: &[f64], mean: f64) -> Result<(), String> {
        let (low, high, margin) = match &some(self.distribution.clone(), "distribution")?[..] {
            "uniform" => {
                let limit = some(self.limit, "limit")?;
                (-limit, limit, 6e-4 * limit)
            }
            "truncated_normal" => {
                let sigma = some(self.sigma, "sigma")?;
                let (low, high) = match self.bound {
                    Some(bound) => (mean - bound, mean + bound),
                    None => (some(self.low, "low")?, some(self.high, "high")?),
                };
                (low, high, 6e-3 * sigma)
            }
            "normal" => return tails(values, mean, some(self.sigma, "sigma")?),
            other => return Err(format!("distribution `{other}` is not known here")),
        };
        let least = values.iter().fold(f64::INFINITY, |least, &x| least.min(x));
        let most = values.iter().fold(f64::NEG_INFINITY, |most, &x| most.max(x));
        let rounding = 1e-14 * (high - low);
        for (what, inside) in [("smallest", least - low), ("largest", high - most)] {
            if !(-rounding..margin).contains(&inside) {
                return Err(format!(
                    "the {what} value is {inside:e} inside of the bounds {low:e} to {high:e}"
                ));
            }
        }
        Ok(())
    }

    fn gain(&self) -> Result<(), String> {
        self.hyper.only(&["nonlinearity", "slope"])?;
        let got = match &self.hyper.get::<String>("nonlinearity")?[..] {
            "linear" | "conv2d" | "sigmoid" => gain::LINEAR,
            "tanh" => gain::TANH,
            "relu" => gain::RELU,
            "selu" => gain::SELU,
            "leaky_relu" if self.hyper.has("slope") => {
                gain::leaky_relu(self.hyper.number("slope")?)
            }
            "leaky_relu" => gain::leaky_relu(0.01),
            other => return Err(format!("`nonlinearity` = {other} is not known here")),
        };
        equal("gain", got, some(self.gain, "gain")?)
    }

    /// The matrix that an initializer draws for the case's shape.
    fn drawn(&self, init: impl Initializer) -> Result<Vec<f64>, String> {
        self.hyper.only(&["gain"])?;
        let init = init.gain(self.hyper.number("gain")?);
        Ok(init.sample(&self.shape[..].into(), Fans::dense(1, 1), Seed(42)))
    }

    fn identity(&self) -> Result<(), String> {
        let got = Tensor::new(&self.shape[..], self.drawn(Identity)?);
        let got = got.map_err(|error| error.to_string())?;
        let values = self.values.as_ref().ok_or("`values` is missing")?.tensor()?;
        close("values", &got, &values, Tolerance { relative: 0.0, absolute: 0.0 })
    }

    fn orthogonal(&self) -> Result<(), String> {
        let values = self.drawn(Orthogonal)?;
        let [rows, columns] = some(self.matrix, "matrix")?;
        let matrix = [self.shape[0], self.shape[1..].iter().product()];
        if matrix != [rows, columns] {
            return Err(format!("a parameter of shape {:?} is {matrix:?} here", self.shape));
        }
        let by_rows = match &some(self.orthonormal.clone(), "orthonormal")?[..] {
            "rows" => true,
            "columns" => false,
            other => return Err(format!("`orthonormal` = {other} is not known here")),
        };
        let (count, length) = if by_rows { (rows, columns) } else { (columns, rows) };
        let entry = |vector: usize, at: usize| match by_rows {
            true => values[vector * columns + at],
            false => values[at * columns + vector],
        };
        let gram = Tensor::from_fn([count, count], |i| {
            (0..length).map(|at| entry(i / count, at) * entry(i % count, at)).sum::<f64>()
        });
        let want = self.gram.as_ref().ok_or("`gram` is missing")?.tensor()?;
        close("gram", &gram, &want, Tolerance { relative: 1e-13, absolute: 1e-13 })
    }
}

/// 4.55 % of a normal distribution lie beyond two standard deviations, 0.27 % beyond three.
fn tails(values: &[f64], mean: f64, sigma: f64) -> Result<(), String> {
    let count = values.len() as f64;
    for (sigmas, share) in [(2.0, 0.045_500_263_9), (3.0, 0.002_699_796_1)] {
        let beyond = values.iter().filter(|x| (*x - mean).abs() > sigmas * sigma).count();
        let what = format!("part beyond {sigmas} standard deviations");
        within(&what, beyond as f64 / count, share, 5.0 * (share / count).sqrt())?;
    }
    Ok(())
}

fn within(what: &str, got: f64, want: f64, allowed: f64) -> Result<(), String> {
    let tolerance = Tolerance { relative: 0.0, absolute: allowed };
    close(what, &Tensor::scalar(got), &Tensor::scalar(want), tolerance)
}
