//! Networks of growing size on much and on little data, and on simple and on complex data.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Run, Section, Spread, Table};

use super::sweep::{BATCH, Data, STEPS, Sweep, Trained};

const MUCH: usize = 2000;
const LITTLE: usize = 200;

pub(super) fn add_to(section: Section, run: &Run) -> Result<Section, Error> {
    let built_in = || datasets::mnist5k()?.split_at(4000);
    let (train, valid) = run.data_or("mnist5k", built_in, [MUCH..=MUCH, 1..=1000])?;
    let (much, little) = ((train.take(MUCH), valid.clone()), (train.take(LITTLE), valid));
    let section = section.heading("Images: hidden units and layers").text(format!(
        "One hidden layer of more and more units, then more and more layers of 16 units, on {MUCH} \
         images and on {LITTLE}, so few on purpose; {STEPS} steps of Adam on {BATCH} images each. Here a network \
         underfits if its training loss stays above `ln 10 / 10`, a tenth of what guessing gives; it \
         overfits if its validation loss has risen or lies far above its training loss, even if \
         that is still high (`LearningCurves::diagnose`)."
    ));
    let units = run.full_or_quick(&[1, 2, 4, 8, 16, 64, 256][..], &[1, 2, 4, 8, 32]);
    let by_units = Sweep::of_units(run, units, &much)?;
    let section = units_of(section, &by_units, &Sweep::of_units(run, units, &little)?);
    let layers = run.full_or_quick(&[1, 2, 3, 4][..], &[1, 4]);
    let by_layers = Sweep::of_layers(run, layers, &much)?;
    let by_layers_of_little = Sweep::of_layers(run, layers, &little)?;
    let [harm, more_harm] = layers_harm(&by_layers, &by_layers_of_little);
    let (complex, chart) = complexity(run, &much, &by_units)?;
    Ok(section
        .claim(harm)
        .claim(more_harm)
        .claim(complex)
        .figure(
            errors("hidden layers of 16 units", &by_layers, &by_layers_of_little),
            "Is one layer enough to learn the training data? A further one that they do not need \
             can only make the network worse on others.",
        )
        .figure(
            chart,
            "To tell two classes from each other, one hidden unit can be enough, unless its ReLU is \
             0 for all images: then it learns nothing.",
        ))
}

fn units_of(section: Section, much: &Sweep, little: &Sweep) -> Section {
    let last = much.last();
    section
        .claim(training_error_falls(much))
        .claim(underfits_then_overfits(much))
        .claim(overfits_sooner(much))
        .claim(lowest_in_between(much))
        .claim(less_data_fewer_units(much, little))
        .claim(less_data_fewer_steps(much, little))
        .figure(
            errors("hidden units", much, little).log_x(),
            "A network underfits where training and validation error are both high, and knows its \
             training data by heart where the training error is 0. The gap between the two is what \
             does not hold for other images: compare it on little data and on much.",
        )
        .figure(
            curves(much, 0),
            "The smallest network: if it underfits, both losses stay high. Means of all seeds, in \
             bands from the lowest to the highest, as everywhere here.",
        )
        .figure(
            curves(much, last / 2),
            "One in between: for how long does the validation loss fall?",
        )
        .figure(
            curves(much, last),
            "The largest one: if it overfits, the validation loss is at its best after a few \
             epochs, and the training loss goes on falling.",
        )
        .table(table(much, little))
}

fn curves(sweep: &Sweep, place: usize) -> Chart {
    let runs = |name: &str| -> Vec<&[f64]> {
        sweep.runs[place].iter().map(|run| &run.history[name]).collect()
    };
    Chart::new(format!("Learning curves, hidden units: {}", sweep.sizes[place]))
        .x("epoch")
        .y("loss")
        .runs("training", &runs("loss"))
        .runs("validation", &runs("val_loss"))
}

