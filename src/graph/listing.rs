//! Graphs as text, a node a line.

use std::fmt;

use super::{Graph, Node, NodeId, Source};
use crate::ops::Op;
use crate::params::Layout;

/// A node as an operand of another: a parameter by its name, a constant by its value, anything
/// else by its number.
struct Reference<'a> {
    node: &'a Node,
    id: NodeId,
    layout: &'a Layout,
}

impl fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node.op {
            Op::Source(Source::Param(id)) => f.write_str(&self.layout.entry(id).name),
            Op::Source(Source::Scalar(value)) => fmt::Display::fmt(&value, f),
            Op::Source(Source::Seed) => f.write_str("seed"),
            _ => write!(f, "%{}", self.id.0),
        }
    }
}

/// What a node computes, its operands by name or number.
pub(super) struct Definition<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) id: NodeId,
    pub(super) layout: &'a Layout,
}

impl fmt::Display for Definition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = &self.nodes[self.id.index()];
        let references: Vec<Reference<'_>> = node
            .inputs
            .iter()
            .map(|&id| Reference { node: &self.nodes[id.index()], id, layout: self.layout })
            .collect();
        let inputs: Vec<&dyn fmt::Display> =
            references.iter().map(|reference| reference as &dyn fmt::Display).collect();
        match node.op {
            Op::Source(Source::Param(id)) => write!(f, "param {}", self.layout.entry(id).name),
            _ => node.op.write(f, &inputs),
        }
    }
}

impl Graph {
    /// A node in a message: its name or number, shape and what computes it.
    pub(crate) fn describe(&self, id: NodeId) -> String {
        self.with_nodes(|nodes, _| {
            let node = &nodes[id.index()];
            let reference = Reference { node, id, layout: self.layout() };
            match node.op {
                Op::Source(_) if node.inputs.is_empty() => {
                    format!("{} {} {}", node.op.name(), reference, node.shape)
                }
                _ => format!(
                    "{reference} {} = {}",
                    node.shape,
                    Definition { nodes, id, layout: self.layout() }
                ),
            }
        })
    }
}

/// The recorded nodes, one a line: number, shape and what computes it. Constants and parameters
/// appear where they are used; parameters also where they enter.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_nodes(|nodes, _| {
            let layout = self.layout();
            let hidden =
                |node: &Node| matches!(node.op, Op::Source(Source::Scalar(_) | Source::Seed));
            let number = nodes.len().saturating_sub(1).max(1).ilog10() as usize + 2;
            let shape = nodes.iter().map(|node| node.shape.to_string().len()).max().unwrap_or(0);
            for (i, node) in nodes.iter().enumerate().filter(|(_, node)| !hidden(node)) {
                let id = NodeId(i as u32);
                let (name, dims) = (format!("%{i}"), node.shape.to_string());
                let definition = Definition { nodes, id, layout };
                writeln!(f, "{name:number$}  {dims:shape$}  {definition}")?;
            }
            Ok(())
        })
    }
}
