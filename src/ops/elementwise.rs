//! Element-wise operations: one table, one row an operation.
//!
//! A row holds the name, the formula, the gradient rule (one expression an input, in [`Var`]
//! algebra; `g` is the gradient that arrives, `y` the output) and smooth sample points for the
//! tests. From it come the method on `Var`, the kernel, the name in listings and the tests.
//!
//! # Kinks
//!
//! At a kink the derivative is 0 if the point is a minimum or the function is flat on one side
//! (`relu'(0) = 0`, `|x|'(0) = 0`); ties of `maximum` and `minimum` share the gradient evenly. It
//! is never NaN.

use std::fmt;

use super::{Array, Constant, Operation, Site, write_call};
use crate::exec::kernels::simd::vectorize;
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
        at [$($point:expr),+];
    )*) => {
        /// An element-wise operation with its constants.
        #[allow(non_camel_case_types, reason = "a row has one name")]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
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

            /// Applies the formula to `n` elements of each input, all at their own pointer.
            ///
            /// # Safety
            ///
            /// Each of the first `arity` pointers of `args` must be valid for `n` reads, `out`
            /// for `n` writes; `out` must not overlap any of them.
            pub(crate) unsafe fn apply<T: Scalar>(
                self, args: [*const T; MAX_ARITY], out: *mut T, n: usize,
            ) {
                vectorize(#[inline(always)] move || match self {
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
        fn rows() -> Vec<(Elementwise, Vec<f64>)> {
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
        at [$($point:expr),+];
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
        /// `eˣ`
        exp(x) = x.exp();                       vjp |g, y| g * y;                   at [-20.0, 0.0, 1.5];
        /// `ln x`, the natural logarithm.
        ln(x) = x.ln();                         vjp |g, y| g / x;                   at [0.01, 1.0, 400.0];
        /// `xᵖ`; whole exponents take negative bases too. The exponent is a constant.
        powf(x; exponent in [2.0, -1.0, 0.5]) = x.powf(exponent);
            vjp |g, y| g * exponent * x.powf(exponent - 1.0);                       at [0.5, 1.0, 3.0];
        /// `|x|`; the derivative at 0 is 0.
        abs(x) = x.abs();                       vjp |g, y| g * x.sgn();             at [-2.0, 0.5];
        /// The sign of `x`: -1, 0 or 1. Its derivative is taken as 0 everywhere.
        sgn(x) = if x > T::ZERO { T::ONE } else if x < T::ZERO { -T::ONE } else { x };
                                                vjp |g, y| NoGradient;              at [-2.0, 0.5];
        /// `max(x, 0)`; the derivative at 0 is 0 (V. Nair and G. Hinton, 2010).
        relu(x) = if x <= T::ZERO { T::ZERO } else { x };
                                                vjp |g, y| y.select(g, 0.0);        at [-2.0, 0.5, 3.0];
        /// `x` above 0, `slope · x` below; the derivative at 0 is the slope (A. Maas et al., 2013).
        leaky_relu(x; slope in [0.01, 0.3]) = if x > T::ZERO { x } else { x * slope };
            vjp |g, y| x.relu().select(g, g * slope);                               at [-2.0, 0.5, 3.0];
        /// The hyperbolic tangent.
        tanh(x) = x.tanh();                     vjp |g, y| g * (1.0 - y.square());  at [-20.0, -0.5, 0.0, 2.0];
        /// `1 / (1 + e⁻ˣ)`, the logistic function.
        sigmoid(x) = T::ONE / (T::ONE + (-x).exp());
                                                vjp |g, y| g * y * (1.0 - y);       at [-20.0, -0.5, 0.0, 2.0];
        /// `ln(1 + eˣ)`, finite in both tails (C. Dugas et al., 2000).
        softplus(x) = x.maximum(T::ZERO) + (-x.abs()).exp().ln_1p();
                                                vjp |g, y| g * x.sigmoid();         at [-20.0, 0.0, 2.0, 800.0];
        /// The larger of both; on a tie each gets half of the gradient. NaN if either is.
        maximum(a, b) = a.maximum(b);           vjp |g, y| g * a.precedence(b), g * b.precedence(a);
                                                                                    at [-2.0, 0.5, 3.0];
        /// The smaller of both; on a tie each gets half of the gradient. NaN if either is.
        minimum(a, b) = a.minimum(b);           vjp |g, y| g * b.precedence(a), g * a.precedence(b);
                                                                                    at [-2.0, 0.5, 3.0];
        /// 1 where `a > b`, ½ where they are equal, else 0. Its derivative is taken as 0.
        precedence(a, b) = if a > b { T::ONE } else if a == b { T::from_f64(0.5) } else { T::ZERO };
                                                vjp |g, y| NoGradient, NoGradient;  at [-2.0, 0.5, 3.0];
        /// 1 where both are equal, else 0. Its derivative is taken as 0.
        equal(a, b) = if a == b { T::ONE } else { T::ZERO };
                                                vjp |g, y| NoGradient, NoGradient;  at [-2.0, 0.5, 3.0];
        /// `a` where the condition is not 0, else `b`. The gradient selects in the same way, so
        /// that an infinity or NaN in the branch not taken does no harm.
        select(condition, a, b) = if condition == T::ZERO { b } else { a };
            vjp |g, y| NoGradient, condition.select(g, 0.0), condition.select(0.0, g);
                                                                                    at [-2.0, 0.5, 3.0];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grad::GradCheck;
    use crate::params::{ParamId, Parameter, Params};
    use crate::seed::Seed;
    use crate::tensor::Tensor;

    /// One parameter an input, together all combinations of the sample points, of `rows` rows.
    fn combinations(op: Elementwise, points: &[f64]) -> (Params<f64>, Vec<ParamId>) {
        let count = points.len().pow(op.arity() as u32);
        let mut params = Params::new(Seed(0));
        let ids = (0..op.arity()).map(|input| {
            let digit = points.len().pow(input as u32);
            let values = Tensor::from_fn([count], |i| points[i / digit % points.len()]);
            params.add_tensor(format!("x{input}"), &values)
        });
        let ids = ids.collect();
        (params, ids)
    }

    /// Whether two inputs meet at a tie, where the derivative is a convention.
    fn has_kinks(op: Elementwise) -> bool {
        matches!(op.name(), "maximum" | "minimum" | "precedence" | "equal" | "select")
    }

    /// Whether an operation's gradient is nowhere but 0, so that there is nothing to check.
    fn is_flat(op: Elementwise) -> bool {
        matches!(op.name(), "sgn" | "precedence" | "equal")
    }

    #[test]
    fn first_derivatives_of_every_row_agree_with_differences() {
        for (op, points) in rows().into_iter().filter(|(op, _)| !is_flat(*op)) {
            let (params, ids) = combinations(op, &points);
            let report = GradCheck::new().samples(1000).run(&params, |tape| {
                // An offset keeps inputs apart where they would tie.
                let offset = if has_kinks(op) { 0.01 } else { 0.0 };
                let inputs: Vec<_> = ids
                    .iter()
                    .enumerate()
                    .map(|(i, &id)| (tape.param(id) + offset * i as f64).id())
                    .collect();
                let y = tape.graph().record(op, &inputs);
                // The condition of a selection has no gradient of its own.
                ids.iter().fold(y, |y, &id| y + 1e-3 * tape.param(id))
            });
            report.unwrap_or_else(|error| panic!("{op:?}: {error}")).assert_below(1e-6);
        }
    }

    #[test]
    fn second_derivatives_of_every_row_agree_with_differences() {
        for (op, points) in rows().into_iter().filter(|(op, _)| !is_flat(*op) && !has_kinks(*op)) {
            let (params, ids) = combinations(op, &points);
            let report = GradCheck::new().samples(1000).run(&params, |tape| {
                let inputs: Vec<_> = ids.iter().map(|&id| tape.param(id)).collect();
                let input_ids: Vec<_> = inputs.iter().map(|x| x.id()).collect();
                let y = tape.graph().record(op, &input_ids).sum(..);
                let gradients = tape.gradient(y, &inputs).into_iter().zip(1..);
                let terms = gradients.map(|(g, i)| (g * (0.3 + f64::from(i))).sum(..));
                let sum = terms.reduce(|a, b| a + b).expect("there are inputs");
                inputs.iter().fold(sum, |sum, x| sum + 1e-3 * x.sum(..))
            });
            report.unwrap_or_else(|error| panic!("{op:?}: {error}")).assert_below(1e-6);
        }
    }

    #[test]
    fn kinks_follow_the_policy() {
        let mut params = Params::<f64>::new(Seed(0));
        let id = params.add(Parameter::new("x", [1]));
        type Kink = (for<'t> fn(Var<'t>) -> Var<'t>, f64);
        let kinks: [Kink; 7] = [
            (|x| x.relu(), 0.0),
            (|x| x.abs(), 0.0),
            (|x| x.sgn(), 0.0),
            (|x| x.leaky_relu(0.3), 0.3),
            (|x| x.maximum(0.0), 0.5),
            (|x| x.minimum(0.0), 0.5),
            (|x| x.maximum(x), 1.0),
        ];
        for (f, want) in kinks {
            let tape = crate::Tape::inference(&params);
            let x = tape.param(id);
            let slope = tape.gradient(f(x).sum(..) + 0.0 * x.sum(..), &[x])[0];
            assert_eq!(tape.value(slope).data(), [want]);
        }
    }

    #[test]
    fn selection_keeps_out_what_it_does_not_take() {
        let mut params = Params::<f64>::new(Seed(0));
        let id = params.add_tensor("x", &Tensor::from([0.0, 4.0]));
        let tape = crate::Tape::inference(&params);
        let x = tape.param(id);
        let y = x.select(x.ln(), x).sum(..);
        assert_eq!(tape.item(y), 4.0_f64.ln());
        let slope = tape.gradient(y, &[x])[0];
        assert_eq!(tape.value(slope).data()[1], 0.25);
    }
}
