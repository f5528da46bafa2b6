//! Early stopping: train as long as the validation loss falls, wait a few epochs more, and keep the
//! weights of the best one.

use std::process::ExitCode;

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Experiments, Run, Section, Spread, Table};
use gradtape::train::History;

const PATIENCE: usize = 3;

fn network(inputs: usize, params: &mut Params) -> Sequential {
    Sequential::new()
        .then(Dense::new(inputs, 512).init(HeNormal).build(params, "hidden"))
        .then(Relu)
        .then(Dense::new(512, 10).build(params, "output"))
}

/// What came of one training: its history, and loss and accuracy of the weights that it left.
struct Trained {
    history: History,
    loss: f64,
    accuracy: f64,
}

fn train(
    (train, valid): &(Dataset, Dataset),
    epochs: usize,
    stopping: Option<EarlyStopping>,
    seed: Seed,
) -> Result<Trained, Error> {
    let mut params = Params::new(seed);
    let model = network(train.x().shape()[1], &mut params);
    let mut trainer =
        Trainer::new(&model, RmsProp::new(1e-3), loss::cross_entropy).metric(Accuracy);
    let mut fit = trainer.fit(&mut params, train).epochs(epochs).batch_size(64).seed(seed).silent();
    if let Some(stopping) = stopping {
        fit = fit.callback(stopping);
    }
    let history = fit.validation(valid).run()?;
    let end = trainer.evaluate(&params, valid)?;
    Ok(Trained { history, loss: end.loss, accuracy: end.get("accuracy").unwrap_or(f64::NAN) })
}

pub(crate) fn experiment(run: &Run) -> Result<Section, Error> {
    let data = run.data_or(|| datasets::mnist5k()?.take(2500).split_at(1500))?;
    let epochs = run.full_or_quick(40, 20);
    let to_the_end = run.over_seeds(|seed| train(&data, epochs, None, seed))?;
    let stopped = run.over_seeds(|seed| {
        let stopping = EarlyStopping::new("val_loss").patience(PATIENCE);
        train(&data, epochs, Some(stopping), seed)
    })?;

    let mut table = Table::new([
        "seed",
        "best epoch",
        "stopped after",
        "loss",
        "to the end",
        "accuracy",
        "to the end",
    ]);
    for (seed, (early, late)) in run.seeds().zip(stopped.iter().zip(&to_the_end)) {
        let (best, _) = early.history.best("val_loss").unwrap_or_default();
        table.row([
            seed.0.to_string(),
            (best + 1).to_string(),
            early.history.epochs().to_string(),
            format!("{:.4}", early.loss),
            format!("{:.4}", late.loss),
            format!("{:.4}", early.accuracy),
            format!("{:.4}", late.accuracy),
        ]);
    }

    let rise = Spread::of(to_the_end.iter().map(|run| {
        let best = run.history.best("val_loss").map_or(f64::NAN, |(_, loss)| loss);
        run.loss - best
    }));
    let still_falling = to_the_end.iter().all(|run| {
        let best = run.history.best("val_loss").map_or(0, |(epoch, _)| epoch);
        run.history.last("loss") < Some(run.history["loss"][best])
    });
    let waited = stopped.iter().all(|run| {
        let best = run.history.best("val_loss").map_or(0, |(epoch, _)| epoch);
        run.history.epochs() == best + 1 + PATIENCE
    });
    let restored = stopped.iter().map(|run| {
        (run.loss - run.history.best("val_loss").map_or(f64::NAN, |(_, loss)| loss)).abs()
    });
    let farthest = restored.fold(0.0, f64::max);
    let accuracy = |runs: &[Trained]| runs.iter().map(|run| run.accuracy).collect::<Vec<_>>();
    let gain = Spread::of_differences(accuracy(&stopped), accuracy(&to_the_end));
    let saved = 1.0
        - stopped.iter().map(|run| run.history.epochs()).sum::<usize>() as f64
            / (epochs * stopped.len()) as f64;

    Ok(Section::new("Early stopping")
        .text(
            "The training loss falls as long as one trains; the validation loss only as long as what \
             is learned holds for other examples, too. Patience is the number of epochs that one \
             waits for it to fall again.",
        )
        .claim(
            Claim::new("The validation loss rises while the training loss still falls",
                rise.is_above(0.0) && still_falling)
                .measured(format!("it ends {rise} above its lowest value")),
        )
        .claim(
            Claim::new(format!("Training ends {PATIENCE} epochs after the best one"), waited)
                .measured(format!("{:.0} % of the epochs saved", 100.0 * saved))
                .otherwise("Some run was still improving when its epochs were used up."),
        )
        .claim(
            Claim::new("The weights of the best epoch are put back", farthest < 1e-6)
                .measured(format!("their loss differs from the lowest by at most {farthest:.0e}")),
        )
        .claim(
            Claim::new("Stopping early costs no accuracy", !gain.is_below(0.0))
                .measured(format!("accuracy, stopped less to the end: {gain}"))
                .otherwise(
                    "The loss rises because wrong answers grow more confident, and the right ones \
                     do not become fewer by that: accuracy may go on improving. If accuracy is \
                     what counts, it is what should be watched.",
                ),
        )
        .figure(
            Chart::learning_curves(&to_the_end[0].history),
            "Trained to the end, seed 1. The mark is where `History::diagnose` sees it overfit.",
        )
        .figure(Chart::learning_curves(&stopped[0].history), "The same, stopped early.")
        .table(table)
        .code_of(include_str!("early_stopping.rs"), "fn train("))
}

fn main() -> ExitCode {
    Experiments::new("Early stopping", "", "target/early_stopping")
        .command("cargo run --release --example")
        .add("early_stopping", experiment)
        .main()
}
