//! What a model is trained towards.

use super::Target;
use crate::data::Rows;
use crate::graph::{Tape, Var};
use crate::tensor::{Indices, Tensor};

/// What a model is trained towards, as a [`Dataset`](crate::data::Dataset) holds it in `y`: labels
/// or numbers; or a pair of these and how much each example counts, as
/// [`weighted`](crate::data::Dataset::weighted) makes it.
pub trait Targets: Rows {
    /// The labels or numbers.
    fn target(&self) -> Target<'_>;

    /// How much each example counts, if they do not all count the same.
    fn weights(&self) -> Option<&Tensor<f32>>;

    /// Binds the labels or numbers to a tape.
    fn bind_target<'t>(&self, tape: &'t Tape<'_>) -> Var<'t> {
        match self.target() {
            Target::Labels(labels) => tape.input(labels),
            Target::Values(values) => tape.input(values),
        }
    }
}

macro_rules! targets {
    ($($kind:ident: $type:ty),*) => {$(
        impl Targets for $type {
            fn target(&self) -> Target<'_> {
                Target::$kind(self)
            }

            fn weights(&self) -> Option<&Tensor<f32>> {
                None
            }
        }

        impl Targets for ($type, Tensor<f32>) {
            fn target(&self) -> Target<'_> {
                Target::$kind(&self.0)
            }

            fn weights(&self) -> Option<&Tensor<f32>> {
                Some(&self.1)
            }
        }
    )*};
}

targets!(Labels: Indices, Values: Tensor<f32>);
