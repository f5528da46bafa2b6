use super::*;
use crate::exec::kernels::tasks::with_threads;

/// Images whose pixels are all different.
fn numbered(shape: impl Into<Shape>) -> Tensor<f32> {
    Tensor::from_fn(shape, |i| i as f32 + 1.0)
}

/// Everything at once.
fn all() -> Augment {
    Augment::new()
        .shift(2)
        .flip_horizontal(0.5)
        .flip_vertical(0.5)
        .rotate(30.0)
        .zoom(0.2)
        .crop(9, 8)
        .brightness(0.2)
        .contrast(0.3)
        .noise(0.1)
        .erase(0.5, 0.3)
        .clip(0.0, 300.0)
}

/// The changes drawn for many examples of one image.
fn drawn(mut augment: Augment, image: &[f32], shape: [usize; 2], count: usize) -> Vec<Vec<f32>> {
    let x = Tensor::new([count, shape[0], shape[1]], image.repeat(count)).unwrap();
    let examples: Vec<usize> = (0..count).collect();
    let changed = augment.apply(&x, &examples, Seed(5));
    changed.data().chunks(changed.data().len() / count).map(<[f32]>::to_vec).collect()
}

#[test]
fn without_changes_images_stay_as_they_are() {
    for shape in [vec![3, 5, 4], vec![2, 3, 5, 4], vec![0, 5, 4]] {
        let x = numbered(shape);
        let examples: Vec<usize> = (0..x.shape()[0]).collect();
        assert_eq!(Augment::new().apply(&x, &examples, Seed(1)), x);
        let nothing = Augment::new().shift(0).flip_horizontal(0.0).rotate(0.0).zoom(0.0);
        let nothing = nothing.brightness(0.0).contrast(0.0).noise(0.0).erase(0.0, 0.5);
        assert_eq!(nothing.clone().apply(&x, &examples, Seed(1)), x);
    }
}

#[test]
fn an_example_depends_on_its_number_and_the_seed_alone() {
    let x = numbered([6, 2, 11, 10]);
    let whole = all().apply(&x, &[10, 11, 12, 13, 14, 15], Seed(3));
    assert_eq!(*whole.shape(), [6, 2, 9, 8].into());
    let (width, new_width) = (2 * 11 * 10, 2 * 9 * 8);
    // Another order, smaller batches, another augmentation before.
    let mut used = all();
    used.apply(&x, &[0; 6], Seed(9));
    for row in [4, 0, 5] {
        let one = Tensor::new([1, 2, 11, 10], x.data()[row * width..][..width].to_vec()).unwrap();
        let changed = used.apply(&one, &[10 + row], Seed(3));
        assert_eq!(changed.data(), &whole.data()[row * new_width..][..new_width]);
    }
    assert_ne!(all().apply(&x, &[10, 11, 12, 13, 14, 15], Seed(4)), whole);
    assert_ne!(all().apply(&x, &[0, 1, 2, 3, 4, 5], Seed(3)), whole);
}

#[test]
fn threads_change_no_bit() {
    let x = numbered([200, 1, 20, 20]);
    let examples: Vec<usize> = (0..200).collect();
    let run = |threads: usize| with_threads(threads, || all().apply(&x, &examples, Seed(3)));
    let one = run(1);
    for threads in [2, 5] {
        assert_eq!(run(threads), one, "{threads} threads");
    }
}

#[test]
fn flattened_images_are_changed_in_the_same_way() {
    let x = numbered([3, 2, 11, 10]);
    let flat = Tensor::new([3, 220], x.data().to_vec()).unwrap();
    let changed = all().flattened([2, 11, 10]).apply(&flat, &[0, 1, 2], Seed(3));
    assert_eq!(*changed.shape(), [3, 144].into());
    assert_eq!(changed.data(), all().apply(&x, &[0, 1, 2], Seed(3)).data());
}

