//! The functions of `extism:host/env` that the host serves itself (docs/abi.md, "Builtins"); the kernel serves
//! the others.
//!
//! One table: name, parameters, results, body. Each body gets handles of blocks of the kernel
//! memory; [`argument`] looks at them in one place. The bodies know no engine and no module.
//!
//! Invariant: how long an argument may be is decided before it is copied.

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

/// The host's functions of `extism:host/env`, by name.
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

/// The function of that name, if there is one. Made once for the process: they have no state.
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

/// The length of an argument in bytes, to be looked at before [`Argument::take`] copies it. The null handle is
/// empty; any other offset must be the start of a live block. The caller frees it when its result is allocated, so
/// that the result never takes the place of the argument: older language kits free arguments once more.
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

/// A block that a guest hands over.
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

    /// Copies what there is of its first `most` bytes.
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
