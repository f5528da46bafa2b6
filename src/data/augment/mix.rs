//! Mixtures of two examples and of their labels.

use rand::RngExt;
use rand_distr::Beta;

use super::{Storage, images, rectangle};
use crate::data::dataset::shuffle;
use crate::error::Error;
use crate::seed::Seed;
use crate::tensor::{Indices, Tensor};

/// Mixtures of examples: `λx + (1-λ)x'` with another example `x'` of the batch, and the labels mixed
/// in the same way. The weight `λ` is drawn for each batch, from the distribution `Beta(α, α)`.
///
/// The labels become targets `[n, classes]`, for losses that take such.
///
/// H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, *mixup: beyond empirical risk minimization*, ICLR
/// 2018.
///
/// ```
/// use gradtape::data::Mixup;
/// use gradtape::{Indices, Seed, Tensor};
///
/// let mut mixup = Mixup::new(0.2, 3);
/// let x = Tensor::from([[1.0], [2.0]]);
/// let (mixed, targets) = mixup.apply(&x, &Indices::from([0, 2]), Seed(1))?;
/// assert_eq!((mixed.shape(), targets.shape()), (x.shape(), &[2, 3].into()));
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mixup {
    pub(super) mix: Mix,
}

/// Mixtures of images: a rectangle of another image of the batch is put into each, and the labels are
/// mixed by the areas. The part `λ` that is kept is drawn for each batch, from the distribution
/// `Beta(α, α)`; the rectangle has the image's proportions and lies anywhere in it.
///
/// The images are `[n, rows, columns]` or `[n, colours, rows, columns]`, the labels become targets
/// `[n, classes]`.
///
/// S. Yun et al., *CutMix: regularization strategy to train strong classifiers with localizable
/// features*, ICCV 2019.
#[derive(Clone, Debug)]
pub struct CutMix {
    mix: Mix,
    image: Option<[usize; 3]>,
}

impl Mixup {
    /// Mixtures by this `α` of examples of so many classes.
    ///
    /// # Panics
    ///
    /// If `α` is not above 0, or infinite.
    #[track_caller]
    pub fn new(alpha: f64, classes: usize) -> Self {
        Self { mix: Mix::new(alpha, classes) }
    }

    /// The examples mixed, and the targets.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] naming the first row whose label is none of the classes.
    ///
    /// # Panics
    ///
    /// If there is not one label for each example.
    #[track_caller]
    pub fn apply(
        &mut self,
        x: &Tensor<f32>,
        y: &Indices,
        seed: Seed,
    ) -> Result<(Tensor<f32>, Tensor<f32>), Error> {
        let kept = self.mix.start(x, y, seed)?;
        let Mix { others, storage, .. } = &mut self.mix;
        let width = x.data().len().checked_div(others.len()).unwrap_or(0);
        let weight = kept as f32;
        let mixed = storage.filled(x.shape().clone(), |values| {
            let rows = values.chunks_mut(width.max(1)).zip(x.data().chunks(width.max(1)));
            for ((row, own), &other) in rows.zip(&*others) {
                let other = &x.data()[other * width..][..width];
                for ((value, own), other) in row.iter_mut().zip(own).zip(other) {
                    *value = weight * own + (1.0 - weight) * other;
                }
            }
        });
        Ok((mixed, self.mix.targets(y, kept)))
    }
}

impl CutMix {
    /// Mixtures by this `α` of images of so many classes.
    ///
    /// # Panics
    ///
    /// If `α` is not above 0, or infinite.
    #[track_caller]
    pub fn new(alpha: f64, classes: usize) -> Self {
        Self { mix: Mix::new(alpha, classes), image: None }
    }

    /// The images are rows of `[n, colours · rows · columns]`, and stay so.
    pub fn flattened(mut self, image: [usize; 3]) -> Self {
        self.image = Some(image);
        self
    }

    /// The images mixed, and the targets.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] naming the first row whose label is none of the classes.
    ///
    /// # Panics
    ///
    /// If `x` does not hold images, or there is not one label for each.
    #[track_caller]
    pub fn apply(
        &mut self,
        x: &Tensor<f32>,
        y: &Indices,
        seed: Seed,
    ) -> Result<(Tensor<f32>, Tensor<f32>), Error> {
        let (_, [colours, rows, columns]) = images(x.shape(), self.image);
        let kept = self.mix.start(x, y, seed)?;
        let mut rng = seed.derive_named("rectangle").rng();
        let cut = rectangle([rows, columns], 1.0 - kept, 1.0, &mut rng);
        let Mix { others, storage, .. } = &mut self.mix;
        let (plane, width) = (rows * columns, colours * rows * columns);
        let mixed = storage.filled(x.shape().clone(), |values| {
            values.copy_from_slice(x.data());
            for (image, &other) in values.chunks_mut(width.max(1)).zip(&*others) {
                for row in (0..colours).flat_map(|colour| {
                    cut.rows.clone().map(move |row| colour * plane + row * columns)
                }) {
                    let other = &x.data()[other * width + row..][cut.columns.clone()];
                    image[row..][cut.columns.clone()].copy_from_slice(other);
                }
            }
        });
        let part = (cut.rows.len() * cut.columns.len()) as f64 / plane.max(1) as f64;
        Ok((mixed, self.mix.targets(y, 1.0 - part)))
    }
}

/// What both kinds of mixture have in common.
#[derive(Clone, Debug)]
pub(super) struct Mix {
    alpha: f64,
    classes: usize,
    /// The row that each row is mixed with.
    pub(super) others: Vec<usize>,
    storage: Storage,
    targets: Storage,
}

impl Mix {
    #[track_caller]
    fn new(alpha: f64, classes: usize) -> Self {
        assert!(alpha > 0.0 && alpha.is_finite(), "alpha must be finite and above 0, not {alpha}");
        let (storage, targets) = Default::default();
        Self { alpha, classes, others: Vec::new(), storage, targets }
    }

    /// Draws what each row is mixed with, and the part of each that is kept.
    #[track_caller]
    fn start(&mut self, x: &Tensor<f32>, y: &Indices, seed: Seed) -> Result<f64, Error> {
        let Some(&count) = x.shape().first() else { panic!("mixtures: a scalar is no examples") };
        assert!(
            y.shape()[..] == [count],
            "mixtures: labels of shape {} for {count} examples",
            y.shape()
        );
        let classes = self.classes;
        let labels = y.data().iter().enumerate();
        if let Some((row, label)) = labels.into_iter().find(|&(_, &l)| l as usize >= classes) {
            let expected = format!("one of {classes} classes");
            return Err(Error::format(format!("label of row {row}"), expected, label));
        }
        self.others.clear();
        self.others.extend(0..count);
        shuffle(&mut self.others, seed.derive_named("others"));
        let mut rng = seed.derive_named("weight").rng();
        // The distribution exists for every positive and finite number.
        let beta = Beta::new(self.alpha, self.alpha);
        Ok(beta.map_or(1.0, |beta| rng.sample(beta)))
    }

    fn targets(&mut self, y: &Indices, kept: f64) -> Tensor<f32> {
        let (classes, kept) = (self.classes, kept as f32);
        self.targets.filled([y.data().len(), classes].into(), |values| {
            values.fill(0.0);
            let rows = values.chunks_mut(classes.max(1)).zip(y.data()).zip(&self.others);
            for ((row, &own), &other) in rows {
                row[own as usize] += kept;
                row[y.data()[other] as usize] += 1.0 - kept;
            }
        })
    }
}
