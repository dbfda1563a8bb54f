//! What can be seen of a module on one engine, step by step.
//!
//! The module goes the way of plug-ins: core reads it, takes its start section out, and gives it a
//! budget where the engine needs one. Engines are deterministic: what WebAssembly leaves open is no difference.

use std::{
    hash::{DefaultHasher, Hasher},
    sync::Arc,
};

use polyextism::{
    Choice, ErrorKind, Host, Result,
    backend::{
        DynEngine, Import, InstanceLimits, Interruption, Linked, MemoryExport, ModuleId, Program,
    },
    internal::{AnyModule, DynInstance, alone, inspect::Value},
};

use super::generated::Generated;

/// A module of which a program needs the memory: host functions find the host state by it.
const STATE: &[u8] = b"\0asm\x01\0\0\0\x05\x03\x01\0\0\x07\x0a\x01\x06memory\x02\0";
const MAIN: ModuleId = ModuleId(1);
/// Objects of guests may be as large as memory is.
fn limits() -> InstanceLimits {
    InstanceLimits::default()
        .with_memory_pages(4096)
        .with_heap_pages(4096)
        .with_table_elements(1000)
}

/// How a step ended, and what it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) outcome: Result<Vec<Value>, ErrorKind>,
    globals: Vec<Result<Value, ErrorKind>>,
    /// The sizes in bytes and hashes of the memories.
    memories: Vec<(usize, u64)>,
}

impl Observed {
    pub(super) fn returned(&self) -> bool {
        self.outcome.is_ok()
    }

    fn failed(kind: ErrorKind) -> Self {
        Self {
            outcome: Err(kind),
            globals: Vec::new(),
            memories: Vec::new(),
        }
    }
}

/// Instantiation and the calls. If the first fails there is nothing else.
pub(super) fn observe(
    choice: &Choice,
    interruption: Interruption,
    generated: &Generated,
) -> Vec<Observed> {
    let mut instance = match instantiate(choice, interruption, &generated.wasm) {
        Ok(instance) => instance,
        Err(error) => return vec![Observed::failed(error.kind())],
    };
    let mut observed = vec![look(&mut *instance, generated, Ok(Vec::new()))];
    for call in &generated.calls {
        let inspect = instance.inspect().expect("the engine can be looked into");
        let outcome = inspect.call(MAIN, &call.export, &call.args);
        observed.push(look(&mut *instance, generated, outcome));
    }
    observed
}

fn instantiate(
    choice: &Choice,
    interruption: Interruption,
    wasm: &[u8],
) -> Result<Box<dyn DynInstance>> {
    let engine = choice.open(&choice.deterministic().settings(interruption))?;
    let ready = alone::ready(&*engine, wasm)?;
    let modules = vec![
        link(&engine, STATE, Vec::new())?,
        link(&engine, &ready.wasm, ready.further.into_iter().collect())?,
    ];
    let memories = vec![MemoryExport {
        module: ModuleId(0),
        name: "memory".into(),
    }];
    let program = engine.prepare(Program { modules, memories })?;
    let mut instance = engine.instantiate(&program, Host::default(), &limits())?;
    if let Some(start) = ready.start {
        let entry = instance.entry(MAIN, start).expect("core exports it");
        instance.enter(entry)?;
    }
    Ok(instance)
}

fn link(
    engine: &Arc<dyn DynEngine>,
    wasm: &[u8],
    imports: Vec<Import>,
) -> Result<Linked<AnyModule>> {
    let module = engine.compile(wasm)?;
    Ok(Linked { module, imports })
}

fn look(
    instance: &mut dyn DynInstance,
    generated: &Generated,
    outcome: Result<Vec<Value>>,
) -> Observed {
    let inspect = instance.inspect().expect("the engine can be looked into");
    let globals = generated.globals.iter().map(|name| {
        let value = inspect.global(MAIN, name);
        value.map_err(|error| error.kind())
    });
    let globals = globals.collect();
    let memories = generated.memories.iter().map(|name| {
        let bytes = inspect.memory(MAIN, name).expect("it is exported");
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        (bytes.len(), hasher.finish())
    });
    Observed {
        outcome: outcome.map_err(|error| error.kind()),
        globals,
        memories: memories.collect(),
    }
}
