//! Gradients that are differentiated again.

use approx::assert_relative_eq;
use gradtape::prelude::*;

/// A two-layer classifier's loss.
fn loss<'t>(tape: &'t Tape<'_, f64>, layers: &[Dense; 2], x: &Tensor<f64>) -> Var<'t> {
    let hidden = layers[0].forward(tape.input(x)).tanh();
    layers[1].forward(hidden).cross_entropy([0, 2, 1, 2]) + tape.penalty()
}

fn model() -> (Params<f64>, [Dense; 2], Tensor<f64>) {
    let mut params = Params::new(Seed(7));
    let layers = [
        Dense::new(5, 8).penalty(L2(0.01)).build(&mut params, "hidden"),
        Dense::new(8, 3).build(&mut params, "output"),
    ];
    (params, layers, Tensor::from_fn([4, 5], |i| (i as f64 * 0.9).cos()))
}

/// The gradients of a scalar with respect to all parameters, as values of the tape.
fn gradients<'t>(tape: &'t Tape<'_, f64>, y: Var<'t>) -> Vec<Var<'t>> {
    let ids = tape.graph().param_ids();
    let params: Vec<Var<'t>> = ids.map(|id| tape.param(id)).collect();
    tape.gradient(y, &params)
}

#[test]
fn a_hessian_vector_product_matches_differences_of_gradients() {
    let (params, layers, x) = model();
    let direction: Vec<f64> = (0..params.flat().len()).map(|i| (i as f64 * 1.3).sin()).collect();

    // H v is the gradient of the gradient's product with v.
    let tape = Tape::inference(&params);
    let slopes = gradients(&tape, loss(&tape, &layers, &x));
    let along = params.layout().ids().zip(slopes).map(|(id, slope)| {
        let shape = slope.shape();
        let part = direction[params.layout().range(id)].to_vec();
        (slope * tape.input(&Tensor::new(shape, part).unwrap())).sum(..)
    });
    let slope_along = along.reduce(|a, b| a + b).unwrap();
    let product = tape.backward(slope_along);

    let gradient_at = |offset: f64| {
        let mut moved = params.clone();
        moved.flat_mut().iter_mut().zip(&direction).for_each(|(w, d)| *w += offset * d);
        let tape = Tape::inference(&moved);
        tape.backward(loss(&tape, &layers, &x)).flat().to_vec()
    };
    let step = 1e-5;
    let (above, below) = (gradient_at(step), gradient_at(-step));
    let largest = product.flat().iter().fold(0.0_f64, |max, g| max.max(g.abs()));
    assert!(largest > 0.01);
    for (i, got) in product.flat().iter().enumerate() {
        let want = (above[i] - below[i]) / (2.0 * step);
        assert!((got - want).abs() <= 1e-6 * largest, "at {i}: {got} instead of {want}");
    }
}

#[test]
fn derivatives_of_any_order() {
    let mut params = Params::<f64>::new(Seed(0));
    let x = params.add_tensor("x", &Tensor::from([0.4]));
    let tape = Tape::inference(&params);
    let x = tape.param(x);
    let mut y = x.tanh().sum(..);
    let t = 0.4_f64.tanh();
    let s = 1.0 - t * t;
    for want in [t, s, -2.0 * t * s, (6.0 * t * t - 2.0) * s, (16.0 - 24.0 * t * t) * t * s] {
        assert_relative_eq!(tape.item(y), want, epsilon = 1e-12);
        y = tape.gradient(y, &[x])[0].sum(..);
    }
}

#[test]
fn a_gradient_penalty_is_an_ordinary_loss() {
    let (params, layers, x) = model();
    gradcheck(&params, |tape| {
        let x = tape.input(&x);
        let y = layers[1].forward(layers[0].forward(x).softplus());
        let slope = tape.gradient(y.square().sum(..), &[x])[0];
        (slope.square().sum(1).sqrt() - 1.0).square().mean(..) + y.mean(..)
    })
    .unwrap()
    .assert_below(1e-6);
}

