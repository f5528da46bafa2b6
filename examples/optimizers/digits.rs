//! Images: the rate of each weight, and how fast they are learned.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Run, Section, Spread, Table};

use super::{Make, optimizers};

const BATCH: usize = 64;

fn network(inputs: usize, params: &mut Params) -> Sequential {
    Sequential::new()
        .then(Dense::new(inputs, 512).init(HeNormal).build(params, "hidden"))
        .then(Relu)
        .then(Dense::new(512, 10).build(params, "output"))
}

fn data(run: &Run) -> Result<Dataset, Error> {
    let built_in = || datasets::mnist5k()?.split_at(4000);
    let (train, _) = run.data_or("mnist5k", built_in, [1..=run.all_or(2000), 0..=0])?;
    Ok(train)
}

/// How often the rate of a weight rose and fell from one step to the next, and after each step the
/// median over the weights of the output.
#[derive(Default)]
struct Rates {
    rises: usize,
    falls: usize,
    medians: Vec<f64>,
}

impl Rates {
    fn share_of_rises(&self) -> f64 {
        self.rises as f64 / (self.rises + self.falls) as f64
    }
}

/// What each gradient is multiplied by: `rate / (sqrt(s) + ε)`, where `s` is the sum or mean of
/// squared gradients that the optimizer remembers of a weight.
fn rates_of(optimizer: &dyn Optimizer, params: &Params, parameter: &str) -> Vec<f32> {
    let (state, rate) = (optimizer.state(params), optimizer.rate() as f32);
    let squares = state.slots().filter(|(name, ..)| *name == parameter);
    squares.flat_map(|(.., slot)| &slot.values).map(|s| rate / (s.sqrt() + 1e-7)).collect()
}

fn watch_rates(train: &Dataset, mut optimizer: impl Optimizer, epochs: usize, seed: Seed) -> Rates {
    let mut params = Params::new(seed);
    let model = network(train.x().shape()[1], &mut params);
    let mut watched = Rates::default();
    let mut before = [Vec::new(), Vec::new()];
    for batch in train.batches(BATCH).shuffled(seed).epochs(epochs) {
        let tape = Tape::training(&params, batch.seed());
        let loss = model.forward(tape.input(&batch.x)).cross_entropy(&batch.y);
        let gradients = tape.backward(loss);
        optimizer.step(&mut params, &gradients);
        let now = ["hidden/kernel", "output/kernel"]
            .map(|parameter| rates_of(&optimizer, &params, parameter));
        for (before, now) in before.iter().flatten().zip(now.iter().flatten()) {
            watched.rises += usize::from(now > before);
            watched.falls += usize::from(now < before);
        }
        let mut sorted = now[1].clone();
        sorted.sort_by(f32::total_cmp);
        watched.medians.push(f64::from(sorted[sorted.len() / 2]));
        before = now;
    }
    watched
}

pub(super) fn rates_of_weights(run: &Run, section: Section) -> Result<Section, Error> {
    let train = data(run)?;
    let epochs = run.full_or_quick(5, 3);
    let adagrad =
        run.over_seeds(|seed| Ok(watch_rates(&train, AdaGrad::new(0.01), epochs, seed)))?;
    let rmsprop =
        run.over_seeds(|seed| Ok(watch_rates(&train, RmsProp::new(1e-3), epochs, seed)))?;

    let rises: usize = adagrad.iter().map(|rates| rates.rises).sum();
    let falls: usize = adagrad.iter().map(|rates| rates.falls).sum();
    let share = Spread::of(rmsprop.iter().map(Rates::share_of_rises));
    let medians = |runs: &[Rates]| runs.iter().map(|run| run.medians.clone()).collect::<Vec<_>>();
    let chart = Chart::new("Rate of the median weight")
        .x("step")
        .y("rate")
        .log_y()
        .runs("AdaGrad", &medians(&adagrad))
        .runs("RMSProp", &medians(&rmsprop));
    Ok(section
        .heading("The rate of each weight")
        .text(
            "AdaGrad and RMSProp multiply a weight's gradient by `rate / (sqrt(s) + ε)`. In \
             AdaGrad `s` is the sum of all squared gradients so far, which cannot become smaller. \
             In RMSProp it is their running mean, `s = 0.9 s + 0.1 g²`. The rates are computed \
             from what the optimizers remember, of each weight after each step of a training.",
        )
        .claim(Claim::new("AdaGrad's rates only ever fall", rises == 0 && falls > 0).measured(
            format!("{rises} rises of a weight's rate and {:.1} million falls", falls as f64 / 1e6),
        ))
        .claim(Claim::new("RMSProp's rates rise as well", share.is_above(0.0)).measured(format!(
            "of the changes of a weight's rate {:.1} ± {:.1} % are rises",
            100.0 * share.mean,
            100.0 * share.deviation
        )))
        .figure(chart, "Of the weights of the output: all seeds, from the lowest to the highest."))
}

