//! Graphs on disk: saved with what their outputs need, loaded and run without the code that
//! recorded them.

mod batch;
mod check;
mod record;
mod save;

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs};

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Node, NodeId, Source};
use crate::disk::write_whole;
use crate::error::Error;
use crate::ops::Content;
use crate::params::{Parameter, Params, Role};
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::shape::Shape;

/// A recorded graph without the code that recorded it: what some outputs need, from named inputs
/// and parameters. It can be [saved to a file](Self::save), or in any format that [`serde`] knows,
/// [read back](Self::load), and [recorded](Self::record) on a tape whose parameters have the same names
/// and shapes, wherever their numbers come from.
///
/// A tape [saves](crate::Tape::save) it. Whatever is recorded can be saved: a model's outputs, a
/// loss with penalties and noise, and gradients of it. What is loaded is recorded like anything
/// else, so it can be printed, differentiated, checked and trained; each node keeps the line of
/// the source that it was written in.
///
/// ```
/// use gradtape::SavedGraph;
/// use gradtape::prelude::*;
///
/// # fn main() -> Result<(), gradtape::Error> {
/// # let folder = std::env::temp_dir().join("gradtape-example-saved-graph");
/// # std::fs::create_dir_all(&folder).unwrap();
/// let (graph, weights) = (folder.join("model.json"), folder.join("model.safetensors"));
/// let mut params = Params::<f32>::new(Seed(42));
/// let model = Dense::new(3, 2).build(&mut params, "layer");
/// let images = Tensor::from_fn([4, 3], |i| i as f32);
///
/// let tape = Tape::inference(&params);
/// let x = tape.input(&images);
/// let logits = model.forward(x);
/// tape.save(&[("x", x)], &[("logits", logits)])?.save(&graph)?;
/// params.save(&weights)?;
///
/// // Elsewhere, without the model's code:
/// let saved = SavedGraph::load(&graph)?;
/// let mut params = saved.params::<f32>();
/// params.load(&weights)?;
/// let outputs = saved.run(&params, &[&images])?;
/// assert_eq!(outputs["logits"].shape(), &[4, 2].into());
///
/// // Or on a tape, and with another number of images:
/// let tape = Tape::training(&params, Seed(1));
/// let x = tape.input(&Tensor::full([16, 3], 0.5));
/// let logits = saved.record(tape.graph(), &[x])?["logits"];
/// let gradients = tape.backward(logits.cross_entropy([1; 16]));
/// assert!(gradients.unreached().next().is_none());
/// # Ok(())
/// # }
/// ```
///
/// # What is data and what is structure
///
/// The numbers of parameters and inputs (tensors, labels and other [`Indices`](crate::Indices),
/// sparse rows) and the seed of noise are given anew each time. Noise that was recorded is part of
/// the graph, whatever the mode of the tape that it is recorded on: save a graph for inference from
/// a tape for inference.
///
/// A model that chooses fixed rows by indices of its own is given these, too; one that
/// [slices](crate::Var::slice) is not.
///
/// Shapes are structure, with one exception: the first axis of inputs may be of another size if it
/// counts the entries of a batch, which is so if the first axis of whatever is computed from them
/// grows with it. A mean over the batch, which divides by the number recorded, is refused, as is
/// any other operation that holds on to the recorded size. A number that the model's own code
/// computed of the batch's size is a constant like any other and cannot be found out: for such a
/// graph keep to the size that it was recorded with.
///
/// # State
///
/// A saved graph changes no state: [updates](crate::Graph::update), as of running statistics, are
/// left out. Where an output reads the new value, the value is computed, and that is all. To go on
/// gathering, save the new value as an output and update with it yourself:
///
/// ```
/// # use gradtape::prelude::*;
/// # fn main() -> Result<(), gradtape::Error> {
/// # let mut params = Params::<f32>::new(Seed(0));
/// # let w = params.add_tensor("w", &Tensor::from([2.0]));
/// let count = params.add(Parameter::new("count", [1]).role(Role::State));
/// let tape = Tape::training(&params, Seed(0));
/// let graph = tape.graph();
/// graph.update(count, graph.state(count) + 1.0);
/// # let loss = tape.param(w).square().sum(..);
/// let saved = tape.save(&[], &[("loss", loss), ("count", graph.state(count))])?;
///
/// let tape = Tape::training(&params, Seed(1));
/// let outputs = saved.record(tape.graph(), &[])?;
/// tape.graph().update(count, outputs["count"]);
/// let gradients = tape.backward(outputs["loss"]);
/// gradients.apply_updates(&mut params);
/// assert_eq!(params.values(count), [1.0]);
/// # Ok(())
/// # }
/// ```
///
/// # What cannot be saved
///
/// Operations of your own ([`CustomOp`](crate::CustomOp), [`CustomKernel`](crate::CustomKernel))
/// are code. Saving a graph with one is an error that names it, also where only the value is
/// wanted: its gradient would silently be another than the one that you wrote.
///
/// # Reading what others wrote
///
/// A graph is checked when it is read: whatever is in the file, it is an error or a graph that can
/// be recorded. As with any model, its results may be larger than the memory there is.
#[derive(Clone, PartialEq)]
pub struct SavedGraph(Parts);

