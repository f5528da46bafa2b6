//! Noise in training, and what inference makes of it.

use gradtape::layers;
use gradtape::noise::marginalize;
use gradtape::prelude::*;

/// Values of a normal distribution, as many in each row as there are columns.
fn normal(rows: usize, columns: usize) -> Tensor<f64> {
    let shape = Shape::from([rows, columns]);
    let fans = Fans { fan_in: 1, fan_out: 1 };
    let values = Normal { mean: 0.0, std: 1.0 }.sample(&shape, fans, Seed(11));
    Tensor::from_fn(shape, |i| values[i])
}

fn training(seed: u64, x: &Tensor<f64>, f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> Tensor<f64> {
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::training(&params, Seed(seed));
    tape.value(f(tape.input(x)))
}

/// Mean and variance.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count)
}

#[test]
fn alpha_dropout_keeps_mean_and_variance_behind_selu() {
    // SELU's fixed point: weights of variance 1/n, so that sums of values have variance 1.
    let x = normal(2000, 200);
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&params);
    let selu = tape.value(tape.input(&x).selu());
    let (mean, variance) = moments(selu.data());
    assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean}, {variance}");
    for rate in [0.05, 0.2, 0.5] {
        let (mean, variance) = moments(training(3, &selu, |x| x.alpha_dropout(rate)).data());
        assert!(mean.abs() < 0.015, "mean {mean} at rate {rate}");
        assert!((variance - 1.0).abs() < 0.03, "variance {variance} at rate {rate}");
        let plain = moments(training(3, &selu, |x| x.dropout(rate)).data());
        assert!(plain.1 > 1.0 + 0.9 * rate, "dropout does not keep it: {}", plain.1);
    }
    // What is dropped is where SELU saturates, scaled and shifted like the rest.
    let rate = 0.2;
    let dropped = training(3, &Tensor::full([1000], 0.0), |x| x.alpha_dropout(rate));
    let low: f64 = -1.050_700_987_355_480_5 * 1.673_263_242_354_377_2;
    let scale = 1.0 / ((1.0 - rate) * (1.0 + rate * low * low)).sqrt();
    let values = [scale * low - scale * rate * low, -scale * rate * low];
    for y in dropped.data() {
        assert!(values.iter().any(|value| (y - value).abs() < 1e-12), "{y}, not {values:?}");
    }
}

#[test]
fn gaussian_dropout_has_the_mean_and_variance_of_dropout() {
    let ones = Tensor::full([400, 500], 1.0);
    for rate in [0.1, 0.5, 0.8] {
        let gaussian = moments(training(3, &ones, |x| x.gaussian_dropout(rate)).data());
        let want = rate / (1.0 - rate);
        assert!((gaussian.0 - 1.0).abs() < 5.0 * (want / 2e5).sqrt(), "{gaussian:?}");
        assert!((gaussian.1 / want - 1.0).abs() < 5.0 * (2.0_f64 / 2e5).sqrt(), "{gaussian:?}");
        let dropout = moments(training(3, &ones, |x| x.dropout(rate)).data());
        assert!((dropout.1 / want - 1.0).abs() < 0.02, "{dropout:?}");
    }
}

#[test]
fn gaussian_noise_is_added_with_its_deviation() {
    let x = Tensor::full([400, 500], 3.0);
    let (mean, variance) = moments(training(3, &x, |x| x.gaussian_noise(0.5)).data());
    assert!((mean - 3.0).abs() < 5.0 * 0.5 / 2e5_f64.sqrt(), "{mean}");
    assert!((variance / 0.25 - 1.0).abs() < 5.0 * (2.0_f64 / 2e5).sqrt(), "{variance}");
}

