//! Reverse-mode automatic differentiation and training on the CPU.
//!
//! You write a model in ordinary mathematics. It is recorded as a graph without numbers,
//! differentiated by rules written in that same mathematics, and run: in `f32` to train, in `f64`
//! to verify that the gradients are right.
//!
//! ```
//! use gradtape::prelude::*;
//!
//! // y = 3x - 1, with some noise
//! let x = Tensor::from_fn([64, 1], |i| i as f32 / 32.0 - 1.0);
//! let y = Tensor::from_fn([64, 1], |i| 3.0 * x.data()[i] - 1.0 + 0.01 * (i as f32).sin());
//!
//! let mut params = Params::new(Seed(42));
//! let line = Dense::new(1, 1).build(&mut params, "line");
//!
//! let mut optimizer = Adam::new(0.1);
//! for step in 0..300 {
//!     let tape = Tape::training(&params, Seed(step));
//!     let loss = line.forward(tape.input(&x)).mean_squared_error(tape.input(&y));
//!     let gradients = tape.backward(loss);
//!     optimizer.step(&mut params, &gradients);
//! }
//! assert!((params.values(line.kernel())[0] - 3.0).abs() < 0.01);
//! ```
//!
//! # Where things are
//!
//! | to | see |
//! |---|---|
//! | write mathematics | [`Var`]: operators, functions, reductions, losses |
//! | record and run it | [`Tape`] |
//! | save a graph, run it without its code | [`SavedGraph`] |
//! | hold numbers | [`Tensor`], [`SparseRows`], [`Indices`], [`Params`] |
//! | say what is wanted | [`loss`] |
//! | build a model | [`layers`]: [`Dense`](layers::Dense), your own [`Layer`](layers::Layer) |
//! | choose initial values | [`init`] |
//! | keep weights small | [`penalty`] |
//! | train with noise, test without | [`noise`] |
//! | read data | [`data`] |
//! | choose how weights move | [`optim`] |
//! | train, measure, save and resume | [`train`] |
//! | look at what came of it | `report` (feature `plot`): drawings, pages, claims with a verdict |
//! | verify gradients | [`gradcheck`]; [`grad`] for what it reports |
//! | differentiate twice or forwards | [`Tape::gradient`], [`Tape::hessian_vector_product`], [`Tape::jvp`] |
//! | find where a NaN began | [`Tape::find_non_finite`] |
//! | look up an operation's rule | [`operations`] |
//! | follow the lecture | the page `guide::lecture` of this documentation, with code for each slide |
//! | come from Keras, PyTorch or JAX | the pages `guide::keras`, `guide::pytorch`, `guide::jax` |
//!
//! # What holds everywhere
//!
//! - **A result is a pure function** of parameters, inputs and [`Seed`], bit for bit, on any
//!   number of threads (`RAYON_NUM_THREADS` says how many). Noise is drawn from the tape's seed.
//! - **Training or inference is a property of the tape**, precision one of the parameters; a
//!   model's code knows of neither.
//! - **A mistake in a model's code panics** at your line, with the operation, the shapes and the
//!   parameters' names. What comes from outside, such as files, returns an [`Error`].
//! - **Losses take logits.** There is no softmax to forget or to apply twice.
//! - **At a kink** the derivative is 0 if the function is flat on one side (`relu`) or has its
//!   minimum there (`abs`); ties of a maximum share the gradient evenly, but of a pooling window the
//!   first takes it.

pub mod data;
mod disk;
mod error;
mod exec;
pub mod grad;
pub mod graph;
#[cfg(any(doc, doctest))]
pub mod guide;
pub mod init;
pub mod layers;
pub mod loss;
pub mod noise;
/// All operations: value, gradient rule, kinks and the orders of derivatives that are checked
/// against differences. In rules, `g` is the gradient that arrives and `y` the value.
///
/// A test makes these tables from the code and fails if they are not what it says.
#[doc = include_str!("ops/table.md")]
pub mod operations {}
mod ops;
pub mod optim;
mod pages;
pub mod params;
pub mod penalty;
pub mod prelude;
#[cfg(feature = "plot")]
pub mod report;
mod scalar;
mod seed;
mod shape;
mod sparse;
mod strided;
mod tensor;
pub mod train;

#[cfg(feature = "datasets")]
pub use data::datasets;
pub use error::Error;
pub use grad::gradcheck;
pub use graph::{Graph, IndexOperand, Input, Mode, NonFinite, Operand, SavedGraph, Tape, Var};
pub use ops::conv::Convolution;
pub use ops::custom::{CustomKernel, CustomOp, apply_kernel};
pub use ops::fractional_pool::FractionalPooling;
pub use ops::pool::Pooling;
pub use ops::window::{Padding, PerAxis};
pub use params::{Gradients, ParamId, Parameter, Params, Role};
pub use scalar::Scalar;
pub use seed::Seed;
pub use shape::{Axes, IntoAxes, Shape};
pub use sparse::SparseRows;
pub use tensor::{Indices, Tensor};

/// The README's own code runs too.
#[cfg(all(doctest, feature = "datasets"))]
#[doc = include_str!("../README.md")]
struct Readme;
