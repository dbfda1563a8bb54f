//! Handlers for forks that nobody announces. The C library installs them, so every `fork` waits for sections.
//!
//! Invariants: the handlers take no lock; a fork waits for [`forks::LONGEST`] at most; forks are counted before any
//! can wait.

use std::{sync::Once, thread, time::Instant};

use super::{forks, per_process};

/// From now on, each fork of this process waits until no other thread is in a section. Calling it again does
/// nothing.
pub fn heed_forks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A handler that is installed while a fork waits is not called in its child. So counting begins now.
        per_process::Process::current();
        per_process::on_fork(before, after, renew);
    });
}

extern "C" fn before() {
    let end = Instant::now() + forks::LONGEST;
    forks::want();
    while !forks::is_quiet() && Instant::now() < end {
        thread::sleep(forks::PATIENCE);
    }
}

extern "C" fn after() {
    forks::release();
}

extern "C" fn renew() {
    forks::renew();
}
