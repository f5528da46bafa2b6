//! A small, a medium and a large network on reviews.

use gradtape::Error;
use gradtape::optim::Epsilon;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Run, Section, Spread};
use gradtape::train::History;

use super::{best_epoch, network};

const UNITS: [usize; 3] = [4, 16, 64];

fn train(
    units: usize,
    (train, valid): &(Dataset<SparseRows, Tensor>, Dataset<SparseRows, Tensor>),
    seed: Seed,
) -> Result<History, Error> {
    let mut params = Params::new(seed);
    let model = network(train.x().shape()[1], 2, units, 1, &mut params);
    let optimizer = RmsProp::new(1e-3).eps(Epsilon::Inside(1e-7));
    let mut trainer = Trainer::new(&model, optimizer, loss::binary_cross_entropy).metric(Accuracy);
    let fit = trainer.fit(&mut params, train).epochs(40).batch_size(512);
    fit.seed(seed).validation(valid).silent().run()
}

/// How far the validation loss ends above its lowest value.
fn rise(history: &History) -> f64 {
    let lowest = history.best("val_loss").map_or(f64::NAN, |(_, loss)| loss);
    history.last("val_loss").map_or(f64::NAN, |last| last - lowest)
}

pub(super) fn add_to(section: Section, run: &Run) -> Result<Section, Error> {
    let data = datasets::reviews()?.numeric_labels().split_at(8000)?;
    run.note("For the part on reviews `datasets::reviews`, to which `--data` does not apply.");
    let [small, medium, large] =
        UNITS.map(|units| run.over_seeds(|seed| train(units, &data, seed)));
    let (small, medium, large) = (small?, medium?, large?);

    let difference = |a: &[History], b: &[History], of: fn(&History) -> f64| {
        Spread::of_differences(a.iter().map(of), b.iter().map(of))
    };
    let later = difference(&small, &medium, best_epoch);
    let slower = difference(&small, &medium, rise);
    let sooner = difference(&large, &medium, best_epoch);
    let each = |of: fn(&History) -> f64, digits: usize| {
        let spreads = [&small, &medium, &large].map(|runs| Spread::of(runs.iter().map(of)));
        let [small, medium, large] = spreads.map(|spread| format!("{spread:.digits$}"));
        format!("{small} with 4-4, {medium} with 16-16, {large} with 64-64")
    };
    let curves = |name: &str| {
        let chart = Chart::new("Two hidden layers on reviews").x("epoch");
        UNITS.iter().zip([&small, &medium, &large]).fold(chart, |chart, (units, runs)| {
            let values: Vec<&[f64]> = runs.iter().map(|run| &run[name]).collect();
            chart.runs(format!("{units}-{units} units"), &values)
        })
    };

    Ok(section
        .heading("Reviews: two hidden layers")
        .text(
            "8,000 sentences of movie reviews as the words that occur in them, trained as the \
             larger reviews of IMDB are in Deep Learning with Python (F. Chollet, 2017): binary \
             cross-entropy, RMSProp, batches of 512; two hidden layers of 4, 16 or 64 units.",
        )
        .claim(
            Claim::new("The smaller network, 4-4, overfits later than 16-16", later.is_above(0.0))
                .measured(format!("epoch of the lowest validation loss: {}", each(best_epoch, 1))),
        )
        .claim(
            Claim::new("Once it overfits, its validation loss rises less", slower.is_below(0.0))
                .measured(format!("from the lowest value to the end: {}", each(rise, 3))),
        )
        .claim(
            Claim::new(
                "The larger network, 64-64, overfits sooner than 16-16",
                sooner.is_below(0.0),
            )
            .measured(format!("4-4 less 16-16: {later:.1} epochs, 64-64 less 16-16: {sooner:.1}")),
        )
        .figure(
            curves("val_loss").y("validation loss"),
            "The larger the network, the earlier and the steeper the rise.",
        )
        .figure(
            curves("loss").y("training loss"),
            "The training loss falls all the time, and the sooner the larger the network is.",
        ))
}
