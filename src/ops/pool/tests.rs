use rand::RngExt;
use rand::seq::SliceRandom;

use super::halving::{Halving, HalvingGradient};
use super::*;
use crate::exec::kernels::tasks::with_threads;
use crate::exec::kernels::vector::{Check, Vector, Work, check_all};
use crate::grad::GradCheck;
use crate::params::{ParamId, Params};
use crate::seed::Seed;
use crate::tensor::Tensor;
use crate::{Scalar, Tape};

/// A random pooling that has an output and a plane for it, whose values are all different, far
/// enough apart for differences not to change which is the largest.
fn random_case(seed: Seed) -> (Pooling, Tensor<f64>) {
    let mut rng = seed.rng();
    loop {
        let mut pair = |low: usize, high: usize| -> [usize; 2] {
            [rng.random_range(low..high), rng.random_range(low..high)]
        };
        let settings = Pooling::new(pair(1, 5)).stride(pair(1, 5));
        let settings = settings.padding([pair(0, 4), pair(0, 4)]);
        // The most frequent one has a loop of its own.
        let settings = if pair(0, 4) < [1, 0] { Pooling::new(2) } else { settings };
        let (planes, sizes) = (pair(1, 4), pair(1, 9));
        let shape = Shape::from([planes[0], planes[1], sizes[0], sizes[1]]);
        if settings.output(&shape).is_ok() {
            let mut values: Vec<f64> = (0..shape.numel()).map(|i| i as f64 * 0.1 - 1.0).collect();
            values.shuffle(&mut rng);
            let x = Tensor::from_fn(shape, |i| values[i]);
            return (settings.count_padding(rng.random()), x);
        }
    }
}

/// The places of a plane that each window covers.
fn windows(settings: &Pooling, x: &Shape) -> Vec<Vec<usize>> {
    let y = settings.output(x).unwrap();
    let mut all = Vec::new();
    for (i, j) in (0..y[2]).flat_map(|i| (0..y[3]).map(move |j| (i, j))) {
        let mut places = Vec::new();
        for p in 0..settings.window[0] {
            for q in 0..settings.window[1] {
                let row = (i * settings.stride[0] + p).wrapping_sub(settings.padding[0][0]);
                let column = (j * settings.stride[1] + q).wrapping_sub(settings.padding[1][0]);
                if row < x[2] && column < x[3] {
                    places.push(row * x[3] + column);
                }
            }
        }
        all.push(places);
    }
    all
}

#[test]
fn windows_give_their_largest_and_their_mean() {
    for round in 0..400 {
        let (settings, x) = random_case(Seed(round));
        let params = Params::<f64>::new(Seed(0));
        let tape = Tape::inference(&params);
        let var = tape.input(&x);
        let (max, mean) = (var.max_pool2d(settings), var.avg_pool2d(settings));
        let covered = windows(&settings, x.shape());
        let plane = x.shape()[2] * x.shape()[3];
        let whole = (settings.window[0] * settings.window[1]) as f64;
        for (of, is_max) in [(max, true), (mean, false)] {
            let value = tape.value(of);
            assert_eq!(value, tape.interpret(of));
            for (i, &got) in value.data().iter().enumerate() {
                let places = &covered[i % covered.len()];
                let numbers = places.iter().map(|at| x.data()[i / covered.len() * plane + at]);
                let count = if settings.count_padding { whole } else { places.len() as f64 };
                let want = if is_max {
                    numbers.fold(f64::NEG_INFINITY, f64::max)
                } else {
                    numbers.sum::<f64>() / count
                };
                assert!((got - want).abs() < 1e-12, "{settings:?} {:?} at {i}", x.shape());
            }
        }
    }
}

fn check(
    settings: &Pooling,
    params: &Params<f64>,
    id: ParamId,
    model: impl for<'t> Fn(Var<'t>) -> Var<'t>,
) {
    let report = GradCheck::new().samples(16).run(params, |tape| {
        let x = tape.param(id);
        model(x) + 1e-3 * x.square().sum(..)
    });
    report.unwrap_or_else(|error| panic!("{settings:?}: {error}")).assert_below(1e-6);
}

#[test]
fn gradients_of_the_first_and_second_order_agree_with_differences() {
    for round in 0..60 {
        let (settings, x) = random_case(Seed(round).derive(1));
        let mut params = Params::<f64>::new(Seed(0));
        let id = params.add_tensor("x", &x);
        // The gradient of a sum over the gradient: of the square, so that it depends on `x`.
        fn slope<'t>(y: Var<'t>, x: Var<'t>) -> Var<'t> {
            let number = (y.square() * y).sum(..);
            let slope = crate::grad::sweep::differentiate(number, &[x.id()])[0];
            x.graph().var(slope.expect("it depends on x")).tanh().square()
        }
        check(&settings, &params, id, |x| x.max_pool2d(settings).tanh());
        check(&settings, &params, id, |x| x.avg_pool2d(settings).tanh());
        check(&settings, &params, id, |x| slope(0.3 * x.max_pool2d(settings), x));
        check(&settings, &params, id, |x| slope(0.3 * x.avg_pool2d(settings), x));
        check(&settings, &params, id, |x| slope(x.global_avg_pool2d(), x));
        // Of an input used twice.
        check(&settings, &params, id, |x| x.max_pool2d(settings) * x.avg_pool2d(settings));
    }
}

