//! Matrices that are mostly zero.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::exec::kernels::sparse::Entries;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A matrix of mostly zeros, of which only the other entries are stored, row by row (the "CSR"
/// format): bags of words, multi-hot features. Clones share the entries.
///
/// A tape takes it as an [input](crate::Tape::input), and multiplies it by a matrix without ever
/// making it dense: 512 reviews of 20 different words each cost as much as 20 columns do, not
/// as much as the 10,000 of the vocabulary.
///
/// ```
/// use gradtape::prelude::*;
///
/// // two texts over a vocabulary of five words
/// let texts = SparseRows::multi_hot(5, [vec![3, 0], vec![1, 1, 4]])?;
/// assert_eq!(*texts.shape(), [2, 5].into());
/// assert_eq!(texts.row(1), &[1, 4]);
///
/// let mut params = Params::<f32>::new(Seed(0));
/// let layer = Dense::new(5, 2).build(&mut params, "layer");
/// let tape = Tape::inference(&params);
/// let sparse = layer.forward(tape.input(&texts));
/// let dense = layer.forward(tape.input(&texts.to_dense()));
/// assert_eq!(tape.value(sparse), tape.value(dense));
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct SparseRows {
    shape: Shape,
    stored: Arc<Stored>,
}

/// The entries, row after row.
#[derive(Clone, PartialEq)]
struct Stored {
    /// Where each row's entries start, and where the last one's end.
    offsets: Vec<u32>,
    /// The column of each entry.
    columns: Vec<u32>,
    /// The number of each entry; all are 1 without them.
    values: Option<Vec<f32>>,
}

impl SparseRows {
    /// A matrix of these entries. Those of row `r` stand at the places `offsets[r]..offsets[r + 1]`
    /// of `indices`, which holds their columns, and of `values`; without values all are 1. Columns
    /// may come in any order, and what is stored of one column in one row adds up.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] naming the row whose offsets do not rise or whose column is out of range,
    /// and if the numbers of offsets, indices and values do not fit together.
    ///
    /// ```
    /// # use gradtape::{SparseRows, Tensor};
    /// let x = SparseRows::new(3, vec![0, 2, 2], vec![2, 0], Some(vec![0.5, -1.0]))?;
    /// assert_eq!(x.to_dense(), Tensor::from([[-1.0, 0.0, 0.5], [0.0, 0.0, 0.0]]));
    ///
    /// let error = SparseRows::new(3, vec![0, 1, 2], vec![2, 3], None).unwrap_err();
    /// assert_eq!(error.to_string(), "row 1 of sparse rows: expected a column below 3, found 3");
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    pub fn new(
        columns: usize,
        offsets: Vec<u32>,
        indices: Vec<u32>,
        values: Option<Vec<f32>>,
    ) -> Result<Self, Error> {
        let what = |part: &str| format!("{part} of sparse rows");
        match offsets[..] {
            [] => return Err(Error::format(what("offsets"), "at least one, a 0", "none")),
            [0, ..] => {}
            [first, ..] => return Err(Error::format(what("first offset"), 0, first)),
        }
        for (row, pair) in offsets.windows(2).enumerate() {
            let (start, end) = (pair[0] as usize, pair[1] as usize);
            let what = || what(&format!("row {row}"));
            if end < start {
                let expected = format!("an end not before its start {start}");
                return Err(Error::format(what(), expected, end));
            }
            let Some(indices) = indices.get(start..end) else {
                let expected = format!("an end among the {} indices", indices.len());
                return Err(Error::format(what(), expected, end));
            };
            if let Some(column) = indices.iter().find(|&&column| column as usize >= columns) {
                return Err(Error::format(what(), format!("a column below {columns}"), column));
            }
        }
        let entries = offsets.last().map_or(0, |&end| end as usize);
        let values_given = values.as_ref().map_or(entries, Vec::len);
        for (part, found) in [("indices", indices.len()), ("values", values_given)] {
            if found != entries {
                let expected = format!("{entries}, where the last row ends");
                return Err(Error::format(what(part), expected, found));
            }
        }
        let shape = [offsets.len() - 1, columns].into();
        Ok(Self { shape, stored: Arc::new(Stored { offsets, columns: indices, values }) })
    }

