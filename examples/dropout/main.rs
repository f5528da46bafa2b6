//! Dropout: units are left out at random while training, and none at test time. What it does to the
//! losses, and in what sense the network of the test is the mean of all those that were trained.

mod averages;
mod ensemble;

use std::process::ExitCode;

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Experiments, Run, Section, Spread, Table};
use gradtape::train::History;

/// The examples to train on: few, so that the network overfits.
const EXAMPLES: usize = 1000;

/// The rate of the lecture: each unit is left out every other time.
const HALF: f64 = 0.5;

#[derive(Clone, Copy)]
struct Network {
    hidden: Dense,
    output: Dense,
    rate: f64,
    scaling: Scaling,
}

impl Network {
    fn new(inputs: usize, rate: f64, scaling: Scaling, params: &mut Params) -> Self {
        let hidden = Dense::new(inputs, 512).init(HeNormal).build(params, "hidden");
        let output = Dense::new(512, 10).build(params, "output");
        Self { hidden, output, rate, scaling }
    }

    fn hidden<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.hidden.forward(x).relu()
    }

    fn logits<'t>(&self, hidden: Var<'t>) -> Var<'t> {
        self.output.forward(match self.scaling {
            Scaling::Inverted => hidden.dropout(self.rate),
            Scaling::Original => hidden.original_dropout(self.rate),
        })
    }
}

impl Layer for Network {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.logits(self.hidden(x))
    }
}

/// What came of one training.
struct Trained {
    network: Network,
    params: Params,
    history: History,
    /// The losses at test time of the weights that it left.
    training: f64,
    validation: f64,
    accuracy: f64,
}

fn train(
    (train, valid): &(Dataset, Dataset),
    rate: f64,
    scaling: Scaling,
    epochs: usize,
    seed: Seed,
) -> Result<Trained, Error> {
    let mut params = Params::new(seed);
    let network = Network::new(train.x().shape()[1], rate, scaling, &mut params);
    let mut optimizer = Adam::new(1e-3);
    if scaling == Scaling::Original {
        // What is scaled down at test time has to begin as many times larger, and to move so.
        let larger = 1.0 / (1.0 - rate);
        let kernel = params.values_mut(network.output.kernel());
        kernel.iter_mut().for_each(|w| *w *= larger as f32);
        let behind = Group::new("behind dropout", |entry| entry.name == "output/kernel");
        optimizer = optimizer.group(behind.rate_factor(larger));
    }
    let mut trainer = Trainer::new(&network, optimizer, loss::cross_entropy).metric(Accuracy);
    let fit = trainer.fit(&mut params, train).epochs(epochs).batch_size(64).seed(seed);
    let history = fit.validation(valid).silent().run()?;
    let training = trainer.evaluate(&params, train)?.loss;
    let end = trainer.evaluate(&params, valid)?;
    let accuracy = end.get("accuracy").unwrap_or(f64::NAN);
    Ok(Trained { network, params, history, training, validation: end.loss, accuracy })
}

/// Where the run of a seed stands in a list over the seeds, which count from 1.
fn place(seed: Seed) -> usize {
    seed.0 as usize - 1
}

/// How much larger a quantity is in some runs than in others, seed by seed.
fn difference(a: &[Trained], b: &[Trained], of: impl Fn(&Trained) -> f64) -> Spread {
    Spread::of_differences(a.iter().map(&of), b.iter().map(&of))
}

fn spread(runs: &[Trained], of: impl Fn(&Trained) -> f64) -> Spread {
    Spread::of(runs.iter().map(of))
}

/// The lowest validation loss of any epoch.
fn lowest(run: &Trained) -> f64 {
    run.history.best("val_loss").map_or(f64::NAN, |(_, loss)| loss)
}

pub(crate) fn experiment(run: &Run) -> Result<Section, Error> {
    let built_in = || datasets::mnist5k()?.split_at(EXAMPLES);
    let data = run.data_or("mnist5k", built_in, [EXAMPLES..=EXAMPLES, 1..=1500])?;
    let epochs = run.full_or_quick(60, 20);
    let rates = run.full_or_quick(&[0.0, 0.2, HALF, 0.8, 0.9, 0.98][..], &[0.0, HALF, 0.8, 0.98]);
    let runs =
        run.over(rates, |&rate, seed| train(&data, rate, Scaling::Inverted, epochs, seed))?;
    let sweep: Vec<_> = rates.iter().copied().zip(&runs).collect();
    let original = run.over_seeds(|seed| train(&data, HALF, Scaling::Original, epochs, seed))?;
    let half = &runs[rates.iter().position(|&rate| rate == HALF).unwrap_or(0)];

    let section = Section::new("Dropout").text(format!(
        "While training, each hidden unit is left out with probability `rate` in each step, \
         anew for each example, so that no unit can rely on certain others; at test time all take \
         part (G. Hinton et al., 2012; N. Srivastava et al., 2014). Here, a network of 512 hidden \
         units learns from {EXAMPLES} images, so few on purpose that it can learn them by heart. \
         Losses are those at test time."
    ));
    let section = losses(section, run, &sweep, half);
    let section = averages::claims(section, run, &data.1, half, &original)?;
    let section = ensemble::claims(section, run, &data.1, half)?;
    Ok(section
        .code_of(include_str!("main.rs"), "impl Network")
        .code_of(include_str!("ensemble.rs"), "fn average"))
}

