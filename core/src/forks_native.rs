//! Forks by programs that tell nobody: the C library has every `fork` of the process wait for sections.
//!
//! Invariants: what runs before a fork and after it takes no lock; a fork waits for [`forks::LONGEST`] at most; forks are
//! counted before any can wait.

use std::{sync::Once, thread, time::Instant};

use crate::{forks, process};

/// Has each fork of this process wait until no other thread is in a section, from now on. Calling it again does
/// nothing.
pub fn heed_forks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A handler that is installed while a fork waits is not called in its child, so forks are counted from now on.
        process::Process::current();
        process::on_fork(before, after, renew);
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
