//! A steady training loop allocates nothing and grows by nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use gradtape::data::{Augment, Mixup};
use gradtape::prelude::*;

/// Counts the calls for memory.
struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The memory that the process holds, in kilobytes, where the operating system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Runs steps and returns how many calls for memory they made after a warm-up.
fn calls_in(steps: usize, mut step: impl FnMut(usize)) -> usize {
    (0..50).for_each(&mut step);
    // Not in a black box, the call may be moved behind the counter being read: to the compiler, an
    // allocation has no effect that can be seen.
    let memory = std::hint::black_box(resident());
    let calls = CALLS.load(Ordering::Relaxed);
    (50..50 + steps).for_each(&mut step);
    let calls = CALLS.load(Ordering::Relaxed) - calls;
    if let (Some(before), Some(after)) = (memory, resident()) {
        assert!(after <= before + 64, "memory grew from {before} to {after} kB");
    }
    calls
}

struct Model {
    layers: [Dense; 3],
}

impl Layer for Model {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let [first, second, last] = &self.layers;
        let hidden = first.forward(x).relu().dropout(0.2);
        last.forward(second.forward(hidden).relu().watch("second"))
    }
}

fn model(params: &mut Params) -> Model {
    let layers = [
        Dense::new(2, 16).penalty(L2(1e-4)).build(params, "first"),
        Dense::new(16, 16).build(params, "second"),
        Dense::new(16, 3).penalty(L1(1e-4)).build(params, "last"),
    ];
    Model { layers }
}

/// Convolution, batch normalization, pooling and layer normalization.
struct Convolutional {
    filter: ParamId,
    scale: ParamId,
    shift: ParamId,
    output: Dense,
}

impl Layer for Convolutional {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let param = |id| x.graph().param(id);
        let hidden = x.conv2d(param(self.filter), Convolution::new().padding(1));
        let scaled = hidden.normalize_channels(1, 1e-5) * param(self.scale) + param(self.shift);
        let pooled = scaled.relu().max_pool2d(2).avg_pool2d(Pooling::new(2).stride(1));
        self.output.forward(pooled.global_avg_pool2d().normalize(-1, 1e-5))
    }
}

