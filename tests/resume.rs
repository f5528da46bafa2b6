//! A training that was stopped and resumed ends with the bits of one that was not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs, io};

use gradtape::optim::{Optimizer, Schedule};
use gradtape::prelude::*;
use gradtape::train::{Ending, History, ReduceRate};
use gradtape::{Error, loss};

fn data() -> (Dataset, Dataset) {
    let x = Tensor::from_fn([150, 2], |i| ((i * i + 7 * i) % 97) as f32 / 48.0 - 1.0);
    let above = |p: &[f32]| u32::from(p[1] > p[0] * p[0] - 0.3);
    let labels: Vec<u32> = x.data().chunks(2).map(above).collect();
    Dataset::new(x, Indices::from(labels)).unwrap().split_at(100).unwrap()
}

fn model(params: &mut Params) -> Sequential {
    Sequential::new()
        .then(Dense::new(2, 16).penalty(L2(1e-3)).build(params, "hidden"))
        .then(BatchNorm::new(16).build(params, "norm"))
        .then(Relu)
        .then(Dropout(0.2))
        .then(Dense::new(16, 2).build(params, "output"))
}

/// What a training comes to, bit for bit.
#[derive(PartialEq, Debug)]
struct Outcome {
    weights: Vec<u32>,
    history: String,
}

/// What a training does: epochs, and when it saves.
#[derive(Clone, Copy)]
struct Plan {
    epochs: usize,
    every_batches: Option<usize>,
    resumes: bool,
    patience: usize,
}

const PLAN: Plan = Plan { epochs: 6, every_batches: None, resumes: true, patience: 100 };

/// Trains, saving to this file and going on from it if it is there.
fn train(path: &Path, optimizer: impl Optimizer, plan: Plan) -> Result<Outcome, Error> {
    let (train, valid) = data();
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = Trainer::new(&model, optimizer, loss::cross_entropy).metric(Accuracy);
    let checkpoint = ModelCheckpoint::new(path);
    let checkpoint = match plan.every_batches {
        Some(batches) => checkpoint.every_batches(batches),
        None => checkpoint,
    };
    let fit = trainer
        .fit(&mut params, &train)
        .epochs(plan.epochs)
        .batch_size(16)
        .seed(Seed(3))
        .validation(&valid)
        .callback(EarlyStopping::new("val_accuracy").patience(plan.patience))
        .callback(ReduceRate::on_plateau("val_loss").patience(1).min_delta(0.05))
        .callback(checkpoint)
        .silent();
    let history = if plan.resumes { fit.resume(path) } else { fit }.run()?;
    let weights = params.flat().iter().map(|w| w.to_bits()).collect();
    Ok(Outcome { weights, history: bits(&history) })
}

/// A history with all its bits.
fn bits(history: &History) -> String {
    let values = |values: &[f64]| values.iter().map(|x| format!("{:x} ", x.to_bits())).collect();
    let columns = history.columns().iter();
    let columns: Vec<(&str, String)> = columns.map(|c| (&c.name[..], values(&c.values))).collect();
    format!("{columns:?}, {:?}", history.ending())
}

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("gradtape-resume-{}-{name}", std::process::id()));
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{error}"),
        _ => fs::create_dir_all(&path).unwrap(),
    }
    path
}

fn decaying() -> Schedule {
    Schedule::from(|step: u64| 0.02 * 0.99_f64.powi(step as i32))
}

