//! What callbacks do to a training.

use std::path::Path;
use std::time::Duration;

use gradtape::prelude::*;
use gradtape::train::{Callback, CsvLog, F1, JsonLog, Metric, Moment, RateSchedule, TimeLimit};

use super::*;

#[test]
fn a_plateau_lowers_the_rate() {
    let train = data(60);
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = Trainer::new(&model, Sgd::new(1e-9), loss::cross_entropy);
    let history = trainer
        .fit(&mut params, &train)
        .epochs(9)
        .callback(ReduceRate::on_plateau("total").patience(2).factor(0.5).min_delta(10.0))
        .silent()
        .run()
        .unwrap();
    let rates: Vec<f64> = history["rate"].iter().map(|rate| rate * 1e9).collect();
    assert_eq!(rates, [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]);
}

#[test]
fn a_schedule_has_the_rate_of_every_epoch() {
    let train = data(60);
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = Trainer::new(&model, Sgd::new(7.0), loss::cross_entropy);
    let halving = RateSchedule::new(|epoch: u64| 0.01 * 0.5_f64.powi(epoch as i32));
    // A second training of the same optimizer begins with the schedule's first rate, too.
    for _ in 0..2 {
        let fit = trainer.fit(&mut params, &train).epochs(3).callback(halving.clone()).silent();
        assert_eq!(fit.run().unwrap()["rate"], [0.01, 0.005, 0.0025]);
    }
}

/// Stops before an epoch.
struct StopsBefore(usize);

impl Callback for StopsBefore {
    fn name(&self) -> &str {
        "StopsBefore"
    }

    fn before_epoch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
        Ok(match moment.epoch == self.0 {
            true => Decision::Stop("enough".to_string()),
            false => Decision::Continue,
        })
    }
}

#[test]
fn a_training_may_be_stopped_before_an_epoch() {
    let train = data(60);
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = trainer(&model);
    let fit = trainer.fit(&mut params, &train).epochs(5).callback(StopsBefore(2)).silent();
    let history = fit.run().unwrap();
    assert_eq!(history.epochs(), 2);
    assert!(matches!(history.ending(), Some(Ending::Stopped { by, .. }) if by == "StopsBefore"));
}

#[test]
fn time_and_epochs_end_a_training() {
    let train = data(60);
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = trainer(&model);
    let fit = trainer.fit(&mut params, &train).epochs(1000).silent();
    let history = fit.callback(TimeLimit(Duration::ZERO)).run().unwrap();
    assert!(matches!(history.ending(), Some(Ending::Paused { by, .. }) if by == "TimeLimit"));
    assert_eq!(history.epochs(), 0);
    let history = trainer.fit(&mut params, &train).epochs(0).silent().run().unwrap();
    assert_eq!((history.epochs(), history.ending()), (0, Some(&Ending::Finished)));
}

#[test]
fn a_run_whose_time_is_over_goes_on_from_its_checkpoint() {
    let train = data(100);
    let run = |limit: Option<Duration>, checkpoint: ModelCheckpoint, path: &Path| {
        let mut params = Params::new(Seed(42));
        let model = model(&mut params);
        let mut trainer = trainer(&model);
        let fit = trainer.fit(&mut params, &train).epochs(2).seed(Seed(3)).silent();
        let fit = match limit {
            Some(limit) => fit.callback(TimeLimit(limit)),
            None => fit,
        };
        let history = fit.callback(checkpoint).resume(path).run().unwrap();
        (history, params)
    };
    let whole = scratch("whole.safetensors");
    let (expected, expected_params) = run(None, ModelCheckpoint::new(&whole), &whole);
    for (name, every_batch) in [("often", true), ("each", false)] {
        let path = scratch(&format!("paused-{name}.safetensors"));
        let _ = std::fs::remove_file(&path);
        let checkpoint = || match every_batch {
            true => ModelCheckpoint::new(&path).every_batches(1),
            false => ModelCheckpoint::new(&path),
        };
        // Each run takes one step, and there are four in each of two epochs.
        for step in 1..=8 {
            let (history, _) = run(Some(Duration::ZERO), checkpoint(), &path);
            // An epoch is closed by the run that goes on behind its last step.
            assert_eq!(history.epochs(), (step - 1) / 4, "after {step} steps");
            assert!(history.to_string().contains("paused by TimeLimit"), "{history}");
        }
        // The last run may do without a limit: that remembers nothing.
        let (history, params) = run(None, checkpoint(), &path);
        assert_eq!(history["loss"], expected["loss"]);
        assert_eq!(history.ending(), Some(&Ending::Finished));
        assert_eq!(params.flat(), expected_params.flat());
    }
}

#[test]
fn the_last_of_several_checkpoints_is_resumed() {
    let train = data(100);
    let folder = scratch("epochs");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let pattern = folder.join("epoch-{epoch}.safetensors");
    let run = |epochs: usize| {
        let mut params = Params::new(Seed(42));
        let model = model(&mut params);
        let mut steps = 0;
        let mut trainer = trainer(&model);
        let fit = trainer.fit(&mut params, &train).epochs(epochs).silent();
        let fit = fit.callback(ModelCheckpoint::new(&pattern).keep(3));
        fit.callback(OnEpoch::new(|_| {
            steps += 1;
            Ok(Decision::Continue)
        }))
        .resume(&pattern)
        .run()
        .unwrap();
        steps
    };
    assert_eq!((run(11), run(13), run(13)), (11, 2, 0));
    let mut trainer_params = Params::new(Seed(42));
    let model = model(&mut trainer_params);
    let mut trainer = trainer(&model);
    let fit = trainer.fit(&mut trainer_params, &train).silent();
    let error = fit.resume(folder.join("{epoch}/run")).run().unwrap_err().to_string();
    assert!(error.contains("{epoch} once, in the name of a file"), "{error}");
}

#[test]
fn two_metrics_of_one_name_are_refused() {
    let train = data(60);
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let strict = || F1::binary().threshold(1.0);
    let mut both = trainer(&model).metric(F1::binary()).metric(strict());
    let error = both.fit(&mut params, &train).silent().run().unwrap_err().to_string();
    assert!(error.contains("two columns `f1`") && error.contains("Metric::named"), "{error}");
    let mut both = trainer(&model).metric(F1::binary()).metric(strict().named("strict_f1"));
    let history = both.fit(&mut params, &train).silent().run().unwrap();
    assert!(history.get("f1").is_some() && history.get("strict_f1").is_some());
}

#[test]
fn logs_have_a_line_for_each_epoch() {
    let train = data(60);
    let (csv, json) = (scratch("log.csv"), scratch("log.jsonl"));
    let mut params = Params::new(Seed(42));
    let model = model(&mut params);
    let mut trainer = trainer(&model);
    let history = trainer
        .fit(&mut params, &train)
        .epochs(3)
        .callback(CsvLog::new(&csv))
        .callback(JsonLog::new(&json))
        .silent()
        .run()
        .unwrap();
    let text = std::fs::read_to_string(&csv).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "epoch,loss,penalty,total,accuracy,rate"));
    let cells: Vec<f64> = lines[3].split(',').map(|cell| cell.parse().unwrap()).collect();
    assert_eq!((cells[0], cells[1]), (3.0, history["loss"][2]));
    let text = std::fs::read_to_string(&json).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["total"].as_f64(), Some(history["total"][2]));
    history.save_csv(&csv).unwrap();
    assert_eq!(std::fs::read_to_string(&csv).unwrap().lines().collect::<Vec<_>>(), lines);
}
