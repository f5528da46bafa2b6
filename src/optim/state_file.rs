//! What an optimizer remembers, on disk.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{OptimizerState, Slot};
use crate::error::Error;
use crate::params::file::{Array, OWN, TensorFile};
use crate::scalar::Scalar;
use crate::shape::Shape;

/// What a file says of an optimizer besides numbers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    optimizer: String,
    counts: BTreeMap<String, u64>,
}

const VERSION: u32 = 1;

/// The text of a file that says it holds what an optimizer remembers.
const HEADER: &str = "gradtape.optimizer";

/// What the names of slots begin with in a file.
fn prefix() -> String {
    format!("{OWN}optimizer/")
}

impl<T: Scalar> OptimizerState<T> {
    /// Saves the state in a safetensors file, which is written whole or not at all. Parameters are
    /// saved [apart](crate::Params::save).
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let path = std::env::temp_dir().join("gradtape-example-optimizer.safetensors");
    /// let mut params = Params::<f32>::new(Seed(42));
    /// params.add(Parameter::new("w", [2]));
    /// let mut optimizer = Adam::new(0.1);
    /// let gradients = Gradients::new(&params, vec![1.0, 2.0], 0.0);
    /// optimizer.step(&mut params, &gradients);
    /// optimizer.state(&params).save(&path)?;
    ///
    /// let mut resumed = Adam::new(0.1);
    /// resumed.restore(&params, &OptimizerState::load(&path)?)?;
    /// assert_eq!(resumed.steps(), 1);
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let header = Header {
            version: VERSION,
            optimizer: self.optimizer().to_string(),
            counts: self.counts().map(|(name, count)| (name.to_string(), count)).collect(),
        };
        let text = serde_json::to_string(&header);
        let text = text.map_err(|error| Error::io(path, io::Error::other(error)))?;
        let mut file = TensorFile::default();
        file.texts.insert(HEADER.to_string(), text);
        self.put_slots(&mut file.arrays);
        file.write(path)
    }

    /// Reads a state. What it fits is for [`Optimizer::restore`](super::Optimizer::restore) to say.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::Format`] if it is damaged or of another
    /// kind.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = TensorFile::read(path)?;
        let wrong = |found: String| {
            Error::format(path.display().to_string(), "the state of an optimizer", found)
        };
        let text = file.texts.get(HEADER).ok_or_else(|| wrong("something else".to_string()))?;
        let header: Header =
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if header.version != VERSION {
            return Err(wrong(format!("one of version {}, not {VERSION}", header.version)));
        }
        Self::from_file(header.optimizer, header.counts, &file.arrays)
    }

    /// Adds all slots to the arrays of a file.
    pub(crate) fn put_slots(&self, arrays: &mut BTreeMap<String, Array>) {
        for (parameter, slot, numbers) in self.slots() {
            let shape: Shape = numbers.shape.iter().copied().collect();
            let name = format!("{}{slot}/{parameter}", prefix());
            arrays.insert(name, Array::new(&shape, &numbers.values));
        }
    }

    /// The state of this optimizer with these counts and the slots that are among a file's arrays.
    pub(crate) fn from_file(
        optimizer: impl Into<String>,
        counts: impl IntoIterator<Item = (String, u64)>,
        arrays: &BTreeMap<String, Array>,
    ) -> Result<Self, Error> {
        let mut state = Self::new(optimizer);
        counts.into_iter().for_each(|(name, count)| state.set_count(name, count));
        for (key, array) in arrays {
            let rest = key.strip_prefix(&prefix()[..]);
            if let Some((slot, parameter)) = rest.and_then(|rest| rest.split_once('/')) {
                let values =
                    array.numbers().map_err(|found| Error::format(key, "numbers", found))?;
                state.insert(parameter, slot, Slot { shape: array.shape.to_vec(), values });
            }
        }
        Ok(state)
    }
}