/// Value and gradient of a pooling of one window.
fn of_one<T: Scalar>(values: [T; 4]) -> (T, Vec<T>) {
    let params = Params::<T>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::from_fn([1, 1, 2, 2], |i| values[i]));
    let y = x.max_pool2d(2).sum(..);
    (tape.item(y), tape.value(tape.gradient(y, &[x])[0]).data().to_vec())
}

#[test]
fn the_first_of_ties_has_the_gradient() {
    assert_eq!(of_one([1.0, 2.0, 2.0, 0.0]), (2.0, vec![0.0, 1.0, 0.0, 0.0]));
    let infinity = -f32::INFINITY;
    assert_eq!(of_one([infinity; 4]), (infinity, vec![1.0, 0.0, 0.0, 0.0]));
    let (value, slope) = of_one([1.0, f64::NAN, 2.0, f64::NAN]);
    assert!(value.is_nan());
    assert_eq!(slope, [0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let x = Tensor::from_fn([8, 16, 40, 41], |i| (i as f32 * 0.37).sin());
    let settings = Pooling::new(3).stride(2).padding(1).count_padding(false);
    let run = |threads: usize| {
        with_threads(threads, || {
            let params = Params::<f32>::new(Seed(0));
            let tape = Tape::inference(&params);
            let x = tape.input(&x);
            let y =
                x.max_pool2d(settings).square().sum(..) + x.avg_pool2d(settings).square().sum(..);
            let slope = tape.value(tape.gradient(y, &[x])[0]);
            slope.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        })
    };
    let one = run(1);
    assert!([2, 3, 8].iter().all(|&threads| run(threads) == one));
}

#[test]
fn what_does_not_fit_is_said() {
    let cases: [(&[usize], Pooling, &str); 5] = [
        (
            &[1, 2, 3, 4],
            Pooling::new([3, 5]),
            "max_pool2d: a window of [3, 5] is larger along axis 3 than an input of shape \
             [1, 2, 3, 4], which has 4 places there with its padding",
        ),
        (&[2, 3, 4], 2.into(), "max_pool2d: an input of shape [2, 3, 4] has 3 axes and not 4"),
        (
            &[1, 1, 4, 4],
            Pooling::new(2).padding([0, 2]),
            "max_pool2d: padding [[0, 0], [2, 2]] has to be below the window [2, 2] on each side",
        ),
        (
            &[1, 1, 4, 4],
            Pooling::new(2).stride([0, 1]),
            "max_pool2d: window [2, 2] and stride [0, 1] have to be above 0",
        ),
        (
            &[1, 1, 0, 4],
            Pooling::new(3).padding(2),
            "max_pool2d: a window of [3, 3] is larger along axis 2 than an input of shape \
             [1, 1, 0, 4]",
        ),
    ];
    for (shape, settings, want) in cases {
        let params = Params::<f32>::new(Seed(0));
        let tape = Tape::inference(&params);
        let x = tape.input(&Tensor::zeros(shape));
        let call = std::panic::AssertUnwindSafe(|| x.max_pool2d(settings).shape());
        let panic = std::panic::catch_unwind(call).expect_err("this cannot be recorded");
        let said = panic.downcast_ref::<String>().expect("a message");
        assert!(said.starts_with(want), "{said}");
    }
}

/// Windows of 2 by 2 against the loop over windows of any kind, with ties and NaN.
struct Halves;

impl Check for Halves {
    fn check<T: Scalar, V: Vector<T>>(&self) {
        for (height, width) in (2..5).flat_map(|height| (2..70).map(move |width| (height, width))) {
            let number = |i: usize| match i * i * 31 % 7 {
                0 => T::from_f64(f64::NAN),
                k => T::from_f64(k as f64),
            };
            let x: Vec<T> = (0..2 * height * width).map(number).collect();
            let count = (height / 2) * (width / 2);
            let g: Vec<T> = (0..2 * count).map(|i| T::from_f64(i as f64 + 1.0)).collect();
            let (mut wanted, mut slopes) = (vec![T::ZERO; 2 * count], vec![T::ZERO; x.len()]);
            let settings = Pooling::new(2);
            for plane in 0..2 {
                let first = plane * height * width;
                let window = |places: Vec<usize>| {
                    let above = |a: T, b: T| a > b || (a.is_nan() && !b.is_nan());
                    let largest = |best: usize, at: usize| {
                        if above(x[first + at], x[first + best]) { at } else { best }
                    };
                    places.into_iter().reduce(largest).unwrap()
                };
                let all = windows(&settings, &[1, 1, height, width].into());
                for (i, places) in all.into_iter().enumerate() {
                    let at = first + window(places);
                    wanted[plane * count + i] = x[at];
                    slopes[at] = g[plane * count + i];
                }
            }
            let nan = T::from_f64(f64::NAN);
            let (mut out, mut spread) = (vec![nan; 2 * count], vec![nan; x.len()]);
            let sizes = [height, width];
            // SAFETY: the processor has the registers.
            unsafe {
                Halving { sizes, x: &x, out: &mut out }.run::<V>();
                HalvingGradient { sizes, x: &x, g: &g, out: &mut spread }.run::<V>();
            }
            // As text, in which NaN equals NaN.
            assert_eq!(format!("{out:?}"), format!("{wanted:?}"), "{sizes:?}");
            assert_eq!(spread, slopes, "{sizes:?}");
        }
    }
}

#[test]
fn every_instruction_set_gives_the_same_halves() {
    check_all(&Halves);
}
