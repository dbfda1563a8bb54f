//! Threads that wait for something that not all can have at a time: first come, first served.
//!
//! A [`Line`] is a lock around what they wait for, with the queue of those who wait. It does not know what that
//! is, but how many of them may go on ([`Room`]).
//!
//! Invariants: nobody holds the lock while waiting; a thread is in the queue from [`Line::wait`] until its
//! [`Waiting`] is dropped, on whatever way out, and then wakes who may go on; threads of a parent process do
//! not count in its forked child.

use std::{
    collections::VecDeque,
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, Thread},
};

use crate::process::Process;

/// What threads wait for.
pub trait Room {
    /// How many of those who wait may go on now.
    fn room(&self) -> usize;
}

/// What threads wait for, with the queue of those who do.
pub struct Line<T>(Mutex<Queued<T>>);

/// The inside of a [`Line`], for who has the lock.
pub struct Queued<T> {
    value: T,
    /// Who waits, the first first.
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
    /// Nobody waits yet.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(Queued {
            value,
            queue: VecDeque::new(),
            next_number: 0,
        }))
    }

    /// Takes the lock. Nothing that can panic may run under it.
    pub fn lock(&self) -> MutexGuard<'_, Queued<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Room> Line<T> {
    /// Puts this thread at the end of the queue. It parks until it is woken, or for as long as it likes, and
    /// looks then whether it may go on.
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
    /// Whether anybody waits.
    pub fn is_waited_for(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether nobody is before `who`, or before one who does not wait yet.
    pub fn is_next(&mut self, who: Option<&Waiting<'_, T>>) -> bool {
        let here = Process::current();
        self.queue.retain(|waiter| waiter.ticket.process == here);
        let first = self.queue.front().map(|waiter| waiter.ticket);
        first.is_none() || first == who.map(|waiting| waiting.ticket)
    }

    /// Wakes those who may go on. Who is not parked yet will not park.
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
            // The line, and its lock, may be those of the parent.
            return;
        }
        let mut queued = self.line.lock();
        queued.queue.retain(|waiter| waiter.ticket != self.ticket);
        // What this one was woken for is the next one's; and there may be room for both.
        queued.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::{Line, Room};

    /// What threads take, and who took some, in this order.
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
                        // Without an end: who is not woken is not served.
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
