//! The alarm of a plug-in: whether its running call has to end, and why.
//!
//! One word of atomic state says whether a call runs and whether its deadline has passed or somebody
//! has cancelled it. The thread of the call looks at it in [`Alarm::check_interrupt`], which guests reach at
//! loop heads and function entries and blocking host functions every few milliseconds. This
//! module does not know how guests are made to look; `clock` has the thread that watches deadlines.
//!
//! Invariants: a call starts and ends with one atomic exchange each, without a lock, and reads the
//! clock only if it has a deadline, at both ends; a call that outlives its deadline fails; what stops one call never stops the next one, because every call
//! has a number of its own; nothing here is held over a fork.

use std::{
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use crate::{
    base::error::{Error, ErrorKind, Result},
    deadline::{atomic::AtomicU64, clock, flag::Flag, nesting},
};

/// A call is running.
const RUNNING: u64 = 1;
/// Its deadline has passed.
const EXPIRED: u64 = 2;
/// Somebody cancelled it.
const CANCELLED: u64 = 4;
/// Its guest was stopped.
const STOPPED: u64 = 8;
const FLAGS: u64 = RUNNING | EXPIRED | CANCELLED | STOPPED;
/// What the state grows by with every call.
const NUMBER: u64 = 16;

/// A deadline that never comes.
const NEVER: u64 = u64::MAX;

/// How long a blocking host function may take to notice a cancellation.
const PATIENCE: Duration = Duration::from_millis(8);

/// How often a running call lets the host look after its own affairs.
pub(crate) const CHECK_PERIOD: Duration = Duration::from_millis(50);

/// What makes the guests of an engine look at their alarms.
pub trait RequestCheck: Send + Sync {
    /// Makes every running guest check soon, on its own thread, whether it has to stop.
    fn request_check(&self);
}

/// Whether the running call of a plug-in has to end, and why.
pub struct Alarm {
    state: AtomicU64,
    /// Nanoseconds on the clock of the process; [`NEVER`] without one. Valid while a call runs.
    deadline: AtomicU64,
    /// Nanoseconds that the call may take.
    limit: AtomicU64,
    /// Whether the running call is within another one.
    nested: AtomicBool,
    /// When `check` last ran.
    checked: AtomicU64,
    /// The process whose watchdog watches this alarm, in the numbering of `clock`.
    pub(crate) watched: AtomicU64,
    check: OnceLock<Box<dyn Fn() -> Result<()> + Send + Sync>>,
    /// Not owned: the watchdog drops alarms, and must never be the one who drops an engine. That takes
    /// locks of the engine, which a fork at that moment would leave locked in the child.
    engine: Option<Weak<dyn RequestCheck>>,
    /// What its guests look at, on engines that need no telling.
    pub(crate) flag: Flag,
}

/// How a call ended, as far as its alarm knows.
pub(crate) struct Ended {
    /// The call has to fail with this, if it has not failed by itself.
    pub(crate) overdue: Option<Error>,
    /// Whether the guest was stopped in the middle of its work.
    pub(crate) stopped: bool,
}

/// What the watchdog finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// No call is running.
    Idle,
    /// A call is running; the nanoseconds to its deadline, if it has one.
    Running(Option<u64>),
    /// A call is running that has to end.
    Overdue,
}

impl Alarm {
    /// The alarm of a plug-in on `engine`, whose guests look at it when the engine requests it, or by
    /// themselves.
    pub(crate) fn new(engine: Option<Weak<dyn RequestCheck>>) -> Self {
        Self {
            state: AtomicU64::new(0),
            deadline: AtomicU64::new(NEVER),
            limit: AtomicU64::new(0),
            nested: AtomicBool::new(false),
            checked: AtomicU64::new(0),
            watched: AtomicU64::new(0),
            check: OnceLock::new(),
            engine,
            flag: Flag::default(),
        }
    }

    /// An alarm that goes off after `time`.
    #[cfg(test)]
    pub(crate) fn after(time: Duration) -> Self {
        let alarm = Self::default();
        alarm.arm(time).expect("there is time");
        alarm
    }

    /// Has `check` run on the thread of each running call, about twenty times a second: an error of
    /// it ends the call. Only the first one that is set counts.
    pub fn set_check(&self, check: impl Fn() -> Result<()> + Send + Sync + 'static) {
        let _ = self.check.set(Box::new(check));
    }

