//! The common pattern of dropout, batch normalization, augmentation, DropConnect, fractional
//! max-pooling and stochastic depth: training adds noise, testing averages over it.

mod network;
mod passes;

use std::process::ExitCode;

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Claim, Comparison, Experiments, Run, Section, Spread, Table};

use network::{Noise, augmentation, image_of, network};
use passes::Tested;

/// Without noise, with each kind alone, with all together.
const VARIANTS: [(&str, &[Noise]); 8] = [
    ("no noise", &[]),
    ("dropout", &[Noise::Dropout]),
    ("batch normalization", &[Noise::BatchNorm]),
    ("augmentation", &[Noise::Augmentation]),
    ("DropConnect", &[Noise::DropConnect]),
    ("stochastic depth", &[Noise::StochasticDepth]),
    ("fractional max-pooling", &[Noise::FractionalPooling]),
    (
        "all together",
        &[
            Noise::Dropout,
            Noise::BatchNorm,
            Noise::Augmentation,
            Noise::DropConnect,
            Noise::StochasticDepth,
            Noise::FractionalPooling,
        ],
    ),
];
const DROPOUT: usize = 1;
const FRACTIONAL: usize = 6;

const BATCH: usize = 16;

/// The examples to train on: few, so that there is something to overfit.
const EXAMPLES: usize = 200;

/// What came of one training, measured without noise.
struct Trained {
    training: f64,
    loss: f64,
    accuracy: f64,
    tested: Tested,
}

impl Trained {
    fn gap(&self) -> f64 {
        self.loss - self.training
    }
}

fn train(
    (all, valid): &(Dataset, Dataset),
    noise: &[Noise],
    (epochs, passes): (usize, usize),
    seed: Seed,
) -> Result<Trained, Error> {
    let train = all.shuffled(seed).take(EXAMPLES);
    let image = image_of(&train);
    let mut params = Params::new(seed);
    let model = network(image, noise, &mut params);
    let steps = epochs * train.len().div_ceil(BATCH);
    let optimizer = Adam::new(CosineDecay::new(6e-3, steps as u64));
    let mut trainer = Trainer::new(&model, optimizer, loss::cross_entropy).metric(Accuracy);
    let fit = trainer.fit(&mut params, &train).epochs(epochs).batch_size(BATCH).seed(seed).silent();
    match augmentation(image, noise) {
        Some(mut augment) => fit.prepare(move |batch| {
            let seed = seed.derive_named("augmentation").derive(batch.epoch() as u64);
            batch.x = augment.apply(&batch.x, batch.rows(), seed);
        }),
        None => fit,
    }
    .run()?;
    let training = trainer.evaluate(&params, &train)?.loss;
    let end = trainer.evaluate(&params, valid)?;
    let accuracy = end.get("accuracy").unwrap_or(f64::NAN);
    let tested = passes::test(&model, &params, noise, &valid.take(500), passes, seed)?;
    Ok(Trained { training, loss: end.loss, accuracy, tested })
}

/// The results of one way of training, one a seed.
struct Results {
    name: &'static str,
    runs: Vec<Trained>,
}

impl Results {
    fn values(&self, of: impl Fn(&Trained) -> f64) -> Vec<f64> {
        self.runs.iter().map(of).collect()
    }

    fn spread(&self, of: impl Fn(&Trained) -> f64) -> Spread {
        Spread::of(self.values(of))
    }

    /// How much more it is than with another way of training.
    fn beyond(&self, other: &Self, of: impl Fn(&Trained) -> f64) -> Spread {
        Spread::of_differences(self.values(&of), other.values(&of))
    }
}

pub(crate) fn experiment(run: &Run) -> Result<Section, Error> {
    let built_in = || datasets::digits8x8()?.split_at(797);
    let data = run.data_or("digits8x8", built_in, [EXAMPLES..=usize::MAX, 1..=1000])?;
    run.note(format!("Each seed trains on {EXAMPLES} of them."));
    let length = run.full_or_quick((120, 20), (22, 10));
    let runs = run.over(&VARIANTS, |(_, noise), seed| train(&data, noise, length, seed))?;
    let results: Vec<Results> =
        VARIANTS.iter().zip(runs).map(|((name, _), runs)| Results { name, runs }).collect();

    let section = Section::new("Noise")
        .text(
            "Regularizers that look unlike each other follow one pattern: training draws a random \
             `ξ` for each step, `y = f(x, ξ)`, and testing takes the mean over it, `y = E f(x, ξ)`, \
             mostly by an approximation in one pass. Here one small convolutional network learns \
             200 images, so few on purpose, each seed its own, with each kind of noise alone and with all together. \
             Dropout, DropConnect and stochastic depth (the deeper of two blocks) drop at a rate of \
             0.5, as in their papers, and at half of that together; images are shifted by up to a \
             pixel and turned by up to 10 degrees; pooling goes from 8 pixels to 6 to 4 in place of \
             8 to 4, so that the second block sees more of them. All train for as many epochs; \
             losses and accuracy are measured without noise.",
        )
        .code_of(include_str!("network.rs"), "pub(super) fn network(");
    let section = regularization(run, section, &results);
    Ok(passes::at_test_time(section, &results))
}

