//! What a step is made of.

use super::State;
use crate::params::Gradients;
use crate::scalar::Scalar;

/// One way of turning gradients into steps, such as clipping, momentum or a division by a running
/// mean: a formula for one value, which the [`Chain`](super::Chain) that the rule is part of
/// applies to all.
///
/// A rule has no rate and no sign: the chain subtracts the rate times the step. (A rule that needs
/// the rate in its state says so by [`applies_rate`](Self::applies_rate).) A pair of rules is a
/// rule, whose second one is given the step of the first.
///
/// ```
/// use gradtape::Scalar;
/// use gradtape::optim::Context;
/// use gradtape::prelude::*;
///
/// /// v = μv + (1-μ)g, and the step is v, cut off at ±1.
/// struct BoundedMean { momentum: f64 }
///
/// impl<T: Scalar> Rule<T> for BoundedMean {
///     type State = [T; 1];
///
///     fn init(&self) -> [T; 1] {
///         [T::ZERO]
///     }
///
///     fn slots(&self) -> Vec<&'static str> {
///         vec!["mean"]
///     }
///
///     fn formula(
///         &self,
///         _: Context<'_, T>,
///     ) -> impl Fn(&mut [T; 1], T, T) -> T + Copy + Send + Sync {
///         let (momentum, rest) = (T::from_f64(self.momentum), T::from_f64(1.0 - self.momentum));
///         move |[mean], _parameter, gradient| {
///             *mean = momentum * *mean + rest * gradient;
///             mean.maximum(-T::ONE).minimum(T::ONE)
///         }
///     }
/// }
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let w = params.add(Parameter::new("w", [2]));
/// let mut optimizer = Chain::new(0.25, BoundedMean { momentum: 0.5 });
/// let gradients = Gradients::new(&params, vec![1.0, -20.0], 0.0);
/// optimizer.step(&mut params, &gradients);
/// assert_eq!(params.values(w), [-0.125, 0.25]);
/// ```
pub trait Rule<T: Scalar>: Send + Sync {
    /// The numbers that are remembered for each value of the parameters, `[T; 0]` for none.
    type State: State<T>;

    /// What they are before the first step.
    fn init(&self) -> Self::State;

    /// A name for each of these numbers, under which they are saved, such as `mean`; none has a
    /// slash in it. What a name stands for must not depend on hyperparameters, or its name must,
    /// too.
    fn slots(&self) -> Vec<&'static str>;

    /// The formula of a step: from state, parameter and gradient of one value to its step, with the
    /// state changed in place.
    ///
    /// What is the same for all values, such as bias corrections, is computed here, once for each
    /// group of parameters, from nothing but the arguments, so that a resumed run needs only the
    /// state and the number of steps.
    fn formula(
        &self,
        context: Context<'_, T>,
    ) -> impl Fn(&mut Self::State, T, T) -> T + Copy + Send + Sync;

    /// Whether the formula's step has been multiplied by the context's rate, so that the chain
    /// subtracts it as it is.
    fn applies_rate(&self) -> bool {
        false
    }
}

/// What a rule may know of a step as a whole.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Context<'a, T: Scalar = f32> {
    /// Which step it is, counted from 0.
    pub step: u64,
    /// What is yet to be multiplied by: the rate, or 1 where the first rule of a pair has applied it.
    pub rate: f64,
    /// All gradients, as they were before clipping and weight decay.
    pub gradients: &'a Gradients<T>,
}

impl<T: Scalar, A: Rule<T>, B: Rule<T>> Rule<T> for (A, B) {
    type State = (A::State, B::State);

    fn init(&self) -> Self::State {
        (self.0.init(), self.1.init())
    }

    fn slots(&self) -> Vec<&'static str> {
        let mut slots = self.0.slots();
        slots.extend(self.1.slots());
        slots
    }

    fn formula(
        &self,
        context: Context<'_, T>,
    ) -> impl Fn(&mut Self::State, T, T) -> T + Copy + Send + Sync {
        let first = self.0.formula(context);
        let rate = if self.0.applies_rate() { 1.0 } else { context.rate };
        let second = self.1.formula(Context { rate, ..context });
        move |(a, b), parameter, gradient| second(b, parameter, first(a, parameter, gradient))
    }

    fn applies_rate(&self) -> bool {
        self.0.applies_rate() || self.1.applies_rate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::{Chain, Optimizer};
    use crate::params::Params;
    use crate::seed::Seed;
    use crate::tensor::Tensor;

    /// g + λp
    struct Decay(f64);

    impl<T: Scalar> Rule<T> for Decay {
        type State = [T; 0];

        fn init(&self) -> [T; 0] {
            []
        }

        fn slots(&self) -> Vec<&'static str> {
            Vec::new()
        }

        fn formula(
            &self,
            _: Context<'_, T>,
        ) -> impl Fn(&mut [T; 0], T, T) -> T + Copy + Send + Sync {
            let decay = T::from_f64(self.0);
            move |_, parameter, gradient| gradient + decay * parameter
        }
    }

    /// The largest gradient so far and the number of steps, from 1 and 0; the step is their product.
    struct Largest;

    impl<T: Scalar> Rule<T> for Largest {
        type State = [T; 2];

        fn init(&self) -> [T; 2] {
            [T::ONE, T::ZERO]
        }

        fn slots(&self) -> Vec<&'static str> {
            vec!["largest", "count"]
        }

        fn formula(
            &self,
            _: Context<'_, T>,
        ) -> impl Fn(&mut [T; 2], T, T) -> T + Copy + Send + Sync {
            |[largest, count], _, gradient| {
                *count += T::ONE;
                *largest = largest.maximum(gradient);
                *largest * *count
            }
        }
    }

    #[test]
    fn rules_of_a_pair_run_one_after_the_other() {
        let mut params = Params::new(Seed(42));
        params.add_tensor("w", &Tensor::from([1.0, -2.0, 4.0]));
        let gradients = Gradients::new(&params, vec![0.5, 0.5, 0.5], 0.0);
        let mut coupled = Chain::new(1.0, ((Decay(0.5), Largest), Decay(0.0)));
        let mut decoupled = Chain::new(1.0, (Largest, Decay(0.5)));
        let mut other = params.clone();

        coupled.step(&mut params, &gradients);
        assert_eq!(params.flat(), [0.0, -3.0, 1.5]);
        coupled.step(&mut params, &gradients);
        assert_eq!(params.flat(), [-2.0, -5.0, -3.5]);

        decoupled.step(&mut other, &gradients);
        assert_eq!(other.flat(), [-0.5, -2.0, 1.0]);
        decoupled.step(&mut other, &gradients);
        assert_eq!(other.flat(), [-2.25, -3.0, -1.5]);
    }
}
