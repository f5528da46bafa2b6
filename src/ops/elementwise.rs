//! Element-wise operations: one table, one row an operation.
//!
//! A row holds the name, the formula, the gradient rule (one expression an input, in [`Var`]
//! algebra; `g` is the gradient that arrives, `y` the output), smooth sample points for the tests
//! and, if the operation branches, what tells which side an element is on. From it come the method on `Var`, the kernel, the name in listings and the tests.
//!
//! # Kinks
//!
//! At a kink the derivative is 0 if the point is a minimum or the function is flat on one side
//! (`relu'(0) = 0`, `|x|'(0) = 0`); ties of `maximum` and `minimum` share the gradient evenly. It
//! is never NaN.

use std::f64::consts::FRAC_2_SQRT_PI;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Array, Constant, Content, Operation, Site, write_call};
use crate::exec::kernels::simd::vectorize_widest;
use crate::graph::{Operand, Var};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::strided;

/// The most inputs that a row has.
pub(crate) const MAX_ARITY: usize = 3;

/// The mark in a gradient rule for an input that gets no gradient.
struct NoGradient;

trait Contribution<'t> {
    fn contribution(self) -> Option<Var<'t>>;
}

impl<'t> Contribution<'t> for Var<'t> {
    fn contribution(self) -> Option<Var<'t>> {
        Some(self)
    }
}

impl<'t> Contribution<'t> for Option<Var<'t>> {
    fn contribution(self) -> Option<Var<'t>> {
        self
    }
}

impl<'t> Contribution<'t> for NoGradient {
    fn contribution(self) -> Option<Var<'t>> {
        None
    }
}

