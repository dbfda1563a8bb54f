//! Values that cross between guests and explicit host functions, and blocks of plug-in memory.
//!
//! The enumeration `ValType` is in Python (`extism.types`). This module has its numbers, and checks types and ranges
//! of values from Python.

use polyextism::backend::NumType;
use pyo3::{intern, prelude::*, sync::PyOnceLock, types::PyType};

use crate::{
    error, expect,
    field::{Field, Scalar},
};

/// A WebAssembly value and its type, for host functions with an explicit signature.
///
/// Args:
///     t: The type, a `ValType`.
///     v: The value, an `int` or a `float`.
#[pyclass(module = "extism", frozen)]
pub(crate) struct Val {
    pub(crate) t: Field,
    pub(crate) value: Field,
}

#[pymethods]
impl Val {
    #[new]
    fn new(t: &Bound<'_, PyAny>, v: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            t: Field::new(t)?,
            value: Field::new(v)?,
        })
    }

    /// The type, a `ValType`.
    #[getter]
    fn t<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.t.get(py)
    }

    #[setter]
    fn set_t(&self, t: &Bound<'_, PyAny>) -> PyResult<()> {
        self.t.set(t)
    }

    /// The value, an `int` or a `float`.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.value.get(py)
    }

    #[setter]
    fn set_value(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.value.set(value)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (t, value) = (self.t.get(py)?, self.value.get(py)?.repr()?);
        match t.getattr(intern!(py, "name")) {
            Ok(name) => Ok(format!("Val(ValType.{name}, {value})")),
            // The attribute accepts any object.
            Err(_) => Ok(format!("Val({}, {value})", t.str()?)),
        }
    }

    fn __eq__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (py, this) = (slf.py(), slf.get());
        match other.cast::<Self>() {
            // Also if it contains a NaN, as for Python's own containers.
            Ok(other) if other.is(slf) => Ok(true),
            Ok(other) => {
                let other = other.get();
                Ok(this.t.get(py)?.eq(other.t.get(py)?)?
                    && this.value.get(py)?.eq(other.value.get(py)?)?)
            }
            Err(_) => Ok(false),
        }
    }
}

/// A block of plug-in memory: where it starts and how long it is.
///
/// Args:
///     offs: The offset, which is also the handle of the block.
///     length: Its length in bytes.
#[pyclass(module = "extism", frozen, get_all)]
pub(crate) struct Memory {
    /// The offset, which is also the handle of the block.
    pub(crate) offset: u64,
    /// Its length in bytes.
    pub(crate) length: u64,
}

#[pymethods]
impl Memory {
    #[new]
    fn new(
        #[pyo3(from_py_with = expect::offs)] offs: u64,
        #[pyo3(from_py_with = expect::length)] length: u64,
    ) -> Self {
        Self {
            offset: offs,
            length,
        }
    }

    fn __len__(&self) -> usize {
        self.length as usize
    }

    /// An empty block is still a block.
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(&self) -> String {
        format!("Memory({}, {})", self.offset, self.length)
    }
}

/// The declared type of a parameter or result of a host function.
///
/// # Errors
/// `ArgumentError` if `ty` is not a `ValType` that host functions can have; `what` names it.
pub(crate) fn num_type(ty: &Bound<'_, PyAny>, what: impl Fn() -> String) -> PyResult<NumType> {
    let allowed = "host functions take and return I32, I64, F32 and F64 only";
    match ty.extract::<u8>() {
        Ok(0) => Ok(NumType::I32),
        Ok(1) => Ok(NumType::I64),
        Ok(2) => Ok(NumType::F32),
        Ok(3) => Ok(NumType::F64),
        _ => {
            let found = ty.str()?;
            let message = format!("{} has the type {found}; {allowed}", what());
            Err(error::argument(ty.py(), message))
        }
    }
}

/// The `ValType` of a number type.
pub(crate) fn val_type(py: Python<'_>, ty: NumType) -> PyResult<&Py<PyAny>> {
    static MEMBERS: PyOnceLock<[Py<PyAny>; 4]> = PyOnceLock::new();
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let members = MEMBERS.get_or_try_init(py, || {
        let class = CLASS.import(py, "extism.types", "ValType")?;
        let member = |number: u8| PyResult::Ok(class.call1((number,))?.unbind());
        PyResult::Ok([member(0)?, member(1)?, member(2)?, member(3)?])
    })?;
    Ok(&members[match ty {
        NumType::I32 => 0,
        NumType::I64 => 1,
        NumType::F32 => 2,
        NumType::F64 => 3,
    }])
}

/// The Python number in a slot. Integers are signed.
pub(crate) fn load(py: Python<'_>, ty: NumType, slot: u64) -> PyResult<Bound<'_, PyAny>> {
    Scalar::load(ty, slot).to_object(py)
}

/// The slot for a Python number, or `None` if it does not fit the type.
pub(crate) fn store(ty: NumType, value: &Bound<'_, PyAny>) -> Option<u64> {
    let scalar = match ty {
        NumType::I32 => Scalar::Int(value.extract().ok()?),
        NumType::I64 => return handle(value),
        NumType::F32 | NumType::F64 => Scalar::Float(value.extract().ok()?),
    };
    scalar.store(ty)
}

/// A 64-bit integer, signed or unsigned.
pub(crate) fn handle(value: &Bound<'_, PyAny>) -> Option<u64> {
    let signed = value.extract::<i64>().map(|value| value as u64);
    signed.or_else(|_| value.extract::<u64>()).ok()
}

/// The numbers that [`store`] accepts, for messages.
pub(crate) fn allowed(ty: NumType) -> &'static str {
    match ty {
        NumType::I32 => "integers from -2147483648 to 4294967295",
        NumType::I64 => "integers from -9223372036854775808 to 18446744073709551615",
        NumType::F32 => "numbers that are not too large for a 32-bit float",
        NumType::F64 => "numbers",
    }
}
