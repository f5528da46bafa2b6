//! Numbers that may change from step to step.

mod cosine;
mod decay;
mod one_cycle;
mod piecewise;
mod plateau;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Mul;
use std::sync::Arc;

pub use cosine::{CosineDecay, CosineRestarts};
pub use decay::{ExponentialDecay, InverseTimeDecay, PolynomialDecay, StepDecay};
pub use one_cycle::OneCycle;
pub use piecewise::Piecewise;
pub use plateau::ReduceOnPlateau;
use serde::{Deserialize, Serialize, Serializer};

/// A number for every step: always the same, or a function of the step, which is 0 for the first.
///
/// It sees nothing but the step, so a resumed run needs only the number of steps taken. Wherever a
/// rate is asked for, these will do:
///
/// | schedule | `t` being the step |
/// |---|---|
/// | a number | always the same |
/// | [`StepDecay`] | `rate · factor^⌊t/every⌋` |
/// | [`ExponentialDecay`] | `rate · factor^(t/per)` |
/// | [`InverseTimeDecay`] | `rate / (1 + decay · t/per)` |
/// | [`PolynomialDecay`] | down to an end by a power of the steps left |
/// | [`CosineDecay`], [`CosineRestarts`] | down half a wave of the cosine, once or again and again |
/// | [`Piecewise`] | jumps, straight lines and half waves from number to number |
/// | [`OneCycle`] | up and far down, with a momentum that goes the other way |
/// | a function `Fn(u64) -> f64` | what it says |
///
/// and what is made of them: [`warmup`](Self::warmup), [`then`](Self::then), [`held`](Self::held)
/// and products, `CosineDecay::new(1e-3, 1000) * 0.5`. A rate that depends on how training goes is
/// [`ReduceOnPlateau`]'s.
///
/// A schedule is configuration: it can be printed, written and read, unless it is a function.
///
/// ```
/// use gradtape::optim::{CosineDecay, Schedule};
///
/// let constant = Schedule::from(0.1);
/// assert_eq!(constant.at(7), 0.1);
///
/// let cosine = CosineDecay::new(0.1, 900).warmup(100);
/// assert_eq!([0, 50, 100, 550, 1000].map(|step| cosine.at(step)), [0.0, 0.05, 0.1, 0.05, 0.0]);
///
/// let own = Schedule::from(|step: u64| 0.1 / (1.0 + step as f64).sqrt());
/// assert_eq!(own.at(99), 0.01);
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schedule(Kind);

#[derive(Clone, Serialize, Deserialize)]
enum Kind {
    Constant(f64),
    StepDecay(StepDecay),
    ExponentialDecay(ExponentialDecay),
    InverseTimeDecay(InverseTimeDecay),
    PolynomialDecay(PolynomialDecay),
    CosineDecay(CosineDecay),
    CosineRestarts(CosineRestarts),
    Piecewise(Piecewise),
    OneCycle(OneCycle),
    Then {
        first: Box<Schedule>,
        at: u64,
        next: Box<Schedule>,
    },
    Held {
        schedule: Box<Schedule>,
        steps: u64,
    },
    Product(Box<Schedule>, Box<Schedule>),
    #[serde(serialize_with = "not_written", skip_deserializing)]
    Function(Arc<dyn Fn(u64) -> f64 + Send + Sync>),
}

/// Says why a function is not written; what is not known is not left out in silence.
fn not_written<S: Serializer>(
    _: &Arc<dyn Fn(u64) -> f64 + Send + Sync>,
    _: S,
) -> Result<S::Ok, S::Error> {
    let reason = "a schedule that is a function cannot be written, only the named ones can";
    Err(serde::ser::Error::custom(reason))
}

impl Schedule {
    /// The number at this step.
    pub fn at(&self, step: u64) -> f64 {
        match &self.0 {
            Kind::Constant(value) => *value,
            Kind::StepDecay(schedule) => schedule.at(step),
            Kind::ExponentialDecay(schedule) => schedule.at(step),
            Kind::InverseTimeDecay(schedule) => schedule.at(step),
            Kind::PolynomialDecay(schedule) => schedule.at(step),
            Kind::CosineDecay(schedule) => schedule.at(step),
            Kind::CosineRestarts(schedule) => schedule.at(step),
            Kind::Piecewise(schedule) => schedule.at(step),
            Kind::OneCycle(schedule) => schedule.at(step),
            Kind::Then { first, at, .. } if step < *at => first.at(step),
            Kind::Then { at, next, .. } => next.at(step - at),
            Kind::Held { schedule, steps } => schedule.at(step - step % (*steps).max(1)),
            Kind::Product(a, b) => a.at(step) * b.at(step),
            Kind::Function(function) => function(step),
        }
    }

