//! Which nodes belong to the parts that [`Var::remat`](crate::Var::remat) recorded.

use std::ops::Range;

use smallvec::SmallVec;

use super::simplify::Simplified;
use crate::graph::{Node, NodeId};
use crate::ops::Op;

/// A part, by its place among all of them: the inner ones before those around them.
pub(super) type PartId = usize;

/// The parts of a graph.
pub(super) struct Parts {
    parts: Vec<Part>,
    /// The innermost part of which each node is an inner value.
    of: Vec<Option<PartId>>,
}

struct Part {
    /// From the constant that it begins with up to the node that ends it.
    range: Range<usize>,
    /// The next one around it.
    outer: Option<PartId>,
}

impl Parts {
    /// The parts that have inner values; `None` if there are none.
    pub(super) fn find(nodes: &[Node], simplified: &Simplified) -> Option<Parts> {
        let mut found: Option<Parts> = None;
        for (end, node) in nodes.iter().enumerate() {
            let (Op::Remat(_), [y, start]) = (&node.op, &node.inputs[..]) else { continue };
            let found =
                found.get_or_insert_with(|| Parts { parts: vec![], of: vec![None; nodes.len()] });
            found.add(nodes, simplified, start.index()..end, simplified.of(*y));
        }
        found.filter(|found| found.of.iter().any(Option::is_some))
    }

    /// Adds the part of this range: what the value that it is there for is computed from.
    fn add(&mut self, nodes: &[Node], simplified: &Simplified, range: Range<usize>, y: NodeId) {
        let part = self.parts.len();
        let begin = range.start + 1;
        self.parts.push(Part { range, outer: None });
        let mut needed = vec![false; (y.index() + 1).saturating_sub(begin)];
        if let Some(last) = needed.last_mut() {
            *last = simplified.live[y.index()];
        }
        for index in (begin..=y.index()).rev() {
            if !needed[index - begin] {
                continue;
            }
            for &input in &nodes[index].inputs {
                let input = simplified.of(input).index();
                if input >= begin && !std::mem::replace(&mut needed[input - begin], true) {
                    self.put(input, part);
                }
            }
        }
    }

    /// Makes a node an inner value of a part, or of one that so turns out to lie within it.
    fn put(&mut self, node: usize, part: PartId) {
        match self.of[node] {
            None => self.of[node] = Some(part),
            Some(inner) => {
                let outermost = self.around(inner)[0];
                self.parts[outermost].outer = Some(part).filter(|_| outermost != part);
            }
        }
    }

    /// A part and those around it, the outermost first.
    pub(super) fn around(&self, part: PartId) -> SmallVec<[PartId; 2]> {
        let outwards = std::iter::successors(Some(part), |&part| self.parts[part].outer);
        let mut all: SmallVec<[PartId; 2]> = outwards.collect();
        all.reverse();
        all
    }

    /// Whether a part is another one or lies within it.
    pub(super) fn is_within(&self, part: PartId, outer: PartId) -> bool {
        self.around(part).contains(&outer)
    }

    /// The innermost part of which a node is an inner value.
    pub(super) fn of(&self, node: NodeId) -> Option<PartId> {
        self.of.get(node.index()).copied().flatten()
    }

    /// Whether a node comes after a part, and after those around it, and belongs to none itself.
    pub(super) fn is_after(&self, node: NodeId, part: PartId) -> bool {
        let outermost = self.around(part)[0];
        node.index() > self.parts[outermost].range.end && self.of(node).is_none()
    }
}
