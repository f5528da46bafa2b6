//! What a model predicts.

use crate::data::Rows;
use crate::error::Error;
use crate::graph::{Input, Tape};
use crate::layers::Layer;
use crate::params::Params;
use crate::tensor::Tensor;

/// How many examples are predicted at a time.
pub(super) const ROWS: usize = 512;

/// What a model predicts without noise, an example at each place of the first axis; of no examples,
/// nothing of that shape. Some hundred examples are predicted at a time, so that there may be any
/// number of them.
///
/// ```
/// use gradtape::prelude::*;
/// use gradtape::train::predict;
///
/// let mut params = Params::new(Seed(42));
/// let model = Dense::new(3, 2).build(&mut params, "model");
/// let examples = Tensor::from_fn([2000, 3], |i| (i as f32).sin());
/// let logits = predict(&model, &params, &examples)?;
/// assert_eq!(logits.shape(), &[2000, 2].into());
/// # Ok::<(), gradtape::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Argument`] if `x` is a scalar, or the model does not predict a row for each example.
pub fn predict<X: Rows + Input<f32>>(
    model: &dyn Layer,
    params: &Params,
    x: &X,
) -> Result<Tensor<f32>, Error> {
    let rows = x.rows().map_err(|found| Error::argument("predict", "examples", found))?;
    let (mut part, mut numbers, mut shape) = (x.clone(), Vec::new(), vec![0]);
    // Once even without rows, for the shape of what is predicted of each.
    for start in (0..rows.max(1)).step_by(ROWS) {
        part.refill(x, start..rows.min(start + ROWS));
        let tape = Tape::inference(params);
        let predicted = tape.value(model.forward(tape.input(&part)));
        shape = predicted.shape().to_vec();
        let examples = rows.min(start + ROWS) - start;
        if shape.first() != Some(&examples) {
            let expected = format!("a model that predicts a row for each of {examples} examples");
            let found = format!("predictions of shape {}", predicted.shape());
            return Err(Error::argument("predict", expected, found));
        }
        numbers.extend_from_slice(predicted.data());
    }
    shape[0] = rows;
    Tensor::new(&shape[..], numbers)
}