#[test]
fn a_shift_moves_whole_pixels_everywhere_it_may() {
    let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let mut seen = [[0; 3]; 3];
    for changed in drawn(Augment::new().shift(1).fill(-1.0), &image, [3, 3], 900) {
        let middle = changed.iter().position(|&value| value == 5.0).unwrap();
        let by = [middle / 3, middle % 3];
        seen[by[0]][by[1]] += 1;
        for (at, &value) in changed.iter().enumerate() {
            let from = |place: usize, by| (place + 1).checked_sub(by).filter(|&from| from < 3);
            let from = [from(at / 3, by[0]), from(at % 3, by[1])];
            let want = match from {
                [Some(row), Some(column)] => image[row * 3 + column],
                _ => -1.0,
            };
            assert_eq!(value, want, "{changed:?}");
        }
    }
    // Five standard deviations around 100 of 900.
    assert!(seen.as_flattened().iter().all(|&count: &i32| (53..148).contains(&count)), "{seen:?}");
}

#[test]
fn flips_swap_sides_with_their_probability() {
    let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let cases = [
        (Augment::new().flip_horizontal(0.25), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]),
        (Augment::new().flip_vertical(0.25), [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]),
    ];
    for (augment, swapped) in cases {
        let drawn = drawn(augment, &image, [2, 3], 800);
        let count = drawn.iter().filter(|changed| changed[..] == swapped).count();
        assert!(drawn.iter().all(|changed| changed[..] == swapped || changed[..] == image));
        assert!(count.abs_diff(200) < 62, "{count} of 800");
    }
}

#[test]
fn a_crop_is_a_part_of_the_image() {
    let image: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let mut starts = std::collections::BTreeSet::new();
    for changed in drawn(Augment::new().crop(2, 3), &image, [3, 4], 200) {
        let start = changed[0] as usize;
        starts.insert(start);
        let want: Vec<f32> = (0..6).map(|i| (start + i / 3 * 4 + i % 3) as f32).collect();
        assert_eq!(changed, want);
    }
    assert_eq!(starts.into_iter().collect::<Vec<_>>(), [0, 1, 4, 5]);
}

#[test]
fn maps_are_put_together_in_order() {
    let centre = [1.0, 1.0];
    let quarter = Affine::around(centre, [[0.0, -1.0], [1.0, 0.0]]);
    let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let mut turned = [0.0; 9];
    quarter.sample(&image, [3, 3], &mut turned, [3, 3], 0.0);
    assert_eq!(turned, [7.0, 4.0, 1.0, 8.0, 5.0, 2.0, 9.0, 6.0, 3.0]);
    // The map of two movements leads back through the second, then through the first.
    let both = quarter.after(Affine::shift([0.0, -1.0]));
    let mut moved = [0.0; 9];
    both.sample(&image, [3, 3], &mut moved, [3, 3], 0.0);
    assert_eq!(moved, [0.0, 7.0, 4.0, 0.0, 8.0, 5.0, 0.0, 9.0, 6.0]);
}

#[test]
fn between_pixels_values_are_interpolated() {
    let image = [0.0, 1.0, 2.0, 4.0];
    let mut value = [0.0];
    let mut at = |place| {
        Affine::shift(place).sample(&image, [2, 2], &mut value, [1, 1], 8.0);
        value[0]
    };
    assert_eq!([at([0.0, 0.25]), at([0.5, 0.0]), at([0.5, 0.5])], [0.25, 1.0, 1.75]);
    assert_eq!(
        [at([1.0, 1.0]), at([1.0, 1.5]), at([-0.5, 0.0]), at([9.0, 0.0])],
        [4.0, 6.0, 4.0, 8.0]
    );
    assert_eq!(at([f64::MAX, -f64::MAX]), 8.0);
}

#[test]
fn turned_and_zoomed_images_keep_their_centre_and_a_plane() {
    // A plane is interpolated exactly: the value at the centre stays, and the slope turns.
    let image: Vec<f32> = (0..81).map(|i| (i / 9) as f32 + 2.0 * (i % 9) as f32).collect();
    for augment in [Augment::new().rotate(40.0), Augment::new().zoom(0.3)] {
        let mut slopes = Vec::new();
        for changed in drawn(augment, &image, [9, 9], 50) {
            assert!((changed[40] - image[40]).abs() < 1e-4);
            let (down, right) = (changed[49] - changed[40], changed[41] - changed[40]);
            assert!((changed[31] + changed[49] - 2.0 * changed[40]).abs() < 1e-4);
            slopes.push((down, right));
        }
        assert!(
            slopes.iter().any(|slope| slope.0 > 1.1) && slopes.iter().any(|slope| slope.0 < 0.9)
        );
    }
}

