//! The way of a call from Python to the guest and back.
//!
//! It does not know how Python names its arguments. Invariants: the GIL is released while a guest runs;
//! the plug-in is free again before Python code can run that may call it.

use polyextism::{CallLimits, Error, Host, Place as PoolPlace};
use pyo3::{prelude::*, types::PyMemoryView};

use super::Plugin;
use crate::{
    bytes,
    convert::{Input, Parse, Timeout},
    ending,
    error::{self, Place},
    fuel::Fuel,
    functions::Functions,
    signals, stacks,
    turns::{Turn, Turns},
};

impl Plugin {
    /// A live plug-in, and its place if a pool has lent it.
    pub(crate) fn live(
        mut plugin: polyextism::Plugin,
        place: Option<PoolPlace>,
        functions: Functions,
    ) -> Self {
        signals::watch(&mut plugin);
        Self {
            id: plugin.id(),
            cancel: plugin.cancel_handle(),
            engine: plugin.engine(),
            turns: Turns::new(plugin, place),
            functions,
        }
    }

    /// Waits for the live plug-in and takes it.
    pub(super) fn turn(&self, py: Python<'_>) -> PyResult<Turn<'_>> {
        self.turns
            .next(py)?
            .map_err(|failure| self.raise(py, failure, None))
    }

    /// Lends the state of the plug-in on the host's side, between calls.
    pub(crate) fn host<R>(&self, py: Python<'_>, f: impl FnOnce(&mut Host) -> R) -> PyResult<R> {
        Ok(f(self.turn(py)?.live().plugin.host()))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "Python names them where it calls it"
    )]
    pub(super) fn call_here<'py>(
        &self,
        py: Python<'py>,
        function_name: &str,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
        timeout: Option<Timeout>,
        fuel: Option<Fuel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut turn = self.turn(py)?;
        let live = turn.live();
        let limit = timeout.map_or_else(|| live.plugin.timeout(), |timeout| timeout.0);
        signals::arrive(py)?;
        let running = stacks::enter(py)?;
        let running = running.map_err(|failure| self.raise(py, failure, Some(function_name)))?;
        let has_context = host_context.is_some();
        if let Some(context) = host_context {
            live.plugin.host().set_context(Some(Box::new(context)));
        }
        let bytes = data.bytes();
        let output = ending::run_guest(py, || match fuel {
            None => live.call(function_name, bytes, limit),
            Some(Fuel(fuel)) => {
                let timeout = limit;
                live.call_with(function_name, bytes, &CallLimits { timeout, fuel })
            }
        });
        drop(running);
        let output = output.map(|output| bytes::bytes(py, output));
        if has_context {
            live.plugin.host().set_context(None);
        }
        // Whatever comes now may run Python code, which may call again.
        drop(turn);
        let output = output.map_err(|failure| self.raise(py, failure, Some(function_name)))??;
        match parse {
            Parse::Bytes => Ok(output.into_any()),
            Parse::Buffer => Ok(PyMemoryView::from(&output)?.into_any()),
            Parse::With(parse) => parse.call1((output,)),
        }
    }

    #[cold]
    pub(super) fn raise(&self, py: Python<'_>, error: Error, function: Option<&str>) -> PyErr {
        let plugin = Some(self.id);
        error::raise_at(py, error, Place { plugin, function })
    }
}
