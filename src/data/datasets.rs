//! Data sets that are built into the library.

use crate::data::compression::decompress;
use crate::data::documents::{self, Documents};
use crate::data::{Dataset, idx};
use crate::error::Error;
use crate::sparse::SparseRows;
use crate::tensor::{Indices, Tensor};

/// 5,000 handwritten digits of MNIST, 500 of each: `x` of shape `[5000, 784]` (28 rows of 28 grey
/// values in `0..=1`), `y` the digit.
///
/// The order is random, so that the first examples are a fair sample: split by position. A model of
/// convolutions begins with the layer `Reshape::new([1, 28, 28])`.
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

/// 1,797 handwritten digits, about 180 of each: `x` of shape `[1797, 64]` (8 rows of 8 grey values
/// in `0..=1`), `y` the digit. In random order; small enough to train on in a moment. A model of
/// convolutions begins with the layer `Reshape::new([1, 8, 8])`.
///
/// UCI "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak), licensed CC BY 4.0.
///
/// # Errors
///
/// None, unless the library was built with damaged files.
pub fn digits8x8() -> Result<Dataset, Error> {
    let images = include_bytes!("files/digits8x8-images-idx3-ubyte.gz");
    let labels = include_bytes!("files/digits8x8-labels-idx1-ubyte.gz");
    let images = idx::read(&images[..], "digits8x8 images")?.to_tensor::<f32>()?;
    let labels = idx::read(&labels[..], "digits8x8 labels")?.to_labels()?;
    // The counts of 4 by 4 black and white pixels.
    let scaled = Tensor::from_fn(images.shape(), |i| images.data()[i] / 16.0);
    Ok(Dataset::new(scaled, labels)?.flatten())
}

/// 10,485 sentences of movie reviews: `x` of shape `[10485, 10000]`, 1 for each of the
/// [words](reviews_vocabulary) that a sentence has, `y` 1 if its opinion is positive and 0 if it is
/// negative. In random order: split by position.
///
/// C.J. Hutto and E. Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of
/// Social Media Text", ICWSM 2014, licensed MIT.
///
/// # Errors
///
/// None, unless the library was built with damaged files.
///
/// Logistic regression:
///
/// ```
/// use gradtape::prelude::*;
///
/// let (train, valid) = datasets::reviews()?.split_at(8000)?;
/// let mut params = Params::<f32>::new(Seed(42));
/// let model = Dense::new(10_000, 2).build(&mut params, "words");
/// let mut optimizer = Adam::new(5e-3);
/// for batch in train.batches(128).shuffled(Seed(1)).epochs(2) {
///     let tape = Tape::training(&params, batch.seed());
///     let loss = model.forward(tape.input(&batch.x)).cross_entropy(&batch.y);
///     let gradients = tape.backward(loss);
///     optimizer.step(&mut params, &gradients);
/// }
///
/// let tape = Tape::inference(&params);
/// let said = tape.value(model.forward(tape.input(valid.x()))).argmax_rows();
/// let right = said.iter().zip(valid.y().data()).filter(|&(&said, &y)| said == y as usize).count();
/// assert!(right as f64 > 0.75 * valid.len() as f64);
/// # Ok::<(), gradtape::Error>(())
/// ```
pub fn reviews() -> Result<Dataset<SparseRows, Indices>, Error> {
    reviews_documents()?.multi_hot(REVIEW_WORDS)
}

/// The sentences of [`reviews`] as words in their order, for models that read them one after the
/// other or look them up.
///
/// # Errors
///
/// As for [`reviews`].
///
/// ```
/// use gradtape::datasets;
///
/// // the last 20 words of each, shorter ones filled up with 10,000 in front
/// let reviews = datasets::reviews_documents()?.sequences(20, 10_000)?;
/// assert_eq!(*reviews.x().shape(), [10_485, 20].into());
/// # Ok::<(), gradtape::Error>(())
/// ```
pub fn reviews_documents() -> Result<Documents, Error> {
    documents::read(&include_bytes!("files/reviews.tsv.gz")[..], "reviews")
}

/// The 10,000 most frequent words of the [`reviews`], each at the place that is its number.
///
/// # Errors
///
/// As for [`reviews`].
pub fn reviews_vocabulary() -> Result<Vec<String>, Error> {
    let name = "reviews vocabulary";
    let bytes = decompress(&include_bytes!("files/reviews-vocab.txt.gz")[..], name)?;
    let text = String::from_utf8(bytes).map_err(|error| Error::format(name, "UTF-8", error))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The number of words that the reviews are made of.
const REVIEW_WORDS: usize = 10_000;

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

    #[test]
    fn digits8x8_are_those_of_its_source() {
        let data = digits8x8().unwrap();
        assert_eq!(*data.x().shape(), [1797, 64].into());
        assert!(data.check_labels(10).is_ok());
        let zeros = data.y().data().iter().filter(|&&label| label == 0).count();
        assert_eq!(zeros, 178);
        assert!(data.x().data().iter().all(|value| (0.0..=1.0).contains(value)));
        assert!(data.x().data().contains(&1.0));
    }

    #[test]
    fn reviews_are_those_of_its_source() {
        let (data, documents) = (reviews().unwrap(), reviews_documents().unwrap());
        assert_eq!(*data.x().shape(), [10_485, 10_000].into());
        assert!(data.check_labels(2).is_ok());
        let words = reviews_vocabulary().unwrap();
        assert_eq!((words.len(), &words[0][..]), (10_000, "the"));
        // Words of small numbers are frequent.
        let mut counts = vec![0; words.len()];
        documents.texts().flatten().for_each(|&word| counts[word as usize] += 1);
        assert!(counts[..100].iter().min() > counts[5_000..].iter().max());
        let good = words.iter().position(|word| word == "terrific").unwrap() as u32;
        let with = (0..data.len()).filter(|&row| data.x().row(row).contains(&good));
        let praise = data.subset(with).unwrap();
        let positive = praise.y().data().iter().filter(|&&label| label == 1).count();
        assert!(2 * positive > praise.len() && !praise.is_empty());
    }
}
