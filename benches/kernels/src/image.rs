//! Convolution and pooling, in the layers of a small network for images of 28x28.

use gradtape::Convolution;

use crate::machine::Work;
use crate::suite::{Family, tensor};

pub(crate) fn bench(family: &mut Family<'_>) {
    convolution(family, [64, 1, 28], 32);
    convolution(family, [64, 32, 13], 64);
    max_pooling(family, [64, 32, 26]);
    max_pooling(family, [64, 64, 11]);
}

/// `[images, channels, size, size]` with filters of 3x3.
fn convolution(family: &mut Family<'_>, [images, channels, size]: [usize; 3], filters: usize) {
    let (x, filter) = ([images, channels, size, size], [filters, channels, 3, 3]);
    let (inputs, weights) = (x.iter().product::<usize>(), filter.iter().product::<usize>());
    let outputs = images * filters * (size - 2) * (size - 2);
    let name = format!("conv {images}x{channels}x{size}x{size} by {filters}");
    let flops = 2 * outputs * channels * 9;
    let operands = || [tensor(x), tensor(filter)];
    let work = Work { flops, read: inputs + weights, written: outputs };
    family.value(&name, work, operands(), |[x, filter]| x.conv2d(filter, Convolution::new()));
    let (read, written) = (inputs + weights + outputs, inputs + weights);
    let work = Work { flops: 3 * flops, read, written };
    family.gradient(&name, work, operands(), |[x, filter]| x.conv2d(filter, Convolution::new()));
}

/// `[images, channels, size, size]` in windows of 2x2.
fn max_pooling(family: &mut Family<'_>, [images, channels, size]: [usize; 3]) {
    let x = [images, channels, size, size];
    let inputs = x.iter().product::<usize>();
    let outputs = images * channels * (size / 2) * (size / 2);
    let name = format!("max pool {images}x{channels}x{size}x{size}");
    let work = Work { flops: 3 * outputs, read: inputs, written: outputs };
    family.value(&name, work, [tensor(x)], |[x]| x.max_pool2d(2));
    let work = Work { flops: 3 * outputs, read: inputs + outputs, written: inputs };
    family.gradient(&name, work, [tensor(x)], |[x]| x.max_pool2d(2));
}