/// What the rate does to the losses.
fn losses(
    section: Section,
    run: &Run,
    sweep: &[(f64, &Vec<Trained>)],
    half: &[Trained],
) -> Section {
    let (without, (highest, at_highest)) = (sweep[0].1, sweep[sweep.len() - 1]);
    let [before, after] = [without, half].map(|runs| spread(runs, |run| run.validation));
    let falls = difference(half, without, |run| run.validation);
    let at_best = difference(half, without, lowest);
    let gap = |run: &Trained| run.validation - run.training;
    let mut pairs = sweep.windows(2);
    let closes = pairs.all(|pair| difference(pair[1].1, pair[0].1, gap).is_below(0.0));
    let gaps = sweep.iter().map(|(rate, runs)| format!("{:.3} at {rate}", spread(runs, gap).mean));
    let gaps = gaps.collect::<Vec<_>>().join(", ");
    let training = at_highest.iter().map(|run| run.training);
    let excess = Spread::of_differences(training, without.iter().map(|run| run.validation));
    section
        .claim(Claim::new("Dropout lowers the validation loss", falls.is_below(0.0)).measured(
            format!(
                "rate {HALF}, after the last epoch: {after} instead of {before}, {falls}"
            ),
        ))
        .claim(
            Claim::new(
                "It does so even if each training stops at its best epoch",
                at_best.is_below(0.0),
            )
            .measured(format!("rate {HALF}, lowest validation loss of an epoch: {at_best}")),
        )
        .claim(
            Claim::new("The higher the rate, the smaller the gap between the losses", closes)
                .measured(format!("validation less training loss: {gaps}")),
        )
        .claim(Claim::new("Too high a rate underfits", excess.is_above(0.0)).measured(format!(
            "at rate {highest}, training loss less the validation loss without dropout: {excess}"
        )))
        .figure(
            by_epoch(run, &sweep[..sweep.len() - 1]),
            "Where a curve rises again, the network overfits: how soon, and how far, for each rate? \
             And how fast does it fall at first? Means of all seeds, in bands from the lowest to \
             the highest.",
        )
        .figure(
            by_rate(sweep),
            "A gap can close since the validation loss falls, or since the training loss rises: \
             then too few units are left to learn with.",
        )
        .table(table(sweep))
}

fn by_epoch(run: &Run, sweep: &[(f64, &Vec<Trained>)]) -> Chart {
    let chart = Chart::new("Validation loss by epoch").x("epoch").y("loss");
    let chart = if run.is_on_built_in() { chart.y_range(0.2, 0.6) } else { chart };
    sweep.iter().fold(chart, |chart, (rate, runs)| {
        let losses: Vec<&[f64]> = runs.iter().map(|run| &run.history["val_loss"]).collect();
        chart.runs(format!("rate {rate}"), &losses)
    })
}

fn by_rate(sweep: &[(f64, &Vec<Trained>)]) -> Chart {
    let over = |of: fn(&Trained) -> f64| {
        sweep.iter().map(move |(rate, runs)| (*rate, runs.iter().map(of).collect::<Vec<_>>()))
    };
    Chart::new("Losses after training, by rate")
        .x("rate")
        .y("loss")
        .spread("training", over(|run| run.training))
        .spread("validation", over(|run| run.validation))
}

fn table(sweep: &[(f64, &Vec<Trained>)]) -> Table {
    let mut table =
        Table::new(["rate", "training loss", "validation loss", "lowest of an epoch", "accuracy"]);
    for (rate, runs) in sweep {
        let cell = |of: fn(&Trained) -> f64| spread(runs, of).to_string();
        table.row([
            rate.to_string(),
            cell(|run| run.training),
            cell(|run| run.validation),
            cell(lowest),
            cell(|run| run.accuracy),
        ]);
    }
    table
}

fn main() -> ExitCode {
    Experiments::new("Dropout", "target/dropout")
        .command("cargo run --release --example")
        .add("dropout", experiment)
        .main()
}
