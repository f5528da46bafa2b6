//! Augmentation: images as they might also have looked, and mixtures of two.

mod affine;
mod mix;
mod storage;

#[cfg(test)]
mod tests;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::exec::kernels::tasks::for_each_chunk;
use crate::seed::Seed;
use crate::shape::Shape;
use crate::tensor::Tensor;

use affine::Affine;
pub use mix::{CutMix, Mixup};
use storage::Storage;

/// Random changes of images, each drawn anew for every example and epoch.
///
/// Movements (shift, flip, rotation, zoom, crop) are put together in the order given, so that pixels
/// are interpolated once at most, between the four nearest; changes of values (brightness, contrast,
/// noise, erasing, clipping) come after them, in the order given. What moves in from outside is 0
/// unless [`fill`](Self::fill) says otherwise.
///
/// What happens to an example is a function of the seed and the example's number only: not of the
/// batch it is in, its place there, or the number of threads.
///
/// ```
/// use gradtape::data::Augment;
/// use gradtape::{Seed, Tensor};
///
/// let mut augment = Augment::new().shift(2).flip_horizontal(0.5).rotate(10.0).noise(0.01);
/// let images = Tensor::<f32>::zeros([2, 28, 28]);
/// for epoch in 0..3 {
///     // examples 17 and 4 of the data set
///     let x = augment.apply(&images, &[17, 4], Seed(1).derive(epoch));
///     assert_eq!(x.shape(), images.shape());
/// }
/// ```
///
/// Storage is reused: once what [`apply`](Self::apply) returned is dropped, a later batch is written
/// over it.
#[derive(Clone, Debug, Default)]
pub struct Augment {
    image: Option<[usize; 3]>,
    fill: f32,
    movements: Vec<Movement>,
    changes: Vec<Change>,
    storage: Storage,
}

/// A change of places.
#[derive(Clone, Copy, Debug)]
enum Movement {
    Shift(usize),
    FlipHorizontal(f64),
    FlipVertical(f64),
    Rotate(f64),
    Zoom(f64),
    Crop([usize; 2]),
}

/// A change of values.
#[derive(Clone, Copy, Debug)]
enum Change {
    Brightness(f64),
    Contrast(f64),
    Noise(f64),
    Erase { probability: f64, area: f64 },
    Clip(f32, f32),
}

/// About how many operations a value takes.
const WORK: usize = 8;

#[track_caller]
fn check(name: &str, value: f64, highest: f64) -> f64 {
    let allowed = (0.0..=highest).contains(&value);
    assert!(allowed, "{name}: expected a number from 0 to {highest}, not {value}");
    value
}

#[track_caller]
fn check_not_negative(name: &str, value: f64) -> f64 {
    let allowed = (0.0..f64::INFINITY).contains(&value);
    assert!(allowed, "{name}: expected a finite number that is not negative, not {value}");
    value
}

impl Augment {
    /// No changes yet, of images `[n, rows, columns]` or `[n, colours, rows, columns]`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The images are rows of `[n, colours · rows · columns]`, and stay so.
    pub fn flattened(mut self, image: [usize; 3]) -> Self {
        self.image = Some(image);
        self
    }

    /// What moves in from outside, and what is erased becomes.
    pub fn fill(mut self, value: f32) -> Self {
        self.fill = value;
        self
    }

    /// Moves by up to so many whole pixels along both axes. It is the same as padding by so many on
    /// all sides and cropping to the old size.
    pub fn shift(self, pixels: usize) -> Self {
        self.movement(Movement::Shift(pixels))
    }

    /// Swaps left and right with this probability.
    ///
    /// # Panics
    ///
    /// If it is no probability.
    #[track_caller]
    pub fn flip_horizontal(self, probability: f64) -> Self {
        self.movement(Movement::FlipHorizontal(check("flip_horizontal", probability, 1.0)))
    }

    /// Swaps top and bottom with this probability.
    ///
    /// # Panics
    ///
    /// If it is no probability.
    #[track_caller]
    pub fn flip_vertical(self, probability: f64) -> Self {
        self.movement(Movement::FlipVertical(check("flip_vertical", probability, 1.0)))
    }

    /// Turns around the centre by up to so many degrees in both directions.
    ///
    /// # Panics
    ///
    /// If it is not between 0 and 180.
    #[track_caller]
    pub fn rotate(self, degrees: f64) -> Self {
        self.movement(Movement::Rotate(check("rotate", degrees, 180.0)))
    }

    /// Enlarges by a factor between `1 - fraction` and `1 + fraction`, from the centre.
    ///
    /// # Panics
    ///
    /// If it is not between 0 and 0.99.
    #[track_caller]
    pub fn zoom(self, fraction: f64) -> Self {
        self.movement(Movement::Zoom(check("zoom", fraction, 0.99)))
    }

