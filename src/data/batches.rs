//! What a training loop takes its examples from.

use std::iter::FusedIterator;
use std::ops::Range;
use std::sync::Arc;

use crate::data::dataset::shuffle;
use crate::data::{Dataset, Rows};
use crate::seed::Seed;
use crate::tensor::{Indices, Tensor};

#[cfg(test)]
mod tests;

/// Some examples of a [`Dataset`], and what belongs to each of them.
#[derive(Clone, Debug)]
pub struct Batch<X = Tensor<f32>, Y = Indices> {
    /// The examples, one a row.
    pub x: X,
    /// What belongs to each example, such as its label.
    pub y: Y,
    rows: Arc<Vec<usize>>,
    seed: Seed,
    epoch: usize,
    index: usize,
}

impl<X: Rows, Y: Rows> Batch<X, Y> {
    /// The batch at a place of the run with this seed.
    pub(crate) fn new(examples: Examples<X, Y>, run: Seed, epoch: usize, index: usize) -> Self {
        let Examples { dataset, rows } = examples;
        let (x, y) = dataset.into_parts();
        let seed = run.derive_named("batch").derive(epoch as u64).derive(index as u64);
        Self { x, y, rows, seed, epoch, index }
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.x.rows().unwrap_or(0)
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which rows of the data set these are: what tells an example wherever it comes in an epoch.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The seed of what is random in a step on this batch, such as dropout: a function of the
    /// run's seed, the [epoch](Batch::epoch) and the [index](Batch::index) only.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The epoch that the batch is of, counted from 0.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// The place of the batch in its epoch, counted from 0.
    pub fn index(&self) -> usize {
        self.index
    }
}

/// The batches of a [`Dataset`], epoch after epoch: what
/// [`Dataset::batches`](Dataset::batches) returns, set up by the methods below before the first
/// batch is taken.
///
/// ```
/// use gradtape::data::Dataset;
/// use gradtape::{Indices, Seed, Tensor};
///
/// let train = Dataset::new(Tensor::zeros([10, 2]), Indices::from([0; 10]))?;
/// let mut steps = 0;
/// for batch in train.batches(4).shuffled(Seed(1)).epochs(5) {
///     assert_eq!(batch.len(), if batch.index() < 2 { 4 } else { 2 });
///     steps += 1;
/// }
/// assert_eq!(steps, 3 * 5);
/// # Ok::<(), gradtape::Error>(())
/// ```
///
/// Storage is reused: once a batch, and whatever its rows were cloned into, is dropped, a
/// later batch is written over it, so a steady loop allocates nothing.
#[derive(Debug)]
#[must_use = "an iterator of batches does nothing until it is iterated over"]
pub struct Batches<'d, X = Tensor<f32>, Y = Indices> {
    dataset: &'d Dataset<X, Y>,
    size: usize,
    drop_last: bool,
    shuffle: bool,
    seed: Seed,
    /// The epochs still to come, the current one included.
    epochs: Range<usize>,
    /// The place of the next batch in the current epoch.
    index: usize,
    /// The rows in the order of the current epoch, from its first batch on.
    order: Vec<usize>,
    /// The last batches, oldest first, to be written over when nobody else holds them any more.
    kept: Vec<Examples<X, Y>>,
}

/// Some rows of a data set, and which they are.
#[derive(Clone, Debug)]
pub(crate) struct Examples<X, Y> {
    pub(crate) dataset: Dataset<X, Y>,
    pub(crate) rows: Arc<Vec<usize>>,
}

impl<X: Rows, Y: Rows> Examples<X, Y> {
    /// Whether nobody else holds them, so that they may be written over.
    fn is_unshared(&mut self) -> bool {
        Arc::get_mut(&mut self.rows).is_some() && self.dataset.is_unshared()
    }

    fn refill(&mut self, source: &Dataset<X, Y>, rows: &[usize]) {
        self.dataset.refill(source, rows.iter().copied());
        let own = Arc::make_mut(&mut self.rows);
        own.clear();
        own.extend_from_slice(rows);
    }
}

impl<'d, X: Rows, Y: Rows> Batches<'d, X, Y> {
    /// How many batches are kept to be written over. A loop holds one at a time, or two if what
    /// recorded a step is dropped after the next batch was taken; some more wait if they are made
    /// ahead.
    const KEPT: usize = 8;

