use super::*;
use crate::exec::kernels::tasks::with_threads;
use crate::exec::kernels::vector::{Check, check_all};

/// Whole numbers, of which products are exact in any order.
fn numbers(len: usize, from: usize) -> Vec<f64> {
    (from..from + len).map(|i| ((i * 7 + 3) % 11) as f64 - 5.0).collect()
}

/// A matrix stored row by row or, transposed, column by column.
fn strided<T>(data: &[T], [rows, columns]: [usize; 2], transposed: bool) -> Strided<T> {
    let (row_stride, column_stride) = if transposed { (1, rows) } else { (columns, 1) };
    Strided { start: data.as_ptr(), row_stride, column_stride }
}

/// A product of whole numbers, exact in any order, into memory that held NaN.
fn check(sizes @ [m, k, n]: [usize; 3], transposed: [bool; 2], accumulate: bool) {
    let (a, b) = (numbers(m * k, 0), numbers(k * n, 5));
    let a_view = strided(&a, [m, k], transposed[0]);
    let b_view = strided(&b, [k, n], transposed[1]);
    let before = if accumulate { 3.0 } else { f64::NAN };
    let mut c = vec![before; m * n];
    // SAFETY: the views describe the vectors above.
    unsafe { gemm(sizes, a_view, b_view, c.as_mut_ptr(), accumulate) };
    for (at, &got) in c.iter().enumerate() {
        let (i, j) = (at / n, at % n);
        let product: f64 = (0..k)
            .map(|p| {
                a[i * a_view.row_stride + p * a_view.column_stride]
                    * b[p * b_view.row_stride + j * b_view.column_stride]
            })
            .sum();
        let want = if accumulate { 3.0 + product } else { product };
        assert_eq!(got, want, "{sizes:?} {transposed:?} {accumulate} at ({i}, {j})");
    }
}

#[test]
fn all_small_sizes_and_layouts() {
    let sizes = [0, 1, 2, 3, 4, 5, 15, 16, 17, 33];
    for m in sizes {
        for k in sizes {
            for n in sizes {
                for transposed in LAYOUTS {
                    check([m, k, n], transposed, false);
                    check([m, k, n], transposed, true);
                }
            }
        }
    }
}

#[test]
fn large_products_on_any_number_of_threads() {
    for threads in [1, 2, 3] {
        with_threads(threads, || {
            check([130, 129, 131], [false, true], false);
            check([513, 64, 65], [true, false], true);
            check([65, 64, 513], [false, false], false);
            check([5, 600, 700], [false, false], true);
            check([700, 600, 5], [true, false], false);
            check([5, 600, 700], [false, true], false);
        });
    }
}

