//! The lecture *Training Process Improvements*, run: every experiment, every claim measured, and a
//! page of pictures, `target/lecture/index.html`.
//!
//! `--quick` takes less than two minutes, all of it less than fifteen. Each experiment is also an
//! example of its own.

use std::process::ExitCode;

use gradtape::report::Experiments;

// `main` of each is for running it alone.
#[allow(dead_code)]
#[path = "../early_stopping.rs"]
mod early_stopping;

#[allow(dead_code)]
#[path = "../dropconnect/main.rs"]
mod dropconnect;

#[allow(dead_code)]
#[path = "../noise/main.rs"]
mod noise;

fn main() -> ExitCode {
    let experiments = Experiments::new(
        "Training process improvements",
        "Each claim of the lecture, measured over several seeds. A difference counts only if its mean \
         over the seeds, each run both ways, is more than twice its standard error; figures are \
         means ± standard deviations between seeds.",
        "target/lecture",
    );
    experiments
        .command("cargo run --release --example")
        .add("early_stopping", early_stopping::experiment)
        .add("dropconnect", dropconnect::experiment)
        .add("noise", noise::experiment)
        .main()
}
