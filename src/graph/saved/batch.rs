//! A graph for a batch of another size than the one that it was recorded with.

use super::{Contents, SavedGraph};
use crate::error::Error;
use crate::graph::{Node, Source};
use crate::ops::Op;
use crate::ops::slice::Embed;
use crate::ops::view::View;
use crate::shape::Shape;

/// The number of entries of a batch: as recorded, and as given instead.
#[derive(Clone, Copy)]
struct Batch {
    recorded: usize,
    given: usize,
}

impl Batch {
    /// The shape that takes the place of a recorded one, if its first axis counts entries, or so
    /// many places of each.
    fn resize(self, shape: &Shape) -> Option<Shape> {
        let rows = *shape.first()?;
        let each = rows.is_multiple_of(self.recorded).then(|| rows / self.recorded)?;
        let mut shape = shape.clone();
        shape.set_rows(each.checked_mul(self.given)?);
        Some(shape)
    }
}

impl SavedGraph {
    /// The same for inputs and indices of these shapes, which differ from those recorded at their
    /// first axes.
    pub(super) fn resized(&self, inputs: &[Shape], indices: &[Shape]) -> Result<Self, Error> {
        let mut resized = self.clone();
        let Contents { inputs: own, indices: own_indices, nodes, .. } = &mut resized.0;
        let own = own.iter_mut().map(|input| &mut input.shape).chain(own_indices);
        let mut pairs: Vec<(&mut Shape, &Shape)> = own.zip(inputs.iter().chain(indices)).collect();
        let rows = |(own, given): &(&mut Shape, &Shape)| match (own.first(), given.first()) {
            (Some(&recorded), Some(&given)) if recorded != given && recorded > 0 => {
                Some(Batch { recorded, given })
            }
            _ => None,
        };
        let batch = pairs.iter().filter_map(rows).min_by_key(|batch| batch.recorded);
        for (at, (own, given)) in pairs.iter_mut().enumerate() {
            let fits = **own == **given
                || batch.and_then(|batch| batch.resize(own)).as_ref() == Some(*given);
            if !fits {
                return Err(self.misfit(at, given));
            }
            **own = given.clone();
        }
        // Shapes differ, so some batch does: what else could fit is refused above.
        let Some(batch) = batch else { return Ok(resized) };
        let mut batched = vec![false; nodes.len()];
        for (at, node) in nodes.iter_mut().enumerate() {
            batched[at] = match node.op {
                Op::Source(Source::Input(slot)) => {
                    self.0.inputs[slot as usize].shape != inputs[slot as usize]
                }
                Op::Source(Source::Indices(slot)) => {
                    self.0.indices[slot as usize] != indices[slot as usize]
                }
                _ => node.inputs.iter().any(|input| batched[input.index()]),
            };
            if batched[at] {
                let first = node.inputs.first().map(|input| &self.0.nodes[input.index()].shape);
                *node = batch.resize_node(node, first).ok_or_else(|| {
                    let reason = format!(
                        "the result of shape {} has no axis for the entries of a batch, so it \
                         depends on their number",
                        node.shape
                    );
                    self.not_resized(batch, self.error(at, &reason))
                })?;
            }
        }
        match resized.check() {
            Ok(()) => Ok(resized),
            Err(error) => Err(self.not_resized(batch, error)),
        }
    }

    fn not_resized(&self, Batch { recorded, given }: Batch, error: Error) -> Error {
        let reason = match error {
            Error::SavedGraph(reason) => reason,
            error => error.to_string(),
        };
        Error::SavedGraph(format!(
            "recorded for a batch of {recorded}, it cannot be run with one of {given}: {reason}"
        ))
    }

    /// An error at an input, or at indices, which are counted after the inputs.
    pub(super) fn misfit(&self, at: usize, given: &Shape) -> Error {
        let Contents { inputs, indices, .. } = &self.0;
        let (what, expected) = match inputs.get(at) {
            Some(input) => match &input.name {
                Some(name) => (format!("input `{name}`"), &input.shape),
                None => (format!("input {at}"), &input.shape),
            },
            None => (format!("indices {}", at - inputs.len()), &indices[at - inputs.len()]),
        };
        Error::SavedGraph(format!("{what}: expected shape {expected}, found {given}"))
    }
}

impl Batch {
    /// A node that is computed from the batch, whose first input was of this shape.
    fn resize_node(self, node: &Node, first: Option<&Shape>) -> Option<Node> {
        let shape = self.resize(&node.shape)?;
        let resized = |own: &Shape| self.resize(own);
        // Of what lies along the first axis, only all of it can be meant for another size too.
        let whole = |own: &Shape| first.is_some_and(|x| x.first() == own.first());
        let op = match &node.op {
            Op::View(View::Reshape(own)) => View::Reshape(resized(own)?).into(),
            Op::View(View::BroadcastTo(own)) if first.is_some_and(|x| x.rank() == own.rank()) => {
                View::BroadcastTo(resized(own)?).into()
            }
            Op::View(View::Slice { starts, steps, shape: own }) if whole(own) => {
                let (starts, steps, shape) = (starts.clone(), steps.clone(), resized(own)?);
                View::Slice { starts, steps, shape }.into()
            }
            Op::Embed(embed) if whole(&embed.shape) => {
                Embed { shape: resized(&embed.shape)?, ..embed.clone() }.into()
            }
            op => op.clone(),
        };
        Some(Node { op, shape, ..node.clone() })
    }
}
