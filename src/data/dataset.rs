//! Examples and their labels.

use std::ops::RangeBounds;

use rand::seq::SliceRandom;

use crate::data::{Batch, Batches};
use crate::error::Error;
use crate::seed::Seed;
use crate::shape::bounds;
use crate::tensor::{Indices, Tensor};

/// Examples, one for each place of the first axis of `x`, and a label for each of them.
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
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Dataset {
    x: Tensor<f32>,
    y: Indices,
}

impl Dataset {
    /// A data set of these examples and labels.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if `x` is a scalar or `y` does not hold one label for each example.
    pub fn new(x: Tensor<f32>, y: Indices) -> Result<Self, Error> {
        let Some(&examples) = x.shape().first() else {
            return Err(Error::argument("x", "a first axis that counts examples", "a scalar"));
        };
        if y.shape()[..] != [examples] {
            let expected = format!("a label for each of {examples} examples, shape [{examples}]");
            return Err(Error::argument("y", expected, format!("shape {}", y.shape())));
        }
        Ok(Self { x, y })
    }

    /// The examples, counted by the first axis.
    pub fn x(&self) -> &Tensor<f32> {
        &self.x
    }

    /// The labels, one for each example.
    pub fn y(&self) -> &Indices {
        &self.y
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.y.data().len()
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of classes if the labels count from 0 and the last class occurs: the largest
    /// label plus one, 0 without examples.
    pub fn classes(&self) -> usize {
        self.y.max().map_or(0, |label| (label as usize).saturating_add(1))
    }

    /// Checks that every label is the number of one of so many classes.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] naming the first row whose label is not.
    ///
    /// ```
    /// # use gradtape::data::Dataset;
    /// # use gradtape::{Indices, Tensor};
    /// let data = Dataset::new(Tensor::zeros([3, 2]), Indices::from([0, 10, 9]))?;
    /// let error = data.check_labels(10).unwrap_err();
    /// assert_eq!(error.to_string(), "label of row 1: expected one of 10 classes (0 to 9), found 10");
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    pub fn check_labels(&self, classes: usize) -> Result<(), Error> {
        let labels = self.y.data().iter().enumerate();
        for (row, &label) in labels {
            if label as usize >= classes {
                let expected = match classes.checked_sub(1) {
                    Some(last) => format!("one of {classes} classes (0 to {last})"),
                    None => "no label, since there are no classes".to_owned(),
                };
                return Err(Error::format(format!("label of row {row}"), expected, label));
            }
        }
        Ok(())
    }

    /// The first `examples` and the rest, by position.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there are not so many.
    pub fn split_at(&self, examples: usize) -> Result<(Self, Self), Error> {
        if examples > self.len() {
            let expected = format!("at most the {} examples there are", self.len());
            return Err(Error::argument("split_at", expected, examples));
        }
        Ok((self.select(0..examples), self.select(examples..self.len())))
    }

    /// The same examples, each as one row of numbers: `[n, 28, 28]` becomes `[n, 784]`, as dense
    /// layers take it.
    #[must_use = "the flattened data set is a new one"]
    pub fn flatten(&self) -> Self {
        Self { x: self.x.flatten_rows(), y: self.y.clone() }
    }

    /// The same examples in an order that is a function of the seed.
    ///
    /// For a data set that is sorted by class, before it is split. To train, have the
    /// [batches](Batches::shuffled) shuffled, which orders each epoch anew.
    #[must_use = "the shuffled data set is a new one"]
    pub fn shuffled(&self, seed: Seed) -> Self {
        let mut order = (0..self.len()).collect::<Vec<_>>();
        shuffle(&mut order, seed);
        self.select(order.iter().copied())
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
    pub fn batch(&self, rows: impl RangeBounds<usize>) -> Batch {
        let (start, end) = bounds(&rows, self.len());
        if start > end || end > self.len() {
            panic!("batch: rows {start}..{end} of a data set of {} examples", self.len());
        }
        Batch::new(self.select(start..end), Seed(0), 0, 0)
    }

    /// The examples cut into batches of this size, by position until
    /// [`shuffled`](Batches::shuffled); one epoch until [`epochs`](Batches::epochs).
    ///
    /// # Panics
    ///
    /// If the size is 0.
    #[track_caller]
    pub fn batches(&self, size: usize) -> Batches<'_> {
        assert!(size > 0, "batches: the size of a batch must be at least 1");
        Batches::new(self, size)
    }

    pub(crate) fn into_parts(self) -> (Tensor<f32>, Indices) {
        (self.x, self.y)
    }

    /// A data set of these rows of this one; shares the numbers if it is all of them as they are.
    fn select(&self, rows: impl ExactSizeIterator<Item = usize> + Clone) -> Self {
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
        source: &Dataset,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
    ) {
        let width = source.x.data().len().checked_div(source.len()).unwrap_or(0);
        let (count, of_labels) = (rows.len(), rows.clone());
        self.x.refill_rows(count, |values| {
            values.reserve(count * width);
            for row in rows {
                values.extend_from_slice(&source.x.data()[row * width..][..width]);
            }
        });
        self.y.refill_rows(count, |labels| {
            labels.extend(of_labels.map(|row| source.y.data()[row]));
        });
    }

    /// Whether no clone of the tensors exists, so that refilling allocates nothing.
    pub(crate) fn is_unshared(&mut self) -> bool {
        self.x.unshared().is_some() && self.y.unshared().is_some()
    }
}

/// Puts row numbers into an order that is a function of the seed.
pub(crate) fn shuffle(order: &mut [usize], seed: Seed) {
    order.shuffle(&mut seed.rng());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of two numbers: `[10 * row, 10 * row + 1]`, labelled by the row.
    fn numbered(examples: u32) -> Dataset {
        let x = Tensor::from_fn([examples as usize, 2, 1], |i| (i / 2 * 10 + i % 2) as f32);
        Dataset::new(x, Indices::from((0..examples).collect::<Vec<_>>())).unwrap()
    }

    #[test]
    fn examples_and_labels_must_match() {
        let cases: [(Tensor<f32>, Indices, &str); 3] = [
            (
                Tensor::zeros([3, 2]),
                Indices::from([0, 1]),
                "y: expected a label for each of 3 examples, shape [3], found shape [2]",
            ),
            (
                Tensor::zeros([2, 2]),
                Indices::new([2, 1], vec![0, 1]).unwrap(),
                "y: expected a label for each of 2 examples, shape [2], found shape [2, 1]",
            ),
            (
                Tensor::scalar(1.0),
                Indices::from([0]),
                "x: expected a first axis that counts examples, found a scalar",
            ),
        ];
        for (x, y, message) in cases {
            assert_eq!(Dataset::new(x, y).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_split_is_by_position() {
        let data = numbered(5);
        for examples in 0..=5 {
            let (first, rest) = data.split_at(examples).unwrap();
            assert_eq!(*first.x().shape(), [examples, 2, 1].into());
            assert_eq!(*rest.x().shape(), [5 - examples, 2, 1].into());
            assert_eq!([first.x().data(), rest.x().data()].concat(), data.x().data());
            assert_eq!([first.y().data(), rest.y().data()].concat(), data.y().data());
        }
        assert_eq!(
            data.split_at(6).unwrap_err().to_string(),
            "split_at: expected at most the 5 examples there are, found 6"
        );
    }

    #[test]
    fn a_batch_takes_any_range() {
        let data = numbered(4);
        let middle = [10.0, 11.0, 20.0, 21.0];
        assert_eq!(data.batch(1..3).x.data(), middle);
        assert_eq!(data.batch(1..=2).x.data(), middle);
        assert_eq!(data.batch(1..3).y, Indices::from([1, 2]));
        assert_eq!(data.batch(2..2).len(), 0);
        assert_eq!(data.batch(..=0).y, Indices::from([0]));
        assert_eq!(data.batch(..).x.data().as_ptr(), data.x().data().as_ptr(), "not copied");
    }

    #[test]
    #[should_panic(expected = "batch: rows 2..5 of a data set of 4 examples")]
    fn a_batch_beyond_the_end_panics() {
        let _ = numbered(4).batch(2..5);
    }

    #[test]
    #[should_panic(expected = "batch: rows 3..2 of a data set of 4 examples")]
    #[expect(clippy::reversed_empty_ranges, reason = "the mistake that is tested")]
    fn a_reversed_batch_panics() {
        let _ = numbered(4).batch(3..2);
    }

    #[test]
    fn flattening_keeps_the_numbers_and_shares_them() {
        let data = numbered(4);
        let flat = data.flatten();
        assert_eq!(*flat.x().shape(), [4, 2].into());
        assert_eq!(flat.x().data().as_ptr(), data.x().data().as_ptr());
        assert_eq!(*flat.flatten().x().shape(), [4, 2].into());

        let scalars = Dataset::new(Tensor::zeros([3]), Indices::from([0, 0, 0])).unwrap();
        assert_eq!(*scalars.flatten().x().shape(), [3, 1].into());
        let none = Dataset::new(Tensor::zeros([0, 28, 28]), Indices::from([])).unwrap();
        assert_eq!(*none.flatten().x().shape(), [0, 784].into());
    }

    #[test]
    fn shuffling_moves_examples_with_their_labels() {
        let data = numbered(100);
        let shuffled = data.shuffled(Seed(1));
        assert_ne!(shuffled, data);
        assert_eq!(shuffled, data.shuffled(Seed(1)));
        assert_ne!(shuffled, data.shuffled(Seed(2)));
        for (x, &y) in shuffled.x().data().chunks(2).zip(shuffled.y().data()) {
            assert_eq!(x[0], 10.0 * y as f32);
        }
        let mut labels = shuffled.y().data().to_vec();
        labels.sort_unstable();
        assert_eq!(labels, data.y().data());
    }

    #[test]
    fn labels_are_checked_against_the_classes() {
        let data = numbered(5);
        assert_eq!(data.classes(), 5);
        assert!(data.check_labels(5).is_ok());
        for (classes, message) in [
            (4, "label of row 4: expected one of 4 classes (0 to 3), found 4"),
            (1, "label of row 1: expected one of 1 classes (0 to 0), found 1"),
            (0, "label of row 0: expected no label, since there are no classes, found 0"),
        ] {
            assert_eq!(data.check_labels(classes).unwrap_err().to_string(), message);
        }
        assert_eq!(numbered(0).classes(), 0);
        assert!(numbered(0).check_labels(0).is_ok());
    }
}
