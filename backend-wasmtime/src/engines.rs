//! The two wasmtime engines behind one engine of core: one takes memories and tables of instances from a pool, the
//! other maps them for each instance.
//!
//! Mapping and unmapping memories and filling page tables was most of the cost of an instance. The pool has a fixed
//! number of slots of one size. The other engine runs programs that do not fit or may grow too large, and any
//! program when all slots are taken. Both make the same code, so a module can move ([`crate::artifact::moved`]).
//! This file does not choose the engine of an instance.
//!
//! Invariants: guests behave the same on both; wasmtime resets a slot before reuse, and asks the system, not a list
//! of touched pages, what to reset; a forked child never touches the pool of its parent, because a thread that no
//! longer exists may hold its locks.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use polyextism_core::backend::{InstanceLimits, Process, Room};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

/// The number of memories, and of tables, in the pool. Each memory reserves address space only: the range of a
/// 32-bit address and a guard region.
const SLOTS: u32 = 1000;
/// The most pages of a memory in a slot: the range of a 32-bit address.
const MEMORY_PAGES: u64 = 1 << 16;
/// The most elements of a table in a slot.
const TABLE_ELEMENTS: u64 = 1_000_000;
/// The most memories or tables that one module may define.
const EACH: u32 = 100;
/// The most bytes of the state of an instance beside its memories and tables. None is reserved.
const STATE: usize = 1 << 30;
/// How many unused slots may keep pages.
const WARM: u32 = 64;
/// How many bytes of each memory are overwritten instead of returned to the system: the first page, which most
/// programs write.
const MEMORY_KEPT: usize = 4 << 10;
/// As [`MEMORY_KEPT`], for each table. Many tables fit entirely.
const TABLE_KEPT: usize = 32 << 10;

/// The most pools of a process. Each takes some of the 128 terabytes of address space.
const POOLS: usize = 8;

/// How many pools there are.
static POOLED: AtomicUsize = AtomicUsize::new(0);

/// Whether instances have a heap of objects that are collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Collects {
    #[default]
    Nothing,
    Objects,
}

/// Both engines.
pub(crate) struct Engines {
    config: Config,
    pooled: Option<Engine>,
    plain: OnceLock<Engine>,
    room: Room,
    process: Process,
}

impl Engines {
    /// Opens the engine with the pool. If address space is short, or there are enough pools, opens the other one.
    pub(crate) fn open(config: Config, room: Room, collects: Collects) -> wasmtime::Result<Self> {
        let pooled = match room {
            Room::Ample => pooled(&config, collects),
            Room::Scarce => None,
        };
        let engines = Self {
            config,
            pooled,
            plain: OnceLock::new(),
            room,
            process: Process::current(),
        };
        if engines.pooled.is_none() {
            engines.plain()?;
        }
        Ok(engines)
    }

    /// Whether this process opened them.
    pub(crate) fn are_ours(&self) -> bool {
        self.process == Process::current()
    }

    /// Whether memories with 32-bit addresses never move: enough is reserved for each.
    pub(crate) fn are_steady(&self) -> bool {
        self.room == Room::Ample
    }

    /// The engine with the pool, if there is one and it may be used.
    pub(crate) fn pooled(&self) -> Option<&Engine> {
        self.pooled.as_ref().filter(|_| self.are_ours())
    }

    /// The engine without a pool.
    pub(crate) fn plain(&self) -> wasmtime::Result<&Engine> {
        if let Some(plain) = self.plain.get() {
            return Ok(plain);
        }
        let plain = Engine::new(&self.config)?;
        Ok(self.plain.get_or_init(|| plain))
    }

    /// Calls `with` for the engine with the pool. If that fails, or if there is none, calls it for the other one.
    pub(crate) fn either<T>(
        &self,
        work: impl Fn(&Engine) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<T> {
        match self.pooled().map(&work) {
            Some(Ok(done)) => Ok(done),
            Some(Err(_)) | None => work(self.plain()?),
        }
    }

    /// The fingerprint of their code.
    pub(crate) fn compatibility(&self) -> impl std::hash::Hash {
        let any = self.pooled.as_ref().or_else(|| self.plain.get());
        any.map(Engine::precompile_compatibility_hash)
    }

    /// Makes all guests check.
    pub(crate) fn request_check(&self) {
        for engine in self.pooled.iter().chain(self.plain.get()) {
            engine.increment_epoch();
        }
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        if self.pooled.is_some() {
            POOLED.fetch_sub(1, Relaxed);
        }
    }
}

/// An engine with a pool, unless there are enough pools or address space is short.
fn pooled(config: &Config, collects: Collects) -> Option<Engine> {
    let more = |pools| (pools < POOLS).then_some(pools + 1);
    POOLED.fetch_update(Relaxed, Relaxed, more).ok()?;
    let engine = Engine::new(config.clone().allocation_strategy(pool(collects)));
    if engine.is_err() {
        POOLED.fetch_sub(1, Relaxed);
    }
    engine.ok()
}

/// Whether memories and tables within these limits can become as large in the pool as elsewhere.
pub(crate) fn have_room(limits: &InstanceLimits) -> bool {
    let within = |limit: Option<u64>, most| limit.is_some_and(|limit| limit <= most);
    within(limits.memory_pages, MEMORY_PAGES) && within(limits.table_elements, TABLE_ELEMENTS)
}

fn pool(collects: Collects) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(SLOTS)
        .total_tables(SLOTS)
        .total_core_instances(SLOTS)
        .total_gc_heaps(match collects {
            Collects::Nothing => 0,
            Collects::Objects => SLOTS,
        })
        .max_memory_size((MEMORY_PAGES as usize) << 16)
        .table_elements(TABLE_ELEMENTS as usize)
        .max_memories_per_module(EACH)
        .max_tables_per_module(EACH)
        .max_core_instance_size(STATE)
        .max_unused_warm_slots(WARM)
        .linear_memory_keep_resident(MEMORY_KEPT)
        .table_keep_resident(TABLE_KEPT)
        // Guests run on the stack of the caller. The default maps a thousand stacks when an engine is opened.
        .total_stacks(0)
        // It does not see pages that were swapped out, which would keep their content.
        .pagemap_scan(Enabled::No);
    pool
}
