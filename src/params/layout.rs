//! The table of a model's parameters: what stands where in the flat slice.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use crate::penalty::Penalty;
use crate::shape::Shape;

/// A parameter's place in the [`Layout`] of its [`Params`](super::Params).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ParamId {
    index: u32,
    /// The number of the `Params::add` that made it; what is cloned later has it, too.
    made: u32,
}

impl ParamId {
    /// The position in the layout, counted from 0.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// A place among the parameters of a saved graph, which is one of no `Params`.
    pub(crate) fn detached(index: u32) -> Self {
        Self { index, made: u32::MAX }
    }
}

/// What a parameter is in its layer: what decides whether weight decay, for one, makes sense for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Role {
    /// What inputs are multiplied with: a kernel, a filter, an embedding.
    Weight,
    /// What is added to a layer's output.
    Bias,
    /// The scale or shift of a normalization.
    Normalization,
    /// Not learned but gathered while training, such as running statistics.
    State,
}

/// One parameter's row in the table.
#[derive(Clone)]
#[non_exhaustive]
pub struct Entry {
    /// The unique path, like `hidden/kernel`.
    pub name: String,
    /// The sizes of the axes.
    pub shape: Shape,
    /// Where its values start in the flat slice.
    pub offset: usize,
    /// What it is in its layer.
    pub role: Role,
    /// What [`Tape::penalty`](crate::Tape::penalty) adds for it.
    pub penalty: Option<Arc<dyn Penalty>>,
    /// Whether it gets gradients and updates.
    pub trainable: bool,
}

impl Entry {
    /// Where its values stand in the flat slice.
    pub(crate) fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.shape.numel()
    }
}

/// The table of a model's parameters: names, shapes, offsets into the flat slice, penalties and
/// trainable flags.
#[derive(Clone, Default)]
pub struct Layout {
    entries: Vec<Entry>,
    len: usize,
    /// What tells the ids of these entries from those of other layouts.
    made: Arc<Vec<u32>>,
}

impl Layout {
    /// Appends a parameter behind the others.
    #[track_caller]
    pub(super) fn push(&mut self, mut entry: Entry) -> ParamId {
        let name = &entry.name;
        assert!(self.find(name).is_none(), "there is a parameter named `{name}` already");
        static NEXT: AtomicU32 = AtomicU32::new(0);
        entry.offset = self.len;
        self.len += entry.shape.numel();
        self.entries.push(entry);
        Arc::make_mut(&mut self.made).push(NEXT.fetch_add(1, Ordering::Relaxed));
        self.id(self.entries.len() - 1)
    }

    /// Sets the flag of the parameters for which this holds, all but state; says whether there are
    /// any.
    pub(super) fn set_trainable(
        &mut self,
        trainable: bool,
        which: impl Fn(&Entry) -> bool,
    ) -> bool {
        let mut any = false;
        for entry in self.entries.iter_mut().filter(|entry| entry.role != Role::State) {
            if which(entry) {
                (entry.trainable, any) = (trainable, true);
            }
        }
        any
    }

    /// The parameters in the order of the flat slice.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The ids of all parameters, in the order of the flat slice.
    pub fn ids(&self) -> impl Iterator<Item = ParamId> + use<> {
        let made = self.made.clone();
        (0..self.entries.len()).map(move |index| ParamId { index: index as u32, made: made[index] })
    }

    /// The id of the parameter at this position.
    pub(super) fn id(&self, index: usize) -> ParamId {
        ParamId { index: index as u32, made: self.made[index] }
    }

    /// The row of one parameter.
    ///
    /// # Panics
    ///
    /// If the id was made by other `Params`, and not by those that these are a clone of before they
    /// were cloned.
    #[track_caller]
    pub fn entry(&self, id: ParamId) -> &Entry {
        match self.entries.get(id.index()) {
            Some(entry) if id.made == self.made[id.index()] => entry,
            _ => panic!(
                "parameter number {} is not one of the {} here: it was made by other `Params`; a tape \
                 reads the parameters of one, so build all models that it is to record into the same",
                id.index(),
                self.entries.len()
            ),
        }
    }

    /// The parameter of this name.
    pub fn find(&self, name: &str) -> Option<ParamId> {
        self.entries.iter().position(|entry| entry.name == name).map(|at| self.id(at))
    }

    /// Where the values of a parameter stand in the flat slice.
    #[track_caller]
    pub fn range(&self, id: ParamId) -> Range<usize> {
        self.entry(id).range()
    }

    /// The number of values of all parameters.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0).max(9);
        writeln!(f, "{:width$}  {:>16}  {:>10}", "parameter", "shape", "values")?;
        for Entry { name, shape, role, trainable, .. } in &self.entries {
            let kind = match (role, trainable) {
                (Role::State, _) => "  state",
                (_, false) => "  frozen",
                (_, true) => "",
            };
            let (dims, count) = (shape.to_string(), shape.numel());
            writeln!(f, "{name:width$}  {dims:>16}  {count:>10}{kind}")?;
        }
        write!(f, "{:width$}  {:>16}  {:>10}", "total", "", self.len)
    }
}
