//! Mixtures of two examples and of their targets.

use rand::RngExt;
use rand_distr::Beta;

use super::{Storage, images, rectangle};
use crate::data::dataset::shuffle;
use crate::seed::Seed;
use crate::tensor::Tensor;

/// Mixtures of examples: `λx + (1-λ)x'` with another example `x'` of the batch, and the targets mixed
/// in the same way. The weight `λ` is drawn for each batch, from the distribution `Beta(α, α)`.
///
/// Targets are numbers, `[n, ..]`: of classes, the distributions that
/// [`Dataset::one_hot`](crate::data::Dataset::one_hot) makes of labels, for losses that take such.
///
/// H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, *mixup: beyond empirical risk minimization*, ICLR
/// 2018.
///
/// ```
/// use gradtape::data::Mixup;
/// use gradtape::prelude::*;
/// use gradtape::train::CategoricalAccuracy;
///
/// let x = Tensor::from_fn([60, 2], |i| ((i * i) % 7) as f32 + (i / 40) as f32);
/// let labels = Indices::from((0..60).map(|row| row / 20).collect::<Vec<u32>>());
/// let train = Dataset::new(x, labels)?.one_hot(3)?;
///
/// let mut params = Params::new(Seed(42));
/// let model = Dense::new(2, 3).build(&mut params, "output");
/// let loss = loss::cross_entropy_of_targets;
/// let mut trainer = Trainer::new(&model, Adam::new(0.01), loss).metric(CategoricalAccuracy);
/// let mut mixup = Mixup::new(0.2);
/// trainer
///     .fit(&mut params, &train)
///     .prepare(|batch| (batch.x, batch.y) = mixup.apply(&batch.x, &batch.y, batch.seed()))
///     .run()?;
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mixup {
    pub(super) mix: Mix,
}

/// Mixtures of images: a rectangle of another image of the batch is put into each, and the targets are
/// mixed by the areas, as by [`Mixup`]. The part `λ` that is kept is drawn for each batch, from the
/// distribution `Beta(α, α)`; the rectangle has the image's proportions and lies anywhere in it.
///
/// The images are `[n, rows, columns]` or `[n, colours, rows, columns]`, the targets `[n, ..]`.
///
/// S. Yun et al., *CutMix: regularization strategy to train strong classifiers with localizable
/// features*, ICCV 2019.
#[derive(Clone, Debug)]
pub struct CutMix {
    mix: Mix,
    image: Option<[usize; 3]>,
}

impl Mixup {
    /// Mixtures by this `α`.
    ///
    /// # Panics
    ///
    /// If `α` is not above 0, or infinite.
    #[track_caller]
    pub fn new(alpha: f64) -> Self {
        Self { mix: Mix::new(alpha) }
    }

    /// The examples mixed, and their targets.
    ///
    /// # Panics
    ///
    /// If there are not as many rows of targets as examples.
    #[track_caller]
    pub fn apply(
        &mut self,
        x: &Tensor<f32>,
        targets: &Tensor<f32>,
        seed: Seed,
    ) -> (Tensor<f32>, Tensor<f32>) {
        let kept = self.mix.start(x, targets, seed);
        let Mix { others, storage, target_storage, .. } = &mut self.mix;
        (
            weighted_rows(x, others, kept, storage),
            weighted_rows(targets, others, kept, target_storage),
        )
    }
}

impl CutMix {
    /// Mixtures by this `α`.
    ///
    /// # Panics
    ///
    /// If `α` is not above 0, or infinite.
    #[track_caller]
    pub fn new(alpha: f64) -> Self {
        Self { mix: Mix::new(alpha), image: None }
    }

    /// The images are rows of `[n, colours · rows · columns]`, and stay so.
    pub fn flattened(mut self, image: [usize; 3]) -> Self {
        self.image = Some(image);
        self
    }

    /// The images mixed, and their targets.
    ///
    /// # Panics
    ///
    /// If `x` does not hold images, or there are not as many rows of targets.
    #[track_caller]
    pub fn apply(
        &mut self,
        x: &Tensor<f32>,
        targets: &Tensor<f32>,
        seed: Seed,
    ) -> (Tensor<f32>, Tensor<f32>) {
        let (_, [colours, rows, columns]) = images(x.shape(), self.image);
        let kept = self.mix.start(x, targets, seed);
        let mut rng = seed.derive_named("rectangle").rng();
        let cut = rectangle([rows, columns], 1.0 - kept, 1.0, &mut rng);
        let Mix { others, storage, target_storage, .. } = &mut self.mix;
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
        (mixed, weighted_rows(targets, others, 1.0 - part, target_storage))
    }
}

/// What both kinds of mixture have in common.
#[derive(Clone, Debug)]
pub(super) struct Mix {
    alpha: f64,
    /// The row that each row is mixed with.
    pub(super) others: Vec<usize>,
    storage: Storage,
    target_storage: Storage,
}

impl Mix {
    #[track_caller]
    fn new(alpha: f64) -> Self {
        assert!(alpha > 0.0 && alpha.is_finite(), "alpha must be finite and above 0, not {alpha}");
        let (storage, target_storage) = Default::default();
        Self { alpha, others: Vec::new(), storage, target_storage }
    }

    /// Draws what each row is mixed with, and the part of each that is kept.
    #[track_caller]
    fn start(&mut self, x: &Tensor<f32>, targets: &Tensor<f32>, seed: Seed) -> f64 {
        let Some(&count) = x.shape().first() else { panic!("mixtures: a scalar is no examples") };
        let found = targets.shape();
        assert!(
            found.first() == Some(&count),
            "mixtures: targets of shape {found} for {count} examples"
        );
        self.others.clear();
        self.others.extend(0..count);
        shuffle(&mut self.others, seed.derive_named("others"));
        let mut rng = seed.derive_named("weight").rng();
        // The distribution exists for every positive and finite number.
        let beta = Beta::new(self.alpha, self.alpha);
        beta.map_or(1.0, |beta| rng.sample(beta))
    }
}

/// The part `kept` of each row, and the rest of another row.
fn weighted_rows(
    x: &Tensor<f32>,
    others: &[usize],
    kept: f64,
    storage: &mut Storage,
) -> Tensor<f32> {
    let width = x.data().len().checked_div(others.len()).unwrap_or(0);
    let weight = kept as f32;
    storage.filled(x.shape().clone(), |values| {
        let rows = values.chunks_mut(width.max(1)).zip(x.data().chunks(width.max(1)));
        for ((row, own), &other) in rows.zip(others) {
            let other = &x.data()[other * width..][..width];
            for ((value, own), other) in row.iter_mut().zip(own).zip(other) {
                *value = weight * own + (1.0 - weight) * other;
            }
        }
    })
}
