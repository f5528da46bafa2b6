//! Parts of a model that are computed again for the backward pass: no bit differs from a model
//! that keeps them.

use std::cell::{Cell, RefCell};

use gradtape::prelude::*;
use gradtape::{IndexOperand, SavedGraph, layers};
use rand::RngExt;

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

fn ramp<T: Scalar>(shape: impl Into<Shape>) -> Tensor<T> {
    Tensor::from_fn(shape, |i| T::from_f64((i as f64 * 0.7).sin()))
}

// Models.

/// Has the values of a block kept or computed again.
type Wrap = fn(Sequential) -> Sequential;

fn kept(block: Sequential) -> Sequential {
    block
}

fn again(block: Sequential) -> Sequential {
    Sequential::new().then(Remat::new(block))
}

/// The bits of losses, parameters and state of a few steps of training.
fn trained(
    build: impl Fn(&mut Params, Wrap) -> Sequential,
    shape: &[usize],
    wrap: Wrap,
) -> Vec<u32> {
    let mut params = Params::new(Seed(3));
    let model = build(&mut params, wrap);
    let mut optimizer = Adam::new(1e-2);
    let mut all = Vec::new();
    for step in 0..3 {
        let tape = Tape::training(&params, Seed(4).derive(step));
        let x = tape.input(&ramp(shape)) * (1.0 + step as f64);
        let y = model.forward(x);
        let loss = (y.sin() * 2.0 - 0.3).square().mean(..) + tape.penalty();
        let gradients = tape.backward(loss);
        assert!(gradients.unreached().next().is_none());
        all.push(gradients.loss().to_bits());
        all.extend(bits(gradients.flat()));
        optimizer.step(&mut params, &gradients);
        all.extend(bits(params.flat()));
    }
    all
}

fn compare(shape: &[usize], build: impl Fn(&mut Params, Wrap) -> Sequential) {
    let want = trained(&build, shape, kept);
    assert!(want.iter().all(|&x| f32::from_bits(x).is_finite()));
    assert!(want == trained(&build, shape, again));
}

#[test]
fn dense_networks() {
    compare(&[16, 12], |params, wrap| {
        let mut model = Sequential::new();
        for part in 0..4 {
            let mut block = Sequential::new();
            for layer in 0..3 {
                let dense = Dense::new(12, 12).penalty(L2(1e-2));
                block = block.then(dense.build(params, &format!("{part}/{layer}"))).then(Tanh);
            }
            let block = block.then(ActivationPenalty::new(L1(1e-2)));
            model = model.then(wrap(block));
        }
        model
    });
}

#[test]
fn convolutions_with_batch_normalization() {
    compare(&[4, 2, 8, 8], |params, wrap| {
        let mut model = Sequential::new();
        for (part, channels) in [2, 6, 6].into_iter().enumerate() {
            let name = |layer| format!("{part}/{layer}");
            let block = Sequential::new()
                .then(Conv2d::new(channels, 6, 3).padding(1).build(params, &name("conv")))
                .then(BatchNorm::new(6).build(params, &name("norm")))
                .then(Relu)
                .then(SpatialDropout(0.2))
                .then(FractionalMaxPool2d::new(FractionalPooling::random(1.3)));
            model = model.then(wrap(block));
        }
        model.then(GlobalAvgPool2d)
    });
}

#[test]
fn residual_blocks_with_normalization_and_noise() {
    compare(&[16, 12], |params, wrap| {
        let mut model = Sequential::new();
        for part in 0..6 {
            let name = |layer| format!("{part}/{layer}");
            let branch = Sequential::new()
                .then(LayerNorm::new(12).build(params, &name("norm")))
                .then(DropConnect::new(12, 20, 0.3).build(params, &name("wide")))
                .then(Gelu)
                .then(Dropout(0.3))
                .then(GaussianNoise(0.1))
                .then(Dense::new(20, 12).build(params, &name("narrow")));
            let block = match part % 2 {
                0 => Sequential::new().then(Residual::new(branch)),
                _ => Sequential::new().then(StochasticDepth::new(branch, 0.7)),
            };
            model = model.then(wrap(block));
        }
        model
    });
}

#[test]
fn recurrent_networks_of_words() {
    compare(&[3, 5], |params, wrap| {
        let table = Embedding::new(5, 4).build(params, "table");
        let words = layers::from_fn(move |x| {
            let words = Indices::from([4, 0, 2, 4, 1]);
            x.reshape([3, 5, 1]) + table.forward((&words).index_operand(x.graph()))
        });
        let gru = Gru::new(4, 6).return_sequences().build(params, "gru");
        let lstm = Lstm::new(6, 4).build(params, "lstm");
        let parts = Sequential::new()
            .then(wrap(Sequential::new().then(words)))
            .then(wrap(Sequential::new().then(gru)))
            .then(wrap(Sequential::new().then(lstm)));
        wrap(parts)
    });
}

