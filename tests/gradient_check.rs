//! What the gradient check accepts, rejects and refuses.

use gradtape::grad::Report;
use gradtape::prelude::*;
use gradtape::{Error, layers};

/// Two layers with everything in between that a classifier has.
struct Classifier {
    hidden: Dense,
    output: Dense,
}

fn classifier<T: Scalar>(params: &mut Params<T>) -> Classifier {
    Classifier {
        hidden: Dense::new(6, 20).init(HeNormal).penalty(L2(0.1)).build(params, "hidden"),
        output: Dense::new(20, 4).penalty(L1(0.01)).build(params, "output"),
    }
}

impl Layer for Classifier {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.output.forward(self.hidden.forward(x).relu().dropout(0.5))
    }
}

fn batch() -> (Tensor, Indices) {
    (Tensor::from_fn([5, 6], |i| (i as f32 * 0.7).sin()), [0, 3, 1, 1, 2].into())
}

/// `f` with the gradient of `like`: what a wrong rule would do.
fn with_gradient_of<'t>(f: Var<'t>, like: Var<'t>) -> Var<'t> {
    (f - like).detach() + like
}

#[test]
fn a_right_model_passes_with_penalty_and_dropout() {
    let mut params = Params::<f32>::new(Seed(1));
    let model = classifier(&mut params);
    let (x, labels) = batch();
    let report = gradcheck(&params, |tape| {
        model.forward(tape.input(&x)).cross_entropy(&labels) + tape.penalty()
    })
    .unwrap();
    report.assert_below(1e-6);
    let names: Vec<&str> = report.rows().iter().map(|row| &row.parameter[..]).collect();
    assert_eq!(names, ["hidden/kernel", "hidden/bias", "output/kernel", "output/bias"]);
    assert!(report.rows().iter().all(|row| row.checked >= 4.min(row.total)));
    // All entries of a small parameter are checked.
    assert_eq!((report.rows()[1].checked, report.rows()[3].checked), (20, 4));
}

#[test]
fn a_rule_that_is_slightly_wrong_fails_and_names_the_parameter() {
    for factor in [1.001, 2.0, -1.0, 0.0] {
        let mut params = Params::<f32>::new(Seed(1));
        let model = classifier(&mut params);
        let (x, labels) = batch();
        let report = gradcheck(&params, |tape| {
            let bias = tape.param(model.output.bias().unwrap());
            let wrong = with_gradient_of(bias.exp(), bias.exp() * factor).sum(..);
            model.forward(tape.input(&x)).cross_entropy(&labels) + wrong
        })
        .unwrap();
        assert!(!report.is_below(1e-6), "factor {factor}\n{report}");
        let wrong: Vec<&str> = report
            .rows()
            .iter()
            .filter(|row| row.error > 1e-6)
            .map(|row| &row.parameter[..])
            .collect();
        assert_eq!(wrong, ["output/bias"], "factor {factor}\n{report}");

        let panic = std::panic::catch_unwind(|| report.assert_below(1e-6)).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains("in `output/bias`\n") && message.contains("WRONG"), "{message}");
    }
}

#[test]
fn outputs_that_are_not_one_number_are_weighted_at_random() {
    // With weights of 1, the gradient of a softmax' sum is 0 and any rule would pass.
    let mut params = Params::<f32>::new(Seed(2));
    let layer = Dense::new(6, 4).build(&mut params, "layer");
    let (x, _) = batch();
    let right = layers::from_fn(|z| z.softmax(-1));
    let wrong = layers::from_fn(|z| {
        let y = z.softmax(-1);
        with_gradient_of(y, y * y)
    });
    let check = |activation: &dyn Layer| {
        gradcheck(&params, |tape| activation.forward(layer.forward(tape.input(&x)))).unwrap()
    };
    check(&right).assert_below(1e-6);
    assert!(!check(&wrong).is_below(1e-3));
}

#[test]
fn a_check_is_repeatable_and_depends_on_its_seed() {
    let mut params = Params::<f32>::new(Seed(1));
    let model = classifier(&mut params);
    let (x, labels) = batch();
    let table = |seed| {
        let check = GradCheck::new().seed(Seed(seed)).samples(7);
        let report =
            check.run(&params, |tape| model.forward(tape.input(&x)).cross_entropy(&labels));
        report.unwrap().to_string()
    };
    assert_eq!(table(1), table(1));
    assert_ne!(table(1), table(2));
}

