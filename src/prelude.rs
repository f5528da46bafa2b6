//! What most programs use: `use gradtape::prelude::*;`.

pub use crate::data::{Augment, CutMix, Mixup};
pub use crate::data::{Batch, Dataset, MinMax, Standardizer};
#[cfg(feature = "datasets")]
pub use crate::datasets;
pub use crate::grad::{GradCheck, gradcheck};
pub use crate::init::{
    Constant, Fans, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Initializer, LecunNormal,
    LecunUniform, Normal, Ones, Uniform, Zeros,
};
pub use crate::init::{Identity, LinearDefault, Orthogonal, TruncatedNormal, VarianceScaling};
pub use crate::layers::{
    ActivationPenalty, AlphaDropout, AvgPool2d, BatchNorm, Conv1d, Conv2d, ConvTranspose1d,
    ConvTranspose2d, Dense, DropConnect, Dropout, Elu, Embedding, Flatten, FractionalMaxPool2d,
    GaussianDropout, GaussianNoise, Gelu, GlobalAvgPool2d, GroupNorm, Gru, Layer, LayerNorm,
    LeakyRelu, LogSoftmax, Lstm, MaxPool2d, OriginalDropout, Recurrent, Relu, Remat, Reshape,
    Residual, RunningStatistics, Scaling, Selu, Sequential, Sigmoid, Silu, Softmax, Softplus,
    SpatialDropout, StochasticDepth, Tanh,
};
pub use crate::loss;
pub use crate::optim::{
    Accumulate, AdaDelta, AdaGrad, Adam, AdamW, Adamax, AmsGrad, Average, Averaged, Chain, Clip,
    Constrained, Constraint, Convention, Epsilon, Group, Lion, Lookahead, Momentum, NAdam,
    Nesterov, Optimizer, OptimizerState, RmsProp, Rule, Schedule, Sgd, WeightDecay,
};
pub use crate::optim::{
    CosineDecay, CosineRestarts, ExponentialDecay, InverseTimeDecay, OneCycle, Piecewise,
    PolynomialDecay, ReduceOnPlateau, StepDecay,
};
pub use crate::penalty::{L1, L1L2, L2, Orthogonality, Penalty};
#[cfg(feature = "plot")]
pub use crate::report::Figure;
pub use crate::train::{
    Accuracy, CategoricalAccuracy, CsvLog, Decision, EarlyStopping, Metric, ModelCheckpoint,
    OnEpoch, ReduceRate, TimeLimit, Trainer,
};
pub use crate::{
    Convolution, FractionalPooling, Gradients, Graph, Indices, Mode, ParamId, Parameter, Params,
    Pooling, Role, Scalar, Seed, Shape, SparseRows, Tape, Tensor, Var,
};
