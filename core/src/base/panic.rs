//! Turns panics of engines and host functions into errors. No panic crosses the traits of `engine`.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::base::error::{Error, ErrorKind, Result};

/// Runs a step of an engine. A panic becomes an error of kind `EnginePanic`.
#[inline]
pub(crate) fn catch<T>(doing: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(outcome) => outcome,
        Err(panic) => Err(panicked(doing, panic.as_ref())),
    }
}

#[cold]
fn panicked(doing: &str, panic: &(dyn Any + Send)) -> Error {
    let message = format!("the engine panicked while {doing}");
    Error::new(ErrorKind::EnginePanic, message).with_source(text(panic))
}

/// The message of a panic.
pub(crate) fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
