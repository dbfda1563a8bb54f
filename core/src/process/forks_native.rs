//! Forks by programs that tell nobody: the C library has every `fork` of the process wait for sections.
//!
//! Invariant: what runs before a fork and after it takes no lock; a fork waits for [`forks::LONGEST`] at most.

use std::{sync::Once, thread, time::Instant};

use super::{forks, per_process};

/// Has each fork of this process wait until no other thread is in a section, from now on. Calling it again does
/// nothing.
pub fn heed_forks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| per_process::on_fork(before, after, renew));
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
