use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus as Rng;

use super::direct::{Correlation, FilterGradient};
use super::*;
use crate::Tape;
use crate::exec::kernels::tasks::with_threads;
use crate::exec::kernels::vector::{Check, Vector, Work, check_all};
use crate::grad::GradCheck;
use crate::init::Uniform;
use crate::params::{ParamId, Parameter, Params};
use crate::seed::Seed;
use crate::tensor::Tensor;

/// A convolution of random sizes that has an output: settings, shape of input and filter. A group
/// has fewer channels and filters than `most`.
fn random_case(rng: &mut Rng, largest: usize, most: usize) -> (Convolution<2>, Shape, Shape) {
    loop {
        let mut pair = |low: usize, high: usize| -> [usize; 2] {
            [rng.random_range(low..high), rng.random_range(low..high)]
        };
        let (stride, dilation) = (pair(1, 4), pair(1, 4));
        let (padding, taps, size) = ([pair(0, 4), pair(0, 4)], pair(1, 5), pair(0, largest));
        let ([images, groups], [channels, filters]) = (pair(1, 4), pair(1, most));
        let settings =
            Convolution::new().stride(stride).padding(padding).dilation(dilation).groups(groups);
        let x = Shape::from([images, channels * groups, size[0], size[1]]);
        let w = Shape::from([filters * groups, channels, taps[0], taps[1]]);
        if settings.output(&x, &w).is_ok() {
            return (settings, x, w);
        }
    }
}

/// Calls with the places in input, filter and output of each product in the sum.
fn for_each_term(
    s: &Convolution<2>,
    x: &Shape,
    w: &Shape,
    y: &Shape,
    mut term: impl FnMut(usize, usize, usize),
) {
    let at = |shape: &Shape, place: [usize; 4]| {
        place.iter().zip(&shape[..]).fold(0, |at, (i, size)| at * size + i)
    };
    let filters = w[0] / s.groups;
    for (n, o, i, j) in indices(y) {
        for (_, c, p, q) in indices(&[1, w[1], w[2], w[3]].into()) {
            let row = (i * s.stride[0] + p * s.dilation[0]).checked_sub(s.padding[0][0]);
            let column = (j * s.stride[1] + q * s.dilation[1]).checked_sub(s.padding[1][0]);
            let (Some(row), Some(column)) = (row, column) else { continue };
            if row < x[2] && column < x[3] {
                let channel = o / filters * w[1] + c;
                term(at(x, [n, channel, row, column]), at(w, [o, c, p, q]), at(y, [n, o, i, j]));
            }
        }
    }
}

/// All indices of four axes.
fn indices(shape: &Shape) -> Vec<(usize, usize, usize, usize)> {
    let strides = shape.strides();
    let digit = |at: usize, axis: usize| at / strides[axis] % shape[axis];
    (0..shape.numel()).map(|at| (digit(at, 0), digit(at, 1), digit(at, 2), digit(at, 3))).collect()
}

fn random_tensor(rng: &mut Rng, shape: &Shape) -> Tensor<f64> {
    Tensor::from_fn(shape, |_| rng.random_range(-1.0..1.0))
}

#[track_caller]
fn assert_close(got: &Tensor<f64>, want: &[f64], what: &dyn std::fmt::Debug) {
    assert_eq!(got.data().len(), want.len(), "{what:?}");
    for (got, want) in got.data().iter().zip(want) {
        assert!((got - want).abs() <= 1e-12 * (1.0 + want.abs()), "{what:?}: {got} not {want}");
    }
}

/// Executor and interpreter against the sum itself, for output and both gradients.
fn compare(rng: &mut Rng, largest: usize, most: usize) {
    let case @ (settings, x_shape, w_shape) = &random_case(rng, largest, most);
    let (x, w) = (random_tensor(rng, x_shape), random_tensor(rng, w_shape));
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&params);
    let (xv, wv) = (tape.input(&x), tape.input(&w));
    let y = xv.conv2d(wv, *settings);
    let g = random_tensor(rng, &y.shape());
    let gradients = tape.gradient((y * tape.input(&g)).sum(..), &[xv, wv]);
    let mut wanted =
        [vec![0.0; g.data().len()], vec![0.0; x.data().len()], vec![0.0; w.data().len()]];
    for_each_term(settings, x_shape, w_shape, &y.shape(), |i, j, k| {
        wanted[0][k] += x.data()[i] * w.data()[j];
        wanted[1][i] += g.data()[k] * w.data()[j];
        wanted[2][j] += g.data()[k] * x.data()[i];
    });
    for (var, want) in [y, gradients[0], gradients[1]].into_iter().zip(&wanted) {
        assert_close(&tape.value(var), want, case);
        assert_close(&tape.interpret(var), want, case);
    }
}

