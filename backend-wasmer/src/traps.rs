//! A fork waits for what wasmer does when a guest traps.
//!
//! Its signal handler takes a backtrace of the host, under a lock of the library that does it, and what it makes
//! of it reads the register of all code. A fork must leave neither locked. Stores have a hook that runs first. This
//! file does not know what a trap means.
//!
//! Invariants: the hook is async-signal-safe and declines every signal; what it begins ends where wasmer
//! gives the error back.

#[cfg(unix)]
pub(crate) fn attend(store: &mut wasmer::Store) {
    store.set_trap_handler(Some(Box::new(|_, info: *const libc::siginfo_t, _| {
        #[allow(unsafe_code, reason = "see SAFETY")]
        // SAFETY: The handlers of wasmer ask the system what it knows of the signal, and pass it on.
        let code = unsafe { (*info).si_code };
        // A signal that somebody sent is no trap: the guest goes on.
        if code > 0 {
            polyextism_core::forks::begin_failure();
        }
        false
    })));
}

#[cfg(not(unix))]
pub(crate) fn attend(_: &mut wasmer::Store) {}
