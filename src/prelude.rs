//! What most programs use: `use gradtape::prelude::*;`.

pub use crate::data::{Batch, Dataset};
#[cfg(feature = "datasets")]
pub use crate::datasets;
pub use crate::grad::{GradCheck, gradcheck};
pub use crate::init::{
    Constant, Fans, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Initializer, LecunNormal,
    LecunUniform, Normal, Ones, Uniform, Zeros,
};
pub use crate::layers::{
    ActivationPenalty, AlphaDropout, AvgPool2d, BatchNorm, Conv1d, Conv2d, ConvTranspose1d,
    ConvTranspose2d, Dense, DropConnect, Dropout, Elu, Embedding, Flatten, FractionalMaxPool2d,
    GaussianDropout, GaussianNoise, Gelu, GlobalAvgPool2d, GroupNorm, Gru, Layer, LayerNorm,
    LeakyRelu, LogSoftmax, Lstm, MaxPool2d, OriginalDropout, Recurrent, Relu, Reshape, Residual,
    RunningStatistics, Scaling, Selu, Sequential, Sigmoid, Silu, Softmax, Softplus, SpatialDropout,
    StochasticDepth, Tanh,
};
pub use crate::optim::{
    AdaGrad, Adam, Chain, Momentum, Nesterov, Optimizer, RmsProp, Rule, Schedule, Sgd,
};
pub use crate::penalty::{L1, L1L2, L2, Orthogonality, Penalty};
pub use crate::{
    Convolution, FractionalPooling, Gradients, Graph, Indices, Mode, ParamId, Parameter, Params,
    Pooling, Role, Scalar, Seed, Shape, Tape, Tensor, Var,
};
