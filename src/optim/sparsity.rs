//! How many values are exactly 0.

use std::fmt;

use crate::params::{Params, Role};
use crate::scalar::Scalar;

/// The share of values that are exactly 0, for each parameter and for all; state is left out.
///
/// ```
/// use gradtape::optim::sparsity;
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// params.add_tensor("a", &Tensor::from([0.0, 1.0, 0.0, 0.0]));
/// params.add_tensor("b", &Tensor::from([2.0, 0.0]));
///
/// let sparsity = sparsity(&params);
/// assert_eq!(sparsity.get("a"), Some(0.75));
/// assert_eq!(sparsity.total(), 4.0 / 6.0);
/// ```
pub fn sparsity<T: Scalar>(params: &Params<T>) -> Sparsity {
    let entries = params.layout().entries().iter().filter(|entry| entry.role != Role::State);
    let rows = entries.map(|entry| {
        let values = &params.flat()[entry.range()];
        let zeros = values.iter().filter(|&&x| x == T::ZERO).count();
        (entry.name.clone(), zeros, values.len())
    });
    Sparsity { rows: rows.collect() }
}

/// How many values of each parameter are exactly 0; see [`sparsity`].
#[derive(Clone, PartialEq, Debug)]
pub struct Sparsity {
    /// Path, number of zeros and number of values.
    rows: Vec<(String, usize, usize)>,
}

/// None of nothing.
fn share(zeros: usize, values: usize) -> f64 {
    zeros as f64 / values.max(1) as f64
}

impl Sparsity {
    /// The share of zeros in one parameter, from 0 to 1.
    pub fn get(&self, parameter: &str) -> Option<f64> {
        let row = self.rows.iter().find(|(name, ..)| name == parameter);
        row.map(|&(_, zeros, values)| share(zeros, values))
    }

    /// The share of zeros in all parameters together.
    pub fn total(&self) -> f64 {
        let sums = self.rows.iter().fold((0, 0), |(a, b), (_, zeros, n)| (a + zeros, b + n));
        share(sums.0, sums.1)
    }

    /// The share of each parameter, in the order of the layout.
    pub fn shares(&self) -> impl Iterator<Item = (&str, f64)> {
        self.rows.iter().map(|(name, zeros, values)| (&name[..], share(*zeros, *values)))
    }
}

/// A table.
impl fmt::Display for Sparsity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
        let width = width.max("parameter".len());
        writeln!(f, "{:width$}  {:>10}  {:>7}", "parameter", "values", "zeros")?;
        for (name, zeros, values) in &self.rows {
            let percent = 100.0 * share(*zeros, *values);
            writeln!(f, "{name:width$}  {values:>10}  {percent:>6.1}%")?;
        }
        let values: usize = self.rows.iter().map(|row| row.2).sum();
        write!(f, "{:width$}  {values:>10}  {:>6.1}%", "total", 100.0 * self.total())
    }
}