#[test]
fn spatial_dropout_drops_whole_channels() {
    let y = training(3, &Tensor::full([50, 40, 3, 4], 1.0), |x| x.spatial_dropout(0.25));
    let channels: Vec<&[f64]> = y.data().chunks(12).collect();
    assert!(channels.iter().all(|channel| channel.iter().all(|y| *y == channel[0])));
    let kept = channels.iter().filter(|channel| channel[0] != 0.0).count() as f64;
    assert!((kept / 2000.0 - 0.75).abs() < 5.0 * (0.75_f64 * 0.25 / 2000.0).sqrt(), "{kept}");
    assert!(channels.iter().all(|channel| [0.0, 1.0 / 0.75].contains(&channel[0])));
}

#[test]
fn original_dropout_scales_in_inference_and_not_in_training() {
    let x = Tensor::full([1000], 2.0);
    let y = training(3, &x, |x| x.original_dropout(0.4));
    assert!(y.data().iter().all(|y| [0.0, 2.0].contains(y)));
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&params);
    let y = tape.value(tape.input(&x).original_dropout(0.4));
    assert!(y.data().iter().all(|y| *y == 2.0 * 0.6));
}

#[test]
fn a_rate_of_0_is_no_noise_and_a_rate_of_1_is_refused() {
    type Noise = for<'t> fn(Var<'t>, f64) -> Var<'t>;
    let all: [(&str, Noise); 5] = [
        ("dropout", |x, rate| x.dropout(rate)),
        ("original_dropout", |x, rate| x.original_dropout(rate)),
        ("spatial_dropout", |x, rate| x.spatial_dropout(rate)),
        ("alpha_dropout", |x, rate| x.alpha_dropout(rate)),
        ("gaussian_dropout", |x, rate| x.gaussian_dropout(rate)),
    ];
    let x = Tensor::from_fn([2, 3, 2], |i| i as f64);
    for (name, noise) in all {
        assert_eq!(training(3, &x, |x| noise(x, 0.0)), x, "{name}");
        for rate in [1.0, -0.1, f64::NAN] {
            let panic = std::panic::catch_unwind(|| training(3, &x, |x| noise(x, rate)));
            let said = *panic.expect_err(name).downcast::<String>().unwrap();
            assert_eq!(said, format!("{name}: the rate has to be in [0, 1), got {rate}"));
        }
    }
}

#[test]
fn averaging_over_masks_is_the_scaled_network_where_that_is_linear() {
    let mut params = Params::<f64>::new(Seed(1));
    let first = Dense::new(30, 20).build(&mut params, "first");
    let second = Dense::new(20, 3).build(&mut params, "second");
    let x = normal(2, 30);
    let model = layers::from_fn(move |x| {
        second.forward(first.forward(x).original_dropout(0.5).dropout(0.2))
    });
    let passes = 20_000;
    let noisy = marginalize(&params, passes, Seed(5), |tape| model.forward(tape.input(&x)));
    let tape = Tape::inference(&params);
    let y = tape.value(model.forward(tape.input(&x)));
    for ((mean, std), y) in noisy.mean.data().iter().zip(noisy.std.data()).zip(y.data()) {
        assert!(*std > 0.05);
        assert!((mean - y).abs() < 5.0 * std / (passes as f64).sqrt(), "{mean}, not {y}");
    }
}

#[test]
fn the_spread_over_passes_is_that_of_the_noise() {
    let params = Params::<f64>::new(Seed(0));
    let x = Tensor::full([50], 2.0);
    let noisy =
        marginalize(&params, 2000, Seed(5), |tape| tape.input(&x).gaussian_noise(0.3) + 1.0);
    let near = |values: &[f64], want: f64, error: f64| {
        let mean = values.iter().sum::<f64>() / 50.0;
        assert!((mean - want).abs() < 5.0 * error, "{mean}, not {want}");
    };
    near(noisy.mean.data(), 3.0, 0.3 / 1e5_f64.sqrt());
    near(noisy.std.data(), 0.3, 0.3 / 2e5_f64.sqrt());
    let again =
        marginalize(&params, 2000, Seed(5), |tape| tape.input(&x).gaussian_noise(0.3) + 1.0);
    assert_eq!(noisy.mean, again.mean);
}

