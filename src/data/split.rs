//! Parts of data sets.

use crate::data::dataset::shuffle;
use crate::data::{Dataset, Rows};
use crate::error::Error;
use crate::seed::Seed;
use crate::tensor::Indices;

#[cfg(test)]
mod tests;

impl<X: Rows, Y: Rows> Dataset<X, Y> {
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

    /// The same examples in an order that is a function of the seed.
    ///
    /// For a data set that is sorted by class, before it is split. To train, have the
    /// [batches](crate::data::Batches::shuffled) shuffled, which orders each epoch anew.
    #[must_use = "the shuffled data set is a new one"]
    pub fn shuffled(&self, seed: Seed) -> Self {
        let mut order = (0..self.len()).collect::<Vec<_>>();
        shuffle(&mut order, seed);
        self.select(order.iter().copied())
    }

    /// The first `examples`, or all if there are not so many: for a quick try.
    #[must_use = "the shortened data set is a new one"]
    pub fn take(&self, examples: usize) -> Self {
        self.select(0..examples.min(self.len()))
    }

    /// The examples of these rows, in the order given; a row may be named more than once.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is no such row.
    ///
    /// ```
    /// # use gradtape::data::Dataset;
    /// # use gradtape::{Indices, Tensor};
    /// let data = Dataset::new(Tensor::from([[1.0], [2.0], [3.0]]), Indices::from([0, 1, 1]))?;
    /// let ones = (0..data.len()).filter(|&row| data.y().data()[row] == 1);
    /// assert_eq!(*data.subset(ones)?.x(), Tensor::from([[2.0], [3.0]]));
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    pub fn subset(&self, rows: impl IntoIterator<Item = usize>) -> Result<Self, Error> {
        let rows = rows.into_iter().collect::<Vec<_>>();
        if let Some(row) = rows.iter().find(|&&row| row >= self.len()) {
            let expected = format!("rows of a data set of {} examples", self.len());
            return Err(Error::argument("subset", expected, format!("row {row}")));
        }
        Ok(self.select(rows.iter().copied()))
    }

    /// The same data set with other examples, made of the old ones: scaled, or looked up.
    ///
    /// # Panics
    ///
    /// If the new examples are not as many as the old ones.
    #[track_caller]
    #[must_use = "the mapped data set is a new one"]
    pub fn map_x<U: Rows>(&self, map: impl FnOnce(&X) -> U) -> Dataset<U, Y> {
        let mapped = Dataset::new(map(self.x()), self.y().clone());
        // A closure would hide the caller's line.
        match mapped {
            Ok(mapped) => mapped,
            Err(error) => panic!("map_x of {} examples: {error}", self.len()),
        }
    }
}

impl<X: Rows> Dataset<X, Indices> {
    /// Parts with these shares of the examples, and the same shares of the examples of each class.
    /// Which example goes to which part is a function of the seed; within a part they keep their
    /// order. No part is off by more than a few examples of any class, or of all.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if a share is not a positive number, the shares do not sum up to 1, or
    /// an example has more than one label.
    ///
    /// ```
    /// # use gradtape::data::Dataset;
    /// # use gradtape::{Indices, Seed, Tensor};
    /// let labels = Indices::from((0..100).map(|i| u32::from(i < 80)).collect::<Vec<_>>());
    /// let data = Dataset::new(Tensor::zeros([100, 2]), labels)?;
    /// let [train, valid, test] = data.split_stratified(&[0.7, 0.15, 0.15], Seed(1))?;
    /// assert_eq!([train.len(), valid.len(), test.len()], [70, 15, 15]);
    /// let ones = |part: &Dataset| part.y().data().iter().filter(|&&label| label == 1).count();
    /// assert_eq!([ones(&train), ones(&valid), ones(&test)], [56, 12, 12]);
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    pub fn split_stratified<const N: usize>(
        &self,
        shares: &[f64; N],
        seed: Seed,
    ) -> Result<[Self; N], Error> {
        let found = || format!("{shares:?}");
        let sum: f64 = shares.iter().sum();
        if !shares.iter().all(|&share| share > 0.0) || (sum - 1.0).abs() > 1e-6 {
            return Err(Error::argument("shares", "positive numbers of sum 1", found()));
        }
        let labels = self.y().data();
        if labels.len() != self.len() {
            let found = format!("labels of shape {}", self.y().shape());
            return Err(Error::argument("split_stratified", "one label an example", found));
        }
        // Class by class, in random order within each, the examples are dealt out like cards: each
        // to the part that lacks most of its share so far.
        let mut rows = (0..self.len()).collect::<Vec<_>>();
        shuffle(&mut rows, seed);
        rows.sort_by_key(|&row| labels[row]);
        let mut parts = [const { Vec::new() }; N];
        for (dealt, row) in (1_u32..).zip(rows) {
            let lacks = |part: usize| shares[part] * f64::from(dealt) - parts[part].len() as f64;
            let neediest = (1..N).fold(0, |a, b| if lacks(b) > lacks(a) { b } else { a });
            parts[neediest].push(row);
        }
        Ok(parts.map(|mut rows| {
            rows.sort_unstable();
            self.select(rows.iter().copied())
        }))
    }
}
