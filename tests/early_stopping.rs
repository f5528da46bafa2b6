//! Early stopping: when it stops and which weights remain, worked out by hand.

use gradtape::prelude::*;
use gradtape::train::{Direction, EarlyStopping, MinDelta, Patience, Standing};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

struct Case {
    /// What the case is about.
    name: &'static str,
    direction: Direction,
    values: &'static [f64],
    patience: usize,
    min_delta: f64,
    baseline: Option<f64>,
    warm_up: usize,
    /// The epoch after which it stops, counted from 0; `None` if it never does.
    stops: Option<usize>,
    /// The epoch whose weights remain; `None` if none were kept, so that the last ones remain.
    remains: Option<usize>,
}

const LOWER: Case = Case {
    name: "",
    direction: Direction::Lower,
    values: &[],
    patience: 1,
    min_delta: 0.0,
    baseline: None,
    warm_up: 0,
    stops: None,
    remains: None,
};

const HIGHER: Case = Case { direction: Direction::Higher, ..LOWER };

const CASES: &[Case] = &[
    Case { name: "improves to the end", values: &[5.0, 4.0, 3.0, 2.0], remains: Some(3), ..LOWER },
    Case {
        name: "stops with the first value that is worse",
        values: &[5.0, 4.0, 4.5, 3.0],
        stops: Some(2),
        remains: Some(1),
        ..LOWER
    },
    Case {
        name: "a patience of 0 is one of 1: it does not stop while values improve",
        values: &[5.0, 4.0, 3.0, 3.5],
        patience: 0,
        stops: Some(3),
        remains: Some(2),
        ..LOWER
    },
    Case {
        name: "an equal value is no improvement",
        values: &[5.0, 5.0],
        stops: Some(1),
        remains: Some(0),
        ..LOWER
    },
    Case {
        name: "the patience-th value in a row that does not improve is the last",
        values: &[5.0, 4.0, 4.1, 4.2, 4.3, 1.0],
        patience: 3,
        stops: Some(4),
        remains: Some(1),
        ..LOWER
    },
    Case {
        name: "an improvement renews patience",
        values: &[5.0, 5.1, 4.0, 4.1, 4.2],
        patience: 2,
        stops: Some(4),
        remains: Some(2),
        ..LOWER
    },
    Case {
        name: "better than the last value is not better than the best",
        values: &[3.0, 5.0, 4.0, 3.5],
        patience: 3,
        stops: Some(3),
        remains: Some(0),
        ..LOWER
    },
    Case {
        name: "small improvements are none, though they add up",
        values: &[5.0, 4.9, 4.8, 4.7],
        patience: 3,
        min_delta: 0.5,
        stops: Some(3),
        remains: Some(0),
        ..LOWER
    },
    Case {
        name: "small improvements count once they have added up, since the best stays",
        values: &[5.0, 4.75, 4.25, 4.0],
        patience: 2,
        min_delta: 0.5,
        remains: Some(2),
        ..LOWER
    },
    Case {
        name: "by exactly the delta is no improvement",
        values: &[5.0, 4.5],
        min_delta: 0.5,
        stops: Some(1),
        remains: Some(0),
        ..LOWER
    },
    Case {
        name: "higher is better",
        values: &[0.5, 0.6, 0.55, 0.7],
        stops: Some(2),
        remains: Some(1),
        ..HIGHER
    },
    Case {
        name: "higher by more than the delta",
        values: &[0.5, 0.625, 0.875, 0.9375],
        min_delta: 0.125,
        stops: Some(1),
        remains: Some(0),
        ..HIGHER
    },
    Case {
        name: "improvements that miss the baseline do not end it themselves",
        values: &[9.0, 8.0, 7.0],
        patience: 2,
        baseline: Some(5.0),
        remains: Some(2),
        ..LOWER
    },
    Case {
        name: "an improvement that misses the baseline does not renew patience",
        values: &[9.0, 8.0, 8.5],
        patience: 3,
        baseline: Some(5.0),
        stops: Some(2),
        remains: Some(1),
        ..LOWER
    },
    Case {
        name: "beyond the baseline all is as without it",
        values: &[4.0, 3.0, 3.5, 2.0],
        patience: 2,
        baseline: Some(5.0),
        remains: Some(3),
        ..LOWER
    },
    Case {
        name: "the first values do not count, however good",
        values: &[1.0, 0.5, 5.0, 4.0, 4.5],
        warm_up: 2,
        stops: Some(4),
        remains: Some(3),
        ..LOWER
    },
    Case {
        name: "NaN is no improvement",
        values: &[5.0, NAN, NAN, 1.0],
        patience: 2,
        stops: Some(2),
        remains: Some(0),
        ..LOWER
    },
    Case {
        name: "a first NaN does not stand in the way of what follows",
        values: &[NAN, 5.0, 4.0, NAN, 3.0],
        patience: 2,
        remains: Some(4),
        ..LOWER
    },
    Case {
        name: "nothing but NaN: stops, and there is nothing to restore",
        values: &[NAN, NAN, NAN],
        patience: 2,
        stops: Some(1),
        remains: None,
        ..HIGHER
    },
    Case {
        name: "an infinite value is no improvement either",
        values: &[0.5, INF, 0.6],
        patience: 2,
        remains: Some(2),
        ..HIGHER
    },
    Case {
        name: "an infinite loss is not kept",
        values: &[INF, INF],
        patience: 2,
        stops: Some(1),
        remains: None,
        ..LOWER
    },
];

