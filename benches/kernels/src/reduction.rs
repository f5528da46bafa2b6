//! Sums, and what is made of them: softmax and normalization.

use gradtape::Var;

use crate::machine::Work;
use crate::suite::{Family, tensor};

type Op = for<'t> fn([Var<'t>; 1]) -> Var<'t>;

/// Rows and columns that fit the second-level cache, those of ten classes, and those that fit none.
const SIZES: [[usize; 2]; 3] = [[128, 512], [8192, 10], [16_384, 1024]];

pub(crate) fn bench(family: &mut Family<'_>) {
    for [rows, columns] in SIZES {
        let n = rows * columns;
        let sums: [(&str, usize, Op); 4] = [
            ("sum", 1, |[x]| x.sum(..)),
            ("sum of each row", rows, |[x]| x.sum(1)),
            ("sum of each column", columns, |[x]| x.sum(0)),
            ("largest of each row", rows, |[x]| x.max(1)),
        ];
        for (name, written, op) in sums {
            let work = Work { flops: n, read: n, written };
            family.value(&format!("{name} {rows}x{columns}"), work, [tensor([rows, columns])], op);
        }
        // Operations an element: a largest value, a difference, an exponential (25), a sum and a
        // quotient; mean, difference, square, mean and quotient.
        let rows_to_rows: [(&str, usize, Op); 4] = [
            ("softmax", 29, |[x]| x.softmax(-1)),
            ("log-softmax", 29, |[x]| x.log_softmax(-1)),
            ("layer norm", 5, |[x]| x.normalize(-1, 1e-5)),
            ("batch norm", 5, |[x]| x.normalize_channels(-1, 1e-5)),
        ];
        for (name, flops, op) in rows_to_rows {
            let (name, x) = (format!("{name} {rows}x{columns}"), tensor([rows, columns]));
            let work = Work { flops: flops * n, read: n, written: n };
            family.value(&name, work, [x.clone()], op);
            // Two more sums and a sum of products.
            let work = Work { flops: (flops + 6) * n, read: 2 * n, written: n };
            family.gradient(&name, work, [x], op);
        }
    }
}
