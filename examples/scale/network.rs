//! A network whose size can be anything, the time of its training step, and the least that it
//! could be.

use std::fs;
use std::time::{Duration, Instant};

use gradtape::prelude::*;

use super::machine::{Machine, Work};

const CLASSES: usize = 10;

/// What is varied.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// Inputs, and units of each hidden layer.
    pub(super) width: usize,
    /// Hidden layers.
    pub(super) depth: usize,
    /// Examples in a batch.
    pub(super) batch: usize,
}

fn network(size: Size, params: &mut Params) -> Sequential {
    let mut model = Sequential::new();
    for layer in 1..=size.depth {
        let hidden = Dense::new(size.width, size.width).init(HeUniform);
        model = model.then(hidden.build(params, &format!("hidden{layer}"))).then(Relu);
    }
    model.then(Dense::new(size.width, CLASSES).build(params, "output"))
}

impl Size {
    pub(super) fn parameters(self) -> usize {
        let Self { width, depth, .. } = self;
        depth * (width + 1) * width + (width + 1) * CLASSES
    }

    /// About how much memory training needs: weights, gradients and momenta; the values of all
    /// layers, and their gradients.
    pub(super) fn bytes(self) -> usize {
        let values = self.batch * self.width * (self.depth + 1);
        (3 * self.parameters() + 2 * values) * size_of::<f32>()
    }

    /// The operations of all matrix products of a step: one for the values, two for the gradients,
    /// but the first layer's inputs need none.
    pub(super) fn flops(self) -> usize {
        let Self { width, batch, .. } = self;
        6 * batch * self.parameters() - 2 * batch * width * width
    }

    /// The least seconds of a step on a machine: forward pass, backward pass and update come one after
    /// the other, and each has to go through all weights.
    pub(super) fn least_time(self, machine: &Machine) -> f64 {
        let n = self.parameters();
        let forward = Work { flops: 2 * self.batch * n, read: n, written: 0 };
        let backward = Work { flops: self.flops() - forward.flops, read: n, written: n };
        let update = Work { flops: 4 * n, read: 3 * n, written: 2 * n };
        [forward, backward, update].into_iter().map(|work| machine.bound(work).0).sum()
    }
}

/// What was measured of a size.
pub(super) struct Step {
    pub(super) size: Size,
    /// Seconds of a whole step, and of the update at its end.
    pub(super) time: f64,
    pub(super) update: f64,
    /// The process's largest memory in bytes, where the operating system tells.
    pub(super) memory: Option<f64>,
}

impl Step {
    /// Medians over as many steps as fit into this time, at least three.
    pub(super) fn measure(size: Size, time: Duration) -> Self {
        forget_peak_memory();
        let mut params = Params::new(Seed(1));
        let model = network(size, &mut params);
        let x = Tensor::from_fn([size.batch, size.width], |i| (i % 17) as f32 / 8.0 - 1.0);
        let labels = Indices::from((0..size.batch as u32).map(|i| i % 10).collect::<Vec<_>>());
        let mut optimizer = Momentum::new(1e-4);

        let (mut times, mut updates) = (Vec::new(), Vec::new());
        let mut start = Instant::now();
        for step in 0.. {
            let before = Instant::now();
            let tape = Tape::training(&params, Seed(step));
            let gradients = tape.backward(model.forward(tape.input(&x)).cross_entropy(&labels));
            drop(tape);
            let passed = before.elapsed();
            optimizer.step(&mut params, &gradients);
            // The first step plans, and gets its memory.
            if step == 0 {
                start = Instant::now();
                continue;
            }
            times.push(before.elapsed().as_secs_f64());
            updates.push((before.elapsed() - passed).as_secs_f64());
            if times.len() >= 3 && start.elapsed() > time {
                break;
            }
        }
        let memory = peak_memory();
        Self { size, time: median(times), update: median(updates), memory }
    }

    /// Operations in a second.
    pub(super) fn rate(&self) -> f64 {
        self.size.flops() as f64 / self.time
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Lets the process's largest memory be counted from now on, where the operating system can.
fn forget_peak_memory() {
    // Elsewhere there is no such file, and nothing to be read later.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn peak_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0)
}
