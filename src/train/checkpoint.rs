//! A training on disk: all that it takes to go on as if never stopped, in one file.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use serde::{Deserialize, Serialize};

use super::History;
use super::callbacks::{Callback, EPOCH, Memory};
use super::epoch::Sums;
use crate::error::Error;
use crate::optim::{Optimizer, OptimizerState};
use crate::params::file::{Array, OWN, TensorFile, mismatches};
use crate::params::{Params, Role};
use crate::seed::Seed;
use crate::shape::Shape;

/// Where in its epochs a training is, and what it trains on: what has to be the same to go on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Position {
    /// The epoch and how many of its batches are done.
    pub(super) epoch: usize,
    pub(super) batch: usize,
    pub(super) seed: Seed,
    pub(super) batch_size: usize,
    pub(super) examples: usize,
    pub(super) shuffled: bool,
    pub(super) drop_last: bool,
}

/// A training between two of its batches.
pub(super) struct Snapshot<'a, 'c> {
    pub(super) position: &'a Position,
    pub(super) sums: &'a Sums,
    pub(super) history: &'a History,
    /// The rate that a callback decided on, if one did.
    pub(super) rate: Option<f64>,
    pub(super) params: &'a Params,
    pub(super) optimizer: &'a dyn Optimizer,
    pub(super) callbacks: &'a [Box<dyn Callback + 'c>],
}

/// What a file says of a training besides numbers.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    position: Position,
    sums: Sums,
    history: History,
    rate: Option<f64>,
    optimizer: String,
    counts: Vec<(String, u64)>,
    /// Name and memory of each callback.
    callbacks: Vec<(String, String)>,
    /// The parameters that are not trained, but for state.
    frozen: Vec<String>,
}

/// The names of the parameters that are frozen.
fn frozen(params: &Params) -> Vec<String> {
    let entries = params.layout().entries().iter();
    let frozen = entries.filter(|entry| !entry.trainable && entry.role != Role::State);
    frozen.map(|entry| entry.name.clone()).collect()
}

/// What a file of any version says.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

const VERSION: u32 = 3;

/// The text of a file that says it holds a training.
const HEADER: &str = "gradtape.training";

/// The name of an array that a file holds besides the parameters.
fn own(kind: &str, name: &str) -> String {
    format!("{OWN}{kind}/{name}")
}

/// The file of this path, if there is one; of a path with `{epoch}` in its last part, that of the last
/// epoch.
pub(super) fn newest(path: PathBuf) -> Result<Option<PathBuf>, Error> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let parts = name.split(EPOCH).count();
    if folder.to_string_lossy().contains(EPOCH) || parts > 2 {
        let expected = "{epoch} once, in the name of a file and not of a folder";
        return Err(Error::argument("resume", expected, path.display()));
    }
    let Some((before, after)) = name.split_once(EPOCH) else {
        return Ok(path.exists().then_some(path));
    };
    let epoch_of = |path: &Path| -> Option<u64> {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix(before)?.strip_suffix(after)?.parse().ok()
    };
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(folder, error)),
    };
    let files = files.flatten().map(|file| file.path());
    let numbered = files.filter_map(|path| Some((epoch_of(&path)?, path)));
    Ok(numbered.max().map(|(_, path)| path))
}

impl Snapshot<'_, '_> {
    /// Writes the file, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let mut file = TensorFile { arrays: self.params.to_arrays(), ..TensorFile::default() };
        let state = self.optimizer.state(self.params);
        state.put_slots(&mut file.arrays);
        let memories: Vec<(&str, Memory)> =
            self.callbacks.iter().map(|callback| (callback.name(), callback.memory())).collect();
        for (i, (_, memory)) in memories.iter().enumerate() {
            let shape = Shape::from([memory.weights.len()]);
            let array = Array::new(&shape, &memory.weights);
            file.arrays.insert(own("callback", &i.to_string()), array);
        }
        let header = Header {
            version: VERSION,
            position: self.position.clone(),
            sums: self.sums.clone(),
            history: self.history.clone(),
            rate: self.rate,
            optimizer: state.optimizer().to_string(),
            counts: state.counts().map(|(name, count)| (name.to_string(), count)).collect(),
            callbacks: memories
                .into_iter()
                .map(|(name, memory)| (name.to_string(), memory.text))
                .collect(),
            frozen: frozen(self.params),
        };
        let text = serde_json::to_string(&header)
            .map_err(|error| Error::io(path, std::io::Error::other(error)))?;
        file.texts.insert(HEADER.to_string(), text);
        file.write(path)
    }
}

/// The places of callbacks in a file and here.
pub(super) type Pairs = Vec<(usize, usize)>;

/// A training read from a file.
pub(super) struct Saved {
    name: String,
    file: TensorFile,
    header: Header,
}

/// Where a training that goes on begins.
pub(super) struct Resumed {
    pub(super) position: Position,
    pub(super) sums: Sums,
    pub(super) history: History,
    pub(super) rate: Option<f64>,
}

