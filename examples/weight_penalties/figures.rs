//! Pictures of what the penalties do.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Histograms, Run, Section, Table};
use gradtape::train::Picture;

use super::claims::spread;
use super::{LEFT, Results, Runs, Trained};

pub(super) fn sweep(run: &Run, section: Section, results: &Results) -> Section {
    let over = |of: fn(&Trained) -> f64| {
        let penalized = results.l2.iter().filter(|(factor, _)| *factor > 0.0);
        penalized.map(move |(factor, runs)| (*factor, runs.iter().map(of).collect::<Vec<_>>()))
    };
    let by_heart =
        results.l2.iter().zip(&results.by_heart).filter(|((factor, _), _)| *factor > 0.0);
    let by_heart = by_heart.map(|((factor, _), runs)| {
        (*factor, runs.iter().map(|[_, share]| *share).collect::<Vec<_>>())
    });
    let column = |runs: &Runs, name: &str| -> Vec<Vec<f64>> {
        runs.iter().map(|run| run.history[name].to_vec()).collect()
    };
    let (without, best) = (results.without(), results.with_l2());
    let loss = spread(without, |run| run.validation).mean;
    let level = over(|_| 0.0).map(|(factor, _)| (factor, loss));
    let curves = Chart::new("Learning curves with and without L2")
        .x("epoch")
        .y("loss")
        .runs("training", &column(without, "loss"))
        .runs("validation", &column(without, "val_loss"))
        .runs("training, L2", &column(best, "loss"))
        .runs("validation, L2", &column(best, "val_loss"));
    section
        .figure(
            if run.is_on_built_in() { curves.y_range(0.0, 0.6) } else { curves },
            format!(
                "Does the validation loss rise without penalty, while the training loss goes to 0? \
                 Does it stay down with λ = {}, and do the curves stay closer?",
                results.l2[results.best_l2].0
            ),
        )
        .figure(
            Chart::new("Losses after training, by λ of L2")
                .x("λ")
                .y("loss")
                .log_x()
                .spread("training", over(|run| run.training))
                .spread("validation", over(|run| run.validation))
                .line("validation, without penalty", level),
            "The gap can close since the validation loss falls, or since the training loss rises as \
             far as it: then λ is too large.",
        )
        .figure(
            Chart::new("The size of the weights, by λ of L2")
                .x("λ")
                .y("norm of the hidden layer's weights")
                .log_x()
                .log_y()
                .spread("norm", over(Trained::norm))
                .level(spread(without, Trained::norm).mean, "without penalty"),
            "A penalty shrinks weights until the loss resists.",
        )
        .figure(
            Chart::new("Random labels learned by heart, by λ of L2")
                .x("λ")
                .y("share of 300 labels")
                .log_x()
                .spread("share learned", by_heart)
                .y_range(0.0, 1.05)
                .level(0.1, "by guessing"),
            "What the network could learn if there were no rule to be found: its capacity.",
        )
}

pub(super) fn weights(section: Section, results: &Results) -> Result<Section, Error> {
    let shown = [
        ("without", results.without()),
        ("L2", results.with_l2()),
        ("L1", results.with_l1()),
        ("L1, proximal", &results.proximal),
        ("L1 and L2", &results.both),
    ];
    let mut histograms = Histograms::new("Weights of the hidden layer, seed 1");
    let mut cut = Chart::new("Accuracy with the largest weights only")
        .x("share of the hidden layer's weights that is left")
        .y("accuracy")
        .log_x();
    for (name, runs) in shown {
        histograms = histograms.values(name, runs[0].weights.data());
        let accuracies = |at| runs.iter().map(|run| run.cut[at]).collect::<Vec<_>>();
        cut = cut.spread(name, LEFT.iter().enumerate().map(|(at, &left)| (left, accuracies(at))));
    }
    let section = section
        .figure(
            histograms,
            "L2 makes large weights smaller, and leaves few at 0. L1 takes as much off a small one \
             as off a large one, and a spike at 0 is what that leaves.",
        )
        .figure(
            cut,
            "From right to left, more and more of the smallest weights are set to 0. The farther a \
             curve stays up, the fewer connections do the work.",
        );
    let (l2, l1) = (&results.l2[results.l2.len() - 2], &results.l1[results.l1.len() - 1]);
    Ok(section
        .image(
            &picture(&results.without()[0].weights)?,
            "Without penalty: what 25 units of the hidden layer look for, one a tile, those of the \
             largest weights; grey is 0. What no image asks for is the noise that they began with.",
        )
        .image(
            &picture(&l2.1[0].weights)?,
            format!("L2 with λ = {}: noise is shrunk, since no loss resists.", l2.0),
        )
        .image(
            &picture(&l1.1[0].weights)?,
            format!(
                "L1 with λ = {}: the weights of pixels that a unit can do without are next to 0.",
                l1.0
            ),
        )
        .image(
            &picture(&results.proximal[0].weights)?,
            format!(
                "L1 as a proximal step with λ = {}: what is plain grey is 0 exactly.",
                results.l1[results.best_l1].0
            ),
        ))
}

/// The weights of the 25 units with the largest ones, each as an image.
fn picture(weights: &Tensor) -> Result<Picture, Error> {
    let (inputs, units) = (weights.shape()[0], weights.shape()[1]);
    let weight = |input: usize, unit: usize| weights.data()[input * units + unit];
    let size = |unit: usize| (0..inputs).map(|input| weight(input, unit).powi(2)).sum::<f32>();
    let mut order: Vec<usize> = (0..units).collect();
    order.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
    let channels = if inputs == 3 * 32 * 32 { 3 } else { 1 };
    let side = (inputs / channels).isqrt();
    Picture::of_images(&Tensor::from_fn([25, channels, side, side], |i| {
        weight(i % inputs, order[i / inputs])
    }))
}

pub(super) fn table(results: &Results) -> Table {
    let mut table = Table::new([
        "penalty",
        "training",
        "validation",
        "test",
        "accuracy",
        "norm",
        "near 0",
        "exactly 0",
    ]);
    let mut row = |name: String, runs: &Runs| {
        let mean =
            |of: fn(&Trained) -> f64, digits: usize| format!("{:.digits$}", spread(runs, of).mean);
        table.row([
            name,
            mean(|run| run.training, 4),
            mean(|run| run.validation, 4),
            mean(|run| run.test, 4),
            mean(|run| run.accuracy, 4),
            mean(Trained::norm, 2),
            mean(Trained::near_zero, 3),
            mean(Trained::zeros, 3),
        ]);
    };
    for (factor, runs) in &results.l2 {
        row(format!("L2, λ = {factor}"), runs);
    }
    for (factor, runs) in &results.l1 {
        row(format!("L1, λ = {factor}"), runs);
    }
    let (l1, l2) = (results.l1[results.best_l1].0, results.l2[results.best_l2].0);
    row(format!("L1, λ = {l1}, proximal"), &results.proximal);
    row(format!("L1, λ = {l1}, and L2, λ = {l2}"), &results.both);
    table
}