/// An optimizer at the best of four rates: the training loss of each epoch for each seed.
struct Learned {
    name: &'static str,
    rates: [f64; 4],
    /// The place of the best rate.
    best: usize,
    /// For each rate and seed.
    losses: Vec<Vec<Vec<f64>>>,
}

/// The loss over the last epoch.
fn last(losses: &[f64]) -> f64 {
    losses.last().copied().unwrap_or(f64::NAN)
}

impl Learned {
    /// With each seed, at the best rate.
    fn last_losses(&self) -> Vec<f64> {
        self.losses[self.best].iter().map(|losses| last(losses)).collect()
    }
}

fn learn(
    run: &Run,
    train: &Dataset,
    (name, make): (&'static str, Make<f32>),
    rates: [f64; 4],
) -> Result<Learned, Error> {
    let epochs = run.full_or_quick(5, 3);
    let losses = run.over(&rates, |&rate, seed| {
        let mut params = Params::new(seed);
        let model = network(train.x().shape()[1], &mut params);
        let mut trainer = Trainer::new(&model, make(rate), loss::cross_entropy);
        let fit = trainer.fit(&mut params, train).epochs(epochs).batch_size(BATCH).seed(seed);
        match fit.silent().run() {
            Ok(history) => Ok(history["loss"].to_vec()),
            // Too large a rate is one of the outcomes.
            Err(Error::Diverged { .. }) => Ok(vec![f64::INFINITY; epochs]),
            Err(error) => Err(error),
        }
    })?;
    let mean = |runs: &[Vec<f64>]| Spread::of(runs.iter().map(|losses| last(losses))).mean;
    let best = (0..rates.len()).min_by(|&a, &b| mean(&losses[a]).total_cmp(&mean(&losses[b])));
    Ok(Learned { name, rates, best: best.unwrap_or(0), losses })
}

pub(super) fn learning(run: &Run, section: Section) -> Result<Section, Error> {
    // The best lies between the smallest and the largest of each.
    const LARGE: [f64; 4] = [0.1, 0.3, 1.0, 3.0];
    const MEDIUM: [f64; 4] = [0.01, 0.03, 0.1, 0.3];
    const SMALL: [f64; 4] = [0.001, 0.003, 0.01, 0.03];
    let train = data(run)?;
    let all = optimizers().into_iter().zip([LARGE, MEDIUM, MEDIUM, MEDIUM, SMALL, SMALL]);
    let learned = all.map(|(optimizer, rates)| learn(run, &train, optimizer, rates));
    let all: Vec<Learned> = learned.collect::<Result<_, _>>()?;

    let mut table = Table::new(["optimizer", "best rate", "loss of the last epoch"]);
    let mut curves =
        Chart::new("Training loss, each at its best rate").x("epoch").y("loss").log_y();
    let mut by_rate = Chart::new("Loss of the last epoch").x("rate").y("loss").log_x().log_y();
    for learned in &all {
        let (name, rate) = (learned.name, learned.rates[learned.best]);
        let loss = Spread::of(learned.last_losses());
        table.row([name.into(), rate.to_string(), loss.to_string()]);
        curves = curves.runs(name, &learned.losses[learned.best]);
        let at = learned.rates.iter().zip(&learned.losses).map(|(&rate, runs)| {
            (rate, runs.iter().map(|losses| last(losses)).collect::<Vec<_>>())
        });
        by_rate = by_rate.spread(name, at);
    }
    let is_faster = |one: &Learned, other: &Learned| {
        let less = Spread::of_differences(one.last_losses(), other.last_losses());
        let [of_one, of_other] = [one, other].map(|learned| Spread::of(learned.last_losses()));
        Claim::new(
            format!("{} learns the images faster than {}", one.name, other.name),
            less.is_below(0.0),
        )
        .measured(format!("loss of the last epoch: {of_one} against {of_other}"))
    };
    let (sgd, momentum, rmsprop, adam) = (&all[0], &all[1], &all[4], &all[5]);
    let section = section.heading("Images").text(format!(
        "A network of 512 hidden units on {} images, in batches of {BATCH}. Each optimizer has \
         four rates to choose from, each about three times the one before.",
        train.len()
    ));
    let section = all[1..].iter().fold(section, |section, one| section.claim(is_faster(one, sgd)));
    Ok(section
        .claim(is_faster(adam, rmsprop))
        .claim(is_faster(adam, momentum))
        .figure(curves, "Mean over the seeds, from the lowest to the highest.")
        .figure(by_rate, "At all four rates: how much depends on the choice.")
        .table(table)
        .code_of(include_str!("digits.rs"), "fn network"))
}
