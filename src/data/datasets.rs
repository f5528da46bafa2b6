//! Data sets that are built into the library.

use crate::data::{Dataset, idx};
use crate::error::Error;

/// 5,000 handwritten digits of MNIST, 500 of each: `x` of shape `[5000, 784]` (28 rows of 28 grey
/// values in `0..=1`), `y` the digit.
///
/// The order is random, so that the first examples are a fair sample: split by position. For
/// convolutions, load the files with [`idx`], which keeps rows and columns apart.
///
/// A subset of MNIST (Y. LeCun, C. Cortes, C. Burges), licensed CC BY-SA 3.0.
///
/// # Errors
///
/// None, unless the library was built with damaged files.
///
/// ```
/// use gradtape::datasets;
///
/// let (train, valid) = datasets::mnist5k()?.split_at(4000)?;
/// assert_eq!((train.len(), valid.len()), (4000, 1000));
/// # Ok::<(), gradtape::Error>(())
/// ```
pub fn mnist5k() -> Result<Dataset, Error> {
    let images = include_bytes!("files/mnist5k-images-idx3-ubyte.gz");
    let labels = include_bytes!("files/mnist5k-labels-idx1-ubyte.gz");
    let images = idx::read(&images[..], "mnist5k images")?.to_images()?;
    let labels = idx::read(&labels[..], "mnist5k labels")?.to_labels()?;
    Ok(Dataset::new(images, labels)?.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnist5k_holds_500_images_of_each_digit() {
        let data = mnist5k().unwrap();
        assert_eq!(*data.x().shape(), [5000, 784].into());
        assert_eq!(data.len(), 5000);
        assert_eq!(data.classes(), 10);
        assert!(data.check_labels(10).is_ok());
        for digit in 0..10 {
            assert_eq!(data.y().data().iter().filter(|&&label| label == digit).count(), 500);
        }
    }

    #[test]
    fn mnist5k_is_scaled_to_one() {
        let data = mnist5k().unwrap();
        let values = data.x().data();
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
        assert!(values.contains(&1.0));
        // Digits are strokes on an empty ground: MNIST's mean is 0.1307.
        let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64;
        assert!((mean - 0.1307).abs() < 0.005, "{mean}");
    }

    #[test]
    fn mnist5k_is_shuffled() {
        let (train, valid) = mnist5k().unwrap().split_at(4000).unwrap();
        for data in [train, valid] {
            for digit in 0..10 {
                let count = data.y().data().iter().filter(|&&label| label == digit).count();
                let share = count as f64 / data.len() as f64;
                assert!((share - 0.1).abs() < 0.03, "{digit}: {share}");
            }
        }
    }
}
