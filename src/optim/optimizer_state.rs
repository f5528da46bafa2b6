//! What an optimizer remembers, under names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::params::{Entry, Layout, Role};
use crate::scalar::Scalar;

/// What an optimizer remembers from step to step, by the path of the parameter (`hidden/kernel`)
/// and the name of the number (`mean`), and how many steps it has taken: all that a run needs to go
/// on where it stopped, to the bit. Hyperparameters, schedules and groups are not part of it, they
/// are in the program; a rate that was [set](super::Optimizer::set_rate) has to be set again.
///
/// What an optimizer inside of another remembers has names that begin with `inner.`. No name of a
/// number has a slash in it, so `{slot}/{parameter}` can be taken apart again.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// params.add(Parameter::new("w", [2]));
/// let mut optimizer = Momentum::new(0.1);
/// let gradients = Gradients::new(&params, vec![1.0, 2.0], 0.0);
/// optimizer.step(&mut params, &gradients);
///
/// let state = optimizer.state(&params);
/// assert_eq!(state.get("w", "velocity").unwrap().values, [1.0, 2.0]);
/// assert_eq!(state.count("steps"), Some(1));
///
/// let mut resumed = Momentum::new(0.1);
/// resumed.restore(&params, &state)?;
/// assert_eq!(resumed.state(&params), state);
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OptimizerState<T = f32> {
    optimizer: String,
    counts: BTreeMap<String, u64>,
    parameters: BTreeMap<String, BTreeMap<String, Slot<T>>>,
}

/// Numbers that are remembered of one parameter.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Slot<T> {
    /// The shape: the parameter's, but for a few numbers that belong to it as a whole.
    pub shape: Vec<usize>,
    /// The numbers, row by row.
    pub values: Vec<T>,
}

impl<T> OptimizerState<T> {
    /// What an optimizer of this name remembers: nothing yet.
    pub fn new(optimizer: impl Into<String>) -> Self {
        let (counts, parameters) = Default::default();
        Self { optimizer: optimizer.into(), counts, parameters }
    }

    /// The name of the optimizer, with what is inside of it in brackets.
    pub fn optimizer(&self) -> &str {
        &self.optimizer
    }

    /// All counts, such as `steps`, in the order of their names.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(name, &count)| (&name[..], count))
    }

    /// The count of this name.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.counts.get(name).copied()
    }

    /// Sets a count.
    pub fn set_count(&mut self, name: impl Into<String>, count: u64) {
        self.counts.insert(name.into(), count);
    }

    /// All numbers: the path of the parameter, the name of the slot and what is in it.
    pub fn slots(&self) -> impl Iterator<Item = (&str, &str, &Slot<T>)> {
        self.parameters.iter().flat_map(|(parameter, slots)| {
            slots.iter().map(move |(name, slot)| (&parameter[..], &name[..], slot))
        })
    }

    /// The numbers of one slot of a parameter.
    pub fn get(&self, parameter: &str, slot: &str) -> Option<&Slot<T>> {
        self.parameters.get(parameter)?.get(slot)
    }

    /// Sets the numbers of one slot of a parameter.
    pub fn insert(
        &mut self,
        parameter: impl Into<String>,
        slot: impl Into<String>,
        numbers: Slot<T>,
    ) {
        self.parameters.entry(parameter.into()).or_default().insert(slot.into(), numbers);
    }

    /// The state of an optimizer around the one that this is the state of.
    pub(super) fn within(self, outer: &str) -> Self {
        let mut state = Self::new(format!("{outer}({})", self.optimizer));
        let inner = |name: String| format!("{INNER}{name}");
        state.counts = self.counts.into_iter().map(|(name, n)| (inner(name), n)).collect();
        for (parameter, slots) in self.parameters {
            let slots = slots.into_iter().map(|(name, slot)| (inner(name), slot));
            state.parameters.insert(parameter, slots.collect());
        }
        state
    }
}

/// What the names of an optimizer inside of another begin with.
const INNER: &str = "inner.";

impl<T: Clone> OptimizerState<T> {
    /// The state of the optimizer inside of the one that this is the state of.
    pub(super) fn inner(&self) -> Self {
        let open = self.optimizer.find('(').map_or(0, |at| at + 1);
        let mut state = Self::new(self.optimizer[open..].strip_suffix(')').unwrap_or_default());
        for (name, count) in self.counts() {
            if let Some(name) = name.strip_prefix(INNER) {
                state.set_count(name, count);
            }
        }
        for (parameter, name, slot) in self.slots() {
            if let Some(name) = name.strip_prefix(INNER) {
                state.insert(parameter, name, slot.clone());
            }
        }
        state
    }
}

/// The parameters that optimizers move: all but state.
fn moved(layout: &Layout) -> impl Iterator<Item = &Entry> {
    layout.entries().iter().filter(|entry| entry.role != Role::State)
}

impl<T: Scalar> OptimizerState<T> {
    /// Takes up a slot of all parameters from a flat slice; what is not in it has the initial value.
    pub(super) fn set_column(&mut self, slot: &str, layout: &Layout, column: &[T], initial: T) {
        for entry in moved(layout) {
            let places = entry.range();
            let values = match column.get(places.clone()) {
                Some(values) => values.to_vec(),
                None => vec![initial; places.len()],
            };
            self.insert(&entry.name, slot, Slot { shape: entry.shape.to_vec(), values });
        }
    }

    /// Puts a slot of all parameters into a flat slice.
    pub(super) fn column(&self, slot: &str, layout: &Layout, column: &mut [T]) {
        for entry in moved(layout) {
            if let Some(Slot { values, .. }) = self.get(&entry.name, slot) {
                column[entry.range()].copy_from_slice(values);
            }
        }
    }

    /// Whether the names and shapes are those of another state; the error lists all that are not.
    pub(super) fn matches(&self, wanted: &Self) -> Result<(), Error> {
        let mut faults = Vec::new();
        if self.optimizer != wanted.optimizer {
            faults.push(format!("it is that of {}", self.optimizer));
        }
        for name in wanted.counts.keys().filter(|name| self.count(name).is_none()) {
            faults.push(format!("missing: the number of {name}"));
        }
        for name in self.counts.keys().filter(|name| wanted.count(name).is_none()) {
            faults.push(format!("unexpected: the number of {name}"));
        }
        for (parameter, name, wanted) in wanted.slots() {
            let Some(slot) = self.get(parameter, name) else {
                faults.push(format!("missing: `{name}` of `{parameter}`"));
                continue;
            };
            let (found, count) = (&slot.shape, slot.values.len());
            if *found != wanted.shape {
                let wanted = &wanted.shape;
                faults.push(format!("`{name}` of `{parameter}`: shape {found:?}, not {wanted:?}"));
            } else if count != wanted.values.len() {
                faults.push(format!("`{name}` of `{parameter}`: {count} values of {found:?}"));
            }
        }
        for (parameter, name, _) in self.slots() {
            if wanted.get(parameter, name).is_none() {
                faults.push(format!("unexpected: `{name}` of `{parameter}`"));
            }
        }
        if faults.is_empty() {
            return Ok(());
        }
        let expected = format!("that of {} for these parameters", wanted.optimizer);
        Err(Error::format("the state of an optimizer", expected, faults.join("; ")))
    }
}