#[test]
fn brightness_contrast_and_noise_keep_to_what_they_say() {
    let image: Vec<f32> = (0..400).map(|i| (i % 20) as f32 / 20.0).collect();
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    let spread = |values: &[f32]| {
        let mean = mean(values);
        (values.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt()
    };
    let (by, std) = (mean(&image), spread(&image));
    let mut extremes = [f32::MAX, f32::MIN];
    for changed in drawn(Augment::new().brightness(0.25), &image, [20, 20], 300) {
        let added = mean(&changed) - by;
        extremes = [extremes[0].min(added), extremes[1].max(added)];
        assert!(changed.iter().zip(&image).all(|(a, b)| (a - b - added).abs() < 1e-5));
    }
    assert!(extremes[0] < -0.22 && extremes[1] > 0.22 && extremes.iter().all(|e| e.abs() < 0.2501));
    let mut extremes = [f32::MAX, f32::MIN];
    for changed in drawn(Augment::new().contrast(0.25), &image, [20, 20], 300) {
        assert!((mean(&changed) - by).abs() < 1e-5);
        let factor = spread(&changed) / std;
        extremes = [extremes[0].min(factor), extremes[1].max(factor)];
    }
    assert!((0.7499..0.78).contains(&extremes[0]) && (1.22..1.2501).contains(&extremes[1]));
    for changed in drawn(Augment::new().noise(0.25), &image, [20, 20], 20) {
        let noise: Vec<f32> = changed.iter().zip(&image).map(|(a, b)| a - b).collect();
        assert!(mean(&noise).abs() < 5.0 * 0.25 / 20.0);
        assert!((spread(&noise) / 0.25 - 1.0).abs() < 5.0 / 800_f32.sqrt());
    }
}

#[test]
fn what_is_erased_is_a_rectangle_of_bounded_area() {
    let image = [1.0; 600];
    let drawn = drawn(Augment::new().erase(0.5, 0.25).fill(-3.0), &image, [20, 30], 400);
    let erased: Vec<usize> =
        drawn.iter().map(|changed| changed.iter().filter(|&&x| x == -3.0).count()).collect();
    for (changed, &count) in drawn.iter().zip(&erased) {
        let rows = (0..20).filter(|r| changed[r * 30..][..30].contains(&-3.0)).count();
        let columns = (0..30).filter(|c| (0..20).any(|r| changed[r * 30 + c] == -3.0)).count();
        assert_eq!(rows * columns, count, "a rectangle");
        assert!(count < 200, "{count} of 600 are more than a quarter and rounding");
    }
    let some = erased.iter().filter(|&&count| count > 0).count();
    assert!((140..=250).contains(&some), "{some} of 400");
    assert!(erased.iter().any(|&count| count > 100));
}

#[test]
fn storage_is_used_again() {
    let (x, mut augment) = (numbered([4, 11, 10]), all());
    let first = augment.apply(&x, &[0, 1, 2, 3], Seed(1)).data().as_ptr();
    let second = augment.apply(&x, &[0, 1, 2, 3], Seed(2));
    assert_eq!(second.data().as_ptr(), first);
    let kept = second.clone();
    let third = augment.apply(&x, &[0, 1, 2, 3], Seed(3));
    assert_ne!(third.data().as_ptr(), first);
    assert_eq!(second, kept, "what is held is not written over");
    drop((second, kept, third));
    // The last batch of an epoch is smaller, the next one whole again.
    let less = Tensor::new([3, 11, 10], x.data()[..330].to_vec()).unwrap();
    assert_eq!(*augment.apply(&less, &[0, 1, 2], Seed(3)).shape(), [3, 9, 8].into());
    assert_eq!(augment.apply(&x, &[0, 1, 2, 3], Seed(1)), all().apply(&x, &[0, 1, 2, 3], Seed(1)));
}

#[test]
#[should_panic(expected = "augment: shape [2, 9] is neither [n, rows, columns] nor")]
fn flat_images_are_announced() {
    Augment::new().apply(&numbered([2, 9]), &[0, 1], Seed(1));
}

#[test]
#[should_panic(expected = "augment: 1 numbers of examples for 2 images")]
fn every_image_has_a_number() {
    Augment::new().apply(&numbered([2, 3, 3]), &[0], Seed(1));
}

#[test]
#[should_panic(expected = "crop: [4, 2] of an image of 3 rows and 3 columns")]
fn a_crop_is_no_larger_than_the_image() {
    Augment::new().crop(4, 2).apply(&numbered([2, 3, 3]), &[0, 1], Seed(1));
}

#[test]
#[should_panic(expected = "flip_vertical: expected a number from 0 to 1, not 50")]
fn a_probability_is_no_percentage() {
    let _ = Augment::new().flip_vertical(50.0);
}

/// Row `i` is class `i`.
fn one_hot(classes: usize) -> Tensor<f32> {
    Tensor::from_fn([classes, classes], |i| f32::from(u8::from(i / classes == i % classes)))
}

#[test]
fn mixtures_are_of_two_examples_and_their_targets() {
    // Example i is i everywhere, and of class i.
    let count = 5;
    let x = Tensor::from_fn([count, 6], |i| (i / 6) as f32);
    let y = one_hot(count);
    let mut mixup = Mixup::new(0.5);
    for seed in 0..50 {
        let (mixed, targets) = mixup.apply(&x, &y, Seed(seed));
        for (row, target) in mixed.data().chunks(6).zip(targets.data().chunks(count)) {
            let expected: f32 = target.iter().enumerate().map(|(class, t)| class as f32 * t).sum();
            assert!(row.iter().all(|x| (x - expected).abs() < 1e-5), "{row:?} {target:?}");
            assert!((target.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(target.iter().filter(|&&t| t != 0.0).count() <= 2);
        }
    }
}

#[test]
fn weights_are_from_the_beta_distribution() {
    // Of Beta(α, α), the mean is 1/2 and the variance 1 / (4 (2α + 1)).
    let (x, y) = (Tensor::from([[0.0], [1.0]]), one_hot(2));
    for alpha in [0.2, 1.0, 4.0] {
        let mut mixup = Mixup::new(alpha);
        let weights: Vec<f64> = (0..20_000)
            .filter_map(|seed| {
                let (_, targets) = mixup.apply(&x, &y, Seed(seed));
                // Half of the time, both are mixed with themselves.
                let weight = f64::from(targets.data()[0]);
                (mixup.mix.others[0] == 1).then_some(weight)
            })
            .collect();
        let count = weights.len() as f64;
        let mean = weights.iter().sum::<f64>() / count;
        let variance = weights.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / count;
        let want = 0.25 / (2.0 * alpha + 1.0);
        assert!((count - 10_000.0).abs() < 360.0);
        assert!((mean - 0.5).abs() < 5.0 * (want / count).sqrt(), "{alpha}: {mean}");
        assert!((variance / want - 1.0).abs() < 0.06, "{alpha}: {variance}");
    }
}

#[test]
fn a_cut_is_a_rectangle_of_the_other_image() {
    let count = 4;
    let x = Tensor::from_fn([count, 2, 8, 6], |i| (i / 96) as f32);
    let y = one_hot(count);
    let mut cutmix = CutMix::new(1.0);
    let mut parts = Vec::new();
    for seed in 0..50 {
        let (mixed, targets) = cutmix.apply(&x, &y, Seed(seed));
        assert_eq!(mixed.shape(), x.shape());
        for (class, image) in mixed.data().chunks(96).enumerate() {
            let target = &targets.data()[class * count..][..count];
            for (other, &part) in target.iter().enumerate() {
                let pixels = image.iter().filter(|&&x| x == other as f32).count();
                assert!((pixels as f32 / 96.0 - part).abs() < 1e-6, "{target:?}");
            }
            assert_eq!(image[..48], image[48..], "the same of every colour");
            parts.push(target[class]);
        }
    }
    assert!(parts.iter().any(|&part| part < 0.3) && parts.iter().any(|&part| part > 0.7));
    let flat = Tensor::new([count, 96], x.data().to_vec()).unwrap();
    let (mixed, _) = CutMix::new(1.0).flattened([2, 8, 6]).apply(&flat, &y, Seed(1));
    assert_eq!(mixed.data(), CutMix::new(1.0).apply(&x, &y, Seed(1)).0.data());
}

#[test]
#[should_panic(expected = "mixtures: targets of shape [3, 3] for 2 examples")]
fn each_example_has_its_targets() {
    Mixup::new(1.0).apply(&numbered([2, 3, 3]), &one_hot(3), Seed(1));
}
