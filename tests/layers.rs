//! What holds for every layer: inference before, during and after training and after a reload,
//! gradients, noise in training alone.

use gradtape::noise::marginalize;
use gradtape::prelude::*;
use gradtape::{IndexOperand, layers};

const BATCH: usize = 4;

/// In what a layer's training differs from its inference.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// In nothing.
    Plain,
    /// Noise is drawn.
    Noisy,
    /// Noise is drawn in inference too, from the tape's seed.
    AlwaysNoisy,
    /// The batch's statistics are used.
    OfBatch,
}
use Kind::{AlwaysNoisy, Noisy, OfBatch, Plain};

type Build = fn(&mut Params<f64>) -> Box<dyn Layer>;

/// Every layer that there is, with the shape of an example that it takes.
#[rustfmt::skip]
fn every_layer() -> Vec<(&'static str, Kind, Vec<usize>, Build)> {
    let image = vec![4, 6, 5];
    vec![
        ("Dense", Plain, vec![5], |p| Box::new(Dense::new(5, 3).build(p, "l"))),
        ("Conv1d", Plain, vec![4, 9], |p| Box::new(Conv1d::new(4, 6, 3).groups(2).stride(2).build(p, "l"))),
        ("Conv2d", Plain, image.clone(), |p| Box::new(Conv2d::new(4, 3, [3, 2]).padding(1).dilation(2).build(p, "l"))),
        ("ConvTranspose1d", Plain, vec![4, 5], |p| Box::new(ConvTranspose1d::new(4, 6, 3).stride(2).build(p, "l"))),
        ("ConvTranspose2d", Plain, image.clone(), |p| Box::new(ConvTranspose2d::new(4, 2, 2).stride(2).groups(2).build(p, "l"))),
        ("MaxPool2d", Plain, image.clone(), |_| Box::new(MaxPool2d::new(2))),
        ("AvgPool2d", Plain, image.clone(), |_| Box::new(AvgPool2d::new(2))),
        ("GlobalAvgPool2d", Plain, image.clone(), |_| Box::new(GlobalAvgPool2d)),
        ("FractionalMaxPool2d", AlwaysNoisy, image.clone(), |_| Box::new(FractionalMaxPool2d::new(FractionalPooling::random(1.4)))),
        ("Flatten", Plain, image.clone(), |_| Box::new(Flatten)),
        ("Reshape", Plain, image.clone(), |_| Box::new(Reshape::new([6, 20]))),
        ("Embedding", Plain, vec![3], |p| {
            let table = Embedding::new(5, 3).build(p, "l");
            let words = Indices::from([4, 0, 2, 4]);
            Box::new(layers::from_fn(move |x| x + table.forward((&words).index_operand(x.graph()))))
        }),
        ("Recurrent", Plain, vec![4, 3], |p| Box::new(Recurrent::new(3, 5).build(p, "l"))),
        ("Gru", Plain, vec![4, 3], |p| Box::new(Gru::new(3, 5).return_sequences().build(p, "l"))),
        ("Lstm", Plain, vec![4, 3], |p| Box::new(Lstm::new(3, 5).build(p, "l"))),
        ("BatchNorm of features", OfBatch, vec![5], |p| Box::new(BatchNorm::new(5).build(p, "l"))),
        ("BatchNorm of images", OfBatch, image.clone(), |p| Box::new(BatchNorm::new(4).build(p, "l"))),
        ("BatchNorm along the last axis", OfBatch, vec![3, 5], |p| {
            let statistics = RunningStatistics::Keras { momentum: 0.9 };
            Box::new(BatchNorm::new(5).axis(-1).running_statistics(statistics).build(p, "l"))
        }),
        ("LayerNorm", Plain, vec![3, 5], |p| Box::new(LayerNorm::new(5).build(p, "l"))),
        ("GroupNorm", Plain, image.clone(), |p| Box::new(GroupNorm::new(2, 4).build(p, "l"))),
        ("GroupNorm of instances", Plain, image.clone(), |p| Box::new(GroupNorm::instance(4).build(p, "l"))),
        ("Dropout", Noisy, vec![20], |_| Box::new(Dropout(0.4))),
        ("OriginalDropout", Noisy, vec![20], |_| Box::new(OriginalDropout(0.4))),
        ("SpatialDropout", Noisy, image.clone(), |_| Box::new(SpatialDropout(0.4))),
        ("AlphaDropout", Noisy, vec![20], |_| Box::new(AlphaDropout(0.4))),
        ("GaussianDropout", Noisy, vec![20], |_| Box::new(GaussianDropout(0.4))),
        ("GaussianNoise", Noisy, vec![20], |_| Box::new(GaussianNoise(0.4))),
        ("DropConnect", Noisy, vec![5], |p| Box::new(DropConnect::new(5, 6, 0.4).build(p, "l"))),
        ("DropConnect for the batch", Noisy, vec![5], |p| {
            let layer = DropConnect::new(5, 6, 0.4).per_batch().scaling(Scaling::Original);
            Box::new(layer.activation(Tanh).build(p, "l"))
        }),
        ("DropConnect with draws", Noisy, vec![5], |p| {
            Box::new(DropConnect::new(5, 6, 0.4).activation(Tanh).gaussian(7).build(p, "l"))
        }),
        ("StochasticDepth", Noisy, vec![5], |p| {
            Box::new(StochasticDepth::new(Dense::new(5, 5).build(p, "l"), 0.4))
        }),
        ("StochasticDepth for the batch", Noisy, vec![5], |p| {
            let dense = Dense::new(5, 5).build(p, "l");
            Box::new(StochasticDepth::new(dense, 0.7).per_batch().scaling(Scaling::Original))
        }),
        ("Residual", Plain, vec![5], |p| Box::new(Residual::new(Dense::new(5, 5).build(p, "l")))),
        ("Remat", Noisy, vec![20], |_| Box::new(Remat::new(Dropout(0.4)))),
        ("ActivationPenalty", Plain, vec![5], |_| Box::new(ActivationPenalty::new(L2(0.1)))),
        ("Sequential", OfBatch, vec![5], |p| Box::new(
            Sequential::new()
                .then(Dense::new(5, 6).no_bias().build(p, "first"))
                .then(BatchNorm::new(6).build(p, "norm"))
                .then(Relu)
                .then(Dense::new(6, 2).build(p, "second")),
        )),
        ("Relu", Plain, vec![5], |_| Box::new(Relu)),
        ("LeakyRelu", Plain, vec![5], |_| Box::new(LeakyRelu(0.1))),
        ("Elu", Plain, vec![5], |_| Box::new(Elu(0.7))),
        ("Selu", Plain, vec![5], |_| Box::new(Selu)),
        ("Gelu", Plain, vec![5], |_| Box::new(Gelu)),
        ("Silu", Plain, vec![5], |_| Box::new(Silu)),
        ("Tanh", Plain, vec![5], |_| Box::new(Tanh)),
        ("Sigmoid", Plain, vec![5], |_| Box::new(Sigmoid)),
        ("Softplus", Plain, vec![5], |_| Box::new(Softplus)),
        ("Softmax", Plain, vec![5], |_| Box::new(Softmax)),
        ("LogSoftmax", Plain, vec![5], |_| Box::new(LogSoftmax)),
    ]
}

