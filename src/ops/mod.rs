//! Operations: each with its shape rule, its gradient rule and its kernel in one place.
//!
//! An element-wise operation is one row of the table in [`elementwise`]; any other is one file,
//! named in the list below. Gradient rules are written in [`Var`] algebra, so they can be
//! differentiated again; adding up contributions and summing over broadcast axes is the engine's
//! business, never a rule's.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::exec::kernels::sparse::Entries;
use crate::graph::{Source, Var};
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::shape::{Axes, IntoAxes, Shape};

mod activation;
mod constant;
mod draw;
mod dropout;
mod norm;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod window;

pub(crate) use constant::Constant;

/// Declares the families of operations: the module, the type that holds an operation's constants,
/// and so the variants of [`Op`].
macro_rules! families {
    ($($(#[$doc:meta])* $module:ident: $family:ident),* $(,)?) => {
        $(pub(crate) mod $module;)*

        /// What a node computes.
        #[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Op {
            /// A number or tensor from outside the graph.
            Source(Source),
            $($(#[$doc])* $family($module::$family),)*
        }

        $(impl From<$module::$family> for Op {
            #[inline(always)]
            fn from(op: $module::$family) -> Op {
                Op::$family(op)
            }
        })*

        impl Op {
            /// The name in messages and listings.
            pub(crate) fn name(&self) -> &'static str {
                match self {
                    Op::Source(source) => source.name(),
                    $(Op::$family(op) => op.name(),)*
                }
            }

            /// The shape of the result, or what is wrong with those of the inputs.
            pub(crate) fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
                match self {
                    Op::Source(_) => unreachable!("a source's shape is given, not inferred"),
                    $(Op::$family(op) => op.infer(inputs),)*
                }
            }

            /// What it reads at each input; `None` if numbers at any of one input or more.
            pub(crate) fn reads(&self) -> Option<&'static [Content]> {
                match self {
                    Op::Source(_) => Some(&[]),
                    $(Op::$family(op) => op.reads(),)*
                }
            }

            /// What it reads at this input.
            pub(crate) fn reads_at(&self, input: usize) -> Content {
                self.reads().map_or(Content::Numbers, |contents| contents[input])
            }

            /// What the gradient at the output contributes to that at an input; `None` if nothing.
            pub(crate) fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
                let contribution = match self {
                    Op::Source(_) => None,
                    $(Op::$family(op) => op.vjp(input, site),)*
                };
                #[cfg(test)]
                let contribution = planted::distort(self.name(), contribution);
                contribution
            }

            /// Which side each element is on, if the operation branches.
            pub(crate) fn sides<'t>(&self, inputs: &[Var<'t>], y: Var<'t>) -> Option<Var<'t>> {
                match self {
                    Op::Source(_) => None,
                    $(Op::$family(op) => op.sides(inputs, y),)*
                }
            }

            /// What is contributed to the gradient at an input, as the table of operations has it.
            #[cfg(test)]
            pub(crate) fn rule(&self, input: usize) -> &'static str {
                match self {
                    Op::Source(_) => "",
                    $(Op::$family(op) => op.rule(input),)*
                }
            }

            /// What changes at a kink, as the table of operations has it; `None` if nothing does.
            #[cfg(test)]
            pub(crate) fn kink(&self) -> Option<&'static str> {
                match self {
                    Op::Source(_) => None,
                    $(Op::$family(op) => op.kink(),)*
                }
            }

            /// Computes the whole output of one node.
            pub(crate) fn eval<T: Scalar>(
                &self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T],
            ) {
                match self {
                    Op::Source(_) => unreachable!("a source is bound, not computed"),
                    $(Op::$family(op) => op.eval(inputs, shape, out),)*
                }
            }

            /// Whether the kernel spreads its work over threads.
            pub(crate) fn forks(&self, inputs: &[&Shape], output: &Shape) -> bool {
                match self {
                    Op::Source(_) => false,
                    $(Op::$family(op) => op.forks(inputs, output),)*
                }
            }

            /// Writes the operation with its inputs and constants, as a listing shows it.
            pub(crate) fn write(
                &self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display],
            ) -> fmt::Result {
                match self {
                    Op::Source(source) => write!(f, "{}", source.name()),
                    $(Op::$family(op) => op.write(f, inputs),)*
                }
            }
        }
    };
}

