//! The names of operations in the files, and what they are here.

use gradtape::penalty::{L1, L1L2, L2, Penalty};
use gradtape::{Convolution, Graph, Pooling, Var};
use serde::de::DeserializeOwned;

use crate::case::Attributes;

/// An input of a case, bound to a tape.
#[derive(Clone, Copy)]
pub(crate) enum Input<'t> {
    Numbers(Var<'t>),
    Whole(Var<'t>),
}

/// Records the operation of a case.
///
/// # Errors
///
/// If it is not known here, takes other inputs or lacks an attribute.
pub(crate) fn record<'t>(
    graph: &'t Graph,
    op: &str,
    name: &str,
    attrs: &Attributes,
    inputs: &[Input<'t>],
) -> Result<Var<'t>, String> {
    use Input::{Numbers, Whole};
    Ok(match (op, inputs) {
        ("add", &[Numbers(a), Numbers(b)]) => a + b,
        ("sub", &[Numbers(a), Numbers(b)]) => a - b,
        ("mul", &[Numbers(a), Numbers(b)]) => a * b,
        ("div", &[Numbers(a), Numbers(b)]) => a / b,
        ("neg", &[Numbers(x)]) => -x,
        ("reciprocal", &[Numbers(x)]) => x.reciprocal(),
        ("square", &[Numbers(x)]) => x.square(),
        ("sqrt", &[Numbers(x)]) => x.sqrt(),
        ("rsqrt", &[Numbers(x)]) => x.rsqrt(),
        ("exp", &[Numbers(x)]) => x.exp(),
        ("expm1", &[Numbers(x)]) => x.exp_m1(),
        ("ln", &[Numbers(x)]) => x.ln(),
        ("log1p", &[Numbers(x)]) => x.ln_1p(),
        ("sin", &[Numbers(x)]) => x.sin(),
        ("cos", &[Numbers(x)]) => x.cos(),
        ("pow", &[Numbers(a), Numbers(b)]) => a.pow(b),
        ("powf", &[Numbers(x)]) => x.powf(attrs.number("exponent")?),
        ("abs", &[Numbers(x)]) => x.abs(),
        ("sign", &[Numbers(x)]) => x.sgn(),
        ("relu", &[Numbers(x)]) => x.relu(),
        ("leaky_relu", &[Numbers(x)]) => x.leaky_relu(attrs.number("negative_slope")?),
        ("elu", &[Numbers(x)]) => x.elu(attrs.number("alpha")?),
        ("selu", &[Numbers(x)]) => x.selu(),
        ("silu", &[Numbers(x)]) => x.silu(),
        ("gelu", &[Numbers(x)]) => match &attrs.get::<String>("approximate")?[..] {
            "none" => x.gelu(),
            "tanh" => x.gelu_tanh(),
            other => return Err(format!("approximation `{other}` is not known here")),
        },
        ("clamp", &[Numbers(x)]) => {
            let bound = |name: &str| attrs.get::<Option<f64>>(name);
            let (min, max) = (bound("min")?, bound("max")?);
            x.clamp(min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY))
        }
        ("tanh", &[Numbers(x)]) => x.tanh(),
        ("sigmoid", &[Numbers(x)]) => x.sigmoid(),
        ("softplus", &[Numbers(x)]) => x.softplus(),
        ("maximum", &[Numbers(a), Numbers(b)]) => a.maximum(b),
        ("minimum", &[Numbers(a), Numbers(b)]) => a.minimum(b),
        ("where", &[Numbers(condition), Numbers(a), Numbers(b)]) => condition.select(a, b),
        ("softmax", &[Numbers(x)]) => x.softmax(attrs.get("axis")?),
        ("log_softmax", &[Numbers(x)]) => x.log_softmax(attrs.get("axis")?),
        ("sum" | "mean" | "var" | "max" | "min" | "logsumexp", &[Numbers(x)]) => {
            reduction(op, x, attrs)?
        }
        ("cumsum", &[Numbers(x)]) => x.cumsum(attrs.get("axis")?),
        ("argmax", &[Numbers(x)]) => x.argmax(attrs.get("axis")?),
        ("concat" | "stack", &[Numbers(a), Numbers(b), Numbers(c)]) => {
            let join = if op == "concat" { Var::concat } else { Var::stack };
            join(&[a, b, c], attrs.get("axis")?)
        }
        ("flip", &[Numbers(x)]) => x.flip(&attrs.get::<Vec<isize>>("axes")?[..]),
        ("one_hot", &[Whole(indices)]) => graph.one_hot(indices, attrs.get("depth")?),
        ("transpose", &[Numbers(x)]) => x.transpose(),
        ("permute", &[Numbers(x)]) => x.permute(&attrs.get::<Vec<usize>>("axes")?),
        ("reshape", &[Numbers(x)]) => x.reshape(attrs.get::<Vec<usize>>("shape")?),
        ("slice", &[Numbers(x)]) => {
            let bounds = |name: &str| attrs.get::<Vec<usize>>(name);
            let (starts, stops, steps) = (bounds("starts")?, bounds("stops")?, bounds("steps")?);
            (0..starts.len()).fold(x, |x, axis| {
                x.slice_step(axis as isize, starts[axis]..stops[axis], steps[axis])
            })
        }
        ("pad", &[Numbers(x)]) => {
            x.pad(&attrs.get::<Vec<[usize; 2]>>("padding")?, attrs.number("value")?)
        }
        ("gather_rows", &[Numbers(table), Whole(indices)]) => table.gather_rows(indices),
        ("matmul", &[Numbers(a), Numbers(b)]) => {
            let a = if attrs.get("transpose_a")? { a.transpose() } else { a };
            let b = if attrs.get("transpose_b")? { b.transpose() } else { b };
            a.matmul(b)
        }
        ("conv1d", &[Numbers(x), Numbers(w), ..]) => {
            attrs.fixed("layout", "NCL")?;
            attrs.fixed("filter_layout", "OIL")?;
            biased(x.conv1d(w, convolution(attrs)?), inputs)?
        }
        ("conv2d", &[Numbers(x), Numbers(w), ..]) => {
            attrs.fixed("layout", "NCHW")?;
            attrs.fixed("filter_layout", "OIHW")?;
            biased(x.conv2d(w, convolution(attrs)?), inputs)?
        }
        ("max_pool2d", &[Numbers(x)]) => x.max_pool2d(pooling(attrs)?),
        ("avg_pool2d", &[Numbers(x)]) => {
            x.avg_pool2d(pooling(attrs)?.count_padding(attrs.get("count_include_pad")?))
        }
        ("global_avg_pool2d", &[Numbers(x)]) => {
            attrs.fixed("layout", "NCHW")?;
            x.global_avg_pool2d()
        }
        ("batch_norm", &[Numbers(x), Numbers(gamma), Numbers(beta), ref statistics @ ..]) => {
            let (axis, eps) = (attrs.get::<usize>("channel_axis")?, attrs.number("eps")?);
            let rank = x.shape().rank();
            let of_channels = |v: Var<'t>| {
                let sizes = (0..rank).map(|at| if at == axis { v.shape()[0] } else { 1 });
                v.reshape(sizes.collect::<Vec<usize>>())
            };
            let normalized = match *statistics {
                [] => x.normalize_channels(axis as isize, eps),
                [Numbers(mean), Numbers(var)] => {
                    (x - of_channels(mean)) * (of_channels(var) + eps).rsqrt()
                }
                _ => return Err("other statistics than mean and variance".to_string()),
            };
            normalized * of_channels(gamma) + of_channels(beta)
        }
        ("layer_norm", &[Numbers(x), ref affine @ ..]) => {
            let axes = attrs.get::<Vec<isize>>("axes")?;
            let normalized = x.normalize(&axes[..], attrs.number("eps")?);
            match *affine {
                [] => normalized,
                [Numbers(gamma), Numbers(beta)] => normalized * gamma + beta,
                _ => return Err("other parameters than scale and shift".to_string()),
            }
        }
        ("l1_penalty", &[Numbers(w)]) => L1(attrs.number("lambda")?).penalty(w),
        ("l2_penalty_half", &[Numbers(w)]) => L2(attrs.number("lambda")?).penalty(w),
        // Keras has no half before the squares.
        ("l2_penalty_keras", &[Numbers(w)]) => L2(2.0 * attrs.number("lambda")?).penalty(w),
        ("elastic_net_keras", &[Numbers(w)]) => {
            L1L2 { l1: attrs.number("l1")?, l2: 2.0 * attrs.number("l2")? }.penalty(w)
        }
        ("elastic_net_mixed", &[Numbers(w)]) => {
            let (lambda, ratio) = (attrs.number("lambda")?, attrs.number("ratio")?);
            L1L2 { l1: lambda * ratio, l2: lambda * (1.0 - ratio) }.penalty(w)
        }
        ("composite", _) => composite(name, attrs, inputs)?,
        _ => return Err(format!("operation `{op}` of {} inputs is not known here", inputs.len())),
    })
}

