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
    let memory = resident();
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
        last.forward(second.forward(hidden).relu())
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

/// One test, because the counter counts for the whole process.
#[test]
fn steady_loops_make_no_call_to_the_allocator() {
    let mut params = Params::new(Seed(0));
    let model = model(&mut params);
    let examples = 32 * 7;
    let x = Tensor::from_fn([examples, 2], |i| (i as f32 * 0.37).sin());
    let y = Tensor::from_fn([32, 3], |i| (i as f32 * 0.73).cos());
    let labels: Vec<u32> = (0..examples as u32).map(|i| i % 3).collect();
    let data = Dataset::new(x, labels.into()).expect("as many labels as examples");
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
    // The smaller batch itself is two tensors, each a list and its count; no plan is made again.
    assert!(alternating <= 200 * 4, "a smaller last batch: {alternating} calls");

    let mut params = Params::new(Seed(0));
    let filter = params.add(Parameter::new("filter", [3, 1, 3, 3]).init(HeNormal));
    let output = Dense::new(3, 3).build(&mut params, "output");
    let images = Tensor::from_fn([8, 1, 7, 7], |i| (i as f32 * 0.37).sin());
    let mut optimizer = Adam::new(0.001);
    let convolution = calls_in(2_000, |i| {
        let tape = Tape::training(&params, Seed(i as u64));
        let hidden = tape.input(&images).conv2d(tape.param(filter), Convolution::new().padding(1));
        let pooled = hidden.relu().max_pool2d(2).avg_pool2d(Pooling::new(2).stride(1));
        let scores = output.forward(pooled.global_avg_pool2d());
        let gradients = tape.backward(scores.square().mean(..));
        optimizer.step(&mut params, &gradients);
    });
    assert_eq!(convolution, 0, "training with convolutions");

    let mut augment = Augment::new().shift(1).rotate(10.0).crop(6, 6).noise(0.1).erase(0.5, 0.2);
    let mut mixup = Mixup::new(0.2, 3);
    let labels = Indices::from([0, 1, 2, 0, 1, 2, 0, 1]);
    let rate = OneCycle::new(0.1, 900).warmup(100) * CosineRestarts::new(1.0, 10).growth(1.5);
    let augmentation = calls_in(1_000, |i| {
        let x = augment.apply(&images, &[0, 1, 2, 3, 4, 5, 6, 7], Seed(i as u64));
        let (x, targets) = mixup.apply(&x, &labels, Seed(i as u64)).expect("three classes");
        assert!(x.shape()[0] == targets.shape()[0] && rate.at(i as u64) >= 0.0);
    });
    assert_eq!(augmentation, 0, "augmentation and schedules");
}
