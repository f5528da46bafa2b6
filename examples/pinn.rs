//! A physics-informed network: it learns the temperature of a rod from the heat equation alone,
//! whose second derivative of the network with respect to its input is part of the loss.
//!
//! `u_t = α u_xx` on `0..1`, ends held at 0, at first `u(x, 0) = sin(πx)`; the exact solution is
//! `exp(-α π² t) sin(πx)`. (M. Raissi, P. Perdikaris, G. E. Karniadakis, 2019.)

use std::f64::consts::PI;

use gradtape::prelude::*;
use gradtape::train::Progress;
use rand::RngExt;

const ALPHA: f64 = 0.2;
const POINTS: usize = 128;
const STEPS: usize = 4000;

struct Rod {
    layers: [Dense; 4],
}

impl Rod {
    fn new(params: &mut Params) -> Self {
        let widths = [2, 32, 32, 32, 1];
        let layer = |i: usize| (widths[i], widths[i + 1], format!("layer {i}"));
        let layers = std::array::from_fn(|i| {
            let (inputs, outputs, name) = layer(i);
            Dense::new(inputs, outputs).init(GlorotNormal).build(params, &name)
        });
        Self { layers }
    }

    /// The temperature at places `x` and times `t`, each `[n, 1]`. The ends and the beginning are
    /// built in: what the network says is multiplied by 0 there.
    fn temperature<'t>(&self, x: Var<'t>, t: Var<'t>) -> Var<'t> {
        let [first, middle @ .., last] = &self.layers;
        let hidden = first.forward(Var::concat(&[x, t], 1)).tanh();
        let hidden = middle.iter().fold(hidden, |hidden, layer| layer.forward(hidden).tanh());
        (PI * x).sin() + t * x * (1.0 - x) * last.forward(hidden)
    }

    /// By how much the heat equation is not fulfilled: `u_t - α u_xx`.
    fn residual<'t>(&self, tape: &'t Tape<'_>, x: Var<'t>, t: Var<'t>) -> Var<'t> {
        let u = self.temperature(x, t).sum(..);
        let slopes = tape.gradient(u, &[x, t]);
        let bend = tape.gradient(slopes[0].sum(..), &[x])[0];
        slopes[1] - ALPHA * bend
    }
}

/// Places or times drawn evenly from `0..1`.
fn points(seed: Seed) -> Tensor {
    let mut rng = seed.rng();
    Tensor::from_fn([POINTS, 1], |_| rng.random_range(0.0..1.0))
}

/// The largest difference from the exact solution on a grid.
fn largest_error(rod: &Rod, params: &Params) -> f64 {
    let grid = |i: usize| (i % 21) as f64 / 20.0;
    let x = Tensor::from_fn([441, 1], |i| grid(i) as f32);
    let t = Tensor::from_fn([441, 1], |i| grid(i / 21) as f32);
    let tape = Tape::inference(params);
    let u = tape.value(rod.temperature(tape.input(&x), tape.input(&t)));
    let exact = |i: usize| (-ALPHA * PI * PI * grid(i / 21)).exp() * (PI * grid(i)).sin();
    let errors = u.data().iter().enumerate().map(|(i, u)| (f64::from(*u) - exact(i)).abs());
    errors.fold(0.0, f64::max)
}

fn main() -> Result<(), gradtape::Error> {
    let mut params = Params::new(Seed(3));
    let rod = Rod::new(&mut params);

    // The third derivatives that training needs, verified like any other.
    let (x, t) = (points(Seed(1)), points(Seed(2)));
    let report = gradcheck(&params, |tape| {
        rod.residual(tape, tape.input(&x), tape.input(&t)).square().mean(..)
    })?;
    println!("{report}");
    report.assert_below(1e-6);

    let mut optimizer = Adam::new(|step: u64| 3e-3 * 0.999_f64.powf(step as f64));
    let progress = Progress::new(STEPS);
    for step in 0..STEPS {
        let seed = Seed(7).derive(step as u64);
        let tape = Tape::training(&params, seed);
        let (x, t) = (points(seed.derive(0)), points(seed.derive(1)));
        let loss = rod.residual(&tape, tape.input(&x), tape.input(&t)).square().mean(..);
        let gradients = tape.backward(loss);
        drop(tape);
        optimizer.step(&mut params, &gradients);
        progress.advance();
        if (step + 1) % 1000 == 0 {
            let (loss, error) = (gradients.loss(), largest_error(&rod, &params));
            progress
                .println(format_args!("step {:>5}  loss {loss:.2e}  error {error:.2e}", step + 1));
        }
    }
    drop(progress);
    println!("largest error against the exact solution: {:.1e}", largest_error(&rod, &params));
    Ok(())
}
