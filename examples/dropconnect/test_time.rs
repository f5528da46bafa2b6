//! What a network that was trained with DropConnect is at test time.

use gradtape::Error;
use gradtape::layers::DropConnectBuilder;
use gradtape::noise::{Marginal, marginalize};
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Run, Section, Spread, Table};
use gradtape::train::ConfusionMatrix;

use super::{RATE, Trained, connections, network};

/// The ways of predicting, in the order in which their figures are kept.
const WAYS: [&str; 3] = ["mean network", "moment matching", "average of networks"];
const MEAN_NETWORK: usize = 0;
const MATCHED: usize = 1;
const AVERAGE: usize = 2;

/// The normal values that moment matching averages over.
const DRAWS: usize = 200;

/// What a network predicts in each of the ways, and the average of the networks that were drawn.
struct Tested {
    predicted: [Tensor; 3],
    sampled: Marginal,
}

fn test(
    params: &Params,
    x: &Tensor,
    networks: usize,
    value: impl for<'t> Fn(Var<'t>) -> Var<'t>,
) -> Tested {
    let with_trained = |connections| {
        let mut own = Params::new(Seed(0));
        let model = network(x.shape()[1], 0.0, connections, &mut own);
        own.flat_mut().copy_from_slice(params.flat());
        (model, own)
    };
    let predict = |connections| {
        let (model, own) = with_trained(connections);
        let tape = Tape::inference(&own);
        tape.value(value(model.forward(tape.input(x))))
    };
    let [second, output] = connections(RATE);
    // One mask for all examples: each pass is a network.
    let (model, own) = with_trained(connections(RATE).map(DropConnectBuilder::per_batch));
    let sampled = marginalize(&own, networks, Seed(1), |tape| value(model.forward(tape.input(x))));
    let matched = [second.gaussian(DRAWS), output];
    let predicted = [predict(connections(RATE)), predict(matched), sampled.mean.clone()];
    Tested { predicted, sampled }
}

impl Tested {
    /// How far predictions are from the average of all networks, root mean square.
    fn error(&self, way: usize) -> f64 {
        match way {
            AVERAGE => self.sampled.error_of_mean(self.sampled.passes),
            _ => self.sampled.distance(&self.predicted[way]),
        }
    }

    /// Loss and accuracy, if these are probabilities.
    fn quality(&self, way: usize, labels: &Indices) -> Result<[f64; 2], Error> {
        let probabilities = &self.predicted[way];
        let params = Params::new(Seed(0));
        let tape = Tape::inference(&params);
        let (p, y) = (tape.input(probabilities), tape.input(labels));
        let loss = tape.item(loss::cross_entropy_of_probabilities(p, y).mean(..));
        Ok([loss.into(), ConfusionMatrix::of(probabilities, labels)?.accuracy()])
    }
}

/// Appends what the ways of testing these networks differ in.
pub(super) fn compare(
    run: &Run,
    section: Section,
    trained: &[Trained],
    valid: &Dataset,
) -> Result<Section, Error> {
    let networks = run.full_or_quick(1000, 200);
    let valid = valid.take(run.full_or_quick(1000, 500));
    let tested = |value: for<'t> fn(Var<'t>) -> Var<'t>| -> Vec<Tested> {
        trained.iter().map(|run| test(&run.params, valid.x(), networks, value)).collect()
    };
    let (logits, probabilities) = (tested(|y| y), tested(|y| y.softmax(-1)));

    // By way, one value a seed.
    let errors = |tested: &[Tested]| {
        [0, 1, 2].map(|way| tested.iter().map(|run| run.error(way)).collect::<Vec<f64>>())
    };
    let (of_logits, of_probabilities) = (errors(&logits), errors(&probabilities));
    let mut losses: [Vec<f64>; 3] = Default::default();
    let mut accuracies = losses.clone();
    for run in &probabilities {
        for way in [MEAN_NETWORK, MATCHED, AVERAGE] {
            let [loss, accuracy] = run.quality(way, valid.y())?;
            losses[way].push(loss);
            accuracies[way].push(accuracy);
        }
    }
    let mut table =
        Table::new(["at test time", "logits off by", "probabilities off by", "loss", "accuracy"]);
    for (way, name) in WAYS.iter().enumerate() {
        let figures = [&of_logits, &of_probabilities, &losses, &accuracies];
        let cells = figures.map(|figure| Spread::of(figure[way].iter().copied()).to_string());
        table.row(std::iter::once(name.to_string()).chain(cells));
    }

    // Compared with the mean network.
    let change = |figure: &[Vec<f64>; 3], way: usize| {
        Spread::of_differences(figure[way].clone(), figure[MEAN_NETWORK].clone())
    };
    let less = |figure: &[Vec<f64>; 3]| change(figure, MATCHED).is_below(0.0);
    let both = |figure: &[Vec<f64>; 3]| {
        let [mean_network, matched] = [MEAN_NETWORK, MATCHED].map(|way| figure[way].clone());
        format!(
            "off by {} (moment matching) and {} (mean network), root mean square",
            Spread::of(matched),
            Spread::of(mean_network)
        )
    };
    Ok(section
        .heading("At test time")
        .text(
            "What is wanted is the average of all networks that the masks can make, `E f(W)`. The \
             mean network, `f(E W)`, is not it: what enters a rectifier is spread by the masks, and \
             `E max(u, 0) > max(E u, 0)`. Moment matching keeps the spread: `u` is a sum of many \
             independent terms and so nearly normal, and its mean and variance are known; the \
             rectifier is averaged over draws of that. Both are compared with what many drawn \
             networks predict on average.",
        )
        .claim(
            Claim::new(
                "Moment matching is nearer to the average of drawn networks than the mean network",
                less(&of_logits),
            )
            .measured(format!("logits {}", both(&of_logits)))
            .otherwise("It can only help where what enters a rectifier changes its sign with the masks."),
        )
        .claim(
            Claim::new("So it is in what counts, the probabilities", less(&of_probabilities))
                .measured(format!("probabilities {}", both(&of_probabilities)))
                .otherwise(
                    "Neither averages the softmax, which comes after the layer that is matched.",
                ),
        )
        .claim(
            Claim::new("Moment matching predicts better than the mean network", less(&losses))
                .measured(format!(
                "loss less that of the mean network: {}; of the average of drawn networks: {}",
                change(&losses, MATCHED),
                change(&losses, AVERAGE)
            ))
            .otherwise(
                "It comes nearer to the average, and that is a gain only where the average itself \
                 predicts better than the mean network, which the second figure tells.",
            ),
        )
        .figure(
            errors_by_networks(&logits, &of_logits),
            "How many networks have to be drawn before their average is as near to that of all of \
             them: where the curve crosses the lines.",
        )
        .table(table)
        .code_of(include_str!("test_time.rs"), "fn test("))
}

fn errors_by_networks(logits: &[Tested], errors: &[Vec<f64>; 3]) -> Chart {
    let numbers = (0..=10).map(|power| 1 << power);
    let curve = numbers.map(|networks: usize| {
        let errors: Vec<f64> =
            logits.iter().map(|run| run.sampled.error_of_mean(networks)).collect();
        (networks as f64, errors)
    });
    let level = |way: usize| Spread::of(errors[way].iter().copied()).mean;
    Chart::new("Logits: distance to the average of all networks")
        .x("networks drawn")
        .y("root mean square")
        .log_x()
        .log_y()
        .spread("average of networks", curve)
        .level(level(MEAN_NETWORK), WAYS[MEAN_NETWORK])
        .level(level(MATCHED), WAYS[MATCHED])
}
