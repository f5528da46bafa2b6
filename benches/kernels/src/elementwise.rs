//! Chains of operations on each element, fused into one pass, and noise.

use std::hint::black_box;

use gradtape::{Tensor, Var};

use crate::machine::Work;
use crate::suite::{Family, tensor};

type Op = for<'t> fn([Var<'t>; 1]) -> Var<'t>;
type Function = fn(f32) -> f32;

/// Each function with the additions, multiplications, divisions and comparisons of an element, as
/// in the polynomials of the library (integers are not counted).
const FUNCTIONS: [(&str, usize, Op); 8] = [
    ("relu", 1, |[x]| x.relu()),
    ("exp", 25, |[x]| x.exp()),
    ("ln", 36, |[x]| x.ln()),
    ("sigmoid", 28, |[x]| x.sigmoid()),
    ("tanh", 42, |[x]| x.tanh()),
    ("erf", 61, |[x]| x.erf()),
    ("gelu", 65, |[x]| x.gelu()),
    ("sin", 28, |[x]| x.sin()),
];

/// The same of the standard library, to compare with.
const STANDARD: [(&str, Function); 4] =
    [("exp", f32::exp), ("ln", f32::ln), ("tanh", f32::tanh), ("sin", f32::sin)];

/// Numbers that fit the second-level cache with their results, and numbers that fit none.
const LENGTHS: [(&str, usize); 2] = [("64Ki", 1 << 16), ("16Mi", 1 << 24)];

pub(crate) fn bench(family: &mut Family<'_>) {
    let nothing = Work { flops: 0, read: 1, written: 1 };
    family.value("dispatch", nothing, [tensor([1])], |[x]| x + 1.0);
    for (label, n) in LENGTHS {
        bias(family, label, n);
        for (name, flops, op) in FUNCTIONS {
            let work = Work { flops: flops * n, read: n, written: n };
            family.value(&format!("{name} {label}"), work, [positive(n)], op);
        }
        let work = Work { flops: n, read: n, written: n };
        family.value(&format!("dropout {label}"), work, [tensor([n])], |[x]| x.dropout(0.5));
    }
    let (label, n) = LENGTHS[0];
    for (name, flops, op) in FUNCTIONS {
        let work = Work { flops: flops * n, read: 2 * n, written: n };
        family.gradient(&format!("{name} {label}"), work, [positive(n)], op);
    }
    standard(family, label, n);
}

/// What follows the product of a dense layer.
fn bias(family: &mut Family<'_>, label: &str, n: usize) {
    let width = 512;
    let inputs = [tensor([n / width, width]), tensor([width])];
    let work = Work { flops: 2 * n, read: n, written: n };
    family.value(&format!("bias and relu {label}"), work, inputs, |[x, bias]| (x + bias).relu());
}

/// The standard library's functions, element by element.
fn standard(family: &mut Family<'_>, label: &str, n: usize) {
    let (x, mut y) = (positive(n), vec![0.0; n]);
    for (name, function) in STANDARD {
        let work = Work { flops: 0, read: n, written: n };
        family.time(&format!("{name} {label}, standard library"), work, || {
            y.iter_mut().zip(x.data()).for_each(|(y, &x)| *y = function(x));
            black_box(&mut y);
        });
    }
}

/// Numbers that every function is defined at, from 0.01 to 4.
fn positive(n: usize) -> Tensor {
    let x = tensor([n]);
    Tensor::from_fn([n], |i| x.data()[i] + 2.01)
}
