//! What regularization achieves in the end: L2, dropout, both and neither, in the same network on the
//! same reviews.

use std::process::ExitCode;

use gradtape::Error;
use gradtape::optim::Epsilon;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Experiments, Heatmap, Run, Section, Spread, Table};
use gradtape::train::{ConfusionMatrix, History, Verdict};

const EPOCHS: usize = 40;

/// How many times as late is much later.
const MUCH: f64 = 1.5;

/// The strength of L2 as Keras states it, `lambda * sum w^2`, and the rate of dropout.
#[derive(Clone, Copy)]
struct Regularization {
    name: &'static str,
    l2: f64,
    dropout: f64,
}

const REGULARIZATIONS: [Regularization; 4] = [
    Regularization { name: "neither", l2: 0.0, dropout: 0.0 },
    Regularization { name: "L2", l2: 0.001, dropout: 0.0 },
    Regularization { name: "dropout", l2: 0.0, dropout: 0.5 },
    Regularization { name: "both", l2: 0.001, dropout: 0.5 },
];

fn network(by: Regularization, params: &mut Params) -> Sequential {
    // `L2` has a factor of 1/2 in it.
    let hidden =
        |inputs| Dense::new(inputs, 16).init(HeNormal.truncated()).penalty(L2(2.0 * by.l2));
    Sequential::new()
        .then(hidden(10_000).build(params, "first"))
        .then(Relu)
        .then(Dropout(by.dropout))
        .then(hidden(16).build(params, "second"))
        .then(Relu)
        .then(Dropout(by.dropout))
        .then(Dense::new(16, 1).build(params, "output"))
}

type Reviews = Dataset<SparseRows, Tensor>;

struct Trained {
    history: History,
    params: Params,
    confusion: ConfusionMatrix,
}

fn train(
    by: Regularization,
    (train, valid): &(Reviews, Reviews),
    seed: Seed,
) -> Result<Trained, Error> {
    let mut params = Params::new(seed);
    let model = network(by, &mut params);
    let optimizer = RmsProp::new(1e-3).eps(Epsilon::Inside(1e-7));
    let mut trainer = Trainer::new(&model, optimizer, loss::binary_cross_entropy).metric(Accuracy);
    let fit = trainer.fit(&mut params, train).epochs(EPOCHS).batch_size(512);
    let history = fit.seed(seed).validation(valid).silent().run()?;
    let confusion = ConfusionMatrix::of(&trainer.predict(&params, valid.x())?, valid.y())?;
    Ok(Trained { history, params, confusion })
}

/// The epoch, counted from 1, since which the network overfits; the last one if it does not.
fn overfits_since(run: &Trained) -> f64 {
    match run.history.diagnose().map(|diagnosis| diagnosis.verdict()) {
        Ok(Verdict::Overfitting { since, .. }) => (since + 1) as f64,
        _ => EPOCHS as f64,
    }
}

fn lowest_loss(run: &Trained) -> f64 {
    run.history.best("val_loss").map_or(f64::NAN, |(_, loss)| loss)
}

fn final_loss(run: &Trained) -> f64 {
    run.history.last("val_loss").unwrap_or(f64::NAN)
}

/// How far the validation loss ends above its lowest value.
fn rise(run: &Trained) -> f64 {
    final_loss(run) - lowest_loss(run)
}

/// The accuracy after the epoch with the lowest loss.
fn best_accuracy(run: &Trained) -> f64 {
    run.history.best("val_loss").map_or(f64::NAN, |(epoch, _)| run.history["val_accuracy"][epoch])
}

fn final_accuracy(run: &Trained) -> f64 {
    run.history.last("val_accuracy").unwrap_or(f64::NAN)
}

/// A quantity of runs less that of others with the same seeds.
fn difference(a: &[Trained], b: &[Trained], of: fn(&Trained) -> f64) -> Spread {
    Spread::of_differences(a.iter().map(of), b.iter().map(of))
}

/// A quantity with each regularization, in words.
fn each(runs: &[Vec<Trained>], of: fn(&Trained) -> f64, digits: usize) -> String {
    let words = REGULARIZATIONS
        .iter()
        .zip(runs)
        .map(|(by, runs)| format!("{:.digits$} with {}", Spread::of(runs.iter().map(of)), by.name));
    words.collect::<Vec<_>>().join(", ")
}

