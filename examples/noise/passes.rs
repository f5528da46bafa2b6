//! Testing: the average over the noise that training had.

use gradtape::Error;
use gradtape::noise::Marginal;
use gradtape::prelude::*;
use gradtape::report::{Claim, Section, Spread, Table};
use gradtape::train::ConfusionMatrix;

use super::network::{Noise, augmentation, image_of};
use super::{BATCH, FRACTIONAL, Results};

/// What a network predicts without noise and what it predicts on average with noise, in
/// probabilities. Distances are root mean squares.
pub(super) struct Tested {
    /// How far a noisy pass is from the average of all.
    pub(super) noisy: f64,
    /// How far the pass without noise is.
    pub(super) without: f64,
    /// The share of examples that it puts into the same class as the average of some does.
    pub(super) same: f64,
    /// Its loss.
    pub(super) loss: f64,
    /// The mean probability that it gives to classes that are wrong and that it says.
    pub(super) confidence_when_wrong: f64,
    /// The loss of the average.
    pub(super) average_loss: f64,
    /// How much more often the average is right.
    pub(super) average_gain: f64,
}

pub(super) fn test(
    model: &Sequential,
    params: &Params,
    noise: &[Noise],
    data: &Dataset,
    passes: usize,
    seed: Seed,
) -> Result<Tested, Error> {
    let tape = Tape::inference(params);
    let without = tape.value(model.forward(tape.input(data.x())).softmax(-1));
    let average = Marginal::over(passes, seed.derive_named("passes"), |seed| {
        noisy_pass(model, params, noise, data, seed)
    });
    let classes = without.argmax_rows().into_iter().zip(average.mean.argmax_rows());
    let same = classes.filter(|(a, b)| a == b).count() as f64 / data.len() as f64;
    let [right, right_on_average] = [
        ConfusionMatrix::of(&without, data.y())?.accuracy(),
        ConfusionMatrix::of(&average.mean, data.y())?.accuracy(),
    ];
    let loss = |probabilities| {
        let tape = Tape::inference(params);
        let (p, y) = (tape.input(probabilities), tape.input(data.y()));
        f64::from(tape.item(loss::cross_entropy_of_probabilities(p, y).mean(..)))
    };
    Ok(Tested {
        noisy: average.error_of_mean(1),
        without: average.distance(&without),
        same,
        loss: loss(&without),
        confidence_when_wrong: confidence_when_wrong(&without, data.y()),
        average_loss: loss(&average.mean),
        average_gain: right_on_average - right,
    })
}

/// Probabilities as a training step has them, with all of its noise: that of the layers, of the
/// choice of batches and of the images.
fn noisy_pass(
    model: &Sequential,
    params: &Params,
    noise: &[Noise],
    data: &Dataset,
    seed: Seed,
) -> Tensor {
    let mut augment = augmentation(image_of(data), noise);
    let mut probabilities = Tensor::zeros([data.len(), 10]);
    for batch in data.batches(BATCH).shuffled(seed) {
        let x = match &mut augment {
            Some(augment) => augment.apply(&batch.x, batch.rows(), seed),
            None => batch.x.clone(),
        };
        let tape = Tape::training(params, batch.seed());
        let predicted = tape.value(model.forward(tape.input(&x)).softmax(-1));
        for (&row, predicted) in batch.rows().iter().zip(predicted.data().chunks(10)) {
            probabilities.data_mut()[10 * row..][..10].copy_from_slice(predicted);
        }
    }
    probabilities
}

fn confidence_when_wrong(probabilities: &Tensor, labels: &Indices) -> f64 {
    let said = probabilities.argmax_rows().into_iter().zip(probabilities.data().chunks(10));
    let wrong = said.zip(labels.data()).filter(|((said, _), label)| *said != **label as usize);
    Spread::of(wrong.map(|((said, row), _)| row[said].into())).mean
}

/// How well a pass without noise stands for the average of noisy ones.
pub(super) fn at_test_time(section: Section, results: &[Results]) -> Section {
    let stands = |way: &Results| {
        let without = way.values(|run| run.tested.without);
        Spread::of_differences(without, way.values(|run| run.tested.noisy)).is_below(0.0)
    };
    let (fractional, all) = (&results[FRACTIONAL], &results[1..FRACTIONAL]);
    let failing: Vec<&str> = all.iter().filter(|way| !stands(way)).map(|way| way.name).collect();
    let same = all.iter().map(|way| way.spread(|run| run.tested.same).mean);
    let lowest = same.fold(1.0, f64::min);
    let saved = fractional.spread(|run| run.tested.average_loss - run.tested.loss);
    let gain = fractional.spread(|run| run.tested.average_gain);

    let mut table = Table::new([
        "trained with",
        "a noisy pass is off by",
        "a pass without noise",
        "same class",
        "its loss",
        "loss of the average",
    ]);
    for way in &results[1..] {
        table.row([
            way.name.to_string(),
            way.spread(|run| run.tested.noisy).to_string(),
            way.spread(|run| run.tested.without).to_string(),
            format!("{:.1} %", 100.0 * way.spread(|run| run.tested.same).mean),
            way.spread(|run| run.tested.loss).to_string(),
            way.spread(|run| run.tested.average_loss).to_string(),
        ]);
    }
    section
        .heading("At test time")
        .text(
            "Several passes over up to 500 images with all noise of training, batches drawn and images \
             moved, are averaged. How far is the one pass without noise from the average of \
             infinitely many, in probabilities (root mean square)?",
        )
        .claim(
            Claim::new(
                "One pass without noise is nearer to the average of noisy passes than one of these is",
                failing.is_empty(),
            )
            .measured(format!(
                "so with {} of {} kinds of noise (fractional max-pooling apart); it says the same \
                 class as the average of {:.1} % of the images or more",
                all.len() - failing.len(),
                all.len(),
                100.0 * lowest
            ))
            .otherwise(format!("Not with {}.", failing.join(", "))),
        )
        .claim(
            Claim::new(
                "Fractional max-pooling has no such pass: several have to be averaged",
                !stands(fractional) && saved.is_below(0.0),
            )
            .measured(format!(
                "the average changes the loss of one pass by {saved}, its accuracy by {gain}"
            ))
            .otherwise("One cut of the regions was as good as the average over many."),
        )
        .table(table)
        .code_of(include_str!("passes.rs"), "fn noisy_pass(")
}