/// A layer behind a factor of its input, so that there is always something to train.
struct Scaled {
    factor: ParamId,
    layer: Box<dyn Layer>,
}

impl Layer for Scaled {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.layer.forward(x * x.graph().param(self.factor))
    }
}

fn built(build: Build, seed: u64) -> (Params<f64>, Scaled) {
    let mut params = Params::new(Seed(seed));
    let factor = params.add(Parameter::new("factor", []).init(Constant(1.1)));
    let layer = build(&mut params);
    (params, Scaled { factor, layer })
}

/// A batch whose values are all different.
fn batch(example: &[usize]) -> Tensor<f64> {
    let shape: Vec<usize> = [BATCH].iter().chain(example).copied().collect();
    Tensor::from_fn(shape, |i| (i as f64 * 0.73).sin() + 0.001 * i as f64)
}

fn inferred(params: &Params<f64>, model: &Scaled, x: &Tensor<f64>) -> Tensor<f64> {
    let tape = Tape::inference(params);
    tape.value(model.forward(tape.input(x)))
}

fn trained(params: &Params<f64>, model: &Scaled, x: &Tensor<f64>, seed: u64) -> Tensor<f64> {
    let tape = Tape::training(params, Seed(seed));
    tape.value(model.forward(tape.input(x)))
}

