use std::panic::catch_unwind;

use super::*;
use crate::optim::{Adam, Optimizer};

/// One of each kind that can be written.
fn named() -> Vec<Schedule> {
    let constant = Schedule::from(0.1);
    vec![
        constant.clone(),
        StepDecay::new(0.1, 10, 0.5).into(),
        ExponentialDecay::new(0.1, 0.9).per(10).into(),
        InverseTimeDecay::new(0.1, 0.5).per(4).into(),
        PolynomialDecay::new(0.1, 30).to(0.01).power(2.0).cyclic().into(),
        CosineDecay::new(0.1, 30).to(0.01).exponent(1.5).into(),
        CosineRestarts::new(0.1, 7).to(0.01).growth(1.5).shrink(0.9).into(),
        Piecewise::new(0.0).linear(5, 0.1).cosine(15, 0.05).jump(20, 0.01).into(),
        OneCycle::new(0.1, 40).three_phases().into(),
        OneCycle::new(0.1, 40).linear().momentum(),
        CosineDecay::new(0.1, 30).warmup(5).held(3) * 0.5,
        constant.then(9, StepDecay::new(0.2, 3, 0.5)) * ExponentialDecay::new(1.0, 0.99),
    ]
}

fn numbers(schedule: &Schedule) -> Vec<f64> {
    (0..50).map(|step| schedule.at(step)).collect()
}

#[test]
fn what_is_written_is_read_again() {
    for schedule in named() {
        let text = serde_json::to_string(&schedule).unwrap();
        let again: Schedule = serde_json::from_str(&text).unwrap();
        assert_eq!(numbers(&again), numbers(&schedule), "{text}");
        assert_eq!(again.to_string(), schedule.to_string());
    }
    let text = r#"{"StepDecay":{"rate":0.1,"every":10,"factor":0.5}}"#;
    assert_eq!(serde_json::from_str::<Schedule>(text).unwrap().at(10), 0.05);
    let unknown = r#"{"StepDecay":{"rate":0.1,"every":10,"factor":0.5,"floor":0.01}}"#;
    assert!(serde_json::from_str::<Schedule>(unknown).is_err());
}

#[test]
fn a_function_is_not_written() {
    let schedule = Schedule::from(|_| 0.1).warmup(5);
    let error = serde_json::to_string(&schedule).unwrap_err().to_string();
    assert!(error.contains("a schedule that is a function cannot be written"), "{error}");
    assert!(serde_json::from_str::<Schedule>(r#"{"Function":null}"#).is_err());
}

#[test]
fn numbers_that_were_read_never_panic() {
    // No constructor has checked them: periods of no length, that shrink, pieces out of order.
    let read = [
        r#"{"StepDecay":{"rate":0.1,"every":0,"factor":-0.5}}"#,
        r#"{"ExponentialDecay":{"rate":0.1,"factor":-0.5,"per":0}}"#,
        r#"{"InverseTimeDecay":{"rate":0.1,"decay":-1.0,"per":0}}"#,
        r#"{"PolynomialDecay":{"rate":0.1,"steps":0,"end":0.0,"power":-1.0,"cyclic":true}}"#,
        r#"{"CosineDecay":{"rate":0.1,"steps":0,"end":0.0,"exponent":-1.0,"periodic":true}}"#,
        r#"{"CosineRestarts":{"rate":0.1,"steps":0,"end":0.0,"growth":0.5,"shrink":-1.0}}"#,
        r#"{"Piecewise":{"first":0.1,"pieces":[{"path":"Linear","until":9.0,"value":1.0},
            {"path":"Cosine","until":-5.0,"value":2.0}]}}"#,
        r#"{"OneCycle":{"peak":0.1,"steps":0,"rise":-3.0,"start_divisor":0.0,"end_divisor":0.0,
            "linear":false,"three_phases":true,"momentum":[1.0,0.0]}}"#,
        r#"{"Held":{"schedule":{"Constant":0.1},"steps":0}}"#,
    ];
    for text in read {
        let schedule: Schedule = serde_json::from_str(text).unwrap();
        for step in [0, 1, 9, 1 << 60, u64::MAX] {
            let _ = schedule.at(step);
        }
    }
}

