//! A queue of threads that wait for a limited resource: first come, first served.
//!
//! A [`Line`] is a lock around the resource, with the queue of waiting threads. It knows of the resource only how
//! many threads may go on ([`Room`]). It may import `process`.
//!
//! Invariants: no thread holds the lock while it waits; a thread is in the queue from [`Line::wait`] until its
//! [`Waiting`] is dropped, which wakes the threads that may go on; threads of a parent process do not count in its
//! forked child.

use std::{
    collections::VecDeque,
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, Thread},
};

use crate::process::Process;

/// A resource that threads wait for.
pub trait Room {
    /// How many waiting threads may go on now.
    fn room(&self) -> usize;
}

/// A resource with the queue of threads that wait for it.
pub struct Line<T>(Mutex<Queued<T>>);

/// The inside of a [`Line`], for the thread that has the lock.
pub struct Queued<T> {
    value: T,
    /// The waiting threads, the first at the front.
    queue: VecDeque<Waiter>,
    next_number: u64,
}

/// A thread in the queue.
struct Waiter {
    ticket: Ticket,
    /// Parked until it may go on.
    thread: Thread,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Ticket {
    number: u64,
    process: Process,
}

impl<T> Line<T> {
    /// With an empty queue.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(Queued {
            value,
            queue: VecDeque::new(),
            next_number: 0,
        }))
    }

    /// Takes the lock. No code that can panic may run under it.
    pub fn lock(&self) -> MutexGuard<'_, Queued<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Room> Line<T> {
    /// Puts this thread at the end of the queue. It then parks, with or without a time limit, and checks after
    /// waking whether it may go on.
    pub fn wait(&self) -> Waiting<'_, T> {
        let mut queued = self.lock();
        let ticket = Ticket {
            number: queued.next_number,
            process: Process::current(),
        };
        queued.next_number += 1;
        let thread = thread::current();
        queued.queue.push_back(Waiter { ticket, thread });
        Waiting { line: self, ticket }
    }
}

impl<T: Room> Queued<T> {
    /// Whether any thread waits.
    pub fn is_waited_for(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether no thread is before `who`. `None` is a thread that does not wait yet.
    pub fn is_next(&mut self, who: Option<&Waiting<'_, T>>) -> bool {
        let here = Process::current();
        self.queue.retain(|waiter| waiter.ticket.process == here);
        let first = self.queue.front().map(|waiter| waiter.ticket);
        first.is_none() || first == who.map(|waiting| waiting.ticket)
    }

    /// Wakes the threads that may go on. One that is not parked yet will not park.
    pub fn wake(&self) {
        let here = Process::current();
        let waiters = self.queue.iter();
        let waiters = waiters.filter(|waiter| waiter.ticket.process == here);
        let first = waiters.take(self.value.room());
        first.for_each(|waiter| waiter.thread.unpark());
    }
}

impl<T> Deref for Queued<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Queued<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// A place in a queue.
pub struct Waiting<'a, T: Room> {
    line: &'a Line<T>,
    ticket: Ticket,
}

impl<T: Room> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        if self.ticket.process != Process::current() {
            // The line and its lock may be those of the parent process.
            return;
        }
        let mut queued = self.line.lock();
        queued.queue.retain(|waiter| waiter.ticket != self.ticket);
        // This thread passes its wake-up on to the next one; there may be room for both.
        queued.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::{Line, Room};

    /// The resource, and the threads that took some of it, in order.
    #[derive(Default)]
    struct Things {
        left: usize,
        takers: Vec<usize>,
    }

    impl Room for Things {
        fn room(&self) -> usize {
            self.left
        }
    }

    #[test]
    fn who_comes_first_is_served_first_and_nobody_sleeps_on() {
        const THREADS: usize = 8;
        const GIVES_UP: usize = 3;
        let line = Line::new(Things::default());
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (comes, has_come) = mpsc::channel();
                let line = &line;
                scope.spawn(move || {
                    let waiting = line.wait();
                    comes.send(()).expect("the test waits for it");
                    loop {
                        if number == GIVES_UP {
                            break;
                        }
                        let mut things = line.lock();
                        if things.left > 0 && things.is_next(Some(&waiting)) {
                            things.left -= 1;
                            things.takers.push(number);
                            break;
                        }
                        drop(things);
                        // Without a time limit: a thread that is not woken is not served.
                        thread::park();
                    }
                });
                has_come.recv().expect("the thread sends it");
            }
            assert!(!line.lock().is_next(None), "others wait");
            for more in [2, 1, 4] {
                let mut things = line.lock();
                things.left += more;
                things.wake();
            }
        });
        let mut things = line.lock();
        assert_eq!(things.takers, [0, 1, 2, 4, 5, 6, 7]);
        assert!(!things.is_waited_for() && things.is_next(None));
    }
}
