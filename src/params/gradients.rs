//! What a backward run leaves for the optimizer.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::{Entry, Layout, ParamId, Params, Role};
use crate::exec::WorkspaceStore;
use crate::scalar::Scalar;

/// The gradients of a loss with respect to all parameters, laid out as the [`Params`] are, and
/// the loss itself. Where a parameter is state ([`Role::State`]), its place holds the new value
/// that the run has for it.
///
/// [`Params`]: super::Params
pub struct Gradients<T: Scalar = f32> {
    layout: Arc<Layout>,
    values: Vec<T>,
    /// The parameters that the loss depends on and the state that has a new value, by position in
    /// the layout.
    reached: Arc<[bool]>,
    loss: T,
    /// Where the memory goes when it is no longer needed.
    store: Option<Arc<WorkspaceStore<T>>>,
}

impl<T: Scalar> Gradients<T> {
    /// The gradients that a run left, in memory of the store. What it did not reach holds
    /// anything, and is set to zero.
    pub(crate) fn computed(
        layout: Arc<Layout>,
        mut values: Vec<T>,
        reached: Arc<[bool]>,
        loss: T,
        store: Arc<WorkspaceStore<T>>,
    ) -> Self {
        for (entry, _) in
            layout.entries().iter().zip(&reached[..]).filter(|(_, reached)| !**reached)
        {
            values[entry.range()].fill(T::ZERO);
        }
        Self { layout, values, reached, loss, store: Some(store) }
    }

    /// Gradients that were computed elsewhere, in the order of the layout, and their loss. Those
    /// of frozen parameters are dropped.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// let mut params = Params::<f32>::new(Seed(42));
    /// let w = params.add(Parameter::new("w", [2]));
    /// let scale = params.add(Parameter::new("scale", [1]).frozen());
    ///
    /// let gradients = Gradients::new(&params, vec![1.0, 2.0, 3.0], 0.5);
    /// assert_eq!(gradients.get(w), Some(&[1.0, 2.0][..]));
    /// assert_eq!(gradients.get(scale), None);
    /// assert_eq!(gradients.flat(), [1.0, 2.0, 0.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is not one gradient for each value of the parameters.
    #[track_caller]
    pub fn new(params: &Params<T>, mut values: Vec<T>, loss: T) -> Self {
        let layout = params.layout().clone();
        let (expected, found) = (layout.len(), values.len());
        assert!(
            found == expected,
            "the parameters have {expected} values, but there are {found} gradients"
        );
        for (id, entry) in layout.ids().zip(layout.entries()) {
            if !entry.trainable {
                values[layout.range(id)].fill(T::ZERO);
            }
        }
        let reached = layout.entries().iter().map(|entry| entry.trainable).collect();
        Self { layout, values, reached, loss, store: None }
    }

    /// The same numbers once more.
    pub(crate) fn copy(&self) -> Self {
        let (layout, values, reached) = (&self.layout, self.values.clone(), &self.reached);
        let (layout, reached, store) = (layout.clone(), reached.clone(), self.store.clone());
        Self { layout, values, reached, loss: self.loss, store }
    }