// Random graphs.

/// What random graphs are drawn with.
struct Draw<'t> {
    remat: bool,
    rng: RefCell<Box<dyn FnMut(usize) -> usize>>,
    /// Values of the size of a layer, inner ones of parts among them.
    pool: RefCell<Vec<Var<'t>>>,
    leaks: Cell<usize>,
}

impl<'t> Draw<'t> {
    fn below(&self, end: usize) -> usize {
        (self.rng.borrow_mut())(end)
    }

    fn any(&self) -> Var<'t> {
        let at = self.below(self.pool.borrow().len());
        self.pool.borrow()[at]
    }

    /// A few operations, some of them in parts.
    fn block(&self, x: Var<'t>, depth: usize) -> Var<'t> {
        let param =
            |i: usize| x.graph().param(x.graph().param_ids().nth(i).expect("there are six"));
        let mut x = x;
        for _ in 0..self.below(7) + 1 {
            x = match self.below(18) {
                0..=3 if depth < 3 => match self.remat {
                    true => x.remat(|x| self.block(x, depth + 1)),
                    false => self.block(x, depth + 1),
                },
                4 => x.matmul(param(4)).tanh(),
                5 => (x.matmul(param(4)) + x.matmul(param(5)) + param(1)).relu(),
                6 => (x * param(1) + param(2)).sigmoid(),
                7 => x.dropout(0.3),
                8 => (x - x.mean_keep(1)) * (x.var_keep(1) + 0.1).rsqrt() * param(1),
                9 => x.softmax(-1) + x,
                10 => x.matmul(x.transpose()).matmul(x).tanh(),
                11 => x.cumsum(0).sin(),
                12 => {
                    // A value that leaves the part on another way than as its result.
                    self.leaks.set(self.leaks.get() + usize::from(depth > 0));
                    self.pool.borrow_mut().push(x);
                    x.sin()
                }
                13 => (x + self.any()).tanh(),
                14 => self.any() * x.max_keep(0),
                15 => {
                    x.graph().add_penalty(x.square().mean(..));
                    x.flip(1).softplus()
                }
                16 => x + x.transpose().matmul(x).mean(0).tanh(),
                _ => x.gaussian_noise(0.1).square().sum_keep(1).rsqrt() * x,
            };
        }
        x
    }
}

fn random_params(seed: Seed) -> Params<f64> {
    let mut rng = seed.rng();
    let (m, n) = (rng.random_range(1..40), rng.random_range(1..40));
    let mut params = Params::new(seed);
    let shapes: [&[usize]; 6] = [&[m, n], &[n], &[m, 1], &[], &[n, n], &[n, n]];
    for (i, shape) in shapes.into_iter().enumerate() {
        let init = Uniform { low: -0.9, high: 1.0 };
        params.add(Parameter::new(format!("p{i}"), shape).init(init));
    }
    params
}

/// The loss of a random graph, of the squares of its gradients too if that is wanted; and how many
/// inner values left their part.
fn random_loss<'t, T: Scalar>(
    tape: &'t Tape<'_, T>,
    seed: Seed,
    remat: bool,
    second: bool,
) -> (Var<'t>, usize) {
    let mut rng = seed.rng();
    let below = move |end| rng.random_range(0..end);
    let params: Vec<Var<'_>> = tape.graph().param_ids().map(|id| tape.param(id)).collect();
    let draw = Draw {
        remat,
        rng: RefCell::new(Box::new(below)),
        pool: RefCell::new(vec![params[0]]),
        leaks: Cell::new(0),
    };
    let y = (0..3).fold(params[0], |x, _| draw.block(x, 0));
    let leaked = draw.pool.borrow().iter().fold(tape.scalar(0.0), |sum, x| sum + x.mean(..));
    let loss = y.tanh().mean(..) + leaked + tape.penalty();
    let loss = params.iter().fold(loss, |sum, param| sum + 0.1 * param.sin().mean(..));
    if !second {
        return (loss, draw.leaks.get());
    }
    let slopes = tape.gradient(loss, &params);
    let loss = slopes.into_iter().fold(loss, |sum, slope| sum + slope.square().mean(..).tanh());
    (loss, draw.leaks.get())
}

