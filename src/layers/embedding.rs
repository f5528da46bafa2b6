//! Rows of a table for whole numbers.

use crate::graph::{Graph, Var};
use crate::init::{Fans, Initializer, Uniform};
use crate::params::{ParamId, Parameter, Params};
use crate::penalty::Penalty;
use crate::scalar::Scalar;
use crate::tensor::Indices;

/// A table of learned rows, looked up by whole numbers such as those of words.
///
/// The table is `[rows, features]`, drawn uniformly from ±0.05 as in Keras, unless another
/// initializer is given. Its input are whole numbers, so it is not a [`Layer`](super::Layer).
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let words = Embedding::new(1000, 16).build(&mut params, "words");
/// let tape = Tape::inference(&params);
/// let sentences = Indices::new([2, 3], vec![5, 17, 999, 0, 1, 2])?;
/// assert_eq!(words.lookup(tape.graph(), &sentences).shape(), [2, 3, 16].into());
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Embedding {
    table: ParamId,
}

/// An [`Embedding`] that has no parameters yet.
#[must_use = "a layer has parameters once it is built"]
pub struct EmbeddingBuilder {
    table: Parameter,
}

impl Embedding {
    /// A table of so many rows of so many features, to be built.
    #[allow(clippy::new_ret_no_self, reason = "a layer exists once it has parameters")]
    pub fn new(rows: usize, features: usize) -> EmbeddingBuilder {
        // Each output is one value of the table.
        let fans = Fans { fan_in: 1, fan_out: features };
        let init = Uniform { low: -0.05, high: 0.05 };
        EmbeddingBuilder { table: Parameter::new("table", [rows, features]).init(init).fans(fans) }
    }

    /// The table, `[rows, features]`.
    pub fn table(&self) -> ParamId {
        self.table
    }

    /// The rows at these indices, of shape `indices.shape + [features]`.
    ///
    /// # Panics
    ///
    /// If an index is not below the number of rows.
    #[track_caller]
    pub fn lookup<'t>(&self, graph: &'t Graph, indices: impl Into<Indices>) -> Var<'t> {
        graph.param(self.table).gather_rows(indices)
    }
}

impl EmbeddingBuilder {
    /// How the table's initial values are drawn.
    pub fn init(mut self, init: impl Initializer + 'static) -> Self {
        self.table = self.table.init(init);
        self
    }

    /// A penalty on the table.
    pub fn penalty(mut self, penalty: impl Penalty + 'static) -> Self {
        self.table = self.table.penalty(penalty);
        self
    }

    /// Adds the table, `name/table`.
    ///
    /// # Panics
    ///
    /// If there is a parameter of this name already.
    #[track_caller]
    pub fn build<T: Scalar>(self, params: &mut Params<T>, name: &str) -> Embedding {
        Embedding { table: params.add(self.table.within(name)) }
    }
}
