//! Recurrent layers: the same step for each place of a sequence, recorded one after the other.

use smallvec::SmallVec;

use crate::graph::{Graph, Var};
use crate::init::{Fans, GlorotUniform, Initializer, Orthogonal, Zeros};
use crate::layers::Layer;
use crate::params::{ParamId, Parameter, Params, Role};
use crate::penalty::Penalty;
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::shape::Shape;

/// The parameters of a recurrent layer.
#[derive(Clone, Copy, Debug)]
struct Weights {
    kernel: ParamId,
    recurrent_kernel: ParamId,
    bias: ParamId,
    recurrent_bias: Option<ParamId>,
}

impl Weights {
    /// What the gates get from the input and from the state.
    #[track_caller]
    fn project<'t>(&self, x: Var<'t>, h: Var<'t>) -> (Var<'t>, Var<'t>) {
        let graph: &Graph = x.graph();
        let from_input = x.matmul(graph.param(self.kernel)) + graph.param(self.bias);
        let from_state = h.matmul(graph.param(self.recurrent_kernel));
        let from_state = match self.recurrent_bias {
            Some(bias) => from_state + graph.param(bias),
            None => from_state,
        };
        (from_input, from_state)
    }
}

/// The part of a gate, by its number, of values for several gates side by side.
#[track_caller]
fn gate(values: Var<'_>, number: usize, units: usize) -> Var<'_> {
    values.slice(-1, number * units..(number + 1) * units)
}

/// The next values where there is a place, those of before where there is none.
#[track_caller]
fn choose<'t, const N: usize>(
    is_place: Var<'t>,
    next: [Var<'t>; N],
    mut state: [Var<'t>; N],
) -> [Var<'t>; N] {
    for (state, next) in state.iter_mut().zip(next) {
        *state = is_place.select(next, *state);
    }
    state
}

macro_rules! recurrent {
    ($(
        $(#[$doc:meta])*
        $name:ident, $builder:ident: $gates:literal gates, [$($part:literal),+],
        recurrent bias $recurrent_bias:literal, bias $bias_init:expr;
        $(#[$step_doc:meta])*
        step |$layer:ident, $x:ident, $state:ident| $step:expr;
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            weights: Weights,
            features: usize,
            units: usize,
            sequences: bool,
        }

        #[doc = concat!("A layer of the kind [`", stringify!($name), "`] without parameters yet.")]
        #[must_use = "a layer has parameters once it is built"]
        pub struct $builder {
            features: usize,
            units: usize,
            sequences: bool,
            kernel: Parameter,
            recurrent_kernel: Parameter,
            bias: Parameter,
        }

        impl $name {
            /// The number of gates.
            const GATES: usize = $gates;

            /// The values that one step leaves for the next.
            const STATE: usize = [$($part),+].len();

            /// A layer from so many features at each place of a sequence to so many units, to be
            /// built.
            #[allow(clippy::new_ret_no_self, reason = "a layer exists once it has parameters")]
            pub fn new(features: usize, units: usize) -> $builder {
                let width = Self::GATES * units;
                let weight = |name: &str, inputs: usize| {
                    let fans = Fans { fan_in: inputs, fan_out: units };
                    Parameter::new(name, [inputs, width]).init(GlorotUniform).fans(fans)
                };
                let bias = Self::bias_of("bias", units).init($bias_init);
                $builder {
                    features,
                    units,
                    sequences: false,
                    kernel: weight("kernel", features),
                    recurrent_kernel: weight("recurrent_kernel", units).init(Orthogonal),
                    bias,
                }
            }

            fn bias_of(name: &str, units: usize) -> Parameter {
                let fans = Fans { fan_in: units, fan_out: units };
                Parameter::new(name, [Self::GATES * units]).role(Role::Bias).fans(fans)
            }

            /// What the inputs are multiplied with, `[features, gates · units]`.
            pub fn kernel(&self) -> ParamId {
                self.weights.kernel
            }

            /// What the state is multiplied with, `[units, gates · units]`.
            pub fn recurrent_kernel(&self) -> ParamId {
                self.weights.recurrent_kernel
            }

            /// The bias, `[gates · units]`.
            pub fn bias(&self) -> ParamId {
                self.weights.bias
            }

            /// The state before the first step, of so many sequences: zeros, `[batch, units]`.
            pub fn initial_state<'t>(&self, graph: &'t Graph, batch: usize) -> [Var<'t>; Self::STATE] {
                [graph.scalar(0.0).broadcast_to([batch, self.units]); Self::STATE]
            }

            $(#[$step_doc])*
            #[track_caller]
            pub fn step<'t>(
                &self, $x: Var<'t>, $state: [Var<'t>; Self::STATE],
            ) -> [Var<'t>; Self::STATE] {
                let $layer = self;
                $step
            }

            /// As [`forward`](Layer::forward) of sequences of different length: `mask` is
            /// `[batch, time]`, 1 where a sequence has a place and 0 where it is padded, be it in front or
            /// behind. The state stays as it is there, so the last one is that of the last place; what the
            /// padding holds does not matter.
            ///
            /// ```
            /// use gradtape::prelude::*;
            ///
            /// // Two sentences, of three words and of one; 0 is no word.
            /// let words = Indices::new([2, 3], vec![4, 2, 7, 5, 0, 0])?;
            /// let mask = Tensor::from_fn([2, 3], |i| f32::from(u8::from(words.data()[i] != 0)));
            ///
            /// let mut params = Params::<f32>::new(Seed(42));
            /// let embedding = Embedding::new(8, 4).build(&mut params, "embedding");
            #[doc = concat!(" let layer = ", stringify!($name), "::new(4, 6).build(&mut params, \"layer\");")]
            /// let tape = Tape::inference(&params);
            /// let x = embedding.forward(tape.input(&words));
            /// let last = layer.forward_masked(x, tape.input(&mask));
            /// assert_eq!(last.shape(), [2, 6].into());
            /// # Ok::<(), gradtape::Error>(())
            /// ```
            ///
            /// # Panics
            ///
            /// If the mask is not `[batch, time]`.
            #[track_caller]
            pub fn forward_masked<'t>(&self, x: Var<'t>, mask: Var<'t>) -> Var<'t> {
                let (found, shape) = (mask.shape(), x.shape());
                assert!(
                    shape.rank() == 3 && found[..] == shape[..2],
                    "{}: a mask of shape {found} for an input of shape {shape}; it is [batch, time]",
                    stringify!($name)
                );
                self.run(x, Some(mask))
            }

            /// The outputs of all steps or of the last one.
            #[track_caller]
            fn run<'t>(&self, x: Var<'t>, mask: Option<Var<'t>>) -> Var<'t> {
                let Self { features, sequences, .. } = *self;
                let shape = x.shape();
                let &[batch, time, width] = &shape[..] else {
                    panic!(
                        "{}: an input of shape {shape}, not [batch, time, features]",
                        stringify!($name)
                    )
                };
                let kernel = &x.graph().layout().entry(self.weights.kernel).name;
                assert!(
                    width == features,
                    "{}: `{kernel}` is for {features} features along axis 2, but the input has \
                     shape {shape}",
                    stringify!($name)
                );
                assert!(time > 0, "{}: a sequence of no places, {shape}", stringify!($name));
                let mut state = self.initial_state(x.graph(), batch);
                let mut outputs: SmallVec<[Var<'t>; 32]> = SmallVec::new();
                for at in 0..time {
                    let x = x.slice(1, at..at + 1).reshape([batch, features]);
                    state = match mask {
                        Some(mask) => {
                            let there = mask.slice(1, at..at + 1);
                            // Padding that is not finite would have slopes that are not.
                            choose(there, self.step(there.select(x, 0.0), state), state)
                        }
                        None => self.step(x, state),
                    };
                    outputs.push(state[0]);
                }
                if sequences { Var::stack(&outputs, 1) } else { state[0] }
            }
        }

        impl $builder {
            /// How the kernel's initial values are drawn.
            pub fn init(mut self, init: impl Initializer + 'static) -> Self {
                self.kernel = self.kernel.init(init);
                self
            }

            /// How the recurrent kernel's initial values are drawn.
            pub fn recurrent_init(mut self, init: impl Initializer + 'static) -> Self {
                self.recurrent_kernel = self.recurrent_kernel.init(init);
                self
            }

            /// How the bias' initial values are drawn.
            pub fn bias_init(mut self, init: impl Initializer + 'static) -> Self {
                self.bias = self.bias.init(init);
                self
            }

            /// A penalty on the kernel.
            pub fn penalty(mut self, penalty: impl Penalty + 'static) -> Self {
                self.kernel = self.kernel.penalty(penalty);
                self
            }

            /// A penalty on the recurrent kernel.
            pub fn recurrent_penalty(mut self, penalty: impl Penalty + 'static) -> Self {
                self.recurrent_kernel = self.recurrent_kernel.penalty(penalty);
                self
            }

            /// A penalty on the bias.
            pub fn bias_penalty(mut self, penalty: impl Penalty + 'static) -> Self {
                self.bias = self.bias.penalty(penalty);
                self
            }

            /// The outputs of all steps, `[batch, time, units]`, instead of the last one's,
            /// `[batch, units]`: what another recurrent layer takes.
            pub fn return_sequences(mut self) -> Self {
                self.sequences = true;
                self
            }

            /// Adds the layer's parameters.
            ///
            /// # Panics
            ///
            /// If there are parameters of these names already, or there are no features or units.
            #[track_caller]
            pub fn build<T: Scalar>(self, params: &mut Params<T>, name: &str) -> $name {
                let Self { features, units, sequences, kernel, recurrent_kernel, bias } = self;
                assert!(
                    features > 0 && units > 0,
                    "{name}: a recurrent layer from {features} features to {units} units"
                );
                let weights = Weights {
                    kernel: params.add(kernel.within(name)),
                    recurrent_kernel: params.add(recurrent_kernel.within(name)),
                    bias: params.add(bias.within(name)),
                    recurrent_bias: $recurrent_bias.then(|| {
                        params.add($name::bias_of("recurrent_bias", units).init(Zeros).within(name))
                    }),
                };
                $name { weights, features, units, sequences }
            }
        }

        impl Layer for $name {
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
                self.run(x, None)
            }
        }
    )*};
}

recurrent! {
    /// The simple recurrent layer: `h' = tanh(x · kernel + bias + h · recurrent_kernel)` at each
    /// place of a sequence `[batch, time, features]`, with `h = 0` at first (J. Elman, 1990).
    ///
    /// The output is the last state, `[batch, units]`, or all of them
    /// ([`return_sequences`](RecurrentBuilder::return_sequences)).
    ///
    /// | parameter | shape | at first |
    /// |---|---|---|
    /// | `name/kernel` | `[features, units]` | Glorot's uniform initializer |
    /// | `name/recurrent_kernel` | `[units, units]` | [`Orthogonal`] |
    /// | `name/bias` | `[units]` | 0 |
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let mut params = Params::<f32>::new(Seed(42));
    /// let first = Recurrent::new(4, 8).return_sequences().build(&mut params, "first");
    /// let second = Recurrent::new(8, 8).build(&mut params, "second");
    /// let tape = Tape::inference(&params);
    /// let sequences = tape.input(&Tensor::zeros([16, 10, 4]));
    /// assert_eq!(first.forward(sequences).shape(), [16, 10, 8].into());
    /// assert_eq!(second.forward(first.forward(sequences)).shape(), [16, 8].into());
    /// ```
    Recurrent, RecurrentBuilder: 1 gates, ["h"], recurrent bias false, bias Zeros;
    /// One step: from an input `[batch, features]` and the state `[h]`, `[batch, units]`, to the
    /// next state.
    step |layer, x, state| {
        let (input, recurrent) = layer.weights.project(x, state[0]);
        [(input + recurrent).tanh()]
    };

    /// The gated recurrent unit (K. Cho et al., 2014), in the form of cuDNN, PyTorch and Keras
    /// (`reset_after`), at each place of a sequence `[batch, time, features]`:
    ///
    /// ```text
    /// r  = σ(x Wr + br + h Ur + cr)                 reset
    /// z  = σ(x Wz + bz + h Uz + cz)                 update
    /// n  = tanh(x Wn + bn + r ∘ (h Un + cn))        new
    /// h' = (1 - z) ∘ n + z ∘ h                      h = 0 at first
    /// ```
    ///
    /// The gates stand side by side in the order `r`, `z`, `n`, which is PyTorch's (its matrices
    /// are the transposes of these); Keras' is `z`, `r`, `n`. The output is the last `h`, or all of
    /// them ([`return_sequences`](GruBuilder::return_sequences)).
    ///
    /// | parameter | shape | at first |
    /// |---|---|---|
    /// | `name/kernel`, `W` | `[features, 3 · units]` | Glorot's uniform initializer, each gate for itself |
    /// | `name/recurrent_kernel`, `U` | `[units, 3 · units]` | [`Orthogonal`], all gates together as in Keras |
    /// | `name/bias`, `b` | `[3 · units]` | 0 |
    /// | `name/recurrent_bias`, `c` | `[3 · units]` | 0 |
    Gru, GruBuilder: 3 gates, ["h"], recurrent bias true, bias Zeros;
    /// One step: from an input `[batch, features]` and the state `[h]`, `[batch, units]`, to the
    /// next state.
    step |layer, x, state| {
        let [h] = state;
        let (input, recurrent) = layer.weights.project(x, h);
        let part = |number: usize| {
            (gate(input, number, layer.units), gate(recurrent, number, layer.units))
        };
        let ((reset, from_reset), (update, from_update)) = (part(0), part(1));
        let (reset, update) = ((reset + from_reset).sigmoid(), (update + from_update).sigmoid());
        let (new, from_new) = part(2);
        let new = (new + reset * from_new).tanh();
        [new + update * (h - new)]
    };

    /// The long short-term memory (S. Hochreiter and J. Schmidhuber, 1997; F. Gers et al., 2000), at
    /// each place of a sequence `[batch, time, features]`:
    ///
    /// ```text
    /// i  = σ(x Wi + bi + h Ui)                      input
    /// f  = σ(x Wf + bf + h Uf)                      forget
    /// g  = tanh(x Wg + bg + h Ug)                   cell
    /// o  = σ(x Wo + bo + h Uo)                      output
    /// c' = f ∘ c + i ∘ g                            c = 0 at first
    /// h' = o ∘ tanh(c')                             h = 0 at first
    /// ```
    ///
    /// The gates stand side by side in the order `i`, `f`, `g`, `o`, which is PyTorch's (its
    /// matrices are the transposes of these, and it has two biases, which add up) and Keras'. The
    /// output is the last `h`, or all of them
    /// ([`return_sequences`](LstmBuilder::return_sequences)).
    ///
    /// | parameter | shape | at first |
    /// |---|---|---|
    /// | `name/kernel`, `W` | `[features, 4 · units]` | Glorot's uniform initializer, each gate for itself |
    /// | `name/recurrent_kernel`, `U` | `[units, 4 · units]` | [`Orthogonal`], all gates together as in Keras |
    /// | `name/bias`, `b` | `[4 · units]` | 1 for `f`, else 0 (R. Jozefowicz et al., 2015) |
    Lstm, LstmBuilder: 4 gates, ["h", "c"], recurrent bias false, bias RememberAtFirst;
    /// One step: from an input `[batch, features]` and the state `[h, c]`, both `[batch, units]`, to
    /// the next state.
    step |layer, x, state| {
        let [h, c] = state;
        let (from_input, recurrent) = layer.weights.project(x, h);
        let gates = from_input + recurrent;
        let part = |number: usize| gate(gates, number, layer.units);
        let (input, forget, output) = (part(0).sigmoid(), part(1).sigmoid(), part(3).sigmoid());
        let c = forget * c + input * part(2).tanh();
        [output * c.tanh(), c]
    };
}

/// The second of four gates open, so that an LSTM remembers at first.
struct RememberAtFirst;

impl Initializer for RememberAtFirst {
    fn sample(&self, shape: &Shape, _: Fans, _: Seed) -> Vec<f64> {
        let (len, units) = (shape.numel(), shape.numel() / Lstm::GATES);
        (0..len).map(|i| if i / units == 1 { 1.0 } else { 0.0 }).collect()
    }
}
