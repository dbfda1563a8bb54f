//! The engines of wasmtime behind one of core's: one whose instances take memories and tables from a pool, and
//! one that maps them anew for each instance.
//!
//! To map memories, to unmap them and to fill the tables of pages anew was most of what an instance cost. The
//! pool has slots of one size, and so many of them; what does not fit, what may become too large, and what comes
//! when all slots are taken is left to the other engine. Both make the same code, so a module can move
//! ([`crate::artifact::moved`]). This file does not know which instance goes where.
//!
//! Invariants: what a guest can do is the same on both; a slot is put back to its first state before it is
//! taken again, by wasmtime, which asks the system for it and no list of what was touched; nobody touches the pool of the process that it was
//! forked from, whose locks a thread may hold that is not there any more.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use polyextism_core::{
    backend::{InstanceLimits, Room},
    internal::Process,
};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

/// How many memories, and how many tables, the pool has. Each memory reserves what an address of 32 bits can
/// reach and a guard behind it, of the address space and of nothing else.
const SLOTS: u32 = 1000;
/// The pages that a memory in a slot can have: what an address of 32 bits can reach.
const MEMORY_PAGES: u64 = 1 << 16;
/// The elements that a table in a slot can have.
const TABLE_ELEMENTS: u64 = 1_000_000;
/// How many memories or tables one module may define.
const EACH: u32 = 100;
/// How large the state of an instance beside its memories and tables may be, in bytes. None is set aside.
const STATE: usize = 1 << 30;
/// How many slots that nobody uses may keep pages.
const WARM: u32 = 64;
/// How many bytes of each memory are overwritten and not given back to the system: the first page, which
/// most programs write to.
const MEMORY_KEPT: usize = 4 << 10;
/// As [`MEMORY_KEPT`], of each table. Many fit as a whole.
const TABLE_KEPT: usize = 32 << 10;

/// How many pools a process may have: each takes some terabytes of the address space, of which there are 128.
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
    /// Opens the one with the pool, and the other one if the address space is too small for that or has enough of them.
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

    /// Whether they were opened by this process.
    pub(crate) fn are_ours(&self) -> bool {
        self.process == Process::current()
    }

    /// Whether memories with 32-bit addresses never move: enough is reserved for each.
    pub(crate) fn are_steady(&self) -> bool {
        self.room == Room::Ample
    }

    /// The engine with the pool, if there is one that may be used.
    pub(crate) fn pooled(&self) -> Option<&Engine> {
        self.pooled.as_ref().filter(|_| self.are_ours())
    }

    /// The engine without.
    pub(crate) fn plain(&self) -> wasmtime::Result<&Engine> {
        if let Some(plain) = self.plain.get() {
            return Ok(plain);
        }
        let plain = Engine::new(&self.config)?;
        Ok(self.plain.get_or_init(|| plain))
    }

    /// Does something with the engine that has the pool. If that fails, or if there is none, with the other one.
    pub(crate) fn either<T>(
        &self,
        work: impl Fn(&Engine) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<T> {
        match self.pooled().map(&work) {
            Some(Ok(done)) => Ok(done),
            Some(Err(_)) | None => work(self.plain()?),
        }
    }

    /// What both say about the code that they make.
    pub(crate) fn compatibility(&self) -> impl std::hash::Hash {
        let any = self.pooled.as_ref().or_else(|| self.plain.get());
        any.map(Engine::precompile_compatibility_hash)
    }

    /// Lets all guests look up.
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

/// An engine with a pool, unless there are enough or the address space is too small for one more.
fn pooled(config: &Config, collects: Collects) -> Option<Engine> {
    let more = |pools| (pools < POOLS).then_some(pools + 1);
    POOLED.fetch_update(Relaxed, Relaxed, more).ok()?;
    let engine = Engine::new(config.clone().allocation_strategy(pool(collects)));
    if engine.is_err() {
        POOLED.fetch_sub(1, Relaxed);
    }
    engine.ok()
}

/// Whether memories and tables that keep these limits can become as large in the pool as elsewhere.
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
        // It does not see what was swapped out, which would stay as it was.
        .pagemap_scan(Enabled::No);
    pool
}
