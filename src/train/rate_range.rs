//! Which rates are worth trying.

use std::fmt;

use super::examples::check_counting;
use super::trainer::weight_of;
use super::{Targets, Trainer};
use crate::data::{Dataset, Rows};
use crate::error::Error;
use crate::graph::{Input, Tape};
use crate::optim::Optimizer;
use crate::params::Params;
use crate::seed::Seed;

/// What a learning-rate range test measured: the loss at each of a rising series of rates.
///
/// The training takes a step at each rate, so the loss first falls faster and faster, then rises. A
/// good rate lies where it falls most steeply, some way below the one at which it rises.
///
/// L. N. Smith, *Cyclical learning rates for training neural networks*, WACV 2017.
#[derive(Clone, PartialEq, Debug)]
pub struct RateRange {
    /// The rate of each step.
    pub rates: Vec<f64>,
    /// The loss before each step, smoothed.
    pub losses: Vec<f64>,
}

/// How much of the running mean of losses is kept in a step.
const SMOOTHING: f64 = 0.9;

/// By how many times the size of the first losses, how far they lie apart, or what they have fallen by
/// since, a loss is so far above the lowest one that going on tells nothing.
const HOPELESS: f64 = 3.0;

/// How many losses are the first ones, after which it may end.
const FIRST: usize = 10;

impl RateRange {
    /// The rate at which the loss falls most steeply over the logarithm of the rate; `None` if it
    /// nowhere falls.
    pub fn suggestion(&self) -> Option<f64> {
        let falls = self.losses.windows(2).map(|pair| pair[0] - pair[1]);
        let steepest = falls.enumerate().filter(|(_, fall)| *fall > 0.0);
        let at = steepest.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(at, _)| at)?;
        Some(self.rates[at])
    }

    /// The curve of the loss over the rate.
    #[cfg(feature = "plot")]
    pub fn chart(&self) -> crate::report::Chart {
        let points = self.rates.iter().copied().zip(self.losses.iter().copied());
        let chart = crate::report::Chart::new("Learning-rate range test").x("rate").y("loss");
        let chart = chart.log_x().line("loss, smoothed", points);
        match self.suggestion() {
            Some(rate) => chart.mark(rate, format!("steepest at {rate:.1e}")),
            None => chart,
        }
    }
}

impl fmt::Display for RateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (rate, loss) in self.rates.iter().zip(&self.losses) {
            writeln!(f, "{rate:10.2e}  {loss:10.4}")?;
        }
        match self.suggestion() {
            Some(rate) => write!(f, "the loss falls most steeply at a rate of {rate:.1e}"),
            None => write!(f, "the loss falls at none of these rates"),
        }
    }
}