#[test]
fn stops_when_it_must_and_the_best_weights_remain() {
    for case in CASES {
        let name = case.name;
        let mut params = Params::<f32>::new(Seed(0));
        let w = params.add_tensor("w", &Tensor::from([0.0]));
        let mut stopping = EarlyStopping::new(case.direction)
            .patience(case.patience)
            .min_delta(case.min_delta)
            .warm_up(case.warm_up);
        if let Some(baseline) = case.baseline {
            stopping = stopping.baseline(baseline);
        }
        let mut stopped = None;
        let mut last = 0;
        for (epoch, &value) in case.values.iter().enumerate() {
            params.values_mut(w)[0] = epoch as f32;
            last = epoch;
            if stopping.update(value, &params) {
                stopped = Some(epoch);
                break;
            }
        }
        assert_eq!(stopped, case.stops, "{name}");
        stopping.restore(&mut params);
        assert_eq!(params.values(w)[0], case.remains.unwrap_or(last) as f32, "{name}");
        assert_eq!(stopping.best().map(|(epoch, _)| epoch), case.remains, "{name}");
        assert_eq!(stopping.restored(), case.remains.is_some(), "{name}");
    }
}

#[test]
fn a_delta_may_be_a_share_of_the_best_value() {
    let relative = |direction| Patience::new(direction, 2).min_delta(MinDelta::Relative(0.1));
    let mut lower = relative(Direction::Lower);
    let standings = [100.0, 91.0, 89.0].map(|value| lower.update(value));
    assert_eq!(standings, [Standing::Improved, Standing::Waiting, Standing::Improved]);
    // A share of the size, so that negative values improve downwards too.
    let mut higher = relative(Direction::Higher);
    let standings = [-100.0, -91.0, -89.0].map(|value| higher.update(value));
    assert_eq!(standings, [Standing::Improved, Standing::Waiting, Standing::Improved]);
}

#[test]
fn the_last_weights_remain_if_asked_for() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([0.0]));
    let mut stopping = EarlyStopping::new(Direction::Lower).keep_last();
    for (epoch, loss) in [1.0, 2.0].into_iter().enumerate() {
        params.values_mut(w)[0] = epoch as f32;
        stopping.update(loss, &params);
    }
    stopping.restore(&mut params);
    assert_eq!(params.values(w), [1.0]);
    assert!(!stopping.restored());
}
