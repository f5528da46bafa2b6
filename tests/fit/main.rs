//! What users rely on when they train by `fit`.

mod callbacks;
mod weights;

use std::path::PathBuf;

use gradtape::prelude::*;
use gradtape::train::{
    Accuracy, Decision, EarlyStopping, Ending, OnEpoch, RateSchedule, StopOnNonFinite,
};
use gradtape::{Error, loss};

/// Points of the plane, labelled by their side of a curve.
fn data(examples: usize) -> Dataset {
    let x = Tensor::from_fn([examples, 2], |i| ((i * i + 7 * i) % 97) as f32 / 48.0 - 1.0);
    let above = |p: &[f32]| u32::from(p[1] > p[0] * p[0] - 0.3);
    let labels: Vec<u32> = x.data().chunks(2).map(above).collect();
    Dataset::new(x, Indices::from(labels)).unwrap()
}

fn model(params: &mut Params) -> Sequential {
    Sequential::new()
        .then(Dense::new(2, 16).penalty(L2(1e-3)).build(params, "hidden"))
        .then(Tanh)
        .then(Dropout(0.2))
        .then(Dense::new(16, 2).build(params, "output"))
}

fn trainer(model: &Sequential) -> Trainer<'_> {
    Trainer::new(model, Adam::new(0.01), loss::cross_entropy).metric(Accuracy)
}

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("gradtape-fit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

#[test]
fn fit_does_what_the_plain_loop_does() {
    let train = data(100);
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut plain = params.clone();

    let history =
        trainer(&model).fit(&mut params, &train).epochs(3).seed(Seed(1)).silent().run().unwrap();

    let mut optimizer = Adam::new(0.01);
    let mut totals = vec![];
    for batch in train.batches(32).shuffled(Seed(1)).epochs(3) {
        let tape = Tape::training(&plain, batch.seed());
        let loss = model.forward(tape.input(&batch.x)).cross_entropy(&batch.y) + tape.penalty();
        let gradients = tape.backward(loss);
        drop(tape);
        optimizer.step(&mut plain, &gradients);
        totals.push((batch.epoch(), f64::from(gradients.loss()) * batch.len() as f64 / 100.0));
    }
    let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
    for epoch in 0..3 {
        let total: f64 = totals.iter().filter(|(of, _)| *of == epoch).map(|(_, loss)| loss).sum();
        assert!(close(history["total"][epoch], total));
        assert!(close(history["loss"][epoch] + history["penalty"][epoch], total));
    }
    let same = params.flat().iter().zip(plain.flat()).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(same, "the same steps but for the order of additions");
}

#[test]
fn the_history_has_a_column_for_each_quantity() {
    let (train, valid) = data(150).split_at(100).unwrap();
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = trainer(&model);
    let fit = trainer.fit(&mut params, &train).epochs(2).validation(&valid).silent();
    let history = fit.run().unwrap();
    let names: Vec<&str> = history.columns().iter().map(|column| &column.name[..]).collect();
    assert_eq!(names, ["loss", "penalty", "total", "accuracy", "val_loss", "val_accuracy", "rate"]);
    assert_eq!((history.epochs(), history.ending()), (2, Some(&Ending::Finished)));
    // What was validated last is what an evaluation gives now; penalties are no part of it.
    let result = trainer.evaluate(&params, &valid).unwrap();
    assert!((result.loss - history.last("val_loss").unwrap()).abs() < 1e-6);
    assert_eq!(result.get("accuracy"), history.last("val_accuracy"));
    let logits = trainer.predict(&params, valid.x()).unwrap();
    let right = logits.argmax_rows().into_iter().zip(valid.y().data());
    let right = right.filter(|&(class, &label)| class == label as usize).count();
    assert_eq!(Some(right as f64 / 50.0), result.get("accuracy"));
}

#[test]
fn a_monitor_that_does_not_exist_is_an_error_before_the_first_step() {
    let train = data(50);
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let before = params.clone();
    let mut trainer = trainer(&model);
    let fit = trainer.fit(&mut params, &train).silent();
    let error = fit.callback(EarlyStopping::new("val_loss").patience(2)).run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "EarlyStopping: expected to monitor one of loss, penalty, total, accuracy, found val_loss; \
         there is no validation data: call `.validation(..)`"
    );
    assert_eq!(params.flat(), before.flat());
}

