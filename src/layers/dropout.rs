//! Dropout as a layer.

use crate::graph::Var;
use crate::layers::Layer;

/// Sets each element to 0 with the given probability while training and scales the others up, so
/// that the expected value stays the same; see [`Var::dropout`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Dropout(pub f64);

impl Layer for Dropout {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.dropout(self.0)
    }
}
