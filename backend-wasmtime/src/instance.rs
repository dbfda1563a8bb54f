//! A live program: a store, the instances of its modules, and the entries resolved so far.
//!
//! This file does not know what the entries mean. Invariants: names are looked up when a program
//! is prepared and when an entry is resolved, never on a call; entering a function allocates nothing
//! and takes no lock.

use std::mem;

use polyextism_core::backend::{
    self, EntryId, Error, ErrorKind, Guest, Host, Import, Inspect, InstanceLimits, Interruption,
    Linked, MemoryId, ModuleId, Position, Process, Result, Settings, Word,
    inspect::EXTENDED_LIMITS, unresolved,
};
use wasmtime::{
    AsContextMut, Engine, Extern, FrameInfo, Func, Memory, Module, PoolConcurrencyLimitError,
    RootScope, Store, TypedFunc, Val, ValType, WasmBacktrace,
};

use crate::{
    artifact, conv, flag,
    host::Bound,
    limits::{self, MemoryLimit},
    program::{Form, Part, Source},
};

/// The data of the store.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) host: Host,
    pub(crate) memories: Vec<Memory>,
    limit: MemoryLimit,
}

/// A live program on wasmtime.
pub struct Instance {
    pub(crate) name: &'static str,
    pub(crate) store: Store<State>,
    pub(crate) instances: Vec<wasmtime::Instance>,
    entries: Vec<Code>,
    limits: InstanceLimits,
    /// Whether memories with 32-bit addresses never move.
    pub(crate) steady: bool,
    process: Process,
}

/// Why there is no instance.
pub(crate) enum Unmade {
    /// All slots of the pool are taken. Returns the host state.
    Full(Box<Host>),
    /// Any other failure.
    Failed(Error),
}

impl From<Error> for Unmade {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Unmade {
    /// The error of an engine without a pool.
    pub(crate) fn without_pool(self) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Full(_) => Error::new(
                ErrorKind::Engine,
                "the engine has no room for one more instance",
            ),
        }
    }
}

/// An exported function that core may call.
enum Code {
    /// No parameters, one `i32`.
    Status(TypedFunc<(), i32>),
    /// No parameters, no results.
    Void(TypedFunc<(), ()>),
    /// Any other numbers; both buffers are reused for every call.
    Other {
        func: Func,
        zeros: Box<[Val]>,
        results: Box<[Val]>,
    },
}