/// A random loss and its gradients, with the number of inner values that left their part.
fn run<T: Scalar>(params: &Params<T>, seed: Seed, remat: bool, second: bool) -> (Vec<T>, usize) {
    let tape = Tape::training(params, seed);
    let (loss, leaks) = random_loss(&tape, seed, remat, second);
    let gradients = tape.backward(loss);
    let numbers = std::iter::once(gradients.loss()).chain(gradients.flat().iter().copied());
    (numbers.collect(), leaks)
}

#[test]
fn random_graphs_have_the_same_bits() {
    let mut leaks = 0;
    for round in 0..120 {
        let seed = Seed(21).derive(round);
        let params = random_params(seed).cast::<f32>();
        let [(want, _), (got, leaked)] =
            [false, true].map(|remat| run(&params, seed, remat, false));
        assert!(bits(&want) == bits(&got), "round {round}");
        leaks += leaked;
    }
    assert!(leaks > 100, "{leaks}");
}

/// Where gradients are differentiated again, the contributions to the gradient of a part's result
/// are added up in another order.
#[test]
fn second_derivatives_of_random_graphs_agree() {
    for round in 0..120 {
        let seed = Seed(21).derive(round);
        let params = random_params(seed);
        let [want, got] = [false, true].map(|remat| run(&params, seed, remat, true).0);
        let size = want.iter().fold(1.0, |size: f64, x| size.max(x.abs()));
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-10 * size;
        assert!(want.iter().zip(&got).all(close), "round {round}");
    }
}

#[test]
fn gradients_of_random_graphs_agree_with_differences() {
    for round in 0..20 {
        let seed = Seed(22).derive(round);
        let params = random_params(seed);
        for second in [false, true] {
            let check = GradCheck::new().samples(3).seed(seed);
            let report = check.run(&params, |tape| random_loss(tape, seed, true, second).0);
            let report = report.unwrap_or_else(|error| panic!("round {round}: {error}"));
            assert!(report.is_below(1e-5), "round {round}, second order: {second}\n{report}");
        }
    }
}

// What else there is to do with a tape.

#[test]
fn inner_values_can_be_kept_read_and_differentiated() {
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&ramp([3, 4]));
    let mut inner = x;
    let y = x.remat(|x| {
        inner = tape.keep(x.exp());
        inner.sin()
    });
    let slopes = tape.gradient(y.sum(..), &[x, inner]);
    let want =
        |f: fn(f64) -> f64| ramp::<f64>([3, 4]).data().iter().map(|&x| f(x)).collect::<Vec<_>>();
    assert_eq!(tape.value(slopes[0]).data(), want(|x| x.exp().cos() * x.exp()));
    assert_eq!(tape.value(slopes[1]).data(), want(|x| x.exp().cos()));
    assert_eq!(tape.value(inner).data(), want(f64::exp));
    assert_eq!(tape.value(y), tape.interpret(y));
}

#[test]
fn a_part_is_listed_drawn_and_saved_as_one_operation_at_its_end() {
    let mut params = Params::<f32>::new(Seed(0));
    let layer = Dense::new(4, 4).build(&mut params, "layer");
    let tape = Tape::training(&params, Seed(2));
    let x = tape.input(&ramp([3, 4]));
    let y = x.remat(|x| layer.forward(x).tanh().dropout(0.3));
    let loss = layer.forward(y).square().mean(..);
    assert_eq!(tape.to_string().matches("remat(%").count(), 1);
    assert!(tape.graph().to_dot().contains("remat(%"));
    let want = tape.backward(loss);

    let saved = tape.save(&[("x", x)], &[("loss", loss)]).unwrap();
    let text = serde_json::to_string(&saved).unwrap();
    let saved: SavedGraph = serde_json::from_str(&text).unwrap();
    let tape = Tape::training(&params, Seed(2));
    let x = tape.input(&ramp([3, 4]));
    let loss = saved.record(tape.graph(), &[x]).unwrap()["loss"];
    assert_eq!(tape.to_string().matches("remat(%").count(), 1);
    assert_eq!(bits(tape.backward(loss).flat()), bits(want.flat()));
}

#[test]
#[should_panic(expected = "different tapes")]
fn a_part_ends_in_a_value_of_its_tape() {
    let params = Params::<f32>::new(Seed(0));
    let (tape, other) = (Tape::inference(&params), Tape::inference(&params));
    let elsewhere = other.scalar(1.0);
    let _ = tape.scalar(1.0).remat(|_| elsewhere);
}
