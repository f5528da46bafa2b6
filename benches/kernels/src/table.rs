//! How far each kernel is from what the machine can do.

use std::fmt;

use crate::machine::{Limit, Machine};
use crate::suite::Timing;

/// All times, compared with the machine's roofline.
pub(crate) struct Table<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) timings: &'a [Timing],
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.machine)?;
        let width = self.timings.iter().map(|timing| timing.name.len()).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  {:>10}  {:>8}  {:>7}  {:>6}  of roofline",
            "kernel", "median", "GFLOP/s", "GB/s", "limit"
        )?;
        for Timing { name, work, seconds } in self.timings {
            let (bound, limit) = self.machine.bound(*work);
            let limit = match limit {
                Limit::Arithmetic => "peak",
                Limit::Memory => "memory",
            };
            writeln!(
                f,
                "{name:width$}  {:>7.1} µs  {:>8.1}  {:>7.1}  {limit:>6}  {:>9.0} %",
                1e6 * seconds,
                work.flops as f64 / seconds / 1e9,
                work.bytes() as f64 / seconds / 1e9,
                100.0 * bound / seconds,
            )?;
        }
        Ok(())
    }
}