impl Instance {
    pub(crate) fn new(
        name: &'static str,
        engine: &Engine,
        settings: &Settings,
        program: &Form,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<Self, Unmade> {
        let limit = MemoryLimit {
            collects: crate::collects(settings),
            ..MemoryLimit::default()
        };
        let state = State {
            host,
            limit,
            ..State::default()
        };
        let mut store = Store::new(engine, state);
        if settings.interruption == Interruption::On {
            limits::check_interrupt(&mut store);
        }
        if limits.memory_pages.is_some() || limits.heap_pages.is_some() {
            store.limiter(|state| &mut state.limit);
        }

        let mut instances = Vec::with_capacity(program.parts.len());
        for part in &program.parts {
            let instance = match part {
                Part::Ready(ready) => ready.instantiate(&mut store),
                Part::Linked(module, imports) => {
                    let resolve = |import: &Source| match import {
                        Source::Host(bound) => bound.function(&mut store).into(),
                        Source::Export(export) => export.get(&mut store, &instances),
                    };
                    let externs = imports.iter().map(resolve).collect::<Vec<_>>();
                    wasmtime::Instance::new(&mut store, module, &externs)
                }
            };
            match instance {
                Ok(instance) => instances.push(instance),
                Err(error) if error.is::<PoolConcurrencyLimitError>() => {
                    return Err(Unmade::Full(store.into_data().host.into()));
                }
                Err(error) => {
                    // If an allocation failed, a size beyond the limit is the better error.
                    if let Some(limit) = limits.memory_pages {
                        store.data_mut().limit.pages.enforce(limit)?;
                    }
                    return Err(conv::refusal(error).into());
                }
            }
        }
        if let Some(limit) = limits.memory_pages {
            store.data_mut().limit.pages.enforce(limit)?;
        }
        if let Some(limit) = limits.heap_pages {
            store.data_mut().limit.pages.enforce_heap(limit)?;
        }
        for export in &program.memories {
            let memory = export.get(&mut store, &instances).into_memory();
            let memory = memory.expect("`prepare` found a memory under this name");
            store.data_mut().memories.push(memory);
        }
        Ok(Self {
            name,
            store,
            instances,
            entries: Vec::new(),
            limits: *limits,
            steady: false,
            process: Process::current(),
        })
    }

    /// Adds one more module.
    pub(crate) fn extend(&mut self, linked: Linked<Module>) -> Result<ModuleId> {
        if self.limits != InstanceLimits::default() {
            return Err(Error::unsupported(self.name, EXTENDED_LIMITS));
        }
        let store = &mut self.store;
        let mut externs: Vec<Extern> = Vec::with_capacity(linked.imports.len());
        for import in linked.imports {
            externs.push(match import {
                Import::Host { func, memory } => {
                    let bound = Bound::new(store.engine(), func, memory);
                    bound.function(store).into()
                }
                Import::Export { module, name } => {
                    let instance = self.instances.get(module.0 as usize);
                    let found = instance.and_then(|found| found.get_export(&mut *store, &name));
                    found.ok_or_else(|| unresolved(&name))?
                }
            });
        }
        let module = artifact::moved(&linked.module, store.engine())?;
        let instance = wasmtime::Instance::new(store, &module, &externs);
        self.instances.push(instance.map_err(conv::refusal)?);
        Ok(ModuleId(self.instances.len() as u32 - 1))
    }

    /// Why guest code ended, and where.
    #[cold]
    pub(crate) fn failed(&mut self, source: wasmtime::Error) -> Error {
        // An uncaught exception would stay alive.
        RootScope::new(&mut self.store)
            .as_context_mut()
            .take_pending_exception();
        let trace = source.downcast_ref::<WasmBacktrace>();
        let frames = trace.map_or(&[][..], WasmBacktrace::frames).iter();
        let positions: Vec<_> = frames.filter_map(|frame| self.position(frame)).collect();
        conv::failure(source).with_positions(positions)
    }

    fn position(&self, frame: &FrameInfo) -> Option<Position> {
        let own = |instance: &wasmtime::Instance| {
            Module::same(instance.module(&self.store), frame.module())
        };
        let module = self.instances.iter().position(own)?;
        Some(Position {
            module: ModuleId(module as u32),
            function: frame.func_index(),
        })
    }

    #[inline]
    fn enter_here(&mut self, entry: EntryId) -> Result<i32> {
        let store = &mut self.store;
        let status = match &mut self.entries[entry.0 as usize] {
            Code::Status(func) => func.call(store, ()),
            Code::Void(func) => func.call(store, ()).map(|()| 0),
            Code::Other {
                func,
                zeros,
                results,
            } => func.call(store, zeros, results).map(|()| match **results {
                [Val::I32(status)] => status,
                _ => 0,
            }),
        };
        status.map_err(|source| self.failed(source))
    }

    fn resolve(&mut self, module: ModuleId, export: &str) -> Option<Code> {
        let instance = self.instances.get(module.0 as usize)?;
        let func = instance.get_func(&mut self.store, export)?;
        let ty = func.ty(&self.store);
        // Asking for a wrong type would make an error, perhaps with a trace.
        if ty.params().len() == 0 {
            let mut results = ty.results();
            match (results.next(), results.next()) {
                (None, _) => return func.typed(&self.store).map(Code::Void).ok(),
                (Some(ValType::I32), None) => {
                    return func.typed(&self.store).map(Code::Status).ok();
                }
                _ => {}
            }
        }
        Some(Code::Other {
            func,
            zeros: ty.params().map(conv::zero).collect::<Option<_>>()?,
            results: ty.results().map(conv::zero).collect::<Option<_>>()?,
        })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if self.process != Process::current()
            && let Ok(engine) = Engine::new(&wasmtime::Config::new())
        {
            // Its slots cannot be returned, because the pool belongs to another process.
            mem::forget(mem::replace(
                &mut self.store,
                Store::new(&engine, State::default()),
            ));
        }
    }
}

impl Guest for Instance {
    #[inline]
    fn split(&mut self, memory: MemoryId) -> (&mut [u8], &mut Host) {
        let memory = self.store.data().memories[memory.0 as usize];
        let (bytes, state) = memory.data_and_store_mut(&mut self.store);
        (bytes, &mut state.host)
    }

    #[inline]
    fn host(&mut self) -> &mut Host {
        &mut self.store.data_mut().host
    }

    fn grow(&mut self, memory: MemoryId, pages: u64) -> Option<u64> {
        let memory = self.store.data().memories[memory.0 as usize];
        memory.grow(&mut self.store, pages).ok()
    }
}

impl backend::Instance for Instance {
    fn entry(&mut self, module: ModuleId, export: &str) -> Option<EntryId> {
        let code = self.resolve(module, export)?;
        self.entries.push(code);
        u32::try_from(self.entries.len() - 1).ok().map(EntryId)
    }

    #[inline]
    fn enter(&mut self, entry: EntryId) -> Result<i32> {
        limits::on_enough_stack(|| self.enter_here(entry))
    }

    fn word(&mut self, memory: MemoryId, address: u64) -> Option<Word> {
        let memory = *self.store.data().memories.get(memory.0 as usize)?;
        let is_steady = self.steady && !memory.ty(&self.store).is_64();
        is_steady.then(|| flag::word(memory, &self.store, address))?
    }

    fn heap_bytes(&self) -> u64 {
        self.store.gc_heap_capacity() as u64
    }

    fn inspect(&mut self) -> Option<&mut dyn Inspect> {
        Some(self)
    }
}
