//! What the files have in common: tensors and attributes.

use gradtape::{Indices, Scalar, Tensor};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Numbers with a shape, row by row.
#[derive(Deserialize)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<f64>,
    /// What the numbers are, if not real: `i64` for labels and indices, `bool` for conditions.
    pub(crate) dtype: Option<String>,
}

impl Array {
    /// The numbers in the precision of a tape.
    pub(crate) fn tensor<T: Scalar>(&self) -> Result<Tensor<T>, String> {
        let data = self.data.iter().map(|&x| T::from_f64(x)).collect();
        Tensor::new(&self.shape[..], data).map_err(|error| error.to_string())
    }

    /// The numbers as labels or indices, if that is what they are.
    pub(crate) fn indices(&self) -> Option<Result<Indices, String>> {
        let whole = |&x: &f64| {
            let index = x as u32;
            if f64::from(index) == x { Ok(index) } else { Err(format!("{x} is not an index")) }
        };
        let indices = |data| Indices::new(&self.shape[..], data).map_err(|error| error.to_string());
        match self.dtype.as_deref() {
            Some("i64") => {
                Some(self.data.iter().map(whole).collect::<Result<_, _>>().and_then(indices))
            }
            _ => None,
        }
    }
}

/// Constants of an operation, a loss or an optimizer, by name.
#[derive(Deserialize)]
pub(crate) struct Attributes(serde_json::Map<String, serde_json::Value>);

impl Attributes {
    /// The constant of this name.
    pub(crate) fn get<V: DeserializeOwned>(&self, name: &str) -> Result<V, String> {
        let value = self.0.get(name).ok_or_else(|| format!("attribute `{name}` is missing"))?;
        V::deserialize(value).map_err(|error| format!("attribute `{name}` is {value}: {error}"))
    }

    /// Whether there is a constant of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The switch of this name, which is off if it is not there.
    pub(crate) fn switch(&self, name: &str) -> Result<bool, String> {
        if self.has(name) { self.get(name) } else { Ok(false) }
    }

    /// The number of this name.
    pub(crate) fn number(&self, name: &str) -> Result<f64, String> {
        self.get(name)
    }

    /// Refuses constants that are not among those known: what they ask for would not be done.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), String> {
        match self.0.iter().find(|(name, _)| !known.contains(&&name[..])) {
            Some((name, value)) => Err(format!("attribute `{name}` = {value} is not known here")),
            None => Ok(()),
        }
    }

    /// Refuses a switch or number that has to have this value for a case to be known here.
    pub(crate) fn fixed(
        &self,
        name: &str,
        want: impl Into<serde_json::Value>,
    ) -> Result<(), String> {
        let (value, want) = (self.get::<serde_json::Value>(name)?, want.into());
        if value == want {
            return Ok(());
        }
        Err(format!("attribute `{name}` = {value} is not known here, only {want}"))
    }
}
