//! What engines do under locks of their own is over before the process forks.
//!
//! A forked child has none of its parent's other threads, so a lock that one of them held stays locked in
//! the child for ever. Engines have such locks (wasmtime's registries of types and of code, wasmer's
//! engine), and take them while they compile, load, instantiate and free, but not to run a guest. Those steps
//! are sections here, and who is about to fork says so ([`want`]) and waits until it [`is_quiet`]. Engines take
//! locks also to find out why a guest failed; a fork does not wait for that. It does not know the engines, nor
//! who forks: the Python front does, before every `os.fork`.
//!
//! An engine that has locks at the start and at the end of each call has its calls in a section, which it [`pause`]s while
//! the guest runs.
//!
//! Invariants: no guest runs in a section that is not paused; while a fork is wanted nobody enters a [`section`]; a section inside
//! of another on the same thread never waits; there is no lock here that a fork could leave locked, nor one to
//! wait for with the GIL. So what is freed, which may be with the GIL, is in a section without waiting for
//! anybody: who has the GIL cannot be in the middle of it when another thread that has the GIL forks.

use std::{
    cell::Cell,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use crate::base::error::Result;

/// How long a fork waits for sections: more than compiling any module takes, and no deadlock lasts longer.
pub const LONGEST: Duration = Duration::from_secs(60);

/// How often one looks who waits, for a fork or for sections.
pub const PATIENCE: Duration = Duration::from_micros(200);

/// How many threads are in sections.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// How many threads want to fork.
static WANTED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// How many sections this thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Runs a step that no fork may interrupt. It waits for a fork that is wanted, so the caller must not have
/// what the forking thread waits for.
pub fn section<T>(step: impl FnOnce() -> T) -> T {
    wait_and_enter();
    let _leave = Leave;
    step()
}

fn wait_and_enter() {
    if DEPTH.get() == 0 {
        while !step_in() {
            thread::sleep(PATIENCE);
        }
    }
    DEPTH.set(DEPTH.get() + 1);
}

/// Counts one more, if no fork is wanted.
fn step_in() -> bool {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    let free = WANTED.load(Ordering::SeqCst) == 0;
    if !free {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
    free
}

/// A section that one thread begins for the work of another, which takes this along.
pub(crate) struct Lent(());

impl Lent {
    /// Begins one. It waits for a fork that is wanted, unless this thread is in a section; meanwhile it asks `check`.
    ///
    /// # Errors
    /// Those of `check`.
    pub(crate) fn enter(check: &dyn Fn() -> Result<()>) -> Result<Self> {
        match DEPTH.get() {
            0 => {
                while !step_in() {
                    thread::sleep(PATIENCE);
                    check()?;
                }
            }
            _ => {
                INSIDE.fetch_add(1, Ordering::SeqCst);
            }
        }
        Ok(Self(()))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

fn enter() {
    if DEPTH.replace(DEPTH.get() + 1) == 0 {
        INSIDE.fetch_add(1, Ordering::SeqCst);
    }
}

fn leave() {
    let depth = DEPTH.get() - 1;
    DEPTH.set(depth);
    if depth == 0 {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Before a fork: this thread wants to. Others enter no section until [`release`].
pub fn want() {
    WANTED.fetch_add(1, Ordering::SeqCst);
}

/// Whether no other thread is in a section.
pub fn is_quiet() -> bool {
    INSIDE.load(Ordering::SeqCst) <= own()
}

/// After a fork, in the parent.
pub fn release() {
    WANTED.fetch_sub(1, Ordering::SeqCst);
}

/// After a fork, in the child, whose only thread is this one.
pub fn renew() {
    INSIDE.store(own(), Ordering::SeqCst);
    WANTED.store(0, Ordering::SeqCst);
}

/// A section of this thread that is left until the value is given to [`resume`].
#[must_use]
#[derive(Debug)]
pub struct Paused(());

/// The engine is about to run a guest, for which no fork waits. In a [`section`].
pub fn pause() -> Paused {
    leave();
    Paused(())
}

/// The guest has ended. It waits for a fork that is wanted, as [`section`] does.
pub fn resume(paused: Paused) {
    let Paused(()) = paused;
    wait_and_enter();
}

fn own() -> usize {
    usize::from(DEPTH.get() > 0)
}

/// Leaves a section when it is dropped.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        leave();
    }
}

/// Enters a section when it is dropped, for what is dropped after it.
struct Enter;

impl Drop for Enter {
    fn drop(&mut self) {
        enter();
    }
}

/// What an engine has made. It is dropped in a section: fields are dropped in their order.
pub(crate) struct Gated<T> {
    _enter: Enter,
    value: T,
    _leave: Leave,
}

impl<T> Gated<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            _enter: Enter,
            value,
            _leave: Leave,
        }
    }
}

impl<T> Deref for Gated<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Gated<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc, Mutex, PoisonError,
            atomic::{AtomicBool, Ordering},
            mpsc,
        },
        thread,
    };

    use super::{Gated, PATIENCE, is_quiet, pause, release, resume, section, want};

    /// One test at a time wants to fork.
    static ALONE: Mutex<()> = Mutex::new(());

    fn hold() {
        want();
        while !is_quiet() {
            thread::sleep(PATIENCE);
        }
    }

    #[test]
    fn a_fork_waits_for_sections_and_keeps_others_out() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (inside, entered) = mpsc::channel();
        let (go_on, may_end) = mpsc::channel();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let busy = thread::spawn(move || {
            section(|| {
                inside.send(()).expect("the test waits for it");
                may_end.recv().expect("the test sends it");
                section(|| ended.store(true, Ordering::SeqCst));
            });
        });
        entered.recv().expect("the thread sends it");
        assert!(!is_quiet());
        want();
        let entering = thread::spawn(|| section(|| 1));
        // It waits for nobody, though a fork is wanted and another thread in a section.
        drop(Gated::new(2));
        assert!(!entering.is_finished());
        go_on.send(()).expect("the thread waits for it");
        hold();
        assert!(over.load(Ordering::SeqCst), "the fork came into a section");
        assert!(!entering.is_finished());
        release();
        release();
        assert_eq!(entering.join().expect("it does not panic"), 1);
        busy.join().expect("it does not panic");
    }

    #[test]
    fn a_thread_may_fork_inside_of_its_own_section() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        section(|| {
            hold();
            section(|| ());
            release();
        });
        section(|| ());
    }

    #[test]
    fn a_fork_waits_for_no_guest_but_for_the_end_of_its_call() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (inside, entered) = mpsc::channel();
        let (go_on, may_end) = mpsc::channel();
        let busy = thread::spawn(move || {
            section(|| {
                let paused = pause();
                inside.send(()).expect("the test waits for it");
                may_end.recv().expect("the test sends it");
                resume(paused);
                assert!(
                    is_quiet(),
                    "it is the only one, and does not wait for itself"
                );
            });
        });
        entered.recv().expect("the thread sends it");
        hold();
        go_on.send(()).expect("the thread waits for it");
        thread::sleep(PATIENCE * 10);
        assert!(!busy.is_finished(), "the call ended beside a fork");
        assert!(is_quiet());
        release();
        busy.join().expect("it does not panic");
    }
}