pub(crate) fn experiment(run: &Run) -> Result<Section, Error> {
    let data = datasets::reviews()?.numeric_labels().split_at(8000)?;
    run.note("Sentences of `datasets::reviews`.");
    let runs = run.over(&REGULARIZATIONS, |&by, seed| train(by, &data, seed))?;
    let section = Section::new("Model results").text(
        "The network that closes the lecture, two hidden layers of 16 units, on 8,000 sentences of \
         movie reviews, with 2,485 more to validate: with L2 penalties `0.001 sum w^2` of its hidden \
         layers, with dropout of half of their units, with both and with neither. Losses are those \
         of the data, without penalties.",
    );
    let (neither, both) = (&runs[0][0], &runs[3][0]);
    Ok(claims(section, &runs)
        .figure(
            curves("Validation loss", "val_loss", &runs),
            "Each curve falls, then rises as the network overfits: the later and the flatter, the \
             better it is regularized. Means of all seeds, in bands from the lowest to the highest.",
        )
        .figure(
            curves("Validation accuracy", "val_accuracy", &runs),
            "Accuracy suffers less than the loss. With dropout it takes more epochs to get there.",
        )
        .table(table(&runs))
        .heading("One of the networks")
        .figure(
            Heatmap::of_confusion(&neither.confusion),
            "Seed 1 without regularization, after the last epoch: 0 is a negative review, 1 a \
             positive one.",
        )
        .figure(Heatmap::of_confusion(&both.confusion), "The same with L2 and dropout.")
        .table(Table::of_params(&both.params))
        .code_of(include_str!("model_results.rs"), "fn network"))
}

fn claims(section: Section, runs: &[Vec<Trained>]) -> Section {
    let [neither, l2, dropout, both] = runs else { return section };
    let early = |run: &Trained| 3.0 * overfits_since(run) < EPOCHS as f64;
    let rises = Spread::of(neither.iter().map(rise));
    let mut section = section.claim(
        Claim::new(
            "Without regularization the network overfits from an early epoch on",
            rises.is_above(0.0) && neither.iter().all(early),
        )
        .measured(format!(
            "since epoch {:.1} of {EPOCHS}; its validation loss ends {rises:.3} above the lowest",
            Spread::of(neither.iter().map(overfits_since))
        )),
    );
    for (name, regularized) in [("L2", l2), ("dropout", dropout)] {
        let pairs = regularized.iter().zip(neither);
        let later = Spread::of(pairs.map(|(run, bare)| overfits_since(run) / overfits_since(bare)));
        let flatter = Spread::of(regularized.iter().map(rise)).mean / rises.mean;
        let lower = difference(regularized, neither, final_loss);
        section = section
            .claim(
                Claim::new(format!("With {name} it overfits much later"), later.is_above(MUCH))
                    .measured(format!("{later:.2} times as late; {MUCH} times is taken for much"))
                    .otherwise(format!(
                        "The validation loss begins to rise only so much later. What changes more is \
                         how far it rises: {flatter:.2} times as far.",
                    )),
            )
            .claim(
                Claim::new(format!("With {name} its validation loss ends lower"), lower.is_below(0.0))
                    .measured(format!("final loss, with {name} less with neither: {lower:.3}")),
            );
    }
    let least = |of: fn(&Trained) -> f64| {
        [neither, l2, dropout].iter().all(|other| difference(both, other, of).is_below(0.0))
    };
    let more_accurate = [l2, dropout, both].map(|runs| difference(runs, neither, final_accuracy));
    section
        .claim(
            Claim::new("L2 and dropout together resist overfitting most", least(rise)).measured(
                format!("the loss ends above its lowest value by {}", each(runs, rise, 3)),
            ),
        )
        .claim(
            Claim::new("Together they end with the lowest validation loss", least(final_loss))
                .measured(each(runs, final_loss, 3)),
        )
        .claim(
            Claim::new(
                "Whatever regularizes raises the final accuracy",
                more_accurate.iter().all(|more| more.is_above(0.0)),
            )
            .measured(each(runs, final_accuracy, 4))
            .otherwise(format!(
                "There is little accuracy to win back. From its best epoch to the last the loss of the \
                 network without regularization grows {:.1}-fold, its accuracy falls by {:.4} only: \
                 wrong answers grow more confident rather than more numerous.",
                Spread::of(neither.iter().map(|run| final_loss(run) / lowest_loss(run))).mean,
                Spread::of(neither.iter().map(|run| best_accuracy(run) - final_accuracy(run))).mean,
            )),
        )
}

fn curves(title: &str, name: &str, runs: &[Vec<Trained>]) -> Chart {
    let chart = Chart::new(title).x("epoch").y(title.to_lowercase());
    REGULARIZATIONS.iter().zip(runs).fold(chart, |chart, (by, runs)| {
        let curves: Vec<&[f64]> = runs.iter().map(|run| &run.history[name]).collect();
        chart.runs(by.name, &curves)
    })
}

fn table(runs: &[Vec<Trained>]) -> Table {
    let mut table = Table::new([
        "regularized by",
        "overfits since",
        "lowest validation loss",
        "final loss",
        "accuracy at the lowest loss",
        "final accuracy",
    ]);
    for (by, runs) in REGULARIZATIONS.iter().zip(runs) {
        let spread = |of: fn(&Trained) -> f64| Spread::of(runs.iter().map(of));
        let quantities = [lowest_loss, final_loss, best_accuracy, final_accuracy];
        let quantities = quantities.map(|of| spread(of).to_string());
        let first = [by.name.to_string(), format!("{:.1}", spread(overfits_since))];
        table.row(first.into_iter().chain(quantities));
    }
    table
}

fn main() -> ExitCode {
    Experiments::new("Model results", "target/model_results")
        .command("cargo run --release --example")
        .add("model_results", experiment)
        .main()
}
