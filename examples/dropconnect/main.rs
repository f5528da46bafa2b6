//! DropConnect drops connections where dropout drops units. And once a network is trained so, what
//! is it at test time: its mean, a normal distribution of what enters each unit, or the average of
//! many networks?

mod test_time;

use std::process::ExitCode;

use gradtape::Error;
use gradtape::layers::DropConnectBuilder;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Experiments, Run, Section, Spread, Table};
use gradtape::train::History;

const RATE: f64 = 0.5;

/// The examples to train on: few, so that the network overfits.
const EXAMPLES: usize = 200;

/// What is dropped, and the rates of that: of units, of connections.
const DROPPED: [(&str, f64, f64); 3] = [
    ("nothing", 0.0, 0.0),
    ("units (dropout)", RATE, 0.0),
    ("connections (DropConnect)", 0.0, RATE),
];

/// Two hidden layers, of which units are dropped, or connections that lead out of them.
fn network(
    inputs: usize,
    units: f64,
    [second, output]: [DropConnectBuilder; 2],
    params: &mut Params,
) -> Sequential {
    Sequential::new()
        .then(Dense::new(inputs, 128).init(HeNormal).build(params, "first"))
        .then(Relu)
        .then(Dropout(units))
        .then(second.build(params, "second"))
        .then(Dropout(units))
        .then(output.build(params, "output"))
}

/// The second layer and the output, whose connections are dropped at this rate.
fn connections(rate: f64) -> [DropConnectBuilder; 2] {
    let second = DropConnect::new(128, 128, rate).activation(Relu).init(HeNormal);
    [second, DropConnect::new(128, 10, rate)]
}

/// A training, with the weights of the epoch of the lowest validation loss.
struct Trained {
    params: Params,
    history: History,
    training: f64,
    loss: f64,
    accuracy: f64,
}

fn train(
    (train, valid): &(Dataset, Dataset),
    (units, rate): (f64, f64),
    epochs: usize,
    seed: Seed,
) -> Result<Trained, Error> {
    let mut params = Params::new(seed);
    let model = network(train.x().shape()[1], units, connections(rate), &mut params);
    let mut trainer = Trainer::new(&model, Adam::new(1e-3), loss::cross_entropy).metric(Accuracy);
    let few = train.shuffled(seed).take(EXAMPLES);
    let history = trainer
        .fit(&mut params, &few)
        .epochs(epochs)
        .seed(seed)
        .silent()
        .validation(valid)
        .callback(EarlyStopping::new("val_loss").patience(epochs))
        .run()?;
    let training = trainer.evaluate(&params, &few)?.loss;
    let best = trainer.evaluate(&params, valid)?;
    let accuracy = best.get("accuracy").unwrap_or(f64::NAN);
    Ok(Trained { params, history, training, loss: best.loss, accuracy })
}

/// How far outputs and gradients of dropout and DropConnect are apart, in double precision, if all
/// connections of a unit share one mask.
fn distance_to_dropout(seed: Seed) -> f64 {
    let (mut params, mut same) = (Params::<f64>::new(seed), Params::<f64>::new(seed));
    let dense = Dense::new(64, 32).build(&mut params, "layer");
    let connections = DropConnect::new(64, 32, RATE).build(&mut same, "layer");
    let x = Tensor::from_fn([16, 64], |i| (i as f64).sin());

    let dropout = Tape::training(&params, seed);
    let y = dense.forward(dropout.input(&x).dropout(RATE));
    // The same seed and the first noise on each tape: the same mask.
    let tape = Tape::training(&same, seed);
    let mask = tape.input(&Tensor::full([16, 64], 1.0)).dropout(RATE) * (1.0 - RATE);
    let z = connections.forward_masked(tape.input(&x), mask.reshape([16, 64, 1]), None);

    let farthest =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let outputs = farthest(dropout.value(y).data(), tape.value(z).data());
    let gradients = [dropout.backward(y.square().mean(..)), tape.backward(z.square().mean(..))];
    outputs.max(farthest(gradients[0].flat(), gradients[1].flat()))
}

