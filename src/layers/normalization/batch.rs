//! Batch normalization.

use serde::{Deserialize, Serialize};

use super::{Affine, EPS, along, check_eps};
use crate::graph::{Mode, Var};
use crate::init::{Ones, Zeros};
use crate::layers::Layer;
use crate::params::{ParamId, Parameter, Params, Role};
use crate::scalar::Scalar;
use crate::shape::Axes;

/// How running statistics take in those of a batch. The frameworks count momentum from opposite
/// ends and differ in the variance, so the convention goes by its name.
///
/// A batch has `n` values of each channel. In both conventions the batch itself is normalized by
/// its population variance, `Σ (x - mean)² / n`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum RunningStatistics {
    /// `running = momentum · running + (1 - momentum) · batch`, with the population variance.
    /// Keras' own momentum is 0.99.
    Keras {
        /// How much of the running statistics is kept in a step.
        momentum: f64,
    },
    /// `running = (1 - momentum) · running + momentum · batch`, with the unbiased variance,
    /// `Σ (x - mean)² / (n - 1)`. PyTorch's own momentum is 0.1.
    PyTorch {
        /// How much of the batch's statistics is taken in in a step.
        momentum: f64,
    },
}

impl RunningStatistics {
    /// How much of the running statistics is kept.
    fn kept(self) -> f64 {
        match self {
            Self::Keras { momentum } => momentum,
            Self::PyTorch { momentum } => 1.0 - momentum,
        }
    }

    /// The factor from the population variance of `n` values to the one that is taken in.
    fn correction(self, n: usize) -> f64 {
        match self {
            Self::Keras { .. } => 1.0,
            Self::PyTorch { .. } => n as f64 / (n as f64 - 1.0),
        }
    }
}

/// Batch normalization: each channel is shifted and scaled to mean 0 and variance 1 over the
/// batch, then to a learned scale and shift (S. Ioffe and C. Szegedy, 2015):
///
/// ```text
/// y = (x - mean) / √(variance + ε) · scale + shift
/// ```
///
/// While training, mean and population variance are those of the batch, over all axes but that of
/// the channels; the running statistics take them in, by default in PyTorch's convention
/// (see [`RunningStatistics`]), and change with the optimizer's step. In inference, on a tape that
/// samples, and where the scale is [frozen](Params::freeze), the running statistics are used; before
/// the first step they are 0 and 1.
///
/// Channels are counted by axis 1, of `[batch, channels]` as well as of images
/// `[batch, channels, height, width]`, unless another [`axis`](BatchNormBuilder::axis) is given.
/// `ε` is 1e-5 (Keras: 1e-3).
///
/// | parameter | shape | role | at first |
/// |---|---|---|---|
/// | `name/scale`, `name/shift` | `[channels]` | normalization | 1, 0 |
/// | `name/running_mean`, `name/running_variance` | `[channels]` | state | 0, 1 |
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let model = Sequential::new()
///     .then(Dense::new(784, 512).no_bias().build(&mut params, "hidden"))
///     .then(BatchNorm::new(512).build(&mut params, "norm"))
///     .then(Relu);
///
/// // Keras' way of keeping statistics, with a momentum for short trainings.
/// let statistics = RunningStatistics::Keras { momentum: 0.9 };
/// let other = BatchNorm::new(512).running_statistics(statistics).eps(1e-3);
/// # other.build(&mut params, "other");
/// ```
///
/// # Panics
///
/// While training, if there is a single value of each channel: a batch of one has no variance.
/// Have batches of one left out (`drop_last`).
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    affine: Affine,
    running_mean: ParamId,
    running_variance: ParamId,
    axis: isize,
    eps: f64,
    statistics: RunningStatistics,
}

/// A [`BatchNorm`] that has no parameters yet.
#[must_use = "a layer has parameters once it is built"]
pub struct BatchNormBuilder {
    channels: usize,
    axis: isize,
    eps: f64,
    statistics: RunningStatistics,
}

impl BatchNorm {
    /// A layer for so many channels, to be built.
    #[allow(clippy::new_ret_no_self, reason = "a layer exists once it has parameters")]
    pub fn new(channels: usize) -> BatchNormBuilder {
        let statistics = RunningStatistics::PyTorch { momentum: 0.1 };
        BatchNormBuilder { channels, axis: 1, eps: EPS, statistics }
    }

