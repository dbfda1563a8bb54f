//! Code that this process has already: programs of the same modules, on the same settings of an
//! engine, run the same code.
//!
//! It knows only what is still in use. Programs are shared as a whole, with their engine: an engine
//! that may not be shared by different programs runs here what it has run from the start. Two threads
//! that compile the same at once both do, and the last one's is what others find.
//!
//! Invariants: nobody waits for the lock, which a fork may leave locked; what belongs to the parent of
//! a forked process is not used, because a lock inside it may be locked as well.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, TryLockError, Weak},
};

use super::key::Key;
use crate::engine::erased::{AnyModule, DynEngine};

/// The compiled modules of a program, and the engine that they are compiled for.
pub(crate) struct Code {
    pub(crate) engine: Arc<dyn DynEngine>,
    pub(crate) modules: Vec<AnyModule>,
    process: u32,
}

impl Code {
    pub(crate) fn new(engine: Arc<dyn DynEngine>, modules: Vec<AnyModule>) -> Arc<Self> {
        Arc::new(Self {
            engine,
            modules,
            process: std::process::id(),
        })
    }
}

impl Code {
    /// Lets nobody else have it, nor its engine, which has panicked.
    #[cold]
    pub(crate) fn forsake(&self) {
        self.engine.forsake();
        if let Some(mut known) = known() {
            known.0.retain(|_, code| !std::ptr::eq(code.as_ptr(), self));
        }
    }
}

static KNOWN: Mutex<Known> = Mutex::new(Known(BTreeMap::new()));

/// Programs by the key of all their modules.
struct Known(BTreeMap<Key, Weak<Code>>);

fn known() -> Option<MutexGuard<'static, Known>> {
    match KNOWN.try_lock() {
        Ok(known) => Some(known),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        // Somebody is here for an instant, or was when the process forked: do without.
        Err(TryLockError::WouldBlock) => None,
    }
}

/// The code of a program, if it is in use.
pub(crate) fn find(program: &Key) -> Option<Arc<Code>> {
    let code = known()?.0.get(program)?.upgrade()?;
    (code.process == std::process::id()).then_some(code)
}

/// Lets others find it.
pub(crate) fn offer(program: Key, code: &Arc<Code>) {
    let Some(mut known) = known() else { return };
    known.0.retain(|_, code| code.strong_count() > 0);
    known.0.insert(program, Arc::downgrade(code));
}
