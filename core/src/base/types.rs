//! The types of numbers and of functions that cross between guest and host.

use std::fmt;

/// The types of values that cross between guest and host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumType {
    /// 32-bit integer; the low half of its slot.
    I32,
    /// 64-bit integer; its slot.
    I64,
    /// 32-bit float; its bits are the low half of its slot.
    F32,
    /// 64-bit float; its bits are its slot.
    F64,
}

impl NumType {
    /// The name of the type in the WebAssembly text format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

/// The type of a host function.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    /// Parameter types, in order.
    pub params: Box<[NumType]>,
    /// Result types, in order.
    pub results: Box<[NumType]>,
}

impl Signature {
    /// A signature from slices.
    pub fn new(params: &[NumType], results: &[NumType]) -> Self {
        Self {
            params: params.into(),
            results: results.into(),
        }
    }

    /// How many slots a call needs. Parameters and results share slots.
    pub fn slots(&self) -> usize {
        self.params.len().max(self.results.len())
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(func")?;
        for (word, types) in [("param", &self.params), ("result", &self.results)] {
            if !types.is_empty() {
                write!(f, " ({word}")?;
                for ty in types {
                    write!(f, " {}", ty.name())?;
                }
                f.write_str(")")?;
            }
        }
        f.write_str(")")
    }
}