#[test]
fn the_direction_is_the_metrics_own() {
    let train = data(100);
    for (monitor, improves) in [("accuracy", true), ("loss", true)] {
        let mut params = Params::new(Seed(42));
        let model = model(&mut params);
        let mut stopping = EarlyStopping::new(monitor).patience(5);
        let mut trainer = trainer(&model);
        let fit = trainer.fit(&mut params, &train).epochs(10).silent();
        let history = fit.callback(&mut stopping).run().unwrap();
        let (epoch, value) = stopping.best().unwrap();
        assert_eq!(history.best(monitor), Some((epoch, value)));
        assert_eq!(epoch > 0, improves, "{monitor}: the first epoch is not the best");
    }
}

#[test]
fn the_best_weights_are_put_back_whatever_ends_the_training() {
    let (train, valid) = data(150).split_at(100).unwrap();
    type Ends = fn(usize) -> Result<Decision, Error>;
    let ends: [(&str, Ends); 3] = [
        ("the last epoch", |_| Ok(Decision::Continue)),
        ("another callback", |epoch| {
            Ok(if epoch == 3 { Decision::Stop("enough".into()) } else { Decision::Continue })
        }),
        ("an error", |epoch| match epoch {
            3 => Err(Error::Uncheckable("a callback's error".into())),
            _ => Ok(Decision::Continue),
        }),
    ];
    for (name, end) in ends {
        let mut params = Params::new(Seed(42));
        let model = model(&mut params);
        let mut trainer = trainer(&model);
        let mut stopping = EarlyStopping::new("val_loss").patience(100);
        let mut kept = Vec::new();
        let mut losses: Vec<f64> = vec![];
        // The rate explodes after the second epoch, so that later ones are worse.
        let result = trainer
            .fit(&mut params, &train)
            .epochs(5)
            .validation(&valid)
            .callback(&mut stopping)
            .callback(RateSchedule::new(|epoch| if epoch < 2 { 0.01 } else { 3.0 }))
            .callback(OnEpoch::new(|moment| {
                kept.push(moment.params.flat().to_vec());
                losses.push(moment.history.last("val_loss").unwrap());
                end(moment.epoch)
            }))
            .silent()
            .run();
        assert_eq!(result.is_err(), name == "an error");
        let (best, _) = stopping.best().unwrap();
        assert!(best + 1 < kept.len(), "{name}: the last epoch must not be the best: {losses:?}");
        assert_eq!(params.flat(), kept[best], "{name}");
        assert!(stopping.restored());
    }
}

/// A model whose penalty drives weights to where it has no value: after some batches it is NaN.
fn diverging(params: &mut Params) -> impl Layer + use<> {
    let toward_nan = gradtape::penalty::from_fn(|w| (w.sum(..) - 0.7).sqrt() * 0.01);
    let init = Constant(0.1876);
    Dense::new(2, 2).no_bias().init(init).penalty(toward_nan).build(params, "layer")
}

#[test]
fn a_loss_that_is_not_finite_is_an_error_that_says_where_it_began() {
    let train = data(100);
    let run = |orderly: bool| {
        let mut params = Params::new(Seed(42));
        let model = diverging(&mut params);
        let mut trainer = Trainer::new(&model, Sgd::new(0.2), loss::cross_entropy);
        let fit = trainer.fit(&mut params, &train).batch_size(10).in_order().epochs(5).silent();
        let fit = if orderly { fit.callback(StopOnNonFinite) } else { fit };
        (fit.run(), params)
    };
    let (result, params) = run(false);
    let error = result.unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::Diverged { .. }), "{message}");
    assert!(message.contains("is not finite: sqrt"), "{message}");
    assert!(message.contains("tests/fit/main.rs"), "{message}");
    assert!(params.flat().iter().all(|w| w.is_finite()), "no step was taken on it");

    let (result, params) = run(true);
    match result.unwrap().ending() {
        Some(Ending::Stopped { by, reason }) => {
            assert_eq!(by, "StopOnNonFinite");
            assert!(reason.contains("sqrt"), "{reason}");
        }
        ending => panic!("{ending:?}"),
    }
    assert!(params.flat().iter().all(|w| w.is_finite()));
}

