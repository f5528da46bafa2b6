use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::exec::kernels::tasks::with_threads;

const LOWER: Direction = Direction::Lower;

/// Best at a rate of 1e-3 and with tanh; the units are of no concern.
fn objective(trial: &mut Trial<'_>) -> Result<f64, Error> {
    let rate = trial.log_uniform("rate", 1e-6, 1.0);
    let _units = trial.integer("units", 4, 7);
    let activation = *trial.choice("activation", &["relu", "tanh"]);
    Ok((rate.log10() + 3.0).powi(2) + if activation == "tanh" { 0.0 } else { 0.1 })
}

/// The settings of all trials in the order of their numbers.
fn settings(study: &Study) -> Vec<Vec<String>> {
    let mut trials: Vec<&Ranked> = study.trials().iter().collect();
    trials.sort_by_key(|trial| trial.number);
    let of_trial = |trial: &Ranked| trial.draws.iter().map(|d| d.setting.to_string()).collect();
    trials.into_iter().map(of_trial).collect()
}

#[test]
fn random_settings_lie_in_their_spaces_and_fill_them() {
    let study = Search::random(400, LOWER, Seed(1)).run(|trial| {
        let uniform = trial.uniform("uniform", -2.0, 6.0);
        assert!((-2.0..=6.0).contains(&uniform));
        let log = trial.log_uniform("log", 1e-4, 1.0);
        assert!((1e-4..=1.0).contains(&log));
        let integer = trial.integer("integer", -1, 2);
        assert!((-1..=2).contains(&integer));
        assert!(["a", "b", "c"].contains(trial.choice("choice", &["a", "b", "c"])));
        assert_eq!(trial.uniform("fixed", 0.3, 0.3), 0.3);
        assert_eq!(trial.uniform("uniform", -2.0, 6.0), uniform, "the same again");
        Ok(uniform)
    });
    let share = |holds: &dyn Fn(&Ranked) -> bool| {
        study.trials().iter().filter(|trial| holds(trial)).count() as f64 / 400.0
    };
    // Five deviations of a share of 400.
    let near = |found: f64, expected: f64| (found - expected).abs() < 0.125;
    assert!(near(share(&|trial| trial.number_of("uniform") < Some(0.0)), 0.25));
    assert!(near(share(&|trial| trial.number_of("log") < Some(1e-3)), 0.25));
    for value in [-1, 0, 1, 2] {
        let is_value = |trial: &Ranked| trial.setting("integer") == Some(&Setting::Integer(value));
        assert!(near(share(&is_value), 0.25));
    }
    assert!(near(
        share(&|trial| matches!(trial.setting("choice"), Some(Setting::Choice(2, _)))),
        0.33
    ));
}

#[test]
fn a_grid_is_every_combination_once() {
    let study = Search::grid(3, LOWER, Seed(1)).run(|trial| {
        let rate = trial.log_uniform("rate", 1e-4, 1.0);
        let layers = trial.integer("layers", 1, 2);
        if *trial.choice("dropout", &[false, true]) {
            trial.uniform("keep", 0.25, 0.75);
        }
        Ok(rate * layers as f64)
    });
    let mut found = settings(&study);
    found.sort();
    let mut expected = Vec::new();
    for rate in ["1.00e-4", "0.0100", "1.0000"] {
        for layers in ["1", "2"] {
            expected.push([rate, layers, "false"].map(String::from).to_vec());
            for keep in ["0.2500", "0.5000", "0.7500"] {
                expected.push([rate, layers, "true", keep].map(String::from).to_vec());
            }
        }
    }
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(study.best().unwrap().number_of("rate"), Some(1e-4));
}

