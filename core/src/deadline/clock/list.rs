//! The list of the watchdog: the plug-ins in use, and the check of each.
//!
//! It knows no thread, no lock and no clock: the caller owns the list and passes the time. So `tests/loom` can try
//! every interleaving of checks and calls.
//!
//! Invariant: an alarm is on the list of a process if and only if its `watched` is the number of that process,
//! except during a check.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use super::{GRACE, TICK};
use crate::deadline::alarm::{Alarm, CallStatus};

/// The plug-ins in use.
#[derive(Default)]
pub(crate) struct List(Vec<Watched>);

struct Watched {
    alarm: Arc<Alarm>,
    /// How many checks ago it was last in a call.
    idle: u32,
    /// When its guest was last told to check.
    asked: u64,
}

impl List {
    /// Puts `alarm` on the list of the process with this number, unless it is on it.
    pub(crate) fn add(&mut self, alarm: &Arc<Alarm>, process: u64) {
        if alarm.watched.swap(process, SeqCst) != process {
            self.0.push(Watched {
                alarm: Arc::clone(alarm),
                idle: 0,
                asked: 0,
            });
        }
    }

    /// Whether no plug-in is in use.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks every alarm, removes those that are not in use any more, and returns the nanoseconds to the next
    /// check.
    pub(crate) fn look(&mut self, now: u64, process: u64) -> u64 {
        let mut next = TICK.as_nanos() as u64;
        // Dropping is cheap, because an alarm owns no engine.
        self.0
            .retain_mut(|watched| watched.look(now, process, &mut next));
        next
    }
}

impl Watched {
    /// Checks one alarm and lowers `next` to the time of its next check. Returns whether the plug-in stays on the
    /// list.
    fn look(&mut self, now: u64, process: u64, next: &mut u64) -> bool {
        match self.alarm.look(now) {
            CallStatus::Idle => {
                self.idle += 1;
                if Arc::strong_count(&self.alarm) == 1 {
                    return false;
                }
                if self.idle < GRACE {
                    return true;
                }
                self.alarm.watched.store(0, SeqCst);
                // A call that began meanwhile has either seen this and waits for the lock, or is seen here.
                match self.alarm.look(now) {
                    CallStatus::Idle => return false,
                    _ => self.alarm.watched.store(process, SeqCst),
                }
            }
            CallStatus::Overdue => self.request_check(now),
            CallStatus::Running(left) => {
                *next = left.map_or(*next, |left| left.min(*next));
                let since = Duration::from_nanos(now.saturating_sub(self.asked));
                if self.alarm.period().is_some_and(|period| since >= period) {
                    self.request_check(now);
                }
            }
        }
        self.idle = 0;
        true
    }

    fn request_check(&mut self, now: u64) {
        self.asked = now;
        self.alarm.request_check();
    }
}
