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
//! | `imdb` | dense 10000-16-16-1, ReLU, dropout; 120 ones a row | 512 | binary cross-entropy | RMSProp |
//! | `imdb_sparse` | the same with the rows given sparse | 512 | binary cross-entropy | RMSProp |
//! | `deep_tanh` | ten dense layers 500-500, tanh, then 500-10 | 256 | cross-entropy | Nesterov |
//! | `cifar_mlp` | dense 3072-1024-512-10, batch normalization, ReLU | 128 | cross-entropy | Adam |
//! | `cnn` | conv 3x3x32, pool, conv 3x3x64, pool, dense 1600-64-10, dropout | 64 | cross-entropy | Adam |
//!
//! One synthetic batch is made beforehand and used in every step. Each workload runs for at least
//! 2 seconds after 1 second of warm-up. `--check` prints losses instead of times, so that it can be
//! seen that two programs do equal work.

mod workload;

use std::time::{Duration, Instant};

use gradtape::prelude::*;
use workload::{WORKLOADS, Workload};

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

/// Times the steps of a workload.
fn time(id: &str, args: &Args) -> Result<(), String> {
    let mut workload = Workload::new(id, args.dropout);
    let start = Instant::now();
    let mut done = 0;
    while done < 3 || start.elapsed() < Duration::from_secs(1) {
        workload.step();
        done += 1;
    }
    // Now: the times below take memory of their own, the more the faster the steps are.
    let peak = peak_rss_mb();
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
         \"peak_rss_mb\": {peak:.1}, \"loss\": {loss:e}}}",
        args.threads, times[0]
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
        workload.parameters(),
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
