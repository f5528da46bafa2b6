//! Running a plan over numbers.

use smallvec::SmallVec;

use super::arena::Arena;
use super::compressed::{Compressed, may_be_compressed};
use super::kernels::compress::all_finite;
use super::kernels::gemm::{PARALLEL_PRODUCT, Strided, gemm_each};
use super::kernels::sparse;
use super::kernels::subnormal::FlushSubnormals;
use super::memory::{Bindings, Memory};
use super::plan::{Argument, Call, Matrix, Place, Plan, Product, Step};
use crate::ops::{Array, Data};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;

impl Plan {
    /// Runs all steps; the wanted values are then in the arena, or where they were bound, and
    /// gradients in `gradients`, laid out as the parameters (empty if the plan computes none).
    ///
    /// The bindings must be of the shapes that the plan was made for.
    pub(super) fn run<T: Scalar>(
        &self,
        bindings: &Bindings<'_, T>,
        gradients: &mut [T],
        arena: &mut Arena,
        compressed: &mut Compressed<T>,
    ) {
        compressed.forget();
        // Set once for all steps where this thread is given no task of somebody else's meanwhile.
        let alone = rayon::current_thread_index().is_none() || !self.forks();
        let _flush = alone.then(FlushSubnormals::during::<T>);
        let memory = Memory::new(bindings, gradients, arena.reserve(self.arena));
        for step in &self.steps {
            // SAFETY: the arena is as large as the plan asks, the bindings have the shapes that
            // it was made for, and buffers are placed so that what a step writes overlaps nothing
            // that it or a later step still reads.
            unsafe {
                match step {
                    Step::Group(group) => group.run(&memory),
                    Step::Product(product) => product.run(&memory, compressed),
                    Step::Call(call) => call.run(&memory),
                }
            }
        }
    }

    /// Whether any step may spread its work over threads.
    fn forks(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Group(group) => group.forks(),
            Step::Product(product) => {
                let matrices = product.batch.iter().map(|&(size, ..)| size);
                let work = matrices.chain(product.sizes).fold(1, usize::saturating_mul);
                work >= PARALLEL_PRODUCT || product.width_of_input().is_some()
            }
            Step::Call(call) => call.forks,
        })
    }

    /// A wanted value after a run: its shape and numbers.
    pub(super) fn output<'a, T: Scalar>(
        &'a self,
        i: usize,
        params: &'a [T],
        inputs: &'a [Tensor<T>],
        arena: &'a Arena,
    ) -> (&'a Shape, &'a [T]) {
        let output = &self.outputs[i];
        let len = output.shape.numel();
        let numbers = match output.place {
            Place::Param(offset) => &params[offset..offset + len],
            Place::Input(slot, offset) => &inputs[slot as usize].data()[offset..offset + len],
            Place::Arena(offset) => &arena.numbers(self.arena)[offset..offset + len],
            Place::Gradient(_) => unreachable!("a wanted value has memory of its own"),
        };
        (&output.shape, numbers)
    }
}

impl Product {
    /// # Safety
    ///
    /// The memory must be that of the plan which the product is part of.
    unsafe fn run<T: Scalar>(&self, memory: &Memory<'_, T>, compressed: &mut Compressed<T>) {
        // SAFETY: the caller's promise.
        if unsafe { self.run_by_entries(memory, compressed) } {
            return;
        }
        let strided = |matrix: Matrix| Strided {
            start: memory.at(matrix.place).cast_const(),
            row_stride: matrix.row_stride,
            column_stride: matrix.column_stride,
        };
        let (a, b, c) = (strided(self.a), strided(self.b), memory.at(self.c));
        // SAFETY: the caller's promise.
        unsafe { gemm_each(&self.batch, self.sizes, a, b, c, self.accumulate) };
    }

    /// The width of the rows of `A` or of its transpose, if that is an input whose entries can be used
    /// instead, should it turn out to be mostly zeros.
    fn width_of_input(&self) -> Option<usize> {
        let ([m, k, n], a, b) = (self.sizes, self.a, self.b);
        let [rows, width] = match (a.row_stride, a.column_stride) {
            (stride, 1) if stride == k => [m, k],
            (1, stride) if stride == m => [k, m],
            _ => return None,
        };
        let suits = matches!(a.place, Place::Input(..))
            && self.batch.is_empty()
            && n > 0
            && b.row_stride == n
            && (b.column_stride == 1 || n == 1);
        (suits && may_be_compressed(rows, width)).then_some(width)
    }

    /// Runs the product if `A` is an input that turns out to be mostly zeros; says whether it did.
    ///
    /// # Safety
    ///
    /// As for [`run`](Self::run).
    unsafe fn run_by_entries<T: Scalar>(
        &self,
        memory: &Memory<'_, T>,
        compressed: &mut Compressed<T>,
    ) -> bool {
        let Some(width) = self.width_of_input() else { return false };
        let [m, k, n] = self.sizes;
        // SAFETY: the caller's promise; neither matrix has gaps, and the result overlaps neither.
        let (a, b, c) = unsafe {
            let numbers =
                |place, len| std::slice::from_raw_parts(memory.at(place).cast_const(), len);
            let c = std::slice::from_raw_parts_mut(memory.at(self.c), m * n);
            (numbers(self.a.place, m * k), numbers(self.b.place, k * n), c)
        };
        let Some(entries) = compressed.entries(self.a.place, a, width) else { return false };
        if !all_finite(b) {
            return false;
        }
        if self.a.column_stride == 1 {
            sparse::product(entries, b, n, c, self.accumulate);
        } else {
            sparse::transposed_product(entries, b, n, c, self.accumulate);
        }
        true
    }
}

impl Call {
    /// # Safety
    ///
    /// The memory must be that of the plan which the call is part of.
    unsafe fn run<T: Scalar>(&self, memory: &Memory<'_, T>) {
        let array = |(argument, shape): &'_ (Argument, Shape)| match *argument {
            Argument::Numbers(place) => {
                // SAFETY: the caller's promise.
                let numbers =
                    unsafe { std::slice::from_raw_parts(memory.at(place), shape.numel()) };
                Data::Numbers(numbers)
            }
            Argument::Attached(slot) => memory.attached(slot),
            Argument::Seed => Data::Indices(memory.seed_halves()),
        };
        let inputs: SmallVec<[Array<'_, T>; 4]> =
            self.inputs.iter().map(|input| Array { shape: &input.1, data: array(input) }).collect();
        let _flush = (!self.forks).then(FlushSubnormals::during::<T>);
        // SAFETY: the caller's promise; an output overlaps none of its inputs.
        let out =
            unsafe { std::slice::from_raw_parts_mut(memory.at(self.out), self.shape.numel()) };
        self.op.eval(&inputs, &self.shape, out);
    }
}
