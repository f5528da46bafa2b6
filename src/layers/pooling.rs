//! Pooling of images as layers.

use crate::graph::Var;
use crate::layers::Layer;
use crate::ops::fractional_pool::FractionalPooling;
use crate::ops::pool::Pooling;

macro_rules! pooling {
    ($($(#[$doc:meta])* $name:ident($settings:ident) => $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Debug)]
        pub struct $name($settings);

        impl $name {
            /// A layer with these settings.
            pub fn new(settings: impl Into<$settings>) -> Self {
                Self(settings.into())
            }
        }

        impl Layer for $name {
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
                x.$method(self.0)
            }
        }
    )*};
}

pooling! {
    /// The largest value of each window; see [`Var::max_pool2d`].
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let params = Params::<f32>::new(Seed(0));
    /// let tape = Tape::inference(&params);
    /// let images = tape.input(&Tensor::zeros([8, 3, 32, 32]));
    /// assert_eq!(MaxPool2d::new(2).forward(images).shape(), [8, 3, 16, 16].into());
    /// ```
    MaxPool2d(Pooling) => max_pool2d;
    /// The mean of each window; see [`Var::avg_pool2d`].
    AvgPool2d(Pooling) => avg_pool2d;
    /// The largest value of each of regions that are cut at random; see
    /// [`Var::fractional_max_pool2d`].
    FractionalMaxPool2d(FractionalPooling) => fractional_max_pool2d;
}

/// The mean of each channel, from `[batch, channels, height, width]` to `[batch, channels]`; see
/// [`Var::global_avg_pool2d`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GlobalAvgPool2d;

impl Layer for GlobalAvgPool2d {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.global_avg_pool2d()
    }
}
