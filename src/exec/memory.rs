//! Where everything stands during a run: the arena, and what is bound from outside.

use std::marker::PhantomData;

use super::plan::Place;
use crate::graph::Attached;
use crate::ops::Data;
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::tensor::Tensor;

/// The numbers that a plan is run over.
pub(crate) struct Bindings<'a, T> {
    pub(crate) params: &'a [T],
    pub(crate) inputs: &'a [Tensor<T>],
    pub(crate) attached: &'a [Attached],
    pub(crate) seed: Seed,
}

/// Where everything stands during a run.
pub(super) struct Memory<'a, T> {
    arena: *mut T,
    gradients: *mut T,
    params: *const T,
    inputs: &'a [Tensor<T>],
    attached: &'a [Attached],
    seed: [u32; 2],
    bound: PhantomData<&'a mut [T]>,
}

// SAFETY: threads that share it write to disjoint parts only, as the steps promise.
unsafe impl<T: Sync> Sync for Memory<'_, T> {}

impl<'a, T: Scalar> Memory<'a, T> {
    pub(super) fn new(bindings: &Bindings<'a, T>, gradients: &'a mut [T], arena: *mut T) -> Self {
        let Bindings { params, inputs, attached, seed } = *bindings;
        Self {
            arena,
            gradients: gradients.as_mut_ptr(),
            params: params.as_ptr(),
            inputs,
            attached,
            seed: [seed.0 as u32, (seed.0 >> 32) as u32],
            bound: PhantomData,
        }
    }

    /// Where a place is. What is bound must not be written to.
    #[inline(always)]
    pub(super) fn at(&self, place: Place) -> *mut T {
        match place {
            Place::Arena(offset) => self.arena.wrapping_add(offset),
            Place::Gradient(offset) => self.gradients.wrapping_add(offset),
            Place::Param(offset) => self.params.wrapping_add(offset).cast_mut(),
            Place::Input(slot, offset) => {
                self.inputs[slot as usize].data().as_ptr().wrapping_add(offset).cast_mut()
            }
        }
    }

    /// What the graph holds in a slot.
    pub(super) fn attached(&self, slot: u32) -> Data<'_, T> {
        self.attached[slot as usize].data()
    }

    /// The seed as two whole numbers, the form in which it is an input.
    pub(super) fn seed_halves(&self) -> &[u32] {
        &self.seed
    }

    pub(super) fn seed(&self) -> Seed {
        Seed(u64::from(self.seed[0]) | u64::from(self.seed[1]) << 32)
    }
}
