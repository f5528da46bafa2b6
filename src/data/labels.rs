//! Data sets whose examples have labels.

use crate::data::{Dataset, Rows};
use crate::error::Error;
use crate::tensor::{Indices, Tensor};

impl<X: Rows> Dataset<X, Indices> {
    /// The number of classes if the labels count from 0 and the last class occurs: the largest
    /// label plus one, 0 without examples.
    pub fn classes(&self) -> usize {
        self.y().max().map_or(0, |label| (label as usize).saturating_add(1))
    }

    /// The labels as numbers, a single one of each example in a row of its own: what the single output
    /// of a binary classifier is compared with.
    ///
    /// ```
    /// # use gradtape::data::Dataset;
    /// # use gradtape::{Indices, Tensor};
    /// let data = Dataset::new(Tensor::zeros([3, 2]), Indices::from([0, 1, 1]))?;
    /// assert_eq!(*data.numeric_labels().y(), Tensor::from([[0.0], [1.0], [1.0]]));
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    #[must_use = "the data set with numbers is a new one"]
    pub fn numeric_labels(&self) -> Dataset<X, Tensor<f32>> {
        let labels = self.y().data();
        let mut shape = self.y().shape().to_vec();
        if shape.len() == 1 {
            shape.push(1);
        }
        self.with_y(Tensor::from_fn(&shape[..], |i| labels[i] as f32))
    }

    /// The labels as distributions over so many classes, `[n, classes]`: 1 for the label's class, 0
    /// for the others. What [`loss::cross_entropy_of_targets`](crate::loss::cross_entropy_of_targets)
    /// and mixtures of examples such as [`Mixup`](crate::data::Mixup) take;
    /// [`CategoricalAccuracy`](crate::train::CategoricalAccuracy) measures them.
    ///
    /// ```
    /// # use gradtape::data::Dataset;
    /// # use gradtape::{Indices, Tensor};
    /// let data = Dataset::new(Tensor::zeros([2, 4]), Indices::from([2, 0]))?;
    /// assert_eq!(*data.one_hot(3)?.y(), Tensor::from([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]));
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Format`] naming the first row whose label is none of the classes.
    pub fn one_hot(&self, classes: usize) -> Result<Dataset<X, Tensor<f32>>, Error> {
        self.check_labels(classes)?;
        let mut shape = self.y().shape().to_vec();
        shape.push(classes);
        let labels = self.y().data();
        let is_label = |i: usize| labels[i / classes] as usize == i % classes;
        Ok(self.with_y(Tensor::from_fn(&shape[..], |i| f32::from(u8::from(is_label(i))))))
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
        check_classes(self.y(), classes, "")
    }
}

/// Checks that every label is the number of one of so many classes; the error says of which row it
/// is not, and of what.
pub(crate) fn check_classes(labels: &Indices, classes: usize, of: &str) -> Result<(), Error> {
    let Some(at) = labels.data().iter().position(|&label| label as usize >= classes) else {
        return Ok(());
    };
    let row = at / labels.shape()[1..].iter().product::<usize>();
    let expected = match classes.checked_sub(1) {
        Some(last) => format!("one of {classes} classes (0 to {last})"),
        None => "no label, since there are no classes".to_owned(),
    };
    Err(Error::format(format!("label of row {row}{of}"), expected, labels.data()[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many examples, labelled by the row.
    fn numbered(examples: u32) -> Dataset {
        let labels = Indices::from((0..examples).collect::<Vec<_>>());
        Dataset::new(Tensor::zeros([examples as usize, 2]), labels).unwrap()
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

    #[test]
    fn labels_become_numbers_and_distributions_of_their_own_example() {
        let labels = Indices::new([3, 2], vec![0, 1, 1, 0, 1, 1]).unwrap();
        let data = Dataset::new(Tensor::zeros([3, 1]), labels).unwrap();
        let numbers = Tensor::from([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
        assert_eq!(*data.numeric_labels().y(), numbers);
        assert_eq!(*numbered(2).numeric_labels().y(), Tensor::from([[0.0], [1.0]]));
        let each = data.one_hot(2).unwrap();
        let first = [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]];
        assert_eq!(each.y().data(), first.concat().concat());
        assert_eq!(each.y().shape(), &[3, 2, 2].into());
        let error = numbered(3).one_hot(2).unwrap_err().to_string();
        assert_eq!(error, "label of row 2: expected one of 2 classes (0 to 1), found 2");
    }
}