#[test]
fn cutting_a_product_does_not_change_its_bits() {
    for sizes @ [m, k, n] in [[300, 301, 250], [100, 3000, 60], [400, 3000, 40], [12, 3000, 900]] {
        let data: Vec<f32> = (0..m.max(n) * k).map(|i| (i as f32 * 0.37).sin()).collect();
        for layout in LAYOUTS {
            let run = |threads: usize| {
                let mut c = vec![f32::NAN; m * n];
                let out = Rows(c.as_mut_ptr());
                let a = strided(&data, [m, k], layout[0]);
                let b = strided(&data, [k, n], layout[1]);
                with_threads(threads, || {
                    let Rows(out) = { out };
                    // SAFETY: both views lie in `data`, and `c` is a vector of its own.
                    unsafe { gemm(sizes, a, b, out, false) }
                });
                c.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            let one = run(1);
            for threads in [2, 3, 8] {
                assert!(run(threads) == one, "{sizes:?} {layout:?} on {threads} threads");
            }
        }
    }
}

const LAYOUTS: [[bool; 2]; 4] = [[false, false], [true, false], [false, true], [true, true]];

/// Both ways to large products, where rows of results lie apart: what is between them stays as it
/// is.
struct LargeProducts;

impl Check for LargeProducts {
    fn check<T: Scalar, V: Vector<T>>(&self) {
        for sizes @ [m, k, n] in [
            [1, 1, 1],
            [3, 15, 40],
            [17, 4, 100],
            [70, 13, 31],
            [9, 400, 70],
            [11, 2060, 20],
            [3, 9000, 20],
            [11, 520, 800],
        ] {
            let convert =
                |numbers: Vec<f64>| numbers.into_iter().map(T::from_f64).collect::<Vec<T>>();
            let (a, b) = (convert(numbers(m * k, 0)), convert(numbers(k * n, 5)));
            let apart = n + 3;
            for (layout, accumulate, way) in LAYOUTS.into_iter().flat_map(|layout| {
                let ways = [Way::Blocked, Way::Streamed].into_iter();
                ways.flat_map(move |way| [(layout, false, way), (layout, true, way)])
            }) {
                let a = strided(&a, [m, k], layout[0]);
                let b = strided(&b, [k, n], layout[1]);
                if b.column_stride != 1 && matches!(way, Way::Streamed) {
                    continue;
                }
                let mut c = vec![T::ONE; m * apart];
                let out = Output {
                    start: c.as_mut_ptr(),
                    row_stride: apart,
                    column_stride: 1,
                    accumulate,
                };
                // SAFETY: the views describe the vectors above, whatever calls this promises the rest.
                unsafe { Large { sizes, a, b, c: out, way, threads: false }.run::<V>() };
                for (at, got) in c.iter().enumerate() {
                    let (i, j) = (at / apart, at % apart);
                    let mut want = if accumulate || j >= n { 1.0 } else { 0.0 };
                    if j < n {
                        // SAFETY: within the matrices.
                        let term = |p| unsafe { (*a.at(i, p).start * *b.at(p, j).start).to_f64() };
                        want += (0..k).map(term).sum::<f64>();
                    }
                    assert_eq!(got.to_f64(), want, "{sizes:?} {layout:?} {accumulate} ({i}, {j})");
                }
            }
        }
    }
}

#[test]
fn every_instruction_set_gives_the_same_products() {
    check_all(&LargeProducts);
}

#[test]
fn products_of_real_numbers_are_as_accurate_as_their_number_type() {
    for sizes @ [m, k, n] in [[100, 1000, 90], [3, 1000, 500], [500, 1000, 10], [10, 1000, 500]] {
        let data: Vec<f32> = (0..k * m.max(n)).map(|i| (i as f32 * 0.37).sin()).collect();
        for layout in LAYOUTS {
            let a = strided(&data, [m, k], layout[0]);
            let b = strided(&data, [k, n], layout[1]);
            let mut c = vec![f32::NAN; m * n];
            // SAFETY: the views describe the vectors above.
            unsafe { gemm(sizes, a, b, c.as_mut_ptr(), false) };
            for (at, &got) in c.iter().enumerate() {
                let term = |p| {
                    // SAFETY: within the matrices.
                    let (x, y) = unsafe { (*a.at(at / n, p).start, *b.at(p, at % n).start) };
                    f64::from(x) * f64::from(y)
                };
                let want: f64 = (0..k).map(term).sum();
                let magnitude: f64 = (0..k).map(|p| term(p).abs()).sum();
                let error = (f64::from(got) - want).abs();
                assert!(error < 1e-6 * magnitude, "{sizes:?}: {got} for {want}");
            }
        }
    }
}

#[test]
fn what_is_not_finite_spoils_its_row_or_column_and_nothing_else() {
    for sizes @ [m, k, n] in
        [[4, 3, 5], [40, 50, 37], [5, 50, 70], [70, 50, 5], [7, 401, 90], [90, 401, 7]]
    {
        for layout in LAYOUTS {
            let (mut a, mut b) = (vec![0.0f32; m * k], vec![1.0f32; k * n]);
            let (row, column) = (m - 1, n - 1);
            let at = |view: Strided<f32>| view.row_stride * row + view.column_stride * (k - 1);
            let place = at(strided(&a, [m, k], layout[0]));
            a[place] = f32::INFINITY;
            let b_view = strided(&b, [k, n], layout[1]);
            b[(k - 1) * b_view.row_stride + column * b_view.column_stride] = f32::NAN;
            let (a, b) = (strided(&a, [m, k], layout[0]), strided(&b, [k, n], layout[1]));
            let mut c = vec![7.0; m * n];
            // SAFETY: the views describe the vectors above.
            unsafe { gemm(sizes, a, b, c.as_mut_ptr(), false) };
            for (at, &got) in c.iter().enumerate() {
                let (i, j) = (at / n, at % n);
                let right = match (i == row, j == column) {
                    (_, true) => got.is_nan(),
                    (true, false) => got == f32::INFINITY,
                    (false, false) => got == 0.0,
                };
                assert!(right, "{sizes:?} {layout:?}: {got} at ({i}, {j})");
            }
        }
    }
}

/// The independent implementation that ours replaced.
#[test]
fn products_agree_with_matrixmultiply() {
    for [m, k, n] in [[5, 7, 9], [64, 64, 64], [130, 300, 70], [16, 500, 200], [200, 500, 10]] {
        let a: Vec<f64> = (0..m * k).map(|i| (i as f64 * 0.37).sin()).collect();
        let b: Vec<f64> = (0..k * n).map(|i| (i as f64 * 0.71).cos()).collect();
        let (mut ours, mut theirs) = (vec![0.0; m * n], vec![0.0; m * n]);
        let (a_view, b_view) = (strided(&a, [m, k], false), strided(&b, [k, n], false));
        // SAFETY: the vectors hold matrices of these sizes, row by row.
        unsafe {
            gemm([m, k, n], a_view, b_view, ours.as_mut_ptr(), false);
            let (rows, columns, one) = (k as isize, n as isize, 1);
            let (a, b) = (a.as_ptr(), b.as_ptr());
            let c = theirs.as_mut_ptr();
            matrixmultiply::dgemm(
                m, k, n, 1.0, a, rows, one, b, columns, one, 0.0, c, columns, one,
            );
        }
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!((ours - theirs).abs() <= 1e-12 * k as f64, "{m} {k} {n}: {ours} {theirs}");
        }
    }
}
