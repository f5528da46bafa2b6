//! Pages to read: what people who come from elsewhere look for first. Every block of code in them is
//! compiled and run by the tests.

/// A guided tour that follows the lecture *Training Process Improvements*.
#[doc = include_str!("lecture.md")]
pub mod lecture {}

/// For people who know Keras: the same lecture code, line by line.
#[doc = include_str!("keras.md")]
pub mod keras {}

/// For people who know PyTorch: a training loop, and what is called how.
#[doc = include_str!("pytorch.md")]
pub mod pytorch {}

/// For people who know JAX: a step, derivatives of any kind, and what is called how.
#[doc = include_str!("jax.md")]
pub mod jax {}
