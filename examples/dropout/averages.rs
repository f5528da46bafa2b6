//! What a network gives at test time, and what it gives on average in training.

use gradtape::Error;
use gradtape::noise::marginalize;
use gradtape::prelude::*;
use gradtape::report::{Claim, Run, Section, Spread, Table};

use super::{HALF, Network, Trained, difference, place};

/// How many images the outputs are compared on, if there are so many.
const IMAGES: usize = 100;

/// How far the output at test time is from the mean over many masks.
#[derive(Clone, Copy)]
struct Distance {
    /// In standard deviations of the output from mask to mask.
    of_noise: f64,
    /// In standard errors of that mean: 1 if there is no distance but by chance.
    of_chance: f64,
}

fn distance(
    params: &Params,
    passes: usize,
    seed: Seed,
    value: impl for<'t> Fn(&'t Tape<'_>) -> Var<'t>,
) -> Distance {
    let in_training = marginalize(params, passes, seed, &value);
    let tape = Tape::inference(params);
    let at_test = tape.value(value(&tape));
    let off = root_mean_square(&at_test, &in_training.mean);
    let [of_noise, of_chance] = [1, passes].map(|passes| off / in_training.error_of_mean(passes));
    Distance { of_noise, of_chance }
}

/// The root of the mean square difference.
pub(super) fn root_mean_square(a: &Tensor, b: &Tensor) -> f64 {
    let pairs = a.data().iter().zip(b.data());
    let squares: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
    (squares / a.data().len() as f64).sqrt()
}

/// The distances of what is linear in the mask, with scaling in training and at test time, and of
/// what is behind a nonlinearity.
fn distances(run: [&Trained; 2], x: &Tensor, passes: usize, seed: Seed) -> [Distance; 4] {
    let [inverted, original] = run;
    let logits = |run: &Trained| {
        let hidden = hidden(run, x);
        distance(&run.params, passes, seed, |tape| run.network.logits(tape.input(&hidden)))
    };
    let behind_relu = distance(&inverted.params, passes, seed, |tape| {
        inverted.network.hidden(tape.input(x).dropout(HALF))
    });
    let hidden = hidden(inverted, x);
    let probabilities = distance(&inverted.params, passes, seed, |tape| {
        inverted.network.logits(tape.input(&hidden)).softmax(-1)
    });
    [logits(inverted), logits(original), behind_relu, probabilities]
}

/// What the hidden units give, before any of them is left out.
pub(super) fn hidden(run: &Trained, x: &Tensor) -> Tensor {
    let tape = Tape::inference(&run.params);
    tape.value(run.network.hidden(tape.input(x)))
}

/// The largest difference, in logits, between a network that scales in training and one that scales
/// at test time and has `1/p` times as large weights behind the dropout: in training, with the same
/// masks, and at test time.
fn between_forms(run: &Trained, x: &Tensor, seed: Seed) -> [f64; 2] {
    let original = Network { scaling: Scaling::Original, ..run.network };
    let mut params = run.params.clone();
    let kernel = params.values_mut(original.output.kernel());
    kernel.iter_mut().for_each(|w| *w /= (1.0 - HALF) as f32);
    let tapes = [
        [Tape::training(&run.params, seed), Tape::training(&params, seed)],
        [Tape::inference(&run.params), Tape::inference(&params)],
    ];
    tapes.map(|[inverted_tape, original_tape]| {
        let a = inverted_tape.value(run.network.forward(inverted_tape.input(x)));
        let b = original_tape.value(original.forward(original_tape.input(x)));
        let pairs = a.data().iter().zip(b.data());
        pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
    })
}

/// A small number of one digit.
fn rounding(off: f64) -> String {
    if off == 0.0 { "0".into() } else { format!("{off:.0e}") }
}

