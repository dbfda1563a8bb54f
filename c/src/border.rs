//! Turns pointers from C into slices and texts, and writes results through pointers.
//!
//! Invariants: null is accepted everywhere, with or without a length; no slice is longer than Rust allows; no slice
//! or text is kept after the export returns. A library cannot check that a pointer is valid and that so many bytes
//! are there. The header requires that of the caller.

#![allow(unsafe_code, reason = "the border: see each SAFETY")]

use std::{
    ffi::{CStr, c_char},
    slice,
};

use crate::handles::Handle;

/// Why an argument cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// The address is null.
    Null,
    /// The length exceeds the address space.
    TooLong,
    /// It is not UTF-8. The text is that of the standard library.
    NotText(String),
}

/// A text from C.
pub(crate) type Text<'a> = Result<&'a str, Bad>;

/// An array from C.
pub(crate) type Slice<'a, T> = Result<&'a [T], Bad>;

/// # Safety
/// `text` is null, or a text that ends with NUL and stays as it is for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Text<'a> {
    if text.is_null() {
        return Err(Bad::Null);
    }
    // SAFETY: As the caller promises.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str()
        .map_err(|error| Bad::NotText(error.to_string()))
}

/// As [`text`]; `None` if the address is null.
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn text_or_none<'a>(address: *const c_char) -> Result<Option<&'a str>, Bad> {
    match address.is_null() {
        true => Ok(None),
        // SAFETY: As the caller promises.
        false => unsafe { text(address) }.map(Some),
    }
}

/// An array of `count` values. The address may be null if there are none.
///
/// # Safety
/// `first` is null, or points to `count` values of `T` that do not change during `'a`. A count that exceeds the
/// address space is refused.
pub(crate) unsafe fn slice<'a, T>(first: *const T, count: u64) -> Slice<'a, T> {
    if count == 0 {
        return Ok(&[]);
    }
    if first.is_null() {
        return Err(Bad::Null);
    }
    let bytes = count.checked_mul(size_of::<T>() as u64);
    if bytes.is_none_or(|bytes| bytes > isize::MAX as u64) {
        return Err(Bad::TooLong);
    }
    // SAFETY: As the caller promises; it is not longer than a slice may be, and addresses of values are aligned.
    Ok(unsafe { slice::from_raw_parts(first, count as usize) })
}

/// As [`slice`], but mutable.
///
/// # Safety
/// As [`slice`], and nobody else accesses the values during `'a`.
pub(crate) unsafe fn slice_mut<'a, T>(first: *mut T, count: u64) -> Result<&'a mut [T], Bad> {
    // SAFETY: As the caller promises.
    match unsafe { slice(first, count) }?.len() {
        0 => Ok(&mut []),
        // SAFETY: As before, and there is no other slice.
        length => Ok(unsafe { slice::from_raw_parts_mut(first, length) }),
    }
}

/// Writes a value, unless the address is null.
///
/// # Safety
/// `place` is null, or valid for writing a `T`.
pub(crate) unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: As the caller promises.
        unsafe { place.write(value) };
    }
}

/// A struct whose first field is the size that the caller knows. The bytes beyond it are zero.
///
/// # Safety
/// Every pattern of bits is a value of `T`.
pub(crate) unsafe trait Sized64: Copy {
    /// The struct with all options unset.
    const ZERO: Self;
}

/// Reads a struct that begins with its size. `None` if the address is null.
///
/// # Errors
/// A text, if the struct is smaller than its size field, or if bytes that this library does not know are not zero.
///
/// # Safety
/// `given` is null, or points to a `uint64_t` and, counted from there, as many bytes as it says.
pub(crate) unsafe fn sized<T: Sized64>(given: *const T) -> Result<Option<T>, String> {
    if given.is_null() {
        return Ok(None);
    }
    // SAFETY: As the caller promises.
    let size = unsafe { given.cast::<u64>().read_unaligned() };
    const LARGEST: u64 = 4096;
    if !(8..=LARGEST).contains(&size) {
        return Err(format!(
            "the field `size` is {size}; it has to be the size of the struct"
        ));
    }
    // SAFETY: As the caller promises.
    let bytes = unsafe { slice::from_raw_parts(given.cast::<u8>(), size as usize) };
    let (known, unknown) = bytes.split_at(bytes.len().min(size_of::<T>()));
    if unknown.iter().any(|byte| *byte != 0) {
        return Err("the struct has fields that this version of the library does not know".into());
    }
    let mut value = T::ZERO;
    // SAFETY: A `T` is as many bytes as that, all of which may have any value.
    let place = unsafe { slice::from_raw_parts_mut((&raw mut value).cast::<u8>(), size_of::<T>()) };
    place[..known.len()].copy_from_slice(known);
    Ok(Some(value))
}