    pub(crate) fn new(dataset: &'d Dataset<X, Y>, size: usize) -> Self {
        Self {
            dataset,
            size,
            drop_last: false,
            shuffle: false,
            seed: Seed(0),
            epochs: 0..1,
            index: 0,
            order: Vec::new(),
            kept: Vec::with_capacity(Self::KEPT),
        }
    }

    /// Orders each epoch anew: the order is a function of the seed and the epoch's number only.
    /// The seed is also what the batches' own seeds derive from.
    pub fn shuffled(mut self, seed: Seed) -> Self {
        self.shuffle = true;
        self.seed = seed;
        self
    }

    /// The seed that the batches' own seeds derive from, of batches that are not shuffled.
    pub fn seeded(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// So many epochs, from epoch 0.
    pub fn epochs(self, epochs: usize) -> Self {
        self.epoch_range(0..epochs)
    }

    /// The epochs with these numbers: `3..5` continues a run of five that ended after three, with
    /// the very batches and seeds that it would have seen.
    ///
    /// ```
    /// # use gradtape::data::Dataset;
    /// # use gradtape::{Indices, Seed, Tensor};
    /// # let train = Dataset::new(Tensor::zeros([10, 2]), Indices::from([0; 10]))?;
    /// let run = train.batches(4).shuffled(Seed(1)).epochs(5);
    /// let resumed = train.batches(4).shuffled(Seed(1)).epoch_range(3..5);
    /// for (batch, again) in run.skip_while(|batch| batch.epoch() < 3).zip(resumed) {
    ///     assert_eq!((batch.x, batch.y), (again.x, again.y));
    /// }
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    pub fn epoch_range(mut self, epochs: Range<usize>) -> Self {
        self.epochs = epochs;
        self
    }

    /// Leaves out the last batch of an epoch if it is smaller than the others. No batch is left
    /// if the data set is smaller than one.
    pub fn drop_last(mut self) -> Self {
        self.drop_last = true;
        self
    }

    /// The number of batches of an epoch. All that are still to come, in all epochs, are
    /// [`len`](ExactSizeIterator::len).
    pub fn per_epoch(&self) -> usize {
        let examples = self.dataset.len();
        if self.drop_last { examples / self.size } else { examples.div_ceil(self.size) }
    }

    /// Puts the rows into the current epoch's order, starting from their own order and not from
    /// the last epoch's, on which nothing may depend.
    fn start_epoch(&mut self) {
        self.order.clear();
        self.order.extend(0..self.dataset.len());
        if self.shuffle {
            let epoch = self.epochs.start as u64;
            shuffle(&mut self.order, self.seed.derive_named("order").derive(epoch));
        }
    }

    /// Examples to write the next batch over: their storage is reused if nobody shares it.
    fn storage(&mut self) -> Examples<X, Y> {
        match self.kept.iter_mut().position(Examples::is_unshared) {
            Some(free) => self.kept.remove(free),
            None => {
                if self.kept.len() == Self::KEPT {
                    self.kept.remove(0);
                }
                Examples { dataset: self.dataset.clone(), rows: Arc::default() }
            }
        }
    }
}

impl<X: Rows, Y: Rows> Iterator for Batches<'_, X, Y> {
    type Item = Batch<X, Y>;

    fn next(&mut self) -> Option<Batch<X, Y>> {
        let per_epoch = self.per_epoch();
        if self.epochs.is_empty() || per_epoch == 0 {
            return None;
        }
        if self.index == 0 {
            self.start_epoch();
        }

        let mut examples = self.storage();
        let rest = &self.order[self.index * self.size..];
        examples.refill(self.dataset, &rest[..self.size.min(rest.len())]);
        self.kept.push(examples.clone());
        let batch = Batch::new(examples, self.seed, self.epochs.start, self.index);

        self.index += 1;
        if self.index >= per_epoch {
            self.index = 0;
            self.epochs.start += 1;
        }
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // Saturated, a run without end (`epochs(usize::MAX)`) still has a size.
        let left = self.epochs.len().saturating_mul(self.per_epoch()).saturating_sub(self.index);
        (left, Some(left))
    }
}

impl<X: Rows, Y: Rows> ExactSizeIterator for Batches<'_, X, Y> {}

impl<X: Rows, Y: Rows> FusedIterator for Batches<'_, X, Y> {}
