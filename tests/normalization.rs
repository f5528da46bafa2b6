//! Batch, layer and group normalization against their formulas, and their statistics.

use approx::assert_relative_eq;
use gradtape::prelude::*;

/// Numbers around 3 of a standard deviation around 2, of this shape.
fn input(shape: &[usize]) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| 3.0 + 2.0 * (i as f64 * 1.7).sin() + (i as f64 * 0.31).cos())
}

/// Mean and population variance of those values of a tensor whose index is chosen.
fn moments(x: &Tensor<f64>, chosen: impl Fn(usize) -> bool) -> (f64, f64) {
    let values = || x.data().iter().enumerate().filter(|(i, _)| chosen(*i)).map(|(_, x)| x);
    let count = values().count() as f64;
    let mean = values().sum::<f64>() / count;
    (mean, values().map(|x| (x - mean).powi(2)).sum::<f64>() / count)
}

#[test]
fn a_batch_is_normalized_by_its_population_variance_and_gathered_by_convention() {
    let (momentum, count) = (0.25, 2 * 3 * 4);
    let conventions = [
        (RunningStatistics::Keras { momentum: 1.0 - momentum }, 1.0),
        (RunningStatistics::PyTorch { momentum }, f64::from(count) / f64::from(count - 1)),
    ];
    for (statistics, correction) in conventions {
        let mut params = Params::<f64>::new(Seed(0));
        let norm =
            BatchNorm::new(5).running_statistics(statistics).eps(1e-3).build(&mut params, "norm");
        params.values_mut(norm.scale()).copy_from_slice(&[1.0, 2.0, -1.0, 0.5, 1.5]);
        params.values_mut(norm.shift()).copy_from_slice(&[0.0, 1.0, 2.0, 3.0, 4.0]);
        let x = input(&[2, 5, 3, 4]);
        let channel = |i: usize| i / 12 % 5;
        let tape = Tape::training(&params, Seed(0));
        let y = norm.forward(tape.input(&x));
        let value = tape.value(y);
        for (i, (y, x)) in value.data().iter().zip(x.data()).enumerate() {
            let c = channel(i);
            let (mean, variance) = moments(&input(&[2, 5, 3, 4]), |j| channel(j) == c);
            let scale = params.values(norm.scale())[c];
            let want = (x - mean) / (variance + 1e-3).sqrt() * scale + c as f64;
            assert_relative_eq!(*y, want, max_relative = 1e-12, epsilon = 1e-12);
        }
        let gradients = tape.backward(y.square().sum(..));
        drop(tape);
        gradients.apply_updates(&mut params);
        for c in 0..5 {
            let (mean, variance) = moments(&x, |j| channel(j) == c);
            let running = params.values(norm.running_mean())[c];
            assert_relative_eq!(running, momentum * mean, max_relative = 1e-12);
            let running = params.values(norm.running_variance())[c];
            let want = (1.0 - momentum) + momentum * variance * correction;
            assert_relative_eq!(running, want, max_relative = 1e-12);
        }
    }
}

#[test]
fn statistics_before_the_first_step_are_0_and_1() {
    let mut params = Params::<f64>::new(Seed(0));
    let norm = BatchNorm::new(4).build(&mut params, "norm");
    let x = input(&[3, 4]);
    let tape = Tape::inference(&params);
    let y = tape.value(norm.forward(tape.input(&x)));
    let want: Vec<f64> = x.data().iter().map(|x| x / 1.00001_f64.sqrt()).collect();
    assert_relative_eq!(y.data(), &want[..], max_relative = 1e-14);
}

#[test]
fn a_layer_used_twice_takes_in_both_batches_one_after_the_other() {
    let mut params = Params::<f64>::new(Seed(0));
    let norm = BatchNorm::new(2).build(&mut params, "norm");
    let (first, second) = (input(&[6, 2]), Tensor::full([4, 2], -1.0));
    let tape = Tape::training(&params, Seed(0));
    let y = norm.forward(tape.input(&first)).sum(..) + norm.forward(tape.input(&second)).sum(..);
    let gradients = tape.backward(y);
    drop(tape);
    gradients.apply_updates(&mut params);
    for c in 0..2 {
        let (mean, _) = moments(&first, |i| i % 2 == c);
        let want = 0.9 * (0.1 * mean) - 0.1;
        assert_relative_eq!(params.values(norm.running_mean())[c], want, max_relative = 1e-12);
    }
}

