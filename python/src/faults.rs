//! Keeps the signal handlers of engines above those of `faulthandler` and `signal.signal`.
//!
//! Engines catch the traps of guests by handlers of fatal signals. `faulthandler` takes the same signals for crashes:
//! if it is enabled after an engine has installed its handlers, it ends the process at the next trap; if it is
//! disabled, it removes the handlers of engines. A handler of `signal.signal` returns to the instruction that
//! trapped, again and again. So this module installs a handler of its own before the first engine is opened, below
//! those of all engines, and lets Python change only the handlers below its own. A signal that is no trap of a guest
//! is passed down, so crash reports still work. Importing the package changes nothing.
//!
//! It knows of an engine's handler only that it passes on the signals that it does not handle. Its unsafe code is
//! `sigaction` and the calls of handlers.
//!
//! Invariant: the handlers of engines are on top, except while Python changes a handler.

#![allow(
    unsafe_code,
    reason = "signal handlers have no safe interface in any library that keeps their order"
)]

use std::{
    ffi::{c_int, c_void},
    mem, ptr,
    sync::{
        Once,
        atomic::{AtomicPtr, Ordering::SeqCst},
    },
};

use libc::{SA_SIGINFO, SIG_DFL, SIG_IGN, SIGBUS, SIGFPE, SIGILL, SIGSEGV, sigaction, siginfo_t};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyTuple},
};

/// The signals by which guests trap.
const SIGNALS: [c_int; 4] = [SIGBUS, SIGFPE, SIGILL, SIGSEGV];

/// The handler below ours, for each of [`SIGNALS`]. Never freed, because a handler may be using it.
static BELOW: [AtomicPtr<sigaction>; SIGNALS.len()] =
    [const { AtomicPtr::new(ptr::null_mut()) }; SIGNALS.len()];

/// Installs our handler above the existing ones, and makes Python change only handlers below it. Called before an
/// engine is opened; only the first call has an effect.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    static PREPARED: PyOnceLock<()> = PyOnceLock::new();
    let prepared = PREPARED.get_or_try_init(py, || {
        install();
        let switches = py.import("extism._faults")?;
        switches.call_method0("install").map(drop)
    });
    prepared.copied()
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (signal, below) in SIGNALS.into_iter().zip(&BELOW) {
            below.store(Box::leak(Box::new(current(signal))), SeqCst);
            // SAFETY: an all-zero `sigaction` is a valid one, with an empty mask.
            let mut own: sigaction = unsafe { mem::zeroed() };
            own.sa_sigaction = pass_down as *const () as usize;
            own.sa_flags = SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            set(signal, &own);
        }
    });
}

/// Calls a function that changes handlers of fatal signals, with the handlers of engines taken off.
///
/// If a guest of another thread traps meanwhile, the process ends.
#[pyfunction]
#[pyo3(signature = (function, *args, **kwargs))]
pub(crate) fn below_engine_handlers<'py>(
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    // It may be called before an engine is opened.
    install();
    let above = SIGNALS.map(current);
    for (signal, below) in SIGNALS.into_iter().zip(&BELOW) {
        // SAFETY: `install` has stored something, and what is stored is never freed.
        set(signal, unsafe { &*below.load(SeqCst) });
    }
    let outcome = function.call(args, kwargs);
    for ((signal, below), above) in SIGNALS.into_iter().zip(&BELOW).zip(&above) {
        below.store(Box::leak(Box::new(current(signal))), SeqCst);
        set(signal, above);
    }
    outcome
}

/// Unblocks the signals of traps on this thread: the system kills a process if an instruction causes a blocked
/// signal. Threads inherit blocked signals.
pub(crate) fn unblock() {
    // SAFETY: an all-zero set is a valid argument of `sigemptyset`, which makes it an empty one; the other calls
    // take valid sets and signals.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in SIGNALS {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut());
    }
}

fn current(signal: c_int) -> sigaction {
    // SAFETY: an all-zero `sigaction` is a valid one; the call only writes to it.
    unsafe {
        let mut found = mem::zeroed();
        sigaction(signal, ptr::null(), &mut found);
        found
    }
}

fn set(signal: c_int, action: &sigaction) {
    // SAFETY: `action` is our own handler or one that was installed before, for the same signal.
    unsafe {
        sigaction(signal, action, ptr::null_mut());
    }
}

/// Our handler. It does what would happen without engines. It is async-signal-safe: it loads an atomic and calls
/// `sigaction`, `raise` or the handler below.
extern "C" fn pass_down(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let position = SIGNALS.iter().position(|known| *known == signal);
    let Some(below) = position.map(|position| BELOW[position].load(SeqCst)) else {
        return;
    };
    // SAFETY: `install` stored a valid action before it installed this handler, and none is freed.
    let below = unsafe { &*below };
    // SAFETY: the system passes a valid `siginfo_t` to handlers that ask for one.
    let is_fault = unsafe { (*info).si_code } > 0;
    match below.sa_sigaction {
        // The signal was sent by a process and is ignored.
        SIG_IGN if !is_fault => {}
        SIG_DFL | SIG_IGN => {
            set(signal, below);
            // After a fault, the instruction that failed runs again when the handler returns.
            if !is_fault {
                // SAFETY: it has no conditions, and may be called in a handler.
                unsafe { libc::raise(signal) };
            }
        }
        // SAFETY: with `SA_SIGINFO` the field is a handler of three arguments.
        handler if below.sa_flags & SA_SIGINFO != 0 => unsafe {
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                mem::transmute(handler);
            handler(signal, info, context);
        },
        // SAFETY: without it, and not being one of the constants, it is one of one argument.
        handler => unsafe {
            let handler: extern "C" fn(c_int) = mem::transmute(handler);
            handler(signal);
        },
    }
}
