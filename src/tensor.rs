//! Tensors: a shape and numbers, stored row by row.

use std::fmt;
use std::sync::Arc;

use approx::{AbsDiffEq, RelativeEq};

use crate::error::Error;
use crate::scalar::Scalar;
use crate::shape::Shape;

/// Numbers with a shape, stored row by row (the last axis is contiguous). Clones share the
/// numbers until one of them is written to.
///
/// ```
/// use gradtape::Tensor;
///
/// let x = Tensor::from([[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// assert_eq!(*x.shape(), [2, 3].into());
/// assert_eq!(x.data()[4], 5.0);
/// ```
#[derive(Clone, PartialEq)]
pub struct Tensor<T = f32> {
    shape: Shape,
    data: Arc<Vec<T>>,
}

impl<T: Scalar> Tensor<T> {
    /// A tensor of this shape that holds these values, row by row.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if the number of values is not what the shape holds.
    pub fn new(shape: impl Into<Shape>, data: Vec<T>) -> Result<Self, Error> {
        let shape = shape.into();
        if shape.numel() != data.len() {
            return Err(Error::Length { shape, found: data.len() });
        }
        Ok(Self { shape, data: Arc::new(data) })
    }

    /// A tensor whose values are a function of their place in row-by-row order.
    pub fn from_fn(shape: impl Into<Shape>, value: impl FnMut(usize) -> T) -> Self {
        let shape = shape.into();
        let data = Arc::new((0..shape.numel()).map(value).collect());
        Self { shape, data }
    }

    /// A tensor filled with one value.
    pub fn full(shape: impl Into<Shape>, value: T) -> Self {
        Self::from_fn(shape, |_| value)
    }

    /// A tensor of zeros.
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Self::full(shape, T::ZERO)
    }

    /// A scalar: shape `[]`, one value.
    pub fn scalar(value: T) -> Self {
        Self::full(Shape::scalar(), value)
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The values, row by row.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The values, to be changed; copied first if another clone shares them.
    pub fn data_mut(&mut self) -> &mut [T] {
        Arc::make_mut(&mut self.data).as_mut_slice()
    }

    /// The only value of a tensor of one element.
    ///
    /// # Panics
    ///
    /// If there is not exactly one.
    #[track_caller]
    pub fn item(&self) -> T {
        match self.data[..] {
            [value] => value,
            _ => panic!("item: a tensor of shape {} is not one number", self.shape),
        }
    }

    /// The same numbers in another number type.
    pub fn cast<U: Scalar>(&self) -> Tensor<U> {
        Tensor {
            shape: self.shape.clone(),
            data: Arc::new(self.data.iter().map(|x| U::from_f64(x.to_f64())).collect()),
        }
    }

    /// The same numbers in another shape, shared and not copied.
    ///
    /// ```
    /// # use gradtape::Tensor;
    /// let rows = Tensor::<f32>::zeros([8, 784]);
    /// assert_eq!(*rows.reshape([8, 28, 28])?.shape(), [8, 28, 28].into());
    /// assert!(rows.reshape([8, 28]).is_err());
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if the shape holds another number of values.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self, Error> {
        let shape = shape.into();
        if shape.numel() != self.data.len() {
            return Err(Error::Length { shape, found: self.data.len() });
        }
        Ok(Self { shape, data: self.data.clone() })
    }

    /// The index of the largest value of each row, a row being what the last axis holds; the
    /// first of several. NaN counts as smaller than any number.
    ///
    /// ```
    /// # use gradtape::Tensor;
    /// let scores = Tensor::from([[0.1_f32, 0.7, 0.2], [0.5, 0.0, 0.5]]);
    /// assert_eq!(scores.argmax_rows(), [1, 0]);
    /// assert_eq!(Tensor::from([[f64::NAN, 0.7]]).argmax_rows(), [1]);
    /// ```
    pub fn argmax_rows(&self) -> Vec<usize> {
        let width = self.shape.last().copied().unwrap_or(1).max(1);
        let larger = |a: T, b: T| a > b || b.is_nan() && !a.is_nan();
        let best =
            |row: &[T]| (1..width).fold(0, |at, i| if larger(row[i], row[at]) { i } else { at });
        self.data.chunks_exact(width).map(best).collect()
    }

    /// The storage, to be refilled, if no clone shares it.
    pub(crate) fn unshared(&mut self) -> Option<&mut Vec<T>> {
        Arc::get_mut(&mut self.data)
    }

    /// Replaces the numbers by this many rows (a row is what the first axis counts), in the
    /// same storage unless a clone shares it.
    pub(crate) fn refill_rows(&mut self, rows: usize, fill: impl FnOnce(&mut Vec<T>)) {
        self.shape.set_rows(rows);
        refill(&mut self.data, fill);
        debug_assert_eq!(self.data.len(), self.shape.numel());
    }

    /// The same numbers, shared, each row (what the first axis counts) on one axis. A scalar is
    /// one row.
    pub(crate) fn flatten_rows(&self) -> Self {
        let rows = self.shape.first().copied().unwrap_or(1);
        let width = self.shape.iter().skip(1).product();
        Self { shape: [rows, width].into(), data: self.data.clone() }
    }
}

