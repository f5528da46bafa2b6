//! Seeds: every random number of a run derives from one, bit for bit.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// The seed of a run or of a part of it.
///
/// Parts derive their own seeds from what they are (a parameter's path, an epoch's number), never
/// from the order in which they were asked for, so adding one does not change the others and a
/// resumed run needs no generator's state.
///
/// ```
/// use gradtape::Seed;
///
/// let run = Seed(42);
/// assert_eq!(run.derive(3), Seed(42).derive(3));
/// assert_ne!(run.derive(3), run.derive(4));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed of the part with this number, such as an epoch or a batch.
    pub fn derive(self, part: u64) -> Seed {
        Seed(mix(self.0 ^ mix(part.wrapping_add(0x9E37_79B9_7F4A_7C15))))
    }

    /// The seed of the part with this name, such as a parameter's path.
    pub fn derive_named(self, part: &str) -> Seed {
        // FNV-1a, spread by `derive`.
        let hash = part.bytes().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        self.derive(hash)
    }

    /// A generator that starts at this seed: xoshiro256++, the same numbers on every platform.
    pub fn rng(self) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.0)
    }
}

/// The finalizer of splitmix64 (Steele, Lea and Flood, 2014): a bijection that spreads every bit.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
