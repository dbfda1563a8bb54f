//! The calls that run on this thread, one within another: a host function may call a further plug-in.
//!
//! Ending a call ends the calls that it waits for. So no guest can delay the calls around it, whatever its own time
//! limit is. This file knows of a call only its alarm.
//!
//! Invariants: a call is in the chain while its guest or a host function of it has the thread; the chain is local
//! to the thread, so reading it takes no lock.

use std::{ptr, time::Duration};

use scoped_tls_hkt::scoped_thread_local;

use crate::{base::error::Result, deadline::alarm::Alarm};

/// A call, and the call whose host function made it.
#[derive(Clone, Copy)]
struct Running<'a> {
    alarm: &'a Alarm,
    around: Option<&'a Self>,
}

scoped_thread_local!(static RUNNING: for<'a> Running<'a>);

/// Runs `guest` as the innermost call of this thread.
#[inline(always)]
pub(crate) fn within<R>(alarm: &Alarm, guest: impl FnOnce() -> R) -> R {
    if !RUNNING.is_set() {
        let around = None;
        return RUNNING.set(Running { alarm, around }, guest);
    }
    RUNNING.with(|outer| {
        let around = Some(&outer);
        RUNNING.set(Running { alarm, around }, guest)
    })
}

/// Whether this thread is in a call.
#[inline]
pub(crate) fn is_within() -> bool {
    RUNNING.is_set()
}

/// The time limit of a call that begins now with its own `limit`.
///
/// # Errors
/// The reason why an enclosing call has to end.
#[cold]
pub(crate) fn limit(limit: Option<Duration>) -> Result<Option<Duration>> {
    check_interrupt()?;
    // Each call was limited in this way by the one around it.
    let left = RUNNING.with(|around| around.alarm.remaining());
    Ok(match (limit, left) {
        (Some(limit), Some(left)) => Some(limit.min(left)),
        (limit, left) => limit.or(left),
    })
}

/// How long host code may wait before it calls [`check_interrupt`] again: at most `longest`.
pub fn patience(longest: Duration) -> Duration {
    match RUNNING.is_set() {
        true => RUNNING.with(|innermost| innermost.alarm.patience().min(longest)),
        false => longest,
    }
}

/// Checks whether a call on this thread has to end.
///
/// Host code that waits and has no plug-in at hand calls it after every [`patience`].
///
/// # Errors
/// `Cancelled`, `Timeout`: the reason of the outermost call that has to end.
pub fn check_interrupt() -> Result<()> {
    match RUNNING.is_set() {
        true => RUNNING.with(|innermost| look(Some(&innermost), ptr::null())),
        false => Ok(()),
    }
}

/// As [`check_interrupt`], for the calls around the one of `alarm`.
#[cold]
pub(crate) fn check_calls_around(alarm: &Alarm) -> Result<()> {
    match RUNNING.is_set() {
        true => RUNNING.with(|innermost| look(Some(&innermost), alarm)),
        false => Ok(()),
    }
}

fn look(innermost: Option<&Running<'_>>, but: *const Alarm) -> Result<()> {
    let mut outcome = Ok(());
    let mut next = innermost;
    while let Some(running) = next {
        if !ptr::eq(running.alarm, but) {
            outcome = running.alarm.overdue().and(outcome);
        }
        next = running.around;
    }
    outcome
}
