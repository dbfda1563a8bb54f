//! A prepared program: imports and memories are resolved to positions, for one or both engines of wasmtime.
//!
//! This file does not know what imports do. Invariant: names are looked up only here.

use std::{collections::HashMap, mem, sync::OnceLock};

use polyextism_core::backend::{
    Import, InstanceLimits, MemoryExport, ModuleId, Process, Program, Result, unresolved,
};
use wasmtime::{Engine, Extern, ExternType, InstancePre, Linker, Module, ModuleExport, Store};

use crate::{
    artifact, conv,
    engines::{self, Engines},
    host::Bound,
    instance::State,
};

/// A program in the forms that were needed so far.
pub struct Prepared {
    program: Program<Module>,
    pooled: Option<Form>,
    plain: OnceLock<Form>,
    process: Process,
}

impl Prepared {
    pub(crate) fn new(engines: &Engines, program: Program<Module>) -> Result<Self> {
        let pooled = match engines.pooled() {
            Some(pooled) if is_code_of(&program, pooled) => Some(Form::new(&program, pooled)?),
            _ => None,
        };
        let prepared = Self {
            program,
            pooled,
            plain: OnceLock::new(),
            process: Process::current(),
        };
        if prepared.pooled.is_none() {
            prepared.plain(engines)?;
        }
        Ok(prepared)
    }

    /// For the engine with the pool, if all modules fit into its slots and `limits` keep them there.
    pub(crate) fn pooled(&self, limits: &InstanceLimits) -> Option<&Form> {
        let pooled = self.pooled.as_ref();
        pooled.filter(|_| engines::have_room(limits) && self.process == Process::current())
    }

    /// For the engine without a pool.
    pub(crate) fn plain(&self, engines: &Engines) -> Result<&Form> {
        if let Some(form) = self.plain.get() {
            return Ok(form);
        }
        let engine = engines.plain().map_err(conv::refusal)?;
        let mut program = self.program.clone();
        for linked in &mut program.modules {
            linked.module = artifact::moved(&linked.module, engine)?;
        }
        let form = Form::new(&program, engine)?;
        Ok(self.plain.get_or_init(|| form))
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if self.process != Process::current() {
            // Dropping a module would access the pool of another process.
            for linked in &self.program.modules {
                mem::forget(linked.module.clone());
            }
        }
    }
}

fn is_code_of(program: &Program<Module>, engine: &Engine) -> bool {
    let mut modules = program.modules.iter();
    modules.all(|linked| Engine::same(linked.module.engine(), engine))
}

/// A program for one engine.
pub(crate) struct Form {
    pub(crate) parts: Vec<Part>,
    pub(crate) memories: Vec<Export>,
}

impl Form {
    fn new(program: &Program<Module>, engine: &Engine) -> Result<Self> {
        let mut parts: Vec<Part> = Vec::with_capacity(program.modules.len());
        for linked in &program.modules {
            let resolve = |import: &Import| match import {
                Import::Host { func, memory } => {
                    Ok(Source::Host(Bound::new(engine, func.clone(), *memory)))
                }
                Import::Export { module, name } => {
                    Export::resolve(&parts, *module, name).map(Source::Export)
                }
            };
            let imports = linked.imports.iter().map(resolve);
            let imports = imports.collect::<Result<Vec<_>>>()?;
            parts.push(Part::new(engine, linked.module.clone(), imports)?);
        }
        let memories = program.memories.iter();
        let memories = memories.map(|memory| Export::memory(&parts, memory));
        let memories = memories.collect::<Result<_>>()?;
        Ok(Self { parts, memories })
    }
}

/// A module of a program.
pub(crate) enum Part {
    /// All imports are host functions, made once for all stores.
    Ready(InstancePre<State>),
    /// Imports are put into each store.
    Linked(Module, Vec<Source>),
}

/// The source of an import.
pub(crate) enum Source {
    Host(Bound),
    Export(Export),
}

/// An export of an earlier module.
pub(crate) struct Export {
    module: usize,
    export: ModuleExport,
}

impl Part {
    fn new(engine: &Engine, module: Module, imports: Vec<Source>) -> Result<Self> {
        match ready(engine, &module, &imports).map_err(conv::refusal)? {
            Some(ready) => Ok(Self::Ready(ready)),
            None => Ok(Self::Linked(module, imports)),
        }
    }

    fn module(&self) -> &Module {
        match self {
            Self::Ready(ready) => ready.module(),
            Self::Linked(module, _) => module,
        }
    }
}

/// The module with its imports resolved for every store. wasmtime resolves by name, so there is none if two imports
/// of one name are different functions, or if one comes from another module.
fn ready(
    engine: &Engine,
    module: &Module,
    imports: &[Source],
) -> wasmtime::Result<Option<InstancePre<State>>> {
    let mut linker = Linker::new(engine);
    let mut defined: HashMap<_, &Bound> = HashMap::new();
    for (import, source) in module.imports().zip(imports) {
        let Source::Host(bound) = source else {
            return Ok(None);
        };
        match defined.insert((import.module(), import.name()), bound) {
            Some(other) if other.is(bound) => {}
            Some(_) => return Ok(None),
            None => bound.define(&mut linker, &import)?,
        }
    }
    linker.instantiate_pre(module).map(Some)
}

impl Export {
    fn resolve(parts: &[Part], id: ModuleId, name: &str) -> Result<Self> {
        let module = id.0 as usize;
        let found = parts.get(module);
        match found.and_then(|part| part.module().get_export_index(name)) {
            Some(export) => Ok(Self { module, export }),
            None => Err(unresolved(name)),
        }
    }

    fn memory(parts: &[Part], memory: &MemoryExport) -> Result<Self> {
        let export = Self::resolve(parts, memory.module, &memory.name)?;
        match parts[export.module].module().get_export(&memory.name) {
            Some(ExternType::Memory(_)) => Ok(export),
            _ => Err(unresolved(&memory.name)),
        }
    }

    pub(crate) fn get(&self, store: &mut Store<State>, instances: &[wasmtime::Instance]) -> Extern {
        instances[self.module]
            .get_module_export(store, &self.export)
            .expect("`resolve` found the export in the module of this instance")
    }
}
