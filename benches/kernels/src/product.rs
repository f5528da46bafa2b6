//! Matrix products: `[m, k]` by `[k, n]`, named `m x k x n`.

use gradtape::{Tensor, Var};

use crate::machine::Work;
use crate::suite::{Family, tensor};

/// Whether the operands are stored as they are read, `n`, or transposed, `t`.
type Op = for<'t> fn([Var<'t>; 2]) -> Var<'t>;

pub(crate) fn bench(family: &mut Family<'_>) {
    for size in [256, 512, 1024] {
        value(family, [size; 3]);
    }
    for layer in [[128, 784, 512], [512, 10_000, 16], [256, 500, 500], [128, 3072, 1024]] {
        value(family, layer);
        gradient(family, layer);
    }
    let transposed: [(&str, Op); 3] = [
        ("tn", |[a, b]| a.transpose().matmul(b)),
        ("nt", |[a, b]| a.matmul(b.transpose())),
        ("tt", |[a, b]| a.transpose().matmul(b.transpose())),
    ];
    for (name, op) in transposed {
        let [m, k, n] = [128, 784, 512];
        let a = tensor(if name.starts_with('t') { [k, m] } else { [m, k] });
        let b = tensor(if name.ends_with('t') { [n, k] } else { [k, n] });
        family.value(&format!("{m}x{k}x{n} {name}"), work([m, k, n]), [a, b], op);
    }
    // Few columns, a short sum, few rows.
    for thin in [[128, 512, 10], [43_264, 9, 32], [7744, 288, 64], [1, 784, 512]] {
        value(family, thin);
    }
}

fn work([m, k, n]: [usize; 3]) -> Work {
    Work { flops: 2 * m * k * n, read: m * k + k * n, written: m * n }
}

fn operands([m, k, n]: [usize; 3]) -> [Tensor; 2] {
    [tensor([m, k]), tensor([k, n])]
}

fn value(family: &mut Family<'_>, sizes @ [m, k, n]: [usize; 3]) {
    let name = format!("{m}x{k}x{n}");
    family.value(&name, work(sizes), operands(sizes), |[a, b]| a.matmul(b));
}

/// A product and its two gradients, which are products of the same size.
fn gradient(family: &mut Family<'_>, sizes @ [m, k, n]: [usize; 3]) {
    let Work { flops, read, .. } = work(sizes);
    let work = Work { flops: 3 * flops, read: read + m * n, written: read };
    family.gradient(&format!("{m}x{k}x{n}"), work, operands(sizes), |[a, b]| a.matmul(b));
}
