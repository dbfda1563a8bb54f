//! A live program: a store, the instances of its modules, and the entries resolved so far.
//!
//! This file does not know what the entries mean. Its unsafe code makes the slice of a memory, and asserts that an
//! instance may move between threads. Invariants: names are looked up when a program is instantiated and when an
//! entry is resolved, never on a call; entering a function of type `() -> i32` or `() -> ()` allocates nothing and
//! takes no lock.

use std::{ptr::NonNull, slice, sync::Arc};

use polyextism_core::backend::{
    self, EntryId, Error, Guest, Host, Import, Inspect, InstanceLimits, Linked, MemoryExport,
    MemoryId, ModuleId, Position, Program, Result, Word, inspect::EXTENDED_LIMITS, unresolved,
};
use wasmer::{
    AsStoreMut, Engine, Extern, FrameInfo, Function, FunctionEnv, Memory, Module, RuntimeError,
    Store, Type, TypedFunction, Value,
    sys::vm::{LinearMemory as _, VMExtern, VMMemoryDefinition},
};

use crate::{
    conv, flag,
    host::Bound,
    limits,
    memories::{self, Stock},
};

/// A program with host functions that can be put into a store.
pub struct Prepared {
    modules: Vec<(Module, Vec<Source>)>,
    memories: Vec<MemoryExport>,
    /// Memories that instances reuse.
    stock: Arc<Stock>,
}

/// The source of an import.
enum Source {
    Host(Bound),
    Export(ModuleId, String),
}

impl Source {
    fn of(import: Import) -> Self {
        match import {
            Import::Host { func, memory } => Self::Host(Bound::new(func, memory)),
            Import::Export { module, name } => Self::Export(module, name.as_ref().to_owned()),
        }
    }
}

impl Prepared {
    pub(crate) fn new(program: Program<Module>) -> Result<Self> {
        let modules = program.modules.into_iter().map(|linked| {
            let imports = linked.imports.into_iter().map(Source::of);
            (linked.module, imports.collect())
        });
        Ok(Self {
            modules: modules.collect(),
            memories: program.memories,
            stock: Arc::default(),
        })
    }
}

/// The data of the store, which host functions see.
pub(crate) struct State {
    host: Host,
    memories: Vec<Located>,
}

/// A memory of the program, and the definition with its bytes.
struct Located {
    memory: Memory,
    definition: NonNull<VMMemoryDefinition>,
}

#[allow(unsafe_code, reason = "see SAFETY")]
// SAFETY: The store owns the definition and the state that contains this; only the owner of the store reads it.
unsafe impl Send for Located {}

impl State {
    pub(crate) fn host(&mut self) -> &mut Host {
        &mut self.host
    }
}

/// A live program on wasmer.
pub struct Instance {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
    pub(crate) instances: Vec<wasmer::Instance>,
    env: FunctionEnv<State>,
    entries: Vec<Code>,
    limits: InstanceLimits,
}

/// An exported function that core may call.
enum Code {
    /// No parameters, one `i32`.
    Status(TypedFunction<(), i32>),
    /// No parameters, no results.
    Void(TypedFunction<(), ()>),
    /// No parameters, one number that is not an `i32`. wasmer calls it without allocating.
    Long(TypedFunction<(), i64>),
    Single(TypedFunction<(), f32>),
    Double(TypedFunction<(), f64>),
    /// Any other numbers.
    Other {
        func: Function,
        zeros: Box<[Value]>,
    },
}

#[allow(unsafe_code, reason = "see SAFETY")]
// SAFETY: `Store` is not `Send` because it holds pointers to its own instances, tables, globals and
// functions, which it owns boxed, so they stay valid wherever it moves; a callback and a trap
// handler, neither of which is ever set here; and the bodies of host functions as `dyn Any`, which
// had to be `Send` to get there. wasmer remembers a store in a thread-local only while a call runs,
// and a call borrows the instance until it ends. Everything else in an instance is an index into
// the store or is `Send` by itself; the state behind `env` had to be `Send` as well.
unsafe impl Send for Instance {}

