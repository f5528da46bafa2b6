//! scratch
use std::process::ExitCode;

use gradtape::Error;
use gradtape::optim::Epsilon;
use gradtape::prelude::*;
use gradtape::report::{Experiments, Run, Section};

fn network(l2: f64, dropout: f64, params: &mut Params) -> Sequential {
    Sequential::new()
        .then(
            Dense::new(10_000, 16)
                .init(HeNormal.truncated())
                .penalty(L2(2.0 * l2))
                .build(params, "first"),
        )
        .then(Relu)
        .then(Dropout(dropout))
        .then(
            Dense::new(16, 16)
                .init(HeNormal.truncated())
                .penalty(L2(2.0 * l2))
                .build(params, "second"),
        )
        .then(Relu)
        .then(Dropout(dropout))
        .then(Dense::new(16, 1).build(params, "output"))
}

pub(crate) fn experiment(run: &Run) -> Result<Section, Error> {
    let (train, valid) = datasets::reviews()?.numeric_labels().split_at(8000)?;
    let settings = [(0.0, 0.0), (0.001, 0.0), (0.0, 0.5), (0.001, 0.5)];
    let runs = run.over(&settings, |&(l2, dropout), seed| {
        let mut params = Params::new(seed);
        let model = network(l2, dropout, &mut params);
        let mut trainer = Trainer::new(
            &model,
            RmsProp::new(1e-3).eps(Epsilon::Inside(1e-7)),
            loss::binary_cross_entropy,
        )
        .metric(Accuracy);
        trainer
            .fit(&mut params, &train)
            .epochs(40)
            .batch_size(512)
            .seed(seed)
            .validation(&valid)
            .silent()
            .run()
    })?;
    for (s, runs) in settings.iter().zip(&runs) {
        for h in runs {
            println!(
                "{s:?} best {:?} last {:?} acc best {:?} last {:?} train {:?} {:?}",
                h.best("val_loss"),
                h.last("val_loss"),
                h.best("val_accuracy"),
                h.last("val_accuracy"),
                h.last("loss"),
                h.diagnose()?.verdict()
            );
        }
        println!("{:.3?}", &runs[0]["val_loss"]);
        println!("{:.3?}", &runs[0]["val_accuracy"]);
    }
    Ok(Section::new("x"))
}

fn main() -> ExitCode {
    Experiments::new("Model results", "", "target/model_results")
        .command("cargo run --release --example")
        .add("model_results", experiment)
        .main()
}
