//! Exclusive access of one thread at a time to a live plug-in.
//!
//! A call takes the live plug-in out of its slot and puts it back afterwards. This module does not know what the call
//! does. Invariants: the GIL is released while a thread waits for its turn; the lock of the slot is taken only with
//! the GIL, for a few instructions, without running Python code, so no fork leaves it locked; a thread that has the
//! turn already gets an error instead of a deadlock; others overtake a waiting thread for at most [`OVERTAKING`] times
//! the length of the queue.

use std::{
    mem, thread,
    time::{Duration, Instant},
};

use polyextism::{
    Error, ErrorKind, FunctionHandle, Permit,
    internal::{
        DurationText, Process, nesting,
        queue::{Line, Queued, Room, Waiting},
    },
};
use pyo3::prelude::*;

use crate::{
    parking,
    scope::{self, ThreadId},
};

/// How often a waiting thread checks for signals.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long others may take turns while a thread waits. A handover costs a switch of threads, so most turns are not
/// handed over. If none were, two threads that call in a loop would keep out a third.
const OVERTAKING: Duration = Duration::from_millis(1);

/// The turns of one plug-in.
pub(crate) struct Turns {
    slot: Line<Slot>,
}

struct Slot {
    state: State,
    /// From this time on, the plug-in is kept for the first thread of the queue.
    promised_from: Instant,
}

enum State {
    Idle(Box<Live>),
    /// Only the first thread of the queue may take it.
    Promised(Box<Live>),
    /// A thread has it. After a fork, that may be a thread of the parent process.
    Taken(ThreadId, Process),
    Closed,
}

impl Room for Slot {
    fn room(&self) -> usize {
        match self.state {
            State::Idle(_) | State::Promised(_) => 1,
            State::Taken(..) => 0,
            // All waiting threads go on, to fail.
            State::Closed => usize::MAX,
        }
    }
}

/// A live plug-in and the function that is called most.
pub(crate) struct Live {
    pub(crate) plugin: polyextism::Plugin,
    /// The function that was called last.
    last: Option<(String, FunctionHandle)>,
    /// The permit of the pool, if a pool has lent it. Dropped after the plug-in.
    permit: Option<Permit>,
}

impl Live {
    /// Frees the plug-in, or returns it to its pool.
    pub(crate) fn end(self) {
        match self.permit {
            Some(permit) => permit.give_back(self.plugin),
            None => drop(self.plugin),
        }
    }

    /// The handle of a function. It is not looked up if the function was the last one called.
    #[inline]
    pub(crate) fn handle(&mut self, name: &str) -> polyextism::Result<FunctionHandle> {
        match &self.last {
            Some((last, handle)) if last == name => Ok(*handle),
            _ => self.find(name),
        }
    }

    #[cold]
    fn find(&mut self, name: &str) -> polyextism::Result<FunctionHandle> {
        let handle = self.plugin.function(name)?;
        let (last, known) = self.last.get_or_insert_with(|| (String::new(), handle));
        name.clone_into(last);
        *known = handle;
        Ok(handle)
    }
}

/// The live plug-in of a turn. Dropping it ends the turn.
pub(crate) struct Turn<'a> {
    owner: &'a Turns,
    live: Option<Box<Live>>,
}

impl Turn<'_> {
    pub(crate) fn live(&mut self) -> &mut Live {
        self.live.as_mut().expect("it is taken by `drop` only")
    }

    /// Ends all turns and returns the live plug-in.
    pub(crate) fn close(mut self) -> Option<Box<Live>> {
        self.live.take()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // A guest whose call ended in a panic of the host must not be entered again.
        let live = self.live.take().filter(|_| !thread::panicking());
        let mut slot = self.owner.slot.lock();
        slot.state = live.map_or(State::Closed, State::Idle);
        if slot.is_waited_for() {
            slot.promise();
            slot.wake();
        }
    }
}

impl Turns {
    pub(crate) fn new(plugin: polyextism::Plugin, permit: Option<Permit>) -> Self {
        let last = None;
        let live = Box::new(Live {
            plugin,
            last,
            permit,
        });
        Self {
            slot: Line::new(Slot {
                state: State::Idle(live),
                promised_from: Instant::now(),
            }),
        }
    }

