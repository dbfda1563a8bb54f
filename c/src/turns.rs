//! Exclusive access of one thread at a time to a live plug-in.
//!
//! The word `owner` is the lock. It names the thread and the process. So a thread that has the turn already gets an
//! error instead of a deadlock, and so does a forked child whose parent has the turn. Waiting threads sleep on a queue
//! of their process, which no fork leaves locked.
//!
//! Invariants: only the owner takes the inner mutex, so nobody waits for it; other threads overtake a waiting thread
//! at most [`OVERTAKING`] times for each waiting thread; a waiting thread ends with the call that it is in.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use polyextism::{
    Error, ErrorKind, Result,
    backend::PerProcess,
    internal::{Process, nesting},
};

use crate::threads;

/// Nobody has the turn.
const IDLE: u64 = 0;
/// Nobody has the turn, and only waiting threads may take it.
const PROMISED: u64 = 1;
/// The bits of an owner that name the process.
const PROCESS_BITS: u32 = 16;

/// How often a waiting thread checks whether it has to end.
const PATIENCE: Duration = Duration::from_millis(50);

/// How many turns others may take while a thread waits. A handover costs a switch of threads.
const OVERTAKING: u32 = 32;

/// A value that one thread at a time may use.
pub(crate) struct Turns<T> {
    owner: AtomicU64,
    /// How many turns were taken while a thread waited.
    overtaken: AtomicU32,
    queue: PerProcess<Queue>,
    /// Taken out only to be leaked.
    live: Mutex<Option<T>>,
}

#[derive(Default)]
struct Queue {
    waiting: AtomicU32,
    lock: Mutex<()>,
    free: Condvar,
}

/// A turn, until it is dropped.
pub(crate) struct Turn<'a, T> {
    turns: &'a Turns<T>,
    /// Unlocked before the turn ends.
    live: Option<MutexGuard<'a, Option<T>>>,
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        let live = self.live.as_ref().expect("`drop` alone takes it");
        live.as_ref().expect("what is left behind has no turns")
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        let live = self.live.as_mut().expect("`drop` alone takes it");
        live.as_mut().expect("what is left behind has no turns")
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.live = None;
        self.turns.release();
    }
}

impl<T> Turns<T> {
    pub(crate) fn new(live: T) -> Self {
        Self {
            owner: AtomicU64::new(IDLE),
            overtaken: AtomicU32::new(0),
            queue: PerProcess::new(),
            live: Mutex::new(Some(live)),
        }
    }

    /// Waits for the turn and takes it.
    ///
    /// # Errors
    /// `Reentrant` if this thread has the turn; `Closed` if a thread of the parent process has it; the reason why the
    /// call that this thread is in has to end.
    #[inline]
    pub(crate) fn take(&self) -> Result<Turn<'_, T>> {
        let me = me();
        match self.owner.compare_exchange(IDLE, me, Acquire, Relaxed) {
            Ok(_) => Ok(self.turn()),
            Err(_) => self.wait(me),
        }
    }

    fn turn(&self) -> Turn<'_, T> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        Turn {
            turns: self,
            live: Some(live),
        }
    }

    #[cold]
    fn wait(&self, me: u64) -> Result<Turn<'_, T>> {
        if self.owner.load(SeqCst) >> PROCESS_BITS == me >> PROCESS_BITS {
            return Err(reentrant());
        }
        let queue = self.queue.own();
        let _waiting = Waiting::new(self, queue);
        loop {
            let owner = self.owner.load(SeqCst);
            if owner == IDLE || owner == PROMISED {
                match self.owner.compare_exchange(owner, me, SeqCst, Relaxed) {
                    Ok(_) => return Ok(self.turn()),
                    Err(_) => continue,
                }
            }
            if (owner ^ me) & ((1 << PROCESS_BITS) - 1) != 0 {
                return Err(left_behind());
            }
            let lock = queue.lock.lock().unwrap_or_else(PoisonError::into_inner);
            // A thread that releases changes the owner before it takes this lock to wake another.
            if self.owner.load(SeqCst) == owner {
                let patience = nesting::patience(PATIENCE);
                drop(queue.free.wait_timeout(lock, patience));
            }
            nesting::check_interrupt()?;
        }
    }

    fn release(&self) {
        let queue = self.queue.own();
        let waited = queue.waiting.load(SeqCst) > 0;
        let promised = waited && self.overtaken.fetch_add(1, Relaxed) >= OVERTAKING;
        if promised {
            self.overtaken.store(0, Relaxed);
        }
        let next = if promised { PROMISED } else { IDLE };
        self.owner.store(next, SeqCst);
        self.wake(queue);
    }

    /// Wakes a waiting thread if the turn is free.
    fn wake(&self, queue: &Queue) {
        if queue.waiting.load(SeqCst) == 0 {
            // No thread is waiting any more, so anybody may take the turn.
            let _ = self.owner.compare_exchange(PROMISED, IDLE, SeqCst, Relaxed);
            return;
        }
        drop(queue.lock.lock().unwrap_or_else(PoisonError::into_inner));
        queue.free.notify_one();
    }
}

