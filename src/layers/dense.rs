//! The fully connected layer.

use crate::graph::Var;
use crate::init::{Fans, GlorotUniform, Zeros};
use crate::layers::Layer;
use crate::layers::settings::weight_settings;
use crate::params::{ParamId, Parameter, Params, Role};
use crate::scalar::Scalar;

/// A fully connected layer: `x · kernel + bias` for `x` of `[batch, inputs]`.
///
/// The kernel is `[inputs, outputs]`, drawn by Glorot's uniform initializer unless another is
/// given; the bias starts at 0.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let hidden = Dense::new(784, 512).init(HeNormal).penalty(L2(1e-4)).build(&mut params, "hidden");
/// assert!(params.find("hidden/kernel").is_some() && params.find("hidden/bias").is_some());
///
/// let tape = Tape::inference(&params);
/// let y = hidden.forward(tape.input(&Tensor::zeros([8, 784])));
/// assert_eq!(y.shape(), [8, 512].into());
/// ```
#[doc(alias = "Linear")]
#[derive(Clone, Copy, Debug)]
pub struct Dense {
    kernel: ParamId,
    bias: Option<ParamId>,
}

/// A [`Dense`] layer that has no parameters yet.
#[must_use = "a layer has parameters once it is built"]
pub struct DenseBuilder {
    inputs: usize,
    outputs: usize,
    kernel: Parameter,
    bias: Option<Parameter>,
}

impl Dense {
    /// A layer of this many inputs and outputs, to be built.
    #[allow(clippy::new_ret_no_self, reason = "a layer exists once it has parameters")]
    pub fn new(inputs: usize, outputs: usize) -> DenseBuilder {
        let fans = Fans::dense(inputs, outputs);
        let kernel = Parameter::new("kernel", [inputs, outputs]).init(GlorotUniform).fans(fans);
        let bias = Parameter::new("bias", [outputs]).role(Role::Bias).init(Zeros).fans(fans);
        DenseBuilder { inputs, outputs, kernel, bias: Some(bias) }
    }

    /// The kernel, `[inputs, outputs]`.
    pub fn kernel(&self) -> ParamId {
        self.kernel
    }

    /// The bias, `[outputs]`, if there is one.
    pub fn bias(&self) -> Option<ParamId> {
        self.bias
    }
}

weight_settings!(DenseBuilder);

impl DenseBuilder {
    /// Adds the layer's parameters, `name/kernel` and `name/bias`.
    ///
    /// # Panics
    ///
    /// If there are parameters of these names already, or the layer has no inputs or outputs.
    #[track_caller]
    pub fn build<T: Scalar>(self, params: &mut Params<T>, name: &str) -> Dense {
        let Self { inputs, outputs, kernel, bias } = self;
        assert!(inputs > 0 && outputs > 0, "{name}: a dense layer of {inputs} by {outputs}");
        let kernel = params.add(kernel.within(name));
        Dense { kernel, bias: bias.map(|bias| params.add(bias.within(name))) }
    }
}

impl Layer for Dense {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let graph = x.graph();
        let y = x.matmul(graph.param(self.kernel));
        match self.bias {
            Some(bias) => y + graph.param(bias),
            None => y,
        }
    }
}
