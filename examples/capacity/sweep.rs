//! Networks of several sizes, each trained with every seed.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::Run;
use gradtape::train::{History, LearningCurves, Verdict, loss_at_chance};

use super::{best_epoch, network};

pub(super) const BATCH: usize = 50;

/// Each network takes so many steps, however few examples there are.
pub(super) const STEPS: usize = 800;

/// Training and validation images.
pub(super) type Data = (Dataset, Dataset);

pub(super) struct Trained {
    pub(super) history: History,
    /// The share of wrong answers at the end.
    pub(super) training_error: f64,
    verdict: Verdict,
}

impl Trained {
    pub(super) fn validation_error(&self) -> f64 {
        1.0 - self.history.last("val_accuracy").unwrap_or(f64::NAN)
    }

    /// The epoch, counted from 1, whose validation loss is the lowest.
    pub(super) fn best_epoch(&self) -> f64 {
        best_epoch(&self.history)
    }

    pub(super) fn underfits(&self) -> bool {
        matches!(self.verdict, Verdict::Underfitting { .. })
    }

    pub(super) fn overfits(&self) -> bool {
        matches!(self.verdict, Verdict::Overfitting { .. })
    }
}

fn train([layers, units]: [usize; 2], (train, valid): &Data, seed: Seed) -> Result<Trained, Error> {
    let mut params = Params::new(seed);
    let model = network(train.x().shape()[1], layers, units, 10, &mut params);
    let mut trainer = Trainer::new(&model, Adam::new(3e-3), loss::cross_entropy).metric(Accuracy);
    let epochs = STEPS.div_ceil(train.len().div_ceil(BATCH));
    let fit = trainer.fit(&mut params, train).epochs(epochs).batch_size(BATCH);
    let history = fit.seed(seed).validation(valid).silent().run()?;
    let end = trainer.evaluate(&params, train)?;
    let curves = LearningCurves::new(&history["loss"], &history["val_loss"])?;
    let verdict = curves.target(0.1 * loss_at_chance(10)).diagnose().verdict();
    let training_error = 1.0 - end.get("accuracy").unwrap_or(f64::NAN);
    Ok(Trained { history, training_error, verdict })
}

/// What came of all sizes on the same data: for each, a list over the seeds.
pub(super) struct Sweep {
    pub(super) sizes: Vec<usize>,
    pub(super) runs: Vec<Vec<Trained>>,
}

impl Sweep {
    /// Networks with a hidden layer of so many units.
    pub(super) fn of_units(run: &Run, units: &[usize], data: &Data) -> Result<Self, Error> {
        let runs = run.over(units, |&units, seed| train([1, units], data, seed))?;
        Ok(Self { sizes: units.to_vec(), runs })
    }

    /// Networks with so many hidden layers of 16 units.
    pub(super) fn of_layers(run: &Run, layers: &[usize], data: &Data) -> Result<Self, Error> {
        let runs = run.over(layers, |&layers, seed| train([layers, 16], data, seed))?;
        Ok(Self { sizes: layers.to_vec(), runs })
    }

    /// The place of the largest.
    pub(super) fn last(&self) -> usize {
        self.sizes.len() - 1
    }

    /// A quantity of each size, over the seeds.
    pub(super) fn each(&self, of: fn(&Trained) -> f64) -> Vec<(f64, Vec<f64>)> {
        let each = |runs: &Vec<Trained>| runs.iter().map(of).collect();
        self.sizes.iter().map(|&size| size as f64).zip(self.runs.iter().map(each)).collect()
    }

    /// With each seed, how much larger a quantity is at one place than at another.
    pub(super) fn change(&self, from: usize, to: usize, of: fn(&Trained) -> f64) -> Vec<f64> {
        self.runs[from].iter().zip(&self.runs[to]).map(|(from, to)| of(to) - of(from)).collect()
    }

    /// With each seed, the smallest size of which something is true; infinite if it is of none.
    pub(super) fn smallest(&self, that: fn(&Trained) -> bool) -> Vec<f64> {
        let at = |seed: usize| self.runs.iter().position(|runs| that(&runs[seed]));
        let size = |seed| at(seed).map_or(f64::INFINITY, |place| self.sizes[place] as f64);
        (0..self.runs[0].len()).map(size).collect()
    }
}