#[test]
fn schedules_end_where_they_say() {
    let ends = [
        (Schedule::from(PolynomialDecay::new(0.1, 30).to(0.01)), 30, 0.01),
        (CosineDecay::new(0.1, 30).to(0.01).into(), 30, 0.01),
        (OneCycle::new(0.25, 30).start_divisor(5.0).end_divisor(10.0).into(), 29, 0.005),
        (OneCycle::new(0.25, 30).three_phases().linear().into(), 29, 0.25 / 25.0 / 1e4),
        (Piecewise::new(0.1).linear(30, 0.01).into(), 30, 0.01),
        (CosineDecay::new(0.1, 20).to(0.01).warmup(10), 30, 0.01),
    ];
    for (schedule, at, end) in ends {
        assert!(schedule.at(at - 1) > end, "{schedule}");
        for step in [at, at + 1, u64::MAX] {
            assert_eq!(schedule.at(step), end, "{schedule} at {step}");
        }
    }
}

#[test]
fn periods_start_anew_at_their_borders() {
    // 5, 10, 20, … steps, and 3, 9, 27, …: powers that the logarithm rounds either way.
    for growth in [2.0, 3.0, 7.0, 10.0] {
        let schedule = CosineRestarts::new(1.0, 3).growth(growth).shrink(0.5);
        let (mut border, mut length, mut height) = (0.0, 3.0, 1.0);
        while border < 1e12 {
            assert_eq!(schedule.at(border as u64), height, "{growth} at {border}");
            if border > 0.0 {
                assert!(schedule.at(border as u64 - 1) < height, "{growth} before {border}");
            }
            border += length;
            length *= growth;
            height *= 0.5;
        }
    }
}

#[test]
fn a_cosine_that_starts_high_sums_to_half_of_it() {
    let schedule = CosineDecay::new(1.0, 1000);
    let sum: f64 = (0..1000).map(|step| schedule.at(step) + schedule.at(1000 - step)).sum();
    assert!((sum - 1000.0).abs() < 1e-9, "{sum}");
}

#[test]
fn a_staircase_of_the_exponential_is_step_decay() {
    let stairs = ExponentialDecay::new(0.1, 0.7).per(8).held(8);
    assert_eq!(numbers(&stairs), numbers(&StepDecay::new(0.1, 8, 0.7).into()));
}

#[test]
fn a_piece_of_no_length_is_a_jump() {
    let schedule = Piecewise::new(0.0).linear(5, 1.0).linear(5, 3.0).cosine(5, 2.0).linear(7, 4.0);
    assert_eq!([4, 5, 6, 7].map(|step| schedule.at(step)), [0.8, 2.0, 3.0, 4.0]);
    assert_eq!(Piecewise::new(0.0).jump(0, 7.0).at(0), 7.0);
}

#[test]
fn an_optimizer_says_which_schedule_it_follows() {
    let optimizer: Adam = Adam::new(CosineDecay::new(0.5, 900).warmup(100) * 0.1);
    let text = format!("{optimizer:?}");
    for part in ["Piecewise", "then at 100", "CosineDecay { rate: 0.5, steps: 900", "* 0.1"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(Optimizer::rate(&optimizer), 0.0);
}

#[test]
fn mistakes_panic_where_they_are_made() {
    let cases: [(fn(), &str); 8] = [
        (|| _ = StepDecay::new(0.1, 0, 0.5), "StepDecay: every must be at least 1"),
        (|| _ = CosineDecay::new(f64::NAN, 5), "CosineDecay: the rate must be finite, not NaN"),
        (|| _ = CosineDecay::new(0.1, 0), "CosineDecay: the number of steps must be at least 1"),
        (
            || _ = CosineRestarts::new(0.1, 5).growth(0.5),
            "CosineRestarts: growth must be finite and at least 1, not 0.5",
        ),
        (
            || _ = Piecewise::new(0.1).jump(5, 0.2).jump(4, 0.1),
            "Piecewise: step 4 is before that of the last piece, 5",
        ),
        (|| _ = OneCycle::new(0.1, 5).rise(30.0), "OneCycle: rise must be between 0 and 1, not 30"),
        (|| _ = Schedule::from(0.1).held(0), "held: the number of steps must be at least 1"),
        (
            || _ = ReduceOnPlateau::minimizing(0.1).factor(1.0),
            "ReduceOnPlateau: factor must be at least 0 and below 1, not 1",
        ),
    ];
    for (mistake, want) in cases {
        let panic = catch_unwind(mistake).expect_err(want);
        assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some(want));
    }
}

