//! Calls of guest functions, with checks in between.
//!
//! When a guest has used up its portion of fuel, the call returns to this file; after the check the guest goes on as if
//! nothing had happened, with a new portion.
//!
//! This file does not know what guests are called for, nor what costs fuel. Invariants: wasmi's lock for stacks is taken
//! within a section only; the host's own code runs outside of it.

use polyextism_core::backend::{Error, Failed, Result, pause, resume, section};
use wasmi::{
    CallHook, Engine, Func, ResumableCall, Store, TypedFunc, TypedResumableCall, Val, WasmResults,
};

use crate::{
    conv::{self, Stopped},
    fuel::PORTION,
    instance::State,
    limits,
};

/// A new store, whose guests have their first portion.
pub(crate) fn store(engine: &Engine, state: State) -> Store<State> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limit);
    store.call_hook(|state, hook| {
        match hook {
            CallHook::CallingWasm => state.paused = Some(pause()),
            CallHook::ReturningFromWasm => state.paused.take().into_iter().for_each(resume),
            CallHook::CallingHost | CallHook::ReturningFromHost => {}
        }
        Ok(())
    });
    // Fails if the engine counts none.
    let _is_counted = store.set_fuel(PORTION).is_ok();
    store
}

/// Calls a function without parameters.
///
/// # Errors
/// What the guest ended with.
#[inline]
pub(crate) fn typed<R: WasmResults>(
    store: &mut Store<State>,
    func: &TypedFunc<(), R>,
) -> Result<R> {
    run(store, |store| {
        let mut call = func.call_resumable(&mut *store, ());
        loop {
            match call.map_err(conv::failure)? {
                TypedResumableCall::Finished(results) => return Ok(results),
                TypedResumableCall::HostTrap(_) => return Err(stopped(Failed)),
                TypedResumableCall::OutOfFuel(waiting) => {
                    check(store, waiting.required_fuel())?;
                    call = waiting.resume(&mut *store);
                }
            }
        }
    })
}

/// Calls any function.
///
/// # Errors
/// What the guest ended with.
#[inline]
pub(crate) fn any(
    store: &mut Store<State>,
    func: &Func,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<()> {
    run(store, |store| {
        let mut call = func.call_resumable(&mut *store, arguments, results);
        loop {
            match call.map_err(conv::failure)? {
                ResumableCall::Finished => return Ok(()),
                ResumableCall::HostTrap(_) => return Err(stopped(Failed)),
                ResumableCall::OutOfFuel(waiting) => {
                    check(store, waiting.required_fuel())?;
                    call = waiting.resume(&mut *store, results);
                }
            }
        }
    })
}

/// Runs a guest. wasmi takes a lock for the stack of each call before the guest begins and after it has ended. A
/// fork must not find the lock taken, so the hooks of wasmi pause the section in between.
fn run<T>(
    store: &mut Store<State>,
    call: impl FnOnce(&mut Store<State>) -> Result<T>,
) -> Result<T> {
    section(|| limits::on_enough_stack(|| call(store)))
}

/// Checks on behalf of a guest whether it has to stop. If not, it gets a portion, and what it `required`.
#[cold]
fn check(store: &mut Store<State>, required: u64) -> Result<()> {
    // The check may run any code of the host, as a host function may.
    let paused = pause();
    let checked = store.data_mut().host.check_interrupt();
    resume(paused);
    checked.map_err(stopped)?;
    let filled = store.set_fuel(required.saturating_add(PORTION));
    filled.map_err(conv::failure)
}

#[cold]
fn stopped(failed: Failed) -> Error {
    conv::failure(wasmi::Error::host(Stopped(failed)))
}
