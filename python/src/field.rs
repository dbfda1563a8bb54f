//! An attribute of a `Val`, to which Python code can assign any object.
//!
//! Nearly all are numbers, which host calls read and write. A number is stored as bits, without an object and without
//! a lock; any other object is behind a lock. PyO3 can guard attributes too, by an atomic flag for each access, which
//! took a seventh of a host call.
//!
//! Invariant: fields are accessed with the GIL only, so kind and bits belong together. No lock is held while Python
//! code runs.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
};

use polyextism::backend::NumType;
use pyo3::{
    prelude::*,
    types::{PyFloat, PyInt},
};

use crate::value;

/// What a field stores as bits.
#[derive(Clone, Copy)]
pub(crate) enum Scalar {
    Int(i64),
    Float(f64),
    /// A member of `ValType`.
    Type(NumType),
}

pub(crate) struct Field {
    kind: AtomicU8,
    /// The bits of a scalar.
    bits: AtomicU64,
    /// An object that is not a scalar.
    object: Mutex<Option<Py<PyAny>>>,
}

const INT: u8 = 0;
const FLOAT: u8 = 1;
const TYPE: u8 = 2;
const OBJECT: u8 = 3;

/// In the order of their numbers.
const TYPES: [NumType; 4] = [NumType::I32, NumType::I64, NumType::F32, NumType::F64];

impl Scalar {
    /// The number in a slot. Integers are signed.
    pub(crate) fn load(ty: NumType, slot: u64) -> Self {
        match ty {
            NumType::I32 => Self::Int(i64::from(slot as i32)),
            NumType::I64 => Self::Int(slot as i64),
            NumType::F32 => Self::Float(f64::from(f32::from_bits(slot as u32))),
            NumType::F64 => Self::Float(f64::from_bits(slot)),
        }
    }

    /// The slot for an integer of an integer type or a float of a float type, if it fits.
    pub(crate) fn store(self, ty: NumType) -> Option<u64> {
        match (ty, self) {
            (NumType::I32, Self::Int(value)) => {
                let fits = (i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(&value);
                fits.then_some(u64::from(value as u32))
            }
            (NumType::I64, Self::Int(value)) => Some(value as u64),
            (NumType::F32, Self::Float(value)) => {
                let narrow = value as f32;
                let fits = narrow.is_finite() || !value.is_finite();
                fits.then_some(u64::from(narrow.to_bits()))
            }
            (NumType::F64, Self::Float(value)) => Some(value.to_bits()),
            _ => None,
        }
    }

    pub(crate) fn to_object(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(match self {
            Self::Int(value) => value.into_pyobject(py)?.into_any(),
            Self::Float(value) => value.into_pyobject(py)?.into_any(),
            Self::Type(ty) => value::val_type(py, ty)?.bind(py).clone(),
        })
    }

    /// `None` if the object is of another type, or does not fit.
    fn of(object: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        if object.is_exact_instance_of::<PyInt>() {
            return Ok(object.extract().ok().map(Self::Int));
        }
        if object.is_exact_instance_of::<PyFloat>() {
            return Ok(Some(Self::Float(object.extract()?)));
        }
        for ty in TYPES {
            if object.is(value::val_type(object.py(), ty)?) {
                return Ok(Some(Self::Type(ty)));
            }
        }
        Ok(None)
    }
}

impl From<Scalar> for Field {
    fn from(scalar: Scalar) -> Self {
        let (kind, bits) = encode(scalar);
        Self {
            kind: AtomicU8::new(kind),
            bits: AtomicU64::new(bits),
            object: Mutex::new(None),
        }
    }
}

impl Field {
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let field = Self::from(Scalar::Int(0));
        field.set(object)?;
        Ok(field)
    }

    pub(crate) fn set(&self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Some(scalar) = Scalar::of(object)? {
            self.set_scalar(scalar);
            return Ok(());
        }
        let old = self.lock().replace(object.clone().unbind());
        self.kind.store(OBJECT, Relaxed);
        drop(old);
        Ok(())
    }

    #[inline]
    pub(crate) fn set_scalar(&self, scalar: Scalar) {
        let (kind, bits) = encode(scalar);
        let old = self.kind.load(Relaxed);
        self.kind.store(kind, Relaxed);
        self.bits.store(bits, Relaxed);
        if old == OBJECT {
            self.drop_object();
        }
    }

    #[cold]
    fn drop_object(&self) {
        let old = self.lock().take();
        // After the lock is free, because dropping it may run any Python code.
        drop(old);
    }

    /// `None` if it has an object of another type.
    #[inline]
    pub(crate) fn scalar(&self) -> Option<Scalar> {
        let bits = self.bits.load(Relaxed);
        Some(match self.kind.load(Relaxed) {
            INT => Scalar::Int(bits as i64),
            FLOAT => Scalar::Float(f64::from_bits(bits)),
            TYPE => Scalar::Type(TYPES[bits as usize]),
            _ => return None,
        })
    }

    pub(crate) fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.scalar() {
            Some(scalar) => scalar.to_object(py),
            None => {
                let object = self.lock().as_ref().map(|object| object.clone_ref(py));
                Ok(object.expect("the kind says so").into_bound(py))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.object.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encode(scalar: Scalar) -> (u8, u64) {
    match scalar {
        Scalar::Int(value) => (INT, value as u64),
        Scalar::Float(value) => (FLOAT, value.to_bits()),
        Scalar::Type(ty) => (TYPE, ty as u64),
    }
}