#[test]
fn a_check_that_could_not_fail_is_refused() {
    let mut params = Params::<f32>::new(Seed(1));
    let used = params.add(Parameter::new("used", [2]).init(Ones));
    params.add(Parameter::new("frozen", [2]).frozen());
    let message =
        |params: &Params, f: for<'t> fn(Var<'t>) -> Var<'t>| match gradcheck(params, |tape| {
            f(tape.param(used))
        }) {
            Err(error @ Error::Uncheckable(_)) => error.to_string(),
            other => panic!("{other:?}"),
        };
    let infinite = message(&params, |x| 1.0 / (x - 1.0));
    assert!(infinite.contains("the value is"), "{infinite}");
    let slope = message(&params, |x| (x - 1.0).sqrt().sum(..));
    assert!(slope.contains("the gradient of `used` holds"), "{slope}");
    gradcheck(&params, |tape| tape.param(used).exp()).unwrap().assert_below(1e-8);

    params.values_mut(used)[1] = f32::NEG_INFINITY;
    let input = message(&params, |x| x.exp());
    assert!(input.contains("the parameter `used` holds -inf"), "{input}");
    params.values_mut(used)[1] = 1.0;

    params.add(Parameter::new("unused", [2]));
    let unused = message(&params, |x| x.exp().sum(..));
    assert!(unused.contains("`unused`"), "{unused}");
}

#[test]
fn gradients_of_very_different_sizes_are_all_checked() {
    let mut params = Params::<f64>::new(Seed(3));
    let w = params.add_tensor("w", &Tensor::from([1e-8, 1e-3, 1.0, 1e4]));
    let report = gradcheck(&params, |tape| tape.param(w).square().sum(..)).unwrap();
    report.assert_below(1e-6);
}

type Function = for<'t> fn(Var<'t>) -> Var<'t>;

/// Checks a function of one parameter with these values.
fn check(values: &[f64], f: Function) -> Result<Report, Error> {
    let mut params = Params::<f64>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::new([values.len()], values.to_vec()).unwrap());
    gradcheck(&params, |tape| f(tape.param(w)))
}

#[test]
fn right_models_pass_at_awkward_scales() {
    let functions: [(f64, Function); 19] = [
        (1e-8, |w| w.ln()),
        (1e-8, |w| w.sqrt()),
        (1e-8, |w| 1.0 / w),
        (1e-8, |w| (1e8 * w).tanh()),
        (1e-8, |w| (1e8 * w).exp() * 1e-12),
        (0.0, |w| (1e8 * w + 0.3).tanh()),
        (1e-5, |w| w.ln().square()),
        (1e-3, |w| w.powf(-1.5)),
        (1.0, |w| 1e-12 * w.exp()),
        (1.0, |w| 1e12 * w.exp()),
        (1.0, |w| w.exp() + 1e5),
        (1e6, |w| (w - 1e6).tanh()),
        (1e6, |w| w.square()),
        (1e6, |w| w.ln()),
        (1e6, |w| (1e-6 * w).exp()),
        (1e-7, |w| w.relu()),
        (-1e-7, |w| w.leaky_relu(0.1)),
        (1.0 + 1e-7, |w| (w - 1.0).relu() + w),
        (1e4, |w| w.softplus()),
    ];
    for (i, (at, f)) in functions.into_iter().enumerate() {
        let report = check(&[at, at * 1.1], f).unwrap_or_else(|e| panic!("case {i}: {e}"));
        assert!(report.is_below(1e-6), "case {i}\n{report}");
        assert_eq!(report.rows()[0].kinks, 0, "case {i}\n{report}");
    }
}

#[test]
fn a_small_loss_hides_no_wrong_rule() {
    for scale in [1.0, 1e-6, 1e-12] {
        let mut params = Params::<f64>::new(Seed(0));
        let w = params.add_tensor("w", &Tensor::from([0.3, 1.0, -2.0]));
        for (factor, right) in [(1.0, true), (1.001, false)] {
            let report = gradcheck(&params, |tape| {
                let y = tape.param(w).exp();
                scale * with_gradient_of(y, factor * y).sum(..)
            });
            assert_eq!(report.unwrap().is_below(1e-6), right, "scale {scale}, factor {factor}");
        }
    }
}

#[test]
fn between_the_slopes_of_both_sides_a_kink_is_right() {
    let kinks: [(&[f64], Function, usize); 11] = [
        (&[1.0, 1.0, 1.0, 1.0], |w| w.min(..), 4),
        (&[3.0, 3.0, 5.0], |w| w.min(..), 2),
        (&[1.0, 1.0, 1.0, 0.0], |w| w.reshape([1, 1, 2, 2]).max_pool2d(2), 3),
        (&[0.0, 1.0, -1.0], |w| w.relu() + 0.1 * w, 1),
        (&[0.0, 1.0], |w| w.abs(), 1),
        (&[0.0, 2.0], |w| w.leaky_relu(0.2), 1),
        (&[1.0, 1.0, 1.0, 1.0], |w| w.max(..), 4),
        (&[3.0, 3.0, 1.0], |w| w.max(..), 2),
        (&[0.0, 0.5], |w| w.maximum(0.0), 1),
        (&[0.0, 0.5], |w| w.minimum(0.0) + w, 1),
        (&[0.0, 0.5], |w| w.relu().select(2.0 * w, w), 1),
    ];
    for (i, (at, f, count)) in kinks.into_iter().enumerate() {
        let report = check(at, f).unwrap_or_else(|e| panic!("case {i}: {e}"));
        report.assert_below(1e-6);
        let row = &report.rows()[0];
        assert_eq!((row.kinks, row.wrong_kinks, row.wrong), (count, 0, 0), "case {i}\n{report}");
        assert!(report.to_string().contains("accepted"), "{report}");
    }
}

