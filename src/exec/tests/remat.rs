//! Parts that are computed again: how much memory that saves.

use super::*;
use crate::exec::Plan;
use crate::init::GlorotUniform;
use crate::layers::{Dense, Dropout, Layer, LayerNorm, Relu, Residual, Sequential};
use crate::params::ParamId;

/// Dense layers of one width without biases, in parts of so many layers, these in parts of fewer,
/// and so on.
fn dense<'t>(x: Var<'t>, kernels: &[ParamId], parts: &[usize]) -> Var<'t> {
    match parts {
        [] => kernels.iter().fold(x, |x, &kernel| x.matmul(x.graph().param(kernel)).tanh()),
        [part, inner @ ..] => {
            let parts = kernels.chunks(*part);
            parts.fold(x, |x, kernels| x.remat(|x| dense(x, kernels, inner)))
        }
    }
}

/// An input and kernels of such layers.
fn dense_params(layers: usize, [batch, width]: [usize; 2]) -> (Params<f32>, Vec<ParamId>) {
    let mut params = Params::new(Seed(1));
    let shape = |i| if i == 0 { [batch, width] } else { [width, width] };
    let parameter = |i| Parameter::new(format!("w{i}"), shape(i)).init(GlorotUniform);
    let ids = (0..=layers).map(|i| params.add(parameter(i))).collect();
    (params, ids)
}

fn plan_of(graph: &Graph, y: Var<'_>, backward: bool) -> Plan {
    let loss = y.square().mean(..);
    let sweep = backward.then(|| graph.sweep_params(loss));
    let gradients = sweep.map(|sweep| graph.swept_params(sweep)).unwrap_or_default();
    graph.with_nodes(|nodes, _| plan(nodes, &[loss.id()], &gradients, graph.layout(), true))
}

/// How many values of a layer the arena has room for, and how many steps there are.
fn room(layers: usize, sizes: [usize; 2], parts: &[usize], backward: bool) -> (usize, usize) {
    let (params, ids) = dense_params(layers, sizes);
    let graph = graph_of(&params);
    let y = dense(graph.param(ids[0]), &ids[1..], parts);
    let plan = plan_of(&graph, y, backward);
    (plan.arena.div_ceil(sizes[0] * sizes[1]), plan.steps.len())
}

#[test]
fn the_arena_has_room_for_one_part_and_what_lies_between_parts() {
    let (layers, sizes) = (50, [64, 256]);
    let (kept, steps) = room(layers, sizes, &[], true);
    assert!((layers..layers + 4).contains(&kept), "{kept}");
    let (few, more_steps) = room(layers, sizes, &[7], true);
    // The results of seven parts, a part of seven layers, gradients.
    assert!(few <= 7 + 7 + 3, "{few}");
    assert!(more_steps - steps <= 2 * layers, "{more_steps} steps instead of {steps}");
}

#[test]
fn parts_within_parts_need_less_memory_still() {
    let [kept, flat, nested] =
        [&[][..], &[16], &[16, 4]].map(|parts| room(64, [16, 16], parts, true).0);
    assert!(kept >= 64 && flat <= 4 + 16 + 3 && nested <= 4 + 4 + 4 + 3, "{kept} {flat} {nested}");
}

#[test]
fn nothing_is_repeated_without_a_backward_pass() {
    assert_eq!(room(50, [8, 8], &[7], false), room(50, [8, 8], &[], false));
}

/// Normalization before, noise in and a sum behind each layer: what lies between two parts is part
/// of a group with what comes before and after it.
#[test]
fn parts_that_are_fused_with_their_neighbours_need_less_memory() {
    let (layers, width, batch) = (24, 32, 64);
    let mut params = Params::<f32>::new(Seed(1));
    let layer = |i| {
        let name = format!("layer{i}");
        Residual::new(
            Sequential::new()
                .then(LayerNorm::new(width).build(&mut params, &format!("{name}/norm")))
                .then(Dense::new(width, width).build(&mut params, &name))
                .then(Relu)
                .then(Dropout(0.2)),
        )
    };
    let layers: Vec<Residual> = (0..layers).map(layer).collect();
    let x = params.add(Parameter::new("x", [batch, width]).init(GlorotUniform));
    let room = |part: Option<usize>| {
        let graph = graph_of(&params);
        let apply = |x, layers: &[Residual]| layers.iter().fold(x, |x, layer| layer.forward(x));
        let x = graph.param(x);
        let y = match part {
            None => apply(x, &layers),
            Some(part) => layers.chunks(part).fold(x, |x, part| x.remat(|x| apply(x, part))),
        };
        plan_of(&graph, y, true).arena as f64 / (batch * width) as f64
    };
    let [kept, few] = [None, Some(4)].map(room);
    assert!(few < 0.3 * kept, "{few:.1} instead of {kept:.1}");
}
