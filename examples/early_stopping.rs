//! Early stopping: train as long as the validation loss falls, wait a few epochs more, and keep the
//! weights of the best one.

use std::path::Path;
use std::process::ExitCode;

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Experiments, Run, Section, Spread, Table};
use gradtape::train::History;

/// How many epochs without improvement are waited for; the last setting never stops.
const PATIENCE: [Option<usize>; 4] = [Some(1), Some(3), Some(6), None];

fn network(inputs: usize, params: &mut Params) -> Sequential {
    Sequential::new()
        .then(Dense::new(inputs, 512).init(HeNormal).build(params, "hidden"))
        .then(Relu)
        .then(Dense::new(512, 10).build(params, "output"))
}

/// What came of one training.
struct Trained {
    history: History,
    /// Loss and accuracy on the validation data with the weights that are left.
    loss: f64,
    accuracy: f64,
    /// Whether those are the weights of the checkpoint.
    as_saved: bool,
}

impl Trained {
    /// The epoch, from 0, with the lowest validation loss, and that loss.
    fn best(&self) -> (usize, f64) {
        self.history.best("val_loss").unwrap_or((0, f64::NAN))
    }
}

fn train(
    (train, valid): &(Dataset, Dataset),
    epochs: usize,
    patience: Option<usize>,
    seed: Seed,
    folder: &Path,
) -> Result<Trained, Error> {
    let mut params = Params::new(seed);
    let model = network(train.x().shape()[1], &mut params);
    let mut trainer =
        Trainer::new(&model, RmsProp::new(1e-3), loss::cross_entropy).metric(Accuracy);

    let waiting = patience.map_or("to_the_end".into(), |epochs| format!("patience{epochs}"));
    let path = folder.join(format!("{waiting}_seed{}.safetensors", seed.0));
    let mut fit = trainer.fit(&mut params, train).epochs(epochs).batch_size(64).seed(seed).silent();
    if let Some(epochs) = patience {
        fit = fit.callback(EarlyStopping::new("val_loss").patience(epochs));
    }
    let best = ModelCheckpoint::new(&path).best("val_loss");
    let history = fit.callback(best).validation(valid).run()?;

    let left = trainer.evaluate(&params, valid)?;
    let accuracy = left.get("accuracy").unwrap_or(f64::NAN);
    let mut saved = params.clone();
    saved.load(&path)?;
    let as_saved = saved.flat() == params.flat();
    std::fs::remove_file(&path).map_err(|source| Error::Io { path, source })?;
    Ok(Trained { history, loss: left.loss, accuracy, as_saved })
}

pub(crate) fn experiment(run: &Run) -> Result<Section, Error> {
    // Few of the built-in examples, so that there is something to overfit.
    let built_in = || datasets::mnist5k()?.split_at(1500);
    let numbers = [1..=run.all_or(1500), 1..=run.all_or(1000)];
    let data = run.data_or("mnist5k", built_in, numbers)?;
    let epochs = run.full_or_quick(40, 20);
    let settings =
        run.over(&PATIENCE, |&patience, seed| train(&data, epochs, patience, seed, run.folder()))?;
    let [_, patient, _, to_the_end] = &settings[..] else { unreachable!("one result a setting") };

    let section = Section::new("Early stopping").text(
        "The training loss falls as long as one trains, the validation loss only as long as what is \
         learned holds for other examples, too. Patience is the number of epochs that one waits for \
         it to fall again: it is noisy, and the first rise need not be the last word.",
    );
    Ok(claims(section, epochs, patient, to_the_end)
        .figure(
            Chart::new("Losses by epoch")
                .x("epoch")
                .y("loss")
                .runs("training", &column(to_the_end, "loss"))
                .runs("validation", &column(to_the_end, "val_loss")),
            "Trained to the end: means over the seeds, and the range from the lowest to the highest.",
        )
        .figure(
            Chart::learning_curves(&patient[0].history),
            "Seed 1, stopped. The mark is where `History::diagnose` sees that the model overfits.",
        )
        .table(table(&settings))
        .code_of(include_str!("early_stopping.rs"), "fn train("))
}

