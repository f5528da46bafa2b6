//! The same seed gives the same bits: run again, and on any number of threads.

use gradtape::prelude::*;

/// The bits of the losses of 50 training steps and of the parameters after them.
fn train(threads: usize, seed: u64) -> Vec<u32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut params = Params::<f32>::new(Seed(seed));
        let hidden =
            Dense::new(100, 512).init(HeNormal).penalty(L2(1e-4)).build(&mut params, "hidden");
        let output = Dense::new(512, 10).build(&mut params, "output");
        let mut optimizer = Adam::new(1e-3);
        let x = Tensor::from_fn([640, 100], |i| (i as f32 * 0.37).sin());
        let labels: Vec<u32> = (0..640).map(|i| i * 7 % 10).collect();
        let data = Dataset::new(x, Indices::from(labels)).unwrap();
        let mut bits = Vec::new();
        for batch in data.batches(128).shuffled(Seed(seed)).epochs(10) {
            let tape = Tape::training(&params, batch.seed());
            let y = output.forward(hidden.forward(tape.input(&batch.x)).relu().dropout(0.5));
            let gradients = tape.backward(y.cross_entropy(&batch.y) + tape.penalty());
            optimizer.step(&mut params, &gradients);
            bits.push(gradients.loss().to_bits());
        }
        assert_eq!(bits.len(), 50);
        bits.extend(params.flat().iter().map(|w| w.to_bits()));
        bits
    })
}

#[test]
fn the_number_of_threads_does_not_change_a_bit_of_a_training() {
    let one = train(1, 1);
    for threads in [1, 2, 3, 8] {
        assert!(train(threads, 1) == one, "{threads} threads");
    }
    assert!(train(1, 2) != one, "another seed");
}

#[test]
fn a_value_asked_for_twice_is_the_same() {
    let mut params = Params::<f32>::new(Seed(1));
    let layer = Dense::new(30, 40).build(&mut params, "layer");
    let x = Tensor::from_fn([20, 30], |i| (i as f32).cos());
    let tape = Tape::training(&params, Seed(3));
    let y = layer.forward(tape.input(&x)).dropout(0.5);
    let other = layer.forward(tape.input(&x)).dropout(0.5);
    assert_eq!(tape.value(y), tape.value(y));
    // The interpreter's products add up in another order.
    let interpreted = tape.interpret(y);
    for (value, interpreted) in tape.value(y).data().iter().zip(interpreted.data()) {
        assert!((value - interpreted).abs() <= 1e-6, "{value} {interpreted}");
    }
    assert_ne!(tape.value(y), tape.value(other), "each dropout has a mask of its own");

    let again = Tape::training(&params, Seed(4));
    let y_again = layer.forward(again.input(&x)).dropout(0.5);
    assert_ne!(tape.value(y), again.value(y_again), "another seed, another mask");
}

#[test]
fn dropout_is_the_value_itself_in_inference_and_keeps_its_mean_in_training() {
    let params = Params::<f32>::new(Seed(1));
    let x = Tensor::full([400, 500], 1.0);
    let tape = Tape::inference(&params);
    let input = tape.input(&x);
    assert_eq!(tape.value(input.dropout(0.7)), x);

    let tape = Tape::training(&params, Seed(2));
    let y = tape.value(tape.input(&x).dropout(0.7));
    assert!(y.data().iter().all(|&y| y == 0.0 || (y - 1.0 / 0.3).abs() < 1e-6));
    let mean = y.data().iter().sum::<f32>() / y.data().len() as f32;
    assert!((mean - 1.0).abs() < 0.02, "{mean}");
}

#[test]
fn adding_a_parameter_does_not_change_the_initial_values_of_others() {
    let values = |extra: bool| {
        let mut params = Params::<f32>::new(Seed(5));
        if extra {
            Dense::new(3, 3).build(&mut params, "extra");
        }
        let layer = Dense::new(4, 4).build(&mut params, "layer");
        params.tensor(layer.kernel())
    };
    assert_eq!(values(false), values(true));
}

#[test]
fn double_precision_keeps_subnormal_numbers_beside_single_precision() {
    // Tasks of one pool: a thread that waits for others must not treat theirs as its own.
    let single = Params::<f32>::new(Seed(0));
    let double = Params::<f64>::new(Seed(0));
    let large = Tensor::from_fn([300, 300], |i| i as f32);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    pool.scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|_| {
                let tape = Tape::inference(&single);
                let _ = tape.value(tape.input(&large).tanh());
            });
            scope.spawn(|_| {
                let tape = Tape::inference(&double);
                let tiny = tape.input(&Tensor::from([1e-310, 2e-310])) * 0.5;
                assert_eq!(tape.value(tiny).data(), [0.5e-310, 1e-310]);
            });
        }
    });
}

#[test]
fn long_sums_in_single_precision_lose_little() {
    let params = Params::<f32>::new(Seed(0));
    let shapes: [(&[usize], isize); 5] = [
        (&[4, 65_536, 8], 1),
        (&[2, 262_144, 3], 1),
        (&[500_000, 3], 0),
        (&[500_000, 3], 1),
        (&[3, 500_000], 1),
    ];
    for (shape, axis) in shapes {
        let x = Tensor::from_fn(shape, |i| ((i * 7919) % 1009) as f32 / 1009.0);
        let sums = |tape: &Tape<'_, f64>| {
            let x = tape.input(&x.cast());
            tape.value(x.sum(axis))
        };
        let exact = sums(&Tape::inference(&params.cast()));
        let tape = Tape::inference(&params);
        let got = tape.value(tape.input(&x).sum(axis));
        for (got, exact) in got.data().iter().zip(exact.data()) {
            let error = (f64::from(*got) / exact - 1.0).abs();
            assert!(error < 3e-6, "{shape:?} over {axis}: {error:e}");
        }
    }
}
