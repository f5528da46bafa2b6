//! A step of gradient descent on loss and penalty, and what the lecture's formulas make of it.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Claim, Run, Section};

use super::{BATCH, RATE, Results, network};

/// What a step made of the weights that carry a penalty.
struct Step {
    /// From the formula, over the largest weight.
    off: f64,
    /// The same if the penalty's part is left out of the formula.
    off_without: f64,
}

/// Takes one step, and compares it with `w <- (1 - η λ₂) w - η λ₁ sgn(w) - η dL/dw`.
fn step<T: Scalar>(
    model: &Sequential,
    params: &mut Params<T>,
    batch: &Batch,
    L1L2 { l1, l2 }: L1L2,
) -> Step {
    let tape = Tape::training(params, batch.seed());
    let loss = model.forward(tape.input(&batch.x.cast::<T>())).cross_entropy(&batch.y);
    let of_loss = tape.backward(loss);
    let of_both = tape.backward(loss + tape.penalty());
    drop(tape);
    let before = params.clone();
    Sgd::new(RATE).step(params, &of_both);

    let (mut largest, mut off, mut off_without) = (0.0_f64, 0.0_f64, 0.0_f64);
    let layout = params.layout();
    for id in layout.ids().filter(|&id| layout.entry(id).penalty.is_some()) {
        let gradient = of_loss.get(id).unwrap_or_default();
        for (i, &g) in gradient.iter().enumerate() {
            let [w, g, moved] = [before.values(id)[i], g, params.values(id)[i]].map(T::to_f64);
            let expected = (1.0 - RATE * l2) * w - RATE * l1 * sgn(w) - RATE * g;
            largest = largest.max(w.abs());
            off = off.max((moved - expected).abs());
            off_without = off_without.max((moved - (w - RATE * g)).abs());
        }
    }
    Step { off: off / largest, off_without: off_without / largest }
}

/// -1, 0 or 1.
fn sgn(w: f64) -> f64 {
    if w == 0.0 { 0.0 } else { w.signum() }
}

/// An epoch of such steps: the largest deviation, and the smallest one without the penalty's part.
fn epoch<T: Scalar>(data: &Dataset, penalty: L1L2, seed: Seed) -> Step {
    let mut params = Params::<T>::new(seed);
    let (model, _) = network(data.x().shape()[1], penalty, &mut params);
    let batches = data.batches(BATCH).shuffled(seed);
    let steps = batches.map(|batch| step(&model, &mut params, &batch, penalty));
    farthest(steps)
}

fn farthest(steps: impl IntoIterator<Item = Step>) -> Step {
    let none = Step { off: 0.0, off_without: f64::INFINITY };
    steps.into_iter().fold(none, |all, step| Step {
        off: all.off.max(step.off),
        off_without: all.off_without.min(step.off_without),
    })
}

pub(super) fn claims(
    section: Section,
    run: &Run,
    data: &Dataset,
    results: &Results,
) -> Result<Section, Error> {
    let (l1, l2) = (results.l1[results.best_l1].0, results.l2[results.best_l2].0);
    let cases = [
        ("L2", "w <- (1 - η λ) w - η dL/dw", L1L2 { l1: 0.0, l2 }),
        ("L1", "w <- w - η λ sgn(w) - η dL/dw", L1L2 { l1, l2: 0.0 }),
        ("L1 and L2", "w <- (1 - η λ₂) w - η λ₁ sgn(w) - η dL/dw", L1L2 { l1, l2 }),
    ];
    let mut section = section.heading("The update").text(
        "The penalty is a part of the graph, and plain gradient descent follows the gradient of \
         the sum. Its steps are compared with the formulas, in which `dL/dw` is the gradient of \
         the loss alone: each step of an epoch, and all weights that carry the penalty. (`L2(λ)` \
         is `λ/2 Σ w²` here, so that its gradient is `λ w`; of `λ Σ w²`, as Keras has it, it would \
         be `2 λ w`.)",
    );
    for (name, formula, penalty) in cases {
        let single = farthest(run.over_seeds(|seed| Ok(epoch::<f32>(data, penalty, seed)))?);
        let double = farthest(run.over_seeds(|seed| Ok(epoch::<f64>(data, penalty, seed)))?);
        let rounding = |step: &Step, epsilon: f64| step.off < 4.0 * epsilon;
        let holds = rounding(&single, f32::EPSILON.into()) && rounding(&double, f64::EPSILON);
        section = section.claim(
            Claim::new(format!("A step with {name} is {formula}"), holds).measured(format!(
                "off by at most {:.0e} of the largest weight in f32 and {:.0e} in f64, which is \
                 rounding; without the penalty's part by {:.0e}",
                single.off, double.off, double.off_without
            )),
        );
    }
    Ok(section)
}
