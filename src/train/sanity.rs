//! Checks that a model can learn at all, before it is trained for long.
//!
//! Most mistakes in a model, its data or its loss show in the first minute if one looks (A.
//! Karpathy, CS231n and "A Recipe for Training Neural Networks", 2019): the loss does not start at
//! what guessing gives, a penalty is forgotten, or not even a handful of examples can be learned.
//!
//! ```
//! use gradtape::prelude::*;
//! use gradtape::train::sanity;
//!
//! let mut params = Params::<f32>::new(Seed(42));
//! let model = Sequential::new()
//!     .then(Dense::new(2, 16).build(&mut params, "hidden"))
//!     .then(Tanh)
//!     .then(Dense::new(16, 3).init(Zeros).build(&mut params, "output"));
//! let x = Tensor::from([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
//! let y = Indices::from([0, 1, 1, 2]);
//!
//! sanity::starts_at_chance(&params, 3, |tape| {
//!     model.forward(tape.input(&x)).cross_entropy(&y)
//! })
//! .assert();
//! let learned = sanity::overfits(&params, Adam::new(0.05), 300, |tape| {
//!     model.forward(tape.input(&x)).cross_entropy(&y)
//! });
//! println!("{learned}");
//! assert!(learned.passed);
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::graph::{Tape, Var};
use crate::optim::Optimizer;
use crate::params::Params;
use crate::scalar::Scalar;
use crate::seed::Seed;

/// What a check expected and what it found. Prints as a line.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use = "a check has to be looked at or asserted"]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it is as expected.
    pub passed: bool,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// What may be wrong if it is not as expected.
    pub hint: String,
}

impl Check {
    fn new(name: &str, passed: bool, expected: String, found: String, hint: &str) -> Self {
        Self { name: name.to_string(), passed, expected, found, hint: hint.to_string() }
    }

    /// Asserts that it is as expected.
    ///
    /// # Panics
    ///
    /// If it is not, with what was expected and found.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.passed, "{self}");
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, passed, expected, found, hint } = self;
        let verdict = if *passed { "ok" } else { "FAILED" };
        write!(f, "{verdict}: {name}: expected {expected}, found {found}")?;
        if *passed { Ok(()) } else { write!(f, "\n  {hint}") }
    }
}

/// The mean cross-entropy of a model that finds all classes equally probable: `ln(classes)`.
///
/// ```
/// use gradtape::train::loss_at_chance;
///
/// assert!((loss_at_chance(10) - 2.3026).abs() < 1e-4);
/// ```
pub fn loss_at_chance(classes: usize) -> f64 {
    (classes as f64).ln()
}

/// The loss of new parameters, without penalties, is near what guessing among so many classes
/// gives: within 20 % of [`loss_at_chance`].
///
/// Larger, the last layer's initial weights make the model certain of what it cannot know, and the
/// first steps go into unlearning that; smaller, the loss or its labels are not what they seem.
#[track_caller]
pub fn starts_at_chance<T: Scalar>(
    params: &Params<T>,
    classes: usize,
    loss: impl for<'t> Fn(&'t Tape<'_, T>) -> Var<'t>,
) -> Check {
    let (expected, found) = (loss_at_chance(classes), loss_of(params, loss));
    Check::new(
        "the initial loss",
        (found - expected).abs() <= 0.2 * expected,
        format!("about {expected:.4}, as of {classes} equally probable classes"),
        format!("{found:.4}"),
        "look at the scale of the inputs, the initial weights of the last layer, the reduction of \
         the loss (a mean, not a sum) and the number of classes",
    )
}

/// The loss rises with the strength of a penalty. `loss` gives the initial loss of a model that is
/// built with this strength.
///
/// If it does not, the penalty is not part of the loss.
///
/// # Panics
///
/// If there are not at least two strengths, each larger than the one before.
#[track_caller]
pub fn rises_with_penalty(strengths: &[f64], loss: impl Fn(f64) -> f64) -> Check {
    let ascending = strengths.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(strengths.len() > 1 && ascending, "rises_with_penalty: strengths {strengths:?}");
    let losses: Vec<f64> = strengths.iter().map(|&strength| loss(strength)).collect();
    Check::new(
        "the loss with a penalty",
        losses.windows(2).all(|pair| pair[0] < pair[1]),
        format!("to rise with the strengths {strengths:?}"),
        format!("losses {losses:.4?}"),
        "add `tape.penalty()` to the loss, and give the penalty to the layers' weights",
    )
}