#[test]
fn sampling_uses_running_statistics_and_updates_nothing() {
    let mut params = Params::<f64>::new(Seed(1));
    let norm = BatchNorm::new(4).build(&mut params, "norm");
    // One example is enough: its own statistics are not asked for.
    let x = normal(1, 4);
    let tape = Tape::sampling(&params, Seed(3));
    let loss = norm.forward(tape.input(&x).dropout(0.5)).square().sum(..);
    let gradients = tape.backward(loss);
    drop(tape);
    let before = params.flat().to_vec();
    gradients.apply_updates(&mut params);
    assert_eq!(params.flat(), before);
}

#[test]
fn the_gaussian_of_drop_connect_is_nearer_to_the_mean_over_masks_than_the_mean_network() {
    // Relu of values around 0 is far from linear: the mean network has it wrong.
    let x = normal(6, 100);
    for scaling in [Scaling::Inverted, Scaling::Original] {
        let build = |params: &mut Params<f64>, draws: Option<usize>| {
            let init = Normal { mean: 0.0, std: 0.1 };
            let layer = DropConnect::new(100, 10, 0.5).scaling(scaling).activation(Relu);
            let layer = layer.init(init).bias_init(Constant(0.1));
            match draws {
                Some(draws) => layer.gaussian(draws).build(params, "layer"),
                None => layer.build(params, "layer"),
            }
        };
        let infer = |draws: Option<usize>| {
            let mut params = Params::<f64>::new(Seed(1));
            let layer = build(&mut params, draws);
            let tape = Tape::inference(&params);
            tape.value(layer.forward(tape.input(&x)))
        };
        let mut params = Params::<f64>::new(Seed(1));
        let layer = build(&mut params, None);
        let exact = marginalize(&params, 2000, Seed(2), |tape| layer.forward(tape.input(&x)));
        let error = |y: &Tensor<f64>| {
            let squares =
                y.data().iter().zip(exact.mean.data()).map(|(y, want)| (y - want).powi(2));
            (squares.sum::<f64>() / 60.0).sqrt()
        };
        let (mean, gaussian) = (error(&infer(None)), error(&infer(Some(2000))));
        assert!(gaussian < 0.2 * mean, "{scaling:?}: {gaussian}, mean network {mean}");
    }
}

#[test]
fn drop_connect_without_variance_has_finite_gradients() {
    let mut params = Params::<f64>::new(Seed(1));
    let layer =
        DropConnect::new(3, 2, 0.5).activation(Tanh).gaussian(4).build(&mut params, "layer");
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::zeros([2, 3]));
    let slope = tape.gradient(layer.forward(x).sum(..), &[x])[0];
    assert!(tape.value(slope).data().iter().all(|slope| slope.is_finite()));
}

#[test]
fn blocks_survive_less_often_the_deeper_they_are() {
    let survival: Vec<f64> = StochasticDepth::linear_decay(4, 0.5).collect();
    assert_eq!(survival, [0.875, 0.75, 0.625, 0.5]);
    let x = Tensor::full([4000, 1], 1.0);
    let block = StochasticDepth::new(layers::from_fn(|x| 3.0 * x), 0.75).scaling(Scaling::Original);
    let y = training(3, &x, |x| block.forward(x));
    assert!(y.data().iter().all(|y| [1.0, 4.0].contains(y)));
    let survived = y.data().iter().filter(|y| **y == 4.0).count() as f64 / 4000.0;
    assert!((survived - 0.75).abs() < 5.0 * (0.75_f64 * 0.25 / 4000.0).sqrt(), "{survived}");
}

#[test]
fn noise_is_the_same_in_both_precisions() {
    let single = Params::<f32>::new(Seed(0));
    let double = single.cast::<f64>();
    let ones = Tensor::<f32>::full([3, 5, 4], 1.0);
    let (a, b) = (Tape::training(&single, Seed(3)), Tape::training(&double, Seed(3)));
    let a = a.value(layers::from_fn(all_noise).forward(a.input(&ones)));
    let b = b.value(layers::from_fn(all_noise).forward(b.input(&ones.cast())));
    for (a, b) in a.data().iter().zip(b.data()) {
        assert!((f64::from(*a) - b).abs() < 1e-5, "{a} and {b}");
    }
}