/// The parameters and state of one model, given to another of the same layers by name.
fn reloaded(from: &Params<f64>, into: &mut Params<f64>) {
    for id in from.layout().ids() {
        let name = &from.layout().entry(id).name;
        let own = into.find(name).unwrap_or_else(|| panic!("{name} is missing"));
        into.values_mut(own).copy_from_slice(from.values(id));
    }
}

#[test]
fn every_layer_infers_before_while_and_after_it_is_trained_and_after_a_reload() {
    for (name, kind, example, build) in every_layer() {
        let x = batch(&example);
        let (mut params, model) = built(build, 1);
        let mut optimizer = Adam::new(0.01);
        let mut before: Option<Tensor<f64>> = None;
        for steps in 0..=5 {
            let y = inferred(&params, &model, &x);
            assert!(y.data().iter().all(|y| y.is_finite()), "{name} after {steps} steps: {y:?}");
            assert_eq!(y, inferred(&params, &model, &x), "{name}: inference has an effect");
            assert_ne!(Some(&y), before.as_ref(), "{name}: step {steps} changes nothing");
            if kind == Plain {
                assert_eq!(y, trained(&params, &model, &x, 3), "{name} after {steps} steps");
            }
            let (mut others, other) = built(build, 99);
            reloaded(&params, &mut others);
            assert_eq!(y, inferred(&others, &other, &x), "{name} reloaded after {steps} steps");
            before = Some(y);

            let tape = Tape::training(&params, Seed(steps));
            let y = model.forward(tape.input(&x));
            // Of different weight each: a softmax sums to 1.
            let weights = Tensor::from_fn(y.shape(), |i| (i as f64 * 1.3).cos());
            let loss = (y * tape.input(&weights)).square().sum(..) + tape.penalty();
            let gradients = tape.backward(loss);
            assert_eq!(gradients.unreached().count(), 0, "{name}");
            drop(tape);
            optimizer.step(&mut params, &gradients);
        }
    }
}

#[test]
fn gradients_of_every_layer_agree_with_differences() {
    for (name, _, example, build) in every_layer() {
        let x = batch(&example);
        let (params, model) = built(build, 1);
        let report = gradcheck(&params, |tape| {
            model.forward(tape.input(&x)) + tape.penalty() + 1e-2 * tape.param(model.factor)
        });
        report.unwrap_or_else(|error| panic!("{name}: {error}")).assert_below(1e-6);
    }
}

#[test]
fn second_derivatives_of_normalization_and_noise_agree_with_differences() {
    for (name, kind, example, build) in every_layer() {
        if kind == Plain && !name.contains("Norm") {
            continue;
        }
        let x = batch(&example);
        let (params, model) = built(build, 1);
        let check = GradCheck::new().second_order();
        let report = check.run(&params, |tape| model.forward(tape.input(&x)).tanh());
        report.unwrap_or_else(|error| panic!("{name}: {error}")).assert_below(1e-6);
    }
}

#[test]
fn noise_is_another_for_each_seed_and_the_same_for_one() {
    for (name, kind, example, build) in every_layer() {
        let x = batch(&example);
        let (params, model) = built(build, 1);
        let sampled = |seed: u64| {
            let tape = Tape::sampling(&params, Seed(seed));
            tape.value(model.forward(tape.input(&x)))
        };
        assert_eq!(trained(&params, &model, &x, 3), trained(&params, &model, &x, 3), "{name}");
        match kind {
            Noisy | AlwaysNoisy => {
                let seeds = [3, 4, 5].map(|seed| trained(&params, &model, &x, seed));
                assert!(seeds[0] != seeds[1] || seeds[0] != seeds[2], "{name}");
                assert_eq!(seeds[0], sampled(3), "{name}: noise of a tape that samples");
            }
            Plain | OfBatch => {
                assert_eq!(sampled(3), inferred(&params, &model, &x), "{name}");
            }
        }
    }
}

