//! Rows of a table for whole numbers.

use crate::graph::Var;
use crate::init::{Fans, Initializer, Uniform};
use crate::layers::Layer;
use crate::params::{ParamId, Parameter, Params};
use crate::penalty::Penalty;
use crate::scalar::Scalar;

/// A table of learned rows, looked up by whole numbers such as those of words.
///
/// The input are whole numbers of any shape, bound as [`Indices`](crate::Indices), each below the
/// number of rows; the output has that shape and one axis more: `[batch, time]` becomes
/// `[batch, time, features]`, as recurrent layers take it. The table is `[rows, features]`, drawn
/// uniformly from ±0.05 as in Keras, unless another initializer is given.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let model = Sequential::new()
///     .then(Embedding::new(1000, 16).build(&mut params, "words"))
///     .then(Gru::new(16, 8).build(&mut params, "gru"));
/// let tape = Tape::inference(&params);
/// let sentences = Indices::new([2, 3], vec![5, 17, 999, 0, 1, 2])?;
/// assert_eq!(model.forward(tape.input(&sentences)).shape(), [2, 8].into());
/// # Ok::<(), gradtape::Error>(())
/// ```
///
/// # Panics
///
/// When it is used, if the input is not whole numbers or one is not below the number of rows.
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
        let table = Parameter::new("table", [rows, features]).fans(Fans::embedding(features));
        EmbeddingBuilder { table: table.init(Uniform { low: -0.05, high: 0.05 }) }
    }

    /// The table, `[rows, features]`.
    pub fn table(&self) -> ParamId {
        self.table
    }
}

impl Layer for Embedding {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.graph().param(self.table).gather_rows(x)
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
