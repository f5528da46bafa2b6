//! The time of each kernel, and how far it is from what the machine can do.
//!
//! ```text
//! cargo bench -p gradtape-kernels [-- FILTER]
//! ```
//!
//! Each bench runs one operation, or one chain of them, on a tape as a user would: what is timed
//! includes the recording and the search for its plan, a few microseconds (bench `dispatch`). In
//! a `gradient` bench the value is computed, multiplied by a tensor, summed up, and the gradient
//! of that sum computed with respect to all inputs.
//!
//! At the end a table compares each median with the machine's roofline (S. Williams et al., 2009):
//! a kernel of so many floating-point operations that has to read and write so many bytes takes at
//! least the time that either takes at the machine's best rate, measured by [`machine`] before
//! and after. What is counted is the least that has to be done, not what our kernels do: every
//! input read once, every result written once. The peak is that of fused multiply-adds, which only
//! matrix products use: all else gives the same bits on every processor, and reaches half at best.
//!
//! | folder of `target/criterion` | kernels |
//! |---|---|
//! | `product` | matrix products, square, of layers, thin, transposed |
//! | `elementwise` | fused chains, elementary functions, dropout |
//! | `reduction` | sums, softmax, layer and batch normalization |
//! | `image` | convolution and max-pooling |
//! | `optimizer` | updates of a million parameters |
//!
//! All in one thread, unless `RAYON_NUM_THREADS` says otherwise. The whole takes two minutes.

mod elementwise;
mod image;
#[path = "../../../examples/scale/machine/mod.rs"]
mod machine;
mod optimizer;
mod product;
mod reduction;
mod suite;
mod table;

use machine::Machine;
use suite::Suite;

fn main() {
    let threads = std::env::var("RAYON_NUM_THREADS").ok().and_then(|threads| threads.parse().ok());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(1));
    pool.build_global().expect("nothing has run on the threads so far");

    let mut machine = Machine::measure();
    let mut suite = Suite::new();
    suite.family("product", product::bench);
    suite.family("elementwise", elementwise::bench);
    suite.family("reduction", reduction::bench);
    suite.family("image", image::bench);
    suite.family("optimizer", optimizer::bench);
    let timings = suite.finish();
    if !timings.is_empty() {
        machine.measure_again();
        println!("{}", table::Table { machine: &machine, timings: &timings });
    }
}
