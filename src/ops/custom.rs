//! Operations of the user's own: a composition with a gradient rule of its own, and an opaque
//! kernel over slices.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Array, Content, Operation, Site, write_call};
use crate::graph::{NodeId, Operand, Var};
use crate::scalar::Scalar;
use crate::shape::Shape;

/// A gradient rule: from the gradient at the output, the inputs and the output to what each input
/// gets.
type Rule<const N: usize> =
    dyn for<'t> Fn(Var<'t>, [Var<'t>; N], Var<'t>) -> [Var<'t>; N] + Send + Sync;
type Forward<const N: usize> = dyn for<'t> Fn([Var<'t>; N]) -> Var<'t> + Send + Sync;

/// An operation made of others, with a gradient rule of its own: closures over [`Var`] for both.
///
/// Make it once, outside of the training loop, and apply it as often as you like. The rule is
/// recorded mathematics like any other, so it can be differentiated again; where it is *not* the
/// derivative of the forward part, as with surrogate gradients, the gradient check says so.
///
/// ```
/// use gradtape::CustomOp;
/// use gradtape::prelude::*;
///
/// // A spike is a step; its gradient is that of a smooth bump around the threshold.
/// let spike = CustomOp::new(
///     "spike",
///     |[x]| x.precedence(0.0),
///     |g, [x], _y| [g / (1.0 + x.abs()).square()],
/// );
/// let params = Params::<f32>::new(Seed(0));
/// let tape = Tape::inference(&params);
/// let x = tape.input(&Tensor::from([-1.0, 3.0]));
/// let y = spike.apply([x]);
/// assert_eq!(tape.value(y).data(), [0.0, 1.0]);
/// let slope = tape.gradient(y.sum(..), &[x])[0];
/// assert_eq!(tape.value(slope).data(), [0.25, 0.0625]);
/// ```
pub struct CustomOp<const N: usize>(Arc<NamedRule<N>>);

impl<const N: usize> CustomOp<N> {
    /// An operation that computes `forward` of its inputs and whose gradient rule is `vjp`: from
    /// the gradient at the output, the inputs and the output to the gradients at the inputs, each of
    /// its input's shape, or of one that the input was broadcast to, along whose axes it is then summed.
    ///
    /// Differentiating panics if a gradient is of any other shape.
    pub fn new(
        name: &'static str,
        forward: impl for<'t> Fn([Var<'t>; N]) -> Var<'t> + Send + Sync + 'static,
        vjp: impl for<'t> Fn(Var<'t>, [Var<'t>; N], Var<'t>) -> [Var<'t>; N] + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(NamedRule { name, forward: Box::new(forward), vjp: Box::new(vjp) }))
    }

    /// Applies the operation.
    ///
    /// # Panics
    ///
    /// If the inputs were recorded on different tapes.
    #[track_caller]
    pub fn apply<'t>(&self, inputs: [Var<'t>; N]) -> Var<'t> {
        let rule: Arc<dyn ErasedRule> = self.0.clone();
        Custom::Rule(Shared(rule)).record_with((self.0.forward)(inputs), &inputs)
    }
}

/// A kernel of the user's own: whole tensors in, a whole tensor out, by code that the library
/// knows nothing of.
///
/// It takes part in everything that other operations do. Its gradient can be differentiated again
/// if [`vjp`](Self::vjp) is made of operations that can, among them other kernels.
pub trait CustomKernel: Send + Sync + 'static {
    /// The name in messages and listings.
    fn name(&self) -> &'static str;

    /// The shape of the result.
    ///
    /// # Errors
    ///
    /// What is wrong with the inputs' shapes, as text for the message.
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String>;

    /// Computes the result in single precision, row by row.
    fn run_f32(&self, inputs: &[(&[f32], &Shape)], out: &mut [f32]);

    /// Computes the result in double precision, row by row.
    fn run_f64(&self, inputs: &[(&[f64], &Shape)], out: &mut [f64]);

    /// What the gradient `g` at the output `y` contributes to the gradient at an input, of that
    /// input's shape; `None` if nothing.
    fn vjp<'t>(&self, input: usize, g: Var<'t>, inputs: &[Var<'t>], y: Var<'t>) -> Option<Var<'t>>;
}

/// Applies a kernel. Make the `Arc` once, outside of the training loop: a step that applies the
/// same one repeats an earlier step, and reuses its plan.
///
/// # Panics
///
/// If there are no inputs, they were recorded on different tapes or the kernel rejects their
/// shapes.
#[track_caller]
pub fn apply_kernel<'t>(kernel: &Arc<impl CustomKernel>, inputs: &[Var<'t>]) -> Var<'t> {
    let first = inputs.first().copied();
    let graph = first.expect("a kernel has at least one input").graph();
    let mut ids: Vec<NodeId> = Vec::with_capacity(inputs.len());
    for input in inputs {
        ids.push(input.operand(graph).id());
    }
    let kernel: Arc<dyn CustomKernel> = kernel.clone();
    graph.record(Custom::Kernel(Shared(kernel)), &ids)
}

