//! What a data set is made of.

use crate::sparse::SparseRows;
use crate::tensor::{Indices, Tensor};

/// Rows, one for each example: what a [`Dataset`](crate::data::Dataset) holds as `x` and as `y`,
/// and batches are cut from. Pairs and triples of such are rows too, for models of several inputs:
/// `batch.x.0`, `batch.x.1`. Such a model is trained by a
/// [loop of its own](crate::guide::keras#models-of-several-inputs), since a
/// [`Trainer`](crate::train::Trainer) hands a model one [`Input`](crate::Input).
///
/// Implement it for a type of your own, such as paths of images, to have it cut into batches.
pub trait Rows: Clone {
    /// The number of rows; otherwise what was found instead of rows, such as `"a scalar"`.
    fn rows(&self) -> Result<usize, String>;

    /// Replaces the rows by some of a source whose rows have the same shape, in the same storage
    /// unless it is shared. All are below the source's number of rows.
    fn refill(&mut self, source: &Self, rows: impl ExactSizeIterator<Item = usize> + Clone);

    /// The first number that is NaN or infinite: its row, its place in the row, and itself. Looked
    /// for when a loss is not finite; none if this is not said.
    fn find_non_finite(&self) -> Option<(usize, usize, f64)> {
        None
    }

    /// Whether no clone shares the storage, so that refilling it allocates nothing and is seen by
    /// nobody else.
    fn is_unshared(&mut self) -> bool;
}

macro_rules! rows_of_first_axis {
    ($($rows:ty),*) => {$(
        impl Rows for $rows {
            fn rows(&self) -> Result<usize, String> {
                self.shape().first().copied().ok_or_else(|| "a scalar".to_owned())
            }

            fn refill(
                &mut self,
                source: &Self,
                rows: impl ExactSizeIterator<Item = usize> + Clone,
            ) {
                let width: usize = source.shape().iter().skip(1).product();
                self.refill_rows(rows.len(), |values| {
                    values.reserve(rows.len() * width);
                    for row in rows {
                        values.extend_from_slice(&source.data()[row * width..][..width]);
                    }
                });
            }

            fn find_non_finite(&self) -> Option<(usize, usize, f64)> {
                let width: usize = self.shape().iter().skip(1).product();
                let mut numbers = self.data().iter().map(|&x| f64::from(x)).enumerate();
                let (at, x) = numbers.find(|(_, x)| !x.is_finite())?;
                Some((at / width, at % width, x))
            }

            fn is_unshared(&mut self) -> bool {
                self.unshared().is_some()
            }
        }
    )*};
}

// Of tensors only those in single precision: then `Dataset::new(Tensor::zeros(..), ..)` needs no
// type to be written.
rows_of_first_axis!(Tensor<f32>, Indices);

impl Rows for SparseRows {
    fn rows(&self) -> Result<usize, String> {
        Ok(self.shape()[0])
    }

    fn refill(&mut self, source: &Self, rows: impl ExactSizeIterator<Item = usize> + Clone) {
        self.refill_rows(source, rows);
    }

    fn find_non_finite(&self) -> Option<(usize, usize, f64)> {
        (0..self.shape()[0]).find_map(|row| {
            let entries = self.row(row).iter().zip(self.row_values(row)?);
            let (&column, &x) = entries.into_iter().find(|(_, x)| !x.is_finite())?;
            Some((row, column as usize, x.into()))
        })
    }

    fn is_unshared(&mut self) -> bool {
        SparseRows::is_unshared(self)
    }
}

macro_rules! rows_of_parts {
    ($($part:ident $at:tt),*) => {
        impl<$($part: Rows),*> Rows for ($($part,)*) {
            fn rows(&self) -> Result<usize, String> {
                let counts = [$(self.$at.rows()?),*];
                match counts.iter().all(|&count| count == counts[0]) {
                    true => Ok(counts[0]),
                    false => Err(format!("parts of {counts:?} rows")),
                }
            }

            fn refill(
                &mut self,
                source: &Self,
                rows: impl ExactSizeIterator<Item = usize> + Clone,
            ) {
                $(self.$at.refill(&source.$at, rows.clone());)*
            }

            fn find_non_finite(&self) -> Option<(usize, usize, f64)> {
                None$(.or_else(|| self.$at.find_non_finite()))*
            }

            fn is_unshared(&mut self) -> bool {
                $(self.$at.is_unshared())&&*
            }
        }
    };
}

rows_of_parts!(A 0, B 1);
rows_of_parts!(A 0, B 1, C 2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::seed::Seed;

    /// Rows with values, rows without entries among them.
    fn sparse(rows: u32) -> SparseRows {
        let offsets = (0..=rows).map(|row| row * (row + 1) / 2).collect::<Vec<_>>();
        let entries = rows * (rows + 1) / 2;
        let columns = (0..entries).map(|entry| entry * 5 % 9).collect();
        let values = (0..entries).map(|entry| entry as f32 - 3.5).collect();
        SparseRows::new(9, offsets, columns, Some(values)).unwrap()
    }

    #[test]
    fn batches_of_sparse_rows_are_those_of_the_dense_ones() {
        let y = Tensor::from_fn([11, 2], |i| i as f32);
        let multi_hot = SparseRows::multi_hot(9, (0..11).map(|row| vec![row % 9; row as usize]));
        for x in [sparse(11), multi_hot.unwrap()] {
            let rows = Dataset::new(x.clone(), y.clone()).unwrap();
            let dense = Dataset::new(x.to_dense(), y.clone()).unwrap();
            let batches = |size| (rows.batches(size).shuffled(Seed(1)).epochs(3), size);
            for (batches, size) in [batches(4), batches(11)] {
                let want = dense.batches(size).shuffled(Seed(1)).epochs(3);
                for (batch, want) in batches.zip(want) {
                    assert_eq!((batch.x.to_dense(), &batch.y), (want.x, &want.y));
                    assert_eq!(batch.len(), want.y.shape()[0]);
                }
            }
            assert_eq!(rows.batch(3..5).x.to_dense(), dense.batch(3..5).x);
        }
    }

    #[test]
    fn a_batch_of_sparse_rows_that_is_held_is_not_written_over() {
        let rows = Dataset::new(sparse(8), Indices::from([0; 8])).unwrap();
        let held: Vec<_> = rows.batches(2).map(|batch| batch.x).collect();
        for (i, x) in held.iter().enumerate() {
            assert_eq!(*x, rows.batch(2 * i..2 * i + 2).x);
        }
    }

    #[test]
    fn parts_are_cut_together() {
        let x = (Tensor::from([[0.0], [1.0], [2.0], [3.0]]), sparse(4));
        let data = Dataset::new(x, (Indices::from([0, 1, 2, 3]), Tensor::zeros([4]))).unwrap();
        for batch in data.batches(3).shuffled(Seed(5)) {
            let (numbers, rows) = &batch.x;
            for (i, &row) in batch.y.0.data().iter().enumerate() {
                assert_eq!(numbers.data()[i], row as f32);
                assert_eq!(rows.row(i).len(), row as usize + 1);
            }
        }
        let unequal = (Tensor::zeros([4, 1]), sparse(3));
        let error = Dataset::new(unequal, Indices::from([0; 4])).unwrap_err();
        let expected = "x: expected a first axis that counts examples, found parts of [4, 3] rows";
        assert_eq!(error.to_string(), expected);
    }
}
