//! Ten layers before they are trained: how activations and gradients are spread.

use std::f64::consts::PI;

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Histograms, Run, Section, Spread, Table};
use gradtape::train::{Inspected, Inspection, Summary};

use super::{Deep, LARGE, LAYERS, RELU_HE, RELU_XAVIER, SMALL, Start, XAVIER};

const UNITS: usize = 500;

const STARTS: [Start; 5] = [SMALL, LARGE, XAVIER, RELU_XAVIER, RELU_HE];

/// What to see in the activations and gradients of each.
const CAPTIONS: [[&str; 2]; 5] = [
    ["Nothing but a spike at 0 after a few layers.", "Those of the first layers are a spike at 0."],
    ["Nearly all are -1 or 1.", "Nearly all are 0; the few others grow towards the first layer."],
    [
        "Narrower from layer to layer, but no spike.",
        "Narrower towards the first layer, but no spike.",
    ],
    ["Half as wide every two layers.", "Half as wide every two layers, towards the first."],
    ["As wide in the last layer as in the first.", "As wide in the first layer as in the last."],
];

/// The activations of each layer, and the gradients with respect to the sums they are taken of.
struct Signals {
    sums: Vec<Inspected>,
    activations: Vec<Inspected>,
}

/// Sends 1,000 standard normal inputs forward, and standard normal gradients back.
fn send(start: Start, seed: Seed) -> Signals {
    let mut params = Params::new(seed);
    let model = Deep::new(UNITS, UNITS, start, &mut params);
    let [x, back] = ["inputs", "gradients"].map(|name| {
        let shape = Shape::from([1000, UNITS]);
        let normal = Normal { mean: 0.0, std: 1.0 };
        let numbers = normal.sample(&shape, Fans::dense(UNITS, UNITS), seed.derive_named(name));
        Tensor::from_fn(shape, |i| numbers[i] as f32)
    });
    let tape = Tape::training(&params, seed);
    let y = model.forward(tape.input(&x));
    // The gradient with respect to `y` is what `y` is multiplied by.
    let inspection = Inspection::of(&tape, (y * tape.input(&back)).sum(..));
    let rows = inspection.rows().iter().cloned();
    let (sums, activations) = rows.partition(|row| row.name.starts_with("sums"));
    Signals { sums, activations }
}

impl Signals {
    fn gradients(&self) -> impl DoubleEndedIterator<Item = &Summary> {
        self.sums.iter().filter_map(|row| row.gradient.as_ref())
    }

    /// The standard deviations of the activations, layer by layer.
    fn deviations(&self) -> Vec<f64> {
        self.activations.iter().map(|row| row.values.deviation).collect()
    }

    /// Those of the gradients.
    fn gradient_deviations(&self) -> Vec<f64> {
        self.gradients().map(|gradient| gradient.deviation).collect()
    }

    /// What the last layer has of the first one's deviation.
    fn kept(&self) -> f64 {
        self.deviations()[LAYERS - 1] / self.deviations()[0]
    }

    /// What the first layer's gradients have of the last one's deviation.
    fn gradients_kept(&self) -> f64 {
        self.gradient_deviations()[0] / self.gradient_deviations()[LAYERS - 1]
    }
}