families! {
    /// An operation that works on each element alone, its inputs broadcast.
    elementwise: Elementwise,
    /// Random numbers, others for each seed of a run.
    random: Noise,
    /// The same numbers in another shape or order.
    view: View,
    /// A tensor embedded in a larger one.
    slice: Embed,
    /// The elements along axes in reverse order.
    flip: Flip,
    /// Tensors one after the other along an axis.
    join: Concat,
    /// A running sum along an axis, or where its largest element stands.
    scan: Scan,
    /// A sum, maximum, minimum or logarithm of a sum of exponentials over axes.
    reduce: Reduce,
    /// A matrix product.
    #[serde(rename = "matmul")]
    matmul: MatMul,
    /// A product with a sparse matrix or its transpose.
    sparse: SparseMatMul,
    /// A convolution or one of its transposes.
    conv: Conv,
    /// The largest or the mean of windows of images.
    pool: Pool,
    /// The largest of regions of images that are cut at random.
    fractional_pool: FractionalPool,
    /// Entries chosen by whole numbers.
    index: Index,
    /// An operation of the user's own.
    #[serde(skip)]
    custom: Custom,
    /// The softmax along an axis or its logarithm.
    softmax: Softmax,
    /// The end of a part whose inner values are computed again.
    remat: Remat,
    /// A new value of a parameter that is state.
    #[serde(skip)]
    state: Update,
}

impl Op {
    /// The stream of random numbers that it draws from, if it draws any.
    pub(crate) fn stream(&self) -> Option<u32> {
        self.clone().stream_mut().copied()
    }

    /// The stream of random numbers that it draws from, to be changed.
    pub(crate) fn stream_mut(&mut self) -> Option<&mut u32> {
        match self {
            Op::Noise(noise) => Some(&mut noise.stream),
            Op::FractionalPool(pool) => Some(&mut pool.stream),
            _ => None,
        }
    }
}

/// What every family of operations provides.
pub(crate) trait Operation {
    /// The name in messages and listings.
    fn name(&self) -> &'static str;

    /// The shape of the result, or what is wrong with those of the inputs or with the operation's
    /// own constants, which may come from a file. There are as many inputs as it
    /// [`reads`](Self::reads).
    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String>;

    /// What it reads at each input; `None` if numbers at any of one input or more.
    fn reads(&self) -> Option<&'static [Content]> {
        Some(&[Content::Numbers])
    }

    /// What the gradient at the output contributes to that at an input; `None` if nothing.
    fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>>;

    /// Which side each element is on, as numbers that change where the operation has a kink;
    /// `None` if it has none.
    fn sides<'t>(&self, _inputs: &[Var<'t>], _y: Var<'t>) -> Option<Var<'t>> {
        None
    }

    /// What [`vjp`](Self::vjp) contributes, as the table of operations has it.
    #[cfg(test)]
    fn rule(&self, input: usize) -> &'static str;

    /// What [`sides`](Self::sides) tells of, as the table of operations has it.
    #[cfg(test)]
    fn kink(&self) -> Option<&'static str> {
        None
    }

    /// Computes the whole output of one node.
    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]);

    /// Whether the kernel may spread its work over threads, and so sees to subnormal numbers itself.
    fn forks(&self, _inputs: &[&Shape], _output: &Shape) -> bool {
        false
    }

    /// Writes the operation with its inputs and constants, as a listing shows it.
    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        write_call(f, self.name(), inputs, &[])
    }
}

/// What a node holds and an operation reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    Numbers,
    Indices,
    Sparse,
    Seed,
}

impl Content {
    /// Why it is refused where something else is read, and what to do instead.
    pub(crate) fn refusal(self) -> &'static str {
        match self {
            Content::Numbers => "numbers cannot take the place of whole numbers or sparse rows",
            Content::Indices => {
                "whole numbers, such as labels, are read by `gather_rows`, `pick`, `one_hot` and \
                 losses only; for arithmetic bind them as a `Tensor`"
            }
            Content::Sparse => {
                "sparse rows can only be multiplied by a matrix, `x.matmul(w)`; for anything else \
                 bind them dense: `tape.input(&rows.to_dense())`"
            }
            Content::Seed => "the seed is read by random operations only",
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Content::Numbers => "numbers",
            Content::Indices => "whole numbers",
            Content::Sparse => "sparse rows",
            Content::Seed => "the seed",
        })
    }
}

