use super::*;

fn columns() -> Tensor {
    // A large offset, a constant that no sum represents exactly, and small numbers.
    Tensor::from_fn([50, 3], |at| match (at / 3, at % 3) {
        (row, 0) => 2000.0 + (row % 5) as f32,
        (_, 1) => 0.1,
        (row, _) => 1e-3 * (row as f32).sin(),
    })
}

fn of_column(x: &Tensor, column: usize) -> Summary {
    Summary::of(x.data().iter().skip(column).step_by(3).map(|&x| f64::from(x)))
}

#[test]
fn standardized_features_have_mean_0_and_deviation_1() {
    let x = columns();
    let y = Standardizer::fit(&x).unwrap().apply(&x);
    for column in [0, 2] {
        let Summary { mean, variance, .. } = of_column(&y, column);
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{column}: {mean} {variance}");
    }
    assert!(y.data().iter().skip(1).step_by(3).all(|&x| x == 0.0), "the constant is 0");
    let all = Standardizer::fit_global(&x).unwrap().apply(&x);
    let Summary { mean, variance, .. } = Summary::of(all.data().iter().map(|&x| f64::from(x)));
    assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{mean} {variance}");
    assert!(all.data()[1] == all.data()[4] && all.data()[1] != 0.0);
}

#[test]
fn scaled_features_reach_from_0_to_1() {
    let x = columns();
    let y = MinMax::fit(&x).unwrap().apply(&x);
    for column in [0, 2] {
        let Summary { min, max, .. } = of_column(&y, column);
        assert_eq!((min, max), (0.0, 1.0));
    }
    assert!(y.data().iter().skip(1).step_by(3).all(|&x| x == 0.0), "the constant is 0");
}

#[test]
fn scaling_can_be_undone_and_stored() {
    let x = columns();
    for scale in [Standardizer::fit(&x).unwrap(), Standardizer::fit_global(&x).unwrap()] {
        let stored = serde_json::to_string(&scale).unwrap();
        let scale: Standardizer = serde_json::from_str(&stored).unwrap();
        let again = scale.invert(&scale.apply(&x));
        approx::assert_relative_eq!(again, x, max_relative = 1e-6, epsilon = 1e-4);
    }
    let scale = MinMax::fit(&x).unwrap();
    let again = scale.invert(&scale.apply(&x));
    approx::assert_relative_eq!(again, x, max_relative = 1e-6);
}

#[test]
fn what_no_scale_fits_is_refused() {
    let message = |x: &Tensor| Standardizer::fit(x).unwrap_err().to_string();
    let bad = Tensor::from([[0.0, 1.0], [2.0, f32::NAN]]);
    assert_eq!(message(&bad), "x: expected finite numbers, found NaN in row 1, feature 1");
    let none = Tensor::zeros([0, 3]);
    assert_eq!(message(&none), "x: expected numbers to fit a scale to, found [0, 3]");
}

#[test]
#[should_panic(expected = "MinMax: fitted to 3 features, applied to 2, those of shape [5, 2]")]
fn another_number_of_features_panics() {
    let _ = MinMax::fit(&columns()).unwrap().apply(&Tensor::zeros([5, 2]));
}
