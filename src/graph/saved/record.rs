//! Onto a tape: a saved graph recorded again, with parameters and inputs bound anew.

use std::borrow::Cow;
use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::{Parts, SavedGraph};
use crate::error::Error;
use crate::graph::{Attached, Graph, Input, NodeId, Operand, Source, Tape, Var};
use crate::ops::Op;
use crate::params::{Layout, ParamId, Params};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;

impl SavedGraph {
    /// Records the graph on a tape; what comes back are the outputs by name. The inputs are values
    /// of that tape, so they may be computed themselves, and be differentiated with respect to;
    /// labels are [given to the tape](crate::Tape::input) like anything else.
    ///
    /// Noise draws from the tape's seed; on a tape without other noise before, it is the noise of
    /// the tape that the graph was saved from.
    ///
    /// # Errors
    ///
    /// If parameters are missing or of another shape, which names all of them; if the number of
    /// inputs, one's kind or one's shape is another; if an index is not below the size that it
    /// counts into. Nothing is recorded then.
    ///
    /// # Panics
    ///
    /// If an input was recorded on another tape.
    #[track_caller]
    pub fn record<'t>(
        &self,
        graph: &'t Graph,
        inputs: &[Var<'t>],
    ) -> Result<BTreeMap<String, Var<'t>>, Error> {
        for input in inputs {
            let _ = input.operand(graph);
        }
        let fitting = self.fitting(inputs)?;
        let params = fitting.find_params(graph.layout())?;
        fitting.check_indices(inputs)?;
        let Parts { nodes, outputs, .. } = &fitting.0;
        let first_stream = graph.take_streams(fitting.streams()).ok_or_else(|| {
            Error::SavedGraph("the tape has no streams left for more random numbers".to_string())
        })?;
        let mut ids: Vec<NodeId> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let location = node.location.clone();
            let record = |op| {
                let inputs: SmallVec<[NodeId; 4]> =
                    node.inputs.iter().map(|id| ids[id.index()]).collect();
                graph.record_at(op, &inputs, location.clone())
            };
            let var = match &node.op {
                Op::Source(Source::Input(slot) | Source::Indices(slot) | Source::Sparse(slot)) => {
                    inputs[*slot as usize]
                }
                Op::Source(Source::Param(id)) => graph.param_at(params[id.index()], location),
                Op::Source(source @ (Source::Scalar(_) | Source::Seed)) => {
                    graph.source_at(*source, &node.shape, location)
                }
                op => {
                    let mut op = op.clone();
                    if let Some(stream) = op.stream_mut() {
                        *stream += first_stream;
                    }
                    record(op)
                }
            };
            ids.push(var.id());
        }
        let outputs = outputs.iter();
        Ok(outputs.map(|(name, id)| (name.clone(), graph.var(ids[id.index()]))).collect())
    }

    /// Computes the outputs, by name. Noise, if the graph has any, is that of [`Seed(0)`]; for
    /// another, [record](Self::record) the graph on a tape.
    ///
    /// [`Seed(0)`]: crate::Seed
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record).
    pub fn run<T: Scalar>(
        &self,
        params: &Params<T>,
        inputs: &[&dyn Input<T>],
    ) -> Result<BTreeMap<String, Tensor<T>>, Error> {
        let tape = Tape::inference(params);
        let inputs: Vec<Var<'_>> = inputs.iter().map(|input| input.bind(&tape)).collect();
        let outputs = self.record(tape.graph(), &inputs)?;
        for &output in outputs.values() {
            let _ = tape.keep(output);
        }
        Ok(outputs.into_iter().map(|(name, output)| (name, tape.value(output))).collect())
    }

    /// An input in a message: its name, or else its place.
    pub(super) fn input_name(&self, at: usize) -> String {
        match &self.inputs()[at].name {
            Some(name) => format!("input `{name}`"),
            None => format!("input {at}"),
        }
    }

    /// The graph for these inputs, which may be of other shapes.
    fn fitting(&self, inputs: &[Var<'_>]) -> Result<Cow<'_, Self>, Error> {
        let (expected, found) = (self.inputs().len(), inputs.len());
        if expected != found {
            let reason = format!("expected {expected} inputs, found {found}");
            return Err(Error::SavedGraph(reason));
        }
        for (at, (own, input)) in self.inputs().iter().zip(inputs).enumerate() {
            let (expected, found) = (own.kind.content(), input.content());
            if expected != found {
                let what = self.input_name(at);
                let reason = format!("{what}: expected {expected}, found {found}");
                return Err(Error::SavedGraph(reason));
            }
        }
        let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape()).collect();
        let given: Vec<&Shape> = shapes.iter().collect();
        match self.batch(&given)? {
            Some(batch) => self.resized(batch, &given).map(Cow::Owned),
            None => Ok(Cow::Borrowed(self)),
        }
    }

    /// The parameters of this name in another table, in the order in which they are saved.
    fn find_params(&self, layout: &Layout) -> Result<Vec<ParamId>, Error> {
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
        for parameter in self.parameters() {
            let (name, shape) = (&parameter.name, &parameter.shape);
            match layout.find(name).map(|id| (id, &layout.entry(id).shape)) {
                Some((id, own)) if own == shape => found.push(id),
                Some((_, own)) => wrong.push(format!("`{name}` is of shape {own} and not {shape}")),
                None => wrong.push(format!("`{name}` of shape {shape} is missing")),
            }
        }
        if wrong.is_empty() {
            return Ok(found);
        }
        Err(Error::SavedGraph(format!("the parameters do not fit: {}", wrong.join("; "))))
    }

    /// Whether all indices are below the sizes that they count into.
    fn check_indices(&self, inputs: &[Var<'_>]) -> Result<(), Error> {
        let nodes = &self.0.nodes;
        for (at, node) in nodes.iter().enumerate() {
            let (Op::Index(op), [x, slot]) = (&node.op, &node.inputs[..]) else { continue };
            let Op::Source(Source::Indices(slot)) = nodes[slot.index()].op else { continue };
            let bound = op.bound(&nodes[x.index()].shape);
            let given = inputs[slot as usize];
            let Some(Attached::Indices(given)) = given.graph().attached_to(given) else { continue };
            if let Some(largest) = given.max().filter(|&i| i as usize >= bound) {
                return Err(self.error(at, &format!("index {largest} is not below {bound}")));
            }
        }
        Ok(())
    }

    /// How many streams of random numbers it draws from.
    fn streams(&self) -> u32 {
        let streams = self.0.nodes.iter().filter_map(|node| node.op.stream());
        streams.max().map_or(0, |last| last + 1)
    }
}