/// The settings of a convolution.
fn convolution<const D: usize>(attrs: &Attributes) -> Result<Convolution<D>, String>
where
    [usize; D]: DeserializeOwned,
    [[usize; 2]; D]: DeserializeOwned,
{
    Ok(Convolution::new()
        .stride(attrs.get::<[usize; D]>("stride")?)
        .padding(attrs.get::<[[usize; 2]; D]>("padding")?)
        .dilation(attrs.get::<[usize; D]>("dilation")?)
        .groups(attrs.get("groups")?))
}

/// The result of a convolution plus the bias of each channel, if there is one.
fn biased<'t>(y: Var<'t>, inputs: &[Input<'t>]) -> Result<Var<'t>, String> {
    match inputs[2..] {
        [] => Ok(y),
        [Input::Numbers(bias)] => {
            let shape = y.shape();
            let sizes = (1..shape.rank()).map(|axis| if axis == 1 { shape[1] } else { 1 });
            Ok(y + bias.reshape(sizes.collect::<Vec<_>>()))
        }
        _ => Err(format!("a convolution of {} inputs is not known here", inputs.len())),
    }
}

/// The settings of pooling.
fn pooling(attrs: &Attributes) -> Result<Pooling, String> {
    attrs.fixed("layout", "NCHW")?;
    Ok(Pooling::new(attrs.get::<[usize; 2]>("kernel")?)
        .stride(attrs.get::<[usize; 2]>("stride")?)
        .padding(attrs.get::<[[usize; 2]; 2]>("padding")?))
}

/// A reduction over axes, which are kept with size 1 or dropped.
fn reduction<'t>(op: &str, x: Var<'t>, attrs: &Attributes) -> Result<Var<'t>, String> {
    let axes: Option<Vec<isize>> = attrs.get("axes")?;
    let keep: bool = attrs.get("keepdims")?;
    // All axes are named in the library's own way, `..`, which cases of all axes are to reach.
    macro_rules! reduce {
        ($drop:ident, $keep:ident) => {
            match (axes.as_deref(), keep) {
                (None, false) => x.$drop(..),
                (None, true) => x.$keep(..),
                (Some(axes), false) => x.$drop(axes),
                (Some(axes), true) => x.$keep(axes),
            }
        };
    }
    Ok(match op {
        "sum" => reduce!(sum, sum_keep),
        "mean" => reduce!(mean, mean_keep),
        "var" => reduce!(var, var_keep),
        "max" => reduce!(max, max_keep),
        "min" => reduce!(min, min_keep),
        "logsumexp" => reduce!(logsumexp, logsumexp_keep),
        _ => return Err(format!("reduction `{op}` is not known here")),
    })
}

