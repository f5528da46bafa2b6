//! Networks of growing size on much and on little data, and on simple and on complex data.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Run, Section, Spread, Table};
use gradtape::train::sanity::loss_at_chance;
use gradtape::train::{History, LearningCurves, Verdict};

use super::network;

const MUCH: usize = 2000;
const LITTLE: usize = 200;
const BATCH: usize = 50;

/// Each network takes so many steps, however few examples there are.
const STEPS: usize = 800;

struct Trained {
    history: History,
    verdict: Verdict,
    training_error: f64,
}

impl Trained {
    fn validation_error(&self) -> f64 {
        1.0 - self.history.last("val_accuracy").unwrap_or(f64::NAN)
    }

    /// The epoch, counted from 1, whose validation loss is the lowest.
    fn best_epoch(&self) -> f64 {
        self.history.best("val_loss").map_or(f64::NAN, |(epoch, _)| (epoch + 1) as f64)
    }

    fn underfits(&self) -> bool {
        matches!(self.verdict, Verdict::Underfitting { .. })
    }

    fn overfits(&self) -> bool {
        matches!(self.verdict, Verdict::Overfitting { .. })
    }
}

fn train(
    [layers, units]: [usize; 2],
    (train, valid): &(Dataset, Dataset),
    seed: Seed,
) -> Result<Trained, Error> {
    let mut params = Params::new(seed);
    let model = network(train.x().shape()[1], layers, units, 10, &mut params);
    let mut trainer = Trainer::new(&model, Adam::new(3e-3), loss::cross_entropy).metric(Accuracy);
    let epochs = STEPS.div_ceil(train.len().div_ceil(BATCH));
    let fit = trainer.fit(&mut params, train).epochs(epochs).batch_size(BATCH);
    let history = fit.seed(seed).validation(valid).silent().run()?;
    let end = trainer.evaluate(&params, train)?;
    let curves = LearningCurves::new(&history["loss"], &history["val_loss"])?;
    let verdict = curves.target(0.1 * loss_at_chance(train.classes())).diagnose().verdict();
    let training_error = 1.0 - end.get("accuracy").unwrap_or(f64::NAN);
    Ok(Trained { history, verdict, training_error })
}

/// Networks of several sizes, units or layers, each trained with every seed.
struct Sweep {
    sizes: Vec<usize>,
    runs: Vec<Vec<Trained>>,
}

impl Sweep {
    fn of_units(run: &Run, units: &[usize], data: &(Dataset, Dataset)) -> Result<Self, Error> {
        let runs = run.over(units, |&units, seed| train([1, units], data, seed))?;
        Ok(Self { sizes: units.to_vec(), runs })
    }

    /// Networks with so many hidden layers of 16 units.
    fn of_layers(run: &Run, layers: &[usize], data: &(Dataset, Dataset)) -> Result<Self, Error> {
        let runs = run.over(layers, |&layers, seed| train([layers, 16], data, seed))?;
        Ok(Self { sizes: layers.to_vec(), runs })
    }

    /// A quantity of each size, over the seeds.
    fn each(&self, of: impl Fn(&Trained) -> f64) -> Vec<(f64, Vec<f64>)> {
        let each = |runs: &Vec<Trained>| runs.iter().map(&of).collect();
        self.sizes.iter().map(|&size| size as f64).zip(self.runs.iter().map(each)).collect()
    }

    /// How much a quantity differs from one size to another.
    fn change(&self, from: usize, to: usize, of: fn(&Trained) -> f64) -> Spread {
        Spread::of_differences(self.runs[to].iter().map(of), self.runs[from].iter().map(of))
    }

    /// The smallest size, with each seed, of which something is true; infinite if of none.
    fn smallest(&self, that: fn(&Trained) -> bool) -> Vec<f64> {
        let at = |seed: usize| self.runs.iter().position(|runs| that(&runs[seed]));
        let seeds = 0..self.runs[0].len();
        seeds.map(|seed| at(seed).map_or(f64::INFINITY, |i| self.sizes[i] as f64)).collect()
    }

    fn last(&self) -> usize {
        self.sizes.len() - 1
    }
}

