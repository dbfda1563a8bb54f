//! Conversions between types and traps of wasmer and those of core.
//!
//! This file knows no store and no instance. Invariant: texts of wasmer go into the source of an error, never into
//! its message, so messages are the same on every engine.

use polyextism_core::backend::{
    Error, ErrorKind, Failed, NumType, Number, Signature, Trap, inspect,
};
use wasmer::{
    AsStoreMut, AsStoreRef, CompileError, ExternRef, FunctionType, InstantiationError, LinkError,
    RuntimeError, Type, Value, sys::vm::TrapCode,
};

/// The type of a host function.
pub(crate) fn func_type(signature: &Signature) -> FunctionType {
    let types = |types: &[NumType]| types.iter().map(val_type).collect::<Vec<_>>();
    FunctionType::new(types(&signature.params), types(&signature.results))
}

fn val_type(ty: &NumType) -> Type {
    match ty {
        NumType::I32 => Type::I32,
        NumType::I64 => Type::I64,
        NumType::F32 => Type::F32,
        NumType::F64 => Type::F64,
    }
}

/// The zero of a type, or `None` if it is not the type of a number.
pub(crate) fn zero(ty: &Type) -> Option<Value> {
    match ty {
        Type::I32 => Some(Value::I32(0)),
        Type::I64 => Some(Value::I64(0)),
        Type::F32 => Some(Value::F32(0.0)),
        Type::F64 => Some(Value::F64(0.0)),
        Type::V128 | Type::ExternRef | Type::FuncRef | Type::ExceptionRef => None,
    }
}

/// A value in a slot.
pub(crate) fn to_value(ty: NumType, slot: u64) -> Value {
    match ty {
        NumType::I32 => Value::I32(i32::from_slot(slot)),
        NumType::I64 => Value::I64(i64::from_slot(slot)),
        NumType::F32 => Value::F32(f32::from_slot(slot)),
        NumType::F64 => Value::F64(f64::from_slot(slot)),
    }
}

/// The slot of a value, or `None` if it is not a number.
pub(crate) fn to_slot(value: &Value) -> Option<u64> {
    match value {
        Value::I32(value) => Some(value.into_slot()),
        Value::I64(value) => Some(value.into_slot()),
        Value::F32(value) => Some(value.into_slot()),
        Value::F64(value) => Some(value.into_slot()),
        _ => None,
    }
}

/// A value as an argument of type `ty`; `None` if it is of another type.
pub(crate) fn to_argument(
    store: &mut impl AsStoreMut,
    value: &inspect::Value,
    ty: Type,
) -> Option<Value> {
    Some(match (value, ty) {
        (inspect::Value::I32(bits), Type::I32) => Value::I32(bits.cast_signed()),
        (inspect::Value::I64(bits), Type::I64) => Value::I64(bits.cast_signed()),
        (inspect::Value::F32(bits), Type::F32) => Value::F32(f32::from_bits(*bits)),
        (inspect::Value::F64(bits), Type::F64) => Value::F64(f64::from_bits(*bits)),
        (inspect::Value::V128(bits), Type::V128) => Value::V128(*bits),
        (inspect::Value::Null, Type::ExternRef) => Value::ExternRef(None),
        (inspect::Value::Null, Type::FuncRef) => Value::FuncRef(None),
        (inspect::Value::Null, Type::ExceptionRef) => Value::ExceptionRef(None),
        (inspect::Value::Extern(number), Type::ExternRef) => {
            Value::ExternRef(Some(ExternRef::new(store, *number)))
        }
        _ => return None,
    })
}

/// A value of a guest as a value of core; `None` if core has no such value.
pub(crate) fn to_known(store: &impl AsStoreRef, value: &Value) -> Option<inspect::Value> {
    Some(match value {
        Value::I32(value) => inspect::Value::I32(value.cast_unsigned()),
        Value::I64(value) => inspect::Value::I64(value.cast_unsigned()),
        Value::F32(value) => inspect::Value::F32(value.to_bits()),
        Value::F64(value) => inspect::Value::F64(value.to_bits()),
        Value::V128(bits) => inspect::Value::V128(*bits),
        Value::ExternRef(None) | Value::FuncRef(None) | Value::ExceptionRef(None) => {
            inspect::Value::Null
        }
        Value::ExternRef(Some(reference)) => inspect::Value::Extern(*reference.downcast(store)?),
        Value::FuncRef(Some(_)) => inspect::Value::Func,
        Value::ExceptionRef(Some(_)) => inspect::Value::Exception,
    })
}

/// Why a module was not compiled.
#[cold]
pub(crate) fn rejection(engine: &str, source: CompileError) -> Error {
    let kind = match source {
        CompileError::Codegen(_) | CompileError::Resource(_) | CompileError::Aborted(_) => {
            ErrorKind::Engine
        }
        _ => ErrorKind::Unsupported,
    };
    let message = format!("engine `{engine}` cannot compile the module");
    Error::new(kind, message).with_source(source)
}

/// Why guest code ended.
#[cold]
pub(crate) fn failure(source: RuntimeError) -> Error {
    let error = match source.clone().to_trap() {
        // Only the code is kept, because the rest has every frame of the stack.
        Some(code) => return Error::trap(trap(code)).with_source(code),
        None if source.is::<Failed>() => Error::new(ErrorKind::HostFunction, Failed.to_string()),
        None => Error::new(ErrorKind::Engine, "the engine could not run the program"),
    };
    error.with_source(source)
}

/// Why a program could not be instantiated. No guest code runs there, but segments may trap.
#[cold]
pub(crate) fn refusal(source: InstantiationError) -> Error {
    let trapped = match &source {
        InstantiationError::Start(error) | InstantiationError::Link(LinkError::Trap(error)) => {
            error.clone().to_trap()
        }
        _ => None,
    };
    let error = match trapped {
        Some(code) => Error::trap(trap(code)),
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
        TrapCode::HostInterrupt => Trap::Interrupted,
        TrapCode::HeapAccessOutOfBounds => Trap::MemoryOutOfBounds,
        TrapCode::IndirectCallToNull => Trap::NullElement,
        TrapCode::StackOverflow => Trap::StackOverflow,
        TrapCode::TableAccessOutOfBounds => Trap::TableOutOfBounds,
        TrapCode::HeapMisaligned | TrapCode::UnalignedAtomic => Trap::UnalignedAtomic,
        TrapCode::UnreachableCodeReached => Trap::Unreachable,
        TrapCode::UncaughtException => Trap::UncaughtException,
        TrapCode::UninitializedExnRef => Trap::NullReference,
        TrapCode::YieldOutsideAsyncContext | TrapCode::ReadonlyTableModified => Trap::Other,
    }
}
