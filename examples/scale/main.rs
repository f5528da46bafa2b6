//! How the time of a training step grows with the width of a network, its depth and the batch, from
//! the smallest to the largest that fits; and how far that is from what the machine can do.
//!
//! ```text
//! cargo run --release --example scale [-- --quick]
//! ```
//!
//! Draws `target/scale/*.svg` and a page of them, `target/scale/index.html`, in a minute or so.

mod machine;
mod network;
mod sweep;

use std::process::ExitCode;
use std::time::Duration;

use gradtape::Error;
use gradtape::report::{Claim, Experiments, Run, Section};

use machine::Machine;
use network::Size;
use sweep::{Limits, Sweep};

/// The middle, from which one thing is varied at a time.
const MIDDLE: Size = Size { width: 256, depth: 4, batch: 128 };

fn experiment(run: &Run) -> Result<Section, Error> {
    let mut machine = Machine::measure();
    println!("{machine}");
    let limits = Limits {
        step: run.full_or_quick(2.0, 0.1),
        bytes: run.full_or_quick(4 << 30, 1 << 29),
        each: Duration::from_millis(run.full_or_quick(400, 100)),
    };
    let width = Sweep::run("width", |width| Size { width, ..MIDDLE }, |size| size.width, &limits);
    let depth = Sweep::run("depth", |depth| Size { depth, ..MIDDLE }, |size| size.depth, &limits);
    let wide = Size { width: 1024, ..MIDDLE };
    let batch = Sweep::run("batch", |batch| Size { batch, ..wide }, |size| size.batch, &limits);
    machine.measure_again();

    let section = Section::new("Scale").text(format!(
        "A training step of dense layers, ReLU between them, with momentum: forward pass, loss, \
         backward pass, update. Varied from {} layers of {} units and batches of {}; the batch \
         with layers of {} units. The roofline is what a step cannot be faster than on this \
         machine: forward pass, backward pass and update one after the other, each as long as its \
         multiply-adds take at the peak ({:.0} GFLOP/s on {} threads), or as reading and writing \
         weights and gradients takes at the bandwidth measured for as many bytes.",
        MIDDLE.depth,
        MIDDLE.width,
        MIDDLE.batch,
        wide.width,
        machine.peak / 1e9,
        rayon::current_num_threads(),
    ));
    let section = claims(section, &machine, [&width, &depth, &batch]);
    let section = width.add_to(section, run, &machine,
        "Narrow layers are limited by what a step costs however little there is to compute: \
         recording the tape, finding its plan, one call for each kernel. Work grows with the square \
         of the width, and soon there is enough of it.",
    )?;
    let section = depth.add_to(
        section,
        run,
        &machine,
        "Depth repeats the same products, so the curve is a straight line. It bends where weights, \
         gradients and momenta no longer fit into a cache: each step goes through all of them.",
    )?;
    batch.add_to(section, run, &machine,
        "In a small batch each weight that is read from memory meets few rows, and the update, which \
         needs the weight, its gradient and its momentum whatever the batch, takes most of the time: \
         the memory is the limit. Time hardly grows with the batch until the products take over.",
    )
}

/// What the curves are expected to show.
fn claims(section: Section, machine: &Machine, [width, depth, batch]: [&Sweep; 3]) -> Section {
    let growth = |sweep: &Sweep, from: usize, to: usize| {
        let time = |size| sweep.at(size).map_or(f64::NAN, |step| step.time);
        time(to) / time(from)
    };
    let (widest, deepest) = (width.largest(), depth.largest());
    let of_peak = widest.rate() / machine.peak;
    let of_roofline = widest.size.least_time(machine) / widest.time;
    let (layers, doubling) =
        (deepest.size.depth, growth(depth, deepest.size.depth / 2, deepest.size.depth));
    let (narrow, small) = (growth(width, 1, 16), growth(batch, 1, 8));
    section
        .claim(
            Claim::new("A wide network runs at more than half of the roofline", of_roofline > 0.5)
                .measured(format!(
                    "{:.0} % of it, {:.0} % of the peak, at a width of {}",
                    100.0 * of_roofline,
                    100.0 * of_peak,
                    widest.size.width
                )),
        )
        .claim(
            Claim::new("Twice the depth takes twice the time", (1.6..2.5).contains(&doubling))
                .measured(format!("{doubling:.2} times from {} layers to {layers}", layers / 2)),
        )
        .claim(
            Claim::new("A narrow network costs no more than a tiny one", narrow < 2.0)
                .measured(format!("a width of 16 takes {narrow:.2} times as long as one of 1")),
        )
        .claim(
            Claim::new("In small batches, more examples cost little", small < 2.0)
                .measured(format!("a batch of 8 takes {small:.2} times as long as one of 1")),
        )
}

fn main() -> ExitCode {
    Experiments::new("Scale", "target/scale")
        .command("cargo run --release --example")
        .add("scale", experiment)
        .main()
}
