//! Mistakes planted on purpose: a harness that passes everything would notice nothing.

use gradtape::Tensor;
use serde_json::{Value, json};

use crate::compare::{DOUBLE, SINGLE, close};
use crate::{initializers, losses, ops, optimizers, outcome, schedules, training};

/// `a * b` with `b` broadcast, to second order.
fn product() -> Value {
    json!({
        "name": "mul/planted", "op": "mul", "attrs": {},
        "inputs": [
            {"name": "a", "shape": [2], "data": [1.0, 2.0]},
            {"name": "b", "shape": [], "data": [3.0]},
        ],
        "output": {"shape": [2], "data": [3.0, 6.0]},
        "cotangent": {"shape": [2], "data": [1.0, 0.5]},
        "vjp": [{"shape": [2], "data": [3.0, 1.5]}, {"shape": [], "data": [2.0]}],
        "hvp": {
            "direction": [{"shape": [2], "data": [1.0, 1.0]}, {"shape": [], "data": [2.0]}],
            "result": [{"shape": [2], "data": [2.0, 1.0]}, {"shape": [], "data": [1.5]}],
        },
    })
}

fn loss() -> Value {
    json!({
        "name": "mse/planted", "loss": "mse", "reduction": "mean", "attrs": {},
        "pred": {"shape": [2], "data": [1.0, 4.0]},
        "target": {"shape": [2], "data": [0.0, 1.0]},
        "value": 5.0,
        "grad": {"shape": [2], "data": [1.0, 3.0]},
    })
}

fn descent() -> Value {
    json!({
        "name": "sgd/planted", "optimizer": "sgd", "framework": "pytorch", "hyper": {}, "lr": [0.5, 0.25], "split": [1],
        "params0": {"shape": [1], "data": [1.0]},
        "grads": {"shape": [2, 1], "data": [1.0, 4.0]},
        "params": {"shape": [2, 1], "data": [0.5, -0.5]},
    })
}

fn cycle() -> Value {
    json!({
        "name": "one_cycle/planted", "schedule": "one_cycle",
        "hyper": {
            "max_lr": 1.0, "total_steps": 4, "pct_start": 0.5, "div_factor": 2.0,
            "final_div_factor": 4.0, "max_momentum": 0.75, "base_momentum": 0.5,
            "anneal": "linear", "three_phase": false,
        },
        "lr": [0.5, 1.0, 0.5625, 0.125],
        "momentum": [0.75, 0.5, 0.625, 0.75],
    })
}

/// He's uniform initializer.
fn uniform() -> Value {
    json!({
        "name": "he_uniform/planted", "initializer": "he_uniform", "hyper": {},
        "shape": [6, 3], "layout": "dense", "fan_in": 6, "fan_out": 3,
        "distribution": "uniform", "mean": 0.0, "limit": 1.0, "stddev": 1.0 / 3_f64.sqrt(),
    })
}

fn clipping() -> Value {
    json!({
        "name": "clip/planted", "optimizer": "clip_norm", "framework": "keras",
        "hyper": {"momentum": 0.0, "nesterov": false, "clip": 2.5}, "lr": [0.5], "split": [2, 1],
        "params0": {"shape": [3], "data": [1.0, 1.0, 1.0]},
        "grads": {"shape": [1, 3], "data": [3.0, 4.0, 1.0]},
        "clipped_grads": {"shape": [1, 3], "data": [1.5, 2.0, 1.0]},
        "params": {"shape": [1, 3], "data": [0.25, 0.0, 0.5]},
    })
}

fn average() -> Value {
    json!({
        "name": "ema/planted", "optimizer": "ema", "framework": "keras",
        "hyper": {"decay": 0.75}, "lr": [0.5, 0.5], "split": [1],
        "params0": {"shape": [1], "data": [1.0]},
        "grads": {"shape": [2, 1], "data": [1.0, 2.0]},
        "params": {"shape": [2, 1], "data": [0.5, -0.5]},
        "ema": {"shape": [2, 1], "data": [0.5, 0.25]},
    })
}

