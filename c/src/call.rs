//! Calls of plug-ins.
//!
//! Invariant: when a call returns, its outcome is in the record of its thread, also if the call was refused.

use std::{ffi::c_void, time::Duration};

use polyextism::{CallLimits, Error, ErrorKind};

use crate::{
    border::{Bad, Slice, Text},
    current,
    handles::Handle,
    outcome::Outcome,
    plugin::{Live, PLUGINS, PluginCell},
    record,
};

/// The result of a call that cannot begin.
pub(crate) const CLOSED: i32 = -1;

/// The arguments of a call from C.
pub(crate) struct Request<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) input: Slice<'a, u8>,
    pub(crate) context: *mut c_void,
    /// `Err` is the error message.
    pub(crate) limits: Result<Option<Limits>, String>,
}

/// The limits of one call. Those that are not set are the plug-in's.
#[derive(Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) fuel: Option<u64>,
}

/// Calls a function and returns its code.
#[inline]
pub(crate) fn call(plugin: Handle, request: Request<'_>) -> i32 {
    let Some(cell) = PLUGINS.get(plugin) else {
        return CLOSED;
    };
    record::begin(plugin);
    let (name, input) = match (&request.name, &request.input) {
        (Ok(name), Ok(input)) => (*name, *input),
        (Err(bad), _) => return refuse(plugin, bad, "the name of the function"),
        (_, Err(bad)) => return refuse(plugin, bad, "the input"),
    };
    let limits = match request.limits {
        Ok(limits) => limits,
        Err(text) => return end(plugin, &Outcome::refused(ErrorKind::Argument, text)),
    };
    let mut turn = match cell.turns.take() {
        Ok(turn) => turn,
        Err(error) => return fail(plugin, name, &error),
    };
    cell.count_call();
    run(
        plugin,
        &cell,
        &mut turn,
        (name, input),
        request.context,
        limits,
    )
}

fn run(
    plugin: Handle,
    cell: &PluginCell,
    live: &mut Live,
    (name, input): (&str, &[u8]),
    context: *mut c_void,
    limits: Option<Limits>,
) -> i32 {
    let Live {
        plugin: guest,
        last,
        counts_fuel,
    } = live;
    let outcome = current::within(context, cell.steady, || match limits {
        None => guest.call(name, input),
        Some(limits) => {
            let function = guest.function(name)?;
            let timeout = limits.timeout_ms.map(Duration::from_millis);
            let limits = CallLimits::default()
                .with_timeout(timeout.or_else(|| guest.timeout()))
                .with_fuel(limits.fuel.or_else(|| guest.fuel()));
            guest.call_with(function, input, &limits)
        }
    });
    match outcome {
        Ok(output) if !*counts_fuel => {
            *last = Outcome::SUCCESS;
            record::end(plugin, &Outcome::SUCCESS, output, None)
        }
        Ok(_) => settle(plugin, live, Outcome::SUCCESS),
        Err(error) => {
            tracing::error!(target: "extism::plugin", "call of `{name}` failed: {error}");
            settle(plugin, live, Outcome::failed(name, &error))
        }
    }
}

/// The slow ends of a call.
#[cold]
fn settle(plugin: Handle, live: &mut Live, outcome: Outcome) -> i32 {
    let fuel = live.fuel_used();
    let output = match outcome.returned {
        true => live.plugin.output(),
        false => &[],
    };
    let code = record::end(plugin, &outcome, output, fuel);
    live.last = outcome;
    code
}

#[cold]
fn refuse(plugin: Handle, bad: &Bad, what: &str) -> i32 {
    end(
        plugin,
        &Outcome::refused(ErrorKind::Argument, bad.about(what)),
    )
}

#[cold]
fn fail(plugin: Handle, name: &str, error: &Error) -> i32 {
    tracing::error!(target: "extism::plugin", "call of `{name}` failed: {error}");
    end(plugin, &Outcome::failed(name, error))
}

/// Ends a call that did not reach the plug-in.
fn end(plugin: Handle, outcome: &Outcome) -> i32 {
    record::end(plugin, outcome, &[], None)
}
