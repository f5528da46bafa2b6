//! Examples and their labels.

use std::ops::RangeBounds;
use std::sync::Arc;

use rand::seq::SliceRandom;

use crate::data::batches::Examples;
use crate::data::{Batch, Batches, Rows};
use crate::error::Error;
use crate::seed::Seed;
use crate::shape::bounds;
use crate::tensor::{Indices, Tensor};

#[cfg(test)]
mod tests;

/// Examples, one a row of `x`, and what belongs to each of them as the same row of `y`: labels, or
/// numbers to be predicted.
///
/// Both may be any kind of [`Rows`]: tensors, whole numbers, [sparse rows](crate::SparseRows), or
/// pairs of such. A `Dataset` without further types holds numbers and labels.
///
/// ```
/// use gradtape::data::Dataset;
/// use gradtape::{Indices, Seed, Tensor};
///
/// let x = Tensor::from([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
/// let xor = Dataset::new(x, Indices::from([0, 1, 1, 0]))?;
/// assert_eq!((xor.len(), xor.classes()), (4, 2));
///
/// let (train, valid) = xor.shuffled(Seed(7)).split_at(3)?;
/// assert_eq!((train.len(), valid.len()), (3, 1));
///
/// // regression: numbers to be predicted
/// let heights = Dataset::new(Tensor::zeros([8, 3]), Tensor::zeros([8, 1]))?;
/// for batch in heights.batches(4).shuffled(Seed(1)) {
///     assert_eq!((batch.x.shape(), batch.y.shape()), (&[4, 3].into(), &[4, 1].into()));
/// }
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Dataset<X = Tensor<f32>, Y = Indices> {
    x: X,
    y: Y,
    len: usize,
}

impl<X: Rows, Y: Rows> Dataset<X, Y> {
    /// A data set of these examples and what belongs to each of them.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if `x` or `y` is a scalar, or `y` does not have one row for each
    /// example.
    pub fn new(x: X, y: Y) -> Result<Self, Error> {
        let rows = |name, rows: Result<usize, String>| {
            rows.map_err(|found| Error::argument(name, "a first axis that counts examples", found))
        };
        let (len, found) = (rows("x", x.rows())?, rows("y", y.rows())?);
        if found != len {
            let expected = format!("a row for each of {len} examples");
            return Err(Error::argument("y", expected, format!("{found} rows")));
        }
        Ok(Self { x, y, len })
    }

    /// The examples, one a row.
    pub fn x(&self) -> &X {
        &self.x
    }

    /// What belongs to each example, such as its label.
    pub fn y(&self) -> &Y {
        &self.y
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The examples of a range of rows, such as `0..8`, or `..` for all. The batch is of no epoch:
    /// it counts as the first of epoch 0, of the run with seed 0.
    ///
    /// # Panics
    ///
    /// If the range ends after the last example or before its start.
    ///
    /// ```
    /// # use gradtape::data::Dataset;
    /// # use gradtape::{Indices, Tensor};
    /// let data = Dataset::new(Tensor::from([[1.0], [2.0], [3.0]]), Indices::from([0, 1, 0]))?;
    /// let batch = data.batch(1..);
    /// assert_eq!(batch.x, Tensor::from([[2.0], [3.0]]));
    /// assert_eq!(batch.y, Indices::from([1, 0]));
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    #[track_caller]
    pub fn batch(&self, rows: impl RangeBounds<usize>) -> Batch<X, Y> {
        let (start, end) = bounds(&rows, self.len());
        if start > end || end > self.len() {
            panic!("batch: rows {start}..{end} of a data set of {} examples", self.len());
        }
        let rows = Arc::new((start..end).collect());
        Batch::new(Examples { dataset: self.select(start..end), rows }, Seed(0), 0, 0)
    }

    /// The examples cut into batches of this size, by position until
    /// [`shuffled`](Batches::shuffled); one epoch until [`epochs`](Batches::epochs).
    ///
    /// # Panics
    ///
    /// If the size is 0.
    #[track_caller]
    pub fn batches(&self, size: usize) -> Batches<'_, X, Y> {
        assert!(size > 0, "batches: the size of a batch must be at least 1");
        Batches::new(self, size)
    }

    /// The same examples, each with another row that belongs to it.
    pub(super) fn with_y<Z: Rows>(&self, y: Z) -> Dataset<X, Z> {
        Dataset { x: self.x.clone(), y, len: self.len }
    }

    pub(crate) fn into_parts(self) -> (X, Y) {
        (self.x, self.y)
    }

    /// A data set of these rows of this one; shares the numbers if it is all of them as they are.
    pub(super) fn select(&self, rows: impl ExactSizeIterator<Item = usize> + Clone) -> Self {
        let mut selected = self.clone();
        if !rows.clone().eq(0..self.len()) {
            selected.refill(self, rows);
        }
        selected
    }

    /// Replaces the examples by rows of a data set whose examples have the same shape, in the same
    /// storage unless it is shared.
    pub(crate) fn refill(
        &mut self,
        source: &Self,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
    ) {
        self.len = rows.len();
        self.x.refill(&source.x, rows.clone());
        self.y.refill(&source.y, rows);
    }

    /// Whether no clone of the rows exists, so that refilling allocates nothing.
    pub(crate) fn is_unshared(&mut self) -> bool {
        self.x.is_unshared() && self.y.is_unshared()
    }
}

impl<Y: Rows> Dataset<Tensor<f32>, Y> {
    /// The same examples, each as one row of numbers: `[n, 28, 28]` becomes `[n, 784]`, as dense
    /// layers take it.
    #[must_use = "the flattened data set is a new one"]
    pub fn flatten(&self) -> Self {
        Self { x: self.x.flatten_rows(), y: self.y.clone(), len: self.len }
    }
}

/// Puts row numbers into an order that is a function of the seed.
pub(crate) fn shuffle(order: &mut [usize], seed: Seed) {
    order.shuffle(&mut seed.rng());
}