/// `x · w1 + b1` of one number, tanh, `· w2 + b2` for two classes: a loss without any update.
fn run() -> Value {
    let number = |x: f64| json!({"shape": [1, 1], "data": [x]});
    let row = |x: [f64; 2]| json!({"shape": [1, 2], "data": x});
    let params = json!({
        "w1": number(0.5), "b1": {"shape": [1], "data": [0.0]},
        "w2": row([1.0, 1.0]), "b2": {"shape": [2], "data": [0.0, 0.0]},
    });
    json!({
        "name": "training/planted", "kind": "training", "config": {"l1": 0.0, "l2": 0.5},
        "optimizer": "sgd", "hyper": {"lr": 0.5}, "x": number(0.0),
        "labels": {"shape": [1], "dtype": "i64", "data": [1]},
        "params0": params, "gradients0": {"w1": number(0.25)},
        "losses": [0.5625 + std::f64::consts::LN_2], "final": params, "sensitivity": 1.0,
    })
}

/// Dropout of a hidden layer of one unit whose value is 0, so that only `b2` matters.
fn masked() -> Value {
    let number = |x: f64| json!({"shape": [1, 1], "data": [x]});
    let row = |x: [f64; 2]| json!({"shape": [1, 2], "data": x});
    json!({
        "name": "dropout/planted", "kind": "dropout",
        "config": {"variant": "lecture", "keep": {"hidden": 0.5}},
        "x": number(0.0), "labels": {"shape": [1], "dtype": "i64", "data": [1]},
        "params0": {
            "w1": number(0.5), "b1": {"shape": [1], "data": [1.0]},
            "w2": row([0.0, 0.0]), "b2": {"shape": [2], "data": [3.0, 3.0]},
        },
        "masks": {"hidden": number(1.0)},
        "train": {
            "logits": row([3.0, 3.0]), "loss": std::f64::consts::LN_2,
            "gradients": {"b2": {"shape": [2], "data": [0.5, -0.5]}}, "gradient_x": number(0.0),
        },
        "test": {"logits": row([3.0, 3.0]), "loss": std::f64::consts::LN_2},
    })
}

/// The case with another value at a place, named as JSON pointers do.
fn with(mut case: Value, place: &str, value: impl Into<Value>) -> Value {
    *case.pointer_mut(place).expect("the case has this place") = value.into();
    case
}

/// The case with the number at a place wrong by a part in a million.
fn wrong(case: Value, place: &str) -> Value {
    let number = case.pointer(place).and_then(Value::as_f64).expect("the case has this number");
    with(case, place, number * (1.0 + 1e-6))
}

#[test]
fn without_a_mistake_the_cases_pass() {
    assert_eq!(ops::check(&product()), Ok(()));
    assert_eq!(losses::check(&loss()), Ok(()));
    assert_eq!(optimizers::check(&descent()), Ok(()));
    assert_eq!(schedules::check(&cycle()), Ok(()));
    assert_eq!(initializers::check(&uniform()), Ok(()));
    assert_eq!(optimizers::check(&clipping()), Ok(()));
    assert_eq!(optimizers::check(&average()), Ok(()));
    assert_eq!(training::check(&run()), Ok(()));
    assert_eq!(training::check(&masked()), Ok(()));
}