/// Leaves the queue when it is dropped.
struct Waiting<'a, T> {
    turns: &'a Turns<T>,
    queue: &'a Queue,
}

impl<'a, T> Waiting<'a, T> {
    fn new(turns: &'a Turns<T>, queue: &'a Queue) -> Self {
        queue.waiting.fetch_add(1, SeqCst);
        Self { turns, queue }
    }
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        self.queue.waiting.fetch_sub(1, SeqCst);
        let owner = self.turns.owner.load(SeqCst);
        if owner == IDLE || owner == PROMISED {
            // It gives up, perhaps after another thread has woken it.
            self.turns.wake(self.queue);
        }
    }
}

impl<T> Drop for Turns<T> {
    fn drop(&mut self) {
        if *self.owner.get_mut() > PROMISED {
            // A thread of the parent process was using the value at the fork.
            let live = self.live.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(live.take());
        }
    }
}

/// This thread of this process.
#[inline]
fn me() -> u64 {
    let process = Process::current().number() & ((1 << PROCESS_BITS) - 1);
    threads::current() << PROCESS_BITS | process
}

#[cold]
fn reentrant() -> Error {
    let message = "the plug-in is called by a host function that it called itself; another plug-in can be called \
                   there";
    Error::new(ErrorKind::Reentrant, message)
}

#[cold]
fn left_behind() -> Error {
    let message = "another thread was using the plug-in when the process was forked, and still has it in the other \
                   process; make another plug-in";
    Error::new(ErrorKind::Closed, message)
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread, time::Duration};

    use polyextism::ErrorKind;

    use super::Turns;

    #[test]
    fn one_thread_at_a_time_has_the_turn() {
        const THREADS: u32 = 4;
        const ROUNDS: u32 = 5000;
        let turns = Turns::new(0);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        *turns.take().expect("it is free some time") += 1;
                    }
                });
            }
        });
        assert_eq!(*turns.take().expect("nobody has it"), THREADS * ROUNDS);
    }

    #[test]
    fn who_has_it_does_not_get_it_again() {
        let turns = Turns::new(());
        let turn = turns.take().expect("nobody has it");
        let again = turns.take().map(drop).expect_err("this thread has it");
        assert_eq!(again.kind(), ErrorKind::Reentrant);
        drop(turn);
        turns.take().map(drop).expect("nobody has it");
    }

    #[test]
    fn who_waits_is_not_overtaken_for_ever() {
        let turns = Turns::new(());
        let (start, done) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                turns.take().map(drop).expect("it is promised");
                done.wait();
            });
            let first = turns.take().expect("nobody has it");
            start.wait();
            while turns.queue.own().waiting.load(super::SeqCst) == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            drop(first);
            for _ in 0..=2 * super::OVERTAKING {
                turns.take().map(drop).expect("it is free some time");
            }
            done.wait();
        });
    }
}
