//! One convolutional network, to be trained with noise of several kinds.

use gradtape::prelude::*;

/// What is random while the network is trained.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Noise {
    /// Units of the dense layer are dropped.
    Dropout,
    /// Means and variances are those of a random batch.
    BatchNorm,
    /// Images are moved and turned.
    Augmentation,
    /// Connections to the dense layer are dropped.
    DropConnect,
    /// Residual blocks are skipped.
    StochasticDepth,
    /// The regions of pooling are cut at random.
    FractionalPooling,
}

/// The rate at which this noise drops something: that of its paper, or half of it if there is
/// other noise as well.
fn rate(of: Noise, noise: &[Noise]) -> f64 {
    match noise {
        [one] if *one == of => 0.5,
        _ if noise.contains(&of) => 0.25,
        _ => 0.0,
    }
}

const CHANNELS: usize = 12;

/// A convolution, two residual blocks with pooling between them, two dense layers. Whatever the
/// noise, the parameters are the same, but for those of batch normalization.
pub(super) fn network(image: [usize; 3], noise: &[Noise], params: &mut Params) -> Sequential {
    let [colours, side, _] = image;
    let stem = Conv2d::new(colours, CHANNELS, 3).padding(1).stride(side / 8).init(HeNormal);
    let side = side.div_ceil(side / 8);
    let half = side / 2;

    let mut model = Sequential::new()
        .then(Reshape::new(image))
        .then(stem.build(params, "stem"))
        .then(block(noise, 1, params));
    model = if noise.contains(&Noise::FractionalPooling) {
        // In two steps of less than a half each.
        let to = |side| FractionalMaxPool2d::new(FractionalPooling::random(1.0).output_size(side));
        model.then(to((side + half) / 2)).then(block(noise, 2, params)).then(to(half))
    } else {
        model.then(MaxPool2d::new(2)).then(block(noise, 2, params))
    };
    let connections = rate(Noise::DropConnect, noise);
    let dense = DropConnect::new(CHANNELS * half * half, 64, connections).activation(Relu);
    model
        .then(normalization(noise, params, "norm"))
        .then(Relu)
        .then(Flatten)
        .then(dense.init(HeNormal).build(params, "dense"))
        .then(Dropout(rate(Noise::Dropout, noise)))
        .then(Dense::new(64, 10).build(params, "output"))
}

/// A residual block of two convolutions.
fn block(noise: &[Noise], number: usize, params: &mut Params) -> StochasticDepth {
    let branch = ["first", "second"].iter().fold(Sequential::new(), |branch, part| {
        let name = format!("block{number}/{part}");
        let conv = Conv2d::new(CHANNELS, CHANNELS, 3).padding(1).init(HeNormal);
        branch.then(normalization(noise, params, &name)).then(Relu).then(conv.build(params, &name))
    });
    // The last one is skipped at this rate, the first one half as often.
    let skipped = rate(Noise::StochasticDepth, noise) * number as f64 / 2.0;
    StochasticDepth::new(branch, 1.0 - skipped)
}

fn normalization(noise: &[Noise], params: &mut Params, name: &str) -> Sequential {
    if !noise.contains(&Noise::BatchNorm) {
        return Sequential::new();
    }
    Sequential::new().then(BatchNorm::new(CHANNELS).build(params, name))
}

/// Whether the images are moved as well.
pub(super) fn augmentation(image: [usize; 3], noise: &[Noise]) -> Option<Augment> {
    let moved = || Augment::new().flattened(image).shift(image[1] / 8).rotate(10.0);
    noise.contains(&Noise::Augmentation).then(moved)
}

/// Colours, height and width of square images that are given as rows of numbers.
pub(super) fn image_of(data: &Dataset) -> [usize; 3] {
    let numbers = data.x().shape()[1];
    let colours = if numbers == 3 * 32 * 32 { 3 } else { 1 };
    let side = (numbers / colours).isqrt();
    [colours, side, side]
}
