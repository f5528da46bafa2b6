//! DropConnect: a fully connected layer whose connections are dropped.

use super::{NoisePer, Scaling};
use crate::graph::{Graph, Var};
use crate::init::{Fans, GlorotUniform, Zeros};
use crate::layers::Layer;
use crate::layers::settings::weight_settings;
use crate::ops::random::Distribution;
use crate::params::{ParamId, Parameter, Params, Role};
use crate::scalar::Scalar;
use crate::shape::Shape;

/// A fully connected layer each of whose connections, those of the bias among them, is dropped
/// with some probability while training (L. Wan et al., 2013): `f((kernel ∘ M)ᵀ x + bias ∘ m)` with
/// random masks `M` and `m` of 0 and 1, and an activation `f`, by default none.
///
/// Each example has masks of its own, which takes memory and time for as many kernels as there are
/// examples; with [`per_batch`](DropConnectBuilder::per_batch) they share one.
///
/// In inference there are two ways to marginalize over the masks:
///
/// - the mean network, by default: the masks are replaced by their mean;
/// - [`gaussian`](DropConnectBuilder::gaussian), that of Wan et al.: before the activation, a value
///   is a sum of many independent terms and so nearly normal, with mean `μ = p Wᵀx` and variance
///   `p (1 - p) (W ∘ W)ᵀ(x ∘ x)` if `p` is the share kept; `f` is averaged over draws of that normal
///   distribution. For this the activation has to be part of the layer.
///
/// What is left is divided by `p` while training, so that the mean network is the network itself;
/// the paper multiplies by `p` in inference ([`Scaling::Original`]).
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let hidden = DropConnect::new(64, 32, 0.5)
///     .activation(Relu)
///     .gaussian(100)
///     .build(&mut params, "hidden");
/// let tape = Tape::inference(&params);
/// let y = hidden.forward(tape.input(&Tensor::zeros([8, 64])));
/// assert_eq!(y.shape(), [8, 32].into());
/// ```
pub struct DropConnect {
    kernel: ParamId,
    bias: Option<ParamId>,
    noise: Settings,
}

/// A [`DropConnect`] layer that has no parameters yet.
#[must_use = "a layer has parameters once it is built"]
pub struct DropConnectBuilder {
    kernel: Parameter,
    bias: Option<Parameter>,
    noise: Settings,
}

struct Settings {
    keep: f64,
    scaling: Scaling,
    per: NoisePer,
    activation: Option<Box<dyn Layer>>,
    /// How many draws inference averages over; `None` for the mean network.
    draws: Option<usize>,
}

weight_settings!(DropConnectBuilder);

impl DropConnect {
    /// A layer of this many inputs and outputs whose connections are dropped at this rate, to be
    /// built.
    ///
    /// # Panics
    ///
    /// If the rate is not in `0..1`.
    #[track_caller]
    #[allow(clippy::new_ret_no_self, reason = "a layer exists once it has parameters")]
    pub fn new(inputs: usize, outputs: usize, rate: f64) -> DropConnectBuilder {
        assert!(
            (0.0..1.0).contains(&rate),
            "DropConnect: the rate has to be in [0, 1), got {rate}"
        );
        let fans = Fans { fan_in: inputs, fan_out: outputs };
        let kernel = Parameter::new("kernel", [inputs, outputs]).init(GlorotUniform).fans(fans);
        let bias = Parameter::new("bias", [outputs]).role(Role::Bias).init(Zeros).fans(fans);
        let noise = Settings {
            keep: 1.0 - rate,
            scaling: Scaling::Inverted,
            per: NoisePer::Example,
            activation: None,
            draws: None,
        };
        DropConnectBuilder { kernel, bias: Some(bias), noise }
    }

    /// The kernel, `[inputs, outputs]`.
    pub fn kernel(&self) -> ParamId {
        self.kernel
    }

    /// The bias, `[outputs]`, if there is one.
    pub fn bias(&self) -> Option<ParamId> {
        self.bias
    }

