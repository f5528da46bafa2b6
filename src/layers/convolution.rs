//! Convolutions of sequences and images, and their transposes, as layers.

use crate::graph::Var;
use crate::init::{Fans, GlorotUniform, Zeros};
use crate::layers::Layer;
use crate::layers::settings::weight_settings;
use crate::ops::conv::Convolution;
use crate::ops::window::{Padding, PerAxis};
use crate::params::{ParamId, Parameter, Params, Role};
use crate::scalar::Scalar;
use crate::shape::Shape;

/// The number of channels before and after a convolution.
#[derive(Clone, Copy)]
struct Channels {
    inputs: usize,
    outputs: usize,
}

impl Channels {
    /// The kernel's shape, and how many inputs and outputs a unit has.
    fn of_convolution<const D: usize>(
        self,
        size: [usize; D],
        settings: &Convolution<D>,
    ) -> (Shape, Fans) {
        let shape = kernel_shape(self.outputs, self.inputs / settings.groups, size);
        let fans = Fans::conv(&shape, settings.groups);
        (shape, fans)
    }

    /// As for a convolution, whose gradient this is, so that inputs and outputs change places. With
    /// a stride, each output is reached by fewer of the taps.
    fn of_transpose<const D: usize>(
        self,
        size: [usize; D],
        settings: &Convolution<D>,
    ) -> (Shape, Fans) {
        let shape = kernel_shape(self.inputs, self.outputs / settings.groups, size);
        let Fans { fan_in: fan_out, fan_out: taps } = Fans::conv(&shape, settings.groups);
        (shape, Fans { fan_in: taps.div_ceil(settings.stride.iter().product()), fan_out })
    }
}

fn kernel_shape<const D: usize>(first: usize, second: usize, size: [usize; D]) -> Shape {
    [first, second].into_iter().chain(size).collect()
}

macro_rules! convolutions {
    ($(
        $(#[$doc:meta])*
        $name:ident<$d:literal>, $builder:ident: $kernel:literal by $method:ident, $shape:ident;
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            kernel: ParamId,
            bias: Option<ParamId>,
            settings: Convolution<$d>,
        }

        #[doc = concat!("A [`", stringify!($name), "`] layer that has no parameters yet.")]
        #[must_use = "a layer has parameters once it is built"]
        pub struct $builder {
            channels: Channels,
            size: [usize; $d],
            settings: Convolution<$d>,
            kernel: Parameter,
            bias: Option<Parameter>,
        }

        impl $name {
            /// A layer from so many channels to so many, whose kernel has this size, to be built:
            /// `3`, or one number for each axis.
            #[allow(clippy::new_ret_no_self, reason = "a layer exists once it has parameters")]
            pub fn new(inputs: usize, outputs: usize, size: impl PerAxis<$d>) -> $builder {
                let (channels, size) = (Channels { inputs, outputs }, size.per_axis());
                let kernel = Parameter::new("kernel", Shape::scalar()).init(GlorotUniform);
                let bias = Parameter::new("bias", [outputs]).role(Role::Bias).init(Zeros);
                let settings = Convolution::new();
                $builder { channels, size, settings, kernel, bias: Some(bias) }
            }

            #[doc = concat!("The kernel, `", $kernel, "`.")]
            pub fn kernel(&self) -> ParamId {
                self.kernel
            }

            /// The bias, `[outputs]`, if there is one.
            pub fn bias(&self) -> Option<ParamId> {
                self.bias
            }
        }

        weight_settings!($builder);

        impl $builder {
            /// How far the kernel moves from one place to the next.
            pub fn stride(mut self, stride: impl PerAxis<$d>) -> Self {
                self.settings = self.settings.stride(stride);
                self
            }

            /// Places of value 0 around the input of the convolution (of the transposed one, what
            /// is cut off its output).
            pub fn padding(mut self, padding: impl Padding<$d>) -> Self {
                self.settings = self.settings.padding(padding);
                self
            }

            /// How far apart the elements of the kernel lie.
            pub fn dilation(mut self, dilation: impl PerAxis<$d>) -> Self {
                self.settings = self.settings.dilation(dilation);
                self
            }

            /// Cuts the channels into groups, each with kernels of its own.
            pub fn groups(mut self, groups: usize) -> Self {
                self.settings = self.settings.groups(groups);
                self
            }

            /// Adds the layer's parameters, `name/kernel` and `name/bias`.
            ///
            /// # Panics
            ///
            /// If there are parameters of these names already, a size is 0 or the channels do not
            /// divide into the groups.
            #[track_caller]
            pub fn build<T: Scalar>(self, params: &mut Params<T>, name: &str) -> $name {
                let Self { channels, size, settings, kernel, bias } = self;
                let Channels { inputs, outputs } = channels;
                let (groups, stride) = (settings.groups, settings.stride);
                assert!(
                    [inputs, outputs].iter().chain(&size).chain(&stride).all(|&size| size > 0),
                    "{name}: a kernel of size {size:?} and stride {stride:?} from {inputs} \
                     channels to {outputs}: all have to be above 0"
                );
                assert!(
                    groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups),
                    "{name}: {inputs} channels to {outputs} do not divide into {groups} groups"
                );
                let (shape, fans) = channels.$shape(size, &settings);
                let kernel = params.add(kernel.shape(shape).fans(fans).within(name));
                let bias = bias.map(|bias| params.add(bias.fans(fans).within(name)));
                $name { kernel, bias, settings }
            }
        }

        impl Layer for $name {
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
                let graph = x.graph();
                let y = x.$method(graph.param(self.kernel), self.settings);
                let Some(bias) = self.bias else { return y };
                let bias = graph.param(bias);
                let channels = bias.shape()[0];
                let spatial = [1; $d];
                y + bias.reshape([channels].into_iter().chain(spatial).collect::<Shape>())
            }
        }
    )*};
}

