//! The number types that a graph can run in: `f32` to train, `f64` to verify.

mod elementary;
mod trigonometric;

use std::fmt::{Debug, Display, LowerExp};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use crate::exec::compiled::Compiled;
use crate::exec::kernels::vector::Registers;
use crate::ops::custom::CustomKernel;
use crate::shape::Shape;

/// A floating-point number type that a recorded graph can run in: `f32` or `f64`.
///
/// The elementary functions are part of it because their accuracy and speed are: those of `f32`
/// are branch-free, so that a loop over them runs in vector registers, and give the same bits on
/// every processor; those of `f64` are the standard library's and libm's, as are powers in both.
pub trait Scalar:
    Copy
    + Debug
    + Default
    + Display
    + LowerExp
    + PartialOrd
    + Send
    + Sync
    + Sum
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + SubAssign
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Compiled
    + Registers
    + sealed::RunKernel
    + 'static
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Whether results too small for a normal number are flushed to zero while a graph runs:
    /// they slow training down and mean nothing to it, but a verification wants them.
    const FLUSH_SUBNORMALS: bool;

    /// The nearest number of this type.
    fn from_f64(x: f64) -> Self;
    /// The same number in double precision.
    fn to_f64(self) -> f64;
    /// `|x|`
    fn abs(self) -> Self;
    /// `√x`
    fn sqrt(self) -> Self;
    /// `eˣ`
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// `ln(1 + x)`, accurate near 0.
    fn ln_1p(self) -> Self;
    /// `eˣ - 1`, accurate near 0.
    fn exp_m1(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// `1 / (1 + e⁻ˣ)`
    fn sigmoid(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// The sine of an angle in radians.
    fn sin(self) -> Self;
    /// The cosine of an angle in radians.
    fn cos(self) -> Self;
    /// `xᵖ`
    fn powf(self, p: Self) -> Self;
    /// Whether the number is neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// The larger of both; NaN if either is.
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        if self > other || self.is_nan() { self } else { other }
    }

    /// The smaller of both; NaN if either is.
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        if self < other || self.is_nan() { self } else { other }
    }

    /// Whether this is not a number.
    #[inline(always)]
    #[allow(clippy::eq_op, reason = "NaN is what differs from itself")]
    fn is_nan(self) -> bool {
        self != self
    }
}

pub(crate) mod sealed {
    use crate::ops::custom::CustomKernel;
    use crate::shape::Shape;

    /// A user's kernel in this number type; also what keeps `Scalar` closed.
    pub trait RunKernel: Sized {
        /// Runs the kernel's function of this number type.
        fn run_kernel(kernel: &dyn CustomKernel, inputs: &[(&[Self], &Shape)], out: &mut [Self]);
    }
}

macro_rules! scalar {
    (
        $type:ident, flush: $flush:expr, kernel: $kernel:ident, erf: $erf:path, sigmoid: $sigmoid:path,
        elementary: $($functions:tt)::+
    ) => {
        impl Scalar for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const INFINITY: Self = $type::INFINITY;
            const FLUSH_SUBNORMALS: bool = $flush;

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $type
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $type::abs(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $($functions)::+::exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                $($functions)::+::ln(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                $($functions)::+::ln_1p(self)
            }
            #[inline(always)]
            fn exp_m1(self) -> Self {
                $($functions)::+::exp_m1(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $($functions)::+::tanh(self)
            }
            #[inline(always)]
            fn sigmoid(self) -> Self {
                $sigmoid(self)
            }
            #[inline(always)]
            fn erf(self) -> Self {
                $erf(self)
            }
            #[inline(always)]
            fn sin(self) -> Self {
                $($functions)::+::sin(self)
            }
            #[inline(always)]
            fn cos(self) -> Self {
                $($functions)::+::cos(self)
            }
            #[inline(always)]
            fn powf(self, p: Self) -> Self {
                $type::powf(self, p)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $type::is_finite(self)
            }
        }

        impl sealed::RunKernel for $type {
            fn run_kernel(kernel: &dyn CustomKernel, inputs: &[(&[Self], &Shape)], out: &mut [Self]) {
                kernel.$kernel(inputs, out);
            }
        }
    };
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

scalar!(
    f32, flush: true, kernel: run_f32, erf: elementary::erf, sigmoid: elementary::sigmoid,
    elementary: elementary
);
scalar!(
    f64, flush: false, kernel: run_f64, erf: libm::erf, sigmoid: sigmoid,
    elementary: f64
);