#[test]
fn what_is_linear_in_its_noise_infers_the_mean_over_the_noise() {
    const PASSES: usize = 4000;
    for (name, kind, example, build) in every_layer() {
        // Alpha dropout keeps mean 0 and variance 1, and no other mean; an activation is not
        // linear.
        let bent = ["AlphaDropout", "DropConnect for the batch", "DropConnect with draws"];
        if kind != Noisy || bent.contains(&name) {
            continue;
        }
        let x = batch(&example);
        let (params, model) = built(build, 1);
        let noisy = marginalize(&params, PASSES, Seed(7), |tape| model.forward(tape.input(&x)));
        let y = inferred(&params, &model, &x);
        for ((mean, std), y) in noisy.mean.data().iter().zip(noisy.std.data()).zip(y.data()) {
            let error = std / (PASSES as f64).sqrt();
            assert!((mean - y).abs() <= 5.0 * error + 1e-12, "{name}: {mean} ± {error}, not {y}");
        }
    }
}

#[test]
fn noise_for_an_example_or_the_batch() {
    // The same example in each row: rows differ if each has noise of its own.
    let x = Tensor::from_fn([64, 20], |i| ((i % 20) as f64 * 0.73).sin());
    let cases: [(bool, Build); 4] = [
        (false, |p| Box::new(DropConnect::new(20, 8, 0.5).build(p, "l"))),
        (true, |p| Box::new(DropConnect::new(20, 8, 0.5).per_batch().build(p, "l"))),
        (false, |_| Box::new(StochasticDepth::new(Relu, 0.5))),
        (true, |_| Box::new(StochasticDepth::new(Relu, 0.5).per_batch())),
    ];
    for (shared, build) in cases {
        let (params, model) = built(build, 1);
        let y = trained(&params, &model, &x, 3);
        let width = y.shape()[1];
        let same = y.data().chunks(width).all(|row| row == &y.data()[..width]);
        assert_eq!(same, shared);
    }
}

/// Keeps the fans that it is asked to draw for.
struct Probe(std::sync::Arc<std::sync::Mutex<Vec<Fans>>>);

impl Initializer for Probe {
    fn sample(&self, shape: &Shape, fans: Fans, _: Seed) -> Vec<f64> {
        self.0.lock().unwrap().push(fans);
        vec![0.0; shape.numel()]
    }
}

#[test]
#[rustfmt::skip]
fn every_kernel_knows_its_fans() {
    let found = std::sync::Arc::default();
    let probe = || Probe(std::sync::Arc::clone(&found));
    let p = &mut Params::<f32>::new(Seed(0));
    Dense::new(20, 12).init(probe()).bias_init(probe()).build(p, "dense");
    DropConnect::new(20, 12, 0.5).init(probe()).build(p, "connect");
    Conv2d::new(16, 32, 3).init(probe()).build(p, "conv2d");
    Conv2d::new(16, 32, [3, 5]).groups(4).init(probe()).build(p, "groups");
    Conv2d::new(16, 16, 3).groups(16).init(probe()).build(p, "depthwise");
    Conv1d::new(5, 7, 4).init(probe()).build(p, "conv1d");
    ConvTranspose2d::new(16, 32, 3).init(probe()).build(p, "transpose");
    ConvTranspose2d::new(16, 32, 4).stride(2).init(probe()).build(p, "doubling");
    Lstm::new(6, 9).init(probe()).recurrent_init(probe()).build(p, "lstm");
    let fans: Vec<(usize, usize)> =
        found.lock().unwrap().iter().map(|fans| (fans.fan_in, fans.fan_out)).collect();
    let want = [
        (20, 12), (20, 12), (20, 12), (144, 288), (60, 120), (9, 9), (20, 28), (144, 288), (64, 512),
        (6, 9), (9, 9),
    ];
    assert_eq!(fans, want);
}