    /// The number, if it is the same at every step.
    pub fn constant(&self) -> Option<f64> {
        match self.0 {
            Kind::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Rises in a straight line from 0 to this schedule's first number in so many steps, and then
    /// follows the schedule from its start. Step 0 is at 0; to start higher, use [`Piecewise`]:
    /// `Piecewise::new(0.01).linear(100, 0.1).then(100, schedule)`.
    ///
    /// P. Goyal et al., *Accurate, large minibatch SGD*, 2017.
    ///
    /// ```
    /// # use gradtape::optim::Schedule;
    /// let schedule = Schedule::from(0.1).warmup(10);
    /// assert_eq!([0, 5, 10, 99].map(|step| schedule.at(step)), [0.0, 0.05, 0.1, 0.1]);
    /// ```
    pub fn warmup(self, steps: u64) -> Schedule {
        Piecewise::new(0.0).linear(steps, self.at(0)).then(steps, self)
    }

    /// This schedule until a step, and from there on the other, which starts at its own step 0.
    ///
    /// ```
    /// # use gradtape::optim::{ExponentialDecay, Schedule};
    /// let schedule = Schedule::from(0.1).then(50, ExponentialDecay::new(0.1, 0.5));
    /// assert_eq!([0, 50, 51].map(|step| schedule.at(step)), [0.1, 0.1, 0.05]);
    /// ```
    pub fn then(self, at: u64, next: impl Into<Schedule>) -> Schedule {
        Schedule(Kind::Then { first: Box::new(self), at, next: Box::new(next.into()) })
    }

    /// Changes only every so many steps, such as those of an epoch, and is in between what it was
    /// at the last of them.
    ///
    /// ```
    /// # use gradtape::optim::ExponentialDecay;
    /// let staircase = ExponentialDecay::new(0.1, 0.5).per(10).held(10);
    /// assert_eq!([0, 9, 10, 19, 20].map(|step| staircase.at(step)), [0.1, 0.1, 0.05, 0.05, 0.025]);
    /// ```
    ///
    /// # Panics
    ///
    /// If the number of steps is 0.
    #[track_caller]
    pub fn held(self, steps: u64) -> Schedule {
        at_least_one("held", "the number of steps", steps);
        Schedule(Kind::Held { schedule: Box::new(self), steps })
    }
}

impl<R: Into<Schedule>> Mul<R> for Schedule {
    type Output = Schedule;

    fn mul(self, factor: R) -> Schedule {
        Schedule(Kind::Product(Box::new(self), Box::new(factor.into())))
    }
}

impl From<f64> for Schedule {
    fn from(value: f64) -> Self {
        Schedule(Kind::Constant(value))
    }
}

impl<F: Fn(u64) -> f64 + Send + Sync + 'static> From<F> for Schedule {
    fn from(function: F) -> Self {
        Schedule(Kind::Function(Arc::new(function)))
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Constant(value) => write!(f, "{value}"),
            Kind::StepDecay(schedule) => schedule.fmt(f),
            Kind::ExponentialDecay(schedule) => schedule.fmt(f),
            Kind::InverseTimeDecay(schedule) => schedule.fmt(f),
            Kind::PolynomialDecay(schedule) => schedule.fmt(f),
            Kind::CosineDecay(schedule) => schedule.fmt(f),
            Kind::CosineRestarts(schedule) => schedule.fmt(f),
            Kind::Piecewise(schedule) => schedule.fmt(f),
            Kind::OneCycle(schedule) => schedule.fmt(f),
            Kind::Then { first, at, next } => write!(f, "({first:?}, then at {at} {next:?})"),
            Kind::Held { schedule, steps } => write!(f, "({schedule:?}, held for {steps} steps)"),
            Kind::Product(a, b) => write!(f, "{a:?} * {b:?}"),
            Kind::Function(_) => f.write_str("a function of the step"),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Gives a named schedule what every [`Schedule`] can do, so that it need not be made one first.
macro_rules! schedule {
    ($name:ident) => {
        impl $name {
            /// As [`Schedule::warmup`](crate::optim::Schedule::warmup): up from 0 first.
            pub fn warmup(self, steps: u64) -> $crate::optim::Schedule {
                $crate::optim::Schedule::from(self).warmup(steps)
            }

            /// As [`Schedule::then`](crate::optim::Schedule::then): another from a step on.
            pub fn then(
                self,
                at: u64,
                next: impl Into<$crate::optim::Schedule>,
            ) -> $crate::optim::Schedule {
                $crate::optim::Schedule::from(self).then(at, next)
            }

            /// As [`Schedule::held`](crate::optim::Schedule::held): changes every so many steps.
            ///
            /// # Panics
            ///
            /// If the number of steps is 0.
            #[track_caller]
            pub fn held(self, steps: u64) -> $crate::optim::Schedule {
                $crate::optim::Schedule::from(self).held(steps)
            }
        }

        impl From<$name> for $crate::optim::Schedule {
            fn from(schedule: $name) -> Self {
                Self(super::Kind::$name(schedule))
            }
        }

        impl<R: Into<$crate::optim::Schedule>> std::ops::Mul<R> for $name {
            type Output = $crate::optim::Schedule;

            fn mul(self, factor: R) -> $crate::optim::Schedule {
                $crate::optim::Schedule::from(self) * factor
            }
        }
    };
}
use schedule;

/// The number, if it is finite. Whether it makes a rate is checked where it is used as one.
#[track_caller]
fn finite(owner: &str, name: &str, value: f64) -> f64 {
    assert!(value.is_finite(), "{owner}: {name} must be finite, not {value}");
    value
}

/// The number of steps, if there are any.
#[track_caller]
fn at_least_one(owner: &str, name: &str, steps: u64) -> u64 {
    assert!(steps > 0, "{owner}: {name} must be at least 1");
    steps
}

/// How far a step is on its way, which may be of no length in a schedule that was read: 1 then.
fn fraction(step: f64, steps: f64) -> f64 {
    if steps > 0.0 { step / steps } else { 1.0 }
}

/// Half a wave of the cosine: 1 at 0, 0 at 1.
fn half_wave(x: f64) -> f64 {
    (1.0 + (std::f64::consts::PI * x).cos()) / 2.0
}