convolutions! {
    /// A convolution of images `[batch, inputs, height, width]`: `y = Σ x · kernel + bias` over all
    /// places that the kernel covers; see [`Var::conv2d`] (Y. LeCun et al., 1989).
    ///
    /// The kernel is `[outputs, inputs / groups, height, width]`, drawn by Glorot's uniform
    /// initializer unless another is given; the bias, one number an output channel, starts at 0.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let mut params = Params::<f32>::new(Seed(42));
    /// let filters = Conv2d::new(3, 16, 5).padding(2).init(HeNormal).build(&mut params, "filters");
    /// let halved = Conv2d::new(16, 16, [3, 3]).stride(2).no_bias().build(&mut params, "halved");
    ///
    /// let tape = Tape::inference(&params);
    /// let y = filters.forward(tape.input(&Tensor::zeros([8, 3, 32, 32]))).relu();
    /// assert_eq!(y.shape(), [8, 16, 32, 32].into());
    /// assert_eq!(halved.forward(y).shape(), [8, 16, 15, 15].into());
    /// ```
    Conv2d<2>, Conv2dBuilder:
        "[outputs, inputs / groups, height, width]" by conv2d, of_convolution;

    /// A convolution of sequences `[batch, inputs, length]`; see [`Conv2d`] and [`Var::conv1d`].
    ///
    /// The kernel is `[outputs, inputs / groups, length]`.
    Conv1d<1>, Conv1dBuilder: "[outputs, inputs / groups, length]" by conv1d, of_convolution;

    /// A transposed convolution of images `[batch, inputs, height, width]`, by which a stride of 2
    /// doubles height and width; see [`Var::conv_transpose2d`] (M. Zeiler et al., 2010).
    ///
    /// The kernel is `[inputs, outputs / groups, height, width]`, drawn by Glorot's uniform
    /// initializer unless another is given; the bias, one number an output channel, starts at 0.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let mut params = Params::<f32>::new(Seed(42));
    /// let doubled = ConvTranspose2d::new(16, 3, 2).stride(2).build(&mut params, "doubled");
    /// let tape = Tape::inference(&params);
    /// let y = doubled.forward(tape.input(&Tensor::zeros([8, 16, 7, 7])));
    /// assert_eq!(y.shape(), [8, 3, 14, 14].into());
    /// ```
    ConvTranspose2d<2>, ConvTranspose2dBuilder:
        "[inputs, outputs / groups, height, width]" by conv_transpose2d, of_transpose;

    /// A transposed convolution of sequences `[batch, inputs, length]`; see [`ConvTranspose2d`] and
    /// [`Var::conv_transpose1d`].
    ///
    /// The kernel is `[inputs, outputs / groups, length]`.
    ConvTranspose1d<1>, ConvTranspose1dBuilder:
        "[inputs, outputs / groups, length]" by conv_transpose1d, of_transpose;
}
