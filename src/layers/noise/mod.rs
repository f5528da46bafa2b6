//! Layers that add noise while training. What each does at test time is in
//! [`noise`](crate::noise).

mod drop_connect;
mod dropout;
mod stochastic_depth;

pub use drop_connect::{DropConnect, DropConnectBuilder};
pub use dropout::{
    AlphaDropout, Dropout, GaussianDropout, GaussianNoise, OriginalDropout, SpatialDropout,
};
use serde::{Deserialize, Serialize};
pub use stochastic_depth::StochasticDepth;

use crate::graph::Var;

/// When it is made up for that noise leaves a part out on average.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Scaling {
    /// In training: what is left is divided by the share kept, and inference uses the network as
    /// it is.
    #[default]
    Inverted,
    /// In inference: everything is multiplied by the share kept. The form in which dropout,
    /// DropConnect and stochastic depth were published.
    Original,
}

impl Scaling {
    /// What a value is multiplied with for the share that is kept, with noise or without.
    fn factor(self, noisy: bool, keep: f64) -> f64 {
        match (self, noisy) {
            (Scaling::Inverted, true) => 1.0 / keep,
            (Scaling::Original, false) => keep,
            _ => 1.0,
        }
    }

    /// The value times its factor.
    #[track_caller]
    fn apply<'t>(self, x: Var<'t>, noisy: bool, keep: f64) -> Var<'t> {
        match self.factor(noisy, keep) {
            1.0 => x,
            factor => x * factor,
        }
    }
}

/// What has a draw of the noise of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NoisePer {
    /// Each example of the batch has its own.
    Example,
    /// The whole batch has the same.
    Batch,
}