/// Builds each layer with a kernel twice, with the same initializer.
#[rustfmt::skip]
fn with_kernels_drawn_by(init: impl Initializer + Copy + 'static) -> Params<f64> {
    let mut params = Params::new(Seed(1));
    let p = &mut params;
    for copy in ["first", "second"] {
        let name = |layer: &str| format!("{copy}/{layer}");
        Dense::new(6, 4).init(init).build(p, &name("dense"));
        DropConnect::new(6, 4, 0.5).init(init).build(p, &name("connect"));
        Embedding::new(6, 4).init(init).build(p, &name("embedding"));
        Conv1d::new(4, 6, 3).init(init).build(p, &name("conv1d"));
        Conv2d::new(4, 6, 3).groups(2).init(init).build(p, &name("conv2d"));
        ConvTranspose1d::new(4, 6, 3).init(init).build(p, &name("transpose1d"));
        ConvTranspose2d::new(4, 6, 3).stride(5).init(init).build(p, &name("transpose2d"));
        Recurrent::new(4, 6).init(init).recurrent_init(init).build(p, &name("recurrent"));
        Gru::new(4, 6).init(init).recurrent_init(init).build(p, &name("gru"));
        Lstm::new(4, 6).init(init).recurrent_init(init).build(p, &name("lstm"));
    }
    params
}

#[test]
fn every_layer_takes_every_initializer_and_draws_other_values_each_time() {
    let all = [
        with_kernels_drawn_by(GlorotNormal),
        with_kernels_drawn_by(GlorotUniform),
        with_kernels_drawn_by(HeNormal),
        with_kernels_drawn_by(HeUniform),
        with_kernels_drawn_by(LecunNormal),
        with_kernels_drawn_by(LecunUniform),
        with_kernels_drawn_by(Normal { mean: 0.0, std: 1.0 }),
        with_kernels_drawn_by(Uniform { low: -1.0, high: 1.0 }),
    ];
    for params in all {
        for id in params.layout().ids() {
            let entry = params.layout().entry(id);
            let Some(name) = entry.name.strip_prefix("first/") else { continue };
            let other = params.find(&format!("second/{name}")).expect("built twice");
            let (values, others) = (params.values(id), params.values(other));
            if entry.role == Role::Weight {
                assert!(values.iter().all(|w| w.is_finite() && *w != 0.0), "{name}");
                assert!(values.iter().zip(others).all(|(a, b)| a != b), "{name}");
            } else {
                assert_eq!(values, others, "{name}");
            }
        }
    }
}

#[test]
fn recurrent_kernels_start_orthogonal() {
    let mut params = Params::<f64>::new(Seed(1));
    let layers = [
        (Recurrent::new(3, 5).build(&mut params, "recurrent").recurrent_kernel(), 1),
        (Gru::new(3, 5).build(&mut params, "gru").recurrent_kernel(), 3),
        (Lstm::new(3, 5).build(&mut params, "lstm").recurrent_kernel(), 4),
    ];
    for (kernel, gates) in layers {
        let rows: Vec<&[f64]> = params.values(kernel).chunks(5 * gates).collect();
        for (i, a) in rows.iter().enumerate() {
            for (j, b) in rows.iter().enumerate() {
                let product: f64 = a.iter().zip(*b).map(|(x, y)| x * y).sum();
                let expected = f64::from(u8::from(i == j));
                assert!((product - expected).abs() < 1e-12, "{gates} gates, rows {i} and {j}");
            }
        }
    }
}

#[test]
fn an_embedding_begins_a_sequence_of_layers() {
    let mut params = Params::<f64>::new(Seed(1));
    let words = Embedding::new(5, 3).build(&mut params, "words");
    let model = Sequential::new().then(words).then(Gru::new(3, 4).build(&mut params, "gru"));
    let sentences = Indices::new([2, 3], vec![4, 0, 2, 4, 4, 1]).unwrap();
    let tape = Tape::inference(&params);
    let rows = tape.value(words.forward(tape.input(&sentences)));
    let table = params.values(words.table());
    for (row, &word) in rows.data().chunks(3).zip(sentences.data()) {
        assert_eq!(row, &table[3 * word as usize..][..3]);
    }
    let check = gradcheck(&params, |tape| model.forward(tape.input(&sentences)).square().sum(..));
    check.unwrap().assert_below(1e-6);
}
