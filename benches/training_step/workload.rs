//! The models, data and optimizers of the comparison. Data and initial weights have the same bits
//! in every program that takes part in it.

use std::collections::BTreeSet;

use gradtape::prelude::*;

/// All workloads, in the order in which they run.
pub(crate) const WORKLOADS: [&str; 8] =
    ["tiny", "mlp", "mlp_reg", "imdb", "imdb_sparse", "deep_tanh", "cifar_mlp", "cnn"];

/// splitmix64: every program of the comparison draws the same numbers.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.next() >> 40) as f32 / (1_u64 << 24) as f32)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Rows of which 120 places are 1, as a text that is given as the set of its words.
    fn multi_hot(&mut self, rows: usize, width: usize) -> SparseRows {
        let row = |_| {
            let mut places = BTreeSet::new();
            while places.len() < 120 {
                places.insert(self.below(width) as u32);
            }
            Vec::from_iter(places)
        };
        let rows: Vec<Vec<u32>> = (0..rows).map(row).collect();
        SparseRows::multi_hot(width, &rows).expect("places within the width, each once")
    }
}

enum Examples {
    Dense(Tensor),
    Sparse(SparseRows),
}

enum Targets {
    Numbers(Tensor),
    Labels(Indices),
}

/// What a training step needs.
pub(crate) struct Workload {
    params: Params,
    model: Sequential,
    loss: for<'t> fn(Var<'t>, Var<'t>) -> Var<'t>,
    optimizer: Box<dyn Optimizer>,
    x: Examples,
    targets: Targets,
    step: u64,
}

impl Workload {
    pub(crate) fn new(id: &str, dropout: bool) -> Self {
        let (x, targets) = batch(id);
        let mut params = Params::new(Seed(0));
        let rate = if dropout { 0.5 } else { 0.0 };
        let model = match id {
            "cnn" => convolutional(rate, &mut params),
            "tiny" => dense(&[2, 16, 16, 1], Norm::None, Activation::Relu, 0.0, &mut params),
            "mlp" => dense(&[784, 512, 10], Norm::None, Activation::Relu, 0.0, &mut params),
            "mlp_reg" => dense(&[784, 512, 10], Norm::Penalty, Activation::Relu, rate, &mut params),
            "deep_tanh" => {
                let widths = [vec![500; 11], vec![10]].concat();
                dense(&widths, Norm::None, Activation::Tanh, 0.0, &mut params)
            }
            "cifar_mlp" => {
                dense(&[3072, 1024, 512, 10], Norm::Batch, Activation::Relu, 0.0, &mut params)
            }
            _ => dense(&[10_000, 16, 16, 1], Norm::None, Activation::Relu, rate, &mut params),
        };
        draw_kernels(&mut params);
        let loss = match id {
            "tiny" => loss::squared_error,
            "imdb" | "imdb_sparse" => loss::binary_cross_entropy,
            _ => loss::cross_entropy,
        };
        let optimizer: Box<dyn Optimizer> = match id {
            "tiny" => Box::new(Momentum::new(0.01).momentum(0.9)),
            "deep_tanh" => Box::new(Nesterov::new(0.01).momentum(0.9)),
            "cifar_mlp" | "cnn" => Box::new(Adam::new(0.001).eps(1e-7)),
            _ => Box::new(RmsProp::new(0.001).rho(0.9).eps(1e-7)),
        };
        Self { params, model, loss, optimizer, x, targets, step: 0 }
    }

    fn loss<'t>(&self, tape: &'t Tape<'_>) -> Var<'t> {
        let x = match &self.x {
            Examples::Dense(x) => tape.input(x),
            Examples::Sparse(x) => tape.input(x),
        };
        let targets = match &self.targets {
            Targets::Numbers(numbers) => tape.input(numbers),
            Targets::Labels(labels) => tape.input(labels),
        };
        (self.loss)(self.model.forward(x), targets).mean(..) + tape.penalty()
    }

    /// A training step; its loss before the update.
    pub(crate) fn step(&mut self) -> f32 {
        let tape = Tape::training(&self.params, Seed(self.step));
        let gradients = tape.backward(self.loss(&tape));
        drop(tape);
        self.optimizer.step(&mut self.params, &gradients);
        self.step += 1;
        gradients.loss()
    }

