//! Handlers for forks that nobody announces. The C library installs them, and Rust programs that fork.
//!
//! Invariants: the handlers take no lock; a fork waits for [`forks::LONGEST`] at most; forks are counted before any
//! can wait.

use std::{sync::Once, thread, time::Instant};

use super::{forks, per_process};

/// Makes later forks of this process wait until no other thread compiles, loads, instantiates or frees a plug-in, at
/// most 60 s. Calling it again does nothing. It has no effect where there is no `fork`.
///
/// A forked child can use the plug-ins of its parent and make others. Without this call, that is so only if the parent
/// forks while none of its other threads makes or frees plug-ins: a lock that an engine holds at the fork stays locked
/// in the child. Commands that run another program need nothing of this.
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