/// What is written to a file.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "SavedGraph", deny_unknown_fields)]
struct Parts {
    format: Format,
    parameters: Vec<SavedParameter>,
    inputs: Vec<SavedInput>,
    /// In recording order; parameters and inputs by their places above.
    nodes: Vec<Node>,
    outputs: BTreeMap<String, NodeId>,
}

/// A parameter that a saved graph uses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SavedParameter {
    /// The unique path, like `hidden/kernel`.
    pub name: String,
    /// The sizes of the axes.
    pub shape: Shape,
    /// What it is in its layer.
    pub role: Role,
    /// Whether it was trained.
    pub trainable: bool,
}

/// What a saved graph is given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SavedInput {
    /// The name that it was saved under, if it was.
    pub name: Option<String>,
    /// The sizes of the axes when the graph was recorded.
    pub shape: Shape,
    /// What a tape is to be given.
    pub kind: InputKind,
}

/// What an input is, by its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InputKind {
    /// Numbers: a [`Tensor`](crate::Tensor).
    Tensor,
    /// Whole numbers, such as labels: [`Indices`](crate::Indices).
    Indices,
    /// Sparse rows: [`SparseRows`](crate::SparseRows).
    SparseRows,
}

impl InputKind {
    /// What stands for a node if it is an input.
    fn of(node: &Node) -> Self {
        match node.content() {
            // Nobody holds a `Var` of the seed.
            Content::Numbers | Content::Seed => InputKind::Tensor,
            Content::Indices => InputKind::Indices,
            Content::Sparse => InputKind::SparseRows,
        }
    }

    /// Where the input of this place enters the graph.
    fn source(self, slot: u32) -> Source {
        match self {
            InputKind::Tensor => Source::Input(slot),
            InputKind::Indices => Source::Indices(slot),
            InputKind::SparseRows => Source::Sparse(slot),
        }
    }

    /// What such an input holds.
    fn content(self) -> Content {
        self.source(0).content()
    }
}

/// The version of the format, a number. Others are refused.
#[derive(Clone, Copy, PartialEq)]
struct Format;

impl Format {
    const VERSION: u32 = 1;
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(Self::VERSION)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let version = u32::deserialize(deserializer)?;
        if version == Self::VERSION {
            return Ok(Self);
        }
        let known = format!("version {} of the format of saved graphs", Self::VERSION);
        Err(D::Error::invalid_value(Unexpected::Unsigned(version.into()), &&known[..]))
    }
}

impl Serialize for SavedGraph {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SavedGraph {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let graph = Self(Parts::deserialize(deserializer)?);
        graph.check().map_err(D::Error::custom)?;
        Ok(graph)
    }
}

impl SavedGraph {
    /// The parameters that the graph uses.
    pub fn parameters(&self) -> &[SavedParameter] {
        &self.0.parameters
    }

    /// What the graph is given, in order.
    pub fn inputs(&self) -> &[SavedInput] {
        &self.0.inputs
    }

    /// The names of the outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.0.outputs.keys().map(|name| &name[..])
    }

    /// Writes the graph to a file, as JSON, whole or not at all. The numbers of its parameters are
    /// written apart: see [`Params::save`](crate::Params::save).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write_whole(path.as_ref(), |file| serde_json::to_writer(file, self).map_err(Into::into))
    }

    /// Reads a graph that was [saved](Self::save).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::Format`] if it holds no graph that can be
    /// recorded.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::format(path.display().to_string(), "a saved graph", error))
    }

    /// Parameters of the names, shapes and roles that the graph uses, all zero: to be
    /// [filled](crate::Params::load), or, from a file that has others as well, such as a checkpoint,
    /// [those of them](crate::Params::load_where). Penalties are part of the graph.
    pub fn params<T: Scalar>(&self) -> Params<T> {
        let mut params = Params::new(Seed(0));
        for SavedParameter { name, shape, role, trainable } in &self.0.parameters {
            let parameter = Parameter::new(name, shape).role(*role);
            params.add(if *trainable { parameter } else { parameter.frozen() });
        }
        params
    }

    /// An error at a node.
    fn error(&self, at: usize, reason: &str) -> Error {
        let node = &self.0.nodes[at];
        let (name, location) = (node.op.name(), &node.location);
        Error::SavedGraph(format!("node {at}, `{name}` recorded at {location}: {reason}"))
    }
}

impl fmt::Debug for SavedGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { parameters, inputs, nodes, outputs, .. } = &self.0;
        f.debug_struct("SavedGraph")
            .field("parameters", parameters)
            .field("inputs", inputs)
            .field("nodes", &nodes.len())
            .field("outputs", &outputs.keys())
            .finish()
    }
}