#[test]
fn a_wrong_number_is_found_and_located() {
    let places: [(&str, &str); 5] = [
        ("/output/data/1", "output in f64 at [1]: got 6e0"),
        ("/vjp/0/data/0", "vjp of input `a` in f64 at [0]: got 3e0"),
        ("/vjp/1/data/0", "vjp of input `b` in f64 at []: got 2e0"),
        ("/hvp/result/0/data/1", "hvp of input `a` in f64 at [1]: got 1e0"),
        ("/hvp/result/1/data/0", "hvp of input `b` in f64 at []: got 1.5e0"),
    ];
    for (place, want) in places {
        let said = ops::check(&wrong(product(), place)).expect_err(place);
        assert!(said.starts_with(want), "{place}: {said}");
    }
    let said = losses::check(&wrong(loss(), "/value")).expect_err("value");
    assert!(said.starts_with("value in f64 at []: got 5e0"), "{said}");
    let said = losses::check(&wrong(loss(), "/grad/data/1")).expect_err("gradient");
    assert!(said.starts_with("gradient in f64 at [1]: got 3e0"), "{said}");
    let said = optimizers::check(&wrong(descent(), "/params/data/1")).expect_err("parameters");
    assert!(said.starts_with("parameters after step 1 in f64 at [0]: got -5e-1"), "{said}");
    let said = schedules::check(&wrong(cycle(), "/lr/3")).expect_err("rate");
    assert!(said.starts_with("rate in f64 at [3]: got 1.25e-1"), "{said}");
    let said = schedules::check(&wrong(cycle(), "/momentum/2")).expect_err("momentum");
    assert!(said.starts_with("momentum in f64 at [2]: got 6.25e-1"), "{said}");
    let said = optimizers::check(&wrong(clipping(), "/clipped_grads/data/1")).expect_err("clipped");
    assert!(said.starts_with("clipped gradients after step 0 in f64 at [1]: got 2e0"), "{said}");
    let said = optimizers::check(&wrong(average(), "/ema/data/1")).expect_err("average");
    assert!(said.starts_with("average after step 1 in f64 at [0]: got 2.5e-1"), "{said}");
    let places: [(&str, &str); 4] = [
        ("/gradients0/w1/data/0", "gradient of w1 in f64 at [0, 0]: got 2.5e-1"),
        ("/losses/0", "loss before step 0 in f64"),
        ("/final/w2/data/1", "final w2 in f64 at [0, 1]: got 1e0"),
        ("/final/w1/data/0", "final w1 in f64 at [0, 0]: got 5e-1"),
    ];
    for (place, want) in places {
        let said = training::check(&wrong(run(), place)).expect_err(place);
        assert!(said.starts_with(want), "{place}: {said}");
    }
    let places: [(&str, &str); 4] = [
        ("/train/logits/data/1", "training logits in f64 at [0, 1]: got 3e0"),
        ("/train/gradients/b2/data/0", "gradient of b2 in f64 at [0]: got 5e-1"),
        ("/test/logits/data/0", "test logits in f64 at [0, 0]: got 3e0"),
        ("/test/loss", "test loss in f64"),
    ];
    for (place, want) in places {
        let said = training::check(&wrong(masked(), place)).expect_err(place);
        assert!(said.starts_with(want), "{place}: {said}");
    }
}

#[test]
fn another_distribution_is_found() {
    let cases = [
        ("/mean", json!(0.02), "mean in f64"),
        ("/stddev", json!(0.59), "standard deviation in f64"),
        ("/limit", json!(1.002), "the smallest value is 2"),
        ("/limit", json!(0.999), "the smallest value is -9"),
        ("/fan_in", json!(7), "got Fans { fan_in: 6, fan_out: 3 }"),
        ("/distribution", json!("normal"), "`sigma` is missing"),
        ("/initializer", json!("lecun_uniform"), "standard deviation in f64"),
        ("/initializer", json!("he_normal"), "the smallest value is -"),
    ];
    for (place, value, want) in cases {
        let said = initializers::check(&with(uniform(), place, value)).expect_err(want);
        assert!(said.starts_with(want), "{place}: {said}");
    }
    let mut normal = with(uniform(), "/initializer", "xavier_he_lecture");
    normal["distribution"] = json!("normal");
    normal["sigma"] = json!(1.0 / 3_f64.sqrt());
    assert_eq!(initializers::check(&normal), Ok(()));
    let uniform = with(normal, "/initializer", "he_uniform");
    let said = initializers::check(&uniform).expect_err("no tails");
    assert!(said.starts_with("part beyond 2 standard deviations in f64"), "{said}");
}

