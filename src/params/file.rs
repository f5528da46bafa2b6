//! Weights on disk: safetensors files, which Python reads too, written whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::{Entry, Layout, Params};
use crate::disk::write_whole;
use crate::error::Error;
use crate::scalar::Scalar;
use crate::shape::Shape;

/// Named arrays and texts, as a safetensors file holds them.
#[derive(Default)]
pub(crate) struct TensorFile {
    pub(crate) arrays: BTreeMap<String, Array>,
    pub(crate) texts: BTreeMap<String, String>,
}

/// The numbers of one tensor, as they are stored: row by row, little-endian.
#[derive(Clone)]
pub(crate) struct Array {
    pub(crate) shape: Shape,
    kind: Dtype,
    bytes: Vec<u8>,
}

/// What the names of arrays begin with that are no parameters but what a training remembers.
pub(crate) const OWN: &str = "gradtape:";

/// The text in which the checksum of all numbers stands; files of other programs have none.
const CHECKSUM: &str = "gradtape.checksum";

impl Array {
    pub(crate) fn new<T: Scalar>(shape: &Shape, numbers: &[T]) -> Self {
        let mut bytes = Vec::with_capacity(size_of_val(numbers));
        let double = size_of::<T>() == size_of::<f64>();
        for x in numbers.iter().map(|x| x.to_f64()) {
            if double {
                bytes.extend(x.to_le_bytes());
            } else {
                bytes.extend((x as f32).to_le_bytes());
            }
        }
        let kind = if double { Dtype::F64 } else { Dtype::F32 };
        Self { shape: shape.clone(), kind, bytes }
    }

    /// The numbers, rounded where the type asked for is narrower; an error says what else is
    /// stored.
    pub(crate) fn numbers<T: Scalar>(&self) -> Result<Vec<T>, String> {
        let singles = self.bytes.as_chunks().0.iter().map(|&x| f64::from(f32::from_le_bytes(x)));
        let doubles = self.bytes.as_chunks().0.iter().map(|&x| f64::from_le_bytes(x));
        match self.kind {
            Dtype::F32 => Ok(singles.map(T::from_f64).collect()),
            Dtype::F64 => Ok(doubles.map(T::from_f64).collect()),
            kind => Err(format!("numbers of type {kind:?}, not F32 or F64")),
        }
    }
}

impl TensorFile {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
        let name = path.display().to_string();
        let wrong = |error: safetensors::SafeTensorError| {
            let found = format!("{} bytes, of which it says: {error}", bytes.len());
            Error::format(&name, "a whole safetensors file", found)
        };
        let tensors = SafeTensors::deserialize(&bytes).map_err(wrong)?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(wrong)?;
        let texts = header.metadata().iter().flatten();
        let texts = texts.map(|(key, text)| (key.clone(), text.clone())).collect();
        let mut file = Self { arrays: BTreeMap::new(), texts };
        for (name, view) in tensors.iter() {
            let shape: Shape = view.shape().iter().copied().collect();
            let array = Array { shape, kind: view.dtype(), bytes: view.data().to_vec() };
            file.arrays.insert(name.to_string(), array);
        }
        match file.texts.remove(CHECKSUM) {
            Some(stored) if stored != file.checksum() => {
                let found = "damaged ones, which the checksum does not fit";
                Err(Error::format(name, "the numbers that were saved", found))
            }
            _ => Ok(file),
        }
    }

    /// Writes the file whole or not at all: see [`write_whole`].
    pub(crate) fn write(mut self, path: &Path) -> Result<(), Error> {
        self.texts.insert(CHECKSUM.to_string(), self.checksum());
        let wrong = |error: safetensors::SafeTensorError| Error::io(path, io::Error::other(error));
        let mut views = Vec::with_capacity(self.arrays.len());
        for (name, array) in &self.arrays {
            let view = TensorView::new(array.kind, array.shape.to_vec(), &array.bytes);
            views.push((name, view.map_err(wrong)?));
        }
        let bytes =
            safetensors::serialize(views, Some(self.texts.into_iter().collect())).map_err(wrong)?;
        write_whole(path, |file| file.write_all(&bytes))
    }

    /// FNV-1a over names, numbers and texts.
    fn checksum(&self) -> String {
        let arrays = self.arrays.iter().flat_map(|(name, array)| [name.as_bytes(), &array.bytes]);
        let texts = self.texts.iter().filter(|(key, _)| *key != CHECKSUM);
        let texts = texts.flat_map(|(key, text)| [key.as_bytes(), text.as_bytes()]);
        let hash = arrays.chain(texts).flatten().fold(0xCBF2_9CE4_8422_2325, |hash: u64, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        format!("{hash:016x}")
    }
}

