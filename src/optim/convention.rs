//! Where frameworks write one method in two ways.

use serde::{Deserialize, Serialize};

/// Which framework's form of a formula is meant, where they differ.
///
/// | | PyTorch, optax | Keras |
/// |---|---|---|
/// | momentum | `v = μv + g`, `p -= rate · v` | `v = μv + rate · g`, `p -= v` |
/// | clipping by norm | `g · min(1, limit / (n + 1e-6))`, but optax as Keras | `g · limit / max(n, limit)` |
///
/// The two forms of momentum are the same as long as the rate does not change: in PyTorch's a new
/// rate acts on all of the velocity at once, in Keras' only on the gradients to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Convention {
    /// PyTorch's form.
    #[default]
    PyTorch,
    /// Keras' form.
    Keras,
}
