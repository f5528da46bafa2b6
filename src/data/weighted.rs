//! Examples that count more than others.

use crate::data::{Dataset, Rows};
use crate::error::Error;
use crate::tensor::{Indices, Tensor};

impl<X: Rows, Y: Rows> Dataset<X, Y> {
    /// The same examples, each with how much it counts: in the loss and in metrics of a
    /// [`Trainer`](crate::train::Trainer).
    ///
    /// ```
    /// # use gradtape::data::Dataset;
    /// # use gradtape::{Indices, Tensor};
    /// let data = Dataset::new(Tensor::from([[1.0], [2.0], [3.0]]), Indices::from([0, 1, 0]))?;
    /// let weighted = data.weighted(vec![1.0, 5.0, 0.5])?;
    /// assert_eq!(weighted.batch(1..).y.1, Tensor::from([5.0, 0.5]));
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there is not one weight for each example, or one is negative or not
    /// finite.
    pub fn weighted(&self, weights: Vec<f32>) -> Result<Dataset<X, (Y, Tensor<f32>)>, Error> {
        let (examples, found) = (self.len(), weights.len());
        if found != examples {
            let expected = format!("a weight for each of {examples} examples");
            return Err(Error::argument("weighted", expected, found));
        }
        let bad = |weight: &f32| !(*weight >= 0.0 && weight.is_finite());
        if let Some(row) = weights.iter().position(bad) {
            let found = format!("{} at row {row}", weights[row]);
            return Err(Error::argument("weighted", "weights of 0 or more", found));
        }
        let weights = Tensor::new([examples], weights)?;
        Dataset::new(self.x().clone(), (self.y().clone(), weights))
    }
}

impl<X: Rows> Dataset<X, Indices> {
    /// The same examples, each counting as much as its class: to make up for classes that are
    /// rarer than others.
    ///
    /// ```
    /// # use gradtape::data::Dataset;
    /// # use gradtape::{Indices, Tensor};
    /// let data = Dataset::new(Tensor::zeros([3, 2]), Indices::from([0, 1, 0]))?;
    /// let weighted = data.class_weighted(&[1.0, 2.0])?;
    /// assert_eq!(weighted.y().1, Tensor::from([1.0, 2.0, 1.0]));
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Format`] if a label has no weight, [`Error::Argument`] if a weight is negative or
    /// not finite.
    pub fn class_weighted(
        &self,
        weights: &[f32],
    ) -> Result<Dataset<X, (Indices, Tensor<f32>)>, Error> {
        self.check_labels(weights.len())?;
        self.weighted(self.y().data().iter().map(|&label| weights[label as usize]).collect())
    }
}