    /// Starts a call. The plug-in's owner calls it, one call at a time.
    ///
    /// One within another call has no more time than is left to that one.
    ///
    /// # Errors
    /// `Timeout` if no time is given; why a call around it has to end; `Engine` if the watchdog cannot
    /// be started.
    #[inline(always)]
    pub(crate) fn begin(self: &Arc<Self>, timeout: Option<Duration>) -> Result<()> {
        let nested = nesting::is_within();
        self.nested.store(nested, Relaxed);
        let timeout = match nested {
            true => nesting::limit(timeout)?,
            false => timeout,
        };
        let now = timeout.map(|timeout| self.arm(timeout)).transpose()?;
        if now.is_none() {
            self.deadline.store(NEVER, Relaxed);
        }
        let number = (self.state.load(Relaxed) & !FLAGS).wrapping_add(NUMBER);
        // The exchange comes before the look at `watched` in the one order of these operations, and
        // the watchdog stops to watch before it looks at the state once more: one of both sees it.
        self.state.swap(number | RUNNING, SeqCst);
        let needed = now.is_some() || nested || self.has_check();
        if needed && !clock::watches(self) {
            self.watch()?;
        }
        Ok(())
    }

    /// Sets the deadline; returns the time.
    fn arm(&self, timeout: Duration) -> Result<u64> {
        let limit = nanos(timeout);
        self.limit.store(limit, Relaxed);
        if limit == 0 {
            return Err(self.timeout());
        }
        let now = clock::now();
        let deadline = now.saturating_add(limit).min(NEVER - 1);
        self.deadline.store(deadline, Relaxed);
        Ok(now)
    }

    #[cold]
    fn watch(self: &Arc<Self>) -> Result<()> {
        clock::watch(self).inspect_err(|_| {
            self.end();
        })
    }

    /// Ends the call. One whose deadline has passed is overdue, whether anybody has noticed or not.
    #[inline]
    pub(crate) fn end(&self) -> Ended {
        let deadline = self.deadline.load(Relaxed);
        let late = deadline != NEVER && clock::now() >= deadline;
        let number = self.state.load(Relaxed) & !FLAGS;
        match (self.state.swap(number, SeqCst) & FLAGS, late) {
            (RUNNING, false) => Ended {
                overdue: None,
                stopped: false,
            },
            (flags, late) => Ended {
                overdue: self.verdict(flags | if late { EXPIRED } else { 0 }),
                stopped: flags & STOPPED != 0,
            },
        }
    }

    #[cold]
    fn verdict(&self, flags: u64) -> Option<Error> {
        match (flags & CANCELLED != 0, flags & EXPIRED != 0) {
            (true, _) => Some(Error::new(ErrorKind::Cancelled, "the call was cancelled")),
            (false, true) => Some(self.timeout()),
            (false, false) => None,
        }
    }

    #[cold]
    fn timeout(&self) -> Error {
        let limit = Duration::from_nanos(self.limit.load(Relaxed));
        Error::new(
            ErrorKind::Timeout,
            format!("the call did not end within its time limit of {limit:?}"),
        )
    }

    /// Whether the running call is known to have to end. One load; who wants to know it exactly
    /// calls [`Alarm::check_interrupt`].
    #[inline]
    pub(crate) fn is_overdue(&self) -> bool {
        self.state.load(Relaxed) & (EXPIRED | CANCELLED) != 0
    }

    /// Looks whether the running call has to end. A host function that blocks calls it after
    /// every [`Alarm::patience`], on the thread of the call, and ends with what it returns.
    ///
    /// # Errors
    /// `Cancelled`, `Timeout`, or what the host's own check says (in Python: the exception of a
    /// signal handler).
    pub fn check_interrupt(&self) -> Result<()> {
        let flags = self.state.load(Acquire) & FLAGS;
        let deadline = self.deadline.load(Relaxed);
        let check = self.check.get();
        let now = match deadline == NEVER && check.is_none() {
            true => 0,
            false => clock::now(),
        };
        let flags = match now >= deadline {
            true => flags | EXPIRED,
            false => flags,
        };
        let outcome = match (self.verdict_of(flags), check) {
            (Some(error), _) => Err(error),
            (None, Some(check)) if self.check_is_due(now) => check(),
            (None, _) => Ok(()),
        };
        let outcome = match self.nested.load(Relaxed) {
            true => nesting::check_calls_around(self).and(outcome),
            false => outcome,
        };
        if outcome.is_err() {
            self.stop();
        }
        outcome
    }

    /// Takes note that the guest of the running call is stopped in the middle of its work.
    #[cold]
    pub(crate) fn stop(&self) {
        self.state.fetch_or(STOPPED, SeqCst);
    }