pub(super) fn claims(
    section: Section,
    run: &Run,
    valid: &Dataset,
    inverted: &[Trained],
    original: &[Trained],
) -> Result<Section, Error> {
    let (x, passes) = (valid.take(IMAGES).batch(..).x, run.full_or_quick(1000, 200));
    let measured = run.over_seeds(|seed| {
        let runs = [&inverted[place(seed)], &original[place(seed)]];
        Ok((distances(runs, &x, passes, seed), between_forms(runs[0], &x, seed)))
    })?;
    let spreads = |of: fn(&Distance) -> f64| {
        [0, 1, 2, 3].map(|case| Spread::of(measured.iter().map(|(all, _)| of(&all[case]))))
    };
    let (noise, chance) = (spreads(|d| d.of_noise), spreads(|d| d.of_chance));
    let is_chance = |of_chance: &Spread| (of_chance.mean - 1.0).abs() < 0.1;
    let worst = |form: usize| measured.iter().map(|(_, off)| off[form]).fold(0.0, f64::max);
    let between = [worst(0), worst(1)];
    let apart = original.iter().zip(inverted).map(|(a, b)| (a.validation - b.validation).abs());
    let apart = apart.fold(0.0, f64::max);
    let accuracy = difference(original, inverted, |run| run.accuracy);

    let mut table = Table::new([
        "output",
        "distance in standard deviations of a pass",
        "in standard errors of the mean",
    ]);
    let names = [
        "logits, scaled in training",
        "logits, scaled at test time",
        "hidden units behind ReLU, inputs left out",
        "probabilities, behind softmax",
    ];
    for (name, (noise, chance)) in names.iter().zip(noise.iter().zip(&chance)) {
        table.row([name.to_string(), noise.to_string(), format!("{chance:.2}")]);
    }
    Ok(section
        .heading("Training adds noise, testing takes the mean")
        .text(
            "In the lecture's form, units are left out in training, `h m` with `m` 0 or 1, and at \
             test time the outgoing weights, or what comes to the same, the units, are multiplied \
             with the share `p = 1 - rate` that was kept: `p h = E[h m]`. In the inverted form \
             training divides, `h m / p`, and the test uses the network as it is. Here, means over \
             many masks are compared with what one pass at test time gives. By chance alone, the \
             distance is one standard error of that mean.",
        )
        .claim(
            Claim::new(
                "Of a linear layer behind dropout, the output at test time is the expected one in \
                 training",
                chance[..2].iter().all(is_chance),
            )
            .measured(format!(
                "distance to the mean of {passes} masks in its standard errors: {:.2} if scaled in \
                 training, {:.2} if scaled at test time; chance gives 1",
                chance[0], chance[1]
            )),
        )
        .claim(
            Claim::new(
                "Behind a nonlinearity it is only approximately",
                chance[2..].iter().all(|of_chance| of_chance.is_above(1.1))
                    && noise[2..].iter().all(|of_noise| of_noise.is_below(0.5)),
            )
            .measured(format!(
                "distance to the mean in its standard errors: {:.1} behind ReLU, {:.1} behind \
                 softmax, so not by chance; but {:.2} and {:.2} of what a single mask is off",
                chance[2], chance[3], noise[2], noise[3]
            )),
        )
        .claim(
            Claim::new(
                "Scaling at test time and scaling in training are the same network",
                between.iter().all(|&off| off < 1e-4),
            )
            .measured(format!(
                "with outgoing weights 1/p times as large, the logits differ by at most {} in \
                 training, mask by mask, and by {} at test time",
                rounding(between[0]),
                rounding(between[1])
            )),
        )
        .claim(
            Claim::new("They stay the same while they are trained", apart < 0.01)
                .measured(format!(
                    "outgoing weights that begin 1/p times as large and move at 1/p times the \
                     rate: validation losses differ by at most {}, accuracies by {accuracy}",
                    rounding(apart)
                ))
                .otherwise(
                    "Adam's `ε` weighs more where gradients are smaller, and they are where the \
                     weights are larger. With an `ε` next to 0 nothing is between the two.",
                ),
        )
        .table(table))
}
