//! The executor: makes a plan of a graph and runs it over numbers.
//!
//! In the order in which a graph passes through: [`simplify`] drops what is not needed or said
//! twice, [`lower`] forms fused groups, products and calls, [`buffers`] places their results in
//! one arena, [`run`] runs them, groups tile by tile in [`fused`]. [`oracle`] is the plain
//! interpreter that all of this is tested against.

mod arena;
mod buffers;
mod fused;
pub(crate) mod kernels;
mod lower;
pub(crate) mod oracle;
mod plan;
mod run;
mod simplify;
mod tiling;
mod workspace;

#[cfg(test)]
mod tests;

pub(crate) use plan::{Plan, Request};
pub(crate) use run::Bindings;
pub(crate) use workspace::{Workspace, WorkspaceStore};