fn training_error_falls(sweep: &Sweep) -> Claim {
    let change = |from, to| Spread::of(sweep.change(from, to, |run| run.training_error));
    let rises = |place| change(place, place + 1).is_above(0.0);
    let falls = change(0, sweep.last());
    Claim::new(
        "The more hidden units, the lower the training error",
        falls.is_below(0.0) && !(0..sweep.last()).any(rises),
    )
    .measured(format!("of the largest network less that of the smallest: {falls:.3}"))
}

fn underfits_then_overfits(sweep: &Sweep) -> Claim {
    let (smallest, largest) = (&sweep.runs[0], &sweep.runs[sweep.last()]);
    let underfit = smallest.iter().filter(|run| run.underfits()).count();
    let overfit = largest.iter().filter(|run| run.overfits()).count();
    let seeds = smallest.len();
    Claim::new(
        "The smallest network underfits, the largest overfits",
        underfit == seeds && overfit == seeds,
    )
    .measured(format!(
        "hidden units: {} underfit with {underfit} of {seeds} seeds, {} overfit with {overfit}",
        sweep.sizes[0],
        sweep.sizes[sweep.last()]
    ))
}

fn overfits_sooner(sweep: &Sweep) -> Claim {
    let sooner = Spread::of(sweep.change(0, sweep.last(), Trained::best_epoch));
    Claim::new("The larger network overfits from an earlier epoch on", sooner.is_below(0.0))
        .measured(format!(
            "epoch of the lowest validation loss, of the largest less of the smallest: {sooner:.1}"
        ))
}

fn lowest_in_between(sweep: &Sweep) -> Claim {
    let error = |place: usize| sweep.runs[place].iter().map(Trained::validation_error);
    let mean = |place| Spread::of(error(place)).mean;
    let places = 0..sweep.sizes.len();
    let best = places.min_by(|&a, &b| mean(a).total_cmp(&mean(b))).unwrap_or(0);
    let ends = [0, sweep.last()];
    let above = ends.map(|end| Spread::of(sweep.change(best, end, Trained::validation_error)));
    let [smallest, largest] = ends.map(|end| Spread::of(error(end)));
    Claim::new(
        "The validation error is lowest between the smallest network and the largest",
        above.iter().all(|above| above.is_above(0.0)),
    )
    .measured(format!(
        "it is lowest, {:.3}, with {} units; {smallest:.3} with {}, {largest:.3} with {}",
        Spread::of(error(best)),
        sweep.sizes[best],
        sweep.sizes[0],
        sweep.sizes[sweep.last()],
    ))
    .otherwise(
        "It goes on falling beyond the size that learns all training examples by heart: of the many \
         solutions that a wide network has, gradient descent finds good ones (B. Neyshabur, R. \
         Tomioka and N. Srebro, 2015; M. Belkin and others, 2019). Overfitting shows in the \
         validation loss, which rises after its best epoch.",
    )
}

fn less_data_fewer_units(much: &Sweep, little: &Sweep) -> Claim {
    let [few, many] = [little, much].map(|sweep| sweep.smallest(Trained::overfits));
    let earlier = Spread::of_differences(few.clone(), many.clone());
    Claim::new("With too little data, smaller networks overfit already", earlier.is_below(0.0))
        .measured(format!(
            "hidden units from which on it overfits: {:.1} with {LITTLE} images, {:.1} with {MUCH}",
            Spread::of(few),
            Spread::of(many)
        ))
}

fn less_data_fewer_steps(much: &Sweep, little: &Sweep) -> Claim {
    let last = much.last();
    let steps = |sweep: &Sweep, images: usize| {
        let steps = |run: &Trained| run.best_epoch() * (images / BATCH) as f64;
        sweep.runs[last].iter().map(steps).collect::<Vec<_>>()
    };
    let (few, many) = (steps(little, LITTLE), steps(much, MUCH));
    let sooner = Spread::of_differences(few.clone(), many.clone());
    Claim::new("With too little data, a network overfits after fewer steps", sooner.is_below(0.0))
        .measured(format!(
            "steps to the lowest validation loss, {} hidden units: {:.0} with {LITTLE} images, {:.0} \
             with {MUCH}",
            much.sizes[last],
            Spread::of(few),
            Spread::of(many)
        ))
}