/// An operation of the user's own.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Custom {
    /// The first input itself, with a gradient that goes to the others by a rule.
    Rule(Shared<dyn ErasedRule>),
    Kernel(Shared<dyn CustomKernel>),
}

/// Shared code, the same as itself only.
pub(crate) struct Shared<T: ?Sized>(Arc<T>);

impl<T: ?Sized> Shared<T> {
    fn address(&self) -> *const () {
        Arc::as_ptr(&self.0).cast()
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.address(), other.address())
    }
}

impl<T: ?Sized> Eq for Shared<T> {}

impl<T: ?Sized> Hash for Shared<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl<T: ?Sized> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:p}", self.address())
    }
}

/// A rule of any number of inputs.
pub(crate) trait ErasedRule: Send + Sync {
    fn name(&self) -> &'static str;

    /// The forward part.
    fn forward<'t>(&self, inputs: &[Var<'t>]) -> Var<'t>;

    /// The gradients at all inputs.
    fn vjp<'t>(&self, g: Var<'t>, inputs: &[Var<'t>], y: Var<'t>) -> Gradients<'t>;
}

/// The gradient at each input; `None` if it gets none.
type Gradients<'t> = SmallVec<[Option<Var<'t>>; 4]>;

struct NamedRule<const N: usize> {
    name: &'static str,
    forward: Box<Forward<N>>,
    vjp: Box<Rule<N>>,
}

/// As many inputs as the operation takes.
fn exactly<'t, const N: usize>(inputs: &[Var<'t>]) -> [Var<'t>; N] {
    inputs.try_into().expect("`apply` takes so many inputs")
}

impl<const N: usize> ErasedRule for NamedRule<N> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn forward<'t>(&self, inputs: &[Var<'t>]) -> Var<'t> {
        (self.forward)(exactly(inputs))
    }

    fn vjp<'t>(&self, g: Var<'t>, inputs: &[Var<'t>], y: Var<'t>) -> Gradients<'t> {
        (self.vjp)(g, exactly(inputs), y).into_iter().map(Some).collect()
    }
}

impl Custom {
    /// Records the rule for a value that was computed of these inputs.
    #[track_caller]
    fn record_with<'t>(self, y: Var<'t>, inputs: &[Var<'t>]) -> Var<'t> {
        let mut ids = vec![y.id()];
        for input in inputs {
            ids.push(input.operand(y.graph()).id());
        }
        y.graph().record(self, &ids)
    }

    /// An operation made of others, forward part and all, applied to other inputs.
    pub(crate) fn reapply<'t>(&self, inputs: &[Var<'t>]) -> Option<Var<'t>> {
        let Custom::Rule(rule) = self else { return None };
        Some(self.clone().record_with(rule.0.forward(inputs), inputs))
    }

    /// The gradients at all inputs by a rule that gives them at once.
    pub(crate) fn gradients<'t>(&self, site: &Site<'_, 't>) -> Option<Gradients<'t>> {
        let Custom::Rule(rule) = self else { return None };
        // What the forward part is made of gets nothing: the rule is all there is.
        let mut all = Gradients::from_elem(None, 1);
        all.extend(rule.0.vjp(site.g, &site.inputs[1..], site.y));
        Some(all)
    }
}

impl Operation for Custom {
    fn name(&self) -> &'static str {
        match self {
            Custom::Rule(rule) => rule.0.name(),
            Custom::Kernel(kernel) => kernel.0.name(),
        }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match self {
            Custom::Rule(_) => Ok(inputs[0].clone()),
            Custom::Kernel(kernel) => kernel.0.shape(inputs),
        }
    }

    fn reads(&self) -> Option<&'static [Content]> {
        None
    }

    fn vjp<'t>(&self, input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        match self {
            Custom::Rule(_) => self.gradients(site)?[input],
            Custom::Kernel(kernel) => kernel.0.vjp(input, site.g, site.inputs, site.y),
        }
    }

    #[cfg(test)]
    fn rule(&self, _input: usize) -> &'static str {
        "its own"
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], _shape: &Shape, out: &mut [T]) {
        match self {
            Custom::Rule(_) => out.copy_from_slice(inputs[0].numbers()),
            Custom::Kernel(kernel) => {
                let inputs: Vec<(&[T], &Shape)> =
                    inputs.iter().map(|input| (input.numbers(), input.shape)).collect();
                T::run_kernel(&*kernel.0, &inputs, out);
            }
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        match self {
            Custom::Rule(_) => write_call(f, self.name(), &inputs[1..], &[("value", inputs[0])]),
            Custom::Kernel(_) => write_call(f, self.name(), inputs, &[]),
        }
    }
}
