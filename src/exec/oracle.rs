//! The plain interpreter: one node at a time, in recording order, each into memory of its own. It
//! is what the executor is tested against.

use super::memory::Bindings;
use crate::graph::{Node, NodeId, Source};
use crate::ops::{Array, Data, Op};
use crate::params::Layout;
use crate::scalar::Scalar;
use crate::tensor::Tensor;

/// Computes the values of the first nodes, one after the other, as long as `goes_on` says of the
/// values so far, the newest one last.
pub(crate) fn interpret<T: Scalar>(
    nodes: &[Node],
    bindings: &Bindings<'_, T>,
    layout: &Layout,
    mut goes_on: impl FnMut(&[Vec<T>]) -> bool,
) -> Vec<Vec<T>> {
    let seed = [bindings.seed.0 as u32, (bindings.seed.0 >> 32) as u32];
    let mut values: Vec<Vec<T>> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let value = match node.op {
            Op::Source(Source::Input(slot)) => bindings.inputs[slot as usize].data().to_vec(),
            Op::Source(Source::Param(id)) => bindings.params[layout.range(id)].to_vec(),
            Op::Source(Source::Scalar(value)) => vec![T::from_f64(value.0)],
            Op::Source(Source::Indices(_) | Source::Sparse(_) | Source::Seed) => Vec::new(),
            _ => {
                let array = |id: &NodeId| {
                    let input = &nodes[id.index()];
                    let data = match input.op {
                        Op::Source(Source::Indices(slot) | Source::Sparse(slot)) => {
                            bindings.attached[slot as usize].data()
                        }
                        Op::Source(Source::Seed) => Data::Indices(&seed),
                        _ => Data::Numbers(&values[id.index()]),
                    };
                    Array { shape: &input.shape, data }
                };
                let inputs: Vec<Array<'_, T>> = node.inputs.iter().map(array).collect();
                let mut out = vec![T::ZERO; node.shape.numel()];
                T::eval(&node.op, &inputs, &node.shape, &mut out);
                out
            }
        };
        values.push(value);
        if !goes_on(&values) {
            break;
        }
    }
    values
}

/// The value of the last of some nodes.
pub(crate) fn value_of_last<T: Scalar>(
    nodes: &[Node],
    bindings: &Bindings<'_, T>,
    layout: &Layout,
) -> Tensor<T> {
    let value = interpret(nodes, bindings, layout, |_| true).pop().unwrap_or_default();
    let shape = nodes.last().map(|node| node.shape.clone()).unwrap_or_default();
    Tensor::from_fn(shape, |i| value[i])
}
