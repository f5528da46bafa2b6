//! A search that trains real models, side by side.

use gradtape::prelude::*;
use gradtape::train::search::{Ranked, Search, Study};
use gradtape::train::{Direction, Inspection};

/// Trains classifiers whose products are large enough to be spread over threads themselves.
fn study(threads: usize) -> Study {
    let x = Tensor::from_fn([96, 64], |i| (i as f32 * 0.37).sin());
    let labels = Indices::from((0..96).map(|i| i % 3).collect::<Vec<u32>>());
    let search = Search::random(10, Direction::Lower, Seed(5)).median_stopping(1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| {
        search.run(|trial| {
            let rate = trial.log_uniform("rate", 1e-5, 1e-1);
            let units = trial.integer("units", 48, 96) as usize;
            let mut params = Params::new(trial.seed());
            let hidden = Dense::new(64, units).build(&mut params, "hidden");
            let output = Dense::new(units, 3).build(&mut params, "output");
            let mut optimizer = Adam::new(rate);
            let mut loss = f64::NAN;
            for epoch in 0..4 {
                for step in 0..3 {
                    let tape = Tape::training(&params, trial.seed().derive(3 * epoch + step));
                    let hidden = hidden.forward(tape.input(&x)).relu().watch("hidden").dropout(0.2);
                    let cost = output.forward(hidden).cross_entropy(&labels);
                    let gradients = tape.backward(cost);
                    loss = f64::from(gradients.loss());
                    optimizer.step(&mut params, &gradients);
                }
                if trial.report(epoch as usize, loss).is_break() {
                    break;
                }
            }
            let tape = Tape::inference(&params);
            let _ = hidden.forward(tape.input(&x)).relu().watch("hidden");
            assert!(Inspection::of_values(&tape).rows()[0].dead < Some(1.0));
            Ok(loss)
        })
    })
}

#[test]
fn trainings_side_by_side_give_the_same_bits_as_one_after_the_other() {
    let alone = study(1);
    assert!(alone.best().is_some());
    assert!(alone.trials().iter().any(Ranked::is_stopped));
    assert_eq!(alone, study(2));
    assert_eq!(alone, study(5));
}
