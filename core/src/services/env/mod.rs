//! The functions of `extism:host/env` that the host implements (docs/abi.md, "Builtins"). The kernel implements the
//! others.
//!
//! One table: name, parameters, results, body. Bodies get handles of blocks of the kernel memory, which
//! [`argument`] checks. They know no engine and no module.
//!
//! Invariant: the length of an argument is checked before it is copied.

mod config;
mod http;
mod log;
mod vars;

use std::sync::{Arc, LazyLock};

use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        types::{
            NumType::{self, I32, I64},
            Signature,
        },
    },
    kernel::{caller::Caller, host_function::HostFunc, taken},
};

type Body = fn(&mut Caller<'_>, &mut [u64]) -> Result<()>;
type Row = (&'static str, &'static [NumType], &'static [NumType], Body);

/// The functions, by name.
const TABLE: &[Row] = &[
    ("config_get", &[I64], &[I64], config::get),
    ("get_log_level", &[], &[I32], log::level),
    ("http_headers", &[], &[I64], http::headers),
    ("http_request", &[I64, I64], &[I64], http::request),
    ("http_status_code", &[], &[I32], http::status_code),
    ("log_debug", &[I64], &[], log::debug),
    ("log_error", &[I64], &[], log::error),
    ("log_info", &[I64], &[], log::info),
    ("log_trace", &[I64], &[], log::trace),
    ("log_warn", &[I64], &[], log::warn),
    ("var_get", &[I64], &[I64], vars::get),
    ("var_set", &[I64, I64], &[], vars::set),
];

/// The function of this name, if there is one. Functions have no state and are made once for the process.
pub(crate) fn function(name: &str) -> Option<&'static Arc<HostFunc>> {
    static FUNCTIONS: LazyLock<Vec<Arc<HostFunc>>> = LazyLock::new(|| {
        let make = |&(name, params, results, body): &Row| {
            let body =
                Box::new(move |mut caller: Caller<'_>, slots: &mut [u64]| body(&mut caller, slots));
            HostFunc::new(name, Signature::new(params, results), body)
        };
        TABLE.iter().map(make).collect()
    });
    let position = TABLE.iter().position(|row| row.0 == name)?;
    Some(&FUNCTIONS[position])
}

/// The names of the functions, for messages and tests.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.0)
}

/// Checks a handle. [`Argument::take`] copies its block. The null handle is empty; any other offset must be the
/// start of a live block. The caller frees the block after it has allocated the result, so that the result never
/// has the address of the argument: older language kits free arguments a second time.
fn argument<'a>(
    caller: &mut Caller<'_>,
    function: &'a str,
    what: &'a str,
    offset: u64,
) -> Result<Argument<'a>> {
    if offset != 0 && caller.length(offset) == 0 {
        return Err(failed(
            function,
            format_args!("the {what} is not a block of the kernel memory: {offset}"),
        ));
    }
    Ok(Argument {
        function,
        what,
        offset,
        length: caller.read(offset).len(),
    })
}

/// A block that a guest passes.
struct Argument<'a> {
    function: &'a str,
    what: &'a str,
    offset: u64,
    length: usize,
}

impl Argument<'_> {
    /// Copies it.
    fn take(&self, caller: &mut Caller<'_>) -> Result<Vec<u8>> {
        self.start(caller, self.length)
    }

    /// Copies at most its first `most` bytes.
    fn start(&self, caller: &mut Caller<'_>, most: usize) -> Result<Vec<u8>> {
        let Self { function, what, .. } = self;
        let subject = format_args!("`{function}`: the {what}");
        taken::block(caller, self.offset, most, subject)
    }

    /// Copies it, as text.
    fn text(&self, caller: &mut Caller<'_>) -> Result<String> {
        String::from_utf8(self.take(caller)?).map_err(|error| {
            let what = self.what;
            failed(
                self.function,
                format_args!("the {what} is not UTF-8: {error}"),
            )
        })
    }
}

/// Allocates `result`, then frees the block of `argument`.
fn answer(caller: &mut Caller<'_>, result: &[u8], argument: u64) -> Result<u64> {
    let offset = caller.write(result)?;
    caller.free(argument);
    Ok(offset)
}

#[cold]
fn failed(function: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::HostFunction, format!("`{function}`: {why}"))
}
