//! Graphs as pictures: the DOT language of Graphviz.

use std::fmt::{self, Write};

use super::listing::Definition;
use super::{Graph, Node, NodeId, Source};
use crate::ops::Op;

impl Graph {
    /// The recorded graph in the DOT language of Graphviz: parameters as filled boxes, inputs as
    /// boxes, what a reverse sweep recorded in a box of its own. Make a picture of it with
    /// `dot -Tsvg`.
    pub fn to_dot(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write_dot(&mut out);
        out
    }

    fn write_dot(&self, out: &mut String) -> fmt::Result {
        let sweeps = self.swept_ranges();
        self.with_nodes(|nodes, _| {
            writeln!(out, "digraph tape {{")?;
            writeln!(out, "  rankdir=BT;")?;
            writeln!(out, "  node [shape=plaintext, fontname=\"sans-serif\", fontsize=10];")?;
            writeln!(out, "  edge [arrowsize=0.6, color=gray40];")?;
            let forward = |index: &usize| !sweeps.iter().any(|range| range.contains(index));
            for index in (0..nodes.len()).filter(forward) {
                self.write_node(out, nodes, index, "  ")?;
            }
            for (i, range) in sweeps.iter().enumerate() {
                writeln!(out, "  subgraph cluster_backward_{i} {{")?;
                writeln!(out, "    label=\"backward\"; style=dashed; color=gray60;")?;
                for index in range.clone() {
                    self.write_node(out, nodes, index, "    ")?;
                }
                writeln!(out, "  }}")?;
            }
            for (index, node) in nodes.iter().enumerate() {
                for input in node.inputs.iter().filter(|input| shown(&nodes[input.index()])) {
                    writeln!(out, "  n{} -> n{index};", input.index())?;
                }
            }
            writeln!(out, "}}")
        })
    }

    fn write_node(
        &self,
        out: &mut String,
        nodes: &[Node],
        index: usize,
        indent: &str,
    ) -> fmt::Result {
        let node = &nodes[index];
        if !shown(node) {
            return Ok(());
        }
        let look = match node.op {
            Op::Source(Source::Param(_)) => ", shape=box, style=filled, fillcolor=lightyellow",
            Op::Source(_) => ", shape=box",
            _ => "",
        };
        let definition = Definition { nodes, id: NodeId(index as u32), layout: self.layout() };
        let label = definition.to_string().replace('\\', "\\\\").replace('"', "\\\"");
        writeln!(out, "{indent}n{index} [label=\"%{index} {label}\\n{}\"{look}];", node.shape)
    }
}

/// Constants are part of the operations that use them.
fn shown(node: &Node) -> bool {
    !matches!(node.op, Op::Source(Source::Scalar(_) | Source::Seed))
}
