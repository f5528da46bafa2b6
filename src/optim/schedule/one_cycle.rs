//! The rate of one cycle, and the momentum that goes with it.

use serde::{Deserialize, Serialize};

use super::piecewise::{self, Path, Piece, Piecewise};
use super::{Schedule, at_least_one, finite, schedule};

/// One cycle: the rate rises from a part of the peak to it and falls far below where it began,
/// while the momentum falls and rises again.
///
/// | number | default | |
/// |---|---|---|
/// | [`rise`](Self::rise) | 0.3 | the part of the steps in which the rate rises |
/// | [`start_divisor`](Self::start_divisor) | 25 | the first rate is the peak divided by it |
/// | [`end_divisor`](Self::end_divisor) | 10,000 | the last rate is the first divided by it |
/// | [`linear`](Self::linear) | no | straight lines in place of half waves of the cosine |
/// | [`three_phases`](Self::three_phases) | no | back to the first rate as fast as it rose, then to the last |
/// | [`momentum_between`](Self::momentum_between) | 0.85, 0.95 | at the peak of the rate; at its start and end |
///
/// This is PyTorch's form: of `n` steps, numbered from 0, the peak is at step `rise · n - 1` (which
/// may lie between two) and the end at step `n - 1`. The rate stays at the end after that.
///
/// L. N. Smith, N. Topin, *Super-convergence: very fast training of neural networks using large
/// learning rates*, 2018.
///
/// ```
/// use gradtape::optim::{Nesterov, OneCycle};
///
/// let cycle = OneCycle::new(0.5, 1000);
/// assert!((cycle.at(0) - 0.5 / 25.0).abs() < 1e-15 && cycle.at(299) == 0.5);
/// assert_eq!([0, 299, 999].map(|step| cycle.momentum().at(step)), [0.95, 0.85, 0.95]);
///
/// let optimizer: Nesterov = Nesterov::new(cycle).momentum(cycle.momentum());
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneCycle {
    peak: f64,
    steps: u64,
    rise: f64,
    start_divisor: f64,
    end_divisor: f64,
    linear: bool,
    three_phases: bool,
    momentum: [f64; 2],
}

impl OneCycle {
    /// Up to this rate and down again in so many steps.
    ///
    /// # Panics
    ///
    /// If the rate is infinite or NaN, or the number of steps 0.
    #[track_caller]
    pub fn new(peak: f64, steps: u64) -> Self {
        Self {
            peak: finite("OneCycle", "the peak", peak),
            steps: at_least_one("OneCycle", "the number of steps", steps),
            rise: 0.3,
            start_divisor: 25.0,
            end_divisor: 1e4,
            linear: false,
            three_phases: false,
            momentum: [0.85, 0.95],
        }
    }

    /// The part of the steps in which the rate rises.
    ///
    /// # Panics
    ///
    /// If it is not between 0 and 1.
    #[track_caller]
    pub fn rise(mut self, part: f64) -> Self {
        assert!((0.0..=1.0).contains(&part), "OneCycle: rise must be between 0 and 1, not {part}");
        self.rise = part;
        self
    }

    /// How many times the peak is above the first rate.
    ///
    /// # Panics
    ///
    /// If it is not above 0, or infinite.
    #[track_caller]
    pub fn start_divisor(mut self, divisor: f64) -> Self {
        let allowed = divisor > 0.0 && divisor.is_finite();
        assert!(allowed, "OneCycle: start_divisor must be finite and above 0, not {divisor}");
        self.start_divisor = divisor;
        self
    }

    /// How many times the first rate is above the last.
    ///
    /// # Panics
    ///
    /// If it is not above 0, or infinite.
    #[track_caller]
    pub fn end_divisor(mut self, divisor: f64) -> Self {
        let allowed = divisor > 0.0 && divisor.is_finite();
        assert!(allowed, "OneCycle: end_divisor must be finite and above 0, not {divisor}");
        self.end_divisor = divisor;
        self
    }

    /// Straight lines in place of half waves of the cosine.
    pub fn linear(mut self) -> Self {
        self.linear = true;
        self
    }

    /// From the peak back to the first rate in as many steps as it rose, then on to the last.
    pub fn three_phases(mut self) -> Self {
        self.three_phases = true;
        self
    }

    /// The momentum at the peak of the rate, and that at its start and end.
    ///
    /// # Panics
    ///
    /// If one of them is infinite or NaN.
    #[track_caller]
    pub fn momentum_between(mut self, lowest: f64, highest: f64) -> Self {
        self.momentum = [lowest, highest].map(|value| finite("OneCycle", "a momentum", value));
        self
    }

    /// The rate at this step.
    pub fn at(&self, step: u64) -> f64 {
        let start = self.peak / self.start_divisor;
        let pieces = self.pieces(start, self.peak, start / self.end_divisor);
        piecewise::follow(start, &pieces, step)
    }

    /// The momentum that goes with the rate: low where it is high.
    pub fn momentum(&self) -> Schedule {
        let [lowest, highest] = self.momentum;
        Piecewise::of(highest, self.pieces(highest, lowest, highest).into()).into()
    }

    /// The way from a first number to that at the peak of the rate, and to a last.
    fn pieces(&self, first: f64, peak: f64, last: f64) -> [Piece; 3] {
        let path = if self.linear { Path::Linear } else { Path::Cosine };
        let steps = self.steps as f64;
        let end = steps - 1.0;
        let top = (self.rise * steps - 1.0).clamp(0.0, end.max(0.0));
        // In two phases, the second of three is of no length.
        let (middle, value) =
            if self.three_phases { ((2.0 * top).min(end), first) } else { (top, peak) };
        [
            Piece { path, until: top, value: peak },
            Piece { path, until: middle, value },
            Piece { path, until: end, value: last },
        ]
    }
}

schedule!(OneCycle);
