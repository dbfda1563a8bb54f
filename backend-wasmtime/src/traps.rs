//! A fork waits for what wasmtime does when a guest traps.
//!
//! Its signal handler looks the code that trapped up in the register of all code, under a lock that a fork must
//! not leave locked. Stores have a hook that runs first. This file does not know what a trap means.
//!
//! Invariants: the hook is async-signal-safe and declines every signal; what it begins ends where wasmtime
//! gives the error back.

#[cfg(unix)]
#[allow(unsafe_code, reason = "see SAFETY")]
pub(crate) fn attend<T>(store: &mut wasmtime::Store<T>) {
    use wasmtime::unix::StoreExt as _;

    // SAFETY: The hook must be async-signal-safe. It reads what the system says of the signal, which is valid while
    // handlers run, and `begin_failure` is async-signal-safe.
    unsafe {
        store.set_signal_handler(|_, info: *const libc::siginfo_t, _| {
            // A signal that somebody sent is no trap: the guest goes on.
            if (*info).si_code > 0 {
                polyextism_core::forks::begin_failure();
            }
            false
        });
    }
}

#[cfg(not(unix))]
pub(crate) fn attend<T>(_: &mut wasmtime::Store<T>) {}