#[test]
fn half_a_training_and_its_other_half_are_a_whole_one() {
    type Make = fn() -> Box<dyn Optimizer>;
    let optimizers: [(&str, Make); 5] = [
        ("sgd", || Box::new(Sgd::new(0.1))),
        ("nesterov", || Box::new(Nesterov::new(decaying()))),
        ("rmsprop", || Box::new(RmsProp::new(0.01))),
        ("adagrad", || Box::new(AdaGrad::new(0.1))),
        ("adam", || Box::new(Adam::new(decaying()))),
    ];
    for (name, optimizer) in optimizers {
        let folder = folder(name);
        let whole = train(&folder.join("whole"), optimizer(), PLAN).unwrap();
        let path = folder.join("halves");
        for epochs in [1, 3, 6] {
            let outcome = train(&path, optimizer(), Plan { epochs, ..PLAN }).unwrap();
            assert_eq!(outcome == whole, epochs == 6, "{name} after {epochs} epochs");
        }
        // A finished training that is resumed has nothing left to do.
        assert_eq!(train(&path, optimizer(), PLAN).unwrap(), whole, "{name}");
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_training_that_early_stopping_ended_stays_ended() {
    let folder = folder("stopped");
    let path = folder.join("run");
    let plan = Plan { epochs: 60, patience: 2, ..PLAN };
    let whole = train(&path, Adam::new(0.01), plan).unwrap();
    assert!(whole.history.contains("Stopped"), "{}", whole.history);
    assert_eq!(train(&path, Adam::new(0.01), plan).unwrap(), whole);
    fs::remove_dir_all(folder).unwrap();
}

/// An optimizer that has forgotten all but the weights goes another way: the test above would not
/// notice a state that is not saved if it made no difference.
#[test]
fn a_cold_optimizer_goes_another_way() {
    let folder = folder("cold");
    let path = folder.join("run");
    let whole = train(&folder.join("whole"), Adam::new(0.01), PLAN).unwrap();
    train(&path, Adam::new(0.01), Plan { epochs: 3, ..PLAN }).unwrap();

    let (data, _) = data();
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    params.load(&path).unwrap();
    let mut optimizer = Adam::new(0.01);
    for batch in data.batches(16).shuffled(Seed(3)).epoch_range(3..6) {
        let tape = Tape::training(&params, batch.seed());
        let loss = model.forward(tape.input(&batch.x)).cross_entropy(&batch.y) + tape.penalty();
        let gradients = tape.backward(loss);
        drop(tape);
        optimizer.step(&mut params, &gradients);
    }
    let cold: Vec<u32> = params.flat().iter().map(|w| w.to_bits()).collect();
    assert_ne!(cold, whole.weights);
    fs::remove_dir_all(folder).unwrap();
}

/// Not a test by itself: the training that is killed. Saves after every batch.
#[test]
fn training_to_be_killed() {
    if let Some(path) = std::env::var_os("GRADTAPE_TEST_TRAINING") {
        train(Path::new(&path), Adam::new(0.01), Plan { every_batches: Some(1), ..PLAN }).unwrap();
    }
}

#[test]
fn a_training_killed_at_any_moment_ends_with_the_same_bits() {
    let folder = folder("killed");
    let whole = train(&folder.join("whole"), Adam::new(0.01), PLAN).unwrap();
    let training = |path: &Path| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "training_to_be_killed"]).env("GRADTAPE_TEST_TRAINING", path);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command
    };
    let begun = std::time::Instant::now();
    assert!(training(&folder.join("timed")).status().unwrap().success());
    let duration = begun.elapsed();
    let mut rng = Seed(9).rng();
    let mut interrupted = 0;
    for round in 0..50 {
        let path = folder.join(format!("run-{round}"));
        let mut child = training(&path).spawn().unwrap();
        let share = rand::RngExt::random_range(&mut rng, 0.0..1.0);
        std::thread::sleep(duration.mul_f64(share).max(Duration::from_micros(100)));
        child.kill().unwrap();
        interrupted += usize::from(!child.wait().unwrap().success());
        // Whatever is there loads, and goes on to the end of the training that was not killed.
        if path.exists() {
            let mut params = Params::<f32>::new(Seed(0));
            model(&mut params);
            params.load(&path).unwrap();
        }
        let outcome = train(&path, Adam::new(0.01), PLAN).unwrap();
        assert_eq!(outcome, whole, "killed after {share:.3} of {duration:?}");
    }
    assert!(interrupted > 20, "only {interrupted} of 50 trainings were killed before their end");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_cut_or_damaged_checkpoint_is_an_error_and_changes_nothing() {
    let folder = folder("damaged");
    let path = folder.join("run");
    train(&path, Adam::new(0.01), Plan { epochs: 1, ..PLAN }).unwrap();
    let whole = fs::read(&path).unwrap();
    let mut params = Params::<f32>::new(Seed(7));
    model(&mut params);
    let before = params.flat().to_vec();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize + 8;
    let cuts = (0..64).chain((64..header).step_by(97)).chain((header..whole.len()).step_by(41));
    for cut in cuts {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = params.load(&path).expect_err("a cut file is not whole");
        assert!(error.to_string().contains("a whole safetensors file"), "{cut}: {error}");
        assert!(train(&path, Adam::new(0.01), PLAN).is_err(), "cut at {cut}");
    }
    for at in (0..whole.len()).step_by(53) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        assert!(params.load(&path).is_err(), "damaged at {at} of {}", whole.len());
    }
    assert_eq!(params.flat(), before);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn all_that_does_not_fit_is_reported_at_once() {
    let folder = folder("mismatch");
    let path = folder.join("weights");
    let mut params = Params::<f32>::new(Seed(7));
    model(&mut params);
    params.save(&path).unwrap();

    let mut others = Params::<f32>::new(Seed(7));
    Dense::new(2, 8).no_bias().build(&mut others, "hidden");
    Dense::new(16, 2).build(&mut others, "last");
    let before = others.flat().to_vec();
    let error = others.load(&path).unwrap_err().to_string();
    let problems: Vec<&str> = error.lines().skip(1).map(str::trim).collect();
    assert_eq!(
        problems,
        [
            "`hidden/kernel` is of shape [2, 16], not [2, 8]",
            "`last/kernel` of shape [16, 2] is missing",
            "`last/bias` of shape [2] is missing",
            "`hidden/bias` of shape [16] is no parameter here",
            "`norm/running_mean` of shape [16] is no parameter here",
            "`norm/running_variance` of shape [16] is no parameter here",
            "`norm/scale` of shape [16] is no parameter here",
            "`norm/shift` of shape [16] is no parameter here",
            "`output/bias` of shape [2] is no parameter here",
            "`output/kernel` of shape [16, 2] is no parameter here",
        ]
    );
    assert_eq!(others.flat(), before);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn another_training_is_not_resumed() {
    let folder = folder("other");
    let path = folder.join("run");
    train(&path, Adam::new(0.01), Plan { epochs: 1, ..PLAN }).unwrap();

    let (data, _) = data();
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = Trainer::new(&model, Adam::new(0.01), loss::cross_entropy);
    let error = trainer.fit(&mut params, &data).silent().resume(&path).run().unwrap_err();
    let error = error.to_string();
    for part in ["its columns", "its callbacks", "its seed: 3, here: 0", "its batch size: 16"] {
        assert!(error.contains(part), "{error}");
    }
    // Another optimizer's state is refused too.
    let error = train(&path, Sgd::new(0.01), PLAN).unwrap_err().to_string();
    assert!(error.contains("its optimizer: \"Adam\", here: \"Sgd\""), "{error}");

    // What is another model's is told together with all else.
    let mut others = Params::new(Seed(42));
    let other = Dense::new(2, 2).build(&mut others, "output");
    let mut trainer = Trainer::new(&other, Sgd::new(0.01), loss::cross_entropy);
    let error = trainer.fit(&mut others, &data).silent().resume(&path).run().unwrap_err();
    let error = error.to_string();
    let kernel = "`output/kernel` is of shape [16, 2], not [2, 2]";
    for part in ["its callbacks", "its optimizer", kernel, "`hidden/bias` of shape [16] is no"] {
        assert!(error.contains(part), "{error}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_best_and_the_last_few_checkpoints_are_kept() {
    let folder = folder("kept");
    let (data, valid) = data();
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = Trainer::new(&model, Adam::new(0.02), loss::cross_entropy);
    let file = |name: &str| folder.join(name);
    let history = trainer
        .fit(&mut params, &data)
        .epochs(8)
        .validation(&valid)
        .callback(ModelCheckpoint::new(file("epoch-{epoch}")).every(2).keep(2))
        .callback(ModelCheckpoint::new(file("best")).best("val_loss"))
        .silent()
        .run()
        .unwrap();
    assert_eq!(history.ending(), Some(&Ending::Finished));
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["best", "epoch-6", "epoch-8"]);
    params.load(file("best")).unwrap();
    let loss = trainer.evaluate(&params, &valid).unwrap().loss;
    assert!((loss - history.best("val_loss").unwrap().1).abs() < 1e-6);
    fs::remove_dir_all(folder).unwrap();
}
