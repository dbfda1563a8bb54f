//! What the last call of a plug-in ended with, for each thread that asks.
//!
//! A call and the look at its output by the same thread belong together, whatever other threads do meanwhile. So
//! every thread has records of its own, by plug-in, and pointers that were handed out point into them. A thread that
//! has not called a plug-in itself gets a copy of what its last call ended with.
//!
//! Invariants: what a record lends stays until the same thread calls the plug-in again, frees it, or ends, and what a
//! copy lends until it is made anew; no borrow is held while anything else runs.

use std::{
    cell::RefCell,
    collections::HashMap,
    ffi::{CString, c_char, c_int},
    ptr,
};

use polyextism::ErrorKind;

use crate::{
    handles::Handle,
    kinds,
    outcome::Outcome,
    plugin::{PLUGINS, PluginCell},
};

/// What an output of no bytes points at.
static EMPTY: [u8; 1] = [0];

/// The most bytes that are kept for the next output, if that is smaller.
const KEPT: usize = 1 << 20;

/// How many records a thread has before it looks for those of plug-ins that are gone.
const MANY: usize = 64;

#[derive(Default)]
pub(crate) struct Record {
    output: Vec<u8>,
    error: Option<CString>,
    kind: c_int,
    by_guest: bool,
    /// Whether the text is not shown any more. It stays, because its address was handed out.
    forgotten: bool,
    fuel: Option<u64>,
    /// Which call of the plug-in it is a copy of; `None` if this thread made that call.
    copy_of: Option<u64>,
}

#[derive(Default)]
struct Records {
    /// Of the plug-in that was used last.
    last: Option<(Handle, Box<Record>)>,
    others: HashMap<Handle, Box<Record>>,
    /// From how many on records of plug-ins that are gone are looked for.
    many: usize,
}

thread_local! {
    static RECORDS: RefCell<Records> = RefCell::default();
}

impl Records {
    /// The record of a plug-in, if there is one.
    #[inline]
    fn find(&mut self, plugin: Handle) -> Option<&mut Record> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != plugin) {
            let record = self.others.remove(&plugin)?;
            self.put(plugin, record);
        }
        self.last.as_mut().map(|(_, record)| &mut **record)
    }

    #[inline]
    fn find_or_make(&mut self, plugin: Handle) -> &mut Record {
        if self.last.as_ref().is_none_or(|(last, _)| *last != plugin) {
            let record = self.others.remove(&plugin).unwrap_or_default();
            self.put(plugin, record);
        }
        let (_, record) = self.last.as_mut().expect("it was put there");
        record
    }

    fn put(&mut self, plugin: Handle, record: Box<Record>) {
        if let Some((before, record)) = self.last.replace((plugin, record)) {
            self.others.insert(before, record);
        }
        if self.others.len() >= self.many.max(MANY) {
            self.others
                .retain(|plugin, _| PLUGINS.get(*plugin).is_some());
            self.many = 2 * self.others.len();
        }
    }
}

/// Does something with the records of this thread. `None` at its end, when it has none any more.
#[inline]
fn with<R>(body: impl FnOnce(&mut Records) -> R) -> Option<R> {
    RECORDS
        .try_with(|records| body(&mut records.borrow_mut()))
        .ok()
}

impl Record {
    fn clear(&mut self) {
        match self.output.capacity() > KEPT {
            true => self.output = Vec::new(),
            false => self.output.clear(),
        }
        self.error = None;
        self.kind = kinds::NONE;
        self.by_guest = false;
        self.forgotten = false;
        self.fuel = None;
        self.copy_of = None;
    }

    /// Takes over what a call ended with. Returns its code, or that of a failure if there is no memory for the output.
    #[inline]
    fn fill(&mut self, outcome: &Outcome, output: &[u8], fuel: Option<u64>) -> i32 {
        self.output.clear();
        if self.output.try_reserve(output.len()).is_err() {
            return self.fill(&no_room(output.len()), &[], fuel);
        }
        self.output.extend_from_slice(output);
        self.error.clone_from(&outcome.error);
        self.kind = outcome.kind;
        self.by_guest = outcome.by_guest;
        self.forgotten = false;
        self.fuel = fuel;
        self.copy_of = None;
        outcome.code
    }
}

