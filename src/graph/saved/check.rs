//! Whether a graph that comes from a file is one that could have been recorded.

use std::collections::BTreeSet;

use super::{Parts, SavedGraph, SavedInput};
use crate::error::Error;
use crate::graph::{Node, Source};
use crate::ops::{Content, Op};
use crate::shape::Shape;

/// More random operations than any graph has; the rest of the numbers is left to what is recorded
/// after it.
const STREAMS: u32 = 1 << 24;

impl SavedGraph {
    /// Whether each node fits those that it reads.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Parts { parameters, inputs, nodes, outputs, .. } = &self.0;
        let inputs = inputs.iter().map(|SavedInput { shape, .. }| shape);
        let shapes = parameters.iter().map(|parameter| &parameter.shape);
        if let Some(shape) = shapes.chain(inputs).find(|shape| !shape.is_sensible()) {
            return Err(Error::SavedGraph(format!("shape {shape} is too large")));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = parameters.iter().find(|parameter| !names.insert(&parameter.name)) {
            return Err(Error::SavedGraph(format!("there are two parameters `{}`", twice.name)));
        }
        for at in 0..nodes.len() {
            self.check_node(at).map_err(|reason| self.error(at, &reason))?;
        }
        for (name, id) in outputs {
            if nodes.get(id.index()).is_none_or(|node| node.content() != Content::Numbers) {
                let found = format!("output `{name}` is node {}, which has no numbers", id.0);
                return Err(Error::SavedGraph(found));
            }
        }
        Ok(())
    }

    fn check_node(&self, at: usize) -> Result<(), String> {
        let node = &self.0.nodes[at];
        let inputs = self.read_by(at)?;
        let shape = match &node.op {
            Op::Source(source) => self.source_shape(*source)?,
            op => {
                if let Some(stream) = op.stream().filter(|&stream| stream >= STREAMS) {
                    return Err(format!("stream {stream} is not below {STREAMS}"));
                }
                let shapes: Vec<&Shape> = inputs.iter().map(|input| &input.shape).collect();
                op.infer(&shapes)?
            }
        };
        if !shape.is_sensible() {
            return Err(format!("a result of shape {shape} is too large"));
        }
        if shape != node.shape {
            return Err(format!("expected a result of shape {}, found {shape}", node.shape));
        }
        Ok(())
    }

    /// The nodes that a node reads, if they come before it and hold what it reads.
    fn read_by(&self, at: usize) -> Result<Vec<&Node>, String> {
        let Node { op, inputs, .. } = &self.0.nodes[at];
        let before = &self.0.nodes[..at];
        let read: Vec<&Node> = inputs
            .iter()
            .map(|id| {
                before
                    .get(id.index())
                    .ok_or_else(|| format!("reads node {}, which does not come before it", id.0))
            })
            .collect::<Result<_, _>>()?;
        let count = op.reads().map_or(read.len().max(1), <[Content]>::len);
        if read.len() != count {
            return Err(format!("expected {count} inputs, found {}", read.len()));
        }
        for (i, node) in read.iter().enumerate() {
            let (expected, found) = (op.reads_at(i), node.content());
            if found != expected {
                return Err(format!("expected {expected} as input {i}, found {found}"));
            }
        }
        Ok(read)
    }

    /// The shape of what a source stands for.
    fn source_shape(&self, source: Source) -> Result<Shape, String> {
        let Parts { parameters, inputs, .. } = &self.0;
        let shape = match source {
            Source::Param(id) => parameters.get(id.index()).map(|parameter| &parameter.shape),
            Source::Input(slot) | Source::Indices(slot) | Source::Sparse(slot) => {
                let input = inputs.get(slot as usize);
                if let Some(content) = input.map(|input| input.kind.content())
                    && content != source.content()
                {
                    return Err(format!("input {slot} is {content}, not {}", source.content()));
                }
                input.map(|input| &input.shape)
            }
            Source::Scalar(_) => return Ok(Shape::scalar()),
            Source::Seed => return Ok(Shape::from([2])),
        };
        shape.cloned().ok_or_else(|| "there are not so many".to_string())
    }
}