impl Instance {
    pub(crate) fn new(
        name: &'static str,
        engine: &Engine,
        program: &Prepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<Self> {
        let mut store = Store::new(engine.clone());
        let memories = Vec::with_capacity(program.memories.len());
        let env = FunctionEnv::new(&mut store, State { host, memories });

        let instances = program.stock.supply(|| {
            let mut instances = Vec::with_capacity(program.modules.len());
            for (position, (module, imports)) in program.modules.iter().enumerate() {
                memories::module(position);
                let instance = instantiate(&mut store, &env, &instances, module, imports)?;
                instances.push(instance);
            }
            Ok::<_, Error>(instances)
        })?;
        if let Some(limit) = limits.memory_pages {
            limits::enforce(&mut store, limit)?;
        }
        for memory in &program.memories {
            let found = find(&instances, memory.module, &memory.name)?;
            // There are no variants but its own engines.
            let place = found.to_vm_extern().unwrap_sys();
            let (Extern::Memory(found), VMExtern::Memory(handle)) = (found, place) else {
                return Err(unresolved(&memory.name));
            };
            let objects = store.objects_mut().as_sys_mut();
            let located = Located {
                memory: found.clone(),
                definition: handle.get(objects).vmmemory(),
            };
            env.as_mut(&mut store).memories.push(located);
        }
        Ok(Self {
            name,
            store,
            instances,
            env,
            entries: Vec::new(),
            limits: *limits,
        })
    }

    /// Adds one more module.
    pub(crate) fn extend(&mut self, linked: Linked<Module>) -> Result<ModuleId> {
        if self.limits != InstanceLimits::default() {
            return Err(Error::unsupported(self.name, EXTENDED_LIMITS));
        }
        let imports: Vec<_> = linked.imports.into_iter().map(Source::of).collect();
        let Self { store, env, .. } = self;
        let instance = instantiate(store, env, &self.instances, &linked.module, &imports)?;
        self.instances.push(instance);
        Ok(ModuleId(self.instances.len() as u32 - 1))
    }

    /// Why guest code ended, and where.
    #[cold]
    pub(crate) fn failed(&self, source: RuntimeError) -> Error {
        // A trace ends where the stack of this call begins: guests have stacks of their own.
        let frames = source.trace().iter();
        let positions: Vec<_> = frames.filter_map(|frame| self.position(frame)).collect();
        conv::failure(source).with_positions(positions)
    }

    fn position(&self, frame: &FrameInfo) -> Option<Position> {
        let own =
            |instance: &wasmer::Instance| instance.module().name() == Some(frame.module_name());
        let module = self.instances.iter().position(own)?;
        Some(Position {
            module: ModuleId(module as u32),
            function: frame.func_index(),
        })
    }

    fn resolve(&mut self, module: ModuleId, export: &str) -> Option<Code> {
        let instance = self.instances.get(module.0 as usize)?;
        let func = instance.exports.get_function(export).ok()?;
        let (ty, store) = (func.ty(&self.store), &self.store);
        // Asking for a wrong type would record a trace.
        Some(match (ty.params(), ty.results()) {
            ([], []) => Code::Void(func.typed(store).ok()?),
            ([], [Type::I32]) => Code::Status(func.typed(store).ok()?),
            ([], [Type::I64]) => Code::Long(func.typed(store).ok()?),
            ([], [Type::F32]) => Code::Single(func.typed(store).ok()?),
            ([], [Type::F64]) => Code::Double(func.typed(store).ok()?),
            (params, results) => {
                results.iter().try_for_each(|ty| conv::zero(ty).map(drop))?;
                Code::Other {
                    func: func.clone(),
                    zeros: params.iter().map(conv::zero).collect::<Option<_>>()?,
                }
            }
        })
    }
}

fn instantiate(
    store: &mut Store,
    env: &FunctionEnv<State>,
    instances: &[wasmer::Instance],
    module: &Module,
    imports: &[Source],
) -> Result<wasmer::Instance> {
    let resolve = |import: &Source| match import {
        Source::Host(bound) => Ok(bound.function(store, env).into()),
        Source::Export(module, name) => find(instances, *module, name).cloned(),
    };
    let externs = imports.iter().map(resolve).collect::<Result<Vec<_>>>()?;
    wasmer::Instance::new_by_index(store, module, &externs).map_err(conv::refusal)
}

fn find<'a>(instances: &'a [wasmer::Instance], id: ModuleId, name: &str) -> Result<&'a Extern> {
    let instance = instances.get(id.0 as usize);
    let found = instance.and_then(|instance| instance.exports.get_extern(name));
    found.ok_or_else(|| unresolved(name))
}