/// The rates after each of these values.
fn rates(plateau: &mut ReduceOnPlateau, values: &[f64]) -> Vec<f64> {
    values.iter().map(|&value| plateau.update(value)).collect()
}

#[test]
fn a_plateau_exhausts_the_patience() {
    let mut plateau = ReduceOnPlateau::minimizing(8.0).factor(0.5).patience(3);
    let losses = [5.0, 4.0, 4.0, 4.5, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0];
    let want = [8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 4.0, 4.0, 4.0, 2.0];
    assert_eq!(rates(&mut plateau, &losses), want);
    assert_eq!(plateau.rate(), 2.0);
}

#[test]
fn larger_is_better_where_it_is_said() {
    let mut plateau = ReduceOnPlateau::maximizing(1.0).factor(0.5).patience(1).min_delta(0.25);
    assert_eq!(rates(&mut plateau, &[0.0, 0.5, 0.75, 1.0, 0.5]), [1.0, 1.0, 0.5, 0.5, 0.25]);
}

#[test]
fn small_gains_add_up_against_the_best() {
    let mut plateau = ReduceOnPlateau::minimizing(1.0).factor(0.5).patience(2).min_delta(0.25);
    assert_eq!(rates(&mut plateau, &[4.0, 3.875, 3.625, 3.5, 3.25]), [1.0; 5]);
}

#[test]
fn no_patience_is_lost_while_cooling() {
    let mut plateau = ReduceOnPlateau::minimizing(8.0).factor(0.5).patience(2).cooldown(3);
    let want = [8.0, 8.0, 4.0, 4.0, 4.0, 4.0, 4.0, 2.0];
    assert_eq!(rates(&mut plateau, &[1.0; 8]), want);
}

#[test]
fn the_smallest_rate_is_kept_and_never_raised() {
    let plateau = |rate| ReduceOnPlateau::minimizing(rate).patience(1).min_rate(0.5);
    assert_eq!(rates(&mut plateau(1.0), &[1.0; 3]), [1.0, 0.5, 0.5]);
    assert_eq!(rates(&mut plateau(0.25), &[1.0; 3]), [0.25; 3]);
}

#[test]
fn nan_is_no_improvement() {
    let mut plateau = ReduceOnPlateau::minimizing(1.0).factor(0.5).patience(2);
    let values = [f64::NAN, f64::NAN, 3.0, f64::NAN, f64::NEG_INFINITY, f64::NAN];
    assert_eq!(rates(&mut plateau, &values), [1.0, 0.5, 0.5, 0.5, 0.5, 0.5]);
}

#[test]
fn a_plateau_that_was_saved_goes_on() {
    let mut whole = ReduceOnPlateau::minimizing(8.0).factor(0.5).patience(3).cooldown(1);
    let losses = [5.0, 4.0, 4.0, 4.5, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0];
    let want = rates(&mut whole, &losses);
    for saved_after in 0..losses.len() {
        let (before, after) = losses.split_at(saved_after);
        let mut first = ReduceOnPlateau::minimizing(8.0).factor(0.5).patience(3).cooldown(1);
        rates(&mut first, before);
        let text = serde_json::to_string(&first).unwrap();
        let mut second: ReduceOnPlateau = serde_json::from_str(&text).unwrap();
        assert_eq!(second, first);
        assert_eq!(rates(&mut second, after), want[saved_after..]);
    }
}
