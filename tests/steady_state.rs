//! A steady training loop allocates nothing and grows by nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

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
///
/// The test harness and the pool's threads each make a few calls of their own when they start,
/// which on a busy machine is late. So a loop that makes any is given two more tries; one that is
/// not steady makes them every time.
fn calls_in(steps: usize, mut step: impl FnMut(usize)) -> usize {
    (0..50).for_each(&mut step);
    let mut least = usize::MAX;
    for _ in 0..3 {
        let memory = resident();
        let calls = CALLS.load(Ordering::Relaxed);
        (50..50 + steps).for_each(&mut step);
        least = least.min(CALLS.load(Ordering::Relaxed) - calls);
        if let (Some(before), Some(after)) = (memory, resident()) {
            assert!(after <= before + 64, "memory grew from {before} to {after} kB");
        }
        if least == 0 {
            break;
        }
    }
    least
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
}
