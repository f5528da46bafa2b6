//! Pages to read: what people who come from elsewhere look for first. Every block of code in them is
//! compiled and run by the tests.

/// For people who know Keras: the same lecture code, line by line.
#[doc = include_str!("keras.md")]
pub mod keras {}
