//! Where a bad number came from.

use std::fmt;

/// The first operation of a tape whose result holds NaN or an infinity; see
/// [`Tape::find_non_finite`](crate::Tape::find_non_finite).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NonFinite {
    /// The operation's name.
    pub op: &'static str,
    /// What it computes, as in a tape's listing.
    pub definition: String,
    /// The first bad number.
    pub value: f64,
    /// How many of the result's elements are bad.
    pub count: usize,
    /// The number of the result's elements.
    pub total: usize,
    /// The inputs: what each is, and the smallest and largest number it holds.
    pub inputs: Vec<(String, [f64; 2])>,
    /// The file and line where the operation was recorded. A gradient's are those of the library
    /// that recorded it.
    pub location: String,
    /// What is wrong with the examples or targets, if [`fit`](crate::train::Trainer::fit) found that
    /// the bad numbers came with them: such as
    /// `the examples hold NaN: row 2, column 1 of the training data`.
    pub data: Option<String>,
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, definition, value, count, total, inputs, location, data } = self;
        if let Some(data) = data {
            return f.write_str(data);
        }
        write!(f, "{op} made {value} ({count} of {total}) at {location}\n  {definition}")?;
        for (input, [low, high]) in inputs {
            write!(f, "\n  {input} holds {low:e} to {high:e}")?;
        }
        Ok(())
    }
}
