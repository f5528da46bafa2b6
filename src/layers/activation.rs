//! Activations as layers, for use in a [`Sequential`](super::Sequential).

use crate::graph::Var;
use crate::layers::Layer;

macro_rules! activations {
    ($($(#[$doc:meta])* $name:ident => |$x:ident| $formula:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Debug)]
        pub struct $name;

        impl Layer for $name {
            #[track_caller]
            fn forward<'t>(&self, $x: Var<'t>) -> Var<'t> {
                $formula
            }
        }
    )*};
}

activations! {
    /// [`Var::relu`] as a layer.
    Relu => |x| x.relu();
    /// [`Var::tanh`] as a layer.
    Tanh => |x| x.tanh();
    /// [`Var::sigmoid`] as a layer.
    Sigmoid => |x| x.sigmoid();
    /// [`Var::softplus`] as a layer.
    Softplus => |x| x.softplus();
    /// [`Var::gelu`] as a layer.
    Gelu => |x| x.gelu();
    /// [`Var::silu`] as a layer.
    Silu => |x| x.silu();
    /// [`Var::selu`] as a layer.
    Selu => |x| x.selu();
    /// [`Var::softmax`] along the last axis as a layer. Losses take logits, so a classifier that
    /// is trained needs none.
    Softmax => |x| x.softmax(-1);
    /// [`Var::log_softmax`] along the last axis as a layer.
    LogSoftmax => |x| x.log_softmax(-1);
}

/// [`Var::leaky_relu`] with this slope as a layer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LeakyRelu(pub f64);

impl Layer for LeakyRelu {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.leaky_relu(self.0)
    }
}

/// [`Var::elu`] with this `alpha` as a layer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Elu(pub f64);

impl Layer for Elu {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.elu(self.0)
    }
}
