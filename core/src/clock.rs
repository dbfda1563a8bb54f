//! The watchdog: one thread of the process that notices when deadlines pass.
//!
//! It looks at the alarms of the plug-ins that are in use, every 4 ms or when the next deadline
//! comes, and makes overdue guests look at their alarm until their call has ended. It sleeps when no
//! plug-in is in use. What a deadline means is the business of `alarm`.
//!
//! Invariants: a plug-in is put on the list once for as long as it stays in use, so a call takes no
//! lock; a forked child starts a watchdog of its own and never touches the lock of its parent's.

mod list;

use std::{
    sync::{
        Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread,
    time::{Duration, Instant},
};

use self::list::List;
use crate::{
    alarm::Alarm,
    error::{Error, ErrorKind, Result},
    forks::section,
};

/// The longest time between two looks while a plug-in is in use.
const TICK: Duration = Duration::from_millis(4);
/// The shortest time between two looks, in nanoseconds.
const SHORTEST: u64 = 50_000;
/// How many looks a plug-in stays on the list after its last call.
const GRACE: u32 = 256;
/// A watchdog that was not heard of for so long, in nanoseconds, may be gone.
const SILENCE: u64 = 200_000_000;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// When the watchdog last looked.
static HEARD: AtomicU64 = AtomicU64::new(0);

/// The number of this process among its forked ancestors, as far as anybody has noticed; from 1.
static PROCESS: AtomicU64 = AtomicU64::new(1);

/// Nanoseconds since some moment of the process.
pub(crate) fn now() -> u64 {
    // Saturates after five centuries.
    START.elapsed().as_nanos() as u64
}

/// Whether the watchdog of this process watches `alarm`; at `now`, if the caller knows it, it must
/// have been heard of recently.
#[inline]
pub(crate) fn watches(alarm: &Alarm, now: Option<u64>) -> bool {
    // The list of a parent process is worth nothing in its forked child.
    let heard = |now: u64| now.saturating_sub(HEARD.load(Relaxed)) <= SILENCE;
    alarm.watched.load(SeqCst) == PROCESS.load(Relaxed) && now.is_none_or(heard)
}

/// Puts `alarm` on the list of the watchdog, which is started if need be.
///
/// # Errors
/// `Engine` if the system gives no thread.
#[cold]
pub(crate) fn watch(alarm: &Arc<Alarm>) -> Result<()> {
    let watchdog = Watchdog::own();
    let mut list = watchdog.lock();
    if !list.started {
        watchdog.start()?;
        list.started = true;
    }
    list.in_use.add(alarm, watchdog.number);
    drop(list);
    watchdog.work.notify_one();
    Ok(())
}

/// Tells that this process is a forked child, in the child, before it calls a plug-in that its parent
/// has used. Without it the child finds out by itself, but a call that begins within 0.2 s after the
/// parent's last look at a deadline may miss its own on an engine that has to be nudged.
pub fn after_fork() {
    if let Some(last) = Watchdog::last()
        && last.process != std::process::id()
    {
        PROCESS.store(last.number + 1, SeqCst);
    }
}

/// The watchdog of one process. Those of its ancestors stay in the chain, dead.
struct Watchdog {
    process: u32,
    number: u64,
    list: Mutex<Work>,
    work: Condvar,
    next: OnceLock<Box<Self>>,
}

static FIRST: OnceLock<Box<Watchdog>> = OnceLock::new();

/// What the thread has to do, if there is one.
#[derive(Default)]
struct Work {
    started: bool,
    in_use: List,
}

impl Watchdog {
    /// The newest of the chain.
    fn last() -> Option<&'static Self> {
        let mut last = FIRST.get()?;
        while let Some(next) = last.next.get() {
            last = next;
        }
        Some(last)
    }

    /// That of this process.
    fn own() -> &'static Self {
        let process = std::process::id();
        loop {
            let last = Self::last();
            if let Some(own) = last.filter(|last| last.process == process) {
                return own;
            }
            let number = last.map_or(1, |last| last.number + 1);
            let new = Box::new(Self {
                process,
                number,
                list: Mutex::default(),
                work: Condvar::new(),
                next: OnceLock::new(),
            });
            let slot = last.map_or(&FIRST, |last| &last.next);
            // Who loses the race takes what the winner has put there.
            if slot.set(new).is_ok() {
                PROCESS.store(number, SeqCst);
            }
        }
    }

    fn start(&'static self) -> Result<()> {
        let thread = thread::Builder::new().name("polyextism-clock".into());
        match thread.stack_size(256 * 1024).spawn(|| self.run()) {
            Ok(_) => Ok(()),
            Err(error) => {
                let message = "the system gives no thread for the watchdog of deadlines";
                Err(Error::new(ErrorKind::Engine, message).with_source(error))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut list = self.lock();
        loop {
            if list.in_use.is_empty() {
                list = (self.work.wait(list)).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let now = now();
            HEARD.store(now, Relaxed);
            // A look takes locks of alarms, which a fork must not leave locked.
            let next = section(|| list.in_use.look(now, self.number));
            let wait = Duration::from_nanos(next.max(SHORTEST));
            let woken = self.work.wait_timeout(list, wait);
            list = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests;
