//! The time of whole training steps (forward, loss, backward, update), one JSON line a workload.
//!
//! ```text
//! cargo bench --bench training_step -- [--threads N] [--only ID] [--check] [--no-dropout]
//! ```
//!
//! | workload | model | batch | loss | optimizer |
//! |---|---|---|---|---|
//! | `tiny` | dense 2-16-16-1, ReLU | 32 | mean squared error | momentum |
//! | `mlp` | dense 784-512-10, ReLU | 128 | softmax cross-entropy | RMSProp |
//! | `mlp_reg` | `mlp` with an L2 penalty and dropout | 128 | cross-entropy + penalty | RMSProp |
//! | `deep_tanh` | ten dense layers 500-500, tanh, then 500-10 | 256 | cross-entropy | Nesterov |
//!
//! One synthetic batch is made beforehand and used in every step. Each workload runs for at least
//! 2 seconds after 1 second of warm-up. `--check` prints losses instead of times, so that it can be
//! seen that two programs do equal work.

use std::time::{Duration, Instant};

use gradtape::prelude::*;

const WORKLOADS: [&str; 4] = ["tiny", "mlp", "mlp_reg", "deep_tanh"];

struct Args {
    threads: usize,
    only: Option<String>,
    check: bool,
    dropout: bool,
}

impl Args {
    fn parse() -> Result<Self, String> {
        let mut args = Self { threads: 1, only: None, check: false, dropout: true };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match &word[..] {
                "--threads" => {
                    let threads = value()?.parse::<usize>().ok().filter(|&n| n > 0);
                    args.threads = threads.ok_or("--threads needs a positive number")?;
                }
                "--only" => {
                    let id = value()?;
                    if !WORKLOADS.contains(&&id[..]) {
                        return Err(format!(
                            "no workload {id}; there are {}",
                            WORKLOADS.join(", ")
                        ));
                    }
                    args.only = Some(id);
                }
                "--check" => args.check = true,
                "--no-dropout" => args.dropout = false,
                // What cargo itself adds.
                "--bench" => {}
                _ => return Err(format!("unknown argument {word}")),
            }
        }
        Ok(args)
    }
}

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

    /// A tensor of numbers in `low..high`.
    fn tensor(&mut self, shape: [usize; 2], low: f32, high: f32) -> Tensor {
        Tensor::from_fn(shape, |_| self.uniform(low, high))
    }
}

/// What a step's predictions are compared with.
enum Targets {
    Numbers(Tensor),
    Labels(Indices),
}

struct Workload {
    params: Params,
    layers: Vec<(ParamId, ParamId)>,
    activation: fn(Var<'_>) -> Var<'_>,
    dropout: f64,
    optimizer: Box<dyn Optimizer>,
    x: Tensor,
    targets: Targets,
    step: u64,
}

impl Workload {
    fn new(id: &str, dropout: bool) -> Self {
        let (rows, widths) = match id {
            "tiny" => (32, vec![2, 16, 16, 1]),
            "deep_tanh" => (256, [vec![500; 11], vec![10]].concat()),
            _ => (128, vec![784, 512, 10]),
        };
        let mut noise = Noise(1);
        let x = noise.tensor([rows, widths[0]], 0.0, 1.0);
        let targets = if id == "tiny" {
            Targets::Numbers(noise.tensor([rows, 1], 0.0, 1.0))
        } else {
            let labels: Vec<u32> = (0..rows).map(|_| (noise.next() % 10) as u32).collect();
            Targets::Labels(labels.into())
        };

        let mut noise = Noise(2);
        let mut params = Params::new(Seed(0));
        let mut layers = Vec::new();
        for (i, width) in widths.windows(2).enumerate() {
            let (inputs, outputs) = (width[0], width[1]);
            let limit = (6.0 / (inputs + outputs) as f32).sqrt();
            let values = noise.tensor([inputs, outputs], -limit, limit);
            let mut kernel = Parameter::new(format!("{i}/kernel"), [inputs, outputs]);
            if id == "mlp_reg" {
                // λ Σ w², without the half.
                kernel = kernel.penalty(L2(2.0 * 0.001));
            }
            let kernel = params.add(kernel);
            params.values_mut(kernel).copy_from_slice(values.data());
            layers.push((kernel, params.add(Parameter::new(format!("{i}/bias"), [outputs]))));
        }
        let optimizer: Box<dyn Optimizer> = match id {
            "tiny" => Box::new(Momentum::new(0.01).momentum(0.9)),
            "deep_tanh" => Box::new(Nesterov::new(0.01).momentum(0.9)),
            _ => Box::new(RmsProp::new(0.001).rho(0.9).eps(1e-7)),
        };
        Self {
            params,
            layers,
            activation: if id == "deep_tanh" { |x| x.tanh() } else { |x| x.relu() },
            dropout: if id == "mlp_reg" && dropout { 0.5 } else { 0.0 },
            optimizer,
            x,
            targets,
            step: 0,
        }
    }