fn claims(section: Section, epochs: usize, stopped: &[Trained], to_the_end: &[Trained]) -> Section {
    let rise = Spread::of(to_the_end.iter().map(|run| run.loss - run.best().1));
    let learning = to_the_end
        .iter()
        .all(|run| run.history.last("loss") < Some(run.history["loss"][run.best().0]));
    let patience = PATIENCE[1].unwrap_or_default();
    let on_time = stopped.iter().all(|run| run.history.epochs() == run.best().0 + 1 + patience);
    let used: usize = stopped.iter().map(|run| run.history.epochs()).sum();
    let saved = 100.0 - 100.0 * used as f64 / (epochs * stopped.len()) as f64;
    let off = stopped.iter().map(|run| (run.loss - run.best().1).abs()).fold(0.0, f64::max);
    let as_saved = stopped.iter().all(|run| run.as_saved);
    let accuracy = |runs: &[Trained]| runs.iter().map(|run| run.accuracy).collect::<Vec<_>>();
    let gain = Spread::of_differences(accuracy(stopped), accuracy(to_the_end));
    let loss = |runs: &[Trained]| runs.iter().map(|run| run.loss).collect::<Vec<_>>();
    let less = Spread::of_differences(loss(stopped), loss(to_the_end));
    section
        .claim(
            Claim::new(
                "The validation loss rises again while the training loss still falls",
                rise.is_above(0.0) && learning,
            )
            .measured(format!("it ends {rise} above its lowest value")),
        )
        .claim(
            Claim::new(
                format!("Training ends {patience} epochs after the best one: the patience"),
                on_time,
            )
            .measured(format!("{saved:.0} % of the epochs are saved"))
            .otherwise("Some run was still improving when its epochs were used up."),
        )
        .claim(
            Claim::new(
                "The weights of the best epoch are put back, and are those of the checkpoint",
                off < 1e-6 && as_saved,
            )
            .measured(format!(
                "their loss is at most {off:.0e} off the lowest; bit for bit those of the file: \
                 {as_saved}"
            )),
        )
        .claim(
            Claim::new(
                "The loss of what is left is lower than after training to the end",
                less.is_below(0.0),
            )
            .measured(format!("difference {less}")),
        )
        .claim(
            Claim::new("Stopping early costs no accuracy", !gain.is_below(0.0))
                .measured(format!("accuracy, stopped less to the end: {gain}"))
                .otherwise(
                    "The loss rises because wrong answers grow more confident, not because there are \
                     more of them: accuracy goes on improving a little. Where accuracy is what \
                     counts, it is what should be watched.",
                ),
        )
}

/// A quantity by epoch, run by run.
fn column<'a>(runs: &'a [Trained], name: &str) -> Vec<&'a [f64]> {
    runs.iter().map(|run| &run.history[name]).collect()
}

fn table(settings: &[Vec<Trained>]) -> Table {
    let mut table = Table::new(["patience", "epochs", "best epoch", "loss", "accuracy"]);
    for (patience, runs) in PATIENCE.iter().zip(settings) {
        let spread = |f: &dyn Fn(&Trained) -> f64| Spread::of(runs.iter().map(f));
        table.row([
            patience.map_or("to the end".into(), |epochs| epochs.to_string()),
            format!("{:.1}", spread(&|run| run.history.epochs() as f64)),
            format!("{:.1}", spread(&|run| (run.best().0 + 1) as f64)),
            spread(&|run| run.loss).to_string(),
            spread(&|run| run.accuracy).to_string(),
        ]);
    }
    table
}

fn main() -> ExitCode {
    Experiments::new("Early stopping", "target/early_stopping")
        .command("cargo run --release --example")
        .add("early_stopping", experiment)
        .main()
}
