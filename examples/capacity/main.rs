//! Data against capacity: how large a model should be depends on how many examples there are, how
//! complex they are, and how many of them are labelled wrong.
//!
//! Too small a model underfits, too large a one overfits. `digits` and `wrong_labels` show it on
//! images of digits, `reviews` on sentences.

mod digits;
mod reviews;
mod sweep;
mod wrong_labels;

use std::process::ExitCode;

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Experiments, Run, Section};
use gradtape::train::History;

fn network(
    inputs: usize,
    layers: usize,
    units: usize,
    outputs: usize,
    params: &mut Params,
) -> Sequential {
    let mut model = Sequential::new();
    let mut width = inputs;
    for layer in 1..=layers {
        let hidden = Dense::new(width, units).init(HeNormal);
        model = model.then(hidden.build(params, &format!("hidden{layer}"))).then(Relu);
        width = units;
    }
    model.then(Dense::new(width, outputs).build(params, "output"))
}

/// The epoch, counted from 1, whose validation loss is the lowest.
fn best_epoch(history: &History) -> f64 {
    history.best("val_loss").map_or(f64::NAN, |(epoch, _)| (epoch + 1) as f64)
}

pub(crate) fn experiment(run: &Run) -> Result<Section, Error> {
    let section = Section::new("Data complexity and model capacity")
        .text(
            "A model's capacity is how much it can learn by heart; here it grows with the number of \
             hidden units and layers. One of too little capacity for its data underfits: even the \
             training data are learned badly. One of too much overfits: it learns the training \
             data with their accidents, and other data worse than it could.",
        )
        .code_of(include_str!("main.rs"), "fn network");
    let section = digits::add_to(section, run)?;
    let section = reviews::add_to(section, run)?;
    wrong_labels::add_to(section, run)
}

fn main() -> ExitCode {
    Experiments::new("Data complexity and model capacity", "target/capacity")
        .command("cargo run --release --example")
        .add("capacity", experiment)
        .main()
}