pub(super) fn add_to(section: Section, run: &Run) -> Result<Section, Error> {
    let (train, valid) = run.data_or(|| datasets::mnist5k()?.split_at(4000))?;
    let valid = valid.take(1000);
    let (much, little) = ((train.take(MUCH), valid.clone()), (train.take(LITTLE), valid));
    let units = run.full_or_quick(&[1, 2, 4, 8, 16, 64, 256][..], &[1, 2, 4, 8, 64]);
    let layers = run.full_or_quick(&[0, 1, 2, 3, 4][..], &[0, 1, 4]);
    let units = [&much, &little].map(|data| Sweep::of_units(run, units, data));
    let [by_units, by_units_of_little] = units;
    let (by_units, by_units_of_little) = (by_units?, by_units_of_little?);
    let by_layers = Sweep::of_layers(run, layers, &much)?;
    let by_layers_of_little = Sweep::of_layers(run, layers, &little)?;

    let section = section.heading("Digits: hidden units and layers").text(format!(
        "One hidden layer of more and more units, then more and more layers of 16 units, on {MUCH} \
         images and on {LITTLE}; {STEPS} steps of Adam on {BATCH} images each. A network underfits \
         if its training loss stays above a tenth of what guessing gives, `ln 10 / 10`; when it \
         overfits, the validation loss has risen or lies far above the training loss."
    ));
    let section = claims_of_units(section, &by_units)
        .claim(less_data_less_units(&by_units, &by_units_of_little))
        .claim(less_data_fewer_steps(&by_units, &by_units_of_little))
        .claim(less_data_fewer_layers(&by_layers, &by_layers_of_little));
    let section = section
        .figure(
            errors(&by_units, &by_units_of_little).x("hidden units").log_x(),
            "To the left all networks underfit. To the right they know their training data by heart; \
             the distance between the two curves is what more data would close.",
        )
        .figure(
            errors(&by_layers, &by_layers_of_little).x("hidden layers of 16 units"),
            "Means, in bands from the lowest to the highest of all seeds, as everywhere here. All \
             of these networks learn their training data; with little data, each further layer makes \
             them worse on others.",
        )
        .figure(
            Chart::learning_curves(&by_units.runs[0][0].history),
            "The smallest network underfits: both losses stay high.",
        )
        .figure(
            Chart::learning_curves(&by_units.runs[by_units.last()][0].history),
            "The largest one overfits: its validation loss is best after a few epochs.",
        )
        .table(table(&by_units, &by_units_of_little));
    complexity(section, run, &much, by_units)
}

fn claims_of_units(section: Section, sweep: &Sweep) -> Section {
    let last = sweep.last();
    let falls = sweep.change(0, last, |run| run.training_error);
    let never_rises =
        (0..last).all(|i| !sweep.change(i, i + 1, |run| run.training_error).is_above(0.0));
    let underfits = sweep.runs[0].iter().all(Trained::underfits);
    let overfits = sweep.runs[last].iter().all(Trained::overfits);
    let mean = |i: usize| Spread::of(sweep.runs[i].iter().map(Trained::validation_error)).mean;
    let best = (0..=last).min_by(|&a, &b| mean(a).total_cmp(&mean(b))).unwrap_or(0);
    let to_largest = sweep.change(best, last, Trained::validation_error);
    let to_smallest = sweep.change(best, 0, Trained::validation_error);
    let sooner = sweep.change(0, last, Trained::best_epoch);
    let [small, large, best] = [0, last, best].map(|i| sweep.sizes[i]);
    section
        .claim(
            Claim::new("The more hidden units, the lower the training error", falls.is_below(0.0) && never_rises)
                .measured(format!("training error with {large} less with {small}: {falls:.3}")),
        )
        .claim(
            Claim::new("The smallest network underfits, the largest overfits", underfits && overfits)
                .measured(format!("{small} and {large} units, the verdict with every seed")),
        )
        .claim(
            Claim::new("The larger network overfits from an earlier epoch on", sooner.is_below(0.0))
                .measured(format!("epoch of the lowest validation loss, {large} less {small} units: {sooner:.1}")),
        )
        .claim(
            Claim::new(
                "The validation error is lowest between the smallest network and the largest",
                to_smallest.is_above(0.0) && to_largest.is_above(0.0),
            )
            .measured(format!(
                "it is lowest with {best} units; with {small} it is higher by {to_smallest:.3}, with {large} \
                 by {to_largest:.3}"
            ))
            .otherwise(
                "It goes on falling beyond the size that learns all training examples by heart. \
                 Among the many solutions of a wide network gradient descent finds good ones (B. \
                 Neyshabur, R. Tomioka and N. Srebro, 2015; M. Belkin and others, 2019). It is the \
                 validation loss that overfitting raises, and of a larger network sooner.",
            ),
        )
}