#[test]
fn outputs_and_gradients_are_the_sums_that_they_should_be() {
    let mut rng = Seed(1).rng();
    (0..600).for_each(|_| compare(&mut rng, 9, 5));
    (0..10).for_each(|_| compare(&mut rng, 40, 5));
    (0..300).for_each(|_| compare(&mut rng, 7, 40));
}

/// Parameters `x` and `w` of a random convolution.
fn random_params(seed: Seed) -> (Convolution<2>, Params<f64>, [ParamId; 2]) {
    let mut rng = seed.rng();
    let (settings, x, w) = loop {
        let case = random_case(&mut rng, 6, 12);
        if case.1.numel() > 0 {
            break case;
        }
    };
    let mut params = Params::new(seed);
    let init = Uniform { low: -1.0, high: 1.0 };
    let ids = [
        params.add(Parameter::new("x", &x).init(init)),
        params.add(Parameter::new("w", &w).init(init)),
    ];
    (settings, params, ids)
}

#[test]
fn gradients_of_the_first_and_second_order_agree_with_differences() {
    for round in 0..60 {
        let (settings, params, [x, w]) = random_params(Seed(round));
        let first = GradCheck::new().samples(8).run(&params, |tape| {
            let (x, w) = (tape.param(x), tape.param(w));
            x.conv2d(w, settings).tanh() + 1e-3 * (x.sum(..) + w.sum(..))
        });
        first.unwrap_or_else(|error| panic!("{settings:?}: {error}")).assert_below(1e-6);
        // All three maps, each differentiated with respect to both of its inputs.
        let second = GradCheck::new().samples(8).run(&params, |tape| {
            let (x, w) = (tape.param(x), tape.param(w));
            let y = x.conv2d(w, settings).tanh().square().sum(..);
            let slopes = tape.gradient(y, &[x, w]);
            let sum = slopes[0].tanh().sum(..) + (slopes[1] * 0.3).tanh().sum(..);
            sum + 1e-3 * (x.sum(..) + w.sum(..))
        });
        second.unwrap_or_else(|error| panic!("{settings:?}: {error}")).assert_below(1e-6);
    }
}

#[test]
fn an_input_may_be_the_filter_too() {
    let mut params = Params::<f64>::new(Seed(3));
    let x = params.add(Parameter::new("x", [2, 2, 3, 3]).init(Uniform { low: -1.0, high: 1.0 }));
    let report = GradCheck::new().run(&params, |tape| {
        let x = tape.param(x);
        x.conv2d(x, Convolution::new().padding(1)).tanh() * x
    });
    report.expect("the value is finite").assert_below(1e-6);
}

#[test]
fn the_transposed_convolution_is_the_adjoint() {
    for round in 0..100 {
        let mut rng = Seed(round).derive(7).rng();
        let (settings, x, w) = random_case(&mut rng, 9, 12);
        let params = Params::<f64>::new(Seed(0));
        let tape = Tape::inference(&params);
        let mut random = |shape: &Shape| tape.input(&random_tensor(&mut rng, shape));
        let (xv, wv) = (random(&x), random(&w));
        let y = xv.conv2d(wv, settings);
        let z = random(&y.shape());
        let back = z.conv_transpose2d_to(wv, [x[2], x[3]], settings);
        let products = [tape.item((y * z).sum(..)), tape.item((xv * back).sum(..))];
        assert!((products[0] - products[1]).abs() < 1e-9, "{settings:?}: {products:?}");
        // By default it leads to the smallest input, which has the same output.
        if settings.least_input(&y.shape(), &w).is_ok() {
            let least = z.conv_transpose2d(wv, settings).shape();
            assert_eq!(settings.output(&least, &w), Ok(y.shape()));
            assert!(least[2] <= x[2] && least[3] <= x[3]);
        }
    }
}

