//! Derivatives other than the gradient of a number, all made of reverse sweeps.

use crate::graph::{Tape, Var};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `Σ a b` over all elements of all pairs.
fn inner<'t, T: Scalar>(tape: &'t Tape<'_, T>, a: &[Var<'t>], b: &[Var<'t>]) -> Var<'t> {
    let products = a.iter().zip(b).map(|(&a, &b)| (a * b).sum(..));
    products.reduce(|sum, product| sum + product).unwrap_or_else(|| tape.scalar(0.0))
}

/// Panics unless there is one vector of the same shape for each value.
#[track_caller]
fn assert_directions(xs: &[Var<'_>], vs: &[Var<'_>], what: &str) {
    let shapes = |vars: &[Var<'_>]| vars.iter().map(|x| x.shape().to_string()).collect::<Vec<_>>();
    let (values, directions) = (shapes(xs), shapes(vs));
    assert!(
        values == directions,
        "{what}: directions of shapes {directions:?} for values of shapes {values:?}"
    );
}

/// The derivatives of some values along directions of others, by differentiating a gradient with
/// respect to its cotangents.
#[track_caller]
fn along<'t, T: Scalar>(
    tape: &'t Tape<'_, T>,
    ys: &[Var<'t>],
    xs: &[Var<'t>],
    vs: &[Var<'t>],
) -> Vec<Var<'t>> {
    // The gradient is linear in the cotangents, so their own values do not matter.
    let mut cotangents = Vec::with_capacity(ys.len());
    // A closure would hide the caller's line.
    for y in ys {
        cotangents.push(tape.input(&Tensor::zeros(y.shape())));
    }
    let pulled = tape.gradient(inner(tape, ys, &cotangents), xs);
    tape.gradient(inner(tape, &pulled, vs), &cotangents)
}

impl<T: Scalar> Tape<'_, T> {
    /// The product of the Hessian of a number with a direction, one part a value: how the
    /// gradient changes along it. The direction may be computed of the values, such as the gradient
    /// itself. Costs about as much as two gradients, for any number of values.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let params = Params::<f64>::new(Seed(0));
    /// let tape = Tape::inference(&params);
    /// let x = tape.input(&Tensor::from([1.0, 2.0]));
    /// let v = tape.input(&Tensor::from([1.0, -1.0]));
    /// let y = x.square().square().sum(..); // x⁴, whose second derivative is 12 x²
    /// let product = tape.hessian_vector_product(y, &[x], &[v])[0];
    /// assert_eq!(tape.value(product).data(), [12.0, -48.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// If `y` is not one number, or a direction is not of its value's shape.
    #[track_caller]
    pub fn hessian_vector_product<'t>(
        &'t self,
        y: Var<'t>,
        xs: &[Var<'t>],
        vs: &[Var<'t>],
    ) -> Vec<Var<'t>> {
        assert_directions(xs, vs, "hessian_vector_product");
        // The gradient of `slopes · vs` would be that of the directions as well, if they depend on the
        // values.
        along(self, &self.gradient(y, xs), xs, vs)
    }

    /// The derivative of `y` along a direction of the values, of `y`'s shape: the product of the
    /// Jacobian with the direction, by differentiating a gradient with respect to its cotangent
    /// (J. Townsend, 2017).
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let params = Params::<f64>::new(Seed(0));
    /// let tape = Tape::inference(&params);
    /// let x = tape.input(&Tensor::from([1.0, 2.0]));
    /// let v = tape.input(&Tensor::from([1.0, 0.5]));
    /// let along = tape.jvp(x.square(), &[x], &[v]);
    /// assert_eq!(tape.value(along).data(), [2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// If a direction is not of its value's shape.
    #[track_caller]
    pub fn jvp<'t>(&'t self, y: Var<'t>, xs: &[Var<'t>], vs: &[Var<'t>]) -> Var<'t> {
        assert_directions(xs, vs, "jvp");
        along(self, &[y], xs, vs)[0]
    }

    /// All derivatives of `y` with respect to a value, of `y`'s shape followed by `x`'s. It takes
    /// a reverse sweep for each element of `y`: for small problems.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let params = Params::<f64>::new(Seed(0));
    /// let tape = Tape::inference(&params);
    /// let x = tape.input(&Tensor::from([3.0, 2.0]));
    /// let jacobian = tape.jacobian(x * x.sum(..), x);
    /// assert_eq!(tape.value(jacobian), Tensor::from([[8.0, 3.0], [2.0, 7.0]]));
    /// ```
    #[track_caller]
    pub fn jacobian<'t>(&'t self, y: Var<'t>, x: Var<'t>) -> Var<'t> {
        let (outer, own) = (y.shape(), x.shape());
        let (rows, columns) = (outer.numel(), own.numel());
        let flat = y.reshape([rows]);
        let row = |i: usize| {
            let slope = self.gradient(flat.slice(0, i..i + 1).sum(..), &[x])[0];
            slope.reshape([1, columns]).pad(&[[i, rows - 1 - i], [0, 0]], 0.0)
        };
        let stacked = (0..rows).map(row).reduce(|sum, row| sum + row);
        let matrix = stacked.unwrap_or_else(|| self.scalar(0.0).broadcast_to([rows, columns]));
        matrix.reshape(outer.iter().chain(&own[..]).copied().collect::<Shape>())
    }

    /// All second derivatives of a number, of `x`'s shape followed by `x`'s shape. It takes a
    /// reverse sweep for each element of `x`: for small problems.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let params = Params::<f64>::new(Seed(0));
    /// let tape = Tape::inference(&params);
    /// let x = tape.input(&Tensor::from([3.0, 2.0]));
    /// let hessian = tape.hessian(x.square().sum(..) * x.sum(..), x);
    /// assert_eq!(tape.value(hessian), Tensor::from([[22.0, 10.0], [10.0, 18.0]]));
    /// ```
    ///
    /// # Panics
    ///
    /// If `y` is not one number.
    #[track_caller]
    pub fn hessian<'t>(&'t self, y: Var<'t>, x: Var<'t>) -> Var<'t> {
        let slope = self.gradient(y, &[x])[0];
        self.jacobian(slope, x)
    }
}
