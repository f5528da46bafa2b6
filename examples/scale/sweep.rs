//! Steps of networks that grow in one direction, as drawings and as a table.

use std::time::Duration;

use gradtape::Error;
use gradtape::report::{Chart, Figure, Run, Section, Table};

use super::machine::Machine;
use super::network::{Size, Step};

/// Steps by rising size.
pub(super) struct Sweep {
    /// What is varied.
    name: &'static str,
    of: fn(Size) -> usize,
    steps: Vec<Step>,
}

/// Sizes are doubled until the next step would take too long or too much memory.
pub(super) struct Limits {
    pub(super) step: f64,
    pub(super) bytes: usize,
    /// For how long each size is measured.
    pub(super) each: Duration,
}

impl Sweep {
    pub(super) fn run(
        name: &'static str,
        sizes: impl Fn(usize) -> Size,
        of: fn(Size) -> usize,
        limits: &Limits,
    ) -> Self {
        println!("{name:>6}  {:>11}  {:>12}  {:>8}", "parameters", "step", "GFLOP/s");
        let mut steps: Vec<Step> = Vec::new();
        for size in (0..).map(|power| sizes(1 << power)) {
            let expected = steps
                .last()
                .map_or(0.0, |last| last.time * size.flops() as f64 / last.size.flops() as f64);
            if expected > limits.step || size.bytes() > limits.bytes {
                break;
            }
            let step = Step::measure(size, limits.each);
            let (time, rate) = (duration(step.time), step.rate() / 1e9);
            println!("{:>6}  {:>11}  {time:>12}  {rate:>8.2}", of(size), size.parameters());
            steps.push(step);
        }
        Self { name, of, steps }
    }

    pub(super) fn at(&self, size: usize) -> Option<&Step> {
        self.steps.iter().find(|step| (self.of)(step.size) == size)
    }

    pub(super) fn largest(&self) -> &Step {
        self.steps.last().expect("the smallest size is never too large")
    }

    fn points<'a>(
        &'a self,
        value: impl Fn(&Step) -> f64 + 'a,
    ) -> impl Iterator<Item = (f64, f64)> + 'a {
        self.steps.iter().map(move |step| ((self.of)(step.size) as f64, value(step)))
    }

    /// The smallest size from which on a step's time is less than twice the least.
    fn reaches_roofline(&self, machine: &Machine) -> Option<f64> {
        let far = |step: &Step| step.time > 2.0 * step.size.least_time(machine);
        let first = self.steps.iter().rposition(far).map_or(0, |last| last + 1);
        Some((self.of)(self.steps.get(first)?.size) as f64)
    }

    fn time_chart(&self, machine: &Machine) -> Chart {
        Chart::new(format!("Time of a step by {}", self.name))
            .x(self.name)
            .y("seconds")
            .log_x()
            .log_y()
            .line("whole step", self.points(|step| step.time))
            .line("its update", self.points(|step| step.update))
            .line("roofline", self.points(|step| step.size.least_time(machine)))
    }

    fn rate_chart(&self, machine: &Machine) -> Chart {
        let least = |step: &Step| step.size.flops() as f64 / step.size.least_time(machine);
        let chart = Chart::new(format!("Operations in a second by {}", self.name))
            .x(self.name)
            .y("GFLOP/s")
            .log_x()
            .log_y()
            .line("measured", self.points(|step| step.rate() / 1e9))
            .line("roofline", self.points(move |step| least(step) / 1e9))
            .level(machine.peak / 1e9, "peak");
        match self.reaches_roofline(machine) {
            Some(size) => chart.mark(size, "half of the roofline"),
            None => chart,
        }
    }

    fn table(&self, machine: &Machine) -> Table {
        let columns =
            ["parameters", "step", "update", "GFLOP/s", "of roofline", "of peak", "memory in MB"];
        let mut table = Table::new([self.name].into_iter().chain(columns));
        for step in &self.steps {
            let least = step.size.least_time(machine);
            table.row([
                (self.of)(step.size).to_string(),
                step.size.parameters().to_string(),
                duration(step.time),
                duration(step.update),
                format!("{:.2}", step.rate() / 1e9),
                format!("{:.0} %", 100.0 * least / step.time),
                format!("{:.1} %", 100.0 * step.rate() / machine.peak),
                step.memory.map_or_else(String::new, |bytes| format!("{:.0}", bytes / 1e6)),
            ]);
        }
        table
    }

    /// Appends drawings and numbers, and saves the drawings.
    pub(super) fn add_to(
        &self,
        section: Section,
        run: &Run,
        machine: &Machine,
        text: &str,
    ) -> Result<Section, Error> {
        let (time, rate) = (self.time_chart(machine), self.rate_chart(machine));
        time.save(run.folder().join(format!("time_by_{}.svg", self.name)))?;
        rate.save(run.folder().join(format!("rate_by_{}.svg", self.name)))?;
        let section = section.heading(format!("By {}", self.name)).text(text);
        let section = section.figure(time, "Time of a step, and the least that it could be.");
        Ok(section
            .figure(rate, "The same as operations of matrix products in a second.")
            .table(self.table(machine)))
    }
}

/// Seconds in a unit that suits.
fn duration(seconds: f64) -> String {
    match seconds {
        ..1e-3 => format!("{:.1} µs", 1e6 * seconds),
        ..1.0 => format!("{:.2} ms", 1e3 * seconds),
        _ => format!("{seconds:.2} s"),
    }
}