    /// Cuts out so many rows and columns, anywhere in the image.
    pub fn crop(self, rows: usize, columns: usize) -> Self {
        self.movement(Movement::Crop([rows, columns]))
    }

    /// Adds the same number, up to this one or its negative, to all values of an image.
    ///
    /// # Panics
    ///
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn brightness(self, most: f64) -> Self {
        self.change(Change::Brightness(check_not_negative("brightness", most)))
    }

    /// Multiplies the differences from the image's mean by a factor between `1 - fraction` and
    /// `1 + fraction`.
    ///
    /// # Panics
    ///
    /// If it is not between 0 and 1.
    #[track_caller]
    pub fn contrast(self, fraction: f64) -> Self {
        self.change(Change::Contrast(check("contrast", fraction, 1.0)))
    }

    /// Adds a number of its own to each value, normally distributed with this standard deviation.
    ///
    /// # Panics
    ///
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn noise(self, std: f64) -> Self {
        self.change(Change::Noise(check_not_negative("noise", std)))
    }

    /// Erases a rectangle with this probability: anywhere, of up to this part of the image's area,
    /// up to three times as high as wide or as wide as high.
    ///
    /// Z. Zhong et al., *Random erasing data augmentation*, AAAI 2020.
    ///
    /// # Panics
    ///
    /// If one of them is not between 0 and 1.
    #[track_caller]
    pub fn erase(self, probability: f64, area: f64) -> Self {
        let probability = check("erase", probability, 1.0);
        self.change(Change::Erase { probability, area: check("erase", area, 1.0) })
    }

    /// Replaces values below or above by these bounds.
    ///
    /// # Panics
    ///
    /// If the lower bound is not below the upper.
    #[track_caller]
    pub fn clip(self, low: f32, high: f32) -> Self {
        assert!(low < high, "clip: {low} is not below {high}");
        self.change(Change::Clip(low, high))
    }

    fn movement(mut self, movement: Movement) -> Self {
        self.movements.push(movement);
        self
    }