    /// Whether the running call has to end, without ending it.
    ///
    /// # Errors
    /// `Cancelled`, `Timeout`.
    pub(crate) fn overdue(&self) -> Result<()> {
        let flags = self.state.load(Acquire) & FLAGS;
        let flags = match self.remaining() {
            Some(Duration::ZERO) => flags | EXPIRED,
            _ => flags,
        };
        self.verdict_of(flags).map_or(Ok(()), Err)
    }

    #[inline]
    fn verdict_of(&self, flags: u64) -> Option<Error> {
        match flags & (EXPIRED | CANCELLED) {
            0 => None,
            flags => self.verdict(flags),
        }
    }

    fn check_is_due(&self, now: u64) -> bool {
        let due = now.saturating_sub(self.checked.load(Relaxed)) >= nanos(CHECK_PERIOD);
        if due {
            self.checked.store(now, Relaxed);
        }
        due
    }

    /// Puts the running call under the watchdog of this process. It is for host functions in which
    /// the process was forked, in the child: the call that they return to is still the parent's.
    ///
    /// # Errors
    /// `Engine` if the watchdog cannot be started.
    pub fn watch_again(self: &Arc<Self>) -> Result<()> {
        clock::watch(self)
    }

    /// How long the running call may go on; `None` if it has no deadline.
    pub fn remaining(&self) -> Option<Duration> {
        match self.deadline.load(Relaxed) {
            NEVER => None,
            deadline => Some(Duration::from_nanos(deadline.saturating_sub(clock::now()))),
        }
    }

    /// How long a host function may block before it calls [`Alarm::check_interrupt`] again, so that a call
    /// ends on time however it has to end.
    pub fn patience(&self) -> Duration {
        let remaining = self.remaining().unwrap_or(PATIENCE);
        remaining.min(PATIENCE)
    }

    /// Cancels the running call, if there is one.
    fn cancel(self: &Arc<Self>) -> bool {
        let running = |state| (state & RUNNING != 0).then_some(state | CANCELLED);
        let running = self.state.fetch_update(SeqCst, SeqCst, running).is_ok();
        if running {
            self.request_check();
            // Without a watchdog the guest has been told once, which nearly always is enough.
            let _ = clock::watch(self);
        }
        running
    }

    /// Makes the guest look.
    pub(crate) fn request_check(&self) {
        self.flag.raise();
        if let Some(engine) = self.engine.as_ref().and_then(Weak::upgrade) {
            engine.request_check();
        }
    }

    /// Whether calls want to look after the host's affairs.
    pub(crate) fn has_check(&self) -> bool {
        self.check.get().is_some()
    }

    /// How often the guest of the running call has to look up, whatever its deadline; `None` if it need
    /// not.
    pub(crate) fn period(&self) -> Option<Duration> {
        match (self.nested.load(Relaxed), self.has_check()) {
            // What ends the call around it is not told to this one.
            (true, _) => Some(PATIENCE),
            (false, true) => Some(CHECK_PERIOD),
            (false, false) => None,
        }
    }

    /// What there is to see at `now`. Marks a call whose deadline has passed.
    pub(crate) fn look(&self, now: u64) -> Sight {
        let state = self.state.load(SeqCst);
        if state & RUNNING == 0 {
            return Sight::Idle;
        }
        if state & (EXPIRED | CANCELLED) != 0 {
            return Sight::Overdue;
        }
        let deadline = self.deadline.load(Relaxed);
        match deadline {
            NEVER => Sight::Running(None),
            deadline if now < deadline => Sight::Running(Some(deadline - now)),
            // Only if it still is the call whose deadline this was.
            _ => match self
                .state
                .compare_exchange(state, state | EXPIRED, SeqCst, SeqCst)
            {
                Ok(_) => Sight::Overdue,
                Err(_) => Sight::Running(Some(0)),
            },
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Default for Alarm {
    /// An alarm that nobody watches.
    fn default() -> Self {
        Self::new(None)
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.state.load(Relaxed) & FLAGS;
        write!(f, "Alarm({flags:#06b})")
    }
}

/// Cancels the call of a plug-in from any thread. It stays valid when the plug-in is gone.
#[derive(Clone, Debug)]
pub struct CancelHandle(pub(crate) Arc<Alarm>);

impl CancelHandle {
    /// Ends the running call with `Cancelled`. Returns whether there was one: then it fails, unless
    /// it fails by itself. The next call is not touched.
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// Whether a call is running just now.
    pub fn is_running(&self) -> bool {
        self.0.state.load(Relaxed) & RUNNING != 0
    }
}

#[cfg(test)]
mod tests;