#[test]
fn sequences_are_images_of_height_one() {
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::from([[1.0, 2.0, 4.0, 8.0]])).reshape([1, 1, 4]);
    let w = tape.input(&Tensor::from([[1.0, 10.0]])).reshape([1, 1, 2]);
    let y = x.conv1d(w, Convolution::new().padding([[1, 0]]).dilation(2));
    assert_eq!(y.shape(), [1, 1, 3].into());
    assert_eq!(tape.value(y).data(), [20.0, 41.0, 82.0]);
    let z = y.conv_transpose1d(w, Convolution::new().stride(2));
    assert_eq!(z.shape(), [1, 1, 6].into());
    assert_eq!(tape.value(z).data(), [20.0, 200.0, 41.0, 410.0, 82.0, 820.0]);
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let mut rng = Seed(4).rng();
    let cases: [(&[usize], &[usize], Convolution<2>); 4] = [
        (&[13, 6, 20, 21], &[8, 3, 3, 3], Convolution::new().padding(1).groups(2)),
        (&[1, 16, 60, 61], &[24, 16, 3, 3], Convolution::new().stride([1, 2])),
        (&[9, 16, 20, 20], &[24, 16, 1, 1], Convolution::new()),
        (&[1, 8, 1, 9000], &[8, 8, 1, 9], Convolution::new().dilation([1, 2])),
    ];
    for (x, w, settings) in cases {
        let [x, w] = [x, w].map(|shape| random_tensor(&mut rng, &shape.into()).cast::<f32>());
        let run = |threads: usize| {
            with_threads(threads, || {
                let params = Params::<f32>::new(Seed(0));
                let tape = Tape::inference(&params);
                let (x, w) = (tape.input(&x), tape.input(&w));
                let y = x.conv2d(w, settings);
                let slopes = tape.gradient(y.square().sum(..), &[x, w]);
                let bits = |var| tape.value(var).data().iter().map(|x| x.to_bits()).collect();
                [y, slopes[0], slopes[1]].map(|var| -> Vec<u32> { bits(var) })
            })
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            assert!(run(threads) == one, "{settings:?} on {threads} threads");
        }
    }
}

/// What is said about a convolution that cannot be.
fn message(x: &[usize], w: &[usize], of: fn(Var<'_>, Var<'_>) -> Shape) -> String {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let (x, w) = (tape.input(&Tensor::zeros(x)), tape.input(&Tensor::zeros(w)));
    let call = std::panic::AssertUnwindSafe(|| of(x, w));
    let panic = std::panic::catch_unwind(call).expect_err("this cannot be recorded");
    panic.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn what_does_not_fit_is_said() {
    type Case<'a> = (&'a [usize], &'a [usize], fn(Var<'_>, Var<'_>) -> Shape, &'a str);
    let cases: [Case<'_>; 10] = [
        (
            &[1, 3, 4, 9],
            &[2, 3, 3, 3],
            |x, w| x.conv2d(w, Convolution::new().dilation(3).padding([[1, 1], [0, 0]])).shape(),
            "conv2d: a filter of shape [2, 3, 3, 3] spans 7 places along axis 2, but an input of \
             shape [1, 3, 4, 9] has 6 there with its padding",
        ),
        (
            &[1, 3, 4],
            &[2, 3, 5],
            |x, w| x.conv1d(w, Convolution::new()).shape(),
            "conv1d: a filter of shape [2, 3, 5] spans 5 places along axis 2, but an input of \
             shape [1, 3, 4] has 4 there with its padding",
        ),
        (
            &[1, 4, 5, 5],
            &[3, 2, 3, 3],
            |x, w| x.conv2d(w, Convolution::new().groups(2)).shape(),
            "conv2d: the 3 filters of shape [3, 2, 3, 3] do not divide into 2 groups",
        ),
        (
            &[1, 5, 5, 5],
            &[4, 2, 3, 3],
            |x, w| x.conv2d(w, Convolution::new().groups(2)).shape(),
            "conv2d: an input of shape [1, 5, 5, 5] has 5 channels, but a filter of shape \
             [4, 2, 3, 3] in 2 groups takes 4",
        ),
        (
            &[5, 5, 5],
            &[4, 2, 3, 3],
            |x, w| x.conv2d(w, Convolution::new()).shape(),
            "conv2d: an input of shape [5, 5, 5] has 3 axes and not 4",
        ),
        (
            &[1, 2, 5, 5],
            &[4, 2, 3],
            |x, w| x.conv2d(w, Convolution::new()).shape(),
            "conv2d: a filter of shape [4, 2, 3] has 3 axes and not 4",
        ),
        (
            &[1, 2, 5, 5],
            &[4, 2, 3, 0],
            |x, w| x.conv2d(w, Convolution::new()).shape(),
            "conv2d: a filter of shape [4, 2, 3, 0] has no elements along axis 3",
        ),
        (
            &[1, 2, 5, 5],
            &[4, 2, 3, 3],
            |x, w| x.conv2d(w, Convolution::new().stride([1, 0])).shape(),
            "conv2d: stride [1, 0], dilation [1, 1] and groups 1 have to be above 0",
        ),
        (
            &[1, 3, 5, 5],
            &[4, 2, 3, 3],
            |x, w| x.conv_transpose2d(w, Convolution::new()).shape(),
            "conv_transpose2d: an input of shape [1, 3, 5, 5] has 3 channels, but a filter of \
             shape [4, 2, 3, 3] takes 4",
        ),
        (
            &[1, 4, 1, 5],
            &[4, 2, 3, 3],
            |x, w| x.conv_transpose2d(w, Convolution::new().padding(2)).shape(),
            "conv_transpose2d: nothing is left of an input of shape [1, 4, 1, 5] along axis 2 \
             without the padding [2, 2]",
        ),
    ];
    for (x, w, of, want) in cases {
        let said = message(x, w, of);
        assert!(said.starts_with(want), "{said}");
        assert!(said.contains("inputs: "), "{said}");
    }
}

