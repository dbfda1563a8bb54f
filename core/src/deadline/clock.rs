//! The watchdog: one thread of the process that notices when deadlines pass.
//!
//! It checks the alarms of the plug-ins in use, every 4 ms or at the next deadline. It makes overdue guests check
//! their alarm until the call has ended. It sleeps when no plug-in is in use. `alarm` says what a deadline means.
//!
//! Invariants: a plug-in is put on the list once while it stays in use, so a call takes no lock; a forked child
//! starts a watchdog of its own.

mod list;

use std::{
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, atomic::Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use self::list::List;
use crate::{
    base::error::{Error, ErrorKind, Result},
    deadline::alarm::Alarm,
    process::{PerProcess, Process, forks::section},
};

/// The longest time between two checks while a plug-in is in use.
const TICK: Duration = Duration::from_millis(4);
/// The shortest time between two checks, in nanoseconds.
const SHORTEST: u64 = 50_000;
/// For how many checks a plug-in stays on the list after its last call.
const GRACE: u32 = 256;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

static WATCHDOG: PerProcess<Watchdog> = PerProcess::new();

/// Nanoseconds since a fixed moment of the process.
pub(crate) fn now() -> u64 {
    // Saturates after five centuries.
    START.elapsed().as_nanos() as u64
}

/// Whether the watchdog of this process watches `alarm`. A forked child does not have the watchdog of its parent.
#[inline]
pub(crate) fn watches(alarm: &Alarm) -> bool {
    alarm.watched.load(SeqCst) == Process::current().number()
}

/// Puts `alarm` on the list of the watchdog, and starts the watchdog if it does not run.
///
/// # Errors
/// `Engine` if the system gives no thread.
#[cold]
pub(crate) fn watch(alarm: &Arc<Alarm>) -> Result<()> {
    let watchdog = WATCHDOG.own();
    let mut list = watchdog.lock();
    if !list.started {
        watchdog.start()?;
        list.started = true;
    }
    // A watchdog that has alarms looks again within a tick, so it is woken only for a deadline before that. Waking it
    // took a fifth of making a plug-in and calling it.
    let sleeps = list.in_use.is_empty();
    list.in_use.add(alarm, Process::current().number());
    drop(list);
    let is_soon = alarm.remaining().is_some_and(|remaining| remaining < TICK);
    if sleeps || is_soon {
        watchdog.work.notify_one();
    }
    Ok(())
}

/// The watchdog of one process.
#[derive(Default)]
struct Watchdog {
    list: Mutex<Work>,
    work: Condvar,
}

/// The list of the thread, if it runs.
#[derive(Default)]
struct Work {
    started: bool,
    in_use: List,
}

impl Watchdog {
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
        let process = Process::current().number();
        let mut list = self.lock();
        loop {
            if list.in_use.is_empty() {
                list = (self.work.wait(list)).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // A check takes locks of alarms, which a fork must not leave locked.
            let next = section(|| list.in_use.look(now(), process));
            let wait = Duration::from_nanos(next.max(SHORTEST));
            let woken = self.work.wait_timeout(list, wait);
            list = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests;
