//! Handles to nodes, and the operators on them.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use super::{Attached, Graph, NodeId};
use crate::ops::Content;
use crate::ops::elementwise::Elementwise;
use crate::shape::Shape;
use crate::tensor::Indices;

/// A value in a graph: a tensor whose shape is known and whose numbers are not yet.
///
/// It is a small `Copy` handle that carries all operators (`+ - * /` and `+= -= *= /=` with another
/// `Var` or an `f64`, broadcast by NumPy's rule) and the operations as methods. Models, layers,
/// penalties and gradient rules are written with it alone.
///
/// ```
/// use gradtape::prelude::*;
///
/// let params = Params::<f32>::new(Seed(0));
/// let tape = Tape::inference(&params);
/// let x = tape.input(&Tensor::from([1.0, 2.0, 3.0]));
/// let y = (2.0 * x.square() + 1.0).sum(..);
/// assert_eq!(tape.item(y), 31.0);
///
/// let gradient = tape.gradient(y, &[x])[0];
/// assert_eq!(tape.value(gradient).data(), [4.0, 8.0, 12.0]);
/// ```
#[derive(Clone, Copy)]
#[must_use = "recording a value computes nothing by itself"]
pub struct Var<'t> {
    graph: &'t Graph,
    id: NodeId,
}

impl<'t> Var<'t> {
    #[inline(always)]
    pub(crate) fn new(graph: &'t Graph, id: NodeId) -> Self {
        Self { graph, id }
    }

    #[inline(always)]
    pub(crate) fn id(self) -> NodeId {
        self.id
    }

    /// The graph that this value is part of.
    #[inline(always)]
    pub fn graph(self) -> &'t Graph {
        self.graph
    }

    /// What it holds.
    pub(crate) fn content(self) -> Content {
        self.graph.with_nodes(|nodes, _| nodes[self.id.index()].content())
    }

    /// The sizes of the axes.
    pub fn shape(self) -> Shape {
        self.graph.with_nodes(|nodes, _| nodes[self.id.index()].shape.clone())
    }

    /// The name of the operation whose result this is, such as `tanh`.
    pub(crate) fn op_name(self) -> &'static str {
        self.graph.with_nodes(|nodes, _| nodes[self.id.index()].op.name())
    }

    /// Gives the value a name, by which an [`Inspection`](crate::train::Inspection) of the tape
    /// shows its numbers and gradients. It costs nothing until there is one, so it may stay in a
    /// model's code.
    pub fn watch(self, name: impl Into<Cow<'static, str>>) -> Var<'t> {
        self.graph.watch(name.into(), self.id);
        self
    }
}

/// What an operation takes besides the value that it is called on: another [`Var`] or an `f64`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no operand of a `Var`",
    label = "neither a `Var` nor an `f64`",
    note = "constants are `f64` whatever the precision of a run: convert with `f64::from(..)`",
    note = "numbers that change from step to step are inputs: `tape.input(&Tensor::from(..))`"
)]
pub trait Operand<'t> {
    /// The operand as a value of the graph.
    ///
    /// # Panics
    ///
    /// If it is a value of another tape's graph.
    fn operand(self, graph: &'t Graph) -> Var<'t>;
}

impl<'t> Operand<'t> for Var<'t> {
    #[inline(always)]
    #[track_caller]
    fn operand(self, graph: &'t Graph) -> Var<'t> {
        assert!(std::ptr::eq(self.graph, graph), "the operands were recorded on different tapes");
        self
    }
}

impl<'t> Operand<'t> for f64 {
    #[inline]
    #[track_caller]
    fn operand(self, graph: &'t Graph) -> Var<'t> {
        graph.scalar(self)
    }
}

/// What an operation takes as whole numbers, such as labels: [`Indices`] or what converts to them,
/// or a value that a tape was given as such.
///
/// ```
/// use gradtape::prelude::*;
///
/// let params = Params::<f32>::new(Seed(0));
/// let tape = Tape::inference(&params);
/// let logits = tape.input(&Tensor::from([[0.0, 1.0], [2.0, 0.0]]));
/// let labels = Indices::from([1, 0]);
/// let loss = logits.cross_entropy(&labels);
/// let same = logits.cross_entropy(tape.input(&labels));
/// assert_eq!(tape.item(loss), tape.item(same));
/// ```
pub trait IndexOperand<'t> {
    /// The whole numbers as a value of the graph.
    ///
    /// # Panics
    ///
    /// If it is a value of another tape's graph.
    fn index_operand(self, graph: &'t Graph) -> Var<'t>;
}

impl<'t, I: Into<Indices>> IndexOperand<'t> for I {
    #[track_caller]
    fn index_operand(self, graph: &'t Graph) -> Var<'t> {
        graph.attach(Attached::Indices(self.into()))
    }
}

impl<'t> IndexOperand<'t> for Var<'t> {
    #[track_caller]
    fn index_operand(self, graph: &'t Graph) -> Var<'t> {
        self.operand(graph)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $assign_trait:ident, $assign_method:ident) => {
        impl<'t, B: Operand<'t>> $trait<B> for Var<'t> {
            type Output = Var<'t>;

            #[inline]
            #[track_caller]
            fn $method(self, other: B) -> Var<'t> {
                let other = other.operand(self.graph);
                self.graph.record(Elementwise::$method, &[self.id, other.id])
            }
        }

        impl<'t> $trait<Var<'t>> for f64 {
            type Output = Var<'t>;

            #[inline]
            #[track_caller]
            fn $method(self, other: Var<'t>) -> Var<'t> {
                let this = other.graph.scalar(self);
                other.graph.record(Elementwise::$method, &[this.id, other.id])
            }
        }

        /// The handle then stands for the result; what it stood for stays in the graph.
        impl<'t, B: Operand<'t>> $assign_trait<B> for Var<'t> {
            #[inline]
            #[track_caller]
            fn $assign_method(&mut self, other: B) {
                *self = $trait::$method(*self, other);
            }
        }
    };
}

operator!(Add, add, AddAssign, add_assign);
operator!(Sub, sub, SubAssign, sub_assign);
operator!(Mul, mul, MulAssign, mul_assign);
operator!(Div, div, DivAssign, div_assign);

impl<'t> Neg for Var<'t> {
    type Output = Var<'t>;

    #[track_caller]
    fn neg(self) -> Var<'t> {
        self.graph.record(Elementwise::neg, &[self.id])
    }
}

impl fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.graph.describe(self.id))
    }
}