/// The ways that need no columns, on whole numbers, of which sums are exact in any order.
struct Direct;

impl Check for Direct {
    fn check<T: Scalar, V: Vector<T>>(&self) {
        let mut rng = Seed(5).rng();
        for _ in 0..100 {
            let case @ (settings, x, w) = &random_case(&mut rng, 9, 40);
            let y = &settings.output(x, w).unwrap();
            let mut whole = |shape: &Shape| -> Vec<f64> {
                (0..shape.numel()).map(|_| f64::from(rng.random_range(-3..4_i32))).collect()
            };
            let numbers = [whole(x), whole(w), whole(y)];
            let mut wanted = [x, w, y].map(|shape| vec![0.0; shape.numel()]);
            for_each_term(settings, x, w, y, |i, j, k| {
                wanted[0][i] += numbers[1][j] * numbers[2][k];
                wanted[1][j] += numbers[0][i] * numbers[2][k];
                wanted[2][k] += numbers[0][i] * numbers[1][j];
            });
            let of_type = |numbers: &[f64]| -> Vec<T> {
                numbers.iter().map(|&number| T::from_f64(number)).collect()
            };
            let [xs, ws, ys] = numbers.each_ref().map(|numbers| of_type(numbers));
            let mut got = wanted.each_ref().map(|wanted| vec![T::from_f64(f64::NAN); wanted.len()]);
            let geometry = settings.geometry(x, w, y);
            let [gx, gw, gy] = &mut got;
            // SAFETY: the processor has the registers.
            unsafe {
                if let Some(geometry) = geometry.backward().filter(Geometry::is_direct) {
                    let (x, w, y) = (&ys[..], &ws[..], &mut gx[..]);
                    Correlation { geometry, x, w, y, backward: true }.run::<V>();
                    assert_eq!(*gx, of_type(&wanted[0]), "{case:?}");
                }
                if geometry.is_direct() {
                    let (x, w, y) = (&xs[..], &ws[..], &mut gy[..]);
                    Correlation { geometry, x, w, y, backward: false }.run::<V>();
                    assert_eq!(*gy, of_type(&wanted[2]), "{case:?}");
                    FilterGradient { geometry, x, y: &ys, w: gw }.run::<V>();
                    assert_eq!(*gw, of_type(&wanted[1]), "{case:?}");
                }
            }
        }
    }
}

#[test]
fn every_instruction_set_gives_the_same_convolutions() {
    check_all(&Direct);
}
