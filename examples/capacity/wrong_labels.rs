//! A growing share of training examples with wrong labels.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Run, Section, Spread, Table};
use gradtape::train::History;

use super::network;

/// In percent.
const SHARES: [u64; 4] = [0, 10, 20, 40];

/// The same images, some of them labelled as another digit, any of the nine as likely. Those that
/// are wrong at a smaller share are so at a larger one.
fn mislabelled(data: &Dataset, percent: u64, seed: Seed) -> Result<Dataset, Error> {
    let labels = data.y().data().iter().zip(0..).map(|(&label, row)| {
        let chance = seed.derive(row).0;
        let other = 1 + (chance / 100 % 9) as u32;
        if chance % 100 < percent { (label + other) % 10 } else { label }
    });
    Dataset::new(data.x().clone(), Indices::from(labels.collect::<Vec<_>>()))
}

struct Trained {
    history: History,
    /// The share of training examples whose label, right or wrong, was learned.
    learned: f64,
}

impl Trained {
    fn accuracy(&self) -> f64 {
        self.history.last("val_accuracy").unwrap_or(f64::NAN)
    }

    /// The accuracy after the epoch with the lowest validation loss.
    fn best_accuracy(&self) -> f64 {
        let best = self.history.best("val_loss");
        best.map_or(f64::NAN, |(epoch, _)| self.history["val_accuracy"][epoch])
    }
}

fn train(
    percent: u64,
    (train, valid): &(Dataset, Dataset),
    epochs: usize,
    seed: Seed,
) -> Result<Trained, Error> {
    let train = mislabelled(train, percent, seed.derive_named("labels"))?;
    let mut params = Params::new(seed);
    let model = network(train.x().shape()[1], 1, 64, 10, &mut params);
    let mut trainer = Trainer::new(&model, Adam::new(1e-3), loss::cross_entropy).metric(Accuracy);
    let fit = trainer.fit(&mut params, &train).epochs(epochs).batch_size(50);
    let history = fit.seed(seed).validation(valid).silent().run()?;
    let learned = trainer.evaluate(&params, &train)?.get("accuracy").unwrap_or(f64::NAN);
    Ok(Trained { history, learned })
}

pub(super) fn add_to(section: Section, run: &Run) -> Result<Section, Error> {
    let built_in = || datasets::mnist5k()?.split_at(4000);
    let numbers = [2000..=2000, 1..=run.full_or_quick(1000, 500)];
    let data = run.data_or("mnist5k", built_in, numbers)?;
    let epochs = run.full_or_quick(40, 20);
    let runs = run.over(&SHARES, |&percent, seed| train(percent, &data, epochs, seed))?;

    let accuracy = |runs: &[Trained]| runs.iter().map(Trained::accuracy).collect::<Vec<_>>();
    let lost = runs.iter().map(|wrong| Spread::of_differences(accuracy(&runs[0]), accuracy(wrong)));
    let lost: Vec<Spread> = lost.collect();
    let each_step_hurts = runs
        .windows(2)
        .all(|pair| Spread::of_differences(accuracy(&pair[1]), accuracy(&pair[0])).is_below(0.0));

    let mut table = Table::new([
        "wrong labels",
        "training labels learned",
        "validation accuracy",
        "lost by wrong labels",
        "accuracy at the lowest loss",
    ]);
    let mut chart = Chart::new("Wrong labels").x("epoch").y("validation accuracy");
    for ((percent, runs), lost) in SHARES.iter().zip(&runs).zip(&lost) {
        let spread = |of: fn(&Trained) -> f64| Spread::of(runs.iter().map(of));
        let numbers = [
            spread(|run| run.learned),
            spread(Trained::accuracy),
            *lost,
            spread(Trained::best_accuracy),
        ];
        let numbers = numbers.map(|spread| format!("{spread:.3}"));
        table.row(std::iter::once(format!("{percent} %")).chain(numbers));
        let curves = runs.iter().map(|run| &run.history["val_accuracy"]);
        chart = chart.runs(format!("{percent} % wrong"), &curves.collect::<Vec<_>>());
    }

    Ok(section
        .heading("Images: wrong labels")
        .text(
            "2,000 images, so few on purpose that wrong labels can be learned by heart; 0, 10, 20 or \
             40 % are labelled as some other class. The labels of the validation data are right. One \
             hidden layer of 64 units.",
        )
        .claim(
            Claim::new("The more training examples are labelled wrong, the lower the accuracy", each_step_hurts)
                .measured(format!(
                    "accuracy lost: {:.3} at 10 %, {:.3} at 20 %, {:.3} at 40 %",
                    lost[1], lost[2], lost[3]
                )),
        )
        .figure(
            chart,
            "What is common to many examples is learned first, then the wrong labels by heart: \
             where accuracy falls again, that is what is being learned.",
        )
        .table(table)
        .code_of(include_str!("wrong_labels.rs"), "fn mislabelled"))
}
