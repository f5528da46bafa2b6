//! Which networks of ten layers learn images.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Run, Section, Spread, Table};

use super::{Deep, LARGE, LAYERS, RELU_HE, RELU_XAVIER, SAME, SMALL, Start, XAVIER};

const STARTS: [Start; 6] = [SAME, SMALL, LARGE, XAVIER, RELU_XAVIER, RELU_HE];

const UNITS: usize = 100;

const RATES: [f64; 4] = [0.003, 0.01, 0.03, 0.1];

/// What came of one training.
struct Trained {
    losses: Vec<f64>,
    accuracy: f64,
    /// Whether the units of each layer have the same weights, to the bit.
    alike: bool,
    /// Whether the weights of all layers are others than they were.
    moved: bool,
}

fn train(
    (train, test): &(Dataset, Dataset),
    epochs: usize,
    start: Start,
    rate: f64,
    seed: Seed,
) -> Result<Trained, Error> {
    let mut params = Params::new(seed);
    let deep = Deep::new(train.x().shape()[1], UNITS, start, &mut params);
    let ids = deep.layers.iter().flat_map(|layer| [Some(layer.kernel()), layer.bias()]);
    let ids: Vec<ParamId> = ids.flatten().collect();
    let output = (start.weights)(Dense::new(UNITS, 10)).build(&mut params, "output");
    let model = Sequential::new().then(deep).then(output);
    let before = params.clone();

    let mut trainer =
        Trainer::new(&model, Momentum::new(rate), loss::cross_entropy).metric(Accuracy);
    let fit = trainer.fit(&mut params, train).epochs(epochs).batch_size(32).seed(seed);
    let losses = match fit.silent().run() {
        Ok(history) => history["loss"].to_vec(),
        // Too large a rate is one of the outcomes.
        Err(Error::Diverged { .. }) => vec![f64::INFINITY; epochs],
        Err(error) => return Err(error),
    };
    let accuracy = trainer.evaluate(&params, test)?.get("accuracy").unwrap_or(f64::NAN);
    let is_alike = |id: &ParamId| {
        let mut rows = params.values(*id).chunks(UNITS);
        rows.all(|row| row.iter().all(|weight| weight.to_bits() == row[0].to_bits()))
    };
    let has_moved = |id: &ParamId| params.values(*id) != before.values(*id);
    let (alike, moved) = (ids.iter().all(is_alike), ids.iter().all(has_moved));
    Ok(Trained { losses, accuracy, alike, moved })
}

/// All trainings from one start: for each rate, with each seed.
struct Trainings {
    start: Start,
    runs: Vec<Vec<Trained>>,
    /// The place of the best rate.
    best: usize,
}

impl Trainings {
    fn new(start: Start, runs: Vec<Vec<Trained>>) -> Self {
        let loss = |runs: &[Trained]| Spread::of(runs.iter().map(Trained::last_loss)).mean;
        let best = (0..runs.len()).min_by(|&a, &b| loss(&runs[a]).total_cmp(&loss(&runs[b])));
        Self { start, runs, best: best.unwrap_or(0) }
    }

    /// A quantity with each seed, at the best rate.
    fn each(&self, of: fn(&Trained) -> f64) -> Vec<f64> {
        self.runs[self.best].iter().map(of).collect()
    }

    fn accuracy(&self) -> Spread {
        Spread::of(self.each(|run| run.accuracy))
    }
}

impl Trained {
    /// The loss over the last epoch.
    fn last_loss(&self) -> f64 {
        self.losses.last().copied().unwrap_or(f64::NAN)
    }
}

pub(super) fn on_images(run: &Run, section: Section) -> Result<Section, Error> {
    let built_in = || datasets::mnist5k()?.split_at(4000);
    let numbers = [1..=run.all_or(2000), 1..=run.all_or(1000)];
    let data = run.data_or("mnist5k", built_in, numbers)?;
    let epochs = run.full_or_quick(10, 3);
    let trainings = |start| -> Result<Trainings, Error> {
        let runs = run.over(&RATES, |&rate, seed| train(&data, epochs, start, rate, seed))?;
        Ok(Trainings::new(start, runs))
    };
    let [same, small, large, xavier, relu_xavier, relu_he] = STARTS.map(trainings);
    let all = [same?, small?, large?, xavier?, relu_xavier?, relu_he?];
    let [same, small, large, xavier, relu_xavier, relu_he] = &all;

    let mut table = Table::new(["start", "best rate", "loss of the last epoch", "accuracy"]);
    let mut curves =
        Chart::new("Training loss, each at its best rate").x("epoch").y("loss").log_y();
    for trainings in &all {
        let Trainings { start, runs, best } = trainings;
        let losses: Vec<_> = runs[*best].iter().map(|run| run.losses.clone()).collect();
        curves = curves.runs(start.name, &losses);
        let loss = Spread::of(trainings.each(Trained::last_loss));
        let accuracy = format!("{:.3}", trainings.accuracy());
        table.row([start.name.into(), RATES[*best].to_string(), format!("{loss:.3}"), accuracy]);
    }

    // Of all trainings, how many leave the units of each layer alike, but other than they were.
    let count_alike = |trainings: &Trainings| {
        let runs = trainings.runs.iter().flatten();
        (runs.clone().filter(|run| run.alike && run.moved).count(), runs.count())
    };
    let (alike, trained) = count_alike(same);
    let (alike_by_chance, _) = count_alike(xavier);
    let less =
        Spread::of_differences(same.each(|run| run.accuracy), xavier.each(|run| run.accuracy));
    let faster = Spread::of_differences(
        relu_he.each(Trained::last_loss),
        relu_xavier.each(Trained::last_loss),
    );
    let does_not_learn = |weights: &str, trainings: &Trainings| {
        Claim::new(
            format!("With {weights} the network does not learn"),
            trainings.accuracy().is_below(0.2),
        )
        .measured(format!("accuracy, 0.1 by chance: {:.3}", trainings.accuracy()))
    };
    Ok(section
        .heading("Training")
        .text(format!(
            "{LAYERS} layers of {UNITS} units and an output layer, all of which start in the same \
             way, on {} images. The optimizer is SGD with momentum, which takes \
             gradients as large as they are, at the best of the rates {RATES:?}.",
            data.0.len()
        ))
        .claim(
            Claim::new(
                "If all weights start the same, all units of a layer stay the same, to the bit",
                alike == trained && alike_by_chance == 0,
            )
            .measured(format!(
                "after {alike} of {trained} trainings, in all layers, although the weights have \
                 moved; with Xavier after {alike_by_chance}"
            )),
        )
        .claim(
            Claim::new(
                "If all weights start the same, the network learns less",
                less.is_below(0.0),
            )
            .measured(format!(
                "accuracy: {:.3} against {:.3} with Xavier",
                same.accuracy(),
                xavier.accuracy()
            )),
        )
        .claim(does_not_learn("N(0, 0.01)", small))
        .claim(does_not_learn("N(0, 1)", large))
        .claim(
            Claim::new("With tanh and Xavier it learns", xavier.accuracy().is_above(0.8))
                .measured(format!("accuracy: {:.3}", xavier.accuracy())),
        )
        .claim(
            Claim::new("With ReLU it learns faster from Xavier-He", faster.is_below(0.0)).measured(
                format!(
                    "loss of the last epoch: {:.3} against {:.3} from Xavier",
                    Spread::of(relu_he.each(Trained::last_loss)),
                    Spread::of(relu_xavier.each(Trained::last_loss))
                ),
            ),
        )
        .figure(curves, "Mean over the seeds, from the lowest to the highest.")
        .table(table))
}