    fn loss<'t>(&self, tape: &'t Tape<'_>) -> Var<'t> {
        let mut y = tape.input(&self.x);
        for (i, &(kernel, bias)) in self.layers.iter().enumerate() {
            y = y.matmul(tape.param(kernel)) + tape.param(bias);
            if i + 1 < self.layers.len() {
                y = (self.activation)(y).dropout(self.dropout);
            }
        }
        let loss = match &self.targets {
            Targets::Numbers(targets) => y.mean_squared_error(tape.input(targets)),
            Targets::Labels(labels) => y.cross_entropy(labels),
        };
        loss + tape.penalty()
    }

    fn step(&mut self) -> f32 {
        let tape = Tape::training(&self.params, Seed(self.step));
        let gradients = tape.backward(self.loss(&tape));
        drop(tape);
        self.optimizer.step(&mut self.params, &gradients);
        self.step += 1;
        gradients.loss()
    }

    /// The loss of a forward pass without an update.
    fn probe(&self, seed: Seed) -> f32 {
        let tape = Tape::training(&self.params, seed);
        tape.item(self.loss(&tape))
    }
}

/// Times the steps of a workload.
fn time(id: &str, args: &Args) -> Result<(), String> {
    let mut workload = Workload::new(id, args.dropout);
    let start = Instant::now();
    let mut done = 0;
    while done < 3 || start.elapsed() < Duration::from_secs(1) {
        workload.step();
        done += 1;
    }
    let mut times = Vec::new();
    let mut loss = f32::NAN;
    let start = Instant::now();
    while times.len() < 30 || start.elapsed() < Duration::from_secs(2) {
        let before = Instant::now();
        loss = workload.step();
        times.push(before.elapsed().as_nanos() as f64 / 1000.0);
    }
    if !loss.is_finite() {
        return Err(format!("{id}: the loss is {loss} after {} steps", done + times.len()));
    }
    times.sort_by(f64::total_cmp);
    let n = times.len();
    let median = (times[(n - 1) / 2] + times[n / 2]) / 2.0;
    println!(
        "{{\"framework\": \"gradtape\", \"workload\": \"{id}\", \"threads\": {}, \
         \"median_us\": {median:.2}, \"min_us\": {:.2}, \"steps\": {n}, \
         \"peak_rss_mb\": {:.1}, \"loss\": {loss:e}}}",
        args.threads,
        times[0],
        peak_rss_mb()
    );
    Ok(())
}

/// Prints the number of parameters and the losses at some steps.
fn check(id: &str, args: &Args) -> Result<(), String> {
    let mut workload = Workload::new(id, args.dropout);
    let probes = [workload.probe(Seed(1)), workload.probe(Seed(2))];
    let losses: Vec<f32> = (0..=120).map(|_| workload.step()).collect();
    let shown: Vec<String> =
        [0, 1, 2, 5, 10, 20, 50, 120].iter().map(|&i| format!("{:.6}", losses[i])).collect();
    println!(
        "{{\"framework\": \"gradtape\", \"workload\": \"{id}\", \"check\": true, \
         \"no_dropout\": {}, \"params\": {}, \"probes\": [{:.6}, {:.6}], \
         \"losses_at_0_1_2_5_10_20_50_120\": [{}]}}",
        !args.dropout,
        workload.params.flat().len(),
        probes[0],
        probes[1],
        shown.join(", ")
    );
    match losses.iter().position(|loss| !loss.is_finite()) {
        Some(step) => Err(format!("{id}: the loss is {} at step {step}", losses[step])),
        None => Ok(()),
    }
}

/// The process's largest memory so far, where the operating system tells.
fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}

fn main() -> Result<(), String> {
    let args = Args::parse()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads).build_global();
    pool.map_err(|error| error.to_string())?;
    let wanted = |id: &&&str| args.only.as_deref().is_none_or(|only| only == **id);
    for id in WORKLOADS.iter().filter(wanted) {
        if args.check { check(id, &args)? } else { time(id, &args)? }
    }
    Ok(())
}
