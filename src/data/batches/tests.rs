use std::collections::HashSet;

use super::*;

/// So many examples of three numbers, all of them the row's number, which is the label too.
fn numbered(examples: u32) -> Dataset {
    let x = Tensor::from_fn([examples as usize, 3], |i| (i / 3) as f32);
    Dataset::new(x, Indices::from((0..examples).collect::<Vec<_>>())).unwrap()
}

/// The rows of all batches of an epoch, in their order; checks that features follow labels.
fn rows(batches: impl Iterator<Item = Batch>, epoch: usize) -> Vec<u32> {
    let batches = batches.filter(|batch| batch.epoch() == epoch);
    let rows = batches.flat_map(|batch| {
        let labels = batch.y.data().to_vec();
        let want = labels.iter().flat_map(|&label| [label as f32; 3]).collect::<Vec<_>>();
        assert_eq!(batch.x.data(), want);
        assert_eq!(*batch.x.shape(), [labels.len(), 3].into());
        assert_eq!(*batch.y.shape(), [labels.len()].into());
        labels
    });
    rows.collect()
}

#[test]
fn batches_go_by_position_unless_shuffled() {
    let train = numbered(10);
    let sizes = |batches: Batches| batches.map(|batch| batch.len()).collect::<Vec<_>>();
    assert_eq!(sizes(train.batches(4)), [4, 4, 2]);
    assert_eq!(sizes(train.batches(5)), [5, 5]);
    assert_eq!(sizes(train.batches(4).drop_last()), [4, 4]);
    assert_eq!(sizes(train.batches(usize::MAX)), [10]);
    assert_eq!(rows(train.batches(4), 0), (0..10).collect::<Vec<_>>());
    assert_eq!(rows(train.batches(4).epochs(2), 1), (0..10).collect::<Vec<_>>());
    assert_eq!(rows(train.batches(4).drop_last(), 0), (0..8).collect::<Vec<_>>());
}

#[test]
fn an_epoch_shows_each_example_once() {
    let train = numbered(103);
    for size in [1, 7, 103, 1000] {
        let mut orders = HashSet::new();
        for epoch in 0..4 {
            let order = rows(train.batches(size).shuffled(Seed(1)).epochs(4), epoch);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..103).collect::<Vec<_>>());
            assert!(orders.insert(order), "the order of epoch {epoch} was seen before");
        }
    }
}

#[test]
fn the_order_depends_on_seed_and_epoch_only() {
    let train = numbered(50);
    let batches = || train.batches(8).shuffled(Seed(3));
    let in_sequence = rows(batches().epochs(5), 3);
    assert_eq!(in_sequence, rows(batches().epoch_range(3..4), 3));
    assert_eq!(in_sequence, rows(train.batches(13).shuffled(Seed(3)).epoch_range(2..4), 3));
    assert_ne!(in_sequence, rows(train.batches(8).shuffled(Seed(4)).epochs(5), 3));
    // Leaving out the last batch does not move the others.
    assert_eq!(in_sequence[..48], rows(batches().drop_last().epochs(5), 3));
}

#[test]
fn a_resumed_run_sees_the_same_seeds() {
    let train = numbered(20);
    let places = |epochs| {
        let batches = train.batches(6).shuffled(Seed(9)).epoch_range(epochs);
        batches.map(|batch| (batch.epoch(), batch.index(), batch.seed())).collect::<Vec<_>>()
    };
    let all = places(0..5);
    assert_eq!(all[3 * 4..], places(3..5));
    assert_eq!((all[13].0, all[13].1), (3, 1));
}

#[test]
fn the_seeds_of_batches_are_distinct() {
    let train = numbered(100);
    let mut seeds = HashSet::new();
    for run in 0..3 {
        for batch in train.batches(3).shuffled(Seed(run)).epochs(20) {
            assert!(seeds.insert(batch.seed()));
        }
    }
    assert_eq!(seeds.len(), 3 * 20 * 34);
    // Nor does a seed depend on the batch's size.
    let first = |size| train.batches(size).shuffled(Seed(5)).next().unwrap().seed();
    assert_eq!(first(3), first(50));
}

