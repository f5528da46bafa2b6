//! What is around an optimizer.

use super::*;
use crate::graph::Tape;
use crate::layers::{Dense, Layer};
use crate::params::{Entry, Role};

/// One parameter of one value, 0 at first, under constant gradients.
fn descend(optimizer: &mut impl Optimizer<f64>, params: &mut Params<f64>, gradient: f64) -> f64 {
    let gradients = Gradients::new(params, vec![gradient], 0.0);
    optimizer.step(params, &gradients);
    params.flat()[0]
}

fn zero() -> Params<f64> {
    let mut params = Params::new(Seed(0));
    params.add(Parameter::new("w", [1]));
    params
}

#[test]
fn lookahead_goes_back_a_part_of_the_way() {
    let mut params = zero();
    let mut optimizer = Lookahead::new(Sgd::new(1.0), 3, 0.25);
    let path: Vec<f64> = (0..6).map(|_| descend(&mut optimizer, &mut params, -1.0)).collect();
    assert_eq!(path, [1.0, 2.0, 0.75, 1.75, 2.75, 1.5]);
    assert_eq!((optimizer.steps(), Optimizer::rate(&optimizer)), (6, 1.0));
    optimizer.set_rate(0.5.into());
    assert_eq!(descend(&mut optimizer, &mut params, -1.0), 2.0);
}

#[test]
fn averages_leave_what_is_trained_alone() {
    let averages = [
        Average::exponential(0.5),
        Average::from_initial(0.5),
        Average::debiased(0.5),
        Average::equal(),
    ];
    // After 1, 2 and 3, starting at 0.
    let want = [2.25, 2.125, (0.125 + 0.5 + 1.5) / 0.875, 2.0];
    for (average, want) in averages.into_iter().zip(want) {
        let mut params = zero();
        let mut optimizer = Averaged::new(Sgd::new(1.0), average);
        for after in [1.0, 2.0, 3.0] {
            assert_eq!(descend(&mut optimizer, &mut params, -1.0), after);
        }
        let found = optimizer.params(&params).flat()[0];
        assert!((found - want).abs() < 1e-15, "{average:?}: {found}, {want}");
        optimizer.swap(&mut params);
        assert_eq!(params.flat(), [found]);
        let step = || _ = descend(&mut optimizer.clone(), &mut params.clone(), -1.0);
        assert!(message(step).contains("swap them back first"));
        optimizer.swap(&mut params);
        assert_eq!(descend(&mut optimizer, &mut params, -1.0), 4.0);
    }
}

#[test]
fn an_average_may_start_late() {
    let mut params = zero();
    let mut optimizer = Averaged::new(Sgd::new(1.0), Average::equal()).starting_after(2);
    for want in [1.0, 2.0, 3.0, 3.5, 4.0] {
        descend(&mut optimizer, &mut params, -1.0);
        assert_eq!(optimizer.params(&params).flat(), [want]);
    }
}

#[test]
fn an_average_takes_state_as_it_is() {
    let mut params = zero();
    let state = params.add(Parameter::new("running", [1]).role(Role::State));
    let mut optimizer = Averaged::new(Sgd::new(1.0), Average::equal());
    for step in 1..=3 {
        params.values_mut(state)[0] = f64::from(step);
        let gradients = Gradients::new(&params, vec![-1.0, 0.0], 0.0);
        optimizer.step(&mut params, &gradients);
    }
    assert_eq!(optimizer.params(&params).flat(), [2.0, 3.0]);
    optimizer.swap(&mut params);
    assert_eq!(params.flat(), [2.0, 3.0]);
}

#[test]
fn four_parts_of_a_batch_are_one_batch() {
    let run = |parts: usize| {
        let mut params = Params::<f64>::new(Seed(3));
        let hidden = Dense::new(5, 7).build(&mut params, "hidden");
        let output = Dense::new(7, 1).build(&mut params, "output");
        let x = Tensor::from_fn([128, 5], |i| (i as f64 * 0.37).sin());
        let y = Tensor::from_fn([128, 1], |i| (i as f64 * 0.73).cos());
        let rows = 128 / parts;
        let adam = Adam::new(0.01).clip(Clip::global_norm(0.1));
        let mut optimizer = Accumulate::new(adam, parts as u64);
        for step in 0..5 {
            for part in 0..parts {
                let x = Tensor::from_fn([rows, 5], |i| x.data()[part * rows * 5 + i]);
                let y = Tensor::from_fn([rows, 1], |i| y.data()[part * rows + i]);
                let tape = Tape::training(&params, Seed(step));
                let predicted = output.forward(hidden.forward(tape.input(&x)).tanh());
                let gradients = tape.backward(predicted.mean_squared_error(tape.input(&y)));
                optimizer.step(&mut params, &gradients);
            }
        }
        assert_eq!(optimizer.steps(), 5);
        params.flat().to_vec()
    };
    let (whole, parts) = (run(1), run(4));
    for (whole, part) in whole.iter().zip(&parts) {
        assert!((whole - part).abs() < 1e-12, "{whole}, {part}");
    }
}

