//! Is the opinion of a film review positive? A network with memory reads the sentence word by word;
//! a logistic regression that only knows which words there are is what it has to compete with.
//!
//! In sentences as short as these the words say nearly all, and eight thousand of them are few to
//! learn from in which order they matter: the simpler model is a little ahead.

use gradtape::prelude::*;

const WORDS: usize = 10_000;
/// How many words of a sentence are read: its last ones.
const LENGTH: usize = 24;
const TRAIN: usize = 8000;

fn main() -> Result<(), gradtape::Error> {
    println!("which words there are, as rows of zeros and a few ones:");
    let (train, valid) = datasets::reviews()?.split_at(TRAIN)?;
    let mut params = Params::new(Seed(42));
    let model = Dense::new(WORDS, 2).build(&mut params, "words");
    let mut trainer = Trainer::new(&model, Adam::new(5e-3), loss::cross_entropy).metric(Accuracy);
    trainer
        .fit(&mut params, &train)
        .epochs(20)
        .batch_size(128)
        .seed(Seed(1))
        .validation(&valid)
        .callback(EarlyStopping::new("val_loss").patience(2))
        .run()?;
    let by_words = trainer.evaluate(&params, &valid)?;

    println!("\nthe same words in their order, shorter sentences filled up in front:");
    let padding = WORDS as u32;
    let sentences = datasets::reviews_documents()?.sequences(LENGTH, padding)?;
    let (train, valid) = sentences.split_at(TRAIN)?;
    let mut params = Params::new(Seed(42));
    let model = Sequential::new()
        .then(Embedding::new(WORDS + 1, 32).build(&mut params, "embedding"))
        .then(Dropout(0.5))
        .then(Gru::new(32, 32).build(&mut params, "gru"))
        .then(Dropout(0.5))
        .then(Dense::new(32, 2).build(&mut params, "output"));
    let mut trainer = Trainer::new(&model, Adam::new(2e-3), loss::cross_entropy).metric(Accuracy);
    trainer
        .fit(&mut params, &train)
        .epochs(20)
        .batch_size(64)
        .seed(Seed(1))
        .validation(&valid)
        .callback(EarlyStopping::new("val_loss").patience(2))
        .run()?;
    let in_order = trainer.evaluate(&params, &valid)?;

    println!("\nheld out ({} sentences)", valid.len());
    println!("logistic regression  {by_words}");
    println!("recurrent network    {in_order}");
    Ok(())
}