/// One test, because the counter counts for the whole process.
#[test]
fn steady_loops_make_no_call_to_the_allocator() {
    // The pool's threads start when they are first needed, and allocate what they need for life,
    // some of it only when they first look for work.
    rayon::broadcast(|_| ());
    std::thread::sleep(std::time::Duration::from_millis(100));
    let mut params = Params::new(Seed(0));
    let model = model(&mut params);
    let examples = 32 * 7;
    let x = Tensor::from_fn([examples, 2], |i| (i as f32 * 0.37).sin());
    let y = Tensor::from_fn([32, 3], |i| (i as f32 * 0.73).cos());
    let labels: Vec<u32> = (0..examples as u32).map(|i| i % 3).collect();
    let data = Dataset::new(x, Indices::from(labels)).expect("as many labels as examples");
    let first = data.batch(0..32);

    let mut optimizer = Momentum::new(0.01);
    let regression = calls_in(10_000, |i| {
        let tape = Tape::training(&params, Seed(i as u64));
        let loss = model.forward(tape.input(&first.x)).mean_squared_error(tape.input(&y));
        let gradients = tape.backward(loss + tape.penalty());
        optimizer.step(&mut params, &gradients);
    });
    assert_eq!(regression, 0, "training on one batch");

    let mut optimizer = Adam::new(0.001);
    let mut batches = data.batches(32).shuffled(Seed(1)).epochs(usize::MAX);
    let classification = calls_in(7_000, |_| {
        let batch = batches.next().expect("epochs without end");
        let tape = Tape::training(&params, batch.seed());
        let loss = model.forward(tape.input(&batch.x)).cross_entropy(&batch.y);
        let penalty = tape.keep(tape.penalty());
        let gradients = tape.backward(loss + penalty);
        assert!(tape.item(penalty) > 0.0);
        optimizer.step(&mut params, &gradients);
    });
    assert_eq!(classification, 0, "training on shuffled batches");

    let kernels = |entry: &gradtape::params::Entry| entry.role == Role::Weight;
    let adam = AdamW::new(0.001)
        .clip(Clip::norm(1.0))
        .exempt_biases_and_normalization()
        .group(Group::new("last", |entry| entry.name.starts_with("last/")).rate_factor(0.5));
    let constrained = Constrained::new(adam, kernels, Constraint::MaxNorm(3.0));
    let averaged = Averaged::new(Lookahead::new(constrained, 5, 0.5), Average::exponential(0.99));
    let mut wrapped = Accumulate::new(averaged, 2);
    let composed = calls_in(2_000, |i| {
        let tape = Tape::training(&params, Seed(i as u64));
        let loss = model.forward(tape.input(&first.x)).cross_entropy(&first.y);
        let gradients = tape.backward(loss);
        wrapped.step(&mut params, &gradients);
    });
    assert_eq!(composed, 0, "training with all that there is around an optimizer");

    let inference = calls_in(10_000, |_| {
        let tape = Tape::inference(&params);
        let loss = model.forward(tape.input(&first.x)).cross_entropy(&first.y);
        assert!(tape.item(loss).is_finite());
    });
    assert_eq!(inference, 0, "forward only");

    let alternating = calls_in(1_000, |i| {
        let rows = if i % 5 == 4 { &data.batch(0..16) } else { &first };
        let tape = Tape::training(&params, Seed(i as u64));
        let loss = model.forward(tape.input(&rows.x)).cross_entropy(&rows.y);
        let gradients = tape.backward(loss);
        optimizer.step(&mut params, &gradients);
    });
    // The smaller batch itself is two tensors and which rows they are of, each a list and its
    // count; no plan is made again.
    assert!(alternating <= 200 * 6, "a smaller last batch: {alternating} calls");

    let mut params = Params::new(Seed(0));
    let filter = params.add(Parameter::new("filter", [3, 1, 3, 3]).init(HeNormal));
    let scale = params.add(Parameter::new("scale", [3, 1, 1]).init(Ones));
    let shift = params.add(Parameter::new("shift", [3, 1, 1]));
    let output = Dense::new(3, 3).build(&mut params, "output");
    let images = Tensor::from_fn([8, 1, 7, 7], |i| (i as f32 * 0.37).sin());
    let mut optimizer = Adam::new(0.001);
    let net = Convolutional { filter, scale, shift, output };
    let convolution = calls_in(10_000, |i| {
        let tape = Tape::training(&params, Seed(i as u64));
        let gradients = tape.backward(net.forward(tape.input(&images)).square().mean(..));
        optimizer.step(&mut params, &gradients);
    });
    assert_eq!(convolution, 0, "training with convolutions and normalization");

    let convolution = calls_in(10_000, |_| {
        let tape = Tape::inference(&params);
        assert!(tape.item(net.forward(tape.input(&images)).square().mean(..)).is_finite());
    });
    assert_eq!(convolution, 0, "forward only with convolutions and normalization");

    let mut params = Params::<f32>::new(Seed(0));
    let model = Dense::new(50, 3).build(&mut params, "texts");
    // Texts of up to a dozen words: no two batches have the same number of entries.
    let words = |row: u32| (0..row * row % 13).map(move |i| (row * 7 + i * i) % 50);
    let texts =
        SparseRows::multi_hot(50, (0..examples as u32).map(|row| Vec::from_iter(words(row))))
            .expect("words below 50");
    let labels = Indices::from((0..examples as u32).map(|row| row % 3).collect::<Vec<_>>());
    let data = Dataset::new(texts, labels).expect("as many labels as texts");
    let mut batches = data.batches(32).shuffled(Seed(1)).epochs(usize::MAX);
    let mut optimizer = Adam::new(0.001);
    let sparse = calls_in(2_000, |_| {
        let batch = batches.next().expect("epochs without end");
        let tape = Tape::training(&params, batch.seed());
        let scores = model.forward(tape.input(&batch.x));
        let gradients = tape.backward(scores.cross_entropy(&batch.y));
        optimizer.step(&mut params, &gradients);
    });
    assert_eq!(sparse, 0, "training on sparse rows");

    let mut params = Params::new(Seed(0));
    let model = Sequential::new()
        .then(Conv2d::new(1, 4, 3).padding(1).no_bias().build(&mut params, "filters"))
        .then(BatchNorm::new(4).build(&mut params, "norm"))
        .then(Relu)
        .then(SpatialDropout(0.1))
        .then(FractionalMaxPool2d::new(FractionalPooling::random(1.4).overlapping()))
        .then(Residual::new(GroupNorm::new(2, 4).build(&mut params, "groups")))
        .then(Flatten)
        .then(GaussianDropout(0.1))
        .then(ActivationPenalty::new(L1(1e-4)))
        .then(DropConnect::new(100, 8, 0.3).build(&mut params, "connect"))
        .then(StochasticDepth::new(LayerNorm::new(8).build(&mut params, "layer"), 0.8));
    let mut optimizer = Adam::new(0.001);
    let layers = calls_in(1_000, |i| {
        let tape = Tape::training(&params, Seed(i as u64));
        let loss = model.forward(tape.input(&images)).square().mean(..);
        let gradients = tape.backward(loss + tape.penalty());
        optimizer.step(&mut params, &gradients);
    });
    assert_eq!(layers, 0, "training with noise and running statistics");

    let mut augment = Augment::new().shift(1).rotate(10.0).crop(6, 6).noise(0.1).erase(0.5, 0.2);
    let mut mixup = Mixup::new(0.2);
    let targets = Tensor::from_fn([8, 3], |i| (i % 5) as f32);
    let rate = OneCycle::new(0.1, 900).warmup(100) * CosineRestarts::new(1.0, 10).growth(1.5);
    let augmentation = calls_in(1_000, |i| {
        let x = augment.apply(&images, &[0, 1, 2, 3, 4, 5, 6, 7], Seed(i as u64));
        let (x, targets) = mixup.apply(&x, &targets, Seed(i as u64));
        assert!(x.shape()[0] == targets.shape()[0] && rate.at(i as u64) >= 0.0);
    });
    assert_eq!(augmentation, 0, "augmentation and schedules");
}
