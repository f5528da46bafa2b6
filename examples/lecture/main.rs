//! The lecture *Training Process Improvements*, run: every experiment, every claim measured, and a
//! page of pictures, `target/lecture/index.html`.
//!
//! It takes about four minutes on two cores, with `--quick` one; what is done so far is on the page
//! meanwhile. Each experiment is also an example of its own.

use std::process::ExitCode;

use gradtape::report::Experiments;

// `main` of each is for running it alone.
#[allow(dead_code)]
#[path = "../capacity/main.rs"]
mod capacity;
#[allow(dead_code)]
#[path = "../dropconnect/main.rs"]
mod dropconnect;
#[allow(dead_code)]
#[path = "../dropout/main.rs"]
mod dropout;
#[allow(dead_code)]
#[path = "../early_stopping.rs"]
mod early_stopping;
#[allow(dead_code)]
#[path = "../initialization/main.rs"]
mod initialization;
#[allow(dead_code)]
#[path = "../model_results.rs"]
mod model_results;
#[allow(dead_code)]
#[path = "../noise/main.rs"]
mod noise;
#[allow(dead_code)]
#[path = "../optimizers/main.rs"]
mod optimizers;
#[allow(dead_code)]
#[path = "../weight_penalties/main.rs"]
mod weight_penalties;

fn main() -> ExitCode {
    let experiments = Experiments::new("Training process improvements", "target/lecture").introduction(
        "Each claim of the lecture, measured over several seeds. A difference counts only if its mean \
         over the seeds, each run both ways, is more than twice its standard error; figures are \
         means ± standard deviations between seeds.",
    );
    experiments
        .command("cargo run --release --example")
        .add("optimizers", optimizers::experiment)
        .add("initialization", initialization::experiment)
        .add("capacity", capacity::experiment)
        .add("early_stopping", early_stopping::experiment)
        .add("weight_penalties", weight_penalties::experiment)
        .add("dropout", dropout::experiment)
        .add("dropconnect", dropconnect::experiment)
        .add("noise", noise::experiment)
        .add("model_results", model_results::experiment)
        .main()
}
