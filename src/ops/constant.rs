//! Numbers that are part of operations.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A constant of an operation, compared by its bits, so that NaN equals itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constant(pub(crate) f64);

impl PartialEq for Constant {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Constant {}

impl std::hash::Hash for Constant {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Formats that people read get text: of JSON's numbers, none is infinite or NaN, and some readers
/// round the others.
impl Serialize for Constant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&format_args!("{:?}", self.0))
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Constant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(TextOrNumber)
        } else {
            f64::deserialize(deserializer).map(Constant)
        }
    }
}

/// Reads a constant from text, or from a number that somebody wrote by hand.
struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = Constant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, as text such as \"0.5\" or \"-inf\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Constant, E> {
        let number = text.parse();
        number.map(Constant).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Constant, E> {
        Ok(Constant(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Constant, E> {
        Ok(Constant(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Constant, E> {
        Ok(Constant(number as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_survives_as_text() {
        for number in [0.1, -0.0, 1e300, 5e-324, 1.0 / 3.0, f64::NAN, f64::INFINITY, -f64::INFINITY]
        {
            let text = serde_json::to_string(&Constant(number)).unwrap();
            let read: Constant = serde_json::from_str(&text).unwrap();
            assert_eq!(read, Constant(number), "{text}");
        }
    }

    #[test]
    fn plain_numbers_are_read_too() {
        for (text, number) in [("2", 2.0), ("-3", -3.0), ("0.5", 0.5)] {
            assert_eq!(serde_json::from_str::<Constant>(text).unwrap().0, number);
        }
        let error = serde_json::from_str::<Constant>("\"half\"").unwrap_err().to_string();
        assert!(error.contains("half") && error.contains("a number"), "{error}");
    }
}
