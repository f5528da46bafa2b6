//! Updates of parameters, as [`Optimizer::step`] makes them.

use gradtape::optim::Optimizer;
use gradtape::prelude::{AdaGrad, Adam, AdamW, Momentum, RmsProp, Sgd};
use gradtape::{Params, Seed, Tape};

use crate::machine::Work;
use crate::suite::{Family, tensor};

/// How many parameters.
const N: usize = 1 << 20;

pub(crate) fn bench(family: &mut Family<'_>) {
    // Operations on a parameter, and numbers remembered of it.
    update(family, "SGD", Sgd::new(1e-3), [2, 0]);
    update(family, "momentum", Momentum::new(1e-3), [4, 1]);
    update(family, "AdaGrad", AdaGrad::new(1e-3), [7, 1]);
    update(family, "RMSProp", RmsProp::new(1e-3), [9, 1]);
    update(family, "Adam", Adam::new(1e-3), [14, 2]);
    update(family, "AdamW", AdamW::new(1e-3), [16, 2]);
}

fn update(
    family: &mut Family<'_>,
    name: &str,
    mut optimizer: impl Optimizer,
    [flops, remembered]: [usize; 2],
) {
    let mut params = Params::new(Seed(0));
    let w = params.add_tensor("w", &tensor([N]));
    let gradients = {
        let tape = Tape::training(&params, Seed(1));
        tape.backward(tape.param(w).square().sum(..))
    };
    let work = Work { flops: flops * N, read: (2 + remembered) * N, written: (1 + remembered) * N };
    family.time(&format!("{name} 1Mi"), work, || optimizer.step(&mut params, &gradients));
}