#[test]
fn a_gradient_that_is_left_out_is_found() {
    assert!(ops::check(&with(product(), "/vjp", json!([]))).is_err());
    assert!(ops::check(&with(product(), "/vjp/1", Value::Null)).is_err());
    assert!(ops::check(&with(product(), "/hvp/result/0", Value::Null)).is_err());
    assert!(optimizers::check(&with(clipping(), "/clipped_grads", Value::Null)).is_err());
    assert!(optimizers::check(&with(average(), "/ema", Value::Null)).is_err());
}

#[test]
fn what_is_not_known_fails_by_name() {
    let cases = [
        (ops::check(&with(product(), "/op", "convolve")), "operation `convolve` of 2 inputs"),
        (losses::check(&with(loss(), "/loss", "quantile")), "loss `quantile`"),
        (losses::check(&with(loss(), "/reduction", "max")), "reduction `max`"),
        (
            losses::check(&with(loss(), "/attrs", json!({"label_smoothing": 0.1}))),
            "attribute `label_smoothing` = 0.1",
        ),
        (optimizers::check(&with(descent(), "/optimizer", "tiger")), "optimizer `tiger`"),
        (
            optimizers::check(&with(descent(), "/hyper", json!({"trust": 0.1}))),
            "attribute `trust` = 0.1",
        ),
        (initializers::check(&with(uniform(), "/initializer", "dirac")), "initializer `dirac`"),
        (
            initializers::check(&with(uniform(), "/hyper", json!({"gain": 2.0}))),
            "attribute `gain` = 2.0",
        ),
        (schedules::check(&with(cycle(), "/schedule", "cyclic")), "schedule `cyclic`"),
        (schedules::check(&with(cycle(), "/hyper/anneal", "sin")), "`anneal` = sin"),
        (
            schedules::check(&with(
                with(cycle(), "/schedule", "step_decay"),
                "/hyper",
                json!({"delay": 3}),
            )),
            "attribute `delay` = 3",
        ),
        (training::check(&with(run(), "/optimizer", "lion")), "optimizer `lion`"),
        (training::check(&with(masked(), "/config/variant", "alpha")), "variant `alpha`"),
    ];
    for (found, name) in cases {
        let said = found.expect_err(name);
        assert_eq!(said, format!("{name} is not known here"));
    }
}

#[test]
fn a_panic_fails_its_case_alone() {
    let said = outcome(ops::check, &with(product(), "/op", "matmul")).expect_err("no attributes");
    assert_eq!(said, "attribute `transpose_a` is missing");
    let attributes = json!({"transpose_a": false, "transpose_b": false});
    let vectors = with(with(product(), "/op", "matmul"), "/attrs", attributes);
    let said = outcome(ops::check, &vectors).expect_err("a scalar is no matrix");
    assert!(said.starts_with("panicked: matmul: shapes [2] and []"), "{said}");
}

#[test]
fn single_precision_is_held_to_account_too() {
    let one = Tensor::from([1.0_f64]);
    let off = |x: f32| close("x", &Tensor::from([x]), &one, SINGLE.first);
    assert_eq!(off(1.0001), Ok(()));
    assert!(off(1.001).is_err_and(|said| said.starts_with("x in f32 at [0]: got 1.001e0")));
    assert!(off(f32::NAN).is_err());
    assert!(off(f32::INFINITY).is_err());
}

#[test]
fn another_shape_is_another_result() {
    let (row, rows) = (Tensor::from([1.0_f64, 2.0]), Tensor::from([[1.0_f64, 2.0]]));
    let said = close("x", &row, &rows, DOUBLE.first).expect_err("the shapes differ");
    assert_eq!(said, "x in f64: got shape [2], want shape [1, 2]");
}
