//! Noise on values as layers.

use serde::{Deserialize, Serialize};

use crate::graph::Var;
use crate::layers::Layer;

macro_rules! noise {
    ($($(#[$doc:meta])* $name:ident => $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
        pub struct $name(pub f64);

        impl Layer for $name {
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
                x.$method(self.0)
            }
        }
    )*};
}

noise! {
    /// Sets each element to 0 with the given probability while training and scales the others up,
    /// so that the expected value stays the same; see [`Var::dropout`].
    Dropout => dropout;
    /// Sets each element to 0 with the given probability while training, and scales all of them
    /// down in inference; see [`Var::original_dropout`].
    OriginalDropout => original_dropout;
    /// Sets whole channels to 0 with the given probability while training and scales the others
    /// up; see [`Var::spatial_dropout`].
    SpatialDropout => spatial_dropout;
    /// Sets each element to where SELU saturates with the given probability while training, and
    /// keeps mean and variance; see [`Var::alpha_dropout`].
    AlphaDropout => alpha_dropout;
    /// Multiplies each element by normal numbers of dropout's variance while training; see
    /// [`Var::gaussian_dropout`].
    GaussianDropout => gaussian_dropout;
    /// Adds normal numbers of the given standard deviation while training; see
    /// [`Var::gaussian_noise`].
    GaussianNoise => gaussian_noise;
}