impl Trainer<'_> {
    /// Takes a step at each of `steps` rates from `low` to `high`, each so many times the one
    /// before, and measures the loss. The parameters are copied and the optimizer is one of its own, whose
    /// rate does not matter, so the training itself is not touched. Ends early once the loss is hopeless.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let x = Tensor::from_fn([256, 2], |i| ((i * i + 7 * i) % 97) as f32 / 48.0 - 1.0);
    /// let y: Vec<u32> = x.data().chunks(2).map(|p| (p[0] > p[1]) as u32).collect();
    /// let data = Dataset::new(x, Indices::from(y))?;
    /// let mut params = Params::new(Seed(42));
    /// let model = Dense::new(2, 2).build(&mut params, "layer");
    /// let trainer =
    ///     Trainer::new(&model, Sgd::new(0.1), loss::cross_entropy);
    ///
    /// let range = trainer.rate_range(&params, Sgd::new(0.0), &data, 1e-4..=10.0, 100)?;
    /// assert!(range.suggestion().is_some_and(|rate| rate > 1e-3), "{range}");
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if the rates are not above 0 and rising or there are no examples,
    /// [`Error::Format`] if a label is none of the classes that the model predicts.
    pub fn rate_range<X: Rows + Input<f32>, Y: Targets>(
        &self,
        params: &Params,
        mut optimizer: impl Optimizer,
        data: &Dataset<X, Y>,
        rates: std::ops::RangeInclusive<f64>,
        steps: usize,
    ) -> Result<RateRange, Error> {
        let (low, high) = (*rates.start(), *rates.end());
        if !(low > 0.0 && high > low && high.is_finite()) {
            let found = format!("{low} to {high}");
            return Err(Error::argument("rate_range", "rising rates above 0", found));
        }
        check_counting("rate_range", "examples to train on", data)?;
        let mut params = params.clone();
        let mut range = RateRange { rates: Vec::new(), losses: Vec::new() };
        let (mut mean, mut first, mut lowest) = (0.0, None, f64::INFINITY);
        let mut size = 0.0_f64;
        let batches = data.batches(Self::RANGE_BATCH).shuffled(Seed(0)).epochs(usize::MAX);
        let counting = batches.filter(|batch| weight_of(batch) > 0.0);
        for (step, batch) in counting.take(steps).enumerate() {
            let rate = low * (high / low).powf(step as f64 / (steps.max(2) - 1) as f64);
            let tape = Tape::training(&params, batch.seed());
            let prediction = self.predict_on(tape.input(&batch.x));
            if first.is_none() {
                self.check_labels(&params, data, "", &prediction.shape())?;
            }
            let loss = self.loss_of(prediction, &batch.y, &tape) + tape.penalty();
            let gradients = tape.backward(loss);
            drop(tape);
            let loss = f64::from(gradients.loss());
            mean = SMOOTHING * mean + (1.0 - SMOOTHING) * loss;
            let smoothed = mean / (1.0 - SMOOTHING.powi(step as i32 + 1));
            let first = *first.get_or_insert(smoothed);
            lowest = lowest.min(smoothed);
            if step < FIRST {
                size = size.max(loss.abs()).max((loss - first).abs());
            }
            let hopeless = smoothed - lowest > HOPELESS * size.max(first - lowest);
            if !smoothed.is_finite() || step >= FIRST && hopeless {
                break;
            }
            range.rates.push(rate);
            range.losses.push(smoothed);
            optimizer.set_rate(rate.into());
            optimizer.step(&mut params, &gradients);
        }
        Ok(range)
    }

    /// How many examples each step of a range test is taken on.
    const RANGE_BATCH: usize = 64;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Dense;
    use crate::loss;
    use crate::optim::Sgd;
    use crate::tensor::{Indices, Tensor};

    #[test]
    fn a_loss_below_zero_is_followed_until_it_is_hopeless() {
        // A single batch, so that nothing but the rate makes a difference.
        let x = Tensor::from_fn([64, 2], |i| (i as f32 * 0.7).sin());
        let y = Tensor::from_fn([64, 1], |i| x.data()[2 * i]);
        let data = Dataset::new(x, y).unwrap();
        let mut params = Params::new(Seed(42));
        let model = Dense::new(2, 1).build(&mut params, "layer");
        let measure = |below: f64| {
            let trainer =
                Trainer::new(&model, Sgd::new(0.1), move |y, t| loss::squared_error(y, t) - below);
            trainer.rate_range(&params, Sgd::new(0.0), &data, 1e-3..=100.0, 100).unwrap()
        };
        for below in [0.0, 1.0, 10.0] {
            let range = measure(below);
            assert!((20..100).contains(&range.rates.len()), "{below}: {range}");
            assert!(range.suggestion().is_some_and(|rate| rate > 1e-2), "{below}: {range}");
        }
    }

    #[test]
    fn a_loss_that_begins_near_zero_is_followed() {
        let x = Tensor::from_fn([640, 1], |i| (i as f32 * 0.7).sin());
        let data = Dataset::new(x, Tensor::zeros([640, 1])).unwrap();
        let mut params = Params::new(Seed(42));
        let model = Dense::new(1, 1).no_bias().build(&mut params, "layer");
        // The mean of what comes out: around 0, and of either sign.
        let trainer = Trainer::new(&model, Sgd::new(0.1), |y, t| y * 0.1 - t);
        let range = trainer.rate_range(&params, Sgd::new(0.0), &data, 1e-6..=1e-3, 50).unwrap();
        assert_eq!(range.rates.len(), 50, "{range}");
    }

    #[test]
    fn labels_are_checked() {
        let data = Dataset::new(Tensor::zeros([3, 2]), Indices::from([0, 5, 1])).unwrap();
        let mut params = Params::new(Seed(42));
        let model = Dense::new(2, 2).build(&mut params, "layer");
        let trainer = Trainer::new(&model, Sgd::new(0.1), loss::cross_entropy);
        let error = trainer.rate_range(&params, Sgd::new(0.0), &data, 1e-3..=1.0, 5).unwrap_err();
        let want = "label of row 1: expected one of 2 classes (0 to 1), found 5";
        assert_eq!(error.to_string(), want);
    }
}
