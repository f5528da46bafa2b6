//! Parts that are computed again: the same bits, in less memory.

use super::*;
use crate::exec::Plan;
use crate::init::GlorotUniform;
use crate::params::ParamId;

/// A net of equal dense layers, cut into parts of so many layers; none if that is 0.
fn deep_net<'t>(graph: &'t Graph, kernels: &[ParamId], part: usize) -> Var<'t> {
    let (x, kernels) = (graph.param(kernels[0]), &kernels[1..]);
    let layers = |x, kernels: &[ParamId]| {
        kernels.iter().fold(x, |x: Var<'t>, &kernel| x.matmul(graph.param(kernel)).tanh())
    };
    let y = match part {
        0 => layers(x, kernels),
        _ => kernels.chunks(part).fold(x, |x, kernels| x.remat(|x| layers(x, kernels))),
    };
    y.square().mean(..)
}

fn deep_params(layers: usize, [batch, width]: [usize; 2]) -> (Params<f32>, Vec<ParamId>) {
    let mut params = Params::new(Seed(1));
    let shape = |i| if i == 0 { [batch, width] } else { [width, width] };
    let parameter = |i| Parameter::new(format!("w{i}"), shape(i)).init(GlorotUniform);
    let ids = (0..=layers).map(|i| params.add(parameter(i))).collect();
    (params, ids)
}

fn plan_of(graph: &Graph, loss: Var<'_>, gradients: bool) -> Plan {
    let gradients =
        if gradients { graph.swept_params(graph.sweep_params(loss)) } else { Vec::new() };
    graph.with_nodes(|nodes, _| plan(nodes, &[loss.id()], &gradients, graph.layout(), true))
}

#[test]
fn the_arena_of_a_deep_net_holds_a_part_and_what_lies_between_parts() {
    let (layers, sizes) = (50, [64, 256]);
    let (params, kernels) = deep_params(layers, sizes);
    let values = |part: usize, gradients: bool| {
        let graph = graph_of(&params);
        let plan = plan_of(&graph, deep_net(&graph, &kernels, part), gradients);
        (plan.arena.div_ceil(sizes[0] * sizes[1]), plan.steps.len())
    };
    let (kept, steps) = values(0, true);
    assert!((layers..layers + 4).contains(&kept), "{kept}");
    let (few, more_steps) = values(7, true);
    // Seven results of parts, a part of seven layers, gradients.
    assert!(few <= 7 + 7 + 3, "{few}");
    assert!(more_steps - steps <= 2 * layers, "{more_steps} steps instead of {steps}");
    // Nothing is read again where there is no backward pass.
    assert_eq!(values(7, false), values(0, false));
}

#[test]
fn parts_within_parts_need_less_memory_still() {
    let (params, kernels) = deep_params(64, [16, 16]);
    let arena = |nested: bool| {
        let graph = graph_of(&params);
        let layer = |x: Var<'_>, i: usize| -> NodeId {
            x.matmul(graph.param(kernels[i])).tanh().id()
        };
        let layers = |x, from: usize, count: usize| {
            (from..from + count).fold(x, |x, i| graph.var(layer(x, i)))
        };
        let part = |x: Var<'_>, from: usize| -> NodeId {
            let inner = |x: Var<'_>, from| graph.var(x.id()).remat(|x| layers(x, from, 4)).id();
            let x = graph.var(x.id());
            let y = x.remat(|x| match nested {
                true => (0..4).fold(x, |x, i| graph.var(inner(x, from + 4 * i))),
                false => layers(x, from, 16),
            });
            y.id()
        };
        let x = graph.param(kernels[0]);
        let y = (0..4).fold(x, |x, i| graph.var(part(x, 1 + 16 * i)));
        let loss = y.square().mean(..);
        let bits = run(&graph, loss, &params, true);
        (plan_of(&graph, loss, true).arena.div_ceil(256), bits)
    };
    let ((flat, flat_bits), (nested, nested_bits)) = (arena(false), arena(true));
    assert!(flat_bits == nested_bits);
    assert!(flat <= 4 + 16 + 3 && nested <= 4 + 4 + 4 + 3, "{flat} and {nested}");
}