#[test]
fn a_history_survives_json_with_all_its_bits() {
    let train = data(60);
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let history = trainer(&model).fit(&mut params, &train).epochs(4).silent().run().unwrap();
    let text = serde_json::to_string(&history).unwrap();
    let read: gradtape::train::History = serde_json::from_str(&text).unwrap();
    assert_eq!(read, history);
}

#[test]
fn sparse_rows_and_numbers_to_predict_are_trained_on_alike() {
    let words = |row: u32| vec![row % 7, 7 + row % 3];
    let x = gradtape::SparseRows::multi_hot(10, (0..60).map(words)).unwrap();
    let y = Tensor::from_fn([60, 1], |row| (row % 7) as f32 - 2.0 * (row % 3) as f32);
    let sparse = Dataset::new(x.clone(), y.clone()).unwrap();
    let dense = Dataset::new(x.to_dense(), y).unwrap();
    let mut params = Params::new(Seed(42));
    let model = Dense::new(10, 1).build(&mut params, "layer");
    let mut other = params.clone();
    let mut trainer = Trainer::new(&model, Sgd::new(0.1), loss::squared_error);
    let history = trainer.fit(&mut params, &sparse).epochs(200).silent().run().unwrap();
    assert!(history.last("loss").unwrap() < 1e-2, "{history}");
    let mut again = Trainer::new(&model, Sgd::new(0.1), loss::squared_error);
    again.fit(&mut other, &dense).epochs(200).silent().run().unwrap();
    for (a, b) in params.flat().iter().zip(other.flat()) {
        assert!((a - b).abs() < 1e-4, "{a}, {b}");
    }
    let predicted = trainer.predict(&params, sparse.x()).unwrap();
    assert_eq!(*predicted.shape(), [60, 1].into());
}

#[test]
fn a_last_batch_of_one_example_can_be_left_out() {
    let train = data(33);
    let mut params = Params::new(Seed(42));
    let model = Sequential::new()
        .then(Dense::new(2, 2).build(&mut params, "layer"))
        .then(BatchNorm::new(2).build(&mut params, "norm"));
    let mut trainer = trainer(&model);
    let fit = trainer.fit(&mut params, &train).batch_size(16).epochs(3).drop_last();
    let history = fit.silent().run().unwrap();
    assert_eq!((history.epochs(), trainer.optimizer().steps()), (3, 6));

    let error = trainer.fit(&mut params, &train).batch_size(64).drop_last().silent().run();
    let message = error.unwrap_err().to_string();
    assert_eq!(message, "fit: expected examples for a batch of 64, found 33");
}

#[test]
fn a_history_is_diagnosed() {
    let (train, valid) = data(150).split_at(100).unwrap();
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = trainer(&model);
    let fit = trainer.fit(&mut params, &train).epochs(12).validation(&valid).silent();
    let history = fit.run().unwrap();
    let curves = gradtape::train::diagnose(&history["loss"], &history["val_loss"]).unwrap();
    assert_eq!(history.diagnose().unwrap().to_string(), curves.to_string());
}

#[test]
fn what_is_prepared_is_trained_on() {
    let train = data(50);
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let before = params.clone();
    let mut trainer = trainer(&model);
    let mut seen = vec![];
    let history = trainer
        .fit(&mut params, &train)
        .epochs(2)
        .prepare(|batch| {
            seen.push((batch.epoch(), batch.index(), batch.len()));
            batch.x.data_mut().fill(f32::NAN);
        })
        .callback(StopOnNonFinite)
        .silent()
        .run()
        .unwrap();
    assert!(matches!(history.ending(), Some(Ending::Stopped { .. })));
    assert_eq!(seen, [(0, 0, 32)]);
    assert_eq!(params.flat(), before.flat());
}

