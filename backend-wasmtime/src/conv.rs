//! Conversions between types and traps of wasmtime and those of core.
//!
//! This file knows no store and no instance. Invariant: texts of wasmtime go into the source of an error, never
//! into its message, so messages are the same on every engine.

use polyextism_core::backend::{
    Error, ErrorKind, Failed, NumType, Result, Signature, Trap, Value, inspect::impassable,
};
use wasmtime::{
    AnyRef, AsContext, AsContextMut, Engine, ExternRef, FuncType, GcHeapOutOfMemory, HeapType, Ref,
    Rooted, ThrownException, Val, ValRaw, ValType,
};

/// The type of a host function.
pub(crate) fn func_type(engine: &Engine, signature: &Signature) -> FuncType {
    let types = |types: &[NumType]| types.iter().map(val_type).collect::<Vec<_>>();
    FuncType::new(engine, types(&signature.params), types(&signature.results))
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
pub(crate) fn zero(ty: ValType) -> Option<Val> {
    match ty {
        ValType::I32 => Some(Val::I32(0)),
        ValType::I64 => Some(Val::I64(0)),
        ValType::F32 => Some(Val::F32(0)),
        ValType::F64 => Some(Val::F64(0)),
        ValType::V128 | ValType::Ref(_) => None,
    }
}

/// A slot as a raw value of wasmtime.
#[inline]
pub(crate) fn to_raw(ty: NumType, slot: u64) -> ValRaw {
    match ty {
        NumType::I32 => ValRaw::u32(slot as u32),
        NumType::I64 => ValRaw::u64(slot),
        NumType::F32 => ValRaw::f32(slot as u32),
        NumType::F64 => ValRaw::f64(slot),
    }
}

/// The slot of a raw value of this type.
#[inline]
pub(crate) fn to_slot(ty: NumType, raw: &ValRaw) -> u64 {
    match ty {
        NumType::I32 => raw.get_u32().into(),
        NumType::I64 => raw.get_u64(),
        NumType::F32 => raw.get_f32().into(),
        NumType::F64 => raw.get_f64(),
    }
}

/// A value as an argument of type `ty`; `None` if it is of another type.
pub(crate) fn to_val(
    mut store: impl AsContextMut,
    value: &Value,
    ty: &ValType,
    engine: &str,
) -> Result<Option<Val>> {
    Ok(match (value, ty) {
        (Value::I32(bits), ValType::I32) => Some(Val::I32(bits.cast_signed())),
        (Value::I64(bits), ValType::I64) => Some(Val::I64(bits.cast_signed())),
        (Value::F32(bits), ValType::F32) => Some(Val::F32(*bits)),
        (Value::F64(bits), ValType::F64) => Some(Val::F64(*bits)),
        (Value::V128(bits), ValType::V128) => Some(Val::V128((*bits).into())),
        (Value::Null, ValType::Ref(ty)) if ty.is_nullable() => {
            Some(Ref::null(ty.heap_type()).into())
        }
        (Value::Extern(number), ValType::Ref(ty)) if matches!(ty.heap_type(), HeapType::Extern) => {
            let reference = ExternRef::new(store, *number);
            let reference = reference.map_err(|source| impassable(engine).with_source(source))?;
            Some(Val::ExternRef(Some(reference)))
        }
        (Value::Any(number), ValType::Ref(ty)) if matches!(ty.heap_type(), HeapType::Any) => {
            let reference = ExternRef::new(&mut store, *number);
            let reference = reference.and_then(|host| AnyRef::convert_extern(&mut store, host));
            let reference = reference.map_err(|source| impassable(engine).with_source(source))?;
            Some(Val::AnyRef(Some(reference)))
        }
        _ => None,
    })
}

/// A value of a guest as a value of core; `None` if core has no such value.
pub(crate) fn to_value(mut store: impl AsContextMut, value: &Val) -> Option<Value> {
    Some(match value {
        Val::I32(value) => Value::I32(value.cast_unsigned()),
        Val::I64(value) => Value::I64(value.cast_unsigned()),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::V128(bits) => Value::V128((*bits).into()),
        Val::FuncRef(Some(_)) => Value::Func,
        Val::ExnRef(Some(_)) => Value::Exception,
        Val::ExternRef(Some(reference)) => match host(&store, reference)? {
            Some(number) => Value::Extern(number),
            None => {
                let reference = AnyRef::convert_extern(&mut store, *reference).ok()?;
                object(&store, &reference)?
            }
        },
        Val::AnyRef(Some(reference)) => match object(&store, reference) {
            Some(object) => object,
            None => {
                let host_reference = ExternRef::convert_any(&mut store, *reference).ok()?;
                Value::Any(host(&store, &host_reference)??)
            }
        },
        other => match other.ref_() {
            Some(reference) if reference.is_null() => Value::Null,
            _ => return None,
        },
    })
}

/// The number of a host reference; `Some(None)` for an object of the guest.
fn host(store: impl AsContext, reference: &Rooted<ExternRef>) -> Option<Option<u32>> {
    match reference.data(store.as_context()).ok()? {
        Some(data) => data.downcast_ref().copied().map(Some),
        None => Some(None),
    }
}

/// An object of the guest.
fn object(store: impl AsContext, reference: &Rooted<AnyRef>) -> Option<Value> {
    if let Some(small) = reference.as_i31(&store).ok()? {
        return Some(Value::I31(small.get_u32()));
    }
    match reference.is_struct(&store).ok()? {
        true => Some(Value::Struct),
        false => reference.is_array(&store).ok()?.then_some(Value::Array),
    }
}

/// Why guest code ended.
#[cold]
pub(crate) fn failure(source: wasmtime::Error) -> Error {
    let error = match source.downcast_ref::<wasmtime::Trap>() {
        // Only the code is kept, because the rest has every frame of the stack.
        Some(code) => return Error::trap(trap(*code)).with_source(*code),
        None if source.is::<Failed>() => Error::new(ErrorKind::HostFunction, Failed.to_string()),
        None if source.is::<ThrownException>() => Error::trap(Trap::UncaughtException),
        None if source.is::<GcHeapOutOfMemory<()>>() => Error::heap_full(),
        None => Error::new(ErrorKind::Engine, "the engine could not run the program"),
    };
    error.with_source(source)
}

/// Why a program could not be instantiated. No guest code runs there, but segments may trap.
#[cold]
pub(crate) fn refusal(source: wasmtime::Error) -> Error {
    let error = match source.downcast_ref::<wasmtime::Trap>() {
        Some(code) => Error::trap(trap(*code)),
        None if source.is::<GcHeapOutOfMemory<()>>() => Error::heap_full(),
        None => Error::new(
            ErrorKind::Engine,
            "the engine could not instantiate the program",
        ),
    };
    error.with_source(source)
}

fn trap(code: wasmtime::Trap) -> Trap {
    match code {
        wasmtime::Trap::BadSignature => Trap::BadSignature,
        wasmtime::Trap::BadConversionToInteger => Trap::BadConversion,
        wasmtime::Trap::IntegerDivisionByZero => Trap::DivideByZero,
        wasmtime::Trap::IntegerOverflow => Trap::IntegerOverflow,
        wasmtime::Trap::Interrupt => Trap::Interrupted,
        wasmtime::Trap::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
        wasmtime::Trap::IndirectCallToNull => Trap::NullElement,
        wasmtime::Trap::NullReference => Trap::NullReference,
        wasmtime::Trap::StackOverflow => Trap::StackOverflow,
        wasmtime::Trap::TableOutOfBounds => Trap::TableOutOfBounds,
        wasmtime::Trap::HeapMisaligned => Trap::UnalignedAtomic,
        wasmtime::Trap::UnreachableCodeReached => Trap::Unreachable,
        wasmtime::Trap::ArrayOutOfBounds => Trap::ArrayOutOfBounds,
        wasmtime::Trap::CastFailure => Trap::CastFailure,
        wasmtime::Trap::AllocationTooLarge => Trap::AllocationTooLarge,
        _ => Trap::Other,
    }
}
