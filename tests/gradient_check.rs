//! What the gradient check accepts, rejects and refuses.

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
