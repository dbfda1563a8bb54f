//! Makes threads that Python ends by unwinding wait for the end of the process instead.
//!
//! Up to Python 3.13, a daemon thread that takes the GIL after the interpreter has begun to end is ended by
//! `pthread_exit`. In glibc that unwinds the stack, which aborts the process if there is Rust code on it. Python 3.14
//! makes such threads wait, and other C libraries do not unwind. So each thread on which Rust runs Python code
//! registers a cleanup handler once. glibc calls it before it unwinds the first frame, because the record of the
//! handler is not on the stack.
//!
//! It does not know what runs on the thread. Invariants: a thread that ends before the interpreter does is left alone;
//! the record lives as long as its thread.

#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    allow(
        unsafe_code,
        reason = "no library has a safe interface to the cleanup handlers of threads"
    )
)]

use pyo3::prelude::*;

/// Imports a Python module, after preparing the thread to run its code.
pub(crate) fn import<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyModule>> {
    prepare();
    py.import(name)
}

/// A field that prepares the thread when a value with Python objects is dropped, because destructors run Python code.
/// It comes before them.
#[derive(Default)]
pub(crate) struct OnDrop;

impl Drop for OnDrop {
    fn drop(&mut self) {
        prepare();
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn prepare() {}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) use self::glibc::prepare;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::{
        cell::UnsafeCell,
        ffi::{c_int, c_void},
        ptr, thread,
    };

    use crate::ending;

    /// `struct _pthread_cleanup_buffer` of `pthread.h`.
    #[repr(C)]
    struct Record {
        routine: Option<extern "C" fn(*mut c_void)>,
        argument: *mut c_void,
        cancel_type: c_int,
        previous: *mut Self,
    }

    unsafe extern "C" {
        fn _pthread_cleanup_push(
            record: *mut Record,
            routine: extern "C" fn(*mut c_void),
            argument: *mut c_void,
        );
        fn _pthread_cleanup_pop(record: *mut Record, execute: c_int);
    }

    thread_local! {
        static HANDLER: Handler = Handler::register();
    }

    /// The handler of a thread, until the thread ends.
    struct Handler(Option<Box<UnsafeCell<Record>>>);

    /// Registers the handler of the current thread, unless it has one. Called before Rust runs Python code.
    #[inline]
    pub(crate) fn prepare() {
        // A thread that ends runs no more Python code but destructors of thread-local values.
        let _ = HANDLER.try_with(|_| ());
    }

    impl Handler {
        #[cold]
        fn register() -> Self {
            let record = Box::new(UnsafeCell::new(Record {
                routine: None,
                argument: ptr::null_mut(),
                cancel_type: 0,
                previous: ptr::null_mut(),
            }));
            // SAFETY: the record has the layout that the function expects, and stays where it is until `drop` takes it
            // off the list, on the same thread. Nobody else holds a reference into it.
            let previous = unsafe {
                _pthread_cleanup_push(record.get(), wait, ptr::null_mut());
                (*record.get()).previous
            };
            if previous.is_null() {
                return Self(Some(record));
            }
            // C code below has a handler of the same kind, which it takes off the list before this one would be.
            // SAFETY: the record is the newest on the list of this thread.
            unsafe { _pthread_cleanup_pop(record.get(), 0) };
            Self(None)
        }
    }

    impl Drop for Handler {
        fn drop(&mut self) {
            if let Some(record) = &self.0 {
                // SAFETY: the record was pushed on this thread, on an empty list. The stack of the thread is at its
                // end, so whatever was pushed on top of it is gone, and the list is empty again.
                unsafe { _pthread_cleanup_pop(record.get(), 0) };
            }
        }
    }

    /// Runs when the thread is ended, before its stack is unwound.
    extern "C" fn wait(_: *mut c_void) {
        while ending::has_begun_elsewhere() {
            thread::park();
        }
    }
}
