//! Who may use a live plug-in: one thread at a time.
//!
//! Calls are serialised by turns: whoever calls takes the live plug-in out of its slot and puts it
//! back afterwards. It does not know what is done with it. Invariants: the GIL is released while a
//! thread waits for its turn; the slot's own lock is held for a few instructions only, under which no Python
//! code runs, and by who has the GIL only, so that no fork leaves it locked; who has the turn already gets an
//! error instead of a deadlock; who waits is overtaken for [`OVERTAKING`] at most, times the length of the queue.

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

/// How often a thread that waits for its turn looks for signals.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long others may take turns while somebody waits. A turn that is handed over costs a switch of
/// threads, so not every one is; without any, two threads that call in a loop keep a third out for ever.
const OVERTAKING: Duration = Duration::from_millis(1);

/// The turns of one plug-in.
pub(crate) struct Turns {
    slot: Line<Slot>,
}

struct Slot {
    state: State,
    /// From when on the plug-in is promised instead of being left to whoever comes.
    promised_from: Instant,
}

enum State {
    Idle(Box<Live>),
    /// Nobody but the first of the queue takes it.
    Promised(Box<Live>),
    /// A thread has it, which a fork may have left behind in another process.
    Taken(ThreadId, Process),
    Closed,
}

impl Room for Slot {
    fn room(&self) -> usize {
        match self.state {
            State::Idle(_) | State::Promised(_) => 1,
            State::Taken(..) => 0,
            // Nobody waits any more for what does not come.
            State::Closed => usize::MAX,
        }
    }
}

/// A live plug-in and the function that is called most.
pub(crate) struct Live {
    pub(crate) plugin: polyextism::Plugin,
    /// The function that was called last.
    last: Option<(String, FunctionHandle)>,
    /// Where it goes in the end, if a pool has lent it. Dropped after the plug-in.
    permit: Option<Permit>,
}

impl Live {
    /// Frees the plug-in, or gives it back.
    pub(crate) fn end(self) {
        match self.permit {
            Some(permit) => permit.give_back(self.plugin),
            None => drop(self.plugin),
        }
    }

    /// Where a function is, which is known if it was called last.
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

/// The live plug-in, out of its slot until this is dropped.
pub(crate) struct Turn<'a> {
    owner: &'a Turns,
    live: Option<Box<Live>>,
}

impl Turn<'_> {
    pub(crate) fn live(&mut self) -> &mut Live {
        self.live.as_mut().expect("it is taken by `drop` only")
    }

    /// Ends all turns; the live plug-in is the caller's.
    pub(crate) fn close(mut self) -> Option<Box<Live>> {
        self.live.take()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Nobody should enter a guest whose call ended in a panic of the host.
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

    /// Waits for the live plug-in, for `limit` at most if there is one, and takes it.
    ///
    /// # Errors
    /// The outer one is what a signal handler raised; the inner one is `Reentrant`, `Closed` or `Timeout`, or why a
    /// call that this thread is in has to end.
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
        // A limit that is beyond the clock never ends.
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
            // On both ways out a turn is given back.
            py.check_signals()?;
            // Who waits in a host function waits no longer than the call that it serves.
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

/// Takes the live plug-in if it is there, and free for `waiting` or for one who does not wait.
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
    /// Keeps an idle plug-in for the first of the queue, if others have had it for long enough.
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