/// What a layout has and a file has not, or the other way round, or of another shape.
pub(crate) fn mismatches(layout: &Layout, arrays: &BTreeMap<String, Array>) -> Vec<String> {
    let mut problems = Vec::new();
    for entry in layout.entries() {
        let (name, shape) = (&entry.name, &entry.shape);
        match arrays.get(name) {
            None => problems.push(format!("`{name}` of shape {shape} is missing")),
            Some(array) if array.shape != *shape => {
                problems.push(format!("`{name}` is of shape {}, not {shape}", array.shape));
            }
            Some(_) => {}
        }
    }
    for (name, array) in arrays.iter().filter(|(name, _)| !name.starts_with(OWN)) {
        if layout.find(name).is_some() {
            continue;
        }
        problems.push(format!("`{name}` of shape {} is no parameter here", array.shape));
    }
    problems
}

impl<T: Scalar> Params<T> {
    /// Saves all values by the parameters' names in a safetensors file, which is written whole or
    /// not at all. Python reads it with `safetensors.numpy.load_file(path)`.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let path = std::env::temp_dir().join("gradtape-example-weights.safetensors");
    /// let mut params = Params::<f32>::new(Seed(42));
    /// Dense::new(3, 2).build(&mut params, "layer");
    /// params.save(&path)?;
    ///
    /// let mut others = Params::<f32>::new(Seed(7));
    /// Dense::new(3, 2).build(&mut others, "layer");
    /// others.load(&path)?;
    /// assert_eq!(params.flat(), others.flat());
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let file = TensorFile { arrays: self.to_arrays(), ..TensorFile::default() };
        file.write(path.as_ref())
    }

    /// Replaces all values by those of a file, by name. Numbers in the other precision are
    /// converted.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::Format`] if it is damaged or of another
    /// kind, and [`Error::Mismatch`] that tells of all names and shapes which do not fit. Nothing
    /// is changed then.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let file = TensorFile::read(path)?;
        self.replace(&path.display().to_string(), &file.arrays)
    }

    /// Replaces the values of those parameters for which this holds by those of a file, by name, as
    /// [`load`](Self::load) does. The others keep theirs, and what else is in the file does not matter:
    /// such as the head of a network that another was trained with. See [`freeze`](Self::freeze) for
    /// an example.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load), if one of these parameters is not in the file or has another shape
    /// there.
    ///
    /// # Panics
    ///
    /// If it holds for none.
    #[track_caller]
    pub fn load_where(
        &mut self,
        path: impl AsRef<Path>,
        which: impl Fn(&Entry) -> bool,
    ) -> Result<(), Error> {
        let wanted: Vec<_> = self.layout.entries().iter().filter(|entry| which(entry)).collect();
        assert!(
            !wanted.is_empty(),
            "load_where: no parameter is meant; there are\n{}",
            self.layout
        );
        let path = path.as_ref();
        let mut file = TensorFile::read(path)?;
        let mut arrays = self.to_arrays();
        for Entry { name, .. } in wanted {
            match file.arrays.remove(name) {
                Some(array) => arrays.insert(name.clone(), array),
                None => arrays.remove(name),
            };
        }
        self.replace(&path.display().to_string(), &arrays)
    }

    /// All values by name.
    pub(crate) fn to_arrays(&self) -> BTreeMap<String, Array> {
        let parameters = self.layout.ids().zip(self.layout.entries());
        let array = |id| Array::new(&self.layout.entry(id).shape, self.values(id));
        parameters.map(|(id, entry)| (entry.name.clone(), array(id))).collect()
    }

    /// Replaces all values by arrays of the same names and shapes.
    pub(crate) fn replace(
        &mut self,
        what: &str,
        arrays: &BTreeMap<String, Array>,
    ) -> Result<(), Error> {
        let mut problems = mismatches(&self.layout, arrays);
        let mut values = Vec::with_capacity(self.values.len());
        for entry in self.layout.entries() {
            match arrays.get(&entry.name).map(Array::numbers::<T>) {
                Some(Ok(numbers)) => values.extend(numbers),
                Some(Err(problem)) => problems.push(format!("`{}` holds {problem}", entry.name)),
                None => {}
            }
        }
        if !problems.is_empty() {
            return Err(Error::Mismatch { what: what.to_string(), problems });
        }
        self.values = values;
        Ok(())
    }
}