#[test]
fn a_culprit_is_looked_for_beside_infinities() {
    // Every operation on the path is looked at alone, the maximum of an infinity among them.
    let report = check(&[1.0, 2.0], |w| {
        let largest = w.slice(0, ..1).pad(&[[0, 1]], f64::NEG_INFINITY).max(..);
        with_gradient_of(largest, 2.0 * largest) + 0.1 * w.sum(..)
    });
    let report = report.unwrap();
    assert!(!report.is_below(1e-6), "{report}");
}

/// The ways in which ties of a maximum are given too much, between the slopes of both sides for
/// each entry alone.
#[test]
fn a_tie_gives_out_its_gradient_once() {
    let all: Function = |w| with_gradient_of(w.max(..), (w * w.equal(w.max(..)).detach()).sum(..));
    let half: Function =
        |w| with_gradient_of(w.max(..), 0.5 * (w * w.equal(w.max(..)).detach()).sum(..));
    for (at, right) in
        [(&[1.0, 1.0, 1.0, 1.0][..], false), (&[2.0, 1.0, 2.0, 2.0], false), (&[2.0, 1.0], true)]
    {
        let report = check(at, all).unwrap();
        assert_eq!(report.is_below(1e-6), right, "{at:?}\n{report}");
        assert_eq!(report.worst() < 1e-6, right, "{at:?}\n{report}");
    }
    assert!(check(&[3.0, 3.0, 1.0], half).unwrap().is_below(1e-6));
    let report = check(&[3.0, 3.0, 3.0], half).unwrap();
    assert!(!report.is_below(1e-6), "{report}");
    let panic = std::panic::catch_unwind(|| report.assert_below(1e-6)).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("moved together") && message.contains("WRONG"), "{message}");
}

#[test]
fn outside_of_the_slopes_of_both_sides_a_kink_is_wrong() {
    let wrong: [(&[f64], Function); 4] = [
        (&[0.0, 1.0], |w| with_gradient_of(w.relu(), w.relu() - 0.1 * w * w.equal(0.0))),
        (&[0.0, 1.0], |w| with_gradient_of(w.abs(), w.abs() + 1.1 * w * w.equal(0.0))),
        (&[1.0, 1.0, 0.5], |w| with_gradient_of(w.max(..), 2.5 * w.max(..))),
        // relu(w) - relu(-w) is w, but at 0 its rules give 0.
        (&[0.0, 1.0], |w| w.relu() - (-w).relu()),
    ];
    for (i, (at, f)) in wrong.into_iter().enumerate() {
        let report = check(at, f).unwrap();
        assert!(!report.is_below(1e-6) && report.rows()[0].wrong_kinks > 0, "case {i}\n{report}");
        assert!(report.to_string().contains("WRONG"), "{report}");
    }
}

#[test]
fn nothing_to_check_is_refused() {
    let refused = |params: &Params<f64>| {
        let sum = gradcheck(params, |tape| {
            let params = tape.graph().param_ids().map(|id| tape.param(id).sum(..));
            params.fold(tape.scalar(1.0), |sum, x| sum + x)
        });
        sum.unwrap_err().to_string()
    };
    let mut params = Params::<f64>::new(Seed(0));
    assert!(refused(&params).contains("no parameters"));
    params.add(Parameter::new("fixed", [2]).frozen());
    assert!(refused(&params).contains("frozen: `fixed`"));
    params.add(Parameter::new("empty", [0, 3]));
    assert!(refused(&params).contains("no elements: `empty`"));
}

#[test]
fn gradients_that_are_all_zero_are_refused_and_some_that_are_zero_are_not() {
    let refused = |at: &[f64], f: Function| check(at, f).unwrap_err().to_string();
    let zero = refused(&[-1.0, -2.0], |w| w.relu());
    assert!(zero.contains("`w` is exactly zero"), "{zero}");
    let lost = refused(&[1.0, 2.0], |w| 1e6 + 1e-20 * w.sum(..));
    assert!(lost.contains("no gradient of `w` can be told from zero"), "{lost}");
    check(&[-1.0, 2.0, -3.0], |w| w.relu()).unwrap().assert_below(1e-6);
    // Of ten thousand entries, one has a gradient; it is among those checked.
    let mut many = vec![-1.0; 10_000];
    many[1234] = 1.0;
    let report = check(&many, |w| with_gradient_of(w.relu(), 2.0 * w.relu())).unwrap();
    assert_eq!((report.rows()[0].wrong, &report.rows()[0].index[..]), (1, &[1234][..]));
}

#[test]
fn the_numerical_error_is_reported() {
    let report = check(&[1.0, 2.0], |w| w.exp()).unwrap();
    let row = &report.rows()[0];
    assert!((row.numeric - row.analytic).abs() <= 10.0 * row.numeric_error, "{report}");
    assert!(row.numeric_error > 0.0 && row.uncertainty < 1e-9, "{report}");
}
