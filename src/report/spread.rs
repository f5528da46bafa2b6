//! What the same experiment gives with several seeds.

use std::fmt;

/// The mean of a quantity over several runs, and how much it varies between them.
///
/// A difference between two ways of training is measured on the *same* seeds, so that what both
/// owe to the seed cancels out: see [`Spread::of_differences`].
///
/// ```
/// use gradtape::report::Spread;
///
/// let with = [0.94, 0.95, 0.93];
/// let without = [0.92, 0.92, 0.92];
/// assert_eq!(Spread::of(with).to_string(), "0.9400 ± 0.0100");
/// assert!(Spread::of_differences(with, without).is_above(0.0));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    /// The mean; NaN without values.
    pub mean: f64,
    /// The standard deviation between runs, `sqrt(sum (x - mean)² / (n - 1))`; NaN of a single one.
    pub deviation: f64,
    /// The number of runs.
    pub runs: usize,
}

impl Spread {
    /// The spread of these values, one a run.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let runs = values.len();
        let mean = values.iter().sum::<f64>() / runs as f64;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        let deviation = if runs > 1 { (squares / (runs - 1) as f64).sqrt() } else { f64::NAN };
        Self { mean, deviation, runs }
    }

    /// The spread of `a - b`, where both were run with the same seeds in the same order.
    ///
    /// # Panics
    ///
    /// If there are not as many of the one as of the other.
    #[track_caller]
    pub fn of_differences(
        a: impl IntoIterator<Item = f64, IntoIter: ExactSizeIterator>,
        b: impl IntoIterator<Item = f64, IntoIter: ExactSizeIterator>,
    ) -> Self {
        let (a, b) = (a.into_iter(), b.into_iter());
        let (left, right) = (a.len(), b.len());
        assert!(left == right, "differences: {left} runs cannot be paired with {right}");
        Self::of(a.zip(b).map(|(a, b)| a - b))
    }

    /// The standard error of the mean, `deviation / sqrt(runs)`.
    pub fn standard_error(&self) -> f64 {
        self.deviation / (self.runs as f64).sqrt()
    }

    /// Whether the mean lies above a bound by more than twice its standard error: not by chance. A
    /// single run tells nothing of chance, so of that it never does.
    pub fn is_above(&self, bound: f64) -> bool {
        self.mean - 2.0 * self.standard_error() > bound
    }

    /// Whether the mean lies below a bound by more than twice its standard error.
    pub fn is_below(&self, bound: f64) -> bool {
        self.mean + 2.0 * self.standard_error() < bound
    }
}

/// The mean ± the standard deviation, with as many digits as asked for: `{:.2}`; four if not. A
/// mean below a thousandth is in scientific notation, and so is its deviation if that is as small. Of
/// a single run there is no deviation.
///
/// ```
/// use gradtape::report::Spread;
///
/// assert_eq!(Spread::of([-2e-5, -4e-5]).to_string(), "-3.0e-5 ± 1.4e-5");
/// assert_eq!(Spread::of([0.5]).to_string(), "0.5000 (one run)");
/// ```
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(4);
        let is_small = |x: f64| x.abs() < 1e-3;
        let written = |x: f64| {
            if x != 0.0 && is_small(x) && is_small(self.mean) {
                format!("{x:.1e}")
            } else {
                format!("{x:.digits$}")
            }
        };
        match self.runs {
            1 => write!(f, "{} (one run)", written(self.mean)),
            _ => write!(f, "{} ± {}", written(self.mean), written(self.deviation)),
        }
    }
}