#[test]
fn sizes_are_exact() {
    let train = numbered(10);
    let mut batches = train.batches(4).epochs(3);
    assert_eq!(batches.per_epoch(), 3);
    for left in (0..9).rev() {
        assert_eq!(batches.len(), left + 1);
        assert!(batches.next().is_some());
    }
    assert_eq!(batches.len(), 0);
    assert!(batches.next().is_none() && batches.next().is_none());
    assert_eq!(train.batches(4).drop_last().epochs(3).len(), 6);
    assert_eq!(train.batches(4).epochs(usize::MAX).len(), usize::MAX);
    assert_eq!(train.batches(4).epochs(0).count(), 0);
}

#[test]
fn no_examples_make_no_batches() {
    let none = numbered(0);
    assert_eq!(none.batches(4).epochs(usize::MAX).count(), 0);
    let few = numbered(3);
    assert_eq!(few.batches(4).drop_last().epochs(usize::MAX).count(), 0);
    assert_eq!(few.batches(4).drop_last().len(), 0);
}

#[test]
#[should_panic(expected = "batches: the size of a batch must be at least 1")]
fn batches_of_nothing_panic() {
    let _ = numbered(3).batches(0);
}

fn storage(batch: &Batch) -> (*const f32, *const u32) {
    (batch.x.data().as_ptr(), batch.y.data().as_ptr())
}

#[test]
fn a_steady_loop_reuses_its_storage() {
    let train = numbered(10);
    let mut seen = HashSet::new();
    for batch in train.batches(4).shuffled(Seed(1)).epochs(20) {
        seen.insert(storage(&batch));
    }
    assert_eq!(seen.len(), 1);

    // A loop that holds on to the last batch, as one does that looks ahead.
    let mut seen = HashSet::new();
    let mut last = None;
    for batch in train.batches(4).shuffled(Seed(1)).epochs(20) {
        seen.insert(storage(&batch));
        last = Some(batch);
    }
    assert_eq!(seen.len(), 2);
    assert_eq!(last.map(|batch| batch.epoch()), Some(19));
}

#[test]
fn a_batch_that_is_held_is_not_written_over() {
    let train = numbered(40);
    let held = train.batches(4).epochs(2).collect::<Vec<_>>();
    assert_eq!(rows(held.iter().cloned(), 0), (0..40).collect::<Vec<_>>());
    assert_eq!(rows(held.iter().cloned(), 1), (0..40).collect::<Vec<_>>());

    // One tensor is enough to hold it, and so is a clone.
    let mut batches = train.batches(4);
    let x = batches.next().map(|batch| batch.x.clone()).unwrap();
    let y = batches.next().map(|batch| batch.y).unwrap();
    batches.by_ref().for_each(drop);
    assert_eq!(x.data()[3], 1.0);
    assert_eq!(y, Indices::from([4, 5, 6, 7]));
}

#[test]
fn writing_to_a_batch_changes_no_other() {
    let train = numbered(12);
    for mut batch in train.batches(4).epochs(3) {
        let row = (batch.index() * 4) as f32;
        assert_eq!(batch.x.data()[0], row);
        batch.x.data_mut().fill(-1.0);
    }
    assert_eq!(train, numbered(12));
}

#[test]
fn a_batch_knows_which_rows_it_has() {
    let x = Tensor::from_fn([10, 1], |row| row as f32);
    let data = Dataset::new(x, Indices::from([0; 10])).unwrap();
    for batch in data.batches(3).shuffled(Seed(4)).epochs(2) {
        let values: Vec<f32> = batch.rows().iter().map(|&row| row as f32).collect();
        assert_eq!(batch.x.data(), values);
    }
    assert_eq!(data.batch(2..5).rows(), [2, 3, 4]);
}
