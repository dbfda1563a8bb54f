//! What engines do under locks of their own is over before the process forks.
//!
//! A forked child has none of its parent's other threads, so a lock that one of them held stays locked in
//! the child for ever. Engines have such locks (wasmtime's registries of types and of code, wasmer's
//! engine), and take them while they compile, load, instantiate and free, but not to run a guest. Those
//! steps are sections here, and who is about to fork waits for them: [`wait`], then [`seize`]. It does not
//! know the engines, nor who forks: the Python front does, before every `os.fork`.
//!
//! Invariants: no guest runs in a section; while a fork is wanted nobody enters a [`section`], while it
//! takes place nobody enters or leaves any; a section inside of another on the same thread never waits.
//! Two kinds, because of the GIL: who enters a [`section`] has it not; what is freed may be freed with it,
//! so that is [`brief`], and waits for nobody who may be waiting for the GIL.

use std::{
    cell::{Cell, RefCell},
    ops::{Deref, DerefMut},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long a fork waits for sections: more than compiling any module takes, and no deadlock lasts longer.
pub const LONGEST: Duration = Duration::from_secs(60);

static GATE: Mutex<Gate> = Mutex::new(Gate {
    inside: 0,
    wanted: 0,
});
static MOVED: Condvar = Condvar::new();

struct Gate {
    /// How many threads are in sections.
    inside: usize,
    /// How many threads want to fork.
    wanted: usize,
}

thread_local! {
    /// How many sections this thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The lock of the gate, while this thread forks.
    static SEIZED: RefCell<Option<MutexGuard<'static, Gate>>> = const { RefCell::new(None) };
}

fn gate() -> MutexGuard<'static, Gate> {
    // Nothing panics under the lock.
    GATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a step of an engine that no fork may interrupt. It waits for a fork that is wanted.
pub(crate) fn section<T>(step: impl FnOnce() -> T) -> T {
    let first = DEPTH.get() == 0;
    if first {
        let wanted = |gate: &mut Gate| gate.wanted > 0;
        let free = MOVED.wait_while(gate(), wanted);
        free.unwrap_or_else(PoisonError::into_inner).inside += 1;
    }
    DEPTH.set(DEPTH.get() + 1);
    let _leave = Leave;
    step()
}

/// As [`section`], and waits for a fork that takes place only.
pub(crate) fn brief<T>(step: impl FnOnce() -> T) -> T {
    enter();
    let _leave = Leave;
    step()
}

fn enter() {
    if DEPTH.replace(DEPTH.get() + 1) == 0 {
        gate().inside += 1;
    }
}

fn leave() {
    let depth = DEPTH.get() - 1;
    DEPTH.set(depth);
    if depth == 0 {
        let mut gate = gate();
        gate.inside -= 1;
        let waited_for = gate.wanted > 0;
        drop(gate);
        if waited_for {
            MOVED.notify_all();
        }
    }
}

/// Whether a thread may fork.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fork {
    /// The thread must call [`release`] or [`renew`] next.
    Now,
    /// Somebody is in a section: [`wait`] again.
    NotYet,
}

/// A thread wants to fork. It must get to [`Fork::Now`], and the fork be over, before others go on.
pub fn want() {
    gate().wanted += 1;
}

/// Waits until no other thread is in a section, or until `end`. Holds nothing when it returns.
pub fn wait(end: Instant) {
    let own = usize::from(DEPTH.get() > 0);
    let left = end.saturating_duration_since(Instant::now());
    drop(MOVED.wait_timeout_while(gate(), left, |gate| gate.inside > own));
}

/// Lets nobody into or out of a section until the fork is over, if nobody is in one, or `end` has come.
pub fn seize(end: Instant) -> Fork {
    let own = usize::from(DEPTH.get() > 0);
    let gate = gate();
    if gate.inside > own && Instant::now() < end {
        return Fork::NotYet;
    }
    // Nobody else is in the middle of taking the lock, so the child finds it in order.
    SEIZED.set(Some(gate));
    Fork::Now
}

/// After a fork, in the parent.
pub fn release() {
    if let Some(mut gate) = SEIZED.take() {
        gate.wanted = gate.wanted.saturating_sub(1);
        drop(gate);
        MOVED.notify_all();
    }
}

/// After a fork, in the child, whose only thread is this one.
pub fn renew() {
    if let Some(mut gate) = SEIZED.take() {
        gate.inside = usize::from(DEPTH.get() > 0);
        gate.wanted = 0;
    }
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
            Arc,
            atomic::{AtomicBool, Ordering},
            mpsc,
        },
        thread,
    };

    use super::{Fork, Gated, Instant, LONGEST, release, section, seize, wait, want};

    fn hold() {
        want();
        let end = Instant::now() + LONGEST;
        while seize(end) == Fork::NotYet {
            wait(end);
        }
    }

    #[test]
    fn a_fork_waits_for_sections_and_keeps_others_out() {
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
        assert_eq!(seize(Instant::now() + LONGEST), Fork::NotYet);
        let late = thread::spawn({
            let over = Arc::clone(&over);
            move || {
                hold();
                let seen = over.load(Ordering::SeqCst);
                release();
                seen
            }
        });
        go_on.send(()).expect("the thread waits for it");
        let seen = late.join().expect("it does not panic");
        assert!(seen, "the fork came into a section");
        busy.join().expect("it does not panic");

        hold();
        let entering = thread::spawn(|| section(|| 1));
        let dropping = thread::spawn(|| drop(Gated::new(2)));
        assert!(!entering.is_finished() && !dropping.is_finished());
        release();
        assert_eq!(entering.join().expect("it does not panic"), 1);
        dropping.join().expect("it does not panic");
    }

    #[test]
    fn what_is_freed_does_not_wait_for_a_fork_that_is_only_wanted() {
        want();
        drop(Gated::new(1));
        hold();
        release();
        // This one's is over as well.
        let end = Instant::now();
        assert_eq!(seize(end), Fork::Now);
        release();
    }

    #[test]
    fn a_thread_may_fork_inside_of_its_own_section() {
        section(|| {
            hold();
            release();
        });
        section(|| ());
    }
}
