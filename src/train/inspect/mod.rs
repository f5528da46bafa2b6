//! Seeing what goes on in a model: activations, gradients, steps and weights.

mod histogram;
mod picture;
mod png;
mod summary;
mod updates;

use std::fmt;

pub use histogram::Histogram;
pub use picture::Picture;
use serde::Serialize;
pub use summary::Summary;
pub use updates::{Update, Updates};

use crate::graph::{Tape, Var};
use crate::params::{Gradients, Params, Role};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What the values of a model look like, layer by layer, and the gradients of the loss with
/// respect to them. Prints as a table.
///
/// A model says what is to be seen by [`Var::watch`]; it costs nothing where there is no
/// inspection.
///
/// ```
/// use gradtape::prelude::*;
/// use gradtape::train::Inspection;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let layers: Vec<Dense> =
///     (0..4).map(|i| Dense::new(30, 30).build(&mut params, &format!("layer{i}"))).collect();
///
/// let tape = Tape::training(&params, Seed(0));
/// let x = tape.input(&Tensor::from_fn([16, 30], |i| (i as f32).sin()));
/// let y = layers.iter().enumerate().fold(x, |x, (i, layer)| {
///     layer.forward(x).tanh().watch(format!("tanh{i}"))
/// });
/// let inspection = Inspection::of(&tape, y.square().mean(..));
/// println!("{inspection}");
/// let rows = inspection.rows();
/// assert!(rows[3].values.deviation < rows[0].values.deviation);
/// assert!(rows.iter().all(|row| row.saturated == Some(0.0)));
/// ```
#[derive(Clone, PartialEq, Debug, Serialize)]
#[must_use = "an inspection is there to be looked at"]
pub struct Inspection {
    rows: Vec<Inspected>,
}

/// One value's part of an [`Inspection`].
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Inspected {
    /// The name that it was given, or the parameter's.
    pub name: String,
    /// The sizes of its axes.
    pub shape: Shape,
    /// Its numbers.
    pub values: Summary,
    /// The gradient of the loss with respect to it; none without a loss or of what is frozen.
    pub gradient: Option<Summary>,
    /// Of a sigmoid's or a hyperbolic tangent's result: the share that lets less than a twentieth
    /// of the gradient through that it does at 0.
    pub saturated: Option<f64>,
    /// Of a rectifier's result (`relu`): the share of units (places of the second axis) that are 0
    /// for every example, and so do not learn from any.
    pub dead: Option<f64>,
}

impl Inspection {
    /// The watched values of a tape, and the gradients of a loss with respect to them, in one run.
    ///
    /// # Panics
    ///
    /// If the loss is not one number or belongs to another tape.
    #[track_caller]
    pub fn of<'t, T: Scalar>(tape: &'t Tape<'_, T>, loss: Var<'t>) -> Self {
        let watched = tape.graph().watched();
        let vars: Vec<Var<'t>> = watched.iter().map(|(_, var)| *var).collect();
        let gradients = tape.gradient(loss, &vars);
        for var in vars.iter().chain(&gradients) {
            let _ = tape.keep(*var);
        }
        tape.item(loss);
        let gradients = gradients.into_iter().map(Some);
        Self::from_watched(tape, watched.into_iter().zip(gradients))
    }

    /// The watched values of a tape, without gradients.
    pub fn of_values<T: Scalar>(tape: &Tape<'_, T>) -> Self {
        let watched = tape.graph().watched();
        for (_, var) in &watched {
            let _ = tape.keep(*var);
        }
        Self::from_watched(tape, watched.into_iter().map(|watched| (watched, None)))
    }

    fn from_watched<'t, T: Scalar, N: Into<String>>(
        tape: &Tape<'_, T>,
        watched: impl Iterator<Item = ((N, Var<'t>), Option<Var<'t>>)>,
    ) -> Self {
        let row = |((name, var), gradient): ((N, Var<'t>), Option<Var<'t>>)| {
            let values = tape.value(var);
            let gradient = gradient.map(|gradient| Summary::of(tape.value(gradient).data()));
            Inspected {
                name: name.into(),
                shape: values.shape().clone(),
                values: Summary::of(values.data()),
                gradient,
                saturated: saturated(var.op_name(), values.data()),
                dead: (var.op_name() == "relu").then(|| dead(&values)),
            }
        };
        Self { rows: watched.map(row).collect() }
    }

    /// The parameters of a model and their gradients, after a backward run.
    ///
    /// # Panics
    ///
    /// If the gradients are of other parameters.
    #[track_caller]
    pub fn of_params<T: Scalar>(params: &Params<T>, gradients: &Gradients<T>) -> Self {
        let layout = params.layout();
        let learned = layout.ids().filter(|&id| layout.entry(id).role != Role::State);
        let row = |id| {
            let entry = layout.entry(id);
            Inspected {
                name: entry.name.clone(),
                shape: entry.shape.clone(),
                values: Summary::of(params.values(id)),
                gradient: gradients.get(id).map(Summary::of),
                saturated: None,
                dead: None,
            }
        };
        Self { rows: learned.map(row).collect() }
    }

    /// The rows, in the order in which the values were watched.
    pub fn rows(&self) -> &[Inspected] {
        &self.rows
    }
}

/// The share of results whose derivative is less than a twentieth of the largest.
fn saturated<T: Scalar>(op: &str, values: &[T]) -> Option<f64> {
    let slope: fn(f64) -> f64 = match op {
        "tanh" => |y| 1.0 - y * y,
        "sigmoid" => |y| 4.0 * y * (1.0 - y),
        _ => return None,
    };
    let count = values.iter().filter(|y| slope(y.to_f64()) < 0.05).count();
    Some(count as f64 / values.len() as f64)
}

/// The share of units that are 0 for every example and at every place.
fn dead<T: Scalar>(values: &Tensor<T>) -> f64 {
    let shape = values.shape();
    let units = shape.get(1).copied().unwrap_or(1);
    let places: usize = shape.iter().skip(2).product();
    let mut alive = vec![false; units];
    for (i, y) in values.data().iter().enumerate() {
        alive[i / places % units] |= *y != T::ZERO;
    }
    alive.iter().filter(|alive| !**alive).count() as f64 / units as f64
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(4);
        let shapes = self.rows.iter().map(|row| row.shape.to_string().len());
        let shape = shapes.max().unwrap_or(0).max(5);
        let bins = Summary::BINS;
        write!(f, "{:name$}  {:>shape$}  {:>9}  {:>9}  ", "name", "shape", "mean", "deviation")?;
        write!(f, "{:>6}  {:>9}  {:>6}  {:bins$}  ", "zeros", "saturated", "dead", "values")?;
        writeln!(f, "{:>9}  {:>9}  of gradients", "mean", "deviation")?;
        for row in &self.rows {
            let share = |share: Option<f64>| share.map_or("-".into(), |x| format!("{x:.3}"));
            let Inspected { values, gradient, .. } = row;
            write!(
                f,
                "{:name$}  {:>shape$}  {:>9.1e}  {:>9.1e}  {:>6.3}  {:>9}  {:>6}  {}",
                row.name,
                row.shape.to_string(),
                values.mean,
                values.deviation,
                values.zeros,
                share(row.saturated),
                share(row.dead),
                values.histogram
            )?;
            if let Some(Summary { mean, deviation, histogram, .. }) = gradient {
                write!(f, "  {mean:>9.1e}  {deviation:>9.1e}  {histogram}")?;
            }
            let gradients = gradient.as_ref().map_or(0, |gradient| gradient.non_finite);
            match values.non_finite + gradients {
                0 => writeln!(f)?,
                count => writeln!(f, "  {count} not finite")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
