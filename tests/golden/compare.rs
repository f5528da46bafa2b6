//! How close a result has to be, and what a failure says.

use gradtape::{Scalar, Tape, Tensor, Var};

use crate::case::Array;

/// How far a number may be from the reference.
#[derive(Clone, Copy)]
pub(crate) struct Tolerance {
    /// As a part of the reference.
    pub(crate) relative: f64,
    /// Besides.
    pub(crate) absolute: f64,
}

/// What is asked of results in one number type.
#[derive(Clone, Copy)]
pub(crate) struct Demands {
    /// Of outputs and first derivatives.
    pub(crate) first: Tolerance,
    /// Of second derivatives.
    pub(crate) second: Tolerance,
    /// Of the executor, to the plain interpreter.
    pub(crate) interpreter: Option<Tolerance>,
}

/// Double precision: as close as the reference itself is to the truth.
pub(crate) const DOUBLE: Demands = Demands {
    first: Tolerance { relative: 1e-9, absolute: 1e-11 },
    second: Tolerance { relative: 1e-7, absolute: 1e-9 },
    interpreter: Some(Tolerance { relative: 1e-12, absolute: 0.0 }),
};

/// Single precision. It is held to the reference alone: the executor and the interpreter need not
/// round alike. There is no case whose numbers it cannot represent (what underflows is far below
/// the absolute tolerance), so none is checked in double precision only.
pub(crate) const SINGLE: Demands = Demands {
    first: Tolerance { relative: 1e-4, absolute: 1e-5 },
    second: Tolerance { relative: 1e-4, absolute: 1e-5 },
    interpreter: None,
};

/// Checks a value of a tape against its reference and against the plain interpreter.
pub(crate) fn check<T: Scalar>(
    what: &str,
    tape: &Tape<'_, T>,
    var: Var<'_>,
    want: &Array,
    tolerance: Tolerance,
    demands: &Demands,
) -> Result<(), String> {
    let got = tape.value(var);
    let want = want.tensor()?;
    close(what, &got, &want, tolerance)?;
    match demands.interpreter {
        Some(tolerance) => {
            close(&format!("{what}, interpreted,"), &got, &tape.interpret(var).cast(), tolerance)
        }
        None => Ok(()),
    }
}

/// Whether all numbers are within tolerance; the error names the first that is not.
pub(crate) fn close<T: Scalar>(
    what: &str,
    got: &Tensor<T>,
    want: &Tensor<f64>,
    tolerance: Tolerance,
) -> Result<(), String> {
    let precision = std::any::type_name::<T>();
    if got.shape() != want.shape() {
        let (got, want) = (got.shape(), want.shape());
        return Err(format!("{what} in {precision}: got shape {got}, want shape {want}"));
    }
    let shape = &want.shape()[..];
    for (place, (got, &want)) in got.data().iter().zip(want.data()).enumerate() {
        let allowed = tolerance.relative * want.abs() + tolerance.absolute;
        let error = (got.to_f64() - want).abs();
        // A comparison with NaN is false, so that NaN never passes.
        let close = error <= allowed;
        if !close {
            return Err(format!(
                "{what} in {precision} at {:?}: got {got:e}, want {want:e} (off by {error:.2e}, \
                 allowed {allowed:.2e})",
                index(place, shape)
            ));
        }
    }
    Ok(())
}

/// The index, axis by axis, of a place in row-by-row order.
fn index(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&size| {
            let at = place % size;
            place /= size;
            at
        })
        .collect();
    index.reverse();
    index
}
