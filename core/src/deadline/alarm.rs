//! The alarm of a plug-in: whether its running call has to end, and why.
//!
//! One atomic word says whether a call runs, whether its deadline has passed and whether it was cancelled. The
//! thread of the call reads it in [`Alarm::check_interrupt`]. Guests get there at loop heads and function entries,
//! blocking host functions every few milliseconds. This module does not know how guests are made to check. `clock`
//! has the thread that watches deadlines.
//!
//! Invariants: a call starts and ends with one atomic exchange each, without a lock; only a call with a deadline
//! reads the clock, at both ends; a call that outlives its deadline fails; stopping a call never stops the next
//! one, because every call has its own number; no lock here is held over a fork.

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
    deadline::{atomic::AtomicU64, clock, duration_text::DurationText, flag::Flag, nesting},
};

/// A call is running.
const RUNNING: u64 = 1;
/// Its deadline has passed.
const EXPIRED: u64 = 2;
/// It was cancelled.
const CANCELLED: u64 = 4;
/// Its guest was stopped.
const STOPPED: u64 = 8;
const FLAGS: u64 = RUNNING | EXPIRED | CANCELLED | STOPPED;
/// Every call adds this to the state.
const NUMBER: u64 = 16;

/// A deadline that never comes.
const NEVER: u64 = u64::MAX;

/// How long a blocking host function may take to notice a cancellation.
const PATIENCE: Duration = Duration::from_millis(8);

/// How often a running call runs the host's own check.
pub(crate) const CHECK_PERIOD: Duration = Duration::from_millis(50);

/// An engine that can make its guests check their alarms.
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
    /// Whether the running call is nested in another one.
    nested: AtomicBool,
    /// When `check` last ran.
    checked: AtomicU64,
    /// The process whose watchdog watches this alarm, in the numbering of `clock`.
    pub(crate) watched: AtomicU64,
    check: OnceLock<Box<dyn Fn() -> Result<()> + Send + Sync>>,
    /// Not owned: the watchdog drops alarms and must never drop an engine. Dropping one takes locks of the engine,
    /// which a fork at that moment would leave locked in the child.
    engine: Option<Weak<dyn RequestCheck>>,
    /// The flag that guests read, on engines with the capability `flag`.
    pub(crate) flag: Flag,
}

/// What the alarm knows about the end of a call.
pub(crate) struct Ended {
    /// If the call did not fail by itself, it fails with this.
    pub(crate) overdue: Option<Error>,
    /// Whether the guest was stopped in the middle of its work.
    pub(crate) stopped: bool,
}

/// What the watchdog sees of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallStatus {
    /// No call is running.
    Idle,
    /// A call is running, with the nanoseconds to its deadline if it has one.
    Running(Option<u64>),
    /// A call is running that has to end.
    Overdue,
}

impl Alarm {
    /// The alarm of a plug-in. Its guests check when `engine` requests it; without one they check by themselves.
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

    /// Runs `check` on the thread of each running call, about twenty times a second. An error of `check` ends the
    /// call. Only the first `check` that is set counts.
    pub fn set_check(&self, check: impl Fn() -> Result<()> + Send + Sync + 'static) {
        let _ = self.check.set(Box::new(check));
    }

    /// Starts a call. The owner of the plug-in makes one call at a time.
    ///
    /// A nested call has no more time than the call around it has left.
    ///
    /// # Errors
    /// `Timeout` if the time is zero; the reason why an enclosing call has to end; `Engine` if the watchdog cannot
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
        // All these operations have one order. The exchange comes before reading `watched`, and the watchdog stops
        // watching before it reads the state once more. So at least one side sees the other.
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

    /// Ends the call. If its deadline has passed, it is overdue, whether or not that was noticed before.
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
        let limit = DurationText(Duration::from_nanos(self.limit.load(Relaxed)));
        Error::new(
            ErrorKind::Timeout,
            format!("the call did not end within its time limit of {limit}"),
        )
    }

    /// Whether the running call is known to have to end. Costs one load. [`Alarm::check_interrupt`] is exact.
    #[inline]
    pub(crate) fn is_overdue(&self) -> bool {
        self.state.load(Relaxed) & (EXPIRED | CANCELLED) != 0
    }

    /// Checks whether the running call has to end. A blocking host function calls this after every
    /// [`Alarm::patience`], on the thread of the call, and returns its error.
    ///
    /// # Errors
    /// `Cancelled`, `Timeout`, or the error of the host's own check (in Python: the exception of a signal handler).
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

    /// Marks the running call: its guest is stopped in the middle of its work.
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

    /// Puts the running call under the watchdog of this process. A host function that forked the process calls it
    /// in the child, because its call began in the parent.
    ///
    /// # Errors
    /// `Engine` if the watchdog cannot be started.
    pub fn watch_again(self: &Arc<Self>) -> Result<()> {
        clock::watch(self)
    }

    /// How much time the running call has left; `None` if it has no deadline.
    pub fn remaining(&self) -> Option<Duration> {
        match self.deadline.load(Relaxed) {
            NEVER => None,
            deadline => Some(Duration::from_nanos(deadline.saturating_sub(clock::now()))),
        }
    }

    /// How long a host function may block before it calls [`Alarm::check_interrupt`] again, so that a call ends on
    /// time.
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
            // Without a watchdog the guest is told only once, which is nearly always enough.
            let _ = clock::watch(self);
        }
        running
    }

    /// Makes the guest check.
    pub(crate) fn request_check(&self) {
        self.flag.raise();
        if let Some(engine) = self.engine.as_ref().and_then(Weak::upgrade) {
            engine.request_check();
        }
    }

    /// Whether the host has a check of its own.
    pub(crate) fn has_check(&self) -> bool {
        self.check.get().is_some()
    }

    /// How often the guest of the running call has to check, whatever its deadline; `None` if it need not.
    pub(crate) fn period(&self) -> Option<Duration> {
        match (self.nested.load(Relaxed), self.has_check()) {
            // A reason that ends only the enclosing call is not reported to this one.
            (true, _) => Some(PATIENCE),
            (false, true) => Some(CHECK_PERIOD),
            (false, false) => None,
        }
    }

    /// The state at `now`. Marks a call whose deadline has passed.
    pub(crate) fn look(&self, now: u64) -> CallStatus {
        let state = self.state.load(SeqCst);
        if state & RUNNING == 0 {
            return CallStatus::Idle;
        }
        if state & (EXPIRED | CANCELLED) != 0 {
            return CallStatus::Overdue;
        }
        let deadline = self.deadline.load(Relaxed);
        match deadline {
            NEVER => CallStatus::Running(None),
            deadline if now < deadline => CallStatus::Running(Some(deadline - now)),
            // Only if the call is still the one with this deadline.
            _ => match self
                .state
                .compare_exchange(state, state | EXPIRED, SeqCst, SeqCst)
            {
                Ok(_) => CallStatus::Overdue,
                Err(_) => CallStatus::Running(Some(0)),
            },
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Default for Alarm {
    /// An alarm without a watchdog.
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

/// Cancels the call of a plug-in from any thread. It stays valid after the plug-in is dropped.
#[derive(Clone, Debug)]
pub struct CancelHandle(pub(crate) Arc<Alarm>);

impl CancelHandle {
    /// Ends the running call with `Cancelled`, unless it fails by itself. Returns whether a call was running. The
    /// next call is not affected.
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
