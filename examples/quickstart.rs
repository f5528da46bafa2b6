//! The whole way in one file: define a model, verify its gradients in double precision, train it
//! on handwritten digits, measure it on digits that it has not seen.

use gradtape::prelude::*;
use gradtape::train::Progress;

const EPOCHS: usize = 20;
const BATCH: usize = 128;

struct Classifier {
    hidden: Dense,
    output: Dense,
}

impl Classifier {
    fn new(params: &mut Params) -> Self {
        Self {
            hidden: Dense::new(784, 512).init(HeNormal).penalty(L2(1e-4)).build(params, "hidden"),
            output: Dense::new(512, 10).penalty(L2(1e-4)).build(params, "output"),
        }
    }
}

impl Layer for Classifier {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let hidden = self.hidden.forward(x).relu().dropout(0.5);
        self.output.forward(hidden)
    }
}

/// The share of examples whose label is the most probable class.
fn accuracy(model: &Classifier, params: &Params, data: &Dataset) -> f64 {
    let tape = Tape::inference(params);
    let logits = tape.value(model.forward(tape.input(data.x())));
    let predicted = logits.argmax_rows().into_iter().zip(data.y().data());
    predicted.filter(|&(class, &label)| class == label as usize).count() as f64 / data.len() as f64
}

fn main() -> Result<(), gradtape::Error> {
    let (train, valid) = datasets::mnist5k()?.split_at(4000)?;
    let mut params = Params::new(Seed(42));
    let model = Classifier::new(&mut params);
    println!("{params}\n");

    println!("The gradients of this very model, verified in double precision:");
    let few = train.batch(0..8);
    let report = gradcheck(&params, |tape| {
        model.forward(tape.input(&few.x)).cross_entropy(&few.y) + tape.penalty()
    })?;
    println!("{report}");
    report.assert_below(1e-6);

    println!("{:>5}  {:>8}  {:>8}  {:>8}", "epoch", "loss", "penalty", "held-out");
    let mut optimizer = Adam::new(1e-3);
    let batches = train.batches(BATCH).shuffled(Seed(1)).epochs(EPOCHS);
    let per_epoch = batches.per_epoch();
    let progress = Progress::new(batches.len());
    let mut loss = 0.0;
    for batch in batches {
        let tape = Tape::training(&params, batch.seed());
        let data = model.forward(tape.input(&batch.x)).cross_entropy(&batch.y);
        let penalty = tape.keep(tape.penalty());
        let gradients = tape.backward(data + penalty);
        let penalty = tape.item(penalty);
        optimizer.step(&mut params, &gradients);

        progress.advance();
        loss += (gradients.loss() - penalty) / per_epoch as f32;
        if batch.index() + 1 == per_epoch {
            let (epoch, held_out) = (batch.epoch() + 1, accuracy(&model, &params, &valid));
            progress.println(format_args!("{epoch:>5}  {loss:8.4}  {penalty:8.4}  {held_out:8.4}"));
            loss = 0.0;
        }
    }
    drop(progress);
    let held_out = accuracy(&model, &params, &valid);
    println!("held-out accuracy: {held_out:.4} ({} digits)", valid.len());
    Ok(())
}
