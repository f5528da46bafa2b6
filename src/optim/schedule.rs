//! Numbers that may change from step to step.

use std::fmt;
use std::sync::Arc;

/// A number for every step: always the same, or a function of the step, which is 0 for the first.
///
/// A function sees nothing but the step, so a resumed run needs only the number of steps taken.
///
/// ```
/// use gradtape::optim::Schedule;
///
/// let constant = Schedule::from(0.1);
/// assert_eq!(constant.at(7), 0.1);
///
/// let warmup = Schedule::from(|step: u64| 0.1 * (step as f64 / 100.0).min(1.0));
/// assert_eq!((warmup.at(50), warmup.at(500)), (0.05, 0.1));
/// ```
#[derive(Clone)]
pub struct Schedule(Kind);

#[derive(Clone)]
enum Kind {
    Constant(f64),
    Function(Arc<dyn Fn(u64) -> f64 + Send + Sync>),
}

impl Schedule {
    /// The number at this step.
    pub fn at(&self, step: u64) -> f64 {
        match &self.0 {
            Kind::Constant(value) => *value,
            Kind::Function(function) => function(step),
        }
    }

    /// The number, if it is the same at every step.
    pub fn constant(&self) -> Option<f64> {
        match self.0 {
            Kind::Constant(value) => Some(value),
            Kind::Function(_) => None,
        }
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
            Kind::Function(_) => f.write_str("a function of the step"),
        }
    }
}
