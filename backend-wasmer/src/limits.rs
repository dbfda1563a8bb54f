//! The memory limit of an instance, and the stack that its host side needs.
//!
//! wasmer has no hook for the memories of one store: tunables belong to an engine and see each memory alone. So
//! after a program is instantiated, and before any guest code runs, every memory of its store is replaced by one
//! that asks a common budget before it grows. Growth by guests (`memory.grow`) and by the host goes through the
//! same object. This file does not know which memories the host uses. wasmer has no interrupts.
//!
//! Invariant: the budget is what the limit leaves after the pages of all memories of the store.

use std::{
    mem,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use polyextism_core::backend::{Result, pages_left};
use wasmer::{
    AsStoreMut, MemoryError, MemoryStyle, MemoryType, Pages, Store,
    sys::vm::{LinearMemory, StoreObject, VMMemory, VMMemoryDefinition},
};

/// The stack that must be left when a guest is entered, in bytes. Guests have a stack of their own, but host
/// functions run on the stack of the calling thread, and may call further programs.
const NEEDED_STACK: usize = 128 * 1024;
/// The size of the new stack if less is left.
const GROWN_STACK: usize = 1024 * 1024;

/// Enters a guest on the stack of the calling thread, or on a new one if little is left.
#[inline]
pub(crate) fn on_enough_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(NEEDED_STACK, GROWN_STACK, work)
}

/// Limits all memories of `store` together to `limit` pages.
pub(crate) fn enforce(store: &mut Store, limit: u64) -> Result<()> {
    let memories = VMMemory::list_mut(store.objects_mut().as_sys_mut());
    let used = memories.iter().map(|memory| u64::from(memory.size().0));
    let used = used.sum::<u64>();
    let left = pages_left(used, limit)?;
    let left = Arc::new(AtomicU64::new(left));
    let limited = mem::take(memories).into_iter().map(|memory| {
        VMMemory(Box::new(Limited {
            memory,
            left: Arc::clone(&left),
        }))
    });
    *memories = limited.collect();
    Ok(())
}

/// A memory that grows only while there are pages left.
#[derive(Debug)]
struct Limited {
    memory: VMMemory,
    /// Shared by all memories of one store, which one thread uses at a time.
    left: Arc<AtomicU64>,
}

impl LinearMemory for Limited {
    fn ty(&self) -> MemoryType {
        self.memory.ty()
    }

    fn size(&self) -> Pages {
        self.memory.size()
    }

    fn style(&self) -> MemoryStyle {
        self.memory.style()
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let left = self.left.load(Ordering::Relaxed);
        let Some(rest) = left.checked_sub(delta.0.into()) else {
            return Err(MemoryError::CouldNotGrow {
                current: self.size(),
                attempted_delta: delta,
            });
        };
        let former = self.memory.grow(delta)?;
        self.left.store(rest, Ordering::Relaxed);
        Ok(former)
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.memory.vmmemory()
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync>, MemoryError> {
        Err(unshared())
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync>, MemoryError> {
        Err(unshared())
    }
}

/// A second handle would grow without the budget. Nothing here makes one.
#[cold]
fn unshared() -> MemoryError {
    MemoryError::UnsupportedOperation {
        message: "a limited memory has one owner".to_owned(),
    }
}
