//! The threads that engines compile on.
//!
//! Engines compile the functions of a module in parallel, on the threads of the rayon pool that they are called in,
//! or else on those of the global pool. The threads of the global pool are gone in a forked process, where
//! compiling would wait for them for ever. So engines compile inside a pool of this process, which is made again
//! after a fork. A waiting thread may leave; an engine cannot be stopped, so the work goes on. This file does not
//! know the work. It may import `base` and `process`.
//!
//! Invariants: no thread of the pool waits for a fork, because it may help with other work that the fork waits for;
//! there is never more work in the pool than it has threads, whether a thread waits for it or not; work that has
//! not begun when its waiter leaves never begins.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        panic::catch,
    },
    process::{PerProcess, Process, forks::Lent},
};

/// The stack of each thread, in bytes, as large as that of a main thread. Only used pages take memory.
const STACK: usize = 8 << 20;

/// How often a waiting thread checks whether to go on waiting.
const PATIENCE: Duration = Duration::from_millis(20);

static THREADS: PerProcess<Threads> = PerProcess::new();

struct Threads {
    pool: ThreadPool,
    seats: Arc<Seats>,
}

/// How many more pieces of work the pool may take.
struct Seats {
    free: Mutex<usize>,
    freed: Condvar,
}

/// Runs `work` in the pool of this process, in a section, and waits for it until `check` fails.
///
/// # Errors
/// The errors of `work` and of `check`; `Engine` if the system gives no threads.
pub(crate) fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
    check: &dyn Fn() -> Result<()>,
) -> Result<T> {
    let here = Process::current();
    let threads = threads()?;
    if threads.pool.current_thread_index().is_some() {
        // Work within work, which already has a seat and a section.
        return work();
    }
    let section = Lent::enter(check)?;
    let seat = threads.seats.take(check)?;
    let (send, outcome) = mpsc::sync_channel(1);
    let waiter = Waiter::default();
    let left = Arc::clone(&waiter.0);
    threads.pool.spawn(move || {
        let outcome = match left.load(SeqCst) {
            true => None,
            false => Some(catch("compiling a module", work)),
        };
        drop(seat);
        if let Some(outcome) = outcome {
            // Inside the section: if no thread waits any more, the result is dropped here.
            drop(send.send(outcome));
        }
        drop(section);
    });
    loop {
        match outcome.recv_timeout(PATIENCE) {
            Ok(outcome) => return outcome,
            Err(RecvTimeoutError::Timeout) if here == Process::current() => check()?,
            Err(_) => return Err(left_behind()),
        }
    }
}

/// A thread that waits for work. Dropping it ends the wait.
#[derive(Default)]
struct Waiter(Arc<AtomicBool>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// If a check forks, as a Python signal handler may, the work stays in the parent.
#[cold]
fn left_behind() -> Error {
    let message =
        "the process was forked while it waited for compiling, which goes on in the parent only";
    Error::new(ErrorKind::Engine, message)
}

fn threads() -> Result<&'static Threads> {
    THREADS.own_or_try(|| {
        let pool = build()?;
        let free = Mutex::new(pool.current_num_threads());
        let freed = Condvar::new();
        let seats = Arc::new(Seats { free, freed });
        Ok(Threads { pool, seats })
    })
}

impl Seats {
    fn take(self: &Arc<Self>, check: &dyn Fn() -> Result<()>) -> Result<Seat> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            let waited = self.freed.wait_timeout(free, PATIENCE);
            let (still, _) = waited.unwrap_or_else(PoisonError::into_inner);
            // The check may run any code.
            drop(still);
            check()?;
            free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Ok(Seat(Arc::clone(self)))
    }
}

/// A place in the pool.
struct Seat(Arc<Seats>);

impl Drop for Seat {
    fn drop(&mut self) {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free += 1;
        drop(free);
        self.0.freed.notify_one();
    }
}

fn build() -> Result<ThreadPool> {
    let builder = ThreadPoolBuilder::new()
        .thread_name(|index| format!("compile-{index}"))
        .stack_size(STACK);
    builder.build().map_err(|source| {
        let message = "the system gives no threads to compile on";
        Error::new(ErrorKind::Engine, message).with_source(source)
    })
}

#[cfg(test)]
mod tests {
    use std::{
        num::NonZeroUsize,
        sync::{
            Arc, Barrier, Mutex, MutexGuard, PoisonError,
            atomic::{AtomicUsize, Ordering::SeqCst},
            mpsc,
        },
        thread::{self, available_parallelism},
        time::Duration,
    };

    use rayon::prelude::*;

