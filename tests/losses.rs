//! Losses at the ends of what floating-point numbers hold, and their reductions.

use approx::assert_relative_eq;
use gradtape::loss;
use gradtape::prelude::*;

/// The value of a loss of these logits, and its gradient.
fn value_and_slope<T: Scalar>(
    logits: &Tensor<T>,
    f: impl for<'t> FnOnce(Var<'t>) -> Var<'t>,
) -> (T, Tensor<T>) {
    let params = Params::<T>::new(Seed(0));
    let tape = Tape::inference(&params);
    let z = tape.input(logits);
    let y = f(z);
    (tape.item(y), tape.value(tape.gradient(y, &[z])[0]))
}

#[test]
fn cross_entropy_is_finite_wherever_its_limit_is() {
    let far = Tensor::from([[1e4_f32, -1e4, 0.0], [f32::NEG_INFINITY, 0.0, 0.0]]);
    let (value, slope) = value_and_slope(&far, |z| z.cross_entropy([0, 1]));
    assert_relative_eq!(value, 2.0_f32.ln() / 2.0, max_relative = 1e-6);
    let want = Tensor::from([[0.0, 0.0, 0.0], [0.0, -0.25, 0.25]]);
    assert_relative_eq!(slope, want, epsilon = 1e-6);

    let (value, _) = value_and_slope(&far, |z| z.cross_entropy([1, 1]));
    assert_relative_eq!(value, (2e4 + 2.0_f32.ln()) / 2.0, max_relative = 1e-6);
}

#[test]
fn cross_entropy_of_targets_ignores_what_is_not_wanted() {
    let far = Tensor::from([[f64::NEG_INFINITY, 0.0, 0.0]]);
    let (value, slope) = value_and_slope(&far, |z| {
        let targets = z.detach().equal(0.0) * 0.5;
        loss::cross_entropy_of_targets(z, targets).sum(..)
    });
    assert_relative_eq!(value, 2.0_f64.ln(), max_relative = 1e-12);
    assert_relative_eq!(slope, Tensor::from([[0.0, 0.0, 0.0]]), epsilon = 1e-12);
}

#[test]
fn binary_cross_entropy_is_finite_wherever_its_limit_is() {
    for size in [1e4_f32, f32::INFINITY] {
        for (logit, target) in [(size, 1.0), (-size, 0.0)] {
            let (value, slope) =
                value_and_slope(&Tensor::from([logit]), |z| z.binary_cross_entropy(target));
            assert_eq!((value, slope.data()), (0.0, &[0.0][..]), "{logit} for {target}");
        }
    }
    let (value, slope) = value_and_slope(&Tensor::from([1e4_f32]), |z| z.binary_cross_entropy(0.0));
    assert_eq!((value, slope.data()), (1e4, &[1.0][..]));
}

#[test]
fn weights_are_relative() {
    let logits = Tensor::from([[1.0, 0.0], [0.5, 2.0], [0.0, 0.0]]);
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&params);
    let each = loss::cross_entropy(tape.input(&logits), tape.input(&Indices::from([0, 0, 1])));
    let weighted = |weights: [f64; 3]| {
        tape.item(loss::weighted_mean(each, tape.input(&Tensor::from(weights))))
    };
    assert_relative_eq!(weighted([1.0; 3]), tape.item(each.mean(..)), max_relative = 1e-14);
    assert_relative_eq!(weighted([3.0; 3]), tape.item(each.mean(..)), max_relative = 1e-14);
    let second = tape.value(each).data()[1];
    assert_relative_eq!(weighted([0.0, 2.0, 0.0]), second, max_relative = 1e-14);
}

#[test]
fn every_loss_passes_the_gradient_check() {
    let mut params = Params::<f64>::new(Seed(4));
    let z = params.add(Parameter::new("z", [4, 3]).init(Normal { mean: 0.0, std: 2.0 }));
    let share = params.add(Parameter::new("share", [4, 3]).init(Uniform { low: 0.1, high: 0.9 }));
    let labels = Indices::from([0, 2, 1, 1]);
    type Loss = for<'t> fn(Var<'t>, Var<'t>) -> Var<'t>;
    let losses: [Loss; 9] = [
        loss::squared_error,
        loss::absolute_error,
        |z, t| loss::huber(z, t, 0.7),
        loss::binary_cross_entropy,
        |z, t| loss::binary_cross_entropy_of_probabilities(z.sigmoid(), t),
        |z, t| loss::cross_entropy_of_targets(z, t / t.sum_keep(-1)),
        loss::kl_divergence,
        |z, t| loss::kl_divergence_of_probabilities(z.softmax(-1), t),
        loss::squared_hinge,
    ];
    for (i, f) in losses.into_iter().enumerate() {
        let report = gradcheck(&params, |tape| f(tape.param(z), tape.param(share))).unwrap();
        assert!(report.is_below(1e-6), "loss {i}\n{report}");
    }
    let of_labels: [Loss; 5] = [
        loss::cross_entropy,
        |z, labels| loss::cross_entropy_smoothed(z, labels, 0.2),
        |z, labels| loss::cross_entropy_of_probabilities(z.softmax(-1), labels),
        |z, labels| loss::multiclass_hinge(z, labels, 1.0),
        |z, labels| loss::multiclass_hinge_of_largest(z, labels, 1.0),
    ];
    for (i, f) in of_labels.into_iter().enumerate() {
        let report = gradcheck(&params, |tape| {
            f(tape.param(z), tape.input(&labels)) + 1e-3 * tape.param(share).sum(..)
        })
        .unwrap();
        assert!(report.is_below(1e-6), "loss of labels {i}\n{report}");
    }
}

#[test]
fn losses_of_probabilities_have_a_slope_where_the_prediction_is_perfect() {
    let perfect = Tensor::from([[0.0_f64, 1.0, 0.0]]);
    let targets = &perfect.clone();
    type Loss = for<'t> fn(Var<'t>, Var<'t>) -> Var<'t>;
    let losses: [(&str, Loss); 2] = [
        ("binary_cross_entropy", loss::binary_cross_entropy_of_probabilities),
        ("kl_divergence", loss::kl_divergence_of_probabilities),
    ];
    for (name, f) in losses {
        let (value, slope) = value_and_slope(&perfect, |p| {
            let targets = p.graph().scalar(0.0) + p.detach();
            f(p, targets).sum(..)
        });
        assert_eq!(value, 0.0, "{name}");
        assert!(slope.data().iter().all(|slope| slope.is_finite()), "{name}: {slope:?}");
        // With respect to targets, of which some are 0.
        let (_, slope) = value_and_slope(targets, |t| f(t.detach() * 0.5 + 0.25, t).sum(..));
        assert!(slope.data().iter().all(|slope| slope.is_finite()), "{name}: {slope:?}");
    }
    // What is taken for impossible and happens costs infinitely much.
    let (value, _) = value_and_slope(&perfect, |p| {
        loss::binary_cross_entropy_of_probabilities(p, 1.0 - p.detach()).sum(..)
    });
    assert_eq!(value, f64::INFINITY);
    let (value, slope) = value_and_slope(&Tensor::from([[f64::NEG_INFINITY, 0.0]]), |z| {
        let targets = z.detach().equal(0.0);
        loss::kl_divergence(z, targets).sum(..)
    });
    assert_eq!((value, slope.data()), (0.0, &[0.0, 0.0][..]));
}
