//! Panics of engines and host functions, made errors: none crosses the waist.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::error::{Error, ErrorKind, Result};

/// Runs a step of an engine; a panic of it becomes an error of kind `Engine`.
pub(crate) fn catch<T>(doing: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|panic| {
        let message = format!("the engine panicked while {doing}");
        Err(Error::new(ErrorKind::Engine, message).with_source(text(panic.as_ref())))
    })
}

/// What a panic says.
pub(crate) fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