impl Saved {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let file = TensorFile::read(path)?;
        let name = path.display().to_string();
        let Some(text) = file.texts.get(HEADER) else {
            return Err(Error::format(name, "a checkpoint of a training", "weights alone"));
        };
        let wrong = |error| Error::format(&name, "a checkpoint of a training", error);
        // Its other fields depend on the version.
        let Version { version } = serde_json::from_str(text).map_err(wrong)?;
        if version != VERSION {
            return Err(Error::format(name, format!("a checkpoint of version {VERSION}"), version));
        }
        let header = serde_json::from_str(text).map_err(wrong)?;
        Ok(Self { name, file, header })
    }

    /// What the training had recorded.
    pub(super) fn history(&self) -> &History {
        &self.header.history
    }

    /// Whether it is of this training, and if so whose memory is whose; the error lists all in which it
    /// differs.
    pub(super) fn fits(
        &self,
        columns: &History,
        position: &Position,
        params: &Params,
        optimizer: &dyn Optimizer,
        callbacks: &[Box<dyn Callback + '_>],
    ) -> Result<Pairs, Error> {
        let Header { history, position: saved, callbacks: memories, .. } = &self.header;
        let names = |history: &History| -> Vec<String> {
            history.columns().iter().map(|column| column.name.clone()).collect()
        };
        let here: Vec<&str> = callbacks.iter().map(|callback| callback.name()).collect();
        let theirs: Vec<&str> = memories.iter().map(|(name, _)| &name[..]).collect();
        let mut problems = Vec::new();
        let mut compare = |what: &str, theirs: &dyn fmt::Debug, here: &dyn fmt::Debug| {
            let (theirs, here) = (format!("{theirs:?}"), format!("{here:?}"));
            if theirs != here {
                problems.push(format!("its {what}: {theirs}, here: {here}"));
            }
        };
        compare("columns", &names(history), &names(columns));
        compare("optimizer", &self.header.optimizer, &optimizer.state(params).optimizer());
        compare("seed", &saved.seed.0, &position.seed.0);
        compare("batch size", &saved.batch_size, &position.batch_size);
        compare("number of examples", &saved.examples, &position.examples);
        compare("examples shuffled", &saved.shuffled, &position.shuffled);
        compare("smaller last batches left out", &saved.drop_last, &position.drop_last);
        compare("frozen parameters", &self.header.frozen, &frozen(params));
        problems.extend(mismatches(params.layout(), &self.file.arrays));
        let pairs = self.pairs(callbacks);
        if pairs.is_none() {
            problems.push(format!("its callbacks: {theirs:?}, here: {here:?}"));
        }
        match pairs {
            Some(pairs) if problems.is_empty() => Ok(pairs),
            _ => Err(Error::Mismatch { what: self.name.clone(), problems }),
        }
    }

    /// Whose memory belongs to whom here: the places of both. They are in the same order; those that
    /// remember nothing may be others. None if it does not come out even.
    fn pairs(&self, callbacks: &[Box<dyn Callback + '_>]) -> Option<Pairs> {
        let saved = &self.header.callbacks;
        let names = callbacks.iter().map(|callback| callback.name());
        if names.eq(saved.iter().map(|(name, _)| &name[..])) {
            return Some((0..saved.len()).map(|i| (i, i)).collect());
        }
        let weights = |i: usize| self.file.arrays.get(&own("callback", &i.to_string()));
        let mut here = callbacks.iter().enumerate();
        let is_blank = |callback: &dyn Callback| callback.memory() == Memory::default();
        let mut pairs = Vec::new();
        for (i, (name, text)) in saved.iter().enumerate() {
            if text.is_empty() && weights(i).is_none_or(|array| array.shape.numel() == 0) {
                continue;
            }
            let (at, callback) =
                here.find(|(_, callback)| callback.name() == name || !is_blank(&***callback))?;
            (callback.name() == name).then(|| pairs.push((i, at)))?;
        }
        here.all(|(_, callback)| is_blank(&**callback)).then_some(pairs)
    }

    /// Puts everything where it was: parameters, the optimizer's state, the callbacks' memories.
    pub(super) fn restore(
        self,
        pairs: Pairs,
        params: &mut Params,
        optimizer: &mut dyn Optimizer,
        callbacks: &mut [Box<dyn Callback + '_>],
    ) -> Result<Resumed, Error> {
        let Self { name, file, header } = self;
        let state = OptimizerState::from_file(header.optimizer, header.counts, &file.arrays)?;
        // Nothing is changed before all parameters are known to fit.
        let mut restored = params.clone();
        restored.replace(&name, &file.arrays)?;
        optimizer.restore(params, &state)?;
        for (i, at) in pairs {
            let (callback, text) = (&mut callbacks[at], header.callbacks[i].1.clone());
            let key = own("callback", &i.to_string());
            let weights = file.arrays.get(&key).map(|array| numbers(&key, array)).transpose()?;
            let (weights, values) = (weights.unwrap_or_default(), params.flat().len());
            if !weights.is_empty() && weights.len() != values {
                return Err(Error::format(key, format!("{values} weights"), weights.len()));
            }
            callback.recall(&Memory { text, weights })?;
        }
        params.flat_mut().copy_from_slice(restored.flat());
        let Header { position, sums, history, rate, .. } = header;
        Ok(Resumed { position, sums, history, rate })
    }
}

/// The numbers of an array of the file.
fn numbers(name: &str, array: &Array) -> Result<Vec<f32>, Error> {
    array.numbers().map_err(|found| Error::format(name, "numbers", found))
}
