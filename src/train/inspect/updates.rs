//! How far a step moves the weights.

use std::fmt;

use serde::Serialize;

use crate::params::{Params, Role};
use crate::scalar::Scalar;

/// How far a step, or several, moved each parameter, compared with how large it is. Prints as a
/// table.
///
/// A ratio of about a thousandth for each step of the optimizer is a rule of thumb: at a hundredth
/// the rate is likely too high, at a ten-thousandth too low (A. Karpathy, CS231n, 2015).
///
/// ```
/// use gradtape::prelude::*;
/// use gradtape::train::Updates;
///
/// let mut params = Params::new(Seed(42));
/// let line = Dense::new(3, 1).build(&mut params, "line");
/// let mut optimizer = Sgd::new(1e-3);
/// for step in 0..20 {
///     let tape = Tape::training(&params, Seed(step));
///     let x = tape.input(&Tensor::from([[1.0, -0.5, 2.0]]));
///     let gradients = tape.backward(line.forward(x).square().mean(..));
///     // A copy is made only where it is wanted.
///     let before = (step % 10 == 0).then(|| params.flat().to_vec());
///     optimizer.step(&mut params, &gradients);
///     if let Some(before) = before {
///         let updates = Updates::between(&before, &params);
///         println!("{updates}");
///         assert!(updates.rows()[0].ratio < 0.1);
///     }
/// }
/// ```
///
/// Of a [`Fit`](crate::train::Fit), a callback does the same in
/// [`after_batch`](crate::train::Callback::after_batch): an example of it is in the documentation of
/// the module `report`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Updates {
    rows: Vec<Update>,
}

/// One parameter's part of [`Updates`].
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Update {
    /// The parameter's path.
    pub parameter: String,
    /// The Euclidean norm of the weights before the step.
    pub weights: f64,
    /// The Euclidean norm of the step.
    pub step: f64,
    /// `step / weights`; infinite of weights that were all 0.
    pub ratio: f64,
}

impl Updates {
    /// What happened between these values of all parameters, as [`Params::flat`] gives them, and
    /// the values that they have now. State, which no step moves, is left out.
    ///
    /// # Panics
    ///
    /// If there are not as many values as now.
    #[track_caller]
    pub fn between<T: Scalar>(before: &[T], params: &Params<T>) -> Self {
        let (then, now) = (before.len(), params.flat().len());
        assert!(then == now, "updates: the parameters had {then} values, and now have {now}");
        let layout = params.layout();
        let learned = layout.ids().filter(|&id| layout.entry(id).role != Role::State);
        let row = |id| {
            let before = before[layout.range(id)].iter().map(|x| x.to_f64());
            let steps = before.clone().zip(params.values(id)).map(|(x, y)| y.to_f64() - x);
            let weights = before.map(|x| x * x).sum::<f64>().sqrt();
            let step = steps.map(|x| x * x).sum::<f64>().sqrt();
            let ratio = if step == 0.0 { 0.0 } else { step / weights };
            Update { parameter: layout.entry(id).name.clone(), weights, step, ratio }
        };
        Self { rows: learned.map(row).collect() }
    }

    /// The rows, one a parameter, in the order of the layout.
    pub fn rows(&self) -> &[Update] {
        &self.rows
    }
}

impl fmt::Display for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.rows.iter().map(|row| row.parameter.len()).max().unwrap_or(0).max(9);
        let (weights, step, ratio) = ("weights", "step", "ratio");
        writeln!(f, "{:name$}  {weights:>9}  {step:>9}  {ratio:>9}", "parameter")?;
        for Update { parameter, weights, step, ratio } in &self.rows {
            writeln!(f, "{parameter:name$}  {weights:>9.1e}  {step:>9.1e}  {ratio:>9.1e}")?;
        }
        Ok(())
    }
}
