//! Benches as a user would run the kernels, by Criterion.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use gradtape::{Params, Seed, Tape, Tensor, Var};

use crate::machine::Work;

/// The time of a kernel.
pub(crate) struct Timing {
    pub(crate) name: String,
    pub(crate) work: Work,
    /// The median.
    pub(crate) seconds: f64,
}

pub(crate) struct Suite {
    criterion: Criterion,
    timings: Vec<Timing>,
}

impl Suite {
    pub(crate) fn new() -> Self {
        let criterion = Criterion::default()
            .output_directory(&output_directory())
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_millis(800))
            .sample_size(20)
            .nresamples(2000)
            .without_plots()
            .configure_from_args();
        Self { criterion, timings: Vec::new() }
    }

    /// Runs the benches of a family.
    pub(crate) fn family(&mut self, name: &'static str, bench: impl FnOnce(&mut Family<'_>)) {
        let mut group = self.criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat);
        let mut family = Family { name, group, timings: &mut self.timings };
        bench(&mut family);
        family.group.finish();
    }

    /// The times of all benches that ran, in order.
    pub(crate) fn finish(self) -> Vec<Timing> {
        self.criterion.final_summary();
        self.timings
    }
}

/// Where Criterion keeps what it measured.
fn output_directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("criterion")
}

/// Benches that are being run.
pub(crate) struct Family<'a> {
    name: &'static str,
    group: BenchmarkGroup<'a, WallTime>,
    timings: &'a mut Vec<Timing>,
}

impl Family<'_> {
    /// Times an operation's value.
    pub(crate) fn value<const N: usize>(
        &mut self,
        name: &str,
        work: Work,
        inputs: [Tensor; N],
        op: impl for<'t> Fn([Var<'t>; N]) -> Var<'t>,
    ) {
        let params = Params::new(Seed(0));
        self.time(name, work, || {
            let tape = Tape::training(&params, Seed(1));
            let _ = tape.keep(op(inputs.each_ref().map(|x| tape.input(x))));
            // Running for a number that needs nothing leaves what is kept in the tape's memory,
            // where a user's next operation would read it; reading it would copy it.
            tape.item(tape.scalar(0.0));
        });
    }

    /// Times an operation's value and the gradient with respect to all inputs of the sum of all
    /// its elements, each multiplied by another number.
    pub(crate) fn gradient<const N: usize>(
        &mut self,
        name: &str,
        work: Work,
        inputs: [Tensor; N],
        op: impl for<'t> Fn([Var<'t>; N]) -> Var<'t>,
    ) {
        let params = Params::new(Seed(0));
        let shape = {
            let tape = Tape::training(&params, Seed(1));
            op(inputs.each_ref().map(|x| tape.input(x))).shape()
        };
        let factors = tensor(shape);
        self.time(&format!("{name}, gradient"), work, || {
            let tape = Tape::training(&params, Seed(1));
            let inputs = inputs.each_ref().map(|x| tape.input(x));
            let sum = (op(inputs) * tape.input(&factors)).sum(..);
            for gradient in tape.gradient(sum, &inputs) {
                let _ = tape.keep(gradient);
            }
            tape.item(sum);
        });
    }

    /// Times a step of any kind.
    pub(crate) fn time(&mut self, name: &str, work: Work, mut step: impl FnMut()) {
        self.group.throughput(match work.flops {
            0 => Throughput::Bytes(work.bytes() as u64),
            flops => {
                Throughput::ElementsAndBytes { elements: flops as u64, bytes: work.bytes() as u64 }
            }
        });
        let start = SystemTime::now();
        self.group.bench_function(name, |bencher| bencher.iter(&mut step));
        let timing = |seconds| Timing { name: format!("{}/{name}", self.name), work, seconds };
        self.timings.extend(self.median(name, start).map(timing));
    }

    /// What Criterion has written of a bench since then: nothing if it was left out.
    fn median(&self, name: &str, since: SystemTime) -> Option<f64> {
        let path = output_directory().join(self.name).join(name).join("new/estimates.json");
        let modified = fs::metadata(&path).ok()?.modified().ok()?;
        let estimates = fs::read(path).ok().filter(|_| modified >= since)?;
        let estimates: serde_json::Value = serde_json::from_slice(&estimates).ok()?;
        Some(estimates["median"]["point_estimate"].as_f64()? / 1e9)
    }
}

/// Numbers between -2 and 2 in no order.
pub(crate) fn tensor(shape: impl Into<gradtape::Shape>) -> Tensor {
    Tensor::from_fn(shape, |i| (i.wrapping_mul(2_654_435_761) % 4096) as f32 / 1024.0 - 2.0)
}