#[test]
fn a_trial_draws_the_same_on_any_number_of_threads_and_in_any_order() {
    let run = |threads| with_threads(threads, || Search::random(40, LOWER, Seed(3)).run(objective));
    let study = run(1);
    assert_eq!(study, run(4));
    assert_ne!(settings(&study), settings(&Search::random(40, LOWER, Seed(4)).run(objective)));

    let reversed = Search::random(40, LOWER, Seed(3)).run(|trial| {
        trial.choice("activation", &["relu", "tanh"]);
        trial.integer("units", 4, 7);
        objective(trial)
    });
    for (a, b) in study.trials().iter().zip(reversed.trials()) {
        assert_eq!((a.number, a.value()), (b.number, b.value()));
    }
}

#[test]
fn the_best_comes_first_in_either_direction_and_failures_last() {
    let objective = |trial: &mut Trial<'_>| match trial.number() {
        1 => Err(Error::argument("rate", "less", "more")),
        2 => Ok(f64::NAN),
        number => Ok(number as f64 % 4.0),
    };
    let order = |direction| {
        let study = Search::random(6, direction, Seed(0)).run(objective);
        study.trials().iter().map(|trial| trial.number).collect::<Vec<_>>()
    };
    assert_eq!(order(Direction::Lower), [0, 4, 5, 3, 1, 2]);
    assert_eq!(order(Direction::Higher), [3, 5, 0, 4, 1, 2]);

    let none = Search::random(2, LOWER, Seed(0)).run(|_| Ok(f64::INFINITY));
    assert!(none.best().is_none() && none.borders().is_empty());
    assert!(Search::random(0, LOWER, Seed(0)).run(objective).trials().is_empty());
}

#[test]
fn bad_trials_are_stopped_alike_on_any_number_of_threads() {
    let epochs = AtomicUsize::new(0);
    let run = |threads| {
        with_threads(threads, || {
            Search::random(40, LOWER, Seed(3)).median_stopping(2).run(|trial| {
                let rate = trial.log_uniform("rate", 1e-6, 1.0);
                let distance = (rate.log10() + 3.0).abs();
                for epoch in 0..10 {
                    epochs.fetch_add(1, Ordering::Relaxed);
                    if trial.report(epoch, distance + 1.0 / (epoch + 1) as f64).is_break() {
                        return Ok(-1.0);
                    }
                }
                Ok(distance)
            })
        })
    };
    let study = run(1);
    let spent = epochs.swap(0, Ordering::Relaxed);
    assert_eq!(study, run(3));
    assert_eq!(epochs.into_inner(), spent);

    let stopped = study.trials().iter().filter(|trial| trial.is_stopped()).count();
    assert!((8..=24).contains(&stopped), "{stopped} of 40");
    assert_eq!(spent, 400 - 7 * stopped, "stopped after epoch 2");
    let first_round = study.trials().iter().filter(|trial| trial.number < 8);
    assert!(first_round.into_iter().all(|trial| !trial.is_stopped()));
    // What the rule stops is not the best, and what it returned does not count.
    let best = Search::random(40, LOWER, Seed(3))
        .run(|trial| Ok((trial.log_uniform("rate", 1e-6, 1.0).log10() + 3.0).abs()));
    assert_eq!(study.best().unwrap().number, best.best().unwrap().number);
}

#[test]
fn a_report_that_is_not_finite_ends_a_trial() {
    let study = Search::random(1, LOWER, Seed(0)).run(|trial| {
        assert!(trial.report(0, 1.0).is_continue());
        assert!(trial.report(1, f64::NAN).is_break());
        assert!(trial.report(2, 0.0).is_break(), "once and for all");
        Ok(0.0)
    });
    let failed = Outcome::Failed("NaN after epoch 1".to_string());
    assert_eq!(study.trials()[0].outcome, failed);
}