    /// The learned scale, `[channels]`.
    pub fn scale(&self) -> ParamId {
        self.affine.scale
    }

    /// The learned shift, `[channels]`.
    pub fn shift(&self) -> ParamId {
        self.affine.shift
    }

    /// The running mean, `[channels]`.
    pub fn running_mean(&self) -> ParamId {
        self.running_mean
    }

    /// The running variance, `[channels]`.
    pub fn running_variance(&self) -> ParamId {
        self.running_variance
    }

    /// Mean and population variance of each channel of the batch, which the running statistics
    /// take in.
    #[track_caller]
    fn batch_statistics<'t>(&self, x: Var<'t>, axis: usize) -> (Var<'t>, Var<'t>) {
        let (graph, shape) = (x.graph(), x.shape());
        let channels = shape[axis];
        let count = shape.numel() / channels;
        if count < 2 {
            let name = &graph.layout().entry(self.affine.scale).name;
            panic!(
                "BatchNorm: a training batch of shape {shape} gives `{name}` {count} values of \
                 each channel, which have no variance; leave out a last batch of one \
                 (`drop_last`), or infer on `Tape::inference`{}",
                graph.of_trainer()
            );
        }
        let others = Axes::of((0..shape.rank()).filter(|&other| other != axis));
        let mean = x.mean_keep(others);
        let variance = (x - mean).square().mean_keep(others);
        let kept = self.statistics.kept();
        let take_in = |id: ParamId, batch: Var<'t>, factor: f64| {
            let batch = batch.reshape([channels]) * ((1.0 - kept) * factor);
            graph.update(id, graph.state(id) * kept + batch);
        };
        take_in(self.running_mean, mean, 1.0);
        take_in(self.running_variance, variance, self.statistics.correction(count));
        (mean, variance)
    }
}

impl BatchNormBuilder {
    /// The axis that counts channels (negative: counted from the last).
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    /// What is added to the variance.
    ///
    /// # Panics
    ///
    /// If it is not finite and above 0.
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = check_eps("BatchNorm", eps);
        self
    }

    /// How running statistics take in those of a batch.
    ///
    /// # Panics
    ///
    /// If the momentum is not in `0..=1`.
    #[track_caller]
    pub fn running_statistics(mut self, statistics: RunningStatistics) -> Self {
        assert!(
            (0.0..=1.0).contains(&statistics.kept()),
            "BatchNorm: the momentum has to be in [0, 1], got {statistics:?}"
        );
        self.statistics = statistics;
        self
    }

    /// Adds the layer's parameters: `name/scale`, `name/shift`, `name/running_mean` and
    /// `name/running_variance`.
    ///
    /// # Panics
    ///
    /// If there are parameters of these names already, or there are no channels.
    #[track_caller]
    pub fn build<T: Scalar>(self, params: &mut Params<T>, name: &str) -> BatchNorm {
        let Self { channels, axis, eps, statistics } = self;
        let affine = Affine::build(params, name, channels);
        let state = |what: &str| Parameter::new(what, [channels]).role(Role::State).within(name);
        let running_mean = params.add(state("running_mean").init(Zeros));
        let running_variance = params.add(state("running_variance").init(Ones));
        BatchNorm { affine, running_mean, running_variance, axis, eps, statistics }
    }
}

impl Layer for BatchNorm {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let axis = x.axis(self.axis);
        self.affine.check("BatchNorm", x, axis);
        let graph = x.graph();
        let frozen = !graph.layout().entry(self.affine.scale).trainable;
        let (mean, variance) = if graph.mode() == Mode::Training && !frozen {
            self.batch_statistics(x, axis)
        } else {
            let shape = along(&x.shape(), axis);
            let state = |id: ParamId| graph.state(id).reshape(&shape);
            (state(self.running_mean), state(self.running_variance))
        };
        let (scale, shift) = self.affine.along(x, axis);
        (x - mean) * ((variance + self.eps).rsqrt() * scale) + shift
    }
}
