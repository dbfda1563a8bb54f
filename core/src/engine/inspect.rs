//! Inspection of a live program, for tests of engines. Plug-ins do not need it.
//!
//! An engine may offer it beside [`super::Instance::enter`]; plug-ins never use it. Every verb
//! looks names up, checks types and may allocate. It does not know what the exports are for.
//!
//! Invariant: an argument that does not fit is refused before any guest code runs, with the same
//! error on every engine.

use std::fmt;

use crate::base::{
    error::{Error, ErrorKind, Result},
    ids::ModuleId,
};

/// A value of a guest. Floats are bits, so that NaNs are kept.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A 32-bit integer.
    I32(u32),
    /// A 64-bit integer.
    I64(u64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// The bits of a vector, its first lane lowest.
    V128(u128),
    /// The null reference of any type.
    Null,
    /// A reference of the host (`externref`) that stands for this number.
    Extern(u32),
    /// A function. The host cannot pass it on.
    Func,
    /// A reference of the host as a value of the guest (`anyref`) that stands for this number.
    Any(u32),
    /// A small integer that is a reference (`i31ref`).
    I31(u32),
    /// A struct. The host cannot pass it on.
    Struct,
    /// An array. The host cannot pass it on.
    Array,
    /// An exception. The host cannot pass it on.
    Exception,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32(bits) => write!(f, "i32:{bits:#x}"),
            Self::I64(bits) => write!(f, "i64:{bits:#x}"),
            Self::F32(bits) => write!(f, "f32:{bits:#x}"),
            Self::F64(bits) => write!(f, "f64:{bits:#x}"),
            Self::V128(bits) => write!(f, "v128:{bits:#x}"),
            Self::Null => f.write_str("null"),
            Self::Extern(number) => write!(f, "extern:{number}"),
            Self::Func => f.write_str("func"),
            Self::Any(number) => write!(f, "any:{number}"),
            Self::I31(number) => write!(f, "i31:{number:#x}"),
            Self::Struct => f.write_str("struct"),
            Self::Array => f.write_str("array"),
            Self::Exception => f.write_str("exception"),
        }
    }
}

/// A live program that can be inspected.
pub trait Inspect {
    /// Calls any exported function and returns its results.
    ///
    /// # Errors
    /// `Argument` if there is no such function or the arguments do not fit its type; `Unsupported` if a value
    /// cannot leave the engine; else as [`super::Instance::enter`].
    fn call(&mut self, module: ModuleId, export: &str, args: &[Value]) -> Result<Vec<Value>>;

    /// The value of an exported global.
    ///
    /// # Errors
    /// `Argument` if there is no such global, `Unsupported` as [`Inspect::call`].
    fn global(&mut self, module: ModuleId, export: &str) -> Result<Value>;

    /// All bytes of an exported memory.
    ///
    /// # Errors
    /// `Argument` if there is no such memory.
    fn memory(&mut self, module: ModuleId, export: &str) -> Result<&[u8]>;
}

/// The missing capability of an engine that is asked to extend an instance with limits: new memories would escape
/// them.
pub const EXTENDED_LIMITS: &str = "live programs with limits that can be extended";

/// The error for an export that is missing or has another kind.
#[cold]
pub fn missing(kind: &str, module: ModuleId, export: &str) -> Error {
    let ModuleId(module) = module;
    let message = format!("module {module} of the program exports no {kind} `{export}`");
    Error::new(ErrorKind::Argument, message)
}

/// The error for a wrong number of arguments.
#[cold]
pub fn miscounted(export: &str, found: usize, wanted: usize) -> Error {
    let message =
        format!("function `{export}` was given {found} arguments, it has {wanted} parameters");
    Error::new(ErrorKind::Argument, message)
}

/// The error for the argument at `position` (from 0), whose type differs from the parameter.
#[cold]
pub fn misfit(export: &str, position: usize, value: &Value) -> Error {
    let message =
        format!("argument {position} of function `{export}` is {value}, its type is another");
    Error::new(ErrorKind::Argument, message)
}

/// The error for a value that an engine cannot pass between guest and host.
#[cold]
pub fn impassable(engine: &str) -> Error {
    Error::unsupported(
        engine,
        "way to pass a value of this type between guest and host",
    )
}