macro_rules! elementwise {
    (operators { $($operators:tt)* } functions { $($functions:tt)* }) => {
        elementwise!(@table $($operators)* $($functions)*);
        elementwise!(@methods $($functions)*);
    };

    (@table $(
        $(#[$doc:meta])*
        $name:ident($($arg:ident),+ $(; $constant:ident in [$($sample:expr),+])?) = $formula:expr;
        vjp |$g:ident, $y:ident| $($rule:expr),+;
        at [$($point:expr),+] $(, sides $sides:expr)?;
    )*) => {
        /// An element-wise operation with its constants.
        #[allow(non_camel_case_types, reason = "a row has one name")]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        pub(crate) enum Elementwise {
            $($name $({ $constant: Constant })?,)*
        }

        impl Elementwise {
            /// The number of inputs.
            pub(crate) fn arity(self) -> usize {
                match self {
                    $(Self::$name $({ $constant: _ })? => [$(stringify!($arg)),+].len(),)*
                }
            }

            /// The arguments, the constant last; the lines of its documentation; its formula.
            #[cfg(test)]
            pub(crate) fn texts(self) -> [&'static [&'static str]; 3] {
                match self {
                    $(Self::$name $({ $constant: _ })? => [
                        &[$(stringify!($arg)),+ $(, stringify!($constant))?],
                        &[$(stringify!($doc)),*],
                        &[stringify!($formula)],
                    ],)*
                }
            }

            /// Applies the formula to `n` elements of each input, all at their own pointer.
            ///
            /// # Safety
            ///
            /// Each of the first `arity` pointers of `args` must be valid for `n` reads, `out`
            /// for `n` writes; `out` must not overlap any of them.
            pub(crate) unsafe fn apply<T: Scalar>(
                self, args: [*const T; MAX_ARITY], out: *mut T, n: usize,
            ) {
                vectorize_widest(#[inline(always)] move || match self {
                    $(Self::$name $({ $constant })? => {
                        $(let $constant = T::from_f64($constant.0);)?
                        let mut args = args.into_iter();
                        // SAFETY: the caller's promise.
                        $(let $arg = unsafe {
                            std::slice::from_raw_parts(args.next().unwrap_or(std::ptr::null()), n)
                        };)+
                        // SAFETY: the caller's promise.
                        let out = unsafe { std::slice::from_raw_parts_mut(out, n) };
                        for i in 0..n {
                            $(let $arg = $arg[i];)+
                            out[i] = $formula;
                        }
                    })*
                });
            }
        }

        impl Operation for Elementwise {
            fn name(&self) -> &'static str {
                match self {
                    $(Self::$name $({ $constant: _ })? => stringify!($name),)*
                }
            }

            fn reads(&self) -> Option<&'static [Content]> {
                Some(&[Content::Numbers; MAX_ARITY][..self.arity()])
            }

            fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
                let mut shape = inputs[0].clone();
                for input in &inputs[1..] {
                    shape = shape.broadcast(input).map_err(|(axis, a, b)| format!(
                        "shapes {shape} and {input} do not broadcast at axis {axis} ({a} vs {b})"
                    ))?;
                }
                Ok(shape)
            }

            #[allow(unused_variables, reason = "not every rule needs input, output and gradient")]
            fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
                match *self {
                    $(Self::$name $({ $constant })? => {
                        $(let $constant = $constant.0;)?
                        let ($g, $y) = (site.g, site.y);
                        let &[$($arg),+] = site.inputs else { return None };
                        let rules: &[&dyn Fn() -> Option<Var<'t>>] =
                            &[$(&|| Contribution::contribution($rule)),+];
                        rules[input]()
                    })*
                }
            }

            #[allow(unused_variables, reason = "most rows do not branch")]
            fn sides<'t>(&self, inputs: &[Var<'t>], _y: Var<'t>) -> Option<Var<'t>> {
                match *self {
                    $(Self::$name $({ $constant: _ })? => {
                        let &[$($arg),+] = inputs else { return None };
                        $(return Some($sides);)?
                        #[allow(unreachable_code, reason = "the row branches")]
                        None
                    })*
                }
            }

            #[cfg(test)]
            fn rule(&self, input: usize) -> &'static str {
                match self {
                    $(Self::$name $({ $constant: _ })? => [$(stringify!($rule)),+][input],)*
                }
            }

            #[cfg(test)]
            fn kink(&self) -> Option<&'static str> {
                let kinks: &[&str] = match self {
                    $(Self::$name $({ $constant: _ })? => &[$(stringify!($sides))?],)*
                };
                kinks.first().copied()
            }

            fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
                let expanded: Vec<Vec<T>> = inputs
                    .iter()
                    .map(|input| strided::expand(input.numbers(), input.shape, shape))
                    .collect();
                let mut args = [std::ptr::null(); MAX_ARITY];
                for (arg, values) in args.iter_mut().zip(&expanded) {
                    *arg = values.as_ptr();
                }
                // SAFETY: `expand` fills the output's shape, as long as `out`.
                unsafe { self.apply(args, out.as_mut_ptr(), out.len()) };
            }

            fn write(
                &self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display],
            ) -> fmt::Result {
                match (self, inputs) {
                    (Self::add, [a, b]) => write!(f, "{a} + {b}"),
                    (Self::sub, [a, b]) => write!(f, "{a} - {b}"),
                    (Self::mul, [a, b]) => write!(f, "{a} * {b}"),
                    (Self::div, [a, b]) => write!(f, "{a} / {b}"),
                    (Self::neg, [x]) => write!(f, "-{x}"),
                    $((Self::$name $({ $constant })?, _) => write_call(
                        f, self.name(), inputs, &[$((stringify!($constant), $constant))?],
                    ),)*
                }
            }
        }

        /// The rows that tests walk over: operation and sample points.
        #[cfg(test)]
        pub(crate) fn rows() -> Vec<(Elementwise, Vec<f64>)> {
            [$(elementwise!(@row $name [$($point),+] $($constant [$($sample),+])?)),*].concat()
        }
    };

    (@row $name:ident [$($point:expr),+]) => {
        vec![(Elementwise::$name, vec![$($point),+])]
    };
    (@row $name:ident [$($point:expr),+] $constant:ident [$($sample:expr),+]) => {
        [$($sample),+]
            .map(|sample| Elementwise::$name { $constant: Constant(sample) })
            .map(|op| (op, vec![$($point),+]))
            .to_vec()
    };

    (@methods $(
        $(#[$doc:meta])*
        $name:ident(
            $first:ident $(, $rest:ident)* $(; $constant:ident in [$($sample:expr),+])?
        ) = $formula:expr;
        vjp |$g:ident, $y:ident| $($rule:expr),+;
        at [$($point:expr),+] $(, sides $sides:expr)?;
    )*) => {
        impl<'t> Var<'t> {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $name(
                    self $(, $rest: impl Operand<'t>)* $(, $constant: f64)?
                ) -> Var<'t> {
                    let inputs = [self.id() $(, $rest.operand(self.graph()).id())*];
                    let op = Elementwise::$name $({ $constant: Constant($constant) })?;
                    self.graph().record(op, &inputs)
                }
            )*
        }
    };
}

