//! Examples that count more or less than others.

use gradtape::prelude::*;

use super::*;

#[test]
fn an_example_of_weight_two_counts_as_two() {
    let once = data(40);
    let heavy = |row: usize| if row.is_multiple_of(3) { 2.0 } else { 1.0 };
    let weighted = once.weighted((0..40).map(heavy).collect()).unwrap();
    let twice: Vec<usize> =
        (0..40).flat_map(|row| std::iter::repeat_n(row, heavy(row) as usize)).collect();
    let x = once.x().data();
    let x = Tensor::from_fn([twice.len(), 2], |i| x[twice[i / 2] * 2 + i % 2]);
    let y: Vec<u32> = twice.iter().map(|&row| once.y().data()[row]).collect();
    let repeated = Dataset::new(x, Indices::from(y)).unwrap();

    let mut params = Params::new(Seed(42));
    let model = Dense::new(2, 2).build(&mut params, "layer");
    let mut other = params.clone();
    let trainer = || Trainer::new(&model, Sgd::new(0.5), loss::cross_entropy).metric(Accuracy);
    // All examples in each step, so that their order makes no difference.
    let first = trainer()
        .fit(&mut params, &weighted)
        .batch_size(100)
        .epochs(5)
        .validation(&weighted)
        .silent()
        .run()
        .unwrap();
    let second = trainer()
        .fit(&mut other, &repeated)
        .batch_size(100)
        .epochs(5)
        .validation(&repeated)
        .silent()
        .run()
        .unwrap();
    for (a, b) in params.flat().iter().zip(other.flat()) {
        assert!((a - b).abs() < 1e-6, "{a}, {b}");
    }
    for name in ["loss", "accuracy", "val_loss", "val_accuracy"] {
        for (a, b) in first[name].iter().zip(&second[name]) {
            assert!((a - b).abs() < 1e-6, "{name}: {a}, {b}");
        }
    }
}

#[test]
fn a_batch_in_which_nothing_counts_is_passed_over() {
    let all = data(40);
    // The last eight examples count for nothing; they are a batch of their own.
    let counts = |row: usize| f32::from(u8::from(row < 32));
    let weighted = all.weighted((0..40).map(counts).collect()).unwrap();
    let counting = all.split_at(32).unwrap().0;

    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut other = params.clone();
    let (mut first, mut second) = (trainer(&model), trainer(&model));
    let fit = first.fit(&mut params, &weighted).batch_size(8).in_order().validation(&weighted);
    let history = fit.silent().run().unwrap();
    let fit = second.fit(&mut other, &counting).batch_size(8).in_order().validation(&counting);
    let expected = fit.silent().run().unwrap();
    assert_eq!(params.flat(), other.flat());
    for name in ["loss", "accuracy", "val_loss", "val_accuracy"] {
        assert!((history[name][0] - expected[name][0]).abs() < 1e-6, "{name}: {history}");
    }
    let result = first.evaluate(&params, &weighted).unwrap();
    assert!((result.loss - expected["val_loss"][0]).abs() < 1e-6);
}

#[test]
fn weights_of_the_training_data_are_no_concern_of_the_validation_data() {
    let (train, valid) = data(150).split_at(100).unwrap();
    let train = train.class_weighted(&[1.0, 10.0]).unwrap();
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = trainer(&model);
    let history = trainer.fit(&mut params, &train).validation(&valid).silent().run().unwrap();
    let result = trainer.evaluate(&params, &valid).unwrap();
    assert!((result.loss - history["val_loss"][0]).abs() < 1e-6);
}

#[test]
fn data_in_which_nothing_counts_are_refused() {
    let (all, nothing) = (data(20), data(20).weighted(vec![0.0; 20]).unwrap());
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = trainer(&model);
    let errors = [
        trainer.fit(&mut params, &nothing).silent().run().map(|_| ()),
        trainer.fit(&mut params, &all).validation(&nothing).silent().run().map(|_| ()),
        trainer.evaluate(&params, &nothing).map(|_| ()),
        trainer.rate_range(&params, Sgd::new(0.0), &nothing, 1e-3..=1.0, 5).map(|_| ()),
    ];
    for error in errors {
        let message = error.unwrap_err().to_string();
        assert!(message.ends_with("found only such of weight 0"), "{message}");
    }
}
