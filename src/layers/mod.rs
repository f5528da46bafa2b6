//! Layers: what a model is made of. They hold parameter ids and settings, never numbers.
//!
//! | layers | of |
//! |---|---|
//! | [`Dense`], [`Embedding`] | features, whole numbers |
//! | [`Conv1d`], [`Conv2d`], [`ConvTranspose1d`], [`ConvTranspose2d`] | `[batch, channels, ..]` |
//! | [`MaxPool2d`], [`AvgPool2d`], [`FractionalMaxPool2d`], [`GlobalAvgPool2d`] | images |
//! | [`Recurrent`], [`Gru`], [`Lstm`] | `[batch, time, features]` |
//! | [`BatchNorm`], [`LayerNorm`], [`GroupNorm`] | features, images |
//! | [`Relu`], [`LeakyRelu`], [`Elu`], [`Selu`], [`Gelu`], [`Silu`], [`Tanh`], [`Sigmoid`], [`Softplus`], [`Softmax`], [`LogSoftmax`] | anything |
//! | [`Dropout`], [`OriginalDropout`], [`SpatialDropout`], [`AlphaDropout`], [`GaussianDropout`], [`GaussianNoise`], [`DropConnect`], [`StochasticDepth`]: see [`noise`](crate::noise) | anything |
//! | [`Sequential`], [`Residual`], [`Remat`], [`Flatten`], [`Reshape`], [`ActivationPenalty`] | what others are put together with |
//!
//! Those with parameters are built: `Dense::new(784, 512).build(&mut params, "hidden")` adds
//! `hidden/kernel` and `hidden/bias`. By default kernels are drawn by Glorot's uniform initializer
//! and biases start at 0. A layer that is used in several places shares its parameters.

mod activation;
mod activation_penalty;
mod convolution;
mod dense;
mod embedding;
mod noise;
mod normalization;
mod pooling;
mod recurrent;
mod remat;
mod reshape;
mod residual;
mod sequential;
mod settings;

pub use activation::{
    Elu, Gelu, LeakyRelu, LogSoftmax, Relu, Selu, Sigmoid, Silu, Softmax, Softplus, Tanh,
};
pub use activation_penalty::ActivationPenalty;
pub use convolution::{
    Conv1d, Conv1dBuilder, Conv2d, Conv2dBuilder, ConvTranspose1d, ConvTranspose1dBuilder,
    ConvTranspose2d, ConvTranspose2dBuilder,
};
pub use dense::{Dense, DenseBuilder};
pub use embedding::{Embedding, EmbeddingBuilder};
pub use noise::{
    AlphaDropout, DropConnect, DropConnectBuilder, Dropout, GaussianDropout, GaussianNoise,
    OriginalDropout, Scaling, SpatialDropout, StochasticDepth,
};
pub use normalization::{
    BatchNorm, BatchNormBuilder, GroupNorm, GroupNormBuilder, LayerNorm, LayerNormBuilder,
    RunningStatistics,
};
pub use pooling::{AvgPool2d, FractionalMaxPool2d, GlobalAvgPool2d, MaxPool2d};
pub use recurrent::{Gru, GruBuilder, Lstm, LstmBuilder, Recurrent, RecurrentBuilder};
pub use remat::Remat;
pub use reshape::{Flatten, Reshape};
pub use residual::Residual;
pub use sequential::Sequential;

use crate::graph::Var;

/// A part of a model that turns one value into another.
///
/// Whether it trains or infers is a property of the tape that the value is recorded on, and the
/// precision one of the run, so there is one way to write a layer. A function from [`Var`] to
/// [`Var`] is a layer; for a closure see [`from_fn`].
///
/// ```
/// use gradtape::prelude::*;
///
/// struct Block {
///     inner: Dense,
/// }
///
/// impl Layer for Block {
///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
///         x + self.inner.forward(x).relu()
///     }
/// }
///
/// let mut params = Params::<f32>::new(Seed(0));
/// let layers: Vec<Box<dyn Layer>> = vec![
///     Box::new(Block { inner: Dense::new(4, 4).build(&mut params, "block") }),
///     Box::new(Dense::new(4, 2).build(&mut params, "output")),
/// ];
/// let tape = Tape::inference(&params);
/// let x = tape.input(&Tensor::zeros([3, 4]));
/// let y = layers.iter().fold(x, |x, layer| layer.forward(x));
/// assert_eq!(y.shape(), [3, 2].into());
/// ```
///
/// A layer with parameters of its own holds their ids. They are added when it is built, and
/// [`Var::graph`] is where it reads them:
///
/// ```
/// use gradtape::prelude::*;
///
/// /// `x · scale`, feature by feature.
/// struct Scale {
///     scale: ParamId,
/// }
///
/// impl Scale {
///     fn build<T: Scalar>(params: &mut Params<T>, name: &str, features: usize) -> Self {
///         let scale = Parameter::new("scale", [features]).init(Ones).penalty(L2(1e-4));
///         Self { scale: params.add(scale.within(name)) }
///     }
/// }
///
/// impl Layer for Scale {
///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
///         x * x.graph().param(self.scale)
///     }
/// }
///
/// let mut params = Params::<f32>::new(Seed(0));
/// let model = Sequential::new()
///     .then(Dense::new(4, 8).build(&mut params, "hidden"))
///     .then(Scale::build(&mut params, "scaled", 8));
/// assert!(params.find("scaled/scale").is_some());
/// ```
///
/// What is gathered and not learned, such as running statistics, is a parameter of the role
/// [`State`](crate::Role::State), with a new value in each training step: see
/// [`Graph::update`](crate::Graph::update).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no layer",
    note = "what is to have parameters is one once it is built: `.build(&mut params, \"name\")`",
    note = "a closure is one by `layers::from_fn(|x| ..)`"
)]
pub trait Layer {
    /// Records what the layer computes of `x`.
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t>;
}

impl<F: for<'t> Fn(Var<'t>) -> Var<'t>> Layer for F {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self(x)
    }
}

/// A layer from a closure.
///
/// ```
/// use gradtape::{layers, prelude::*};
///
/// let scale = layers::from_fn(|x| 2.0 * x);
/// let params = Params::<f32>::new(Seed(0));
/// let tape = Tape::inference(&params);
/// let y = scale.forward(tape.input(&Tensor::from([1.0, 2.0])));
/// assert_eq!(tape.value(y).data(), [2.0, 4.0]);
/// ```
pub fn from_fn(f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> impl Layer {
    f
}