pub(crate) fn experiment(run: &Run) -> Result<Section, Error> {
    let built_in = || datasets::mnist5k()?.split_at(4000);
    let data = run.data_or("mnist5k", built_in, [EXAMPLES..=usize::MAX, 1..=1000])?;
    run.note(format!("Each seed trains on {EXAMPLES} of them."));
    let apart = run.seeds().map(distance_to_dropout).fold(0.0, f64::max);
    let trained = run.over(&DROPPED, |&(_, units, connections), seed| {
        train(&data, (units, connections), 50, seed)
    })?;

    let loss = |runs: &[Trained]| runs.iter().map(|run| run.loss).collect::<Vec<_>>();
    let [nothing, units, connections] = [0, 1, 2].map(|dropped| loss(&trained[dropped]));
    let gain = Spread::of_differences(connections.clone(), nothing.clone());
    let gain_of_dropout = Spread::of_differences(units.clone(), nothing);
    let against_dropout = Spread::of_differences(connections, units);

    let section = Section::new("DropConnect")
        .text(
            "Dropout multiplies what units say by a random mask, `W (m ∘ x)`; DropConnect multiplies \
             the weights, `(M ∘ W) x`, with another mask for each example (L. Wan et al., 2013). If \
             all connections that lead out of a unit share one mask, that is dropout. Here both \
             act on two hidden layers of 128 units, at a rate of 0.5. Each seed draws its own 200 \
             examples, so few on purpose, and each network is taken as it is at its lowest validation loss.",
        )
        .claim(
            Claim::new("DropConnect is a generalization of dropout", apart < 1e-12).measured(
                format!(
                    "with one mask for all connections of a unit, outputs and gradients differ \
                     from dropout's by at most {apart:?}"
                ),
            ),
        )
        .claim(
            Claim::new("DropConnect regularizes", gain.is_below(0.0))
                .measured(format!("validation loss less that of the plain network: {gain}"))
                .otherwise("The difference is not beyond what the seed changes."),
        )
        .claim(
            Claim::new("Dropout regularizes", gain_of_dropout.is_below(0.0))
                .measured(format!(
                    "validation loss less that of the plain network: {gain_of_dropout}"
                ))
                .otherwise("The difference is not beyond what the seed changes."),
        )
        .claim(
            Claim::new("DropConnect does better than dropout", against_dropout.is_below(0.0))
                .measured(format!("validation loss less that of dropout: {against_dropout}"))
                .otherwise(
                    "Wan et al. report it of larger networks, trained far longer. Here the two differ by \
                     hardly more than the seed changes: that there are more masks to choose from \
                     does not make their average a better network.",
                ),
        )
        .figure(
            learning_curves(run, &trained),
            "Noise makes learning slower. Where a curve rises again, the network overfits: how soon, \
             and at what loss?",
        )
        .table(table_of_training(&trained))
        .code_of(include_str!("main.rs"), "fn network(");
    test_time::compare(run, section, &trained[2], &data.1)
}

fn learning_curves(run: &Run, trained: &[Vec<Trained>]) -> Chart {
    let chart = Chart::new("Validation loss, all seeds").x("epoch").y("loss");
    let chart = if run.is_on_built_in() { chart.y_range(0.4, 1.2) } else { chart };
    DROPPED.iter().zip(trained).fold(chart, |chart, ((name, ..), runs)| {
        let losses: Vec<&[f64]> = runs.iter().map(|run| &run.history["val_loss"]).collect();
        chart.runs(*name, &losses)
    })
}

fn table_of_training(trained: &[Vec<Trained>]) -> Table {
    let mut table =
        Table::new(["dropped", "epochs to the best", "training loss", "loss", "accuracy"]);
    for ((name, ..), runs) in DROPPED.iter().zip(trained) {
        let spread = |value: fn(&Trained) -> f64| Spread::of(runs.iter().map(value));
        let epochs = spread(|run| {
            run.history.best("val_loss").map_or(f64::NAN, |(epoch, _)| epoch as f64 + 1.0)
        });
        let numbers = [spread(|run| run.training), spread(|run| run.loss)];
        let [training, loss] = numbers.map(|spread| spread.to_string());
        let accuracy = spread(|run| run.accuracy).to_string();
        table.row([name.to_string(), format!("{epochs:.1}"), training, loss, accuracy]);
    }
    table
}

fn main() -> ExitCode {
    Experiments::new("DropConnect", "target/dropconnect")
        .command("cargo run --release --example")
        .add("dropconnect", experiment)
        .main()
}
