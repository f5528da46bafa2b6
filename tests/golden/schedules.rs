//! Schedules: the rates of the first steps, and the momentum of one cycle.

use gradtape::Tensor;
use gradtape::optim::{
    CosineDecay, CosineRestarts, ExponentialDecay, InverseTimeDecay, OneCycle, Piecewise,
    PolynomialDecay, Schedule, StepDecay,
};
use serde::Deserialize;
use serde_json::Value;

use crate::case::Attributes;
use crate::compare::{Tolerance, close};

#[derive(Deserialize)]
struct Case {
    schedule: String,
    hyper: Attributes,
    /// The rate of each step, from step 0.
    lr: Vec<f64>,
    /// The momentum of each step, if it follows the rate.
    momentum: Option<Vec<f64>>,
}

pub(crate) fn check(case: &Value) -> Result<(), String> {
    let case = Case::deserialize(case).map_err(|error| error.to_string())?;
    follows("rate", &case.rate()?, &case.lr)?;
    match &case.momentum {
        Some(momentum) if case.schedule == "one_cycle" => {
            follows("momentum", &case.one_cycle()?.momentum(), momentum)
        }
        Some(_) => Err(format!("schedule `{}` has no momentum here", case.schedule)),
        None => Ok(()),
    }
}

/// A reference rounds `1 + cos`, so that numbers near 0 are off by some parts in 10¹⁶ of the largest.
fn follows(what: &str, schedule: &Schedule, want: &[f64]) -> Result<(), String> {
    if want.is_empty() {
        return Err(format!("there is no {what} to compare"));
    }
    let largest = want.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    let tolerance = Tolerance { relative: 1e-10, absolute: 1e-13 * largest };
    let got = Tensor::<f64>::from_fn([want.len()], |step| schedule.at(step as u64));
    close(what, &got, &Tensor::from_fn([want.len()], |step| want[step]), tolerance)
}

impl Case {
    fn rate(&self) -> Result<Schedule, String> {
        match &self.schedule[..] {
            "step_decay" => self.step_decay(),
            "exponential_decay" => self.exponential_decay(),
            "inverse_time_decay" => self.inverse_time_decay(),
            "polynomial_decay" => self.polynomial_decay(),
            "cosine_decay" => self.cosine_decay(),
            "cosine_restarts" => self.cosine_restarts(),
            "warmup_linear" => self.warmup_linear(),
            "warmup_cosine" => self.warmup_cosine(),
            "piecewise_constant" => self.piecewise_constant(),
            "one_cycle" if self.hyper.has("max_momentum") => Ok(self.one_cycle()?.into()),
            "one_cycle" => self.one_cycle_of_optax(),
            other => Err(format!("schedule `{other}` is not known here")),
        }
    }

    fn step_decay(&self) -> Result<Schedule, String> {
        let hyper = &self.hyper;
        hyper.only(&["lr", "step_size", "gamma"])?;
        let (every, factor) = (hyper.get("step_size")?, hyper.number("gamma")?);
        Ok(StepDecay::new(hyper.number("lr")?, every, factor).into())
    }

    fn exponential_decay(&self) -> Result<Schedule, String> {
        let hyper = &self.hyper;
        if hyper.has("gamma") {
            hyper.only(&["lr", "gamma"])?;
            return Ok(ExponentialDecay::new(hyper.number("lr")?, hyper.number("gamma")?).into());
        }
        hyper.only(&["lr", "decay_steps", "decay_rate", "staircase"])?;
        let decay = ExponentialDecay::new(hyper.number("lr")?, hyper.number("decay_rate")?);
        let steps = hyper.get("decay_steps")?;
        self.staircase(decay.per(steps), steps)
    }

    fn inverse_time_decay(&self) -> Result<Schedule, String> {
        let hyper = &self.hyper;
        hyper.only(&["lr", "decay_steps", "decay_rate", "staircase"])?;
        let decay = InverseTimeDecay::new(hyper.number("lr")?, hyper.number("decay_rate")?);
        let steps = hyper.get("decay_steps")?;
        self.staircase(decay.per(steps), steps)
    }

