//! A live program: a store, the instances of its modules, and the entries resolved so far.
//!
//! This file does not know what the entries mean. Invariant: names are looked up when a program is
//! instantiated and when an entry is resolved, never on a call.

use std::sync::Arc;

use polyextism_core::backend::{
    self, EntryId, Error, Guest, Host, Import, Inspect, InstanceLimits, Linked, MemoryExport,
    MemoryId, ModuleId, Paused, Program, Result, inspect::EXTENDED_LIMITS, unresolved,
};
use wasmi::{Engine, Extern, Func, Memory, Module, Store, TypedFunc, Val};

use crate::{
    BACKEND, calls, conv,
    host::Bound,
    limits::{self, MemoryLimit},
};

/// A program with host functions that can be put into a store.
pub struct Prepared {
    modules: Vec<(Module, Vec<Source>)>,
    memories: Vec<MemoryExport>,
}

/// The source of an import.
enum Source {
    Host(Bound),
    Export(ModuleId, Arc<str>),
}

impl Source {
    fn of(import: Import) -> Self {
        match import {
            Import::Host { func, memory } => Self::Host(Bound::new(func, memory)),
            Import::Export { module, name } => Self::Export(module, name),
        }
    }
}

impl Prepared {
    pub(crate) fn new(program: Program<Module>) -> Self {
        let modules = program.modules.into_iter().map(|linked| {
            let imports = linked.imports.into_iter().map(Source::of);
            (linked.module, imports.collect())
        });
        Self {
            modules: modules.collect(),
            memories: program.memories,
        }
    }
}

/// The data of the store.
pub(crate) struct State {
    pub(crate) host: Host,
    pub(crate) memories: Vec<Memory>,
    pub(crate) limit: MemoryLimit,
    /// While a guest runs.
    pub(crate) paused: Option<Paused>,
}

/// A live program on wasmi.
pub struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) instances: Vec<wasmi::Instance>,
    entries: Vec<Code>,
    limits: InstanceLimits,
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
        engine: &Engine,
        program: &Prepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<Self> {
        let state = State {
            host,
            memories: Vec::with_capacity(program.memories.len()),
            limit: MemoryLimit::default(),
            paused: None,
        };
        limits::enough_space()?;
        let mut store = calls::store(engine, state);
        let mut instances = Vec::with_capacity(program.modules.len());
        for (module, imports) in &program.modules {
            match instantiate(&mut store, &instances, module, imports) {
                Ok(instance) => instances.push(instance),
                Err(error) => {
                    // If an allocation failed, a size beyond the limit is the better error.
                    if let Some(limit) = limits.memory_pages {
                        store.data_mut().limit.pages.enforce(limit)?;
                    }
                    return Err(error);
                }
            }
        }
        if let Some(limit) = limits.memory_pages {
            store.data_mut().limit.pages.enforce(limit)?;
        }
        for memory in &program.memories {
            let found = find(&store, &instances, memory.module, &memory.name)?;
            let found = found.into_memory();
            let found = found.ok_or_else(|| unresolved(&memory.name))?;
            store.data_mut().memories.push(found);
        }
        Ok(Self {
            store,
            instances,
            entries: Vec::new(),
            limits: *limits,
        })
    }

    /// Adds one more module.
    pub(crate) fn extend(&mut self, linked: Linked<Module>) -> Result<ModuleId> {
        if self.limits != InstanceLimits::default() {
            return Err(Error::unsupported(BACKEND.name, EXTENDED_LIMITS));
        }
        let imports: Vec<_> = linked.imports.into_iter().map(Source::of).collect();
        let store = &mut self.store;
        let instance = instantiate(store, &self.instances, &linked.module, &imports)?;
        self.instances.push(instance);
        Ok(ModuleId(self.instances.len() as u32 - 1))
    }

    fn resolve(&mut self, module: ModuleId, export: &str) -> Option<Code> {
        let instance = self.instances.get(module.0 as usize)?;
        let func = instance.get_func(&self.store, export)?;
        if let Ok(func) = func.typed(&self.store) {
            return Some(Code::Status(func));
        }
        if let Ok(func) = func.typed(&self.store) {
            return Some(Code::Void(func));
        }
        let ty = func.ty(&self.store);
        Some(Code::Other {
            func,
            zeros: ty.params().iter().map(conv::zero).collect::<Option<_>>()?,
            results: ty.results().iter().map(conv::zero).collect::<Option<_>>()?,
        })
    }
}

fn instantiate(
    store: &mut Store<State>,
    instances: &[wasmi::Instance],
    module: &Module,
    imports: &[Source],
) -> Result<wasmi::Instance> {
    let mut externs: Vec<Extern> = Vec::with_capacity(imports.len());
    for import in imports {
        externs.push(match import {
            Source::Host(bound) => bound.function(store).into(),
            Source::Export(module, name) => find(store, instances, *module, name)?,
        });
    }
    // wasmi sorts the imports of a module by kind.
    externs.sort_by_key(|import| match import {
        Extern::Func(_) => 0,
        Extern::Table(_) => 1,
        Extern::Memory(_) => 2,
        Extern::Global(_) => 3,
    });
    wasmi::Instance::new(store, module, &externs).map_err(conv::refusal)
}

fn find(
    store: &Store<State>,
    instances: &[wasmi::Instance],
    id: ModuleId,
    name: &str,
) -> Result<Extern> {
    let instance = instances.get(id.0 as usize);
    let found = instance.and_then(|instance| instance.get_export(store, name));
    found.ok_or_else(|| unresolved(name))
}

impl Guest for Instance {
    #[inline]
    fn split(&mut self, memory: MemoryId) -> (&mut [u8], &mut Host) {
        let memory = self.store.data().memories[memory.0 as usize];
        let (bytes, state) = memory.data_and_store_mut(&mut self.store);
        (bytes, &mut state.host)
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
        let Self { store, entries, .. } = self;
        entries[entry.0 as usize].call(store)
    }

    fn inspect(&mut self) -> Option<&mut dyn Inspect> {
        Some(self)
    }
}

impl Code {
    #[inline]
    fn call(&mut self, store: &mut Store<State>) -> Result<i32> {
        match self {
            Self::Status(func) => calls::typed(store, func),
            Self::Void(func) => calls::typed(store, func).map(|()| 0),
            Self::Other {
                func,
                zeros,
                results,
            } => calls::any(store, func, zeros, results).map(|()| match **results {
                [Val::I32(status)] => status,
                _ => 0,
            }),
        }
    }
}