/// Options of a plug-in as the header has them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawOptions {
    pub(crate) size: u64,
    pub(crate) flags: u64,
    pub(crate) engine: *const c_char,
    pub(crate) fuel: u64,
    pub(crate) memory_pages: u64,
    pub(crate) table_elements: u64,
    pub(crate) module_bytes: u64,
    pub(crate) compile_cost: u64,
    pub(crate) cache_folder: *const c_char,
    pub(crate) cache_bytes: u64,
    pub(crate) heap_pages: u64,
    pub(crate) forbidden: *const c_char,
}

/// Limits of a call as the header has them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawLimits {
    pub(crate) size: u64,
    pub(crate) flags: u64,
    pub(crate) timeout_ms: u64,
    pub(crate) fuel: u64,
}

// SAFETY: It has numbers and addresses only, without gaps.
unsafe impl Sized64 for RawOptions {
    const ZERO: Self = Self {
        size: 0,
        flags: 0,
        engine: std::ptr::null(),
        fuel: 0,
        memory_pages: 0,
        table_elements: 0,
        module_bytes: 0,
        compile_cost: 0,
        cache_folder: std::ptr::null(),
        cache_bytes: 0,
        heap_pages: 0,
        forbidden: std::ptr::null(),
    };
}

// SAFETY: It has numbers only, without gaps.
unsafe impl Sized64 for RawLimits {
    const ZERO: Self = Self {
        size: 0,
        flags: 0,
        timeout_ms: 0,
        fuel: 0,
    };
}

const _: () = assert!(size_of::<RawOptions>() == 96 && size_of::<RawLimits>() == 32);
// Handles are passed like addresses.
const _: () = assert!(size_of::<Handle>() == size_of::<*const ()>());

impl Bad {
    /// The error message. `what` names the argument.
    pub(crate) fn about(&self, what: &str) -> String {
        match self {
            Self::Null => format!("{what} is NULL"),
            Self::TooLong => format!("{what} is longer than memory can be"),
            Self::NotText(why) => format!("{why}: {what} has to be UTF-8"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::{Bad, RawLimits, Sized64 as _, sized, slice, slice_mut, text, text_or_none};

    #[test]
    fn null_and_lengths_are_understood() {
        let bytes = [1_u8, 2, 3];
        // SAFETY: Null, or three bytes; what is too long is not looked at.
        unsafe {
            assert_eq!(slice(bytes.as_ptr(), 3), Ok(&bytes[..]));
            assert_eq!(slice::<u8>(ptr::null(), 0), Ok(&[][..]));
            assert_eq!(slice::<u8>(ptr::null(), 1), Err(Bad::Null));
            assert_eq!(slice(bytes.as_ptr(), u64::MAX), Err(Bad::TooLong));
            assert_eq!(
                slice(bytes.as_ptr().cast::<u64>(), 1 << 61),
                Err(Bad::TooLong)
            );
            assert_eq!(slice_mut::<u8>(ptr::null_mut(), 1), Err(Bad::Null));
        }
    }

    #[test]
    fn texts_are_utf_8() {
        // SAFETY: Null, or texts that end with NUL.
        unsafe {
            assert_eq!(text(c"name".as_ptr()), Ok("name"));
            assert_eq!(text(ptr::null()), Err(Bad::Null));
            assert_eq!(text_or_none(ptr::null()), Ok(None));
            let wrong = text(c"\xff".as_ptr()).expect_err("it is not UTF-8");
            assert!(
                wrong
                    .about("the name")
                    .starts_with("invalid utf-8 sequence"),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn structs_of_other_versions_are_understood_or_refused() {
        #[repr(C)]
        struct Newer(RawLimits, u64);
        let limits = |size| RawLimits {
            size,
            timeout_ms: 7,
            fuel: 9,
            ..RawLimits::ZERO
        };
        let read = |limits: &RawLimits| {
            // SAFETY: The size is at most that of what lies there.
            unsafe { sized(&raw const *limits) }
        };
        let older = read(&limits(24))
            .expect("it is right")
            .expect("it is there");
        assert_eq!(
            (older.timeout_ms, older.fuel),
            (7, 0),
            "it has no such field"
        );
        for size in [0, 7, 5000] {
            assert!(read(&limits(size)).is_err(), "{size}");
        }
        for (further, right) in [(0, true), (1, false)] {
            let newer = Newer(limits(40), further);
            // SAFETY: It has 40 bytes.
            let read = unsafe { sized((&raw const newer).cast::<RawLimits>()) };
            assert_eq!(read.is_ok(), right);
            assert_eq!(newer.1, further);
        }
    }
}