/// A small graph, as the case's attribute `expr` writes it.
fn composite<'t>(name: &str, attrs: &Attributes, inputs: &[Input<'t>]) -> Result<Var<'t>, String> {
    use Input::{Numbers, Whole};
    Ok(match (name, inputs) {
        ("composite/same_input_twice", &[Numbers(x)]) => x.matmul(x) + x.transpose(),
        ("composite/fan_out", &[Numbers(x)]) => x * x + x * x.sin() - x,
        ("composite/attention", &[Numbers(q), Numbers(k), Numbers(v)]) => {
            let width = q.shape()[2] as f64;
            (q.matmul(k.transpose()) / width.sqrt()).softmax(-1).matmul(v)
        }
        ("composite/diamond", &[Numbers(x), Numbers(w)]) => {
            let a = x.matmul(w).tanh();
            ((a * a + a) / (1.0 + a.exp())).sum(0)
        }
        ("composite/unused_input", &[Numbers(x), Numbers(_)]) => x.exp(),
        ("composite/recurrent", &[Numbers(x), Numbers(h), Numbers(u), Numbers(w), Numbers(b)]) => {
            let steps: u32 = attrs.get("steps")?;
            (0..steps).fold(h, |h, t| {
                let x = x.gather_rows([t]).reshape(&x.shape()[1..]);
                (x.matmul(u) + h.matmul(w) + b).tanh()
            })
        }
        (
            "composite/network",
            &[Numbers(x), Numbers(w1), Numbers(b1), Numbers(w2), Numbers(b2), Whole(labels)],
        ) => {
            let z = (x.matmul(w1) + b1).softplus().matmul(w2) + b2;
            (z.logsumexp(1) - z.pick(labels)).mean(..)
        }
        _ => return Err(format!("expression {} is not known here", attrs.get::<String>("expr")?)),
    })
}
