//! A graph for a batch of another size than the one that it was recorded with.

use super::{Parts, SavedGraph};
use crate::error::Error;
use crate::graph::{Node, NodeId, Source};
use crate::ops::Op;
use crate::ops::slice::Embed;
use crate::ops::view::View;
use crate::shape::Shape;

/// The number of entries of a batch: as recorded, and as given instead.
#[derive(Clone, Copy)]
pub(super) struct Batch {
    recorded: usize,
    given: usize,
}

impl SavedGraph {
    /// The batch, if inputs of these shapes differ from those recorded at their first axes; `None`
    /// if they do not differ at all.
    pub(super) fn batch(&self, given: &[&Shape]) -> Result<Option<Batch>, Error> {
        let recorded = self.inputs().iter().map(|input| &input.shape);
        let pairs: Vec<(&Shape, &Shape)> = recorded.zip(given.iter().copied()).collect();
        let rows = |(own, given): &(&Shape, &Shape)| match (own.first(), given.first()) {
            (Some(&recorded), Some(&given)) if recorded != given && recorded > 0 => {
                Some(Batch { recorded, given })
            }
            _ => None,
        };
        let batch = pairs.iter().filter_map(rows).min_by_key(|batch| batch.recorded);
        let fits = |(own, given): &(&Shape, &Shape)| {
            own == given || batch.and_then(|batch| batch.resize(own)).as_ref() == Some(given)
        };
        match pairs.iter().position(|pair| !fits(pair)) {
            Some(at) => Err(self.misfit(at, given[at])),
            None => Ok(batch),
        }
    }

    /// The same for a batch of another size, given the shapes of inputs.
    pub(super) fn resized(&self, batch: Batch, given: &[&Shape]) -> Result<Self, Error> {
        let mut resized = self.clone();
        let Parts { inputs, nodes, .. } = &mut resized.0;
        let own = inputs.iter_mut().map(|input| &mut input.shape);
        own.zip(given).for_each(|(own, given)| own.clone_from(given));
        let mut batched = vec![false; nodes.len()];
        // Noise that was drawn for an entry of a batch of one, which broadcasting would give to all.
        let mut drawn = vec![false; nodes.len()];
        for (at, node) in nodes.iter_mut().enumerate() {
            batched[at] = match node.op {
                Op::Source(Source::Input(slot) | Source::Indices(slot) | Source::Sparse(slot)) => {
                    node.shape != *given[slot as usize]
                }
                _ => node.inputs.iter().any(|input| batched[input.index()]),
            };
            let reads_drawn = node.inputs.iter().any(|input| drawn[input.index()]);
            drawn[at] = matches!(node.op, Op::Noise(_)) || reads_drawn && !batched[at];
            drawn[at] &= batch.recorded == 1 && node.shape.first() == Some(&1);
            let rank = node.shape.rank();
            let meets_entries = |input: &NodeId| {
                drawn[input.index()] && self.0.nodes[input.index()].shape.rank() == rank
            };
            let elementwise = batched[at] && matches!(node.op, Op::Elementwise(_));
            if elementwise && node.inputs.iter().any(meets_entries) {
                let reason = "its noise was drawn for one entry, and all would share it";
                return Err(batch.refused(self.error(at, reason)));
            }
            if batched[at] {
                let first = node.inputs.first().map(|input| &self.0.nodes[input.index()].shape);
                *node = batch.resize_node(node, first).ok_or_else(|| {
                    let reason = format!(
                        "the result of shape {} has no axis for the entries of a batch, so it \
                         depends on their number",
                        node.shape
                    );
                    batch.refused(self.error(at, &reason))
                })?;
            }
        }
        resized.check().map_err(|error| batch.refused(error))?;
        Ok(resized)
    }

    /// An error at an input.
    fn misfit(&self, at: usize, given: &Shape) -> Error {
        let (what, expected) = (self.input_name(at), &self.inputs()[at].shape);
        Error::SavedGraph(format!("{what}: expected shape {expected}, found {given}"))
    }
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

    /// An error because of its size.
    fn refused(self, error: Error) -> Error {
        let Batch { recorded, given } = self;
        let reason = match error {
            Error::SavedGraph(reason) => reason,
            error => error.to_string(),
        };
        Error::SavedGraph(format!(
            "recorded for a batch of {recorded}, it cannot be run with one of {given}: {reason}"
        ))
    }

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