/// A few examples can be learned by heart: after these steps, the loss is below a hundredth of
/// what it was. The parameters are not changed: a copy of them is trained.
///
/// Use a few examples, such as twenty of all classes, and no penalty, for that bounds the loss from
/// below. The final loss is that of inference, but the steps are of training: strong dropout needs
/// more of them.
///
/// A model that fails has a mistake, or no chance: a wrong rate, labels that are not those of the
/// examples, units that are dead from the beginning.
#[track_caller]
pub fn overfits<T: Scalar>(
    params: &Params<T>,
    mut optimizer: impl Optimizer<T>,
    steps: u64,
    loss: impl for<'t> Fn(&'t Tape<'_, T>) -> Var<'t>,
) -> Check {
    let mut params = params.clone();
    let before = loss_of(&params, &loss);
    for step in 0..steps {
        let tape = Tape::training(&params, Seed(step));
        let gradients = tape.backward(loss(&tape));
        optimizer.step(&mut params, &gradients);
    }
    let (target, found) = (0.01 * before, loss_of(&params, &loss));
    Check::new(
        "a few examples learned by heart",
        found <= target,
        format!("a loss of at most {target:.2e} after {steps} steps, from {before:.4}"),
        format!("{found:.2e}"),
        "try other learning rates and more steps, leave penalties and dropout out, look at the \
         examples with their labels, and at dead or saturated units by an `Inspection`",
    )
}

/// The loss of inference.
#[track_caller]
fn loss_of<T: Scalar>(
    params: &Params<T>,
    loss: impl for<'t> Fn(&'t Tape<'_, T>) -> Var<'t>,
) -> f64 {
    let tape = Tape::inference(params);
    tape.item(loss(&tape)).to_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::{Ones, Zeros};
    use crate::layers::{Dense, Layer};
    use crate::optim::Adam;
    use crate::penalty::L2;
    use crate::tensor::{Indices, Tensor};

    fn classifier(strength: f64) -> (Params<f64>, Dense) {
        let mut params = Params::new(Seed(1));
        let layer = Dense::new(4, 4).init(Zeros).bias_init(Zeros).penalty(L2(strength));
        let layer = layer.build(&mut params, "layer");
        (params, layer)
    }

    fn corners() -> (Tensor<f64>, Indices) {
        let x = Tensor::from_fn([4, 4], |i| if i % 5 == 0 { 1.0 } else { 0.0 });
        (x, Indices::from([2, 0, 3, 1]))
    }

    #[test]
    fn a_model_without_an_opinion_starts_at_chance() {
        let (mut params, layer) = classifier(0.0);
        let (x, y) = corners();
        let check = |params: &Params<f64>, classes: usize| {
            starts_at_chance(params, classes, |tape| {
                layer.forward(tape.input(&x)).cross_entropy(&y)
            })
        };
        check(&params, 4).assert();
        assert!(!check(&params, 10).passed, "there are four classes");
        params.values_mut(layer.kernel())[0] = 30.0;
        let certain = check(&params, 4);
        assert!(!certain.passed);
        let line = "FAILED: the initial loss: expected about 1.3863, as of 4 equally probable \
                    classes, found 8.5";
        assert!(certain.to_string().starts_with(line), "{certain}");
    }

    #[test]
    fn a_forgotten_penalty_is_found() {
        let (x, y) = corners();
        let loss = |strength: f64, forgotten: bool| {
            let mut params = Params::<f64>::new(Seed(1));
            let layer = Dense::new(4, 4).init(Ones).penalty(L2(strength));
            let layer = layer.build(&mut params, "layer");
            let tape = Tape::training(&params, Seed(0));
            let loss = layer.forward(tape.input(&x)).cross_entropy(&y);
            tape.item(if forgotten { loss } else { loss + tape.penalty() })
        };
        let strengths = [0.0, 1e-3, 1.0];
        rises_with_penalty(&strengths, |strength| loss(strength, false)).assert();
        assert!(!rises_with_penalty(&strengths, |strength| loss(strength, true)).passed);
    }

    #[test]
    fn what_can_be_learned_by_heart_is_and_leaves_the_parameters_alone() {
        let (params, layer) = classifier(0.0);
        let (x, y) = corners();
        let before = params.flat().to_vec();
        overfits(&params, Adam::new(0.1), 200, |tape| {
            layer.forward(tape.input(&x)).cross_entropy(&y)
        })
        .assert();
        assert_eq!(params.flat(), before);

        // Two examples that are the same but for their labels.
        let (same, labels) = (Tensor::full([2, 4], 1.0), Indices::from([0, 1]));
        let check = overfits(&params, Adam::new(0.1), 200, |tape| {
            layer.forward(tape.input(&same)).cross_entropy(&labels)
        });
        assert!(!check.passed && check.found.starts_with("6.93e-1"), "{check}");

        let diverged = overfits(&params, Adam::new(0.1), 2, |tape| {
            layer.forward(tape.input(&x)).cross_entropy(&y)
                + tape.param(layer.kernel()).ln().sum(..)
        });
        assert!(!diverged.passed, "a loss that is not finite is not small");
    }
}
