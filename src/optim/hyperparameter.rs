//! The numbers that users choose, and what they may be.

use std::fmt;

use super::Schedule;

/// The numbers that a hyperparameter may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Allowed {
    /// 0 or above.
    NotNegative,
    /// Above 0.
    Positive,
    /// From 0 to below 1.
    Fraction,
    /// Above 0 and at most 1.
    PositiveShare,
}

impl Allowed {
    fn contains(self, value: f64) -> bool {
        match self {
            Allowed::NotNegative => (0.0..f64::INFINITY).contains(&value),
            // What is 0 in `f32` protects no division.
            Allowed::Positive => value as f32 > 0.0 && value < f64::INFINITY,
            Allowed::Fraction => (0.0..1.0).contains(&value),
            Allowed::PositiveShare => value as f32 > 0.0 && value <= 1.0,
        }
    }

    /// The value, if it is allowed.
    #[track_caller]
    pub(super) fn check(self, owner: &str, name: &str, value: f64) -> f64 {
        assert!(self.contains(value), "{owner}: {name} must be {self}, not {value}");
        value
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Allowed::NotNegative => "finite and not negative",
            Allowed::Positive => "finite and above 0 (in f32, too)",
            Allowed::Fraction => "at least 0 and below 1",
            Allowed::PositiveShare => "above 0 and at most 1",
        })
    }
}

/// A hyperparameter that may change from step to step.
#[derive(Clone)]
pub(super) struct Hyperparameter {
    owner: &'static str,
    name: &'static str,
    allowed: Allowed,
    schedule: Schedule,
}

impl Hyperparameter {
    #[track_caller]
    pub(super) fn new(
        owner: &'static str,
        name: &'static str,
        allowed: Allowed,
        schedule: Schedule,
    ) -> Self {
        if let Some(value) = schedule.constant() {
            allowed.check(owner, name, value);
        }
        Self { owner, name, allowed, schedule }
    }

    /// Replaces the number.
    #[track_caller]
    pub(super) fn set(&mut self, schedule: Schedule) {
        *self = Self::new(self.owner, self.name, self.allowed, schedule);
    }

    /// The number at this step, whatever it is.
    pub(super) fn get(&self, step: u64) -> f64 {
        self.schedule.at(step)
    }

    /// The number at this step, if it is allowed.
    #[track_caller]
    pub(super) fn at(&self, step: u64) -> f64 {
        let Self { owner, name, allowed, .. } = self;
        let value = self.get(step);
        assert!(
            allowed.contains(value),
            "{owner}: the schedule of {name} gave {value} at step {step}, it must be {allowed}"
        );
        value
    }
}

impl fmt::Debug for Hyperparameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.schedule.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_in_or_out_as_they_say() {
        let tests = [
            (Allowed::PositiveShare, [1e-30, 1.0], [0.0, 1.0 + 1e-15]),
            (Allowed::NotNegative, [0.0, 1e300], [-1e-300, f64::INFINITY]),
            (Allowed::Positive, [1e-30, 1e300], [0.0, 1e-60]),
            (Allowed::Fraction, [0.0, 0.999], [-1e-300, 1.0]),
        ];
        for (allowed, inside, outside) in tests {
            assert!(inside.iter().all(|&x| allowed.contains(x)), "{allowed}");
            assert!(outside.iter().all(|&x| !allowed.contains(x)), "{allowed}");
            assert!(!allowed.contains(f64::NAN) && !allowed.contains(f64::INFINITY), "{allowed}");
        }
    }
}
