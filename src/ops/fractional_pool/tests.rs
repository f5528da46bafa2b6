use rand::RngExt;
use rand::seq::SliceRandom;

use super::*;
use crate::Tape;
use crate::exec::kernels::tasks::with_threads;
use crate::grad::GradCheck;
use crate::params::Params;
use crate::tensor::Tensor;

/// Random settings that fit a random image, whose values are all different, far enough apart for
/// differences not to change which is the largest.
fn random_case(seed: Seed) -> (FractionalPooling, Tensor<f64>) {
    let mut rng = seed.rng();
    let shape: [usize; 4] = [
        rng.random_range(1..4),
        rng.random_range(1..4),
        rng.random_range(1..12),
        rng.random_range(1..12),
    ];
    let size = [rng.random_range(1..=shape[2]), rng.random_range(1..=shape[3])];
    let base = if rng.random() {
        FractionalPooling::random(1.5)
    } else {
        FractionalPooling::pseudo_random(1.5)
    };
    let settings = base.output_size(size);
    let settings = if rng.random() { settings.overlapping() } else { settings };
    let count: usize = shape.iter().product();
    let mut values: Vec<f64> = (0..count).map(|i| i as f64 * 0.1 - 1.0).collect();
    values.shuffle(&mut rng);
    (settings, Tensor::from_fn(shape, |i| values[i]))
}

fn cuts(size: usize, count: usize, pseudo: bool, seed: u64) -> Vec<Range<usize>> {
    Cuts { size, count, pseudo, key: Seed(seed).derive(0).0 }.ranges().collect()
}

#[test]
fn regions_cover_an_axis_in_steps_that_differ_by_one_at_most() {
    for round in 0..2000_u64 {
        let mut rng = Seed(round).rng();
        let size = rng.random_range(1..60);
        let count = rng.random_range(1..=size);
        for pseudo in [false, true] {
            let ranges = cuts(size, count, pseudo, round);
            assert_eq!(ranges.len(), count);
            assert_eq!((ranges[0].start, ranges[count - 1].end), (0, size), "{ranges:?}");
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start), "{ranges:?}");
            let short = size / count;
            assert!(ranges.iter().all(|r| r.len() == short || r.len() == short + 1), "{ranges:?}");
        }
    }
}

#[test]
fn pseudo_random_steps_are_those_of_the_formula() {
    for seed in 0..200 {
        let (size, count) = (36, 25);
        let ranges = cuts(size, count, true, seed);
        let alpha = size as f64 / count as f64;
        // Some u of all those between which the steps change.
        let found = (0..50_000).any(|i| {
            let u = (f64::from(i) + 0.5) / 50_000.0;
            let place = |i: usize| (alpha * (i as f64 + u)).ceil() as usize;
            (0..count).all(|i| ranges[i].start + place(0) == place(i))
        });
        assert!(found, "{ranges:?}");
    }
}

#[test]
fn every_random_order_is_as_likely_as_any_other() {
    // 7 places in 4 regions: three long steps, one short, anywhere.
    let rounds = 8000;
    let mut counts = [0; 4];
    for seed in 0..rounds {
        let ranges = cuts(7, 4, false, seed);
        let short = ranges.iter().position(|range| range.len() == 1).expect("one is short");
        counts[short] += 1;
    }
    let deviation = (rounds as f64 * 0.25 * 0.75).sqrt();
    for count in counts {
        assert!((f64::from(count) - rounds as f64 / 4.0).abs() < 5.0 * deviation, "{counts:?}");
    }
}