#[test]
fn a_model_predicts_a_row_for_each_example() {
    let mut params = Params::new(Seed(42));
    let model = Dense::new(4, 2).build(&mut params, "layer");
    let trainer = Trainer::new(&model, Adam::new(0.01), loss::cross_entropy);
    let wrong = trainer.predict(&params, &Tensor::zeros([4])).unwrap_err().to_string();
    assert!(wrong.contains("a row for each of 4 examples"), "{wrong}");
    assert!(wrong.contains("predictions of shape [2]"), "{wrong}");
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_an_error_before_the_first_epoch() {
    let train = data(100);
    let mut params = Params::new(Seed(42));
    let model = Dense::new(2, 2).build(&mut params, "layer");
    let begun = params.flat().to_vec();
    let mut trainer = Trainer::new(&model, Adam::new(0.01), loss::cross_entropy);
    let nowhere = ModelCheckpoint::new("no such folder/run.safetensors");
    let error = trainer.fit(&mut params, &train).callback(nowhere).silent().run().unwrap_err();
    assert!(error.to_string().contains("no such folder/run.safetensors"), "{error}");
    assert_eq!(params.flat(), begun);
}

#[test]
fn an_ending_says_what_ended_the_training() {
    let stopped = Ending::Stopped { by: "Patience".to_string(), reason: "none left".to_string() };
    assert_eq!(stopped.to_string(), "stopped by Patience: none left");
    assert_eq!(Ending::Finished.to_string(), "all epochs are done");
}

#[test]
fn the_table_of_parameters_tells_state_from_what_is_frozen() {
    let mut params = Params::<f32>::new(Seed(42));
    params.add(Parameter::new("fixed", [2]).frozen());
    BatchNorm::new(3).build(&mut params, "norm");
    let table = params.to_string();
    let last = |name: &str| {
        let line = table.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().last().unwrap().to_string()
    };
    let names = ["fixed", "norm/scale", "norm/running_mean"];
    assert_eq!(names.map(last), ["frozen", "3", "state"]);
}

#[test]
fn no_examples_are_an_error_wherever_they_are_measured() {
    let (train, none) = data(20).split_at(20).unwrap();
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = trainer(&model);
    let error = trainer.evaluate(&params, &none).unwrap_err().to_string();
    assert_eq!(error, "evaluate: expected examples, found none");
    let fit = trainer.fit(&mut params, &train).validation(&none).silent();
    let error = fit.run().unwrap_err().to_string();
    assert_eq!(error, "validation: expected examples to validate on, found none");
    assert_eq!(*trainer.predict(&params, none.x()).unwrap().shape(), [0, 2].into());
}

#[test]
fn a_binary_target_that_is_no_share_is_an_error_before_the_first_step() {
    let x = Tensor::from_fn([20, 2], |i| i as f32);
    let y = Tensor::from_fn([20, 1], |row| if row == 13 { 2.0 } else { 1.0 });
    let train = Dataset::new(x, y).unwrap();
    let mut params = Params::new(Seed(42));
    let model = Dense::new(2, 1).build(&mut params, "output");
    let before = params.clone();
    let mut trainer =
        Trainer::new(&model, Sgd::new(0.1), loss::binary_cross_entropy).metric(Accuracy);
    let error = trainer.fit(&mut params, &train).silent().run().unwrap_err().to_string();
    assert_eq!(error, "accuracy: expected targets of 0 and 1, found 2");
    assert_eq!(params.flat(), before.flat());
}

/// The data of `data`, with a label of a class that there is not.
fn mislabelled(examples: usize, row: usize) -> Dataset {
    let good = data(examples);
    let mut labels = good.y().data().to_vec();
    labels[row] = 7;
    Dataset::new(good.x().clone(), Indices::from(labels)).unwrap()
}

#[test]
fn a_label_that_is_no_class_is_an_error_that_names_its_row() {
    let (good, bad) = (data(80), mislabelled(80, 43));
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let before = params.clone();
    let message =
        |of: &str| format!("label of row 43{of}: expected one of 2 classes (0 to 1), found 7");
    let mut trainer = Trainer::new(&model, Adam::new(0.01), loss::cross_entropy);
    let error = trainer.fit(&mut params, &bad).silent().run().unwrap_err().to_string();
    assert_eq!(error, message(" of the training data"));
    let error = trainer.fit(&mut params, &good).validation(&bad).silent().run().unwrap_err();
    assert_eq!(error.to_string(), message(" of the validation data"));
    assert_eq!(trainer.evaluate(&params, &bad).unwrap_err().to_string(), message(""));
    assert_eq!(params.flat(), before.flat());

    // To a loss of one's own, labels may be more than there are predictions.
    fn count<'t>(y: Var<'t>, labels: Var<'t>) -> Var<'t> {
        (y.sum(..) - y.graph().one_hot(labels, 8).sum(..)).square()
    }
    let mut trainer = Trainer::new(&model, Adam::new(0.01), count);
    trainer.fit(&mut params, &bad).silent().run().unwrap();
}

#[test]
fn a_number_of_the_data_that_is_not_finite_is_named_by_its_row() {
    let labels = Tensor::from_fn([50, 1], |row| (row % 2) as f32);
    let whole = Tensor::from_fn([50, 2], |i| i as f32 / 100.0);
    let (mut holed, mut unknown) = (whole.clone(), labels.clone());
    holed.data_mut()[2 * 37 + 1] = f32::NAN;
    unknown.data_mut()[21] = f32::INFINITY;
    let mut params = Params::new(Seed(42));
    let model = Dense::new(2, 1).build(&mut params, "layer");
    let message = |params: &mut Params, x: &Tensor, y: &Tensor, spoiled: bool| {
        let data = Dataset::new(x.clone(), y.clone()).unwrap();
        let mut trainer = Trainer::new(&model, Sgd::new(0.01), loss::squared_error);
        let fit = trainer.fit(params, &data).batch_size(50).silent();
        let fit = fit.prepare(|batch| {
            if spoiled {
                batch.x.data_mut()[3] = f32::NAN;
            }
        });
        fit.run().unwrap_err().to_string()
    };
    let start = "the loss of epoch 1, batch 1 is not finite: the ";
    let holes = format!("{start}examples hold NaN: row 37, column 1 of the training data");
    assert_eq!(message(&mut params, &holed, &labels, false), holes);
    let targets = format!("{start}targets hold inf: row 21, column 0 of the training data");
    assert_eq!(message(&mut params, &whole, &unknown, false), targets);
    let spoiled = message(&mut params, &whole, &labels, true);
    assert!(spoiled.ends_with("column 1 of the training data, once it was prepared"), "{spoiled}");
}

#[test]
fn validation_data_that_do_not_fit_are_found_before_the_first_step() {
    let train = data(60);
    let wide = Dataset::new(Tensor::zeros([5, 3]), Indices::from([0; 5])).unwrap();
    let numbers = Dataset::new(Tensor::zeros([5, 2]), Tensor::zeros([5, 2])).unwrap();
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let before = params.clone();
    let mut trainer = trainer(&model);
    let mut message = |run: &mut dyn FnMut(&mut Trainer<'_>, &mut Params)| {
        let run = std::panic::AssertUnwindSafe(|| run(&mut trainer, &mut params));
        let message = *std::panic::catch_unwind(run).unwrap_err().downcast::<String>().unwrap();
        assert_eq!(params.flat(), before.flat());
        message
    };
    let of_width = message(&mut |trainer, params| {
        let _ = trainer.fit(params, &train).validation(&wide).silent().run();
    });
    assert!(of_width.contains("hidden/kernel") && of_width.contains(", on the validation data"));
    let of_kind = message(&mut |trainer, params| {
        let _ = trainer.fit(params, &train).validation(&numbers).silent().run();
    });
    assert!(of_kind.contains("on the validation data"), "{of_kind}");
}
