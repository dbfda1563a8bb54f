//! Types of functions, imports and exports in the notation of the WebAssembly text format, for messages.
//!
//! It does not know the messages.

use std::fmt;

use wasmparser::{FuncType, ValType};

use super::ExternType;

/// A function type in the notation of the WebAssembly text format.
pub(crate) struct TypeText<'a>(pub(crate) &'a FuncType);

impl fmt::Display for TypeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(func")?;
        values(f, "param", self.0.params())?;
        values(f, "result", self.0.results())?;
        f.write_str(")")
    }
}

fn values(f: &mut fmt::Formatter<'_>, word: &str, types: &[ValType]) -> fmt::Result {
    if types.is_empty() {
        return Ok(());
    }
    write!(f, " ({word}")?;
    for ty in types {
        write!(f, " {ty}")?;
    }
    f.write_str(")")
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(ty) => TypeText(ty).fmt(f),
            Self::Global(ty) if ty.mutable => write!(f, "(global (mut {}))", ty.content_type),
            Self::Global(ty) => write!(f, "(global {})", ty.content_type),
            Self::Memory(ty) => {
                write!(f, "(memory {}", ty.initial)?;
                limits_end(f, ty.maximum)
            }
            Self::Table(ty) => {
                write!(f, "(table {}", ty.initial)?;
                match ty.maximum {
                    Some(maximum) => write!(f, " {maximum} {})", ty.element_type),
                    None => write!(f, " {})", ty.element_type),
                }
            }
            Self::Tag(ty) => {
                f.write_str("(tag")?;
                values(f, "param", ty.params())?;
                f.write_str(")")
            }
        }
    }
}

fn limits_end(f: &mut fmt::Formatter<'_>, maximum: Option<u64>) -> fmt::Result {
    match maximum {
        Some(maximum) => write!(f, " {maximum})"),
        None => f.write_str(")"),
    }
}
