//! Six optimizers: their ways over a ravine, a saddle and Beale's function, the rates that AdaGrad
//! and RMSProp give to each weight, and how fast each of them learns handwritten digits.

mod digits;
mod surfaces;
mod walk;

use std::process::ExitCode;

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Experiments, Run, Section};

/// Makes an optimizer of this rate.
type Make<T> = fn(f64) -> Box<dyn Optimizer<T>>;

/// Those of the lecture, in either precision, with the hyperparameters that they have by default.
fn optimizers<T: Scalar>() -> [(&'static str, Make<T>); 6] {
    [
        ("SGD", |rate| Box::new(Sgd::new(rate))),
        ("Momentum", |rate| Box::new(Momentum::new(rate))),
        ("Nesterov", |rate| Box::new(Nesterov::new(rate))),
        ("AdaGrad", |rate| Box::new(AdaGrad::new(rate))),
        ("RMSProp", |rate| Box::new(RmsProp::new(rate))),
        ("Adam", |rate| Box::new(Adam::new(rate))),
    ]
}

pub(crate) fn experiment(run: &Run) -> Result<Section, Error> {
    let section = Section::new("Optimizers")
        .text(
            "All of them go against the gradient. Momentum and Nesterov step along a velocity, in \
             which gradients that agree add up and those that do not cancel. AdaGrad and RMSProp \
             divide each number's step by the root of its squared gradients, of all of them or of \
             the last few. Adam does both. Momentum is `0.9`, RMSProp's memory `0.9`, Adam's `0.9` \
             and `0.999`.",
        )
        .text(
            "A method is judged at the rate that suits it best, out of a grid: at a rate that \
             suits another one, any method can be made to look bad.",
        )
        .code_of(include_str!("main.rs"), "fn optimizers");
    let section = surfaces::ravine(run, section)?;
    let section = surfaces::saddle(run, section)?;
    let section = surfaces::beale(run, section)?;
    let section = digits::rates_of_weights(run, section)?;
    digits::learning(run, section)
}

fn main() -> ExitCode {
    Experiments::new("Optimizers", "target/optimizers")
        .command("cargo run --release --example")
        .add("optimizers", experiment)
        .main()
}