fn all_noise(x: Var<'_>) -> Var<'_> {
    let x = x.dropout(0.2).spatial_dropout(0.2).gaussian_dropout(0.3);
    x.gaussian_noise(0.4).alpha_dropout(0.1).original_dropout(0.1)
}

#[test]
fn one_mask_for_all_connections_of_a_unit_is_dropout() {
    let (mut params, mut same) = (Params::<f64>::new(Seed(1)), Params::<f64>::new(Seed(1)));
    let dense = Dense::new(12, 5).bias_init(Ones).build(&mut params, "layer");
    let connections = DropConnect::new(12, 5, 0.4).bias_init(Ones).build(&mut same, "layer");
    let x = normal(6, 12);

    // The same seed and the first noise on each tape: the same mask.
    let tape = Tape::training(&params, Seed(2));
    let dropout = tape.value(dense.forward(tape.input(&x).dropout(0.4)));
    let tape = Tape::training(&same, Seed(2));
    let mask = tape.input(&Tensor::full([6, 12], 1.0)).dropout(0.4) * 0.6;
    let masked = connections.forward_masked(tape.input(&x), mask.reshape([6, 12, 1]), None);
    approx::assert_abs_diff_eq!(tape.value(masked), dropout, epsilon = 1e-14);
}

#[test]
fn the_error_of_the_mean_is_taken_off_distances() {
    let params = Params::<f64>::new(Seed(0));
    let x = Tensor::full([10_000], 1.0);
    let mean = marginalize(&params, 4, Seed(1), |tape| tape.input(&x).gaussian_noise(0.6));
    // Without it, 0.3 for what is exactly right, and 0.5 for what is off by 0.4.
    assert!((mean.error_of_mean(4) - 0.3).abs() < 0.01);
    assert!(mean.distance(&x) < 0.1);
    assert!((mean.distance(&Tensor::full([10_000], 1.4)) - 0.4).abs() < 0.02);
}

#[test]
fn noise_of_ones_own_has_the_moments_of_its_distribution() {
    let params = Params::<f64>::new(Seed(0));
    let n = 100_000;
    type Draw = for<'t> fn(&'t Tape<'_, f64>, usize) -> Var<'t>;
    let draws: [(Draw, f64, f64); 5] = [
        (|tape, n| tape.normal([n]), 0.0, 1.0),
        (|tape, n| tape.uniform([n]), 0.5, 1.0 / 12.0),
        (|tape, n| tape.bernoulli(0.2, [n]), 0.2, 0.16),
        (|tape, n| tape.bernoulli(0.0, [n]), 0.0, 0.0),
        (|tape, n| tape.bernoulli(1.0, [n]), 1.0, 0.0),
    ];
    for (draw, mean, variance) in draws {
        let drawn = |seed: u64| {
            let tape = Tape::training(&params, Seed(seed));
            let (first, second) = (draw(&tape, n), draw(&tape, n));
            let (first, second) = (tape.value(first), tape.value(second));
            assert_eq!(first == second, variance == 0.0, "each operation draws for itself");
            first
        };
        let values = drawn(1);
        let (found, spread) = moments(values.data());
        assert!((found - mean).abs() < 5.0 * (variance / n as f64).sqrt() + 1e-12, "{found}");
        assert!((spread - variance).abs() < 0.02 * variance + 1e-12, "{spread}");
        assert_eq!(values, drawn(1), "the seed says all");
        assert_eq!(values == drawn(2), variance == 0.0);

        let tape = Tape::inference(&params);
        assert_eq!(tape.value(draw(&tape, 3)), Tensor::full([3], mean));
    }
}
