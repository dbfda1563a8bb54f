//! Conversions between types, values and traps of wasmi and those of core.
//!
//! This file knows no instance. Invariant: texts of wasmi go into the source of an error, never into its message,
//! so messages are the same on every engine.

use std::fmt;

use polyextism_core::backend::{Error, ErrorKind, Failed, NumType, Signature, Trap, Value};
use wasmi::{
    AsContext, AsContextMut, ExternRef, F32, F64, FuncType, Nullable, TrapCode, Val, ValType,
    errors::{self, HostError},
};

use crate::BACKEND;

/// A failed host function as an error of wasmi.
#[derive(Debug)]
pub(crate) struct Stopped(pub(crate) Failed);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl HostError for Stopped {}

/// The type of a host function.
pub(crate) fn func_type(signature: &Signature) -> FuncType {
    let types = |types: &[NumType]| types.iter().map(val_type).collect::<Vec<_>>();
    FuncType::new(types(&signature.params), types(&signature.results))
}

fn val_type(ty: &NumType) -> ValType {
    match ty {
        NumType::I32 => ValType::I32,
        NumType::I64 => ValType::I64,
        NumType::F32 => ValType::F32,
        NumType::F64 => ValType::F64,
    }
}

/// The zero of a type, or `None` if it is not the type of a number.
pub(crate) fn zero(ty: &ValType) -> Option<Val> {
    match ty {
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => Some(Val::default_for_ty(*ty)),
        ValType::V128 | ValType::FuncRef | ValType::ExternRef => None,
    }
}

/// A value in a slot.
pub(crate) fn to_val(ty: NumType, slot: u64) -> Val {
    match ty {
        NumType::I32 => Val::I32((slot as u32).cast_signed()),
        NumType::I64 => Val::I64(slot.cast_signed()),
        NumType::F32 => Val::F32(F32::from_bits(slot as u32)),
        NumType::F64 => Val::F64(F64::from_bits(slot)),
    }
}

/// The slot of a value, or `None` if it is not a number.
pub(crate) fn to_slot(value: &Val) -> Option<u64> {
    match value {
        Val::I32(value) => Some(value.cast_unsigned().into()),
        Val::I64(value) => Some(value.cast_unsigned()),
        Val::F32(value) => Some(value.to_bits().into()),
        Val::F64(value) => Some(value.to_bits()),
        Val::V128(_) | Val::FuncRef(_) | Val::ExternRef(_) => None,
    }
}

/// A value as an argument of type `ty`; `None` if it is of another type.
pub(crate) fn to_argument(store: impl AsContextMut, value: &Value, ty: ValType) -> Option<Val> {
    Some(match (value, ty) {
        (Value::I32(bits), ValType::I32) => Val::I32(bits.cast_signed()),
        (Value::I64(bits), ValType::I64) => Val::I64(bits.cast_signed()),
        (Value::F32(bits), ValType::F32) => Val::F32(F32::from_bits(*bits)),
        (Value::F64(bits), ValType::F64) => Val::F64(F64::from_bits(*bits)),
        (Value::V128(bits), ValType::V128) => Val::V128((*bits).into()),
        (Value::Null, ValType::ExternRef) => Val::ExternRef(Nullable::Null),
        (Value::Null, ValType::FuncRef) => Val::FuncRef(Nullable::Null),
        (Value::Extern(number), ValType::ExternRef) => {
            Val::ExternRef(Nullable::Val(ExternRef::new(store, *number)))
        }
        _ => return None,
    })
}

/// A value of a guest as a value of core; `None` if core has no such value.
pub(crate) fn to_value(store: impl AsContext, value: &Val) -> Option<Value> {
    Some(match value {
        Val::I32(value) => Value::I32(value.cast_unsigned()),
        Val::I64(value) => Value::I64(value.cast_unsigned()),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(Nullable::Null) | Val::ExternRef(Nullable::Null) => Value::Null,
        Val::FuncRef(Nullable::Val(_)) => Value::Func,
        Val::ExternRef(Nullable::Val(reference)) => {
            Value::Extern(*reference.data(&store).downcast_ref()?)
        }
    })
}

/// Why a module was not compiled.
#[cold]
pub(crate) fn rejection(source: wasmi::Error) -> Error {
    let message = format!("engine `{}` cannot compile the module", BACKEND.name);
    Error::new(ErrorKind::Unsupported, message).with_source(source)
}

/// Why guest code ended.
#[cold]
pub(crate) fn failure(source: wasmi::Error) -> Error {
    let error = match source.as_trap_code() {
        Some(code) => return Error::trap(trap(code)).with_source(code.trap_message()),
        None if source.downcast_ref::<Stopped>().is_some() => {
            Error::new(ErrorKind::HostFunction, Failed.to_string())
        }
        None => Error::new(ErrorKind::Engine, "the engine could not run the program"),
    };
    error.with_source(source)
}

/// Why a program could not be instantiated. No guest code runs there, but segments may trap.
#[cold]
pub(crate) fn refusal(source: wasmi::Error) -> Error {
    let trapped = match source.kind() {
        errors::ErrorKind::Instantiation(
            errors::InstantiationError::ElementSegmentDoesNotFit { .. },
        ) => Some(Trap::TableOutOfBounds),
        _ => source.as_trap_code().map(trap),
    };
    let error = match trapped {
        Some(trap) => Error::trap(trap),
        None => Error::new(
            ErrorKind::Engine,
            "the engine could not instantiate the program",
        ),
    };
    error.with_source(source)
}

fn trap(code: TrapCode) -> Trap {
    match code {
        TrapCode::BadSignature => Trap::BadSignature,
        TrapCode::BadConversionToInteger => Trap::BadConversion,
        TrapCode::IntegerDivisionByZero => Trap::DivideByZero,
        TrapCode::IntegerOverflow => Trap::IntegerOverflow,
        TrapCode::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
        TrapCode::IndirectCallToNull => Trap::NullElement,
        TrapCode::StackOverflow => Trap::StackOverflow,
        TrapCode::TableOutOfBounds => Trap::TableOutOfBounds,
        TrapCode::UnreachableCodeReached => Trap::Unreachable,
        TrapCode::GrowthOperationLimited | TrapCode::OutOfFuel | TrapCode::OutOfSystemMemory => {
            Trap::Other
        }
    }
}