/// The mean of a function of a standard normal number, by the trapezoidal rule.
fn normal_mean(f: impl Fn(f64) -> f64) -> f64 {
    const STEP: f64 = 1e-3;
    let weighted = |z: f64| f(z) * (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
    (-10_000..=10_000).map(|i| weighted(f64::from(i) * STEP)).sum::<f64>() * STEP
}

/// The mean squares of the layers of infinitely many units, if `σ sqrt(n)` is this gain:
/// `v <- E[tanh(gain sqrt(v) z)²]`, from 1 on.
fn mean_squares(gain: f64) -> impl Iterator<Item = f64> {
    let next = move |v: &f64| Some(normal_mean(|z| (gain * v.sqrt() * z).tanh().powi(2)));
    std::iter::successors(Some(1.0), next).skip(1)
}

/// By how much gradients grow in a layer that begins with such weights and has settled: the root of
/// `gain² E[tanh'(gain sqrt(v) z)²]`.
fn growth_of_gradients(gain: f64) -> f64 {
    let v = mean_squares(gain).nth(LAYERS).unwrap_or(f64::NAN);
    let slope = |z: f64| 1.0 - (gain * v.sqrt() * z).tanh().powi(2);
    gain * normal_mean(|z| slope(z).powi(2)).sqrt()
}

/// Less than this share of a spread does not count as kept.
const KEPT: f64 = 0.1;

fn claim(statement: &str, shares: impl Iterator<Item = f64>, is_kept: bool) -> Claim {
    let share = Spread::of(shares);
    let held = if is_kept { share.is_above(KEPT) } else { share.is_below(KEPT) };
    Claim::new(statement, held).measured(format!(
        "deviation at the other end: {} ± {} of what it was",
        short(share.mean),
        short(share.deviation)
    ))
}

pub(super) fn before_training(run: &Run, section: Section) -> Result<Section, Error> {
    let send_all = |start| run.over_seeds(|seed| Ok(send(start, seed)));
    let [small, large, xavier, relu_xavier, relu_he] = STARTS.map(send_all);
    let all = [small?, large?, xavier?, relu_xavier?, relu_he?];
    let [small, large, xavier, relu_xavier, relu_he] = &all;

    let forward = |statement: &str, signals: &[Signals], is_kept: bool| {
        claim(statement, signals.iter().map(Signals::kept), is_kept)
    };
    let backward = |statement: &str, signals: &[Signals], is_kept: bool| {
        claim(statement, signals.iter().map(Signals::gradients_kept), is_kept)
    };
    let section = section
        .heading("Before training")
        .text(format!(
            "{LAYERS} layers of {UNITS} units get 1,000 standard normal inputs; standard normal \
             gradients are sent back from the last layer. A spread counts as kept if a tenth of it \
             is left at the other end."
        ))
        .claim(forward("With N(0, 0.01) activations collapse to 0", small, false))
        .claim(backward("With N(0, 0.01) gradients vanish on their way back", small, false));
    let recursion: Vec<f64> = mean_squares(1.0).take(LAYERS).map(f64::sqrt).collect();
    let section = claims_of_large(section, large)
        .claim(forward("With tanh, Xavier keeps the spread of activations", xavier, true))
        .claim(backward("With tanh, Xavier keeps the spread of gradients", xavier, true))
        .claim(claim_of_theory(xavier, &recursion))
        .claim(forward("With ReLU, Xavier loses the spread of activations", relu_xavier, false))
        .claim(forward("With ReLU, Xavier-He keeps the spread of activations", relu_he, true))
        .claim(backward("With ReLU, Xavier-He keeps the spread of gradients", relu_he, true));
    Ok(tables(figures(section, &all, &recursion), &all, &recursion))
}

fn claim_of_theory(xavier: &[Signals], recursion: &[f64]) -> Claim {
    let differences = xavier.iter().flat_map(|signals| {
        let pairs = signals.deviations().into_iter().zip(recursion);
        pairs.map(|(found, expected)| (found / expected - 1.0).abs())
    });
    let farthest = differences.fold(0.0, f64::max);
    let statement = "With tanh and Xavier, deviations are those of theory to within 3 %";
    Claim::new(statement, farthest < 0.03).measured(format!(
        "`v <- E[tanh(sqrt(v) z)²]` with a standard normal `z`, `v = 1` at first, is the square of \
         a layer's deviation; off by at most {:.1} % in any layer with any seed",
        100.0 * farthest
    ))
}

fn claims_of_large(section: Section, large: &[Signals]) -> Section {
    let mean = |shares: Vec<f64>| shares.iter().sum::<f64>() / shares.len() as f64;
    let saturated =
        Spread::of(large.iter().map(|signals| {
            mean(signals.activations.iter().filter_map(|row| row.saturated).collect())
        }));
    let zeros = Spread::of(
        large.iter().map(|signals| mean(signals.gradients().map(|row| row.zeros).collect())),
    );
    let kept = Spread::of(large.iter().map(Signals::gradients_kept));
    let growth = kept.mean.powf(1.0 / (LAYERS - 1) as f64);
    let expected = growth_of_gradients((UNITS as f64).sqrt());
    section
        .claim(
            Claim::new("With N(0, 1) most units saturate at ±1", saturated.is_above(0.5)).measured(
                format!(
                    "{:.1} % of the activations let less than a twentieth of the gradient through",
                    100.0 * saturated.mean
                ),
            ),
        )
        .claim(
            Claim::new("With N(0, 1) the gradients of most units are 0", zeros.is_above(0.5))
                .measured(format!("{:.1} % are exactly 0", 100.0 * zeros.mean)),
        )
        .claim(
            Claim::new("With N(0, 1) gradients vanish on their way back", kept.is_below(KEPT))
                .measured(format!("their deviation changes by a factor of {growth:.2} a layer"))
                .otherwise(format!(
                    "The few units that are not saturated pass gradients on through weights so \
                     large that all in all they explode: by `σ sqrt(n E[tanh'²]) = {expected:.2}` \
                     a layer in theory (B. Poole et al., 2016; S. Schoenholz et al., 2017). Zero \
                     are the gradients of most units, and the others' are huge."
                )),
        )
}

fn figures(section: Section, all: &[Vec<Signals>], recursion: &[f64]) -> Section {
    let points =
        |values: Vec<f64>| values.into_iter().enumerate().map(|(i, y)| (i as f64 + 1.0, y));
    let mut forward = Chart::new("Deviation of activations").x("layer").y("deviation").log_y();
    let mut backward = Chart::new("Deviation of gradients").x("layer").y("deviation").log_y();
    for (start, signals) in STARTS.iter().zip(all) {
        forward = forward.line(start.name, points(signals[0].deviations()));
        backward = backward.line(start.name, points(signals[0].gradient_deviations()));
    }
    let forward = forward.points("theory of tanh, Xavier", points(recursion.to_vec()));
    let section = section
        .figure(forward, "What is lost is lost by the same factor in each layer. Seed 1.")
        .figure(backward, "To be read from the right: gradients come from the last layer.");
    let seen = STARTS.iter().zip(CAPTIONS).zip(all);
    seen.fold(section, |section, ((start, captions), signals)| {
        let histograms = |of: &str| Histograms::new(format!("{of}: {}", start.name));
        let Signals { sums, activations } = &signals[0];
        let activations = activations.iter().fold(histograms("Activations"), |figure, row| {
            figure.histogram(&row.name, &row.values.histogram)
        });
        let gradients = sums.iter().filter_map(|row| Some((&row.name, row.gradient.as_ref()?)));
        let gradients = gradients.fold(histograms("Gradients"), |figure, (name, gradient)| {
            figure.histogram(name.replace("sums", "layer"), &gradient.histogram)
        });
        section.figure(activations, captions[0]).figure(gradients, captions[1])
    })
}

fn tables(section: Section, all: &[Vec<Signals>], recursion: &[f64]) -> Section {
    let columns = || STARTS.iter().map(|start| start.name);
    let mean =
        |signals: &[Signals], of: &dyn Fn(&Signals) -> f64| Spread::of(signals.iter().map(of)).mean;
    let mut forward = Table::new(["layer", "theory of tanh, Xavier"].into_iter().chain(columns()));
    let mut backward = Table::new(std::iter::once("layer").chain(columns()));
    for (i, theory) in recursion.iter().enumerate() {
        let layer = (i + 1).to_string();
        let activations = all.iter().map(|signals| {
            let center = mean(signals, &|signals| signals.activations[i].values.mean);
            let deviation = mean(signals, &|signals| signals.activations[i].values.deviation);
            format!("{} ± {}", short(center), short(deviation))
        });
        let theory = format!("0 ± {theory:.4}");
        forward.row([layer.clone(), theory].into_iter().chain(activations));
        let gradients =
            all.iter().map(|signals| short(mean(signals, &|row| row.gradient_deviations()[i])));
        backward.row(std::iter::once(layer).chain(gradients));
    }
    section
        .text(
            "Mean ± standard deviation of the activations of each layer, averaged over the seeds.",
        )
        .table(forward)
        .text("Standard deviation of the gradients with respect to each layer's sums.")
        .table(backward)
}

/// A number that may be very small.
fn short(x: f64) -> String {
    if x.abs() < 1e-3 || x.abs() >= 1e3 { format!("{x:.1e}") } else { format!("{x:.3}") }
}