    /// Becomes a copy, in the same memory.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.values.clone_from(&other.values);
        (self.layout, self.reached) = (other.layout.clone(), other.reached.clone());
        self.loss = other.loss;
    }

    /// Adds the gradients and the loss of another run with the same parameters, such as on the
    /// next part of a batch; some may have been added meanwhile. What only one of both has a
    /// gradient for is taken from that one; state has the new values of the other run.
    ///
    /// # Panics
    ///
    /// If the gradients are of different parameters.
    #[track_caller]
    pub fn accumulate(&mut self, other: &Self) {
        if !Arc::ptr_eq(&self.layout, &other.layout) {
            for (ours, theirs) in self.layout.entries().iter().zip(other.layout.entries()) {
                let same = ours.name == theirs.name && ours.shape == theirs.shape;
                let [ours, theirs] = [ours, theirs].map(|e| format!("`{}` of {}", e.name, e.shape));
                assert!(same, "gradients of different parameters: {ours} and {theirs}");
            }
        }
        if self.layout.entries().len() <= other.layout.entries().len() {
            self.move_to(&other.layout);
        }
        for (i, entry) in other.layout.entries().iter().enumerate() {
            if !other.reached[i] {
                continue;
            }
            let range = entry.range();
            let (sum, new) = (&mut self.values[range.clone()], &other.values[range]);
            if self.reached[i] && entry.role != Role::State {
                sum.iter_mut().zip(new).for_each(|(sum, &new)| *sum += new);
            } else {
                sum.copy_from_slice(new);
            }
            if !self.reached[i] {
                Arc::make_mut(&mut self.reached)[i] = true;
            }
        }
        self.loss += other.loss;
    }

    /// The same gradients of a layout of the same parameters, to which some may have been added, and of
    /// which others may be frozen; `None` if it is this one.
    pub(crate) fn of(&self, layout: &Arc<Layout>) -> Option<Self> {
        if Arc::ptr_eq(&self.layout, layout) {
            return None;
        }
        let mut moved = self.copy();
        moved.move_to(layout);
        Some(moved)
    }

    /// Takes over a later layout of the same parameters.
    fn move_to(&mut self, layout: &Arc<Layout>) {
        let (values, entries) = (layout.len(), layout.entries().len());
        if self.reached.len() < entries {
            self.values.resize(values, T::ZERO);
            let new = std::iter::repeat_n(&false, entries - self.reached.len());
            self.reached = self.reached.iter().chain(new).copied().collect();
        }
        self.layout = layout.clone();
    }

    /// Multiplies the gradients and the loss, such as by one over the number of runs that were
    /// [added up](Self::accumulate).
    pub fn scale(&mut self, factor: f64) {
        let factor = T::from_f64(factor);
        for (id, entry) in self.layout.ids().zip(self.layout.entries()) {
            if entry.role != Role::State {
                let range = self.layout.range(id);
                self.values[range].iter_mut().for_each(|x| *x = *x * factor);
            }
        }
        self.loss = self.loss * factor;
    }

    /// The loss that was differentiated.
    pub fn loss(&self) -> T {
        self.loss
    }

    /// The gradient with respect to one parameter, row by row; `None` if the loss does not depend
    /// on it or it is frozen.
    #[track_caller]
    pub fn get(&self, id: ParamId) -> Option<&[T]> {
        let range = self.layout.range(id);
        self.has(id).then(|| &self.values[range])
    }

    /// Whether there is a gradient with respect to this parameter.
    fn has(&self, id: ParamId) -> bool {
        self.reached[id.index()] && self.layout.entry(id).trainable
    }

    /// Gives parameters that are state the new values that the run has for them. Optimizers do
    /// this in each step.
    ///
    /// # Panics
    ///
    /// If the parameters are others than those that the gradients were computed of.
    #[track_caller]
    pub fn apply_updates(&self, params: &mut Params<T>) {
        let is_new = |(i, entry): &(usize, &Entry)| entry.role == Role::State && self.reached[*i];
        for (i, entry) in self.layout.entries().iter().enumerate().filter(is_new) {
            let id = self.layout.id(i);
            params.values_mut(id).copy_from_slice(&self.values[entry.range()]);
        }
    }

    /// The gradients with respect to all parameters, in the order of the layout; zero where the
    /// loss does not depend on a parameter, new values at the places of updated state. What has a
    /// gradient is in the [`segments`](Self::segments).
    pub fn flat(&self) -> &[T] {
        &self.values
    }

    /// The gradients with respect to all parameters, to be changed before a step.
    pub fn flat_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// The layout, which is that of the parameters.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The names of the trainable parameters that the loss does not depend on.
    pub fn unreached(&self) -> impl Iterator<Item = &str> {
        let entries = self.layout.entries().iter().zip(&self.reached[..]);
        entries.filter(|(entry, reached)| entry.trainable && !**reached).map(|(e, _)| &e.name[..])
    }

    /// The parts of the flat slice that have a gradient, neighbours merged into one.
    pub fn segments(&self) -> impl Iterator<Item = Range<usize>> {
        let entries = self.layout.entries().iter().zip(&self.reached[..]);
        let moving = entries.filter(|(entry, reached)| **reached && entry.trainable);
        let mut ranges = moving.map(|(entry, _)| entry.range()).peekable();
        std::iter::from_fn(move || {
            let mut segment = ranges.next()?;
            while let Some(next) = ranges.next_if(|next| next.start == segment.end) {
                segment.end = next.end;
            }
            Some(segment)
        })
    }
}

impl<T: Scalar> Drop for Gradients<T> {
    fn drop(&mut self) {
        if let Some(store) = &self.store {
            store.put_gradients(std::mem::take(&mut self.values));
        }
    }
}

impl<T: Scalar> fmt::Debug for Gradients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gradients of {} values, loss {}", self.values.len(), self.loss)
    }
}
