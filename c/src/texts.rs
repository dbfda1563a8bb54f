//! Error texts that callers own until they free them.
//!
//! Invariant: each text is freed at most once; freeing any other address does nothing. Each process has its own list,
//! so a fork leaves no lock behind.

use std::{
    collections::HashMap,
    ffi::{CStr, CString, c_char},
    mem,
    sync::{Mutex, PoisonError},
};

use polyextism::backend::PerProcess;

static TEXTS: PerProcess<Mutex<HashMap<usize, CString>>> = PerProcess::new();

/// The text as a C string, cut at the first NUL.
pub(crate) fn c_text(text: impl Into<Vec<u8>>) -> CString {
    let mut bytes = text.into();
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    CString::new(bytes).unwrap_or_default()
}

/// Returns the address of a text, which is valid until [`free`] gets it.
pub(crate) fn hand_out(text: String) -> *const c_char {
    let text = c_text(text);
    let address = text.as_ptr();
    let mut texts = TEXTS.own().lock().unwrap_or_else(PoisonError::into_inner);
    // An older text at this address was freed with C's `free`, against the rules, so it is not ours any more.
    mem::forget(texts.insert(address.addr(), text));
    address
}

/// Frees a text. Returns whether there was one.
pub(crate) fn free(address: *const c_char) -> bool {
    let mut texts = TEXTS.own().lock().unwrap_or_else(PoisonError::into_inner);
    texts.remove(&address.addr()).is_some()
}

/// A text that the library never frees.
pub(crate) const fn version() -> &'static CStr {
    match CStr::from_bytes_with_nul(
        concat!("1.41.0+polyextism.", env!("CARGO_PKG_VERSION"), "\0").as_bytes(),
    ) {
        Ok(version) => version,
        Err(_) => panic!("the version has no NUL but the last"),
    }
}

#[cfg(test)]
mod tests {
    use super::{c_text, free, hand_out};

    #[test]
    fn a_text_is_freed_once() {
        let text = hand_out("why".to_owned());
        assert!(free(text));
        assert!(!free(text));
        assert!(!free(std::ptr::null()));
        assert!(!free(c"not ours".as_ptr()));
    }

    #[test]
    fn a_text_ends_at_its_first_nul() {
        assert_eq!(c_text("one\0two").as_c_str(), c"one");
        assert_eq!(c_text(vec![0xff]).as_bytes(), [0xff]);
    }
}
