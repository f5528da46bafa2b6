//! Slopes by difference quotients, each with an estimate of its error.

/// How many estimated errors apart two slopes may be and still count as equal.
pub(super) const MARGIN: f64 = 10.0;
/// The ratio of one step to the next.
const RATIO: f64 = 4.0;

/// A slope found numerically, and by how much it may be off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    pub(super) value: f64,
    pub(super) error: f64,
}

/// The values of a function around a point, at steps that become smaller and smaller.
pub(super) struct Differences {
    x: f64,
    value: f64,
    pairs: Vec<Pair>,
}

/// Two points at the same distance from the one in the middle, with the values there.
struct Pair {
    below: (f64, f64),
    above: (f64, f64),
}

impl Differences {
    /// Evaluates a function, whose value at `x` is known, around `x`.
    ///
    /// The largest step is one for a model whose natural scale is 1 or `x`. As `x` may be far from
    /// that scale, steps go down to a thousandth of `x`; and on from there, as long as quotients
    /// still change by more than rounding explains.
    pub(super) fn new(x: f64, value: f64, mut f: impl FnMut(f64) -> f64) -> Self {
        // A number this close to 0 says nothing about the scale.
        let size = if x.abs() < 1e-20 { 1.0 } else { x.abs() };
        let smallest = (1e-3 * size).min(1e-6);
        let limit = (1e-7 * smallest).max(8.0 * f64::EPSILON * x.abs());
        let mut step = 1e-2 * size.max(1.0);
        let mut found = Self { x, value, pairs: Vec::new() };
        while step >= smallest || step >= limit && !found.has_converged() {
            let (below, above) = (x - step, x + step);
            found.pairs.push(Pair { below: (below, f(below)), above: (above, f(above)) });
            step /= RATIO;
        }
        found
    }

    /// The slope by central differences.
    pub(super) fn central(&self) -> Slope {
        self.central_estimate().slope()
    }

    /// The slopes on the left and on the right.
    pub(super) fn one_sided(&self) -> [Slope; 2] {
        let here = (self.x, self.value);
        // A one-sided quotient's error is of first order in the step.
        let left = extrapolate(self.pairs.iter().map(|p| self.quotient(p.below, here)), RATIO);
        let right = extrapolate(self.pairs.iter().map(|p| self.quotient(here, p.above)), RATIO);
        [left.slope(), right.slope()]
    }

    /// The two points closest to the one in the middle.
    pub(super) fn closest(&self) -> [f64; 2] {
        self.pairs.last().map_or([self.x; 2], |pair| [pair.below.0, pair.above.0])
    }

    fn central_estimate(&self) -> Estimate {
        // A central quotient's error is of second order in the step.
        extrapolate(self.pairs.iter().map(|p| self.quotient(p.below, p.above)), RATIO * RATIO)
    }

    fn has_converged(&self) -> bool {
        let Estimate { value, truncation, rounding } = self.central_estimate();
        truncation <= MARGIN * rounding || truncation <= 1e-9 * value.abs()
    }

    /// A difference quotient and what rounding may do to it: to the values, and to the numbers
    /// that the function makes of the points.
    fn quotient(&self, below: (f64, f64), above: (f64, f64)) -> (f64, f64) {
        let (run, rise) = (above.0 - below.0, above.1 - below.1);
        let quotient = rise / run;
        let largest = self.value.abs().max(below.1.abs()).max(above.1.abs());
        let unit = f64::EPSILON * (largest + (self.x * quotient).abs());
        (quotient, 2.0 * unit / run)
    }
}

/// A slope with the two parts of its error.
#[derive(Clone, Copy)]
struct Estimate {
    value: f64,
    truncation: f64,
    rounding: f64,
}

impl Estimate {
    fn error(self) -> f64 {
        self.truncation + self.rounding
    }

    fn slope(self) -> Slope {
        Slope { value: self.value, error: self.error() }
    }
}

/// Extrapolates quotients of shrinking steps to a step of zero (L. F. Richardson) and takes the
/// extrapolation with the smallest estimated error. `gain` is the ratio of one quotient's error to
/// the next one's. Quotients that are not finite, as of a logarithm's left of 0, are passed over.
fn extrapolate(quotients: impl Iterator<Item = (f64, f64)>, gain: f64) -> Estimate {
    let mut best = Estimate { value: f64::NAN, truncation: f64::INFINITY, rounding: f64::INFINITY };
    let (mut last_quotient, mut last) = (f64::NAN, f64::NAN);
    for (quotient, rounding) in quotients {
        let value = quotient + (quotient - last_quotient) / (gain - 1.0);
        // A part of what extrapolation changed keeps two that agree by chance from winning.
        let truncation = (value - last).abs() + 1e-3 * (value - quotient).abs();
        let estimate = Estimate { value, truncation, rounding };
        if estimate.error() < best.error() {
            best = estimate;
        }
        (last_quotient, last) = (quotient, value);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (fn(f64) -> f64, f64, f64);

    #[test]
    fn slopes_are_found_at_every_scale_and_the_error_is_not_understated() {
        let cases: [Case; 14] = [
            (f64::ln, 1e-8, 1e8),
            (f64::sqrt, 1e-8, 5e3),
            (|x| 1.0 / x, 1e-8, -1e16),
            (|x| (1e8 * x).tanh(), 1e-8, 1e8 * (1.0 - 1.0_f64.tanh().powi(2))),
            (|x| (1e8 * x).tanh(), 0.0, 1e8),
            (|x| (x - 1e6).tanh(), 1e6, 1.0),
            (|x| (x - 1e6).tanh(), 1e6 + 0.5, 1.0 - 0.5_f64.tanh().powi(2)),
            (|x| x.max(0.0), 1e-7, 1.0),
            (|x| (x - 1.0).max(0.0), 1.0 + 1e-7, 1.0),
            (|x| 1e-12 * x.exp(), 1.0, 1e-12 * 1.0_f64.exp()),
            (|x| x.exp() + 1e6, 1.0, 1.0_f64.exp()),
            (|x| x * x, 1e6, 2e6),
            (f64::sin, 1e3, 1e3_f64.cos()),
            (|_| 7.0, 0.3, 0.0),
        ];
        for (i, (f, x, want)) in cases.into_iter().enumerate() {
            let differences = Differences::new(x, f(x), f);
            let found = differences.central();
            let off = (found.value - want).abs();
            assert!(off <= MARGIN * found.error, "case {i}: {found:?} instead of {want}");
            assert!(found.error <= 2e-7 * want.abs() || want == 0.0, "case {i}: {found:?}");
        }
    }

    #[test]
    fn one_sided_slopes_differ_at_a_kink_only() {
        let differences = Differences::new(0.0, 0.0, |x: f64| x.abs() + x.sin());
        let [left, right] = differences.one_sided();
        assert!(left.value.abs() < 1e-8 && (right.value - 2.0).abs() < 1e-8);
        let differences = Differences::new(0.3, 0.3_f64.exp(), f64::exp);
        for slope in differences.one_sided() {
            assert!((slope.value - 0.3_f64.exp()).abs() < 1e-7, "{slope:?}");
        }
    }
}
