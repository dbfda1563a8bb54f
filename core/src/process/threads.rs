//! The threads that engines compile on.
//!
//! Engines compile the functions of a module in parallel, on the threads of the pool that they are
//! called in, or else on those of a pool of the whole process. The threads of the latter are gone
//! in a forked process, where compiling would wait for them for ever. So compiling happens inside
//! a pool of this process, which is made again after a fork. It does not know what it runs.
//!
//! Invariant: no thread of the pool waits for a fork. One that did could do so in the middle of another's work,
//! which it helps with, and the fork waits for that.

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    base::error::{Error, ErrorKind, Result},
    process::{PerProcess, forks::section},
};

/// The stack of each thread, in bytes: that of a main thread. Only what is used takes memory.
const STACK: usize = 8 << 20;

static POOL: PerProcess<ThreadPool> = PerProcess::new();

/// Runs `work` in the pool of this process, and waits for it: a section, which the caller enters.
///
/// # Errors
/// Those of `work`; `Engine` if the system gives no threads.
pub(crate) fn run<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    section(|| pool()?.install(work))
}

fn pool() -> Result<&'static ThreadPool> {
    POOL.own_or_try(build)
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
        sync::{Barrier, mpsc},
        thread::{self, available_parallelism},
        time::Duration,
    };

    use rayon::prelude::*;

    use super::{pool, run};
    use crate::process::forks::{release, want};

    #[test]
    fn work_is_shared_by_all_processors() {
        let processors = available_parallelism().map_or(1, NonZeroUsize::get);
        let meet = Barrier::new(processors);
        let names = run(|| {
            assert_eq!(rayon::current_num_threads(), processors);
            // It ends only if every thread of the pool takes one.
            let names = (0..processors).into_par_iter().with_max_len(1).map(|_| {
                meet.wait();
                thread::current().name().unwrap_or_default().to_owned()
            });
            Ok(names.collect::<Vec<_>>())
        });
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
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|n| scope.spawn(move || run(move || Ok(n))))
                .collect();
            for (expected, thread) in threads.into_iter().enumerate() {
                let n = thread.join().expect("nothing panics");
                assert_eq!(n.expect("it does not fail"), expected);
            }
        });
    }

    #[test]
    fn who_waits_for_a_fork_takes_no_thread_of_the_pool() {
        let processors = available_parallelism().map_or(1, NonZeroUsize::get);
        want();
        let waiting = || thread::spawn(|| run(|| Ok(())));
        let waiting: Vec<_> = (0..=processors).map(|_| waiting()).collect();
        thread::sleep(Duration::from_millis(20));
        let waited = waiting.iter().all(|thread| !thread.is_finished());
        let (done, ended) = mpsc::channel();
        thread::spawn(move || {
            let pool = pool().expect("the system gives threads");
            pool.install(|| ());
            done.send(()).expect("the test waits for it");
        });
        // A fork waits for who has begun, and that takes the threads that others have left.
        let free = ended.recv_timeout(Duration::from_secs(10));
        release();
        for thread in waiting {
            let ran = thread.join().expect("nothing panics");
            ran.expect("it does not fail");
        }
        assert!(waited, "the fork was not waited for");
        free.expect("a thread of the pool is free");
    }
}
