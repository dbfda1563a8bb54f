//! Who may use a live plug-in: one thread at a time.
//!
//! Calls are serialised by turns: whoever calls takes the live plug-in out of its slot and puts it
//! back afterwards. It does not know what is done with it. Invariants: the GIL is released while a
//! thread waits for its turn; the slot's own lock is held for a few instructions only, and no Python
//! code runs under it; who has the turn already gets an error instead of a deadlock.

use std::{
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use polyextism::{CallLimits, Error, ErrorKind, FunctionHandle, Place, nesting};
use pyo3::prelude::*;

use crate::scope::{self, Process, ThreadId};

/// How often a thread that waits for its turn looks for signals.
const PATIENCE: Duration = Duration::from_millis(50);

/// The turns of one plug-in.
pub(crate) struct Turns {
    slot: Mutex<Slot>,
    idle: Condvar,
}

struct Slot {
    state: State,
    waiting: usize,
}

enum State {
    Idle(Box<Live>),
    /// A thread has it, which a fork may have left behind in another process.
    Taken(ThreadId, Process),
    Closed,
}

/// A live plug-in and the function that is called most.
pub(crate) struct Live {
    pub(crate) plugin: polyextism::Plugin,
    /// The function that was called last.
    last: Option<(String, FunctionHandle)>,
    /// Where it goes in the end, if a pool has lent it. Dropped after the plug-in.
    place: Option<Place>,
}

impl Live {
    /// Frees the plug-in, or gives it back.
    pub(crate) fn end(self) {
        match self.place {
            Some(place) => place.give_back(self.plugin),
            None => drop(self.plugin),
        }
    }

    /// Calls a function by its name.
    pub(crate) fn call(
        &mut self,
        name: &str,
        input: &[u8],
        limit: Option<Duration>,
    ) -> polyextism::Result<&[u8]> {
        let handle = self.handle(name)?;
        self.plugin.call_within(handle, input, limit)
    }

    /// Calls a function by its name, with all limits of the call.
    pub(crate) fn call_with(
        &mut self,
        name: &str,
        input: &[u8],
        limits: &CallLimits,
    ) -> polyextism::Result<&[u8]> {
        let handle = self.handle(name)?;
        self.plugin.call_with(handle, input, limits)
    }

    #[inline]
    fn handle(&mut self, name: &str) -> polyextism::Result<FunctionHandle> {
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
        let live = self.live.take().filter(|_| !std::thread::panicking());
        let mut slot = self.owner.slot();
        slot.state = live.map_or(State::Closed, State::Idle);
        // Waking nobody is a system call as well.
        if slot.waiting > 0 {
            drop(slot);
            self.owner.idle.notify_all();
        }
    }
}

impl Turns {
    pub(crate) fn new(plugin: polyextism::Plugin, place: Option<Place>) -> Self {
        let last = None;
        let live = Box::new(Live {
            plugin,
            last,
            place,
        });
        Self {
            slot: Mutex::new(Slot {
                state: State::Idle(live),
                waiting: 0,
            }),
            idle: Condvar::new(),
        }
    }

    /// Waits for the live plug-in and takes it.
    ///
    /// # Errors
    /// The outer one is what a signal handler raised; the inner one is `Reentrant` or `Closed`, or why a
    /// call that this thread is in has to end.
    pub(crate) fn next(&self, py: Python<'_>) -> PyResult<polyextism::Result<Turn<'_>>> {
        loop {
            match self.take() {
                Ok(None) => {}
                Ok(live) => return Ok(Ok(Turn { owner: self, live })),
                Err(failure) => return Ok(Err(failure)),
            }
            py.detach(|| self.wait());
            py.check_signals()?;
            // Who waits in a host function waits no longer than the call that it serves.
            if let Err(overdue) = nesting::attend() {
                return Ok(Err(overdue));
            }
        }
    }

    /// Whether there will be no further turn.
    pub(crate) fn are_over(&self) -> bool {
        matches!(self.slot().state, State::Closed)
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the live plug-in if it is there.
    fn take(&self) -> polyextism::Result<Option<Box<Live>>> {
        let (me, here) = (scope::thread(), scope::process());
        let mut slot = self.slot();
        match mem::replace(&mut slot.state, State::Taken(me, here)) {
            State::Idle(live) => Ok(Some(live)),
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

    fn wait(&self) {
        let mut slot = self.slot();
        if let State::Taken(..) = slot.state {
            slot.waiting += 1;
            let woken = self.idle.wait_timeout(slot, nesting::patience(PATIENCE));
            woken.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
        }
    }
}

#[cold]
fn reentrant() -> Error {
    let message = "the plug-in is called by a host function that it called itself; another plug-in \
                   can be called there";
    Error::new(ErrorKind::Reentrant, message)
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