#[test]
fn a_constant_channel_has_finite_values_and_gradients() {
    let mut params = Params::<f64>::new(Seed(0));
    let norm = BatchNorm::new(2).build(&mut params, "norm");
    let tape = Tape::training(&params, Seed(0));
    let x = tape.input(&Tensor::full([4, 2], 7.0));
    let y = norm.forward(x);
    assert!(tape.value(y).data().iter().all(|y| *y == 0.0));
    let slope = tape.gradient((y + x).exp().sum(..), &[x])[0];
    assert!(tape.value(slope).data().iter().all(|slope| slope.is_finite()));
}

#[test]
fn groups_and_instances_and_layers_are_normalized_on_their_own() {
    let shape = [2, 4, 3, 5];
    let x = input(&shape);
    let mut params = Params::<f64>::new(Seed(0));
    let groups = GroupNorm::new(2, 4).eps(1e-3).build(&mut params, "groups");
    let instances = GroupNorm::instance(4).eps(1e-3).build(&mut params, "instances");
    let features = LayerNorm::new(5).eps(1e-3).build(&mut params, "features");
    // Which values belong together: groups of 2 · 15, channels of 15, rows of 5.
    let cases: [(&dyn Layer, usize); 3] = [(&groups, 30), (&instances, 15), (&features, 5)];
    for (layer, size) in cases {
        let tape = Tape::training(&params, Seed(0));
        let y = tape.value(layer.forward(tape.input(&x)));
        for (i, (y, value)) in y.data().iter().zip(x.data()).enumerate() {
            let (mean, variance) = moments(&x, |j| j / size == i / size);
            let want = (value - mean) / (variance + 1e-3).sqrt();
            assert_relative_eq!(*y, want, max_relative = 1e-11, epsilon = 1e-12);
        }
    }
}

#[test]
fn scales_and_shifts_belong_to_channels_and_to_features() {
    let mut params = Params::<f64>::new(Seed(0));
    let groups = GroupNorm::new(1, 3).build(&mut params, "groups");
    let features = LayerNorm::new(2).build(&mut params, "features");
    for (scale, shift) in [(groups.scale(), groups.shift()), (features.scale(), features.shift())] {
        params.values_mut(scale).fill(0.0);
        params.values_mut(shift).iter_mut().enumerate().for_each(|(i, shift)| *shift = i as f64);
    }
    let tape = Tape::inference(&params);
    let x = tape.input(&input(&[1, 3, 2]));
    assert_eq!(tape.value(groups.forward(x)).data(), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
    assert_eq!(tape.value(features.forward(x)).data(), [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
}

#[test]
fn mistakes_say_what_is_wrong() {
    let mut params = Params::<f64>::new(Seed(0));
    let norm = BatchNorm::new(4).build(&mut params, "norm");
    let groups = GroupNorm::instance(4).build(&mut params, "groups");
    let features = LayerNorm::new(4).build(&mut params, "features");
    let said = |layer: &dyn Layer, shape: &[usize]| {
        let x = Tensor::zeros(shape);
        let call = std::panic::AssertUnwindSafe(|| {
            let tape = Tape::training(&params, Seed(0));
            let _ = layer.forward(tape.input(&x));
        });
        let panic = std::panic::catch_unwind(call).expect_err("this cannot be recorded");
        *panic.downcast::<String>().expect("a message")
    };
    assert_eq!(
        said(&norm, &[1, 4]),
        "BatchNorm: a training batch of shape [1, 4] gives `norm/scale` 1 values of each channel, \
         which have no variance; leave out a last batch of one (`drop_last`), or infer on \
         `Tape::inference`"
    );
    assert_eq!(
        said(&norm, &[3, 5]),
        "BatchNorm: `norm/scale` is for 4 channels along axis 1, but the input has shape [3, 5]"
    );
    assert_eq!(
        said(&groups, &[3, 4]),
        "GroupNorm: an input of shape [3, 4] in 4 groups has a single value in each, which has no \
         variance"
    );
    assert_eq!(
        said(&features, &[4, 3]),
        "LayerNorm: `features/scale` is for 4 channels along axis 1, but the input has shape [4, 3]"
    );
}