    fn change(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// The images changed, those of the examples with these numbers. Derive the seed from the run's
    /// and the epoch: `seed.derive(epoch)`.
    ///
    /// # Panics
    ///
    /// If `x` does not hold images, or not one for each example, or they are smaller than a crop.
    #[track_caller]
    pub fn apply(&mut self, x: &Tensor<f32>, examples: &[usize], seed: Seed) -> Tensor<f32> {
        let (count, image) = images(x.shape(), self.image);
        assert!(
            count == examples.len(),
            "augment: {} numbers of examples for {count} images",
            examples.len()
        );
        let [colours, rows, columns] = image;
        let [new_rows, new_columns] = self.size([rows, columns]);
        let shape: Shape = match x.shape().rank() {
            2 => [count, colours * new_rows * new_columns].into(),
            3 => [count, new_rows, new_columns].into(),
            _ => [count, colours, new_rows, new_columns].into(),
        };
        let mut storage = std::mem::take(&mut self.storage);
        let changed =
            storage.filled(shape, |values| self.run(x.data(), image, values, examples, seed));
        self.storage = storage;
        changed
    }

    /// The rows and columns after all crops.
    #[track_caller]
    fn size(&self, size: [usize; 2]) -> [usize; 2] {
        self.movements.iter().fold(size, |[rows, columns], movement| match *movement {
            Movement::Crop(crop) => {
                let fits = crop[0] <= rows && crop[1] <= columns;
                assert!(fits, "crop: {crop:?} of an image of {rows} rows and {columns} columns");
                crop
            }
            _ => [rows, columns],
        })
    }

    fn run(
        &self,
        x: &[f32],
        image: [usize; 3],
        values: &mut [f32],
        examples: &[usize],
        seed: Seed,
    ) {
        let width: usize = image.iter().product();
        if width == 0 || values.is_empty() {
            return;
        }
        let new_width = values.len() / examples.len();
        let seed = seed.derive_named("augment");
        let work = WORK * values.len().max(x.len());
        for_each_chunk(values, new_width, work, |i, values| {
            let mut rng = seed.derive(examples[i] as u64).rng();
            self.image(&x[i * width..][..width], image, values, &mut rng);
        });
    }

    /// Changes one image.
    fn image(
        &self,
        x: &[f32],
        image: [usize; 3],
        values: &mut [f32],
        rng: &mut Xoshiro256PlusPlus,
    ) {
        let [colours, rows, columns] = image;
        let mut size = [rows, columns];
        let mut map = Affine::IDENTITY;
        for movement in &self.movements {
            let (step, new_size) = movement.draw(size, rng);
            (map, size) = (map.after(step), new_size);
        }
        let planes = x.chunks(rows * columns);
        let new_planes = values.chunks_mut((size[0] * size[1]).max(1));
        debug_assert_eq!(planes.len(), colours);
        for (plane, new_plane) in planes.zip(new_planes) {
            map.sample(plane, [rows, columns], new_plane, size, self.fill);
        }
        for change in &self.changes {
            change.apply(values, size, self.fill, rng);
        }
    }
}

/// The number of images in a tensor, and their colours, rows and columns.
#[track_caller]
fn images(shape: &Shape, flattened: Option<[usize; 3]>) -> (usize, [usize; 3]) {
    match (&shape[..], flattened) {
        (&[count, rows, columns], None) => (count, [1, rows, columns]),
        (&[count, colours, rows, columns], None) => (count, [colours, rows, columns]),
        (&[count, width], Some(image)) if width == image.iter().product::<usize>() => {
            (count, image)
        }
        (_, Some(image)) => {
            panic!("augment: shape {shape} does not hold flattened images {image:?}")
        }
        (_, None) => panic!(
            "augment: shape {shape} is neither [n, rows, columns] nor [n, colours, rows, columns]"
        ),
    }
}

/// A number between the negative of this one and itself.
fn either_way(most: f64, rng: &mut impl Rng) -> f64 {
    most * rng.random_range(-1.0..=1.0)
}

impl Movement {
    /// From places in the image after it to those before it; and the size after it.
    fn draw(self, size: [usize; 2], rng: &mut impl Rng) -> (Affine, [usize; 2]) {
        let [rows, columns] = size;
        let centre = size.map(|length| (length as f64 - 1.0) / 2.0);
        let map = match self {
            Movement::Shift(pixels) => {
                let most = pixels as i64;
                let by = [(); 2].map(|()| rng.random_range(-most..=most) as f64);
                Affine::shift(by)
            }
            Movement::FlipHorizontal(probability) if rng.random_bool(probability) => {
                Affine { matrix: [[1.0, 0.0], [0.0, -1.0]], offset: [0.0, columns as f64 - 1.0] }
            }
            Movement::FlipVertical(probability) if rng.random_bool(probability) => {
                Affine { matrix: [[-1.0, 0.0], [0.0, 1.0]], offset: [rows as f64 - 1.0, 0.0] }
            }
            Movement::FlipHorizontal(_) | Movement::FlipVertical(_) => Affine::IDENTITY,
            Movement::Rotate(degrees) => {
                let (sin, cos) = either_way(degrees, rng).to_radians().sin_cos();
                Affine::around(centre, [[cos, -sin], [sin, cos]])
            }
            Movement::Zoom(fraction) => {
                let scale = 1.0 / (1.0 + either_way(fraction, rng));
                Affine::around(centre, [[scale, 0.0], [0.0, scale]])
            }
            Movement::Crop(crop) => {
                let from = [0, 1].map(|axis| rng.random_range(0..=size[axis] - crop[axis]) as f64);
                return (Affine::shift(from), crop);
            }
        };
        (map, size)
    }
}

impl Change {
    /// Changes an image of planes of this size.
    fn apply(self, values: &mut [f32], size: [usize; 2], fill: f32, rng: &mut impl Rng) {
        match self {
            Change::Brightness(most) => {
                let by = either_way(most, rng) as f32;
                values.iter_mut().for_each(|value| *value += by);
            }
            Change::Contrast(fraction) => {
                let factor = 1.0 + either_way(fraction, rng) as f32;
                let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
                let mean = (sum / values.len() as f64) as f32;
                values.iter_mut().for_each(|value| *value = mean + factor * (*value - mean));
            }
            Change::Noise(std) => {
                for value in values {
                    *value += (std * rng.sample::<f64, _>(StandardNormal)) as f32;
                }
            }
            Change::Erase { probability, area } => {
                if rng.random_bool(probability) {
                    let area = area * rng.random::<f64>();
                    let aspect = 3_f64.powf(either_way(1.0, rng));
                    let rectangle = rectangle(size, area, aspect, rng);
                    for plane in values.chunks_mut((size[0] * size[1]).max(1)) {
                        for row in rectangle.rows.clone() {
                            plane[row * size[1]..][rectangle.columns.clone()].fill(fill);
                        }
                    }
                }
            }
            Change::Clip(low, high) => {
                values.iter_mut().for_each(|value| *value = value.clamp(low, high));
            }
        }
    }
}

/// A part of an image.
struct Rectangle {
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
}

/// A rectangle of this part of an image's area, so many times as high as wide as the image is, that
/// lies anywhere in it; cut to its size.
fn rectangle(size: [usize; 2], area: f64, aspect: f64, rng: &mut impl Rng) -> Rectangle {
    let side = area.sqrt();
    let parts = [side * aspect.sqrt(), side / aspect.sqrt()];
    let [rows, columns] = [0, 1].map(|axis| {
        let length = ((parts[axis] * size[axis] as f64).round() as usize).min(size[axis]);
        let start = rng.random_range(0..=size[axis] - length);
        start..start + length
    });
    Rectangle { rows, columns }
}
