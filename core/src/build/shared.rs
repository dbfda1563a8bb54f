//! Code that this process has already. Programs of the same modules, on an engine with the same settings, share
//! code.
//!
//! It has only code that is still in use. Programs are shared as a whole, with their engine, because some engines
//! must not be shared by different programs. If two threads compile the same program at the same time, both
//! compile, and others find the last result.
//!
//! Invariant: code of the parent of a forked process is not used, because a lock inside it may be locked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use crate::{
    cache::key::Key,
    engine::erased::{AnyModule, DynEngine},
    process::PerProcess,
};

/// The compiled modules of a program, with their engine.
pub(crate) struct Code {
    pub(crate) engine: Arc<dyn DynEngine>,
    pub(crate) modules: Vec<AnyModule>,
}

impl Code {
    pub(crate) fn new(engine: Arc<dyn DynEngine>, modules: Vec<AnyModule>) -> Arc<Self> {
        Arc::new(Self { engine, modules })
    }

    /// Stops sharing the code and its engine after a panic.
    #[cold]
    pub(crate) fn retire(&self) {
        self.engine.retire();
        known().retain(|_, code| !std::ptr::eq(code.as_ptr(), self));
    }
}

/// Programs, by the key of all their modules.
static KNOWN: PerProcess<Mutex<BTreeMap<Key, Weak<Code>>>> = PerProcess::new();

fn known() -> MutexGuard<'static, BTreeMap<Key, Weak<Code>>> {
    let known = KNOWN.own().lock();
    known.unwrap_or_else(PoisonError::into_inner)
}

/// The code of a program, if it is in use.
pub(crate) fn find(program: &Key) -> Option<Arc<Code>> {
    known().get(program)?.upgrade()
}

/// Adds code for others to find.
pub(crate) fn offer(program: Key, code: &Arc<Code>) {
    let mut known = known();
    known.retain(|_, code| code.strong_count() > 0);
    known.insert(program, Arc::downgrade(code));
}