/// A memory of the program in `store` and the host state, borrowed together.
#[inline]
pub(crate) fn split<'a>(
    env: &FunctionEnv<State>,
    store: &'a mut impl AsStoreMut,
    memory: MemoryId,
) -> (&'a mut [u8], &'a mut Host) {
    let state = env.as_mut(store);
    let definition = state.memories[memory.0 as usize].definition;
    #[allow(unsafe_code, reason = "see SAFETY")]
    // SAFETY: The definition lives as long as its store, which the result borrows exclusively, as does guest code.
    // wasmer keeps its bytes readable and writable until the memory grows or the store is dropped; both need the
    // store. No other thread can write, because shared memories are not enabled. The state is boxed host memory,
    // separate from linear memory. `base` is never null, not even without pages.
    let bytes = unsafe {
        let VMMemoryDefinition {
            base,
            current_length,
        } = *definition.as_ptr();
        slice::from_raw_parts_mut(base, current_length)
    };
    (bytes, &mut state.host)
}

/// The bytes of a memory of `store`.
pub(crate) fn bytes<'a>(memory: &Memory, store: &'a mut Store) -> &'a [u8] {
    let view = memory.view(store);
    let (base, size) = (view.data_ptr(), view.data_size() as usize);
    #[allow(unsafe_code, reason = "see SAFETY")]
    // SAFETY: as in `split`; the result borrows the whole store exclusively.
    let bytes = unsafe { slice::from_raw_parts(base, size) };
    bytes
}

/// Grows a memory of the program in `store`.
pub(crate) fn grow(
    env: &FunctionEnv<State>,
    store: &mut impl AsStoreMut,
    memory: MemoryId,
    pages: u64,
) -> Option<u64> {
    let memory = env.as_ref(store).memories[memory.0 as usize].memory.clone();
    let pages = u32::try_from(pages).ok()?;
    let former = memory.grow(store, pages).ok()?;
    Some(former.0.into())
}

impl Guest for Instance {
    #[inline]
    fn split(&mut self, memory: MemoryId) -> (&mut [u8], &mut Host) {
        split(&self.env, &mut self.store, memory)
    }

    #[inline]
    fn host(&mut self) -> &mut Host {
        self.env.as_mut(&mut self.store).host()
    }

    fn grow(&mut self, memory: MemoryId, pages: u64) -> Option<u64> {
        grow(&self.env, &mut self.store, memory, pages)
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
        let state = self.env.as_ref(&self.store);
        let memory = &state.memories.get(memory.0 as usize)?.memory;
        flag::word(memory, &self.store, address)
    }

    fn inspect(&mut self) -> Option<&mut dyn Inspect> {
        Some(self)
    }
}

impl Instance {
    #[inline]
    fn enter_here(&mut self, entry: EntryId) -> Result<i32> {
        let store = &mut self.store;
        let status = match &self.entries[entry.0 as usize] {
            Code::Status(func) => func.call(store),
            Code::Void(func) => func.call(store).map(|()| 0),
            Code::Long(func) => func.call(store).map(|_| 0),
            Code::Single(func) => func.call(store).map(|_| 0),
            Code::Double(func) => func.call(store).map(|_| 0),
            Code::Other { func, zeros } => func.call(store, zeros).map(|results| match *results {
                [Value::I32(status)] => status,
                _ => 0,
            }),
        };
        status.map_err(|source| self.failed(source))
    }
}
