//! Short ways to make programs for the cases.

use std::sync::Arc;

use polyextism_core::{
    Caller,
    backend::{
        Backend, Compiler, Determinism, DynEngine, Error, ErrorKind, Host, HostFunc, Import,
        InstanceLimits, Interruption, Linked, MemoryExport, MemoryId, ModuleId, NumType, Program,
        Proposals, Result, Settings, Signature, Trap,
    },
    internal::{AnyPrepared, DynInstance},
};

/// The only memory of most programs here.
pub(crate) const MEMORY: MemoryId = MemoryId(0);
/// The only module of most programs here.
pub(crate) const MAIN: ModuleId = ModuleId(0);

/// One compiler of one backend.
pub(crate) struct Bench {
    pub(crate) backend: Backend,
    pub(crate) compiler: Compiler,
}

impl Bench {
    pub(crate) fn new(backend: &Backend, compiler: &str) -> Self {
        let known = backend.compilers.iter().find(|c| c.name == compiler);
        Self {
            backend: *backend,
            compiler: *known.expect("the backend has this compiler"),
        }
    }

    pub(crate) fn engine(&self) -> Arc<dyn DynEngine> {
        self.open(Interruption::Off)
            .expect("an engine opens without extras")
    }

    pub(crate) fn open(&self, interruption: Interruption) -> Result<Arc<dyn DynEngine>> {
        self.open_compiler(self.compiler.name, interruption)
    }

    pub(crate) fn open_compiler(
        &self,
        compiler: &'static str,
        interruption: Interruption,
    ) -> Result<Arc<dyn DynEngine>> {
        let proposals = Proposals::of(self.compiler.capabilities.proposals);
        (self.backend.open)(&settings(compiler, interruption, proposals))
    }

    /// For these proposals only.
    pub(crate) fn open_for(&self, proposals: Proposals) -> Result<Arc<dyn DynEngine>> {
        (self.backend.open)(&settings(self.compiler.name, Interruption::Off, proposals))
    }

    /// An instance of one module, which exports `memory`, without limits.
    pub(crate) fn instance(&self, wat: &str, imports: Vec<Import>) -> Box<dyn DynInstance> {
        start(&self.engine(), wat, imports, None).expect("the program starts")
    }

    /// As [`Bench::instance`], with at most so many pages.
    pub(crate) fn limited(&self, wat: &str, pages: u64) -> Result<Box<dyn DynInstance>> {
        start(&self.engine(), wat, Vec::new(), Some(pages))
    }
}

fn settings(compiler: &'static str, interruption: Interruption, proposals: Proposals) -> Settings {
    Settings::new(compiler)
        .with_interruption(interruption)
        // What engines do is compared.
        .with_determinism(Determinism::On)
        .with_proposals(proposals)
}

/// An instance of one module, which exports `memory`.
pub(crate) fn start(
    engine: &Arc<dyn DynEngine>,
    wat: &str,
    imports: Vec<Import>,
    memory_pages: Option<u64>,
) -> Result<Box<dyn DynInstance>> {
    let program = prepare(engine, &[(wat, imports)], &[(0, "memory")])?;
    engine.instantiate(&program, Host::default(), &limits(memory_pages))
}

/// So many pages and enough elements, or no limits at all.
pub(crate) fn limits(memory_pages: Option<u64>) -> InstanceLimits {
    InstanceLimits::default()
        .with_memory_pages(memory_pages)
        .with_heap_pages(memory_pages)
        .with_table_elements(memory_pages.map(|_| 1000))
}

/// A program of several modules, and the memories that the host may touch.
pub(crate) fn prepare(
    engine: &Arc<dyn DynEngine>,
    modules: &[(&str, Vec<Import>)],
    memories: &[(u32, &str)],
) -> Result<AnyPrepared> {
    let link = |(wat, imports): &(&str, Vec<Import>)| {
        let wasm = wat::parse_str(wat).expect("the test is valid text");
        Ok(Linked {
            module: engine.compile(&wasm)?,
            imports: imports.clone(),
        })
    };
    let memory = |(module, name): &(u32, &str)| MemoryExport {
        module: ModuleId(*module),
        name: (*name).into(),
    };
    engine.prepare(Program {
        modules: modules.iter().map(link).collect::<Result<_>>()?,
        memories: memories.iter().map(memory).collect(),
    })
}

/// An import of a host function, bound to the only memory.
pub(crate) fn host(
    params: &[NumType],
    results: &[NumType],
    body: impl Fn(Caller<'_>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
) -> Import {
    Import::Host {
        func: HostFunc::new("test", Signature::new(params, results), Box::new(body)),
        memory: Some(MEMORY),
    }
}

/// An import from an earlier module.
pub(crate) fn export(module: u32, name: &str) -> Import {
    Import::Export {
        module: ModuleId(module),
        name: name.into(),
    }
}

/// Enters a function of the main module that must exist.
pub(crate) fn enter(instance: &mut dyn DynInstance, export: &str) -> Result<i32> {
    let entry = instance.entry(MAIN, export);
    instance.enter(entry.expect("the test exports the function"))
}

/// Checks that a call ended with this trap, said so in core's words, and kept the engine's.
pub(crate) fn assert_trap(outcome: Result<i32>, trap: Trap) {
    let error = outcome.expect_err("the guest traps");
    assert_trapped(&error, trap);
}

/// As [`assert_trap`], for the error.
pub(crate) fn assert_trapped(error: &Error, trap: Trap) {
    assert_eq!(error.kind(), ErrorKind::Trap(trap), "{error:?}");
    assert_eq!(error.to_string(), format!("the guest trapped: {trap}"));
    assert!(std::error::Error::source(error).is_some());
}