/// What noise in training does to losses and accuracy.
fn regularization(run: &Run, mut section: Section, results: &[Results]) -> Section {
    section = section.heading("Noise regularizes");
    let (plain, noisy) = (&results[0], &results[1..]);
    if run.is_quick() {
        section = section.text(
            "Noise makes learning slower. The epochs of a quick run are too few to judge the \
             accuracy; the full run does.",
        );
    } else {
        for way in noisy {
            let gain = way.beyond(plain, |run| run.accuracy);
            let name = capitalized(way.name);
            section = section.claim(
                Claim::new(format!("{name} improves accuracy"), gain.is_above(0.0))
                    .measured(format!(
                        "{:.4}, that is {gain} more than without noise",
                        way.spread(|run| run.accuracy).mean
                    ))
                    .otherwise(why_not_better(way, results)),
            );
        }
    }
    let narrower = |way: &&Results| way.beyond(plain, Trained::gap).is_below(0.0);
    let (with, without): (Vec<&Results>, Vec<&Results>) = noisy.iter().partition(narrower);
    let names = |ways: &[&Results]| ways.iter().map(|way| way.name).collect::<Vec<_>>().join(", ");
    let mut table = Table::new([
        "trained with",
        "training loss",
        "validation loss",
        "gap",
        "accuracy",
        "confidence when wrong",
    ]);
    for way in results {
        table.row([
            way.name.to_string(),
            way.spread(|run| run.training).to_string(),
            way.spread(|run| run.loss).to_string(),
            way.spread(Trained::gap).to_string(),
            way.spread(|run| run.accuracy).to_string(),
            way.spread(|run| run.tested.confidence_when_wrong).to_string(),
        ]);
    }
    let compared = |title: &str, x: &str, of: fn(&Trained) -> f64| {
        let figure = Comparison::new(title).x(x);
        results.iter().fold(figure, |figure, way| figure.runs(way.name, way.values(of)))
    };
    section
        .claim(
            Claim::new(
                "Noise of each kind lowers the gap between training and validation loss",
                without.is_empty(),
            )
            .measured(format!("it does with {} of {}: {}", with.len(), noisy.len(), names(&with)))
            .otherwise(format!(
                "Not, beyond what the seed changes, with {}. Where training losses are near 0 with \
                 noise and without, the gap is the validation loss, and that rises with the \
                 confidence in wrong answers even if there are fewer of these: see the last column.",
                names(&without)
            )),
        )
        .figure(
            compared("Accuracy on what was not trained on", "accuracy", |run| run.accuracy),
            "One small circle a seed; the large one is their mean, in a line of twice its standard \
             error to both sides. Further to the right is better.",
        )
        .figure(
            compared("Validation loss less training loss", "gap", Trained::gap),
            "Both losses without noise. Further to the left, what was learned of the training \
             examples holds more for others.",
        )
        .table(table)
}

/// What is known of kinds of noise that do not improve accuracy here.
fn why_not_better(way: &Results, results: &[Results]) -> String {
    let strength = |way: &Results| way.spread(|run| run.tested.noisy).mean;
    let compared = format!(
        "a noisy pass is off by {:.3} in probabilities, with dropout by {:.3}",
        strength(way),
        strength(&results[DROPOUT])
    );
    match way.name {
        "batch normalization" => format!(
            "Its noise is weak: {compared}. It was made for training deep networks fast, and this \
             one is not deep.",
        ),
        "DropConnect" => {
            format!("Its noise is weaker than that of dropout at the same rate: {compared}.")
        }
        "stochastic depth" => {
            "There are two blocks to skip. Huang et al. (2016) report the gain of networks of a \
             hundred layers."
                .into()
        }
        "all together" => format!(
            "With so much noise the training loss has come down to {:.3} only.",
            way.spread(|run| run.training).mean
        ),
        _ => "The difference is not beyond what the seed changes.".into(),
    }
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn main() -> ExitCode {
    Experiments::new("Noise", "target/noise")
        .command("cargo run --release --example")
        .add("noise", experiment)
        .main()
}
