//! Where weights start: all the same, too small, too large, and just so large that signals and
//! gradients keep their spread through ten layers. And which of these networks learn.

mod signals;
mod training;

use std::process::ExitCode;

use gradtape::Error;
use gradtape::layers::DenseBuilder;
use gradtape::prelude::*;
use gradtape::report::{Experiments, Run, Section};

const LAYERS: usize = 10;

/// An activation, and how the weights before it start.
#[derive(Clone, Copy)]
struct Start {
    name: &'static str,
    activation: for<'t> fn(Var<'t>) -> Var<'t>,
    weights: fn(DenseBuilder) -> DenseBuilder,
}

const SAME: Start = Start {
    name: "tanh, all 0.01",
    activation: |x| x.tanh(),
    weights: |layer| layer.init(Constant(0.01)),
};
const SMALL: Start = Start {
    name: "tanh, N(0, 0.01)",
    activation: |x| x.tanh(),
    weights: |layer| layer.init(Normal { mean: 0.0, std: 0.01 }),
};
const LARGE: Start = Start {
    name: "tanh, N(0, 1)",
    activation: |x| x.tanh(),
    weights: |layer| layer.init(Normal { mean: 0.0, std: 1.0 }),
};
/// Xavier's, by the number of inputs alone, has the same formula as LeCun's.
const XAVIER: Start = Start {
    name: "tanh, Xavier",
    activation: |x| x.tanh(),
    weights: |layer| layer.init(LecunNormal),
};
const RELU_XAVIER: Start = Start {
    name: "ReLU, Xavier",
    activation: |x| x.relu(),
    weights: |layer| layer.init(LecunNormal),
};
const RELU_HE: Start = Start {
    name: "ReLU, Xavier-He",
    activation: |x| x.relu(),
    weights: |layer| layer.init(HeNormal),
};

/// Layers of one width, one after the other, each with the same activation.
struct Deep {
    layers: Vec<Dense>,
    start: Start,
}

impl Deep {
    fn new(inputs: usize, units: usize, start: Start, params: &mut Params) -> Self {
        let layer = |i: usize| {
            let dense = Dense::new(if i == 0 { inputs } else { units }, units);
            (start.weights)(dense).build(params, &format!("layer {}", i + 1))
        };
        Self { layers: (0..LAYERS).map(layer).collect(), start }
    }
}

impl Layer for Deep {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.layers.iter().enumerate().fold(x, |x, (i, layer)| {
            let sums = layer.forward(x).watch(format!("sums {}", i + 1));
            (self.start.activation)(sums).watch(format!("layer {}", i + 1))
        })
    }
}

pub(crate) fn experiment(run: &Run) -> Result<Section, Error> {
    let section = Section::new("Initialization")
        .text(
            "A unit adds up `n` inputs, each times a weight. Of independent weights of standard \
             deviation `σ` the sum's is `σ sqrt(n)` times the inputs' root mean square. Below 1 \
             signals shrink from layer to layer, above 1 they grow. Xavier's initialization, \
             `N(0, 1/sqrt(n))`, makes it 1 (X. Glorot and Y. Bengio, 2010). ReLU lets half of the \
             mean square through, which Xavier-He's, `N(0, 1/sqrt(n/2))`, makes up for (K. He et \
             al., 2015). Second numbers are standard deviations.",
        )
        .code_of(include_str!("main.rs"), "impl Layer for Deep");
    let section = signals::before_training(run, section)?;
    training::on_images(run, section)
}

fn main() -> ExitCode {
    Experiments::new("Initialization", "target/initialization")
        .command("cargo run --release --example")
        .add("initialization", experiment)
        .main()
}
