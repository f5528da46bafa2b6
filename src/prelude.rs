//! What most programs use: `use gradtape::prelude::*;`.

pub use crate::data::{Batch, Dataset, MinMax, Standardizer};
#[cfg(feature = "datasets")]
pub use crate::datasets;
pub use crate::grad::{GradCheck, gradcheck};
pub use crate::init::{
    Constant, Fans, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Initializer, LecunNormal,
    LecunUniform, Normal, Ones, Uniform, Zeros,
};
pub use crate::layers::{
    Dense, Dropout, Layer, LeakyRelu, LogSoftmax, Relu, Sequential, Sigmoid, Softmax, Softplus,
    Tanh,
};
pub use crate::optim::{
    AdaGrad, Adam, Chain, Momentum, Nesterov, Optimizer, RmsProp, Rule, Schedule, Sgd,
};
pub use crate::penalty::{L1, L1L2, L2, Penalty};
pub use crate::{
    Convolution, Gradients, Graph, Indices, Mode, ParamId, Parameter, Params, Pooling, Role,
    Scalar, Seed, Shape, SparseRows, Tape, Tensor, Var,
};
