use super::*;

/// What registers do with some numbers, as bits.
fn of_all<T: Copy, V: Vector<T>>(numbers: &[T], zero: T) -> Vec<Vec<T>> {
    let mut results = Vec::new();
    let mut keep = |write: &dyn Fn(*mut T)| {
        let mut line = vec![zero; 2 * V::LANES];
        write(line.as_mut_ptr());
        results.push(line);
    };
    let from = numbers.as_ptr();
    // SAFETY: the caller's promise, and that there are four registers' numbers.
    unsafe {
        let at = |i: usize| V::load(from.add(i * V::LANES));
        let (a, b) = (at(0), at(1));
        keep(&|to| a.where_above(b, at(2), at(3)).store(to));
        for pair in [a.unzip(b), a.zip(b)] {
            keep(&|to| {
                pair[0].store(to);
                pair[1].store(to.add(V::LANES));
            });
        }
        for count in 0..=V::LANES {
            keep(&|to| V::load_first(from, count).store(to));
            keep(&|to| b.store_first(to, count));
        }
    }
    results
}

/// What they should do.
fn wanted<T: Copy + PartialOrd>(numbers: &[T], zero: T, lanes: usize) -> Vec<Vec<T>> {
    #[allow(clippy::eq_op, reason = "what tells NaN")]
    let is_nan = |x: T| x != x;
    let above = |i: usize| {
        let (a, b) = (numbers[i], numbers[lanes + i]);
        a > b || (is_nan(a) && !is_nan(b))
    };
    let both = &numbers[..2 * lanes];
    let filled = |mut line: Vec<T>| {
        line.resize(2 * lanes, zero);
        line
    };
    let chosen = |i: usize| numbers[if above(i) { 2 } else { 3 } * lanes + i];
    let mut results = vec![filled((0..lanes).map(chosen).collect())];
    let every_other = |odd: usize| both.iter().copied().skip(odd).step_by(2);
    results.push(every_other(0).chain(every_other(1)).collect());
    results.push((0..lanes).flat_map(|i| [both[i], both[lanes + i]]).collect());
    for count in 0..=lanes {
        results.push(filled(both[..count].to_vec()));
        results.push(filled(both[lanes..lanes + count].to_vec()));
    }
    results
}

#[test]
fn registers_of_all_instruction_sets_do_the_same() {
    macro_rules! compare {
        ($type:ty: $($register:ty, $at_hand:expr;)*) => {
            $(
                for round in 0..50_usize {
                    // Ties and NaN, in many places.
                    let number = |i: usize| match (i * 7 + round * i * i) % 5 {
                        0 => <$type>::NAN,
                        k => k as $type,
                    };
                    let lanes = <$register as Vector<$type>>::LANES;
                    let numbers: Vec<$type> = (0..4 * lanes).map(number).collect();
                    if $at_hand {
                        let bits = |lines: Vec<Vec<$type>>| -> Vec<_> {
                            lines.concat().into_iter().map(<$type>::to_bits).collect()
                        };
                        let got = bits(of_all::<$type, $register>(&numbers, 0.0));
                        assert_eq!(got, bits(wanted(&numbers, 0.0, lanes)), "{round}");
                    }
                }
            )*
        };
    }
    compare!(f32: [f32; 4], true;);
    compare!(f64: [f64; 2], true;);
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = avx2 && is_x86_feature_detected!("avx512f");
        compare!(f32: __m256, avx2; __m512, avx512;);
        compare!(f64: __m256d, avx2; __m512d, avx512;);
    }
    #[cfg(target_arch = "aarch64")]
    {
        use std::arch::aarch64::*;
        compare!(f32: float32x4_t, true;);
        compare!(f64: float64x2_t, true;);
    }
}
