//! What the machine can do at best: its peak of arithmetic, by a loop of multiply-adds in registers
//! on all threads, and the bandwidth of each level of its memory, by a sum and an update.

mod wide;

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The least that has to be done.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    /// Floating-point operations.
    pub(crate) flops: usize,
    /// Numbers read and numbers written.
    pub(crate) read: usize,
    pub(crate) written: usize,
}

impl Work {
    pub(crate) fn bytes(self) -> usize {
        (self.read + self.written) * size_of::<f32>()
    }
}

/// Best rates, of all threads together.
pub(crate) struct Machine {
    /// Floating-point operations in a second, a fused multiply-add being two.
    pub(crate) peak: f64,
    /// In order of size.
    levels: Vec<Level>,
}

/// The bandwidth at which so many bytes, read over and over again, arrive.
struct Level {
    bytes: usize,
    /// Bytes in a second of a sum.
    read: f64,
    /// Bytes in a second of an update `a += s b`, two read for one written. Results that are written
    /// elsewhere come no faster, since what they overwrite is read first.
    update: f64,
}

/// What it is that a kernel cannot be faster for.
pub(crate) enum Limit {
    Arithmetic,
    Memory,
}

impl Machine {
    pub(crate) fn measure() -> Self {
        let level = |power: u32| Level { bytes: 1_usize << power, read: 0.0, update: 0.0 };
        let mut machine = Self { peak: 0.0, levels: (16..=28).step_by(2).map(level).collect() };
        machine.measure_again();
        machine
    }

    /// Keeps the better of each rate: other programs, and others on the same hardware, come and go.
    pub(crate) fn measure_again(&mut self) {
        self.peak = self.peak.max(peak());
        self.levels.iter_mut().for_each(Level::measure);
    }

    /// The least time that the work takes, and what that is due to. The memory is taken to be as
    /// fast as it is for the next smaller size measured, so that this is a bound.
    pub(crate) fn bound(&self, work: Work) -> (f64, Limit) {
        let bytes = work.bytes();
        let fits = self.levels.iter().rfind(|level| level.bytes <= bytes);
        let level = fits.unwrap_or(&self.levels[0]);
        let mostly_read = work.read > 4 * work.written;
        let bandwidth = if mostly_read { level.read } else { level.update };
        let (arithmetic, memory) = (work.flops as f64 / self.peak, bytes as f64 / bandwidth);
        if arithmetic > memory { (arithmetic, Limit::Arithmetic) } else { (memory, Limit::Memory) }
    }
}

impl Level {
    fn measure(&mut self) {
        let len = self.bytes / size_of::<f32>() / rayon::current_num_threads();
        let read = best_rate(|| {
            let a = vec![1.0; len];
            move || {
                black_box(wide::sum(black_box(&a)));
                size_of_val(&a[..])
            }
        });
        let update = best_rate(|| {
            let (mut a, b) = (vec![0.0; len / 2], vec![1.0; len / 2]);
            move || {
                wide::update(black_box(&mut a), &b, 0.5);
                3 * size_of_val(&a[..])
            }
        });
        self.read = self.read.max(read);
        self.update = self.update.max(update);
    }
}

/// The peak of arithmetic.
fn peak() -> f64 {
    best_rate(|| || wide::multiply_adds(black_box(4096)))
}

/// The highest rate, in units in a second, of many runs of a step that says how many units it was,
/// on all threads at once.
fn best_rate<S: FnMut() -> usize>(prepare: impl Fn() -> S + Sync) -> f64 {
    /// How long to try.
    const TRIAL: Duration = Duration::from_millis(60);
    /// Runs shorter than this are timed several at a time.
    const SHORT: Duration = Duration::from_micros(20);
    let rates = rayon::broadcast(|_| {
        let mut step = prepare();
        // The first run meets memory that it has not been given yet.
        step();
        let (start, mut best, mut runs) = (Instant::now(), 0.0_f64, 0);
        while start.elapsed() < TRIAL || runs < 3 {
            let (before, mut units) = (Instant::now(), step());
            while before.elapsed() < SHORT {
                units += step();
            }
            best = best.max(units as f64 / before.elapsed().as_secs_f64());
            runs += 1;
        }
        best
    });
    rates.iter().sum()
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = rayon::current_num_threads();
        writeln!(f, "threads: {threads}, peak: {:.1} GFLOP/s in multiply-adds", self.peak / 1e9)?;
        for Level { bytes, read, update } in &self.levels {
            let (read, update) = (read / 1e9, update / 1e9);
            writeln!(f, "{:>7} KiB: {read:6.1} GB/s read, {update:6.1} GB/s update", bytes / 1024)?;
        }
        Ok(())
    }
}