    /// The loss of a forward pass without an update.
    pub(crate) fn probe(&self, seed: Seed) -> f32 {
        let tape = Tape::training(&self.params, seed);
        tape.item(self.loss(&tape))
    }

    /// How many numbers are learned.
    pub(crate) fn parameters(&self) -> usize {
        let layout = self.params.layout();
        let entries = layout.entries().iter().filter(|entry| entry.role != Role::State);
        entries.map(|entry| entry.shape.numel()).sum()
    }
}

fn batch(id: &str) -> (Examples, Targets) {
    let shape: &[usize] = match id {
        "tiny" => &[32, 2],
        "mlp" | "mlp_reg" => &[128, 784],
        "deep_tanh" => &[256, 500],
        "cifar_mlp" => &[128, 3072],
        "cnn" => &[64, 1, 28, 28],
        _ => &[512, 10_000],
    };
    let (rows, mut noise) = (shape[0], Noise(1));
    let x = match id {
        "imdb" => Examples::Dense(noise.multi_hot(rows, shape[1]).to_dense()),
        "imdb_sparse" => Examples::Sparse(noise.multi_hot(rows, shape[1])),
        _ => Examples::Dense(Tensor::from_fn(shape, |_| noise.uniform(0.0, 1.0))),
    };
    let targets = match id {
        "tiny" => Targets::Numbers(Tensor::from_fn([rows, 1], |_| noise.uniform(0.0, 1.0))),
        "imdb" | "imdb_sparse" => {
            Targets::Numbers(Tensor::from_fn([rows, 1], |_| noise.below(2) as f32))
        }
        _ => Targets::Labels((0..rows).map(|_| noise.below(10) as u32).collect::<Vec<_>>().into()),
    };
    (x, targets)
}

enum Activation {
    Relu,
    Tanh,
}

/// What is done about large values.
enum Norm {
    None,
    /// `0.001 Σ w²` on kernels.
    Penalty,
    /// Batch normalization before each activation.
    Batch,
}

fn dense(
    widths: &[usize],
    norm: Norm,
    activation: Activation,
    dropout: f64,
    params: &mut Params,
) -> Sequential {
    let mut model = Sequential::new();
    for (i, width) in widths.windows(2).enumerate() {
        let mut layer = Dense::new(width[0], width[1]);
        if let Norm::Penalty = norm {
            layer = layer.penalty(L2(2.0 * 0.001));
        }
        model = model.then(layer.build(params, &format!("{i}")));
        if i + 2 < widths.len() {
            if let Norm::Batch = norm {
                model = model.then(BatchNorm::new(width[1]).build(params, &format!("{i}/norm")));
            }
            model = match activation {
                Activation::Relu => model.then(Relu),
                Activation::Tanh => model.then(Tanh),
            };
            model = model.then(Dropout(dropout));
        }
    }
    model
}

fn convolutional(dropout: f64, params: &mut Params) -> Sequential {
    Sequential::new()
        .then(Conv2d::new(1, 32, 3).build(params, "conv1"))
        .then(Relu)
        .then(MaxPool2d::new(2))
        .then(Conv2d::new(32, 64, 3).build(params, "conv2"))
        .then(Relu)
        .then(MaxPool2d::new(2))
        .then(Flatten)
        .then(Dense::new(1600, 64).build(params, "hidden"))
        .then(Relu)
        .then(Dropout(dropout))
        .then(Dense::new(64, 10).build(params, "output"))
}

/// Glorot-uniform kernels, drawn one after the other.
fn draw_kernels(params: &mut Params) {
    let mut noise = Noise(2);
    let layout = params.layout().clone();
    for id in layout.ids().filter(|&id| layout.entry(id).name.ends_with("/kernel")) {
        let shape = &layout.entry(id).shape;
        let window: usize = shape[2..].iter().product();
        let limit = (6.0 / ((shape[0] + shape[1]) * window) as f32).sqrt();
        params.values_mut(id).fill_with(|| noise.uniform(-limit, limit));
    }
}
