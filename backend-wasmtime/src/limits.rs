//! The memory limit, the fuel meter and the interrupt of an instance.
//!
//! This file does not know when core sets them. Invariants: the limit counts the pages of all
//! memories of the instance and never counts too few; an interrupt stops one instance only, though
//! all instances of an engine share its epoch.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use polyextism_core::{
    Error, ErrorKind, Result,
    engine::{Fuel, Interrupt},
};
use wasmtime::{Engine, ResourceLimiter, Store, UpdateDeadline};

use crate::instance::{Instance, State};

const PAGE: usize = 64 * 1024;

/// Counts the pages of all memories of an instance.
///
/// While the instance is made every memory is granted, so that the error can name their sum; no
/// guest code runs before [`MemoryLimit::enforce`], and pages that nothing has touched cost nothing.
#[derive(Default)]
pub(crate) struct MemoryLimit {
    used: u64,
    limit: Option<u64>,
}

impl MemoryLimit {
    /// Starts to refuse what goes beyond `limit`.
    pub(crate) fn enforce(&mut self, limit: u64) -> Result<()> {
        let used = self.used;
        if used > limit {
            let message = format!(
                "the memories of the program need {used} pages at the start, the limit is {limit}"
            );
            return Err(Error::new(ErrorKind::MemoryLimit, message));
        }
        self.limit = Some(limit);
        Ok(())
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let used = self.used + (desired.saturating_sub(current) / PAGE) as u64;
        let granted = self.limit.is_none_or(|limit| used <= limit);
        if granted {
            // Stays counted should the system then refuse the memory: wasmtime also reports
            // failures that were never asked for here, and those must not give pages back.
            self.used = used;
        }
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }
}

/// Stops one instance: a flag of its own, and the epoch of the engine to make it look.
///
/// wasmtime computes the next deadline after the callback has read the flag. An interrupt that
/// falls into those few nanoseconds, while another instance's interrupt makes this one look, is
/// seen at the next interrupt of any instance. Who stops a program therefore repeats the interrupt
/// until the program has ended; the repetition costs one atomic addition.
pub(crate) struct Stop {
    flag: AtomicBool,
    engine: Engine,
}

impl Stop {
    /// Makes an instance look at its flag whenever the epoch has moved.
    pub(crate) fn install(store: &mut Store<State>) -> Arc<Self> {
        let stop = Arc::new(Self {
            flag: AtomicBool::new(false),
            engine: store.engine().clone(),
        });
        let seen = Arc::clone(&stop);
        store.epoch_deadline_callback(move |_| {
            Ok(match seen.flag.load(Ordering::SeqCst) {
                true => UpdateDeadline::Interrupt,
                false => UpdateDeadline::Continue(1),
            })
        });
        store.set_epoch_deadline(1);
        stop
    }
}

impl Interrupt for Stop {
    fn interrupt(&self) {
        self.flag.store(true, Ordering::SeqCst);
        self.engine.increment_epoch();
    }

    fn clear(&self) {
        self.flag.store(false, Ordering::SeqCst);
    }
}

impl Fuel for Instance {
    fn set(&mut self, units: u64) {
        self.store
            .set_fuel(units)
            .expect("`fuel` lends the meter only if the engine counts");
    }

    fn left(&self) -> u64 {
        self.store
            .get_fuel()
            .expect("`fuel` lends the meter only if the engine counts")
    }
}
