//! The number of this process, and values that each process has for itself.
//!
//! A forked child has the memory of its parent but none of its threads: a lock may stay locked for ever, and a
//! worker thread is gone. So values that depend on threads are made again in each process. Process ids do not tell
//! a child from its parent: the first process of one namespace can fork the first one of another, and both have the
//! id 1. So a handler of `pthread_atfork` counts forks in the child. This file does not know the values. It may
//! import `base`.
//!
//! Invariants: the value of another process is never accessed, not even to free it; nothing here blocks, so a fork
//! at any moment is safe; the handler is async-signal-safe.

use std::{
    convert::Infallible,
    mem,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use once_cell::race::OnceBox;

/// Identifies a process among those that it was forked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(u64);

/// One more than the number of forks since counting began; 0 until it begins.
static GENERATION: AtomicU64 = AtomicU64::new(0);

impl Process {
    /// The current process. Costs one load.
    #[inline]
    pub fn current() -> Self {
        match GENERATION.load(Relaxed) {
            0 => begin_to_count(),
            generation => Self(generation),
        }
    }

    /// Its number among its ancestors, from 1.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Threads that get here at the same time install a handler each. Then a fork counts more than once, which does no
/// harm.
#[cold]
fn begin_to_count() -> Process {
    #[cfg(all(unix, not(miri)))]
    {
        extern "C" fn in_child() {
            GENERATION.fetch_add(1, Relaxed);
        }
        #[allow(unsafe_code, reason = "see SAFETY")]
        // SAFETY: The handler may be called after every fork, on the only thread of the child: it adds to an atomic
        // number. Where a library can be unloaded, the system forgets its handlers with it.
        let failure = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        assert_eq!(failure, 0, "the system has memory for a handler of forks");
    }
    match GENERATION.compare_exchange(0, 1, Relaxed, Relaxed) {
        Ok(_) => Process(1),
        Err(generation) => Process(generation),
    }
}

/// Makes the system call these functions at every later fork of this process: before it, after it in the parent,
/// and after it in the child, all on the forking thread.
pub(crate) fn on_fork(before: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) {
    #[cfg(all(unix, not(miri)))]
    {
        #[allow(unsafe_code, reason = "see SAFETY")]
        // SAFETY: They are functions of this library that use atomic numbers and sleep; none of them panics. Where
        // a library can be unloaded, the system forgets its handlers with it.
        let failure = unsafe { libc::pthread_atfork(Some(before), Some(parent), Some(child)) };
        assert_eq!(failure, 0, "the system has memory for handlers of forks");
    }
    #[cfg(not(all(unix, not(miri))))]
    let _ = (before, parent, child);
}

/// A value that each process has for itself.
pub struct PerProcess<T>(OnceBox<Link<T>>);

/// The value of one process. A forked child appends a link of its own.
struct Link<T> {
    process: Process,
    /// Always present.
    value: Option<T>,
    next: PerProcess<T>,
}

impl<T> PerProcess<T> {
    /// No value yet, in any process.
    pub const fn new() -> Self {
        Self(OnceBox::new())
    }

    /// The value of this process; `make` makes it if there is none. If two threads make it at the same time, the
    /// first value stays.
    ///
    /// # Errors
    /// The errors of `make`.
    pub fn own_or_try<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let here = Process::current();
        let mut last = &self.0;
        while let Some(link) = last.get() {
            match &link.value {
                Some(value) if link.process == here => return Ok(value),
                _ => last = &link.next.0,
            }
        }
        let value = Some(make()?);
        // The loser of the race takes the value of the winner, a thread of the same process.
        let link = last.get_or_init(|| {
            Box::new(Link {
                process: here,
                value,
                next: Self::new(),
            })
        });
        Ok(link.value.as_ref().expect("it is taken by `drop` only"))
    }

    /// As [`PerProcess::own_or_try`], for a `make` that cannot fail.
    pub fn own_or(&self, make: impl FnOnce() -> T) -> &T {
        let Ok(own) = self.own_or_try(|| Ok::<_, Infallible>(make()));
        own
    }

    /// As [`PerProcess::own_or`], with the default value.
    pub fn own(&self) -> &T
    where
        T: Default,
    {
        self.own_or(T::default)
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for Link<T> {
    fn drop(&mut self) {
        if self.process != Process::current() {
            mem::forget(self.value.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Barrier, Mutex,
            atomic::{AtomicBool, Ordering::Relaxed},
        },
        thread,
    };

    use super::{PerProcess, Process};

    /// Whether `body` returns true in a forked child.
    #[cfg(all(unix, not(miri)))]
    #[allow(unsafe_code, reason = "see SAFETY")]
    fn in_child(body: impl FnOnce() -> bool) -> bool {
        // SAFETY: `body` takes no lock of another thread, and the allocator can be used in children. The child
        // ends here.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let code = i32::from(!body());
            // SAFETY: It has no conditions.
            unsafe { libc::_exit(code) };
        }
        let mut status = -1;
        // SAFETY: The status is written to a live number.
        let ended = unsafe { libc::waitpid(child, &mut status, 0) };
        assert_eq!(ended, child, "the child is waited for");
        status == 0
    }

    #[cfg(all(unix, not(miri)))]
    #[test]
    fn every_fork_makes_another_process() {
        let parent = Process::current();
        assert_eq!(parent, Process::current());
        assert!(in_child(|| {
            let child = Process::current();
            let grandchild = in_child(|| ![parent, child].contains(&Process::current()));
            child != parent && child == Process::current() && grandchild
        }));
        assert_eq!(parent, Process::current());
    }

    #[cfg(all(unix, not(miri)))]
    #[test]
    fn a_child_never_touches_the_value_of_its_parent() {
        static VALUE: PerProcess<Mutex<u32>> = PerProcess::new();
        let mut value = VALUE.own().try_lock().expect("nobody else has it");
        *value = 1;
        assert!(in_child(|| {
            let mut own = VALUE.own().try_lock().expect("nobody has it here");
            let fresh = *own == 0;
            *own = 2;
            fresh && in_child(|| VALUE.own().try_lock().is_ok_and(|own| *own == 0))
        }));
        assert_eq!(*value, 1);
    }

    #[cfg(all(unix, not(miri)))]
    #[test]
    fn a_value_is_freed_in_its_own_process_only() {
        static FREED: AtomicBool = AtomicBool::new(false);
        struct Noted;
        impl Drop for Noted {
            fn drop(&mut self) {
                FREED.store(true, Relaxed);
            }
        }
        let value = PerProcess::new();
        value.own_or(|| Noted);
        let mut value = Some(value);
        assert!(in_child(|| {
            drop(value.take());
            !FREED.load(Relaxed)
        }));
        drop(value);
        assert!(FREED.load(Relaxed));
    }

    #[test]
    fn threads_that_make_it_at_once_have_the_same() {
        let value = PerProcess::new();
        let meet = Barrier::new(8);
        let made = thread::scope(|scope| {
            let threads = (0..8).map(|number| {
                let (value, meet) = (&value, &meet);
                scope.spawn(move || {
                    meet.wait();
                    *value.own_or(|| number)
                })
            });
            let threads: Vec<_> = threads.collect();
            let made = threads.into_iter().map(|thread| thread.join());
            made.collect::<Result<Vec<_>, _>>()
        });
        let made = made.expect("nothing panics");
        assert_eq!(made, vec![*value.own_or(|| 9); 8]);
    }

    #[test]
    fn what_cannot_be_made_is_tried_again() {
        let value = PerProcess::new();
        assert_eq!(value.own_or_try(|| Err("no")), Err("no"));
        assert_eq!(value.own_or_try(|| Ok::<_, &str>(1)), Ok(&1));
        assert_eq!(value.own_or_try(|| Err("no")), Ok(&1));
    }
}
