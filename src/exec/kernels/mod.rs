//! Kernels: functions over slices of one number type that know nothing of graphs.

pub(crate) mod compress;
pub(crate) mod gemm;
pub(crate) mod rows;
mod sample;
pub(crate) mod scratch;
pub(crate) mod simd;
pub(crate) mod sparse;
pub(crate) mod subnormal;
pub(crate) mod sum;
pub(crate) mod tasks;
mod team;
pub(crate) mod vector;