    /// Waits for the live plug-in, for at most `limit` if there is one, and takes it.
    ///
    /// # Errors
    /// The outer one is the exception of a signal handler; the inner one is `Reentrant`, `Closed`, `Timeout`, or the
    /// reason why the call that this thread is in has to end.
    #[inline]
    pub(crate) fn next(
        &self,
        py: Python<'_>,
        limit: Option<Duration>,
    ) -> PyResult<polyextism::Result<Turn<'_>>> {
        // Not in the match, which would hold the lock.
        let taken = take(&mut self.slot.lock(), None);
        match taken {
            Ok(None) => self.queue(py, limit),
            Ok(live) => Ok(Ok(Turn { owner: self, live })),
            Err(failure) => Ok(Err(failure)),
        }
    }

    #[cold]
    fn queue(
        &self,
        py: Python<'_>,
        limit: Option<Duration>,
    ) -> PyResult<polyextism::Result<Turn<'_>>> {
        parking::prepare();
        // A limit beyond the range of the clock never ends.
        let end = limit.and_then(|limit| Some((limit, Instant::now().checked_add(limit)?)));
        let waiting = self.wait();
        loop {
            let taken = take(&mut self.slot.lock(), Some(&waiting));
            let turn = match taken {
                Ok(None) => None,
                Ok(live) => Some(Turn { owner: self, live }),
                Err(failure) => return Ok(Err(failure)),
            };
            if turn.is_none() {
                let mut patience = nesting::patience(PATIENCE);
                if let Some((limit, end)) = end {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(Err(busy(limit)));
                    }
                    patience = patience.min(left);
                }
                py.detach(|| thread::park_timeout(patience));
            }
            // Both exits return the turn.
            py.check_signals()?;
            // A wait in a host function ends with the call that the host function serves.
            if let Err(overdue) = nesting::check_interrupt() {
                return Ok(Err(overdue));
            }
            if let Some(turn) = turn {
                return Ok(Ok(turn));
            }
        }
    }

    /// Whether there will be no further turn.
    pub(crate) fn are_over(&self) -> bool {
        matches!(self.slot.lock().state, State::Closed)
    }

    fn wait(&self) -> Waiting<'_, Slot> {
        let mut slot = self.slot.lock();
        if !slot.is_waited_for() {
            slot.promised_from = Instant::now() + OVERTAKING;
        }
        drop(slot);
        self.slot.wait()
    }
}

/// Takes the live plug-in if it is idle and may be taken by `waiting`; `None` is a thread that does not wait yet.
fn take(
    slot: &mut Queued<Slot>,
    waiting: Option<&Waiting<'_, Slot>>,
) -> polyextism::Result<Option<Box<Live>>> {
    let (me, here) = (scope::thread(), Process::current());
    match mem::replace(&mut slot.state, State::Taken(me, here)) {
        State::Idle(live) => Ok(Some(live)),
        State::Promised(live) => {
            if slot.is_next(waiting) {
                return Ok(Some(live));
            }
            slot.state = State::Promised(live);
            Ok(None)
        }
        State::Taken(owner, process) => {
            slot.state = State::Taken(owner, process);
            if owner == me {
                return Err(reentrant());
            }
            if process != here {
                slot.state = State::Closed;
                return Err(left_behind());
            }
            Ok(None)
        }
        State::Closed => {
            slot.state = State::Closed;
            Err(closed())
        }
    }
}

impl Slot {
    /// Keeps an idle plug-in for the first thread of the queue, if others have used it for long enough.
    fn promise(&mut self) {
        let now = Instant::now();
        if now < self.promised_from {
            return;
        }
        self.promised_from = now + OVERTAKING;
        self.state = match mem::replace(&mut self.state, State::Closed) {
            State::Idle(live) => State::Promised(live),
            other => other,
        };
    }
}

#[cold]
fn reentrant() -> Error {
    let message = "the plug-in is called by a host function that it called itself; another plug-in \
                   can be called there";
    Error::new(ErrorKind::Reentrant, message)
}

#[cold]
fn busy(limit: Duration) -> Error {
    let limit = DurationText(limit);
    let message = format!(
        "the call did not begin within its time limit of {limit}: another thread was using the plug-in; \
         use a Pool for calls in parallel"
    );
    Error::new(ErrorKind::Timeout, message)
}

#[cold]
fn left_behind() -> Error {
    let message = "another thread was using the plug-in when the process was forked, and still has it \
                   in the other process; make another plug-in";
    Error::new(ErrorKind::Closed, message)
}

#[cold]
fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the plug-in is closed")
}
