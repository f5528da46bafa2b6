//! One convolutional network, to be trained with noise of several kinds.

use gradtape::prelude::*;

/// What is random while the network is trained.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Noise {
    /// Units of the last layer but one are dropped.
    Dropout,
    /// Means and variances are those of a random batch.
    BatchNorm,
    /// Images are moved and turned.
    Augmentation,
    /// Connections of the last layer but one are dropped.
    DropConnect,
    /// The regions of pooling are cut at random.
    FractionalPooling,
    /// Residual blocks are skipped.
    StochasticDepth,
}

const CHANNELS: usize = 12;

/// A convolution, two residual blocks with pooling between them, two dense layers. Whatever the
/// noise, the parameters are the same, but for those of batch normalization.
pub(super) fn network(image: [usize; 3], noise: &[Noise], params: &mut Params) -> Sequential {
    let rate = |of: Noise, rate: f64| if noise.contains(&of) { rate } else { 0.0 };
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
    let connections = rate(Noise::DropConnect, 0.25);
    let dense = DropConnect::new(CHANNELS * half * half, 64, connections).activation(Relu);
    model
        .then(normalization(noise, params, "norm"))
        .then(Relu)
        .then(Flatten)
        .then(dense.init(HeNormal).build(params, "dense"))
        .then(Dropout(rate(Noise::Dropout, 0.25)))
        .then(Dense::new(64, 10).build(params, "output"))
}

/// A residual block of two convolutions.
fn block(noise: &[Noise], number: usize, params: &mut Params) -> StochasticDepth {
    let branch = ["first", "second"].iter().fold(Sequential::new(), |branch, part| {
        let name = format!("block{number}/{part}");
        let conv = Conv2d::new(CHANNELS, CHANNELS, 3).padding(1).init(HeNormal);
        branch.then(normalization(noise, params, &name)).then(Relu).then(conv.build(params, &name))
    });
    // The deeper the more often.
    let skipped = if noise.contains(&Noise::StochasticDepth) { 0.1 * number as f64 } else { 0.0 };
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