    /// Records the layer with masks from elsewhere, in place of random ones: 1 keeps a connection,
    /// 0 drops it. They are of the shape of kernel and bias, or of as many as there are examples,
    /// `[batch, inputs, outputs]` and `[batch, outputs]`. As for random masks, what is left is
    /// divided by the share kept unless the scaling is [`Scaling::Original`]; a bias without a mask
    /// is not dropped, and not divided either.
    ///
    /// # Panics
    ///
    /// If the shapes do not fit, or there is a mask for a bias that is not there.
    #[track_caller]
    pub fn forward_masked<'t>(
        &self,
        x: Var<'t>,
        kernel_mask: Var<'t>,
        bias_mask: Option<Var<'t>>,
    ) -> Var<'t> {
        let graph = x.graph();
        let kernel = graph.param(self.kernel) * kernel_mask;
        let y = match kernel.shape()[..] {
            [batch, inputs, outputs] => {
                let rows = x.reshape([batch, 1, inputs]).matmul(kernel);
                rows.reshape([batch, outputs])
            }
            _ => x.matmul(kernel),
        };
        let scaled = |y| self.noise.scaling.apply(y, true, self.noise.keep);
        self.activated(match (self.bias, bias_mask) {
            (Some(bias), Some(mask)) => scaled(y + graph.param(bias) * mask),
            (Some(bias), None) => scaled(y) + graph.param(bias),
            (None, None) => scaled(y),
            (None, Some(_)) => panic!("DropConnect: a mask for a bias that is not there"),
        })
    }

    /// A random mask of a parameter's shape, one for each example if they do not share it.
    #[track_caller]
    fn mask<'t>(&self, graph: &'t Graph, id: ParamId, batch: usize) -> Var<'t> {
        let own = &graph.layout().entry(id).shape;
        let shape: Shape = match self.noise.per {
            NoisePer::Example => [batch].iter().chain(&own[..]).copied().collect(),
            NoisePer::Batch => own.clone(),
        };
        graph.noise(shape, Distribution::bernoulli(self.noise.keep, 1.0))
    }

    #[track_caller]
    fn activated<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.noise.activation.as_ref().map_or(x, |activation| activation.forward(x))
    }

    /// All connections at once: in inference, the mean of the masks.
    #[track_caller]
    fn mean<'t>(&self, x: Var<'t>) -> Var<'t> {
        let graph = x.graph();
        let y = x.matmul(graph.param(self.kernel));
        let y = self.bias.map_or(y, |bias| y + graph.param(bias));
        self.noise.scaling.apply(y, false, self.noise.keep)
    }

    /// The mean of the activation over draws of the normal distribution that has the mean and the
    /// variance which the masks give.
    #[track_caller]
    fn mean_over_draws<'t>(&self, x: Var<'t>, draws: usize) -> Var<'t> {
        let (graph, mean) = (x.graph(), self.mean(x));
        let squares = x.square().matmul(graph.param(self.kernel).square());
        let squares = self.bias.map_or(squares, |bias| squares + graph.param(bias).square());
        let Settings { keep, scaling, .. } = self.noise;
        let variance = squares * (keep * (1.0 - keep) * scaling.factor(true, keep).powi(2));
        // Without a variance there is no noise; the root then has a derivative all the same.
        let std = variance.maximum(f64::from(f32::MIN_POSITIVE)).sqrt();
        let [batch, outputs] = [mean.shape()[0], mean.shape()[1]];
        let normal =
            graph.noise(Shape::from([draws, batch, outputs]), Distribution::normal(0.0, 1.0));
        let drawn = (mean + std * normal).reshape([draws * batch, outputs]);
        let y = self.activated(drawn);
        let rest = &y.shape()[1..];
        let each: Shape = [draws, batch].iter().chain(rest).copied().collect();
        y.reshape(each).mean(0)
    }
}

impl DropConnectBuilder {
    /// One mask for the whole batch: far less work than one for each example, and noisier.
    pub fn per_batch(mut self) -> Self {
        self.noise.per = NoisePer::Batch;
        self
    }

    /// When it is made up for that connections are dropped.
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.noise.scaling = scaling;
        self
    }

    /// An activation after the layer, as part of it.
    pub fn activation(mut self, activation: impl Layer + 'static) -> Self {
        self.noise.activation = Some(Box::new(activation));
        self
    }

    /// In inference, averages the activation over so many draws of the normal distribution that
    /// the masks lead to, instead of taking the mean network. The draws depend on the tape's seed.
    ///
    /// # Panics
    ///
    /// If there are no draws.
    #[track_caller]
    pub fn gaussian(mut self, draws: usize) -> Self {
        assert!(draws > 0, "DropConnect: a mean over no draws");
        self.noise.draws = Some(draws);
        self
    }

    /// Adds the layer's parameters, `name/kernel` and `name/bias`.
    ///
    /// # Panics
    ///
    /// If there are parameters of these names already.
    #[track_caller]
    pub fn build<T: Scalar>(self, params: &mut Params<T>, name: &str) -> DropConnect {
        let Self { kernel, bias, noise } = self;
        let kernel = params.add(kernel.within(name));
        DropConnect { kernel, bias: bias.map(|bias| params.add(bias.within(name))), noise }
    }
}

impl Layer for DropConnect {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let (graph, shape) = (x.graph(), x.shape());
        let inputs = graph.layout().entry(self.kernel).shape[0];
        assert!(
            shape.rank() == 2 && shape[1] == inputs,
            "DropConnect: an input of shape {shape}, not [batch, {inputs}]"
        );
        if self.noise.keep == 1.0 {
            return self.activated(self.mean(x));
        }
        match (graph.mode().draws_noise(), self.noise.draws) {
            (true, _) => {
                let kernel = self.mask(graph, self.kernel, shape[0]);
                let bias = self.bias.map(|bias| self.mask(graph, bias, shape[0]));
                self.forward_masked(x, kernel, bias)
            }
            (false, Some(draws)) => self.mean_over_draws(x, draws),
            (false, None) => self.activated(self.mean(x)),
        }
    }
}