#[test]
fn what_a_value_does_not_depend_on_has_a_gradient_of_zero() {
    let mut params = Params::<f64>::new(Seed(0));
    let (a, b) = (params.add(Parameter::new("a", [2])), params.add(Parameter::new("b", [3])));
    let tape = Tape::inference(&params);
    let slopes = tape.gradient(tape.param(a).sum(..), &[tape.param(a), tape.param(b)]);
    assert_eq!(tape.value(slopes[0]).data(), [1.0; 2]);
    assert_eq!(tape.value(slopes[1]).data(), [0.0; 3]);
}

#[test]
fn inputs_used_twice_accumulate() {
    let mut params = Params::<f64>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([[1.0, 2.0], [3.0, 4.0]]));
    let tape = Tape::inference(&params);
    let w = tape.param(w);
    for (y, want) in [
        ((w + w).sum(..), [2.0, 2.0, 2.0, 2.0]),
        ((w * w).sum(..), [2.0, 4.0, 6.0, 8.0]),
        ((w - w).sum(..), [0.0; 4]),
        ((w / w).sum(..), [0.0; 4]),
        (w.maximum(w).sum(..), [1.0; 4]),
        (w.matmul(w).sum(..), [7.0, 11.0, 9.0, 13.0]),
        ((w.exp().ln() + w.square()).sum(..), [3.0, 5.0, 7.0, 9.0]),
    ] {
        let slope = tape.value(tape.gradient(y, &[w])[0]);
        assert_relative_eq!(slope, Tensor::new([2, 2], want.to_vec()).unwrap(), epsilon = 1e-12);
    }
}

#[test]
fn products_with_a_direction_agree_with_whole_matrices() {
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::from([[0.3, -0.8, 1.1], [0.5, 0.2, -0.4]]));
    let v = tape.input(&Tensor::from([[1.0, 0.4, -0.7], [0.1, -2.0, 0.6]]));
    let y = x.softmax(-1).matmul(x.tanh().transpose());

    let jacobian = tape.jacobian(y, x);
    assert_eq!(jacobian.shape(), [2, 2, 2, 3].into());
    let product = jacobian.reshape([4, 6]).matmul(v.reshape([6])).reshape([2, 2]);
    let along = tape.jvp(y, &[x], &[v]);
    assert_relative_eq!(tape.value(along), tape.value(product), epsilon = 1e-12);

    let number = y.square().sum(..);
    let hessian = tape.hessian(number, x).reshape([6, 6]);
    let product = hessian.matmul(v.reshape([6])).reshape([2, 3]);
    let along = tape.hessian_vector_product(number, &[x], &[v])[0];
    assert_relative_eq!(tape.value(along), tape.value(product), epsilon = 1e-12);
    let transposed = tape.value(hessian.transpose());
    assert_relative_eq!(tape.value(hessian), transposed, epsilon = 1e-12);
}

#[test]
#[should_panic(expected = "jvp: directions of shapes [\"[3]\"] for values of shapes [\"[2]\"]")]
fn a_direction_of_another_shape_is_refused() {
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::from([1.0, 2.0]));
    let v = tape.input(&Tensor::from([1.0, 2.0, 3.0]));
    let _ = tape.jvp(x.square(), &[x], &[v]);
}

#[test]
fn a_direction_may_be_made_of_the_values() {
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::from([1.0, 2.0]));
    let y = x.square().square().sum(..); // x⁴: slope 4 x³, Hessian 12 x² on the diagonal
    let along_itself = tape.hessian_vector_product(y, &[x], &[x])[0];
    assert_eq!(tape.value(along_itself).data(), [12.0, 96.0]);
    let slope = tape.gradient(y, &[x])[0];
    let along_slope = tape.hessian_vector_product(y, &[x], &[slope])[0];
    assert_eq!(tape.value(along_slope).data(), [48.0, 48.0 * 32.0]);

    // What comes out is a value of the graph: `x ∘ 12 x² ∘ x` has the slope `48 x³`.
    let again = tape.gradient((x * along_itself).sum(..), &[x])[0];
    assert_eq!(tape.value(again).data(), [48.0, 48.0 * 8.0]);
}