impl Elementwise {
    /// About how many additions take as long.
    pub(crate) fn work(self) -> usize {
        match self {
            Self::exp | Self::exp_m1 | Self::ln | Self::ln_1p | Self::sin | Self::cos => 8,
            Self::erf | Self::tanh | Self::sigmoid | Self::elu { .. } => 8,
            Self::softplus | Self::pow | Self::powf { .. } => 16,
            _ => 1,
        }
    }
}

elementwise! {
    operators {
        add(a, b) = a + b;                      vjp |g, y| g, g;                    at [-2.0, 0.5, 3.0];
        sub(a, b) = a - b;                      vjp |g, y| g, -g;                   at [-2.0, 0.5, 3.0];
        mul(a, b) = a * b;                      vjp |g, y| g * b, g * a;            at [-2.0, 0.5, 3.0];
        div(a, b) = a / b;                      vjp |g, y| g / b, -g * y / b;       at [-2.0, 0.5, 3.0];
        neg(x) = -x;                            vjp |g, y| -g;                      at [-2.0, 0.0, 3.0];
    }
    functions {
        /// `x²`
        square(x) = x * x;                      vjp |g, y| g * 2.0 * x;             at [-2.0, 0.0, 1.5];
        /// `√x`
        sqrt(x) = x.sqrt();                     vjp |g, y| g * 0.5 / y;             at [0.01, 1.0, 400.0];
        /// `1 / √x`
        rsqrt(x) = T::ONE / x.sqrt();           vjp |g, y| g * -0.5 * y / x;        at [0.01, 1.0, 400.0];
        /// `eˣ`
        exp(x) = x.exp();                       vjp |g, y| g * y;                   at [-20.0, 0.0, 1.5];
        /// `eˣ - 1`, accurate near 0.
        exp_m1(x) = x.exp_m1();                 vjp |g, y| g * x.exp();             at [-20.0, 0.0, 1.5];
        /// `ln x`, the natural logarithm.
        ln(x) = x.ln();                         vjp |g, y| g / x;                   at [0.01, 1.0, 400.0];
        /// `ln(1 + x)`, accurate near 0.
        ln_1p(x) = x.ln_1p();                   vjp |g, y| g / (x + 1.0);           at [-0.9, 0.0, 400.0];
        /// The sine of an angle in radians.
        sin(x) = x.sin();                       vjp |g, y| g * x.cos();             at [-20.0, 0.0, 1.5];
        /// The cosine of an angle in radians.
        cos(x) = x.cos();                       vjp |g, y| -g * x.sin();            at [-20.0, 0.0, 1.5];
        /// The error function, `2/√π ∫₀ˣ exp(-t²) dt`.
        erf(x) = x.erf();                       vjp |g, y| g * FRAC_2_SQRT_PI * (-x.square()).exp();
                                                                                    at [-20.0, -0.5, 0.0, 2.0];
        /// `xᵖ`; whole exponents take negative bases too. The exponent is a constant.
        powf(x; exponent in [2.0, 3.0, 1.0, 0.0, -1.0, 0.5]) = x.powf(exponent);
            // Not 0 · 0⁻¹, which is NaN, but what the power is: a constant, or `x` itself.
            vjp |g, y| match exponent {
                0.0 => None,
                1.0 => Some(g),
                _ => Some(g * exponent * x.powf(exponent - 1.0)),
            };                                                                      at [0.5, 1.0, 3.0];
        /// `aᵇ` for `a ≥ 0`. At `a = 0`, where only one side is defined, the gradient for `b ≥ 0` is
        /// taken as 0, and that for `a` as 0 where `b` is 0.
        pow(a, b) = a.powf(b);
            // Each term of the exponent and of the logarithm that is 1 where `a` is 0 keeps out an
            // infinity that a zero would be multiplied with.
            vjp |g, y| g * b * a.pow(b - 1.0 + a.equal(0.0) * b.equal(0.0)),
                       g * y * (a + a.equal(0.0)).ln();                             at [0.5, 1.0, 3.0];
        /// `|x|`; the derivative at 0 is 0.
        abs(x) = x.abs();                       vjp |g, y| g * x.sgn();             at [-2.0, 0.5], sides x.sgn();
        /// The sign of `x`: -1, 0 or 1. Its derivative is taken as 0 everywhere.
        sgn(x) = if x > T::ZERO { T::ONE } else if x < T::ZERO { -T::ONE } else { x };
                                                vjp |g, y| NoGradient;              at [-2.0, 0.5], sides x.sgn();
        /// `max(x, 0)`; the derivative at 0 is 0 (V. Nair and G. Hinton, 2010).
        relu(x) = if x <= T::ZERO { T::ZERO } else { x };
                                                vjp |g, y| y.select(g, 0.0);        at [-2.0, 0.5, 3.0], sides x.sgn();
        /// `x` above 0, `slope · x` below; the derivative at 0 is the slope (A. Maas et al., 2013).
        leaky_relu(x; slope in [0.01, 0.3]) = if x > T::ZERO { x } else { x * slope };
            vjp |g, y| x.relu().select(g, g * slope);                               at [-2.0, 0.5, 3.0], sides x.sgn();
        /// `x` above 0, `alpha · (eˣ - 1)` below; the derivative at 0 is `alpha` (D.-A. Clevert et
        /// al., 2015).
        elu(x; alpha in [1.0, 0.7]) = if x > T::ZERO { x } else { x.exp_m1() * alpha };
            vjp |g, y| x.relu().select(g, g * (y + alpha));                         at [-20.0, -0.5, 0.5, 800.0], sides x.sgn();
        /// The hyperbolic tangent.
        tanh(x) = x.tanh();                     vjp |g, y| g * (1.0 - y.square());  at [-20.0, -0.5, 0.0, 2.0];
        /// `1 / (1 + e⁻ˣ)`, the logistic function.
        sigmoid(x) = x.sigmoid();
                                                vjp |g, y| g * y * (1.0 - y);       at [-20.0, -0.5, 0.0, 2.0];
        /// `ln(1 + eˣ)`, finite in both tails (C. Dugas et al., 2000).
        softplus(x) = x.maximum(T::ZERO) + (-x.abs()).exp().ln_1p();
                                                vjp |g, y| g * x.sigmoid();         at [-20.0, 0.0, 2.0, 800.0];
        /// The larger of both; on a tie each gets half of the gradient. NaN if either is.
        maximum(a, b) = a.maximum(b);           vjp |g, y| g * a.precedence(b), g * b.precedence(a);
                                                                                    at [-2.0, 0.5, 3.0], sides a.precedence(b);
        /// The smaller of both; on a tie each gets half of the gradient. NaN if either is.
        minimum(a, b) = a.minimum(b);           vjp |g, y| g * b.precedence(a), g * a.precedence(b);
                                                                                    at [-2.0, 0.5, 3.0], sides a.precedence(b);
        /// 1 where `a > b`, ½ where they are equal, else 0. Its derivative is taken as 0.
        precedence(a, b) = if a > b { T::ONE } else if a == b { T::from_f64(0.5) } else { T::ZERO };
                                                vjp |g, y| NoGradient, NoGradient;  at [-2.0, 0.5, 3.0], sides a.precedence(b);
        /// 1 where both are equal, else 0. Its derivative is taken as 0.
        equal(a, b) = if a == b { T::ONE } else { T::ZERO };
                                                vjp |g, y| NoGradient, NoGradient;  at [-2.0, 0.5, 3.0], sides a.precedence(b);
        /// `a` where the condition is not 0, else `b`. The gradient selects in the same way, so
        /// that an infinity or NaN in the branch not taken does no harm by itself. An operation
        /// before it may still make NaN of the 0 that it gets, where its derivative is infinite:
        /// instead of `x.select(x.ln(), 0.0)` write `x.select(x.select(x, 1.0).ln(), 0.0)`.
        #[doc(alias = "where")]
        select(condition, a, b) = if condition == T::ZERO { b } else { a };
            vjp |g, y| NoGradient, condition.select(g, 0.0), condition.select(0.0, g);
                                                                                    at [-2.0, 0.5, 3.0], sides condition.equal(0.0);
    }
}

impl<'t> Var<'t> {
    /// `1 / x`
    #[track_caller]
    pub fn reciprocal(self) -> Var<'t> {
        1.0 / self
    }

    /// `min(max(x, min), max)`: the nearest value within bounds. An infinite bound is none. At a
    /// bound the derivative is ½, the mean of both sides.
    ///
    /// # Panics
    ///
    /// If the bounds are NaN or in the wrong order.
    #[track_caller]
    pub fn clamp(self, min: f64, max: f64) -> Var<'t> {
        assert!(min <= max, "clamp: the bounds {min} and {max} are not in order");
        let above = if min > f64::NEG_INFINITY { self.maximum(min) } else { self };
        if max < f64::INFINITY { above.minimum(max) } else { above }
    }
}

#[cfg(test)]
mod broadcasting;
#[cfg(test)]
mod tests;