fn less_data_less_units(much: &Sweep, little: &Sweep) -> Claim {
    let [few, many] = [little, much].map(|sweep| sweep.smallest(Trained::overfits));
    let (of_few, of_many) = (Spread::of(few.clone()), Spread::of(many.clone()));
    Claim::new(
        "With too little data, smaller networks overfit already",
        Spread::of_differences(few, many).is_below(0.0),
    )
    .measured(format!(
        "units from which on it overfits: {of_few:.1} with {LITTLE} images, {of_many:.1} with {MUCH}"
    ))
}

fn less_data_fewer_steps(much: &Sweep, little: &Sweep) -> Claim {
    let steps = |sweep: &Sweep, images: usize| {
        let runs = sweep.runs[sweep.last()].iter();
        runs.map(|run| run.best_epoch() * (images / BATCH) as f64).collect::<Vec<_>>()
    };
    let (few, many) = (steps(little, LITTLE), steps(much, MUCH));
    let (of_few, of_many) = (Spread::of(few.clone()), Spread::of(many.clone()));
    Claim::new(
        "With too little data, the same network overfits after fewer steps",
        Spread::of_differences(few, many).is_below(0.0),
    )
    .measured(format!(
        "steps to the lowest validation loss, {} units: {of_few:.0} with {LITTLE} images, {of_many:.0} \
         with {MUCH}; an epoch has {} and {}",
        much.sizes[much.last()], LITTLE / BATCH, MUCH / BATCH,
    ))
}

fn less_data_fewer_layers(much: &Sweep, little: &Sweep) -> Claim {
    let rise = |sweep: &Sweep| {
        let one = sweep.sizes.iter().position(|&layers| layers == 1).unwrap_or(0);
        sweep.change(one, sweep.last(), Trained::validation_error)
    };
    let (of_little, of_much) = (rise(little), rise(much));
    Claim::new(
        "With too little data, further layers raise the validation error",
        of_little.is_above(0.0),
    )
    .measured(format!(
        "{} layers less one: {of_little:.3} with {LITTLE} images, {of_much:.3} with {MUCH}",
        much.sizes[much.last()]
    ))
}

fn errors(much: &Sweep, little: &Sweep) -> Chart {
    Chart::new("Error by size")
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
            let share = |of: fn(&Trained) -> bool| {
                format!("{} of {}", runs.iter().filter(|run| of(run)).count(), runs.len())
            };
            table.row([
                images.to_string(),
                size.to_string(),
                format!("{:.3}", spread(|run| run.training_error)),
                format!("{:.3}", spread(Trained::validation_error)),
                format!("{:.1}", spread(Trained::best_epoch)),
                share(Trained::underfits),
                share(Trained::overfits),
            ]);
        }
    }
    table
}

/// Adds how many units it takes to tell fewer or more digits from each other.
fn complexity(
    section: Section,
    run: &Run,
    (train, valid): &(Dataset, Dataset),
    of_all: Sweep,
) -> Result<Section, Error> {
    let simpler = |classes: usize| -> Result<Sweep, Error> {
        let part = |data: &Dataset| {
            let labels = data.y().data();
            data.subset((0..data.len()).filter(|&row| (labels[row] as usize) < classes))
        };
        Sweep::of_units(run, &[1, 2, 4, 8], &(part(train)?, part(valid)?))
    };
    let sweeps = [(2, simpler(2)?), (5, simpler(5)?), (10, of_all)];
    let needed = sweeps.each_ref().map(|(_, sweep)| sweep.smallest(|run| !run.underfits()));
    let more = needed
        .windows(2)
        .all(|pair| Spread::of_differences(pair[1].clone(), pair[0].clone()).is_above(0.0));
    let [two, five, ten] = needed.map(Spread::of);
    let chart =
        sweeps.iter().fold(Chart::new("Training error by data"), |chart, (classes, sweep)| {
            let small =
                sweep.each(|run| run.training_error).into_iter().filter(|(units, _)| *units <= 8.0);
            chart.spread(format!("{classes} digits"), small)
        });
    Ok(section
        .claim(
            Claim::new("The more complex the data, the more capacity it takes to fit them", more)
                .measured(format!(
                    "units from which on it does not underfit: {two:.1} to tell 2 digits from each \
                     other, {five:.1} for 5, {ten:.1} for 10"
                )),
        )
        .figure(
            chart.x("hidden units").y("share of wrong answers").log_x(),
            "The first 2, 5 and 10 digits. One hidden unit is enough to tell two of them from each \
             other.",
        ))
}