#[test]
fn an_incomplete_round_can_be_flushed() {
    let mut params = zero();
    let mut optimizer = Accumulate::new(Sgd::new(1.0), 4);
    optimizer.flush(&mut params);
    assert_eq!((optimizer.steps(), params.flat()[0]), (0, 0.0));
    descend(&mut optimizer, &mut params, -1.0);
    assert_eq!((optimizer.gathered(), params.flat()[0]), (1, 0.0));
    descend(&mut optimizer, &mut params, -2.0);
    optimizer.flush(&mut params);
    assert_eq!((optimizer.steps(), optimizer.gathered(), params.flat()[0]), (1, 0, 1.5));
}

#[test]
fn parts_may_reach_different_parameters() {
    let (mut some, _) = params::<f64>(&[1, 1, 1]);
    some.flat_mut().fill(0.0);
    let mut optimizer = Accumulate::new(Sgd::new(1.0), 2);
    for reached in [[true, false, false], [true, true, false]] {
        let (layout, store) = (some.layout().clone(), some.workspaces().clone());
        let values = vec![-1.0; 3];
        let part = Gradients::computed(layout, values, reached.as_slice().into(), 3.0, store);
        optimizer.step(&mut some, &part);
    }
    assert_eq!(some.flat(), [1.0, 0.5, 0.0]);
}

#[test]
fn gradients_add_up_and_scale_with_their_loss() {
    let (params, _) = params::<f64>(&[2]);
    let mut sum = Gradients::new(&params, vec![1.0, 2.0], 3.0);
    sum.accumulate(&Gradients::new(&params, vec![0.5, -1.0], 1.0));
    assert_eq!((sum.flat(), sum.loss()), (&[1.5, 1.0][..], 4.0));
    sum.scale(0.5);
    assert_eq!((sum.flat(), sum.loss()), (&[0.75, 0.5][..], 2.0));
    let (other, _) = super::params::<f64>(&[3]);
    let theirs = Gradients::new(&other, vec![1.0; 3], 0.0);
    let found = message(|| sum.accumulate(&theirs));
    assert_eq!(found, "gradients of different parameters: `w0` of [2] and `w0` of [3]");
}

#[test]
fn constraints_hold_for_each_unit() {
    let norm = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>().sqrt();
    for (constraint, small) in [(Constraint::MaxNorm(1.0), 0.1), (Constraint::UnitNorm, 1.0)] {
        let mut params = Params::<f64>::new(Seed(1));
        let kernel = params.add(Parameter::new("kernel", [3, 2]));
        let filter = params.add(Parameter::new("filter", [2, 1, 2, 2]));
        let vector = params.add(Parameter::new("vector", [4]));
        let free = params.add(Parameter::new("free", [2]));
        // The first column and filter are large, the others are of norm 0.1.
        let tenth = 0.1 / 3.0_f64.sqrt();
        params.values_mut(kernel).copy_from_slice(&[2.0, tenth, 3.0, tenth, 6.0, -tenth]);
        params.values_mut(filter).copy_from_slice(&[5.0, 5.0, -5.0, 5.0, 0.05, 0.05, 0.05, -0.05]);
        params.values_mut(vector).fill(3.0);
        params.values_mut(free).fill(3.0);
        let chosen = |entry: &Entry| entry.name != "free";
        let mut optimizer = Constrained::new(Sgd::new(0.0), chosen, constraint);
        let gradients = Gradients::new(&params, vec![1.0; 20], 0.0);
        optimizer.step(&mut params, &gradients);

        let kernel = params.values(kernel);
        let columns = [0, 1].map(|j| [kernel[j], kernel[2 + j], kernel[4 + j]]);
        let filter = params.values(filter);
        let norms = [norm(&columns[0]), norm(&columns[1]), norm(&filter[..4]), norm(&filter[4..])];
        for (norm, want) in norms.into_iter().zip([1.0, small, 1.0, small]) {
            assert!((norm - want).abs() < 1e-14, "{constraint:?}: {norm}, {want}");
        }
        assert!((kernel[2] / kernel[0] - 1.5).abs() < 1e-14);
        assert!((norm(params.values(vector)) - 1.0).abs() < 1e-14);
        assert_eq!(params.values(free), [3.0, 3.0]);
    }
}

#[test]
fn units_of_nothing_and_bad_numbers_are_left_to_be_seen() {
    let mut params = Params::<f64>::new(Seed(1));
    params.add_tensor("w", &Tensor::from([[0.0, f64::NAN]]));
    let mut optimizer = Constrained::new(Sgd::new(0.0), |_| true, Constraint::UnitNorm);
    let gradients = Gradients::new(&params, vec![0.0; 2], 0.0);
    optimizer.step(&mut params, &gradients);
    assert!(params.flat()[0] == 0.0 && params.flat()[1].is_nan());
}

#[test]
fn a_constraint_on_nothing_is_a_mistake() {
    let mut params = zero();
    let found = message(|| {
        let nothing = |entry: &Entry| entry.name == "kernel";
        let mut optimizer = Constrained::new(Sgd::new(0.1), nothing, Constraint::UnitNorm);
        descend(&mut optimizer, &mut params, 1.0);
    });
    assert_eq!(found, "Constrained: the predicate matches none of the parameters: w");
}