#[cold]
fn no_room(length: usize) -> Outcome {
    let text = format!("the output has {length} bytes, for which the process has no memory");
    Outcome::refused(ErrorKind::Engine, text)
}

/// A call of this thread begins.
#[inline]
pub(crate) fn begin(plugin: Handle) {
    with(|records| records.find_or_make(plugin).clear());
}

/// A call of this thread has ended. Returns the code for it.
#[inline]
pub(crate) fn end(plugin: Handle, outcome: &Outcome, output: &[u8], fuel: Option<u64>) -> i32 {
    let code = with(|records| records.find_or_make(plugin).fill(outcome, output, fuel));
    code.unwrap_or(outcome.code)
}

/// Forgets the error that the host has made; one that the guest set stays.
pub(crate) fn forget_error(plugin: Handle) {
    with(|records| {
        if let Some(record) = records.find(plugin).filter(|record| !record.by_guest) {
            record.forgotten = true;
        }
    });
}

/// Forgets the plug-in.
pub(crate) fn forget(plugin: Handle) {
    let gone = with(
        |records| match records.last.take_if(|(last, _)| *last == plugin) {
            Some((_, record)) => Some(record),
            None => records.others.remove(&plugin),
        },
    );
    drop(gone);
}

/// Reads the record of a plug-in that is there, or a copy of what its last call ended with.
fn read<R>(plugin: Handle, cell: &PluginCell, body: impl Fn(&Record) -> R) -> Option<R> {
    let own = with(|records| {
        let record = records.find(plugin)?;
        let current = record.copy_of.is_none_or(|call| call == cell.calls());
        current.then(|| body(record))
    })?;
    if own.is_some() {
        return own;
    }
    // Before the borrow: it may wait for a call of another thread.
    let mut turn = cell.turns.take().ok()?;
    let (calls, live) = (cell.calls(), &mut *turn);
    let fuel = live.fuel_used();
    let outcome = live.last.clone();
    let output = match outcome.returned {
        true => live.plugin.output(),
        false => &[],
    };
    with(|records| {
        let record = records.find_or_make(plugin);
        record.fill(&outcome, output, fuel);
        record.copy_of = Some(calls);
        body(record)
    })
}

/// The address and the length of the output.
pub(crate) fn output(plugin: Handle) -> (*const u8, u64) {
    let closed = (ptr::null(), 0);
    let Some(cell) = PLUGINS.get(plugin) else {
        return closed;
    };
    let output = read(plugin, &cell, |record| match &record.output[..] {
        [] => (EMPTY.as_ptr(), 0),
        output => (output.as_ptr(), output.len() as u64),
    });
    // What cannot be looked at has no output.
    output.unwrap_or((EMPTY.as_ptr(), 0))
}

/// The error text, or null.
pub(crate) fn error(plugin: Handle) -> *const c_char {
    let text = |record: &Record| match &record.error {
        Some(error) if !record.forgotten => Some(error.as_ptr()),
        _ => None,
    };
    ask(plugin, text).flatten().unwrap_or(ptr::null())
}

/// The number of the kind of the error.
pub(crate) fn kind(plugin: Handle) -> c_int {
    ask(plugin, |record| record.kind).unwrap_or_else(|| match PLUGINS.get(plugin) {
        Some(_) => kinds::NONE,
        None => kinds::number(ErrorKind::Closed),
    })
}

/// The fuel that was used, if it is counted.
pub(crate) fn fuel(plugin: Handle) -> Option<u64> {
    ask(plugin, |record| record.fuel).flatten()
}

fn ask<R>(plugin: Handle, body: impl Fn(&Record) -> R) -> Option<R> {
    let cell = PLUGINS.get(plugin)?;
    read(plugin, &cell, body)
}
