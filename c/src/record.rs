//! The outcome of the last call of a plug-in, for each thread.
//!
//! A thread that makes a call and then reads its output must get the output of that call, whatever other threads do
//! meanwhile. So each thread has its own record for each plug-in, and returned pointers point into it. A thread that
//! has not called a plug-in itself gets a copy of the outcome of the plug-in's last call.
//!
//! Invariants: pointers into a record are valid until the same thread calls the plug-in again, frees it, or ends;
//! pointers into a copy are valid until the copy is renewed; no borrow is held while other code runs.

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

/// The target of the pointer of an empty output.
static EMPTY: [u8; 1] = [0];

/// A buffer with at most so many bytes is reused for the next output.
const KEPT: usize = 1 << 20;

/// With at least so many records, a thread removes those of freed plug-ins.
const MANY: usize = 64;

#[derive(Default)]
pub(crate) struct Record {
    output: Vec<u8>,
    error: Option<CString>,
    kind: c_int,
    by_guest: bool,
    /// Whether the error text is hidden. It is kept, because its address was returned.
    forgotten: bool,
    fuel: Option<u64>,
    /// The number of the copied call; `None` if this thread made the call.
    copy_of: Option<u64>,
}

#[derive(Default)]
struct Records {
    /// The record of the plug-in that was used last.
    last: Option<(Handle, Box<Record>)>,
    others: HashMap<Handle, Box<Record>>,
    /// The number of records at which those of freed plug-ins are removed.
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

/// Accesses the records of this thread. `None` if the thread is ending and has none any more.
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

    /// Records the outcome of a call. Returns its code, or that of a failure if there is no memory for the output.
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

/// Prepares the record for a call of this thread.
#[inline]
pub(crate) fn begin(plugin: Handle) {
    with(|records| records.find_or_make(plugin).clear());
}

/// Records the outcome of a call of this thread. Returns the code.
#[inline]
pub(crate) fn end(plugin: Handle, outcome: &Outcome, output: &[u8], fuel: Option<u64>) -> i32 {
    let code = with(|records| records.find_or_make(plugin).fill(outcome, output, fuel));
    code.unwrap_or(outcome.code)
}

/// Clears an error of the host. An error that the guest has set stays.
pub(crate) fn forget_error(plugin: Handle) {
    with(|records| {
        if let Some(record) = records.find(plugin).filter(|record| !record.by_guest) {
            record.forgotten = true;
        }
    });
}

/// Removes the record of the plug-in.
pub(crate) fn forget(plugin: Handle) {
    let gone = with(
        |records| match records.last.take_if(|(last, _)| *last == plugin) {
            Some((_, record)) => Some(record),
            None => records.others.remove(&plugin),
        },
    );
    drop(gone);
}

/// Reads the record of an existing plug-in, or a copy of the outcome of its last call.
fn read<R>(plugin: Handle, cell: &PluginCell, body: impl Fn(&Record) -> R) -> Option<R> {
    let own = with(|records| {
        let record = records.find(plugin)?;
        let current = record.copy_of.is_none_or(|call| call == cell.calls());
        current.then(|| body(record))
    })?;
    if own.is_some() {
        return own;
    }
    // Before the borrow, because this may wait for a call of another thread.
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
    // A plug-in that cannot be accessed has no output.
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
