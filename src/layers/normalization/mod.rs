//! Normalization: values of mean 0 and variance 1, then a learned scale and shift.

mod batch;
mod group;
mod layer;

pub use batch::{BatchNorm, BatchNormBuilder, RunningStatistics};
pub use group::{GroupNorm, GroupNormBuilder};
pub use layer::{LayerNorm, LayerNormBuilder};

use crate::graph::Var;
use crate::init::{Ones, Zeros};
use crate::params::{ParamId, Parameter, Params, Role};
use crate::scalar::Scalar;
use crate::shape::Shape;

/// What is added to variances so that a constant channel is not divided by 0.
const EPS: f64 = 1e-5;

/// A learned scale and shift of each channel, 1 and 0 at first.
#[derive(Clone, Copy, Debug)]
struct Affine {
    scale: ParamId,
    shift: ParamId,
}

impl Affine {
    #[track_caller]
    fn build<T: Scalar>(params: &mut Params<T>, name: &str, channels: usize) -> Self {
        assert!(channels > 0, "{name}: a normalization of no channels");
        let add = |parameter: Parameter| parameter.role(Role::Normalization).within(name);
        Self {
            scale: params.add(add(Parameter::new("scale", [channels]).init(Ones))),
            shift: params.add(add(Parameter::new("shift", [channels]).init(Zeros))),
        }
    }

    /// Scale and shift, to be broadcast over an input whose channels lie along an axis.
    #[track_caller]
    fn along<'t>(self, x: Var<'t>, axis: usize) -> (Var<'t>, Var<'t>) {
        let (graph, shape) = (x.graph(), along(&x.shape(), axis));
        (graph.param(self.scale).reshape(&shape), graph.param(self.shift).reshape(&shape))
    }

    /// Panics unless the input has as many channels as there are scales.
    #[track_caller]
    fn check(self, layer: &str, x: Var<'_>, axis: usize) {
        let entry = x.graph().layout().entry(self.scale);
        let (name, channels, shape) = (&entry.name, entry.shape[0], x.shape());
        assert!(
            shape.get(axis) == Some(&channels),
            "{layer}: `{name}` is for {channels} channels along axis {axis}, but the input has \
             shape {shape}"
        );
    }
}

/// The shape with size 1 everywhere but along an axis.
fn along(shape: &Shape, axis: usize) -> Shape {
    shape.iter().enumerate().map(|(at, &size)| if at == axis { size } else { 1 }).collect()
}

/// Panics unless the number makes sense as what is added to a variance.
#[track_caller]
fn check_eps(layer: &str, eps: f64) -> f64 {
    assert!(eps > 0.0 && eps.is_finite(), "{layer}: eps has to be finite and above 0, not {eps}");
    eps
}