    /// The schedule, in stairs if the case says so.
    fn staircase(&self, decay: impl Into<Schedule>, steps: u64) -> Result<Schedule, String> {
        let decay = decay.into();
        Ok(if self.hyper.switch("staircase")? { decay.held(steps) } else { decay })
    }

    fn polynomial_decay(&self) -> Result<Schedule, String> {
        let hyper = &self.hyper;
        hyper.only(&["lr", "decay_steps", "end_lr", "power", "cycle", "begin"])?;
        let rate = hyper.number("lr")?;
        let end = if hyper.has("end_lr") { hyper.number("end_lr")? } else { 0.0 };
        let decay = PolynomialDecay::new(rate, hyper.get("decay_steps")?);
        let decay = decay.to(end).power(hyper.number("power")?);
        let decay = if hyper.switch("cycle")? { decay.cyclic() } else { decay };
        Ok(match hyper.has("begin") {
            true => Schedule::from(rate).then(hyper.get("begin")?, decay),
            false => decay.into(),
        })
    }

    fn cosine_decay(&self) -> Result<Schedule, String> {
        let hyper = &self.hyper;
        let rate = hyper.number("lr")?;
        if hyper.has("t_max") {
            hyper.only(&["lr", "eta_min", "t_max"])?;
            let decay = CosineDecay::new(rate, hyper.get("t_max")?);
            return Ok(decay.to(hyper.number("eta_min")?).periodic().into());
        }
        hyper.only(&["lr", "decay_steps", "alpha", "exponent"])?;
        let decay = CosineDecay::new(rate, hyper.get("decay_steps")?);
        let decay = decay.to(hyper.number("alpha")? * rate);
        Ok(match hyper.has("exponent") {
            true => decay.exponent(hyper.number("exponent")?).into(),
            false => decay.into(),
        })
    }

    fn cosine_restarts(&self) -> Result<Schedule, String> {
        let hyper = &self.hyper;
        let rate = hyper.number("lr")?;
        if hyper.has("t_0") {
            hyper.only(&["lr", "eta_min", "t_0", "t_mult"])?;
            let decay = CosineRestarts::new(rate, hyper.get("t_0")?);
            return Ok(decay.to(hyper.number("eta_min")?).growth(hyper.number("t_mult")?).into());
        }
        hyper.only(&["lr", "first_decay_steps", "t_mul", "m_mul", "alpha"])?;
        let decay = CosineRestarts::new(rate, hyper.get("first_decay_steps")?);
        let decay = decay.to(hyper.number("alpha")? * rate);
        // Keras shrinks what is above 0 by `m_mul`, but leaves room for the end: so it is here.
        Ok(decay.growth(hyper.number("t_mul")?).shrink(hyper.number("m_mul")?).into())
    }

    fn warmup_linear(&self) -> Result<Schedule, String> {
        let hyper = &self.hyper;
        hyper.only(&["lr", "start_factor", "end_factor", "warmup_steps"])?;
        let rate = hyper.number("lr")?;
        let line = Piecewise::new(rate * hyper.number("start_factor")?);
        let end = rate * hyper.number("end_factor")?;
        Ok(line.linear(hyper.get("warmup_steps")?, end).into())
    }

    fn warmup_cosine(&self) -> Result<Schedule, String> {
        let hyper = &self.hyper;
        let warmup: u64 = hyper.get("warmup_steps")?;
        let (start, peak, decay) = if hyper.has("t_max") {
            hyper.only(&["lr", "eta_min", "start_factor", "warmup_steps", "t_max"])?;
            let rate = hyper.number("lr")?;
            let decay = CosineDecay::new(rate, hyper.get("t_max")?).to(hyper.number("eta_min")?);
            (rate * hyper.number("start_factor")?, rate, decay.periodic())
        } else if hyper.has("total") {
            hyper.only(&["init_lr", "peak_lr", "warmup_steps", "total", "end_lr"])?;
            let (peak, total) = (hyper.number("peak_lr")?, hyper.get::<u64>("total")?);
            let steps = total.checked_sub(warmup).ok_or("the warm-up is longer than all")?;
            let decay = CosineDecay::new(peak, steps).to(hyper.number("end_lr")?);
            (hyper.number("init_lr")?, peak, decay)
        } else {
            hyper.only(&["init_lr", "peak_lr", "warmup_steps", "decay_steps", "alpha"])?;
            let peak = hyper.number("peak_lr")?;
            let decay = CosineDecay::new(peak, hyper.get("decay_steps")?);
            (hyper.number("init_lr")?, peak, decay.to(peak * hyper.number("alpha")?))
        };
        if start == 0.0 {
            return Ok(decay.warmup(warmup));
        }
        Ok(Piecewise::new(start).linear(warmup, peak).then(warmup, decay))
    }