/// Where a gradient rule is applied: a node's inputs and output, and the gradient that arrives.
pub(crate) struct Site<'a, 't> {
    /// The gradient at the output, of the output's shape.
    pub(crate) g: Var<'t>,
    /// The inputs.
    pub(crate) inputs: &'a [Var<'t>],
    /// The output.
    pub(crate) y: Var<'t>,
}

/// An input's numbers and shape, as a kernel sees them.
pub(crate) struct Array<'a, T> {
    pub(crate) shape: &'a Shape,
    pub(crate) data: Data<'a, T>,
}

/// The numbers of an input.
#[derive(Clone, Copy)]
pub(crate) enum Data<'a, T> {
    Numbers(&'a [T]),
    Indices(&'a [u32]),
    Sparse(Entries<'a>),
}

impl<'a, T> Array<'a, T> {
    pub(crate) fn numbers(&self) -> &'a [T] {
        match self.data {
            Data::Numbers(numbers) => numbers,
            _ => unreachable!("recorded with other data where numbers belong"),
        }
    }

    /// The run's seed, which comes as two indices.
    pub(crate) fn seed(&self) -> Seed {
        match *self.indices() {
            [low, high] => Seed(u64::from(low) | u64::from(high) << 32),
            _ => unreachable!("recorded with another input where the seed belongs"),
        }
    }

    pub(crate) fn indices(&self) -> &'a [u32] {
        match self.data {
            Data::Indices(indices) => indices,
            _ => unreachable!("recorded with other data where indices belong"),
        }
    }

    pub(crate) fn sparse(&self) -> Entries<'a> {
        match self.data {
            Data::Sparse(entries) => entries,
            _ => unreachable!("recorded with other data where a sparse matrix belongs"),
        }
    }
}

/// Whether a tensor has these axes.
pub(crate) fn check_axes(shape: &Shape, axes: Axes) -> Result<(), String> {
    let outside = |axis| format!("axis {axis} is out of range for shape {shape}");
    axes.into_axes(shape.rank()).map(|_| ()).map_err(outside)
}

/// Whether a tensor has this axis; which it is.
pub(crate) fn check_axis(shape: &Shape, axis: u8) -> Result<usize, String> {
    let axis = usize::from(axis);
    let outside = || format!("axis {axis} is out of range for shape {shape}");
    (axis < shape.rank()).then_some(axis).ok_or_else(outside)
}

/// Writes `name(input, input, constant=value)`.
pub(crate) fn write_call(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    inputs: &[&dyn fmt::Display],
    constants: &[(&str, &dyn fmt::Display)],
) -> fmt::Result {
    write!(f, "{name}(")?;
    for (i, input) in inputs.iter().enumerate() {
        write!(f, "{}{input}", if i > 0 { ", " } else { "" })?;
    }
    for (i, (key, value)) in constants.iter().enumerate() {
        write!(f, "{}{key}={value}", if i + inputs.len() > 0 { ", " } else { "" })?;
    }
    write!(f, ")")
}

/// Rules made wrong for a while, to test what finds them.
#[cfg(test)]
pub(crate) mod planted {
    use std::cell::Cell;

    use crate::graph::Var;

    thread_local! {
        static WRONG: Cell<Option<(&'static str, f64)>> = const { Cell::new(None) };
    }

    /// Runs something while the rule of the named operation is wrong by a factor.
    pub(crate) fn during<R>(name: &'static str, factor: f64, run: impl FnOnce() -> R) -> R {
        WRONG.set(Some((name, factor)));
        let result = run();
        WRONG.set(None);
        result
    }

    pub(super) fn distort<'t>(name: &str, contribution: Option<Var<'t>>) -> Option<Var<'t>> {
        match WRONG.get() {
            Some((wrong, factor)) if wrong == name => Some(contribution? * factor),
            _ => contribution,
        }
    }
}