#[test]
fn regions_give_their_largest() {
    for round in 0..300 {
        let (settings, x) = random_case(Seed(round));
        let params = Params::<f64>::new(Seed(0));
        let tape = Tape::training(&params, Seed(round));
        let y = tape.input(&x).fractional_max_pool2d(settings);
        let value = tape.value(y);
        assert_eq!(value, tape.interpret(y));
        let (shape, pooled) = (x.shape(), value.shape());
        let further = usize::from(settings.overlapping);
        for image in 0..shape[0] {
            let key = Seed(round).derive(0).derive(image as u64);
            let axis = |axis: usize| {
                let (size, count) = (shape[axis + 2], pooled[axis + 2]);
                let key = key.derive(axis as u64).0;
                Cuts { size, count, pseudo: settings.pseudo, key }.ranges().collect::<Vec<_>>()
            };
            let (rows, columns) = (axis(0), axis(1));
            for channel in 0..shape[1] {
                let plane = image * shape[1] + channel;
                for (i, rows) in rows.iter().enumerate() {
                    for (j, columns) in columns.iter().enumerate() {
                        let mut want = f64::NEG_INFINITY;
                        for row in rows.start..(rows.end + further).min(shape[2]) {
                            for column in columns.start..(columns.end + further).min(shape[3]) {
                                let at = (plane * shape[2] + row) * shape[3] + column;
                                want = want.max(x.data()[at]);
                            }
                        }
                        let got = value.data()[(plane * pooled[2] + i) * pooled[3] + j];
                        assert_eq!(got, want, "{settings:?} {shape:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn gradients_of_the_first_and_second_order_agree_with_differences() {
    for round in 0..40 {
        let (settings, x) = random_case(Seed(round).derive(1));
        let mut params = Params::<f64>::new(Seed(0));
        let id = params.add_tensor("x", &x);
        for check in [GradCheck::new(), GradCheck::new().second_order()] {
            let report = check.samples(16).run(&params, |tape| {
                let x = tape.param(id);
                x.fractional_max_pool2d(settings).tanh().sum(..) + 1e-3 * x.square().sum(..)
            });
            report.unwrap_or_else(|error| panic!("{settings:?}: {error}")).assert_below(1e-6);
        }
    }
}

#[test]
fn the_first_of_ties_has_the_gradient() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::from_fn([1, 1, 2, 2], |i| [1.0, 2.0, 2.0, f32::NAN][i]));
    let settings = FractionalPooling::random(1.0).output_size(1);
    let y = x.fractional_max_pool2d(settings).sum(..);
    assert_eq!(tape.value(tape.gradient(y, &[x])[0]).data(), [0.0, 0.0, 0.0, 1.0]);
    let y = x.slice(3, ..1).fractional_max_pool2d(settings).sum(..);
    assert_eq!(tape.value(tape.gradient(y, &[x])[0]).data(), [0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn regions_change_with_seed_image_and_operation_but_not_with_channel_threads_or_precision() {
    let x = Tensor::from_fn([2, 2, 60, 60], |i| ((i % 7200) % 3600) as f32);
    let settings = FractionalPooling::random(1.6);
    let run = |threads: usize, seed: u64| {
        with_threads(threads, || {
            let params = Params::<f32>::new(Seed(0));
            let tape = Tape::training(&params, Seed(seed));
            let x = tape.input(&x);
            [x.fractional_max_pool2d(settings), x.fractional_max_pool2d(settings)]
                .map(|y| tape.value(y).data().to_vec())
        })
    };
    let one = run(1, 3);
    assert_eq!(run(4, 3), one);
    assert_ne!(run(1, 4), one);
    assert_ne!(one[0], one[1]);
    let planes: Vec<&[f32]> = one[0].chunks(37 * 37).collect();
    assert_eq!(planes[0], planes[1]);
    assert_ne!(planes[0], planes[2]);

    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::training(&params, Seed(3));
    let double = tape.value(tape.input(&x.cast()).fractional_max_pool2d(settings));
    assert_eq!(double.cast::<f32>().data(), one[0]);
}

#[test]
fn what_does_not_fit_is_said() {
    let cases: [(&[usize], FractionalPooling, &str); 3] = [
        (
            &[2, 3, 4],
            FractionalPooling::random(1.5),
            "fractional_max_pool2d: an input of shape [2, 3, 4] has 3 axes and not 4",
        ),
        (
            &[1, 1, 4, 4],
            FractionalPooling::random(1.5).output_size([2, 5]),
            "fractional_max_pool2d: an input of shape [1, 1, 4, 4] cannot be pooled to height and \
             width [2, 5]",
        ),
        (
            &[1, 1, 4, 1],
            FractionalPooling::random(1.5),
            "fractional_max_pool2d: an input of shape [1, 1, 4, 1] cannot be pooled to height and \
             width [2, 0]",
        ),
    ];
    for (shape, settings, want) in cases {
        let params = Params::<f32>::new(Seed(0));
        let tape = Tape::inference(&params);
        let x = tape.input(&Tensor::zeros(shape));
        let call = std::panic::AssertUnwindSafe(|| x.fractional_max_pool2d(settings).shape());
        let panic = std::panic::catch_unwind(call).expect_err("this cannot be recorded");
        let said = panic.downcast_ref::<String>().expect("a message");
        assert!(said.starts_with(want), "{said}");
    }
}
