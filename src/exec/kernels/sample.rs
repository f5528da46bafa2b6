//! Places to look at where looking at all would take too long.

/// So many of the places below `len`, spread evenly but with no period: what is looked at may have
/// one. They are 0 if there are none.
pub(super) fn sample(len: usize, count: usize) -> impl Iterator<Item = usize> {
    // Multiples of the golden section, as the fractional part of a number of 64 bits.
    let fractions = (1..=count as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    fractions.map(move |fraction| ((u128::from(fraction) * len as u128) >> 64) as usize)
}