    use super::{run, threads};
    use crate::{
        base::error::{Error, ErrorKind, Result},
        process::forks::{is_quiet, release, want},
    };

    /// Only one test at a time may fill the pool or want to fork.
    static ALONE: Mutex<()> = Mutex::new(());

    fn alone() -> MutexGuard<'static, ()> {
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stay() -> Result<()> {
        Ok(())
    }

    fn leave() -> Result<()> {
        Err(Error::new(ErrorKind::Cancelled, "enough"))
    }

    fn processors() -> usize {
        available_parallelism().map_or(1, NonZeroUsize::get)
    }

    #[test]
    fn work_is_shared_by_all_processors() {
        let _alone = alone();
        let processors = processors();
        let meet = Barrier::new(processors);
        let names = run(
            move || {
                assert_eq!(rayon::current_num_threads(), processors);
                // It ends only if every thread of the pool takes one.
                let names = (0..processors).into_par_iter().with_max_len(1).map(|_| {
                    meet.wait();
                    thread::current().name().unwrap_or_default().to_owned()
                });
                Ok(names.collect::<Vec<_>>())
            },
            &stay,
        );
        let mut names = names.expect("it does not fail");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), processors);
        assert!(
            names.iter().all(|name| name.starts_with("compile-")),
            "{names:?}"
        );
    }

    #[test]
    fn threads_use_it_at_once() {
        let _alone = alone();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|n| scope.spawn(move || run(move || Ok(n), &stay)))
                .collect();
            for (expected, thread) in threads.into_iter().enumerate() {
                let n = thread.join().expect("nothing panics");
                assert_eq!(n.expect("it does not fail"), expected);
            }
        });
    }

    #[test]
    fn a_panic_is_an_error() {
        let _alone = alone();
        let outcome = run(|| -> Result<()> { panic!("on purpose") }, &stay);
        let failure = outcome.expect_err("it panics");
        assert_eq!(failure.kind(), ErrorKind::EnginePanic);
    }

    #[test]
    fn who_waits_for_a_fork_takes_no_thread_of_the_pool() {
        let _alone = alone();
        let processors = processors();
        want();
        let waiting = || thread::spawn(|| run(|| Ok(()), &stay));
        let waiting: Vec<_> = (0..=processors).map(|_| waiting()).collect();
        thread::sleep(Duration::from_millis(20));
        let waited = waiting.iter().all(|thread| !thread.is_finished());
        let left = run(|| Ok(()), &leave).map_err(|failure| failure.kind());
        let (done, ended) = mpsc::channel();
        thread::spawn(move || {
            let threads = threads().expect("the system gives threads");
            threads.pool.install(|| ());
            done.send(()).expect("the test waits for it");
        });
        // A fork waits for work that has begun, which takes the threads that others have left.
        let free = ended.recv_timeout(Duration::from_secs(10));
        release();
        for thread in waiting {
            let ran = thread.join().expect("nothing panics");
            ran.expect("it does not fail");
        }
        assert!(waited, "the fork was not waited for");
        assert_eq!(left, Err(ErrorKind::Cancelled));
        free.expect("a thread of the pool is free");
    }

    #[test]
    fn what_nobody_waits_for_keeps_its_seat_until_it_ends() {
        let _alone = alone();
        let processors = processors();
        let begun = Arc::new(AtomicUsize::new(0));
        let mut gates = Vec::new();
        // The seats that are left while it runs on all threads of the pool.
        for number in 0..processors {
            let (open, gate) = mpsc::channel::<()>();
            gates.push(open);
            let (counted, begins) = (Arc::clone(&begun), Arc::clone(&begun));
            let work = move || {
                counted.fetch_add(1, SeqCst);
                // It ends when the test drops the other end.
                let _ = gate.recv();
                Ok(())
            };
            let until_it_runs = || match begins.load(SeqCst) > number {
                true => leave(),
                false => stay(),
            };
            let left = run(work, &until_it_runs).map_err(|failure| failure.kind());
            assert_eq!(left, Err(ErrorKind::Cancelled));
        }
        assert!(!is_quiet(), "a fork waits for what goes on");
        // There is no free seat. A thread that leaves before there is one has begun nothing.
        let counted = Arc::clone(&begun);
        let work = move || Ok(counted.fetch_add(1, SeqCst));
        let left = run(work, &leave).map_err(|failure| failure.kind());
        assert_eq!(left, Err(ErrorKind::Cancelled));
        assert_eq!(begun.load(SeqCst), processors);
        drop(gates);
        assert_eq!(run(|| Ok(7), &stay).expect("there are seats again"), 7);
        assert_eq!(begun.load(SeqCst), processors);
    }
}
