//! What one tape needs to run and leaves for the next: memory and plans.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::arena::Arena;
use super::compressed::Compressed;
use super::memory::Bindings;
use super::plan::{Plan, Request};
use crate::pages;
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Memory for intermediate results and for the entries of sparse inputs, and the plans made so far.
pub(crate) struct Workspace<T> {
    arena: Arena,
    compressed: Compressed<T>,
    plans: Vec<CachedPlan>,
    /// Storage for the list of the next tape's inputs.
    spare_inputs: Vec<Tensor<T>>,
}

struct CachedPlan {
    trace: u64,
    request: Request,
    plan: Arc<Plan>,
}

impl<T> Default for Workspace<T> {
    fn default() -> Self {
        Self {
            arena: Arena::default(),
            compressed: Compressed::default(),
            plans: Vec::new(),
            spare_inputs: Vec::new(),
        }
    }
}

impl<T: Scalar> Workspace<T> {
    /// How many plans are kept.
    const CAPACITY: usize = 64;

    /// The plan for a request to a trace, made if it is not there yet.
    pub(crate) fn plan(
        &mut self,
        trace: u64,
        request: &Request,
        make: impl FnOnce() -> Plan,
    ) -> Arc<Plan> {
        let found = self.plans.iter().position(|p| p.trace == trace && p.request == *request);
        match found {
            // The latest stay at the end; the order changes only when another was used.
            Some(at) if at + 1 < self.plans.len() => {
                let cached = self.plans.remove(at);
                self.plans.push(cached);
            }
            Some(_) => {}
            None => {
                if self.plans.len() == Self::CAPACITY {
                    self.plans.remove(0);
                }
                let plan = Arc::new(make());
                self.plans.push(CachedPlan { trace, request: request.clone(), plan });
            }
        }
        match self.plans.last() {
            Some(cached) => cached.plan.clone(),
            None => unreachable!("a plan was just found or added"),
        }
    }

    /// Runs a plan; `gradients` is empty if the plan computes none.
    pub(crate) fn run(&mut self, plan: &Plan, bindings: &Bindings<'_, T>, gradients: &mut [T]) {
        T::run(plan, bindings, gradients, &mut self.arena, &mut self.compressed);
    }

    /// How many inputs the last run looked through, and how many of them were mostly zeros.
    #[cfg(test)]
    pub(super) fn looked_through(&self) -> [usize; 2] {
        self.compressed.looked_through()
    }

    /// A wanted value after a run: its shape and numbers.
    pub(crate) fn output<'a>(
        &'a self,
        plan: &'a Plan,
        i: usize,
        params: &'a [T],
        inputs: &'a [Tensor<T>],
    ) -> (&'a Shape, &'a [T]) {
        plan.output(i, params, inputs, &self.arena)
    }

    /// An empty list for a tape's inputs.
    pub(crate) fn take_inputs(&mut self) -> Vec<Tensor<T>> {
        std::mem::take(&mut self.spare_inputs)
    }

    /// Lets go of a tape's inputs and keeps the list.
    pub(crate) fn return_inputs(&mut self, mut inputs: Vec<Tensor<T>>) {
        inputs.clear();
        self.spare_inputs = inputs;
    }
}

/// The workspaces and gradients that are not in use, kept with the parameters.
pub(crate) struct WorkspaceStore<T> {
    workspaces: Mutex<Vec<Workspace<T>>>,
    gradients: Mutex<Vec<Vec<T>>>,
}

impl<T> Default for WorkspaceStore<T> {
    fn default() -> Self {
        Self { workspaces: Mutex::default(), gradients: Mutex::default() }
    }
}

/// A panic elsewhere cannot leave a list of spare things half changed.
fn lock<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a spare thing unless there are plenty: a loop uses one or two at a time.
fn keep<T>(list: &Mutex<Vec<T>>, spare: T) {
    const PLENTY: usize = 4;
    let mut list = lock(list);
    if list.len() < PLENTY {
        list.push(spare);
    }
}

impl<T: Scalar> WorkspaceStore<T> {
    pub(crate) fn take(&self) -> Workspace<T> {
        lock(&self.workspaces).pop().unwrap_or_default()
    }

    pub(crate) fn put(&self, workspace: Workspace<T>) {
        keep(&self.workspaces, workspace);
    }

    /// Memory for gradients, whose contents are unspecified.
    pub(crate) fn take_gradients(&self, len: usize) -> Vec<T> {
        let mut values = lock(&self.gradients).pop().unwrap_or_default();
        pages::reserve(&mut values, len);
        values.resize(len, T::ZERO);
        values
    }

    pub(crate) fn put_gradients(&self, values: Vec<T>) {
        keep(&self.gradients, values);
    }
}