impl<T: Scalar, const N: usize> From<[T; N]> for Tensor<T> {
    fn from(values: [T; N]) -> Self {
        Self { shape: [N].into(), data: Arc::new(values.into()) }
    }
}

impl<T: Scalar, const M: usize, const N: usize> From<[[T; N]; M]> for Tensor<T> {
    fn from(rows: [[T; N]; M]) -> Self {
        Self { shape: [M, N].into(), data: Arc::new(rows.into_iter().flatten().collect()) }
    }
}

impl<T: Scalar> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 16;
        write!(f, "Tensor{} ", self.shape)?;
        let mut list = f.debug_list();
        list.entries(self.data.iter().take(SHOWN));
        if self.data.len() > SHOWN { list.finish_non_exhaustive() } else { list.finish() }
    }
}

impl<T: Scalar + AbsDiffEq> AbsDiffEq for Tensor<T>
where
    T::Epsilon: Copy,
{
    type Epsilon = T::Epsilon;

    fn default_epsilon() -> T::Epsilon {
        T::default_epsilon()
    }

    fn abs_diff_eq(&self, other: &Self, epsilon: T::Epsilon) -> bool {
        self.shape == other.shape && self.data[..].abs_diff_eq(&other.data[..], epsilon)
    }
}

impl<T: Scalar + RelativeEq> RelativeEq for Tensor<T>
where
    T::Epsilon: Copy,
{
    fn default_max_relative() -> T::Epsilon {
        T::default_max_relative()
    }

    fn relative_eq(&self, other: &Self, epsilon: T::Epsilon, max_relative: T::Epsilon) -> bool {
        self.shape == other.shape
            && self.data[..].relative_eq(&other.data[..], epsilon, max_relative)
    }
}

/// Whole numbers with a shape: class labels, row numbers.
///
/// Made from slices, arrays or vectors of `u32`; clones share the numbers.
///
/// ```
/// use gradtape::Indices;
///
/// let labels = Indices::from([3, 1, 4]);
/// assert_eq!(labels.data(), [3, 1, 4]);
/// assert_eq!(labels.max(), Some(4));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Indices {
    shape: Shape,
    data: Arc<Vec<u32>>,
}

impl Indices {
    /// Whole numbers with this shape, row by row.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] if the number of values is not what the shape holds.
    pub fn new(shape: impl Into<Shape>, data: Vec<u32>) -> Result<Self, Error> {
        let shape = shape.into();
        if shape.numel() != data.len() {
            return Err(Error::Length { shape, found: data.len() });
        }
        Ok(Self { shape, data: Arc::new(data) })
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The numbers, row by row.
    pub fn data(&self) -> &[u32] {
        &self.data
    }

    /// The largest number, if there is any.
    pub fn max(&self) -> Option<u32> {
        self.data.iter().copied().max()
    }

    /// The storage, to be refilled, if no clone shares it.
    pub(crate) fn unshared(&mut self) -> Option<&mut Vec<u32>> {
        Arc::get_mut(&mut self.data)
    }

    /// Replaces the numbers by this many rows (a row is what the first axis counts), in the
    /// same storage unless a clone shares it.
    pub(crate) fn refill_rows(&mut self, rows: usize, fill: impl FnOnce(&mut Vec<u32>)) {
        self.shape.set_rows(rows);
        refill(&mut self.data, fill);
        debug_assert_eq!(self.data.len(), self.shape.numel());
    }
}

/// Has the emptied storage filled again, or new storage if a clone shares the old.
fn refill<T>(data: &mut Arc<Vec<T>>, fill: impl FnOnce(&mut Vec<T>)) {
    if Arc::get_mut(data).is_none() {
        *data = Arc::default();
    }
    if let Some(storage) = Arc::get_mut(data) {
        storage.clear();
        fill(storage);
    }
}

impl From<Vec<u32>> for Indices {
    fn from(data: Vec<u32>) -> Self {
        Self { shape: [data.len()].into(), data: Arc::new(data) }
    }
}

impl From<&[u32]> for Indices {
    fn from(data: &[u32]) -> Self {
        data.to_vec().into()
    }
}

impl<const N: usize> From<[u32; N]> for Indices {
    fn from(data: [u32; N]) -> Self {
        data.to_vec().into()
    }
}

impl From<&Vec<u32>> for Indices {
    fn from(data: &Vec<u32>) -> Self {
        data.clone().into()
    }
}

impl From<&Indices> for Indices {
    fn from(indices: &Indices) -> Self {
        indices.clone()
    }
}
