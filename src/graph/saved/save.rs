//! From a tape: what the outputs need, numbered anew.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::{Format, InputKind, Parts, SavedGraph, SavedInput, SavedParameter};
use crate::error::Error;
use crate::graph::{Graph, Node, NodeId, Source};
use crate::ops::view::View;
use crate::ops::{Content, Op};
use crate::params::{Entry, ParamId};

impl SavedGraph {
    /// What the named outputs need besides the named inputs.
    pub(in crate::graph) fn new(
        graph: &Graph,
        inputs: &[(&str, NodeId)],
        outputs: &[(&str, NodeId)],
    ) -> Result<Self, Error> {
        for (what, named) in [("input", inputs), ("output", outputs)] {
            let mut names = BTreeSet::new();
            if let Some((name, _)) = named.iter().find(|(name, _)| !names.insert(name)) {
                return Err(Error::SavedGraph(format!("there are two {what}s named `{name}`")));
            }
        }
        let mut nodes = BTreeSet::new();
        if let Some((name, id)) = inputs.iter().find(|(_, id)| !nodes.insert(id)) {
            let node = graph.describe(*id);
            return Err(Error::SavedGraph(format!("{node} is input `{name}` and another one")));
        }
        let no_numbers = |id: NodeId| graph.var(id).content() != Content::Numbers;
        if let Some((name, id)) = outputs.iter().find(|(_, id)| no_numbers(*id)) {
            let (node, reason) = (graph.describe(*id), graph.var(*id).content().refusal());
            return Err(Error::SavedGraph(format!("output `{name}` is {node}: {reason}")));
        }
        let saved =
            graph.with_nodes(|nodes, _| Numbering::new(graph, nodes, inputs, outputs).save());
        let custom = |node: &Node| matches!(node.op, Op::Custom(_));
        match saved.0.nodes.iter().position(custom) {
            Some(at) => {
                Err(saved.error(at, "an operation of your own is code, which is not saved"))
            }
            None => Ok(saved),
        }
    }
}

/// What is saved of a graph, and under which numbers.
struct Numbering<'a> {
    graph: &'a Graph,
    nodes: &'a [Node],
    outputs: &'a [(&'a str, NodeId)],
    /// The nodes that are given as inputs, each with its name if it has one.
    inputs: Vec<(Option<&'a str>, NodeId)>,
    /// The nodes that the outputs need, in recording order.
    needed: BTreeSet<NodeId>,
    params: BTreeSet<ParamId>,
}

impl<'a> Numbering<'a> {
    fn new(
        graph: &'a Graph,
        nodes: &'a [Node],
        inputs: &'a [(&'a str, NodeId)],
        outputs: &'a [(&'a str, NodeId)],
    ) -> Self {
        let mut inputs: Vec<_> = inputs.iter().map(|&(name, id)| (Some(name), id)).collect();
        let mut needed: BTreeSet<NodeId> = outputs.iter().map(|&(_, id)| id).collect();
        let mut unseen: Vec<NodeId> = needed.iter().copied().collect();
        while let Some(id) = unseen.pop() {
            if inputs.iter().all(|&(_, input)| input != id) {
                let new = read_by(&nodes[id.index()]).iter().filter(|&&id| needed.insert(id));
                unseen.extend(new);
            }
        }
        let mut params = BTreeSet::new();
        for &id in &needed {
            let given = inputs.iter().any(|&(_, input)| input == id);
            match nodes[id.index()].op {
                _ if given => {}
                Op::Source(Source::Input(_) | Source::Indices(_) | Source::Sparse(_)) => {
                    inputs.push((None, id));
                }
                Op::Source(Source::Param(param)) => _ = params.insert(param),
                _ => {}
            }
        }
        Self { graph, nodes, outputs, inputs, needed, params }
    }

    fn save(&self) -> SavedGraph {
        let parameter = |id: &ParamId| {
            let Entry { name, shape, role, trainable, .. } = self.graph.layout().entry(*id).clone();
            SavedParameter { name, shape, role, trainable }
        };
        let input = |&(name, id): &(Option<&str>, NodeId)| {
            let node = &self.nodes[id.index()];
            let (shape, kind) = (node.shape.clone(), InputKind::of(node));
            SavedInput { name: name.map(str::to_string), shape, kind }
        };
        let numbers: BTreeMap<NodeId, NodeId> =
            self.needed.iter().zip(0..).map(|(&id, number)| (id, NodeId(number))).collect();
        let outputs = self.outputs.iter().map(|(name, id)| (name.to_string(), numbers[id]));
        SavedGraph(Parts {
            format: Format,
            parameters: self.params.iter().map(parameter).collect(),
            inputs: self.inputs.iter().map(input).collect(),
            nodes: self.needed.iter().map(|&id| self.node(id, &numbers)).collect(),
            outputs: outputs.collect(),
        })
    }

    /// A node with its sources and inputs numbered anew.
    fn node(&self, id: NodeId, numbers: &BTreeMap<NodeId, NodeId>) -> Node {
        let node = &self.nodes[id.index()];
        let given = self.inputs.iter().position(|&(_, input)| input == id);
        let (op, inputs) = match (given, &node.op) {
            (Some(slot), _) => {
                (Op::Source(InputKind::of(node).source(slot as u32)), SmallVec::new())
            }
            (None, &Op::Source(source)) => (Op::Source(self.source(source)), SmallVec::new()),
            (None, op) => {
                // A new value of state is no more than a value there.
                let op = if let Op::Update(_) = op { &Op::View(View::Detach) } else { op };
                (op.clone(), read_by(node).iter().map(|input| numbers[input]).collect())
            }
        };
        Node { op, inputs, shape: node.shape.clone(), location: node.location.clone() }
    }

    /// A source that is not an input, with its place in the saved graph.
    fn source(&self, source: Source) -> Source {
        match source {
            Source::Param(id) => {
                Source::Param(ParamId::detached(self.params.range(..id).count() as u32))
            }
            _ => source,
        }
    }
}

/// What a node reads once it is saved: an update only the new value, not the state that it had
/// replaced.
fn read_by(node: &Node) -> &[NodeId] {
    match node.op {
        Op::Update(_) => &node.inputs[1..],
        _ => &node.inputs,
    }
}
