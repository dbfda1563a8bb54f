//! Makes forks wait until no engine holds a lock of its own.
//!
//! A forked child has none of its parent's other threads, so a lock that one of them held stays locked in the child
//! for ever. Engines have such locks (wasmtime's registries of types and of code, wasmer's engine). They take them
//! while they compile, load, instantiate and free, but not to run a guest. Those steps are sections here. Before a
//! fork, a thread calls [`want`] and waits until [`is_quiet`]. Engines also take locks to find out why a guest
//! failed; a fork does not wait for that. This file knows neither the engines nor who forks (the Python front, at
//! every `os.fork`). It may import `base`.
//!
//! An engine that takes locks at the start and end of each call runs its calls in a section. It [`pause`]s the
//! section while the guest runs.
//!
//! Invariants: no guest runs in a section that is not paused; while a fork is wanted, no thread enters a
//! [`section`]; a section inside another on the same thread never waits; there is no lock here, so a fork leaves
//! none locked. Freeing may happen with the GIL held, so it enters its section without waiting: another thread can
//! fork only with the GIL, which the freeing thread then has.

use std::{
    cell::Cell,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use crate::base::error::Result;

/// How long a fork waits for sections. It is longer than any module takes to compile, and it bounds a deadlock.
pub const LONGEST: Duration = Duration::from_secs(60);

/// How often a waiting thread checks, for a fork or for sections.
pub const PATIENCE: Duration = Duration::from_micros(200);

/// How many threads are in sections.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// How many threads want to fork.
static WANTED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// How many sections this thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Runs a step that no fork may interrupt. It waits while a fork is wanted, so the caller must not hold anything
/// that the forking thread waits for.
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

/// Counts one more section, if no fork is wanted.
fn step_in() -> bool {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    let free = WANTED.load(Ordering::SeqCst) == 0;
    if !free {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
    free
}

/// A section that one thread begins for work on another thread. The work owns this value.
pub(crate) struct Lent(());

impl Lent {
    /// Begins a section. It waits while a fork is wanted, unless this thread is in a section, and calls `check`
    /// meanwhile.
    ///
    /// # Errors
    /// The errors of `check`.
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

/// Before a fork: this thread wants to fork. Other threads enter no section until [`release`].
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

/// A paused section of this thread. Give it to [`resume`].
#[must_use]
#[derive(Debug)]
pub struct Paused(());

/// Pauses the current [`section`], because the engine is about to run a guest. Forks do not wait for guests.
pub fn pause() -> Paused {
    leave();
    Paused(())
}

/// Resumes the section after the guest has ended. It waits while a fork is wanted, as [`section`] does.
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

/// Enters a section when it is dropped, for the fields that are dropped after it.
struct Enter;

impl Drop for Enter {
    fn drop(&mut self) {
        enter();
    }
}

/// A value of an engine that is dropped in a section. Fields are dropped in their order.
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

    /// Only one test at a time may want to fork.
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
        // It does not wait, although a fork is wanted and another thread is in a section.
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
