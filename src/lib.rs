//! Reverse-mode automatic differentiation and training on the CPU.

pub mod data;
mod error;
mod exec;
pub mod grad;
pub mod graph;
pub mod init;
pub mod layers;
mod ops;
pub mod optim;
pub mod params;
pub mod penalty;
pub mod prelude;
mod scalar;
mod seed;
mod shape;
mod strided;
mod tensor;
pub mod train;

#[cfg(feature = "datasets")]
pub use data::datasets;
pub use error::Error;
pub use grad::gradcheck;
pub use graph::{Graph, Mode, Operand, Tape, Var};
pub use params::{Gradients, ParamId, Parameter, Params};
pub use scalar::Scalar;
pub use seed::Seed;
pub use shape::{Axes, IntoAxes, Shape};
pub use tensor::{Indices, Tensor};

/// The README's own code runs too.
#[cfg(all(doctest, feature = "datasets"))]
#[doc = include_str!("../README.md")]
struct Readme;