fn layers_harm(much: &Sweep, little: &Sweep) -> [Claim; 2] {
    let rise = |sweep: &Sweep| sweep.change(0, sweep.last(), Trained::validation_error);
    let more = Spread::of_differences(rise(little), rise(much));
    let (of_little, of_much) = (Spread::of(rise(little)), Spread::of(rise(much)));
    let measured = format!(
        "{} layers less one: {of_much:.3} with {MUCH} images, {of_little:.3} with {LITTLE}",
        much.sizes[much.last()]
    );
    [
        Claim::new(
            "Layers that the data do not need raise the validation error",
            of_much.is_above(0.0) && of_little.is_above(0.0),
        )
        .measured(measured),
        Claim::new("The less data there are, the more they raise it", more.is_above(0.0))
            .measured(format!("with {LITTLE} images by {more:.3} more")),
    ]
}

fn errors(size: &str, much: &Sweep, little: &Sweep) -> Chart {
    Chart::new(format!("Error by {size}"))
        .x(size)
        .y("share of wrong answers")
        .spread(format!("training, {MUCH} images"), much.each(|run| run.training_error))
        .spread(format!("validation, {MUCH}"), much.each(Trained::validation_error))
        .spread(format!("training, {LITTLE} images"), little.each(|run| run.training_error))
        .spread(format!("validation, {LITTLE}"), little.each(Trained::validation_error))
}

fn table(much: &Sweep, little: &Sweep) -> Table {
    let mut table = Table::new([
        "images",
        "hidden units",
        "training error",
        "validation error",
        "best epoch",
        "underfit",
        "overfit",
    ]);
    for (images, sweep) in [(MUCH, much), (LITTLE, little)] {
        for (size, runs) in sweep.sizes.iter().zip(&sweep.runs) {
            let spread = |of: fn(&Trained) -> f64| Spread::of(runs.iter().map(of));
            let count = |of: fn(&Trained) -> bool| {
                format!("{} of {}", runs.iter().filter(|run| of(run)).count(), runs.len())
            };
            table.row([
                images.to_string(),
                size.to_string(),
                format!("{:.3}", spread(|run| run.training_error)),
                format!("{:.3}", spread(Trained::validation_error)),
                format!("{:.1}", spread(Trained::best_epoch)),
                count(Trained::underfits),
                count(Trained::overfits),
            ]);
        }
    }
    table
}

/// How many units it takes to tell the first two, five or all ten classes from each other.
fn complexity(run: &Run, (train, valid): &Data, of_ten: &Sweep) -> Result<(Claim, Chart), Error> {
    let first = |classes: u32| -> Result<Sweep, Error> {
        let part = |data: &Dataset| {
            let labels = data.y().data().iter().enumerate();
            data.subset(labels.filter(|(_, label)| **label < classes).map(|(row, _)| row))
        };
        Sweep::of_units(run, &of_ten.sizes, &(part(train)?, part(valid)?))
    };
    let (two, five) = (first(2)?, first(5)?);
    let needed = [&two, &five, of_ten].map(|sweep| sweep.smallest(|run| run.training_error < 0.05));
    let more = needed
        .windows(2)
        .all(|pair| Spread::of_differences(pair[1].clone(), pair[0].clone()).is_above(0.0));
    let [for_two, for_five, for_ten] = needed.map(Spread::of);
    let claim =
        Claim::new("The more complex the data, the more capacity it takes to fit them", more)
            .measured(format!(
                "hidden units from which on more than 95 % of the training images are learned: \
                 {for_two:.1} to tell 2 classes from each other, {for_five:.1} for 5, {for_ten:.1} \
                 for 10"
            ))
            .otherwise("Where it says `inf`, none of the networks learns so many.");
    let chart = Chart::new("Training error by complexity")
        .x("hidden units")
        .y("share of wrong answers")
        .log_x()
        .spread("2 classes", two.each(|run| run.training_error))
        .spread("5 classes", five.each(|run| run.training_error))
        .spread("10 classes", of_ten.each(|run| run.training_error));
    Ok((claim, chart))
}
