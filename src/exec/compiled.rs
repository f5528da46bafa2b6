//! The executor in both number types, compiled with this crate: a program that uses it, a test or an
//! example need not compile all of its kernels again.

use super::arena::Arena;
use super::compressed::Compressed;
use super::memory::Bindings;
use super::plan::Plan;
use crate::ops::{Array, Op};
use crate::shape::Shape;

/// A number type that the executor is compiled for.
#[allow(private_interfaces, reason = "nobody outside can name the trait or call it")]
pub trait Compiled: Sized {
    /// [`Plan::run`]
    fn run(
        plan: &Plan,
        bindings: &Bindings<'_, Self>,
        gradients: &mut [Self],
        arena: &mut Arena,
        compressed: &mut Compressed<Self>,
    );
    /// [`Op::eval`]
    fn eval(op: &Op, inputs: &[Array<'_, Self>], shape: &Shape, out: &mut [Self]);
}

macro_rules! compiled {
    ($($type:ty)*) => {
        $(
            #[allow(private_interfaces, reason = "as above")]
            impl Compiled for $type {
                #[inline(never)]
                fn run(
                    plan: &Plan,
                    bindings: &Bindings<'_, Self>,
                    gradients: &mut [Self],
                    arena: &mut Arena,
                    compressed: &mut Compressed<Self>,
                ) {
                    plan.run(bindings, gradients, arena, compressed);
                }

                #[inline(never)]
                fn eval(op: &Op, inputs: &[Array<'_, Self>], shape: &Shape, out: &mut [Self]) {
                    op.eval(inputs, shape, out);
                }
            }
        )*
    };
}
compiled!(f32 f64);