    fn piecewise_constant(&self) -> Result<Schedule, String> {
        let hyper = &self.hyper;
        let boundaries: Vec<u64> = hyper.get("boundaries")?;
        let (first, values, late) = if hyper.has("values") {
            hyper.only(&["boundaries", "values"])?;
            let values: Vec<f64> = hyper.get("values")?;
            let (&first, rest) = values.split_first().ok_or("there are no values")?;
            // In Keras the old value still holds at the boundary.
            (first, rest.to_vec(), 1)
        } else {
            let rate = hyper.number("lr")?;
            let factors = if hyper.has("gamma") {
                hyper.only(&["lr", "boundaries", "gamma"])?;
                vec![hyper.number("gamma")?; boundaries.len()]
            } else {
                hyper.only(&["lr", "boundaries", "factors"])?;
                hyper.get("factors")?
            };
            let product = |product: &mut f64, factor: f64| {
                *product *= factor;
                Some(*product)
            };
            (rate, factors.into_iter().scan(rate, product).collect(), 0)
        };
        if boundaries.len() != values.len() {
            return Err(format!("{} values after {} boundaries", values.len(), boundaries.len()));
        }
        let jumps = boundaries.into_iter().zip(values);
        let pieces = jumps.fold(Piecewise::new(first), |pieces, (boundary, value)| {
            pieces.jump(boundary + late, value)
        });
        Ok(pieces.into())
    }

    /// PyTorch's.
    fn one_cycle(&self) -> Result<OneCycle, String> {
        let hyper = &self.hyper;
        hyper.only(&[
            "max_lr",
            "total_steps",
            "pct_start",
            "div_factor",
            "final_div_factor",
            "max_momentum",
            "base_momentum",
            "anneal",
            "three_phase",
        ])?;
        let cycle = OneCycle::new(hyper.number("max_lr")?, hyper.get("total_steps")?)
            .rise(hyper.number("pct_start")?)
            .start_divisor(hyper.number("div_factor")?)
            .end_divisor(hyper.number("final_div_factor")?)
            .momentum_between(hyper.number("base_momentum")?, hyper.number("max_momentum")?);
        let cycle = match &hyper.get::<String>("anneal")?[..] {
            "cos" => cycle,
            "linear" => cycle.linear(),
            other => return Err(format!("`anneal` = {other} is not known here")),
        };
        Ok(if hyper.switch("three_phase")? { cycle.three_phases() } else { cycle })
    }

    /// Optax' cycle ends at the step after the last and has its peak at a whole step: pieces.
    fn one_cycle_of_optax(&self) -> Result<Schedule, String> {
        let hyper = &self.hyper;
        let known = ["max_lr", "total_steps", "pct_start", "div_factor", "final_div_factor"];
        hyper.only(&[&known[..], &["pct_final"]].concat())?;
        let (peak, steps) = (hyper.number("max_lr")?, hyper.get::<u64>("total_steps")?);
        let at = |part: &str| Ok::<_, String>((hyper.number(part)? * steps as f64) as u64);
        let first = peak / hyper.number("div_factor")?;
        let last = first / hyper.number("final_div_factor")?;
        let (start, top) = (Piecewise::new(first), at("pct_start")?);
        Ok(match hyper.has("pct_final") {
            true => start.linear(top, peak).linear(at("pct_final")?, first).linear(steps, last),
            false => start.cosine(top, peak).cosine(steps, last),
        }
        .into())
    }
}
