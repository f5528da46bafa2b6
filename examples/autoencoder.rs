//! An autoencoder: handwritten digits squeezed into 32 numbers and restored from them. No label is
//! needed, for what is wanted of each image is the image itself.
//!
//! Ends with a picture of digits that it has not seen, each above what is restored of it.

use gradtape::prelude::*;
use gradtape::train::Picture;

const PIXELS: usize = 28 * 28;
const CODE: usize = 32;

fn main() -> Result<(), gradtape::Error> {
    let images = datasets::mnist5k()?.x().clone();
    let (train, valid) = Dataset::new(images.clone(), images)?.split_at(4000)?;

    let mut params = Params::new(Seed(42));
    let encoder = Sequential::new()
        .then(Dense::new(PIXELS, 256).init(HeNormal).build(&mut params, "encoder/hidden"))
        .then(Relu)
        .then(Dense::new(256, CODE).build(&mut params, "encoder/code"));
    let decoder = Sequential::new()
        .then(Dense::new(CODE, 256).init(HeNormal).build(&mut params, "decoder/hidden"))
        .then(Relu)
        .then(Dense::new(256, PIXELS).build(&mut params, "decoder/image"));
    let model = Sequential::new().then(encoder).then(decoder);
    println!("{params}\n");

    // Grey values are between 0 and 1, so the network's outputs are taken as logits of them.
    let mut trainer = Trainer::new(&model, Adam::new(1e-3), loss::binary_cross_entropy);
    trainer
        .fit(&mut params, &train)
        .epochs(15)
        .batch_size(64)
        .seed(Seed(1))
        .validation(&valid)
        .run()?;
    println!("\nheld out: {}", trainer.evaluate(&params, &valid)?);

    let tape = Tape::inference(&params);
    let originals = valid.batch(..20).x;
    let restored = tape.value(model.forward(tape.input(&originals)).sigmoid());
    let pairs = originals.data().chunks(PIXELS).zip(restored.data().chunks(PIXELS));
    let pixels = pairs.flat_map(|(original, restored)| [original, restored].concat()).collect();
    let path = "target/autoencoder.png";
    Picture::of_images(&Tensor::new([20, 2 * 28, 28], pixels)?)?.enlarged(3).write(path)?;
    println!("originals and what is restored of them: {path}");
    Ok(())
}
