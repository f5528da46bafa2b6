//! The types of values that arrays of numbers have.

/// Lists the types: name here, NumPy's kind and size, type in Rust.
macro_rules! elements {
    ($($name:ident $code:literal $type:ty;)*) => {
        /// The type of a file's values.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Element {
            /// A byte, which is not 0 for `true`.
            Bool,
            $($name),*
        }

        impl Element {
            /// What headers may say, byte order aside.
            pub(super) const CODES: &[&str] = &["b1", $($code),*];

            pub(super) fn of(code: &str) -> Option<Self> {
                match code {
                    "b1" => Some(Element::Bool),
                    $($code => Some(Element::$name),)*
                    _ => None,
                }
            }

            pub(super) fn code(self) -> &'static str {
                match self {
                    Element::Bool => "b1",
                    $(Element::$name => $code),*
                }
            }

            /// The number of bytes of a value.
            pub(super) fn size(self) -> usize {
                match self {
                    Element::Bool => 1,
                    $(Element::$name => size_of::<$type>()),*
                }
            }

            /// The values, rounded where `f64` has to.
            pub(super) fn decode(self, bytes: &[u8], big_endian: bool) -> Vec<f64> {
                match self {
                    Element::Bool => bytes.iter().map(|&b| f64::from(u8::from(b != 0))).collect(),
                    $(Element::$name => {
                        let (values, _) = bytes.as_chunks();
                        let values = values.iter();
                        if big_endian {
                            values.map(|&bytes| <$type>::from_be_bytes(bytes) as f64).collect()
                        } else {
                            values.map(|&bytes| <$type>::from_le_bytes(bytes) as f64).collect()
                        }
                    })*
                }
            }
        }
    };
}

elements! {
    I8 "i1" i8;
    I16 "i2" i16;
    I32 "i4" i32;
    I64 "i8" i64;
    U8 "u1" u8;
    U16 "u2" u16;
    U32 "u4" u32;
    U64 "u8" u64;
    F32 "f4" f32;
    F64 "f8" f64;
}
