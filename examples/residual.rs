//! A residual convolutional network with batch normalization and stochastic depth, trained on
//! handwritten digits of 8x8 pixels that are moved a little, to another place in each epoch.
//!
//! While it trains, blocks are skipped at random, the deeper the more often; tested, it is the
//! network of all blocks.

use gradtape::prelude::*;

const EPOCHS: usize = 20;
const BATCH: usize = 32;
const CHANNELS: usize = 16;
const BLOCKS: usize = 4;

/// What a block adds to its input: twice normalize, cut off at 0, convolve.
fn branch(params: &mut Params, block: usize) -> Sequential {
    ["first", "second"].iter().fold(Sequential::new(), |branch, part| {
        let name = format!("block{block}/{part}");
        let conv = Conv2d::new(CHANNELS, CHANNELS, 3).padding(1).init(HeNormal).no_bias();
        branch
            .then(BatchNorm::new(CHANNELS).build(params, &name))
            .then(Relu)
            .then(conv.build(params, &name))
    })
}

fn network(params: &mut Params) -> Sequential {
    let mut model = Sequential::new()
        .then(Reshape::new([1, 8, 8]))
        .then(Conv2d::new(1, CHANNELS, 3).padding(1).init(HeNormal).build(params, "stem"));
    for (block, survival) in StochasticDepth::linear_decay(BLOCKS, 0.8).enumerate() {
        if block == BLOCKS / 2 {
            model = model.then(MaxPool2d::new(2));
        }
        model = model.then(StochasticDepth::new(branch(params, block), survival));
    }
    model
        .then(BatchNorm::new(CHANNELS).build(params, "norm"))
        .then(Relu)
        .then(GlobalAvgPool2d)
        .then(Dense::new(CHANNELS, 10).build(params, "output"))
}

fn main() -> Result<(), gradtape::Error> {
    // One part to learn from, one to say when to stop, one that is looked at only once.
    let (train, rest) = datasets::digits8x8()?.split_at(1197)?;
    let (valid, test) = rest.split_at(300)?;

    let mut params = Params::new(Seed(42));
    let model = network(&mut params);
    println!("{params}\n");

    let steps = EPOCHS * train.len().div_ceil(BATCH);
    let optimizer = Adam::new(CosineDecay::new(0.01, steps as u64));
    let mut augment = Augment::new().flattened([1, 8, 8]).shift(1);
    let mut trainer = Trainer::new(&model, optimizer, loss::cross_entropy).metric(Accuracy);
    trainer
        .fit(&mut params, &train)
        .epochs(EPOCHS)
        .batch_size(BATCH)
        .seed(Seed(1))
        .prepare(|batch| {
            let seed = Seed(2).derive(batch.epoch() as u64);
            batch.x = augment.apply(&batch.x, batch.rows(), seed);
        })
        .validation(&valid)
        .callback(EarlyStopping::new("val_loss").patience(5))
        .run()?;

    let held_out = trainer.evaluate(&params, &test)?;
    println!("\nheld out: {held_out} ({} digits)", test.len());
    Ok(())
}
