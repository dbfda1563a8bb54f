//! Calls host functions that are written in C, and owns their user data.
//!
//! It does not know what the functions do with their handle. Invariants: a function runs on the thread of the call;
//! its user data is freed once, when nothing can call the function any more; results are read as the declared types,
//! whatever type tags the function writes.
//!
//! A foreign exception that leaves the function ends the process, because Rust does not catch foreign exceptions. A
//! `longjmp` over our frames is undefined behaviour.

#![allow(
    unsafe_code,
    reason = "it calls addresses that C hands over: see each SAFETY"
)]

use std::ffi::{c_int, c_void};

use polyextism::{Caller, Error, ErrorKind, NumType, Result};

use crate::{current, handles::Handle};

/// A value as the header has it.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Value {
    tag: c_int,
    gap: u32,
    /// The union. All supported targets are little-endian: the first four bytes of an integer are its low ones.
    bits: u64,
}

const _: () = assert!(size_of::<Value>() == 16 && cfg!(target_endian = "little"));

/// A host function at an address.
pub(crate) type Body =
    unsafe extern "C-unwind" fn(Handle, *const Value, u64, *mut Value, u64, *mut c_void);

/// The function that frees user data.
pub(crate) type FreeData = unsafe extern "C" fn(*mut c_void);

/// The function that receives a log line.
pub(crate) type TakeLine = unsafe extern "C" fn(*const std::ffi::c_char, u64);

/// A host function with its user data.
pub(crate) struct Callback {
    body: Body,
    data: Data,
    values: Values,
    params: usize,
    count: usize,
    /// The bits of each result that are used.
    masks: Box<[u64]>,
}

/// The most values that need no allocation.
const FEW: usize = 8;

/// Parameters, then results, with types and zero values. Each call begins with a copy.
enum Values {
    /// Always full, because one copy of a fixed size is fast.
    Few([Value; FEW]),
    Many(Box<[Value]>),
}

/// The user data of a host function, freed when this is dropped.
struct Data {
    data: *mut c_void,
    free: Option<FreeData>,
}

// SAFETY: The header asks that the function and what it owns may be used, and freed, by any thread that makes, calls
// or frees a plug-in.
unsafe impl Send for Data {}
// SAFETY: Likewise.
unsafe impl Sync for Data {}

impl Drop for Data {
    fn drop(&mut self) {
        if let (Some(free), false) = (self.free, self.data.is_null()) {
            // SAFETY: As `Callback::new` was promised; nobody has the data any more, and this runs once.
            unsafe { free(self.data) };
        }
    }
}

impl Callback {
    /// # Safety
    /// `body` is a function of that type, which any thread may call with `data`; `free` is one that any thread may
    /// call with `data` once, after which nobody uses it.
    pub(crate) unsafe fn new(
        body: Body,
        data: *mut c_void,
        free: Option<FreeData>,
        (params, results): (Box<[NumType]>, Box<[NumType]>),
    ) -> Self {
        let value = |ty: &NumType| Value {
            tag: tag(*ty),
            ..Value::default()
        };
        let mask = |ty: &NumType| match ty {
            NumType::I32 | NumType::F32 => u64::from(u32::MAX),
            NumType::I64 | NumType::F64 => u64::MAX,
        };
        let all: Box<[Value]> = params.iter().chain(&results).map(value).collect();
        let mut few = [Value::default(); FEW];
        Self {
            body,
            data: Data { data, free },
            count: all.len(),
            values: match few.get_mut(..all.len()) {
                Some(part) => {
                    part.copy_from_slice(&all);
                    Values::Few(few)
                }
                None => Values::Many(all),
            },
            params: params.len(),
            masks: results.iter().map(mask).collect(),
        }
    }

    /// Drops the function without freeing its user data, which the caller keeps.
    pub(crate) fn give_back(mut self) {
        self.data.free = None;
    }

    /// Calls the function. `slots` contains the parameters, then the results.
    ///
    /// # Errors
    /// `HostFunction`, with the error text of the function.
    pub(crate) fn call(&self, caller: Caller<'_>, slots: &mut [u64]) -> Result<()> {
        match &self.values {
            Values::Few(few) => {
                let mut values = *few;
                self.call_with(caller, slots, &mut values[..self.count])
            }
            Values::Many(many) => self.call_with(caller, slots, &mut many.to_vec()),
        }
    }

    #[inline]
    fn call_with(&self, caller: Caller<'_>, slots: &mut [u64], values: &mut [Value]) -> Result<()> {
        let (params, results) = values.split_at_mut(self.params);
        for (value, slot) in params.iter_mut().zip(&*slots) {
            value.bits = *slot;
        }
        let ended = current::enter(caller, |handle| {
            let (input, output) = (address(params), address(results));
            let (inputs, outputs) = (params.len() as u64, results.len() as u64);
            // SAFETY: As `new` was promised. The values are there, and nobody else has them meanwhile.
            unsafe { (self.body)(handle, input, inputs, output, outputs, self.data.data) };
        });
        for ((slot, value), mask) in slots.iter_mut().zip(results).zip(&self.masks) {
            *slot = value.bits & mask;
        }
        ended.map_err(|text| Error::new(ErrorKind::HostFunction, text))
    }
}

/// The address of the values; null if there are none.
fn address(values: &mut [Value]) -> *mut Value {
    match values {
        [] => std::ptr::null_mut(),
        values => values.as_mut_ptr(),
    }
}

/// The number of a type.
fn tag(ty: NumType) -> c_int {
    match ty {
        NumType::I32 => 0,
        NumType::I64 => 1,
        NumType::F32 => 2,
        NumType::F64 => 3,
    }
}

/// The type of a number.
pub(crate) fn num_type(tag: c_int) -> Option<NumType> {
    let types = [NumType::I32, NumType::I64, NumType::F32, NumType::F64];
    types.into_iter().find(|ty| self::tag(*ty) == tag)
}

/// Passes a line to C.
///
/// # Safety
/// `take` is a function of that type.
pub(crate) unsafe fn hand_line(take: TakeLine, line: &std::ffi::CStr) {
    let length = line.count_bytes() as u64;
    // SAFETY: As the caller promises; the line is there until it returns.
    unsafe { take(line.as_ptr(), length) };
}
