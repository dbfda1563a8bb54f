//! The path of a call from Python to the guest and back.
//!
//! It does not know the names of arguments in Python. Invariants: the GIL is released while a guest runs; the plug-in
//! is released before any Python code runs that may call it again.

use polyextism::{CallLimits, Error, FunctionHandle, Host, Permit};
use pyo3::{prelude::*, types::PyMemoryView};

use super::Plugin;
use crate::{
    bytes,
    contents::Origin,
    convert::{Input, Parse, Timeout},
    ending,
    error::{self, CallSite},
    fuel::Fuel,
    functions::Functions,
    signals, stacks,
    ticket::{Begun, Ticket},
    turns::{Live, Turn, Turns},
};

/// The function to call. It is generic, so that the compiler optimises the path of a call for each kind of callee.
pub(crate) trait Callee: Copy + Send + Sync {
    /// The name of the function.
    fn name(&self) -> &str;

    /// Its handle in the live plug-in.
    fn find(&self, live: &mut Live) -> polyextism::Result<FunctionHandle>;
}

/// A function by name. Most calls are of this kind.
#[derive(Clone, Copy)]
pub(super) struct Named<'a>(pub(super) &'a str);

impl Callee for Named<'_> {
    fn name(&self) -> &str {
        self.0
    }

    #[inline]
    fn find(&self, live: &mut Live) -> polyextism::Result<FunctionHandle> {
        live.handle(self.0)
    }
}

/// A function that was looked up once.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) name: &'a str,
    pub(crate) handle: FunctionHandle,
}

impl Callee for Found<'_> {
    fn name(&self) -> &str {
        self.name
    }

    #[inline]
    fn find(&self, _: &mut Live) -> polyextism::Result<FunctionHandle> {
        Ok(self.handle)
    }
}

/// A function that may have been looked up.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) name: &'a str,
    pub(crate) handle: Option<FunctionHandle>,
}

impl Callee for Known<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn find(&self, live: &mut Live) -> polyextism::Result<FunctionHandle> {
        match self.handle {
            Some(handle) => Ok(handle),
            None => live.handle(self.name),
        }
    }
}

impl Plugin {
    /// A live plug-in, and its permit if a pool has lent it.
    pub(crate) fn live(
        mut plugin: polyextism::Plugin,
        permit: Option<Permit>,
        functions: Functions,
        origin: Origin,
    ) -> Self {
        signals::watch(&mut plugin);
        Self {
            id: plugin.id(),
            cancel: plugin.cancel_handle(),
            engine: plugin.engine(),
            turns: Turns::new(plugin, permit),
            functions,
            origin,
        }
    }

    /// Waits for the live plug-in and takes it.
    pub(super) fn turn(&self, py: Python<'_>) -> PyResult<Turn<'_>> {
        self.turn_within(py, None)
    }

    /// As [`turn`](Self::turn), but waits no longer than a call may take.
    #[inline]
    fn turn_within(&self, py: Python<'_>, limit: Option<Timeout>) -> PyResult<Turn<'_>> {
        self.turns
            .next(py, limit.and_then(|limit| limit.0))?
            .map_err(|failure| self.raise(py, failure, None))
    }

    /// Runs `f` with the host state of the plug-in, between calls.
    pub(crate) fn host<R>(&self, py: Python<'_>, f: impl FnOnce(&mut Host) -> R) -> PyResult<R> {
        Ok(f(self.turn(py)?.live().plugin.host()))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "Python names them where it calls it"
    )]
    #[inline(always)]
    pub(crate) fn call_here<'py>(
        &self,
        py: Python<'py>,
        callee: impl Callee,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
        timeout: Option<Timeout>,
        fuel: Option<Fuel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let turn = self.turn_within(py, timeout)?;
        self.call_in(
            py,
            turn,
            None,
            callee,
            data,
            parse,
            host_context,
            timeout,
            fuel,
        )
    }

    /// As [`call_here`](Self::call_here), but not inlined: rare kinds of calls share one copy.
    #[expect(
        clippy::too_many_arguments,
        reason = "Python names them where it calls it"
    )]
    pub(crate) fn call_known<'py>(
        &self,
        py: Python<'py>,
        callee: Known<'_>,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
        timeout: Option<Timeout>,
        fuel: Option<Fuel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let ticket = None;
        self.call_until(py, ticket, callee, data, parse, host_context, timeout, fuel)
    }

    /// Calls with a ticket, which can cancel the call before it begins and while it runs.
    #[expect(
        clippy::too_many_arguments,
        reason = "Python names them where it calls it"
    )]
    #[inline(never)]
    pub(super) fn call_until<'py>(
        &self,
        py: Python<'py>,
        ticket: Option<&Ticket>,
        callee: Known<'_>,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
        timeout: Option<Timeout>,
        fuel: Option<Fuel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let turn = self.turn_within(py, timeout)?;
        let begun = ticket.map(|ticket| ticket.begin(&self.cancel)).transpose();
        let begun = begun.map_err(|failure| self.raise(py, failure, Some(callee.name())))?;
        self.call_in(
            py,
            turn,
            begun,
            callee,
            data,
            parse,
            host_context,
            timeout,
            fuel,
        )
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "Python names them where it calls it"
    )]
    #[inline(always)]
    fn call_in<'py>(
        &self,
        py: Python<'py>,
        mut turn: Turn<'_>,
        begun: Option<Begun<'_>>,
        callee: impl Callee,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
        timeout: Option<Timeout>,
        fuel: Option<Fuel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let live = turn.live();
        let limit = timeout.map_or_else(|| live.plugin.timeout(), |timeout| timeout.0);
        signals::arrive(py)?;
        let running = stacks::enter(py)?;
        let running = running.map_err(|failure| self.raise(py, failure, Some(callee.name())))?;
        let has_context = host_context.is_some();
        if let Some(context) = host_context {
            live.plugin.host().set_context(Some(Box::new(context)));
        }
        let bytes = data.bytes();
        let output = ending::run_guest(py, || match fuel {
            None => {
                let handle = callee.find(live)?;
                live.plugin.call_within(handle, bytes, limit)
            }
            Some(Fuel(fuel)) => {
                let limits = CallLimits::default().with_timeout(limit).with_fuel(fuel);
                limited(live, callee, bytes, &limits)
            }
        });
        drop(running);
        let output = output.map(|output| bytes::bytes(py, output));
        if has_context {
            live.plugin.host().set_context(None);
        }
        // After this, the ticket cannot cancel another call.
        drop(begun);
        // The following may run Python code, which may call the plug-in again.
        drop(turn);
        let output = output.map_err(|failure| self.raise(py, failure, Some(callee.name())))??;
        match parse {
            Parse::Bytes => Ok(output.into_any()),
            Parse::Buffer => Ok(PyMemoryView::from(&output)?.into_any()),
            Parse::With(parse) => parse.call1((output,)),
        }
    }

    #[cold]
    pub(super) fn raise(&self, py: Python<'_>, error: Error, function: Option<&str>) -> PyErr {
        let plugin = Some(self.id);
        error::raise_at(py, error, CallSite { plugin, function })
    }
}

/// Calls with all limits. A separate function, so that calls without fuel stay short.
#[inline(never)]
fn limited<'a>(
    live: &'a mut Live,
    callee: impl Callee,
    input: &[u8],
    limits: &CallLimits,
) -> polyextism::Result<&'a [u8]> {
    let handle = callee.find(live)?;
    live.plugin.call_with(handle, input, limits)
}