    /// A matrix of zeros and ones: 1 at each of the columns that a row names. A column named
    /// twice is the same 1.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] naming the row with a column that is out of range.
    pub fn multi_hot<R: AsRef<[u32]>>(
        columns: usize,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Self, Error> {
        let (mut offsets, mut indices) = (vec![0], Vec::new());
        let mut row = Vec::new();
        for named in rows {
            row.clear();
            row.extend_from_slice(named.as_ref());
            row.sort_unstable();
            row.dedup();
            indices.extend_from_slice(&row);
            let end = u32::try_from(indices.len()).map_err(|_| {
                let expected = format!("at most {} entries", u32::MAX);
                Error::format("sparse rows", expected, indices.len())
            })?;
            offsets.push(end);
        }
        Self::new(columns, offsets, indices, None)
    }

    /// The numbers of rows and columns.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of entries that are stored.
    pub fn entries(&self) -> usize {
        self.stored.columns.len()
    }

    /// The columns of the entries of a row.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[track_caller]
    pub fn row(&self, row: usize) -> &[u32] {
        self.check_row(row);
        &self.stored.columns[self.stored.range(row)]
    }

    /// The numbers of the entries of a row, in the order of [`row`](Self::row); `None` if all
    /// are 1.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[track_caller]
    pub fn row_values(&self, row: usize) -> Option<&[f32]> {
        self.check_row(row);
        self.stored.values.as_ref().map(|values| &values[self.stored.range(row)])
    }

    #[track_caller]
    fn check_row(&self, row: usize) {
        assert!(row < self.shape[0], "row {row} of sparse rows of shape {}", self.shape);
    }

    /// The same matrix with all its zeros.
    pub fn to_dense(&self) -> Tensor<f32> {
        let columns = self.shape[1];
        let mut dense = Tensor::zeros(&self.shape);
        // Without columns there are no entries either.
        for (row, numbers) in dense.data_mut().chunks_exact_mut(columns.max(1)).enumerate() {
            for at in self.stored.range(row) {
                let value = self.stored.values.as_ref().map_or(1.0, |values| values[at]);
                numbers[self.stored.columns[at] as usize] += value;
            }
        }
        dense
    }

    /// The entries as a kernel sees them.
    pub(crate) fn stored(&self) -> Entries<'_> {
        let Stored { offsets, columns, values } = &*self.stored;
        Entries { offsets: Some(offsets), columns, values: values.as_deref() }
    }

    /// Whether no clone shares the entries.
    pub(crate) fn is_unshared(&mut self) -> bool {
        Arc::get_mut(&mut self.stored).is_some()
    }

    /// Replaces the rows by some of another matrix, in the same storage unless a clone shares it.
    pub(crate) fn refill_rows(
        &mut self,
        source: &SparseRows,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
    ) {
        let from = &source.stored;
        self.shape = [rows.len(), source.shape[1]].into();
        if Arc::get_mut(&mut self.stored).is_none() {
            let values = from.values.as_ref().map(|_| Vec::new());
            self.stored = Arc::new(Stored { offsets: Vec::new(), columns: Vec::new(), values });
        }
        let Some(into) = Arc::get_mut(&mut self.stored) else { return };
        let entries = rows.clone().map(|row| from.range(row).len()).sum();
        into.offsets.clear();
        into.columns.clear();
        into.offsets.reserve(rows.len() + 1);
        into.columns.reserve(entries);
        into.offsets.push(0);
        for row in rows.clone() {
            into.columns.extend_from_slice(&from.columns[from.range(row)]);
            into.offsets.push(into.columns.len() as u32);
        }
        match (&from.values, &mut into.values) {
            (Some(from_values), values) => {
                let values = values.get_or_insert_default();
                values.clear();
                values.reserve(entries);
                rows.for_each(|row| values.extend_from_slice(&from_values[from.range(row)]));
            }
            (None, values) => *values = None,
        }
    }
}

impl Stored {
    fn range(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row] as usize..self.offsets[row + 1] as usize
    }
}

impl fmt::Debug for SparseRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SparseRows{} with {} entries", self.shape, self.entries())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_together_is_refused_and_says_where() {
        type Case = (Vec<u32>, Vec<u32>, Option<Vec<f32>>, &'static str);
        let cases: [Case; 7] = [
            (
                vec![],
                vec![],
                None,
                "offsets of sparse rows: expected at least one, a 0, found none",
            ),
            (vec![1], vec![], None, "first offset of sparse rows: expected 0, found 1"),
            (
                vec![0, 2, 1],
                vec![0, 1],
                None,
                "row 1 of sparse rows: expected an end not before its start 2, found 1",
            ),
            (
                vec![0, 1, 3],
                vec![0, 1],
                None,
                "row 1 of sparse rows: expected an end among the 2 indices, found 3",
            ),
            (
                vec![0, 1],
                vec![0, 1],
                None,
                "indices of sparse rows: expected 1, where the last row ends, found 2",
            ),
            (
                vec![0, 1],
                vec![0],
                Some(vec![]),
                "values of sparse rows: expected 1, where the last row ends, found 0",
            ),
            (
                vec![0, 0, 1],
                vec![4],
                None,
                "row 1 of sparse rows: expected a column below 4, found 4",
            ),
        ];
        for (offsets, indices, values, message) in cases {
            let error = SparseRows::new(4, offsets, indices, values).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn no_rows_and_no_columns_are_matrices_too() {
        let none = SparseRows::multi_hot(3, Vec::<Vec<u32>>::new()).unwrap();
        assert_eq!((none.shape().to_string(), none.entries()), ("[0, 3]".to_string(), 0));
        assert_eq!(none.to_dense(), Tensor::zeros([0, 3]));
        let narrow = SparseRows::multi_hot(0, [[], []]).unwrap();
        assert_eq!(narrow.to_dense(), Tensor::zeros([2, 0]));
        assert!(SparseRows::multi_hot(0, [[0]]).is_err());
    }

    #[test]
    fn entries_of_one_place_add_up_but_ones_do_not() {
        let values = Some(vec![1.0, 2.0, 4.0]);
        let sum = SparseRows::new(2, vec![0, 3], vec![1, 0, 1], values).unwrap();
        assert_eq!(sum.to_dense(), Tensor::from([[2.0, 5.0]]));
        let named = SparseRows::multi_hot(2, [[1, 0, 1]]).unwrap();
        assert_eq!(named.to_dense(), Tensor::from([[1.0, 1.0]]));
        assert_eq!((named.row(0), named.row_values(0)), (&[0, 1][..], None));
    }
}
