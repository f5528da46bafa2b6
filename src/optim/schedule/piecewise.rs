//! Rates that go from number to number.

use serde::{Deserialize, Serialize};

use super::{finite, fraction, half_wave, schedule};

/// Jumps, straight lines and half waves of the cosine from number to number; the last one stays.
///
/// ```
/// use gradtape::optim::Piecewise;
///
/// // up to 0.1 in 10 steps, down to 0.05 in the next 10, a tenth of it from step 100 on
/// let schedule = Piecewise::new(0.0).linear(10, 0.1).cosine(20, 0.05).jump(100, 0.005);
/// let rates = [0, 5, 10, 20, 99, 100].map(|step| schedule.at(step));
/// assert_eq!(rates, [0.0, 0.05, 0.1, 0.05, 0.05, 0.005]);
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piecewise {
    first: f64,
    pieces: Vec<Piece>,
}

/// The way from the number before to the next.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Piece {
    pub(super) path: Path,
    /// The step at which it is reached, which may lie between two.
    pub(super) until: f64,
    pub(super) value: f64,
}

/// How the next number is reached.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Path {
    /// The number before until the last moment.
    Jump,
    /// A straight line.
    Linear,
    /// Half a wave of the cosine.
    Cosine,
}

impl Piecewise {
    /// This number at step 0, and for all steps that no piece is added for.
    ///
    /// # Panics
    ///
    /// If it is infinite or NaN.
    #[track_caller]
    pub fn new(first: f64) -> Self {
        Self { first: finite("Piecewise", "a number", first), pieces: Vec::new() }
    }

    /// The number before until a step, and another from that step on. (In Keras, only from the
    /// step after it.)
    ///
    /// # Panics
    ///
    /// If the step is before that of the last piece, or the number is infinite or NaN.
    #[track_caller]
    pub fn jump(self, at: u64, value: f64) -> Self {
        self.piece(Path::Jump, at as f64, value)
    }

    /// A straight line from the last piece's step and number to these.
    ///
    /// # Panics
    ///
    /// As [`jump`](Self::jump).
    #[track_caller]
    pub fn linear(self, until: u64, value: f64) -> Self {
        self.piece(Path::Linear, until as f64, value)
    }

    /// Half a wave of the cosine from the last piece's step and number to these.
    ///
    /// # Panics
    ///
    /// As [`jump`](Self::jump).
    #[track_caller]
    pub fn cosine(self, until: u64, value: f64) -> Self {
        self.piece(Path::Cosine, until as f64, value)
    }

    #[track_caller]
    fn piece(mut self, path: Path, until: f64, value: f64) -> Self {
        let value = finite("Piecewise", "a number", value);
        let last = self.pieces.last().map_or(0.0, |piece| piece.until);
        assert!(until >= last, "Piecewise: step {until} is before that of the last piece, {last}");
        self.pieces.push(Piece { path, until, value });
        self
    }

    pub(super) fn of(first: f64, pieces: Vec<Piece>) -> Self {
        Self { first, pieces }
    }

    /// The number at this step.
    pub fn at(&self, step: u64) -> f64 {
        follow(self.first, &self.pieces, step)
    }
}

schedule!(Piecewise);

/// Where a step is on the way from the first number through these pieces.
pub(super) fn follow(first: f64, pieces: &[Piece], step: u64) -> f64 {
    let step = step as f64;
    let (mut from, mut value) = (0.0, first);
    for piece in pieces {
        if step < piece.until {
            let x = fraction(step - from, piece.until - from);
            let left = match piece.path {
                Path::Jump => 1.0,
                Path::Linear => 1.0 - x,
                Path::Cosine => half_wave(x),
            };
            return piece.value + (value - piece.value) * left;
        }
        (from, value) = (piece.until, piece.value);
    }
    value
}