#[test]
fn zooming_narrows_around_the_best_and_stays_within_the_space() {
    let coarse = Search::random(30, LOWER, Seed(1)).run(objective);
    let best = coarse.best().unwrap().number_of("rate").unwrap().log10();
    let fine = coarse.zoom(4.0, 30).run(objective);
    // A quarter of six orders of magnitude, half of it on each side.
    for trial in fine.trials() {
        let rate = trial.number_of("rate").unwrap().log10();
        assert!((rate - best).abs() <= 0.75 + 1e-9, "{rate} of {best}");
    }
    assert!(fine.best().unwrap().value() <= coarse.best().unwrap().value());
    let finer = fine.zoom(4.0, 30).run(objective);
    let best = fine.best().unwrap().number_of("rate").unwrap().log10();
    let within = |trial: &Ranked| (trial.number_of("rate").unwrap().log10() - best).abs() < 0.188;
    assert!(finer.trials().iter().all(within));
    let others = |trial: &Ranked| !fine.trials().iter().any(|other| other.draws == trial.draws);
    assert!(finer.trials().iter().all(others));

    // The best lies near 0; the zoomed range does not go below it.
    let at_border = |trial: &mut Trial<'_>| Ok(trial.uniform("x", 0.0, 1.0));
    let coarse = Search::random(30, LOWER, Seed(1)).run(at_border);
    let fine = coarse.zoom(2.0, 30).run(at_border);
    assert!(fine.trials().iter().all(|trial| (0.0..=0.6).contains(&trial.value().unwrap())));
}

#[test]
fn a_best_value_on_the_border_is_warned_of() {
    let borders = |objective: fn(&mut Trial<'_>) -> f64| {
        let study = Search::grid(5, LOWER, Seed(1)).run(|trial| Ok(objective(trial)));
        let border = |border: Border| (border.name, border.upper);
        (study.to_string(), study.borders().into_iter().map(border).collect::<Vec<_>>())
    };
    let (table, found) = borders(|trial| {
        let rate = trial.log_uniform("rate", 1e-5, 1e-1);
        let units = trial.integer("units", 1, 9);
        trial.choice("activation", &["tanh"]);
        units as f64 - rate
    });
    assert_eq!(found, [("rate".to_string(), true), ("units".to_string(), false)]);
    let warning = "the best `rate`, 0.1000, lies at the upper border of what was searched (in 1e-5 \
                   to 1e-1 (logarithmic)): look beyond it";
    assert!(table.contains(warning), "{table}");

    let (_, inside) = borders(|trial| {
        let x = trial.uniform("x", -1.0, 1.0);
        x * x + (trial.integer("n", 0, 4) - 2).pow(2) as f64 + trial.uniform("fixed", 1.0, 1.0)
    });
    assert!(inside.is_empty());
}

#[test]
fn a_study_prints_as_a_table_and_can_be_saved() {
    let study = Search::random(3, LOWER, Seed(0)).run(|trial| {
        let units = trial.integer("units", 5, 5);
        match trial.number() {
            0 => Err(Error::argument("data", "some", "none")),
            1 => {
                trial.choice("activation", &["relu"]);
                Ok(0.25)
            }
            _ => Ok(units as f64),
        }
    });
    let table = [
        "trial        value  units  activation",
        "    1      0.25000      5        relu",
        "    2      5.00000      5           -",
        "    0            -      5           -  failed: data: expected some, found none",
    ];
    assert!(study.to_string().lines().eq(table), "{study}");
    let json = serde_json::to_string(&study).unwrap();
    assert_eq!(serde_json::from_str::<Study>(&json).unwrap(), study);
}

#[test]
#[should_panic(expected = "the setting `rate`: no logarithmic range from 0 to 1")]
fn a_logarithmic_range_from_zero_panics() {
    let _ = Search::random(1, LOWER, Seed(0)).run(|trial| Ok(trial.log_uniform("rate", 0.0, 1.0)));
}

#[test]
#[should_panic(
    expected = "the setting `n` is drawn from whole numbers 0 to 2, but was drawn from \
                           whole numbers 0 to 1 before"
)]
fn two_settings_of_one_name_panic() {
    let _ = Search::random(1, LOWER, Seed(0))
        .run(|trial| Ok((trial.integer("n", 0, 1) + trial.integer("n", 0, 2)) as f64));
}
