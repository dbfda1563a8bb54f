//! Transforms and compiles linked modules.
//!
//! Each module has a [`Pipeline`]: its original binary, and the transformations that lead to the binary that the
//! engine compiles. Some of them replace a capability that the engine lacks. Pipelines are compared by their keys: if
//! code with the same key exists, in this process or in the compile cache, it is used, and nothing is validated,
//! transformed or compiled. This module does not know where modules come from.

mod counting;
mod layout;

use std::{
    borrow::Cow,
    hash::{Hash, Hasher},
    slice,
    sync::{Arc, LazyLock},
};

use polyextism_transform::{
    bit_tests, budget, bulk, defined_functions, fuse,
    interrupt::{self, Flag},
    meter::{self, Counter},
    tables::limited,
    ways,
};
use wasm_encoder::reencode;

use self::layout::is_kernel;
pub(crate) use self::{
    counting::{Checks, Counting},
    layout::Layout,
};
use crate::{
    base::{
        capabilities::Settings,
        error::{Error, ErrorKind, Result},
        ids::ModuleId,
    },
    build::{
        link::{KERNEL, Plan, PlanId},
        shared::{self, Code},
    },
    cache::{Cache, key::Key},
    deadline::compiling::CompileWait,
    engine::{
        erased::{AnyModule, DynEngine},
        program::{Import, Linked, MemoryExport, Program},
        select::Choice,
    },
    kernel,
    module::{ByUnit, Module, Requirements, Unit, Units},
    services::checks,
};

/// The export name of the kernel memory in a module that contains the kernel. If the module has such an export
/// itself, the name gets a suffix.
const MEMORY: &str = "polyextism:kernel";

/// Transformations that may fail, for messages.
const CHECK_FLAG: &str = "be made to check the interruption flag";
const COUNT_BUDGET: &str = "be made to count a budget";
const CHECK_ON_WAYS: &str = "be made to check on long ways";

/// Turns pipelines into code for an engine, or finds existing code.
pub(crate) struct Compilation<'a> {
    pub(crate) choice: &'a Choice,
    pub(crate) settings: &'a Settings,
    pub(crate) requirements: &'a Requirements<'a>,
    pub(crate) cache: &'a Cache,
    pub(crate) wait: &'a CompileWait<'a>,
}

/// The result of a [`Compilation`].
pub(crate) struct CompiledCode {
    pub(crate) code: Arc<Code>,
    /// The number of modules that had to be compiled.
    pub(crate) newly_compiled: usize,
}

impl Compilation<'_> {
    /// The code of the modules of a program, for `engine` or an equal one.
    ///
    /// # Errors
    /// `Argument` if what names the folder of the cache is wrong. `InvalidModule` if a module is not valid;
    /// `Unsupported` if it needs a proposal that the engine does not have, or if the engine refuses it; `Engine` if
    /// the engine fails; the reason why the wait ends.
    pub(crate) fn run(
        &self,
        engine: Arc<dyn DynEngine>,
        pipelines: &[Pipeline<'_>],
    ) -> Result<CompiledCode> {
        let engine_key = self.engine_key(engine.as_ref());
        let keys = pipelines.iter().map(|pipeline| pipeline.key(&engine_key));
        let keys = keys.collect::<Vec<_>>();
        let program = Key::of(&keys);
        if let Some(code) = shared::find(&program) {
            return Ok(CompiledCode {
                code,
                newly_compiled: 0,
            });
        }
        let compiled = self.compile(engine, pipelines, &keys)?;
        shared::offer(program, &compiled.code);
        Ok(compiled)
    }

    /// Everything but the modules that affects the code, or whether modules are accepted.
    fn engine_key(&self, engine: &dyn DynEngine) -> Key {
        let backend = self.choice.backend();
        let Requirements {
            proposals,
            forbidden,
            bounds,
            ..
        } = self.requirements;
        Key::of((
            Key::package(),
            (backend.name, backend.version, backend.sources),
            self.settings,
            (proposals, forbidden, bounds),
            Fingerprint(engine),
        ))
    }

    /// Loads each module from the compile cache, or compiles it.
    fn compile(
        &self,
        engine: Arc<dyn DynEngine>,
        pipelines: &[Pipeline<'_>],
        keys: &[Key],
    ) -> Result<CompiledCode> {
        let store = match engine.capabilities().artifacts {
            true => self.cache.open()?,
            false => Default::default(),
        };
        let mut found = Vec::new();
        for (position, artifact) in store.find(keys).into_iter().enumerate() {
            // Engines identify the modules of a program by their code, so equal modules get separate code.
            let artifact = artifact.filter(|_| !keys[..position].contains(&keys[position]));
            found.push(artifact.map(|artifact| engine.load(artifact)).transpose());
        }
        let (engine, found) = match found.into_iter().collect::<Result<Vec<_>>>() {
            Ok(found) => (engine, found),
            Err(error) => {
                tracing::debug!(target: "extism::cache", %error, "compiled code is not taken");
                // After a failed load, the state of the engine is unknown.
                let engine = self.choice.open(self.settings)?;
                (engine, keys.iter().map(|_| None).collect())
            }
        };
        let missing = found.iter().zip(pipelines);
        for (_, pipeline) in missing.filter(|(found, _)| found.is_none()) {
            self.wait.check_interrupt()?;
            pipeline.validate(self.requirements)?;
        }
        // A profiler would be told of the code twice.
        let maps = engine.capabilities().mapping && self.settings.profiler.is_none();
        let mut modules = Vec::with_capacity(pipelines.len());
        let newly_compiled = found.iter().filter(|found| found.is_none()).count();
        for ((found, pipeline), key) in found.into_iter().zip(pipelines).zip(keys) {
            let module = match found {
                Some(module) => module,
                None => {
                    self.wait.check_interrupt()?;
                    let wasm = pipeline.wasm()?.into_owned();
                    let module = Arc::clone(&engine).compile_while(wasm, self.wait)?;
                    if store.is_on() {
                        store.keep(key, engine.save(&module));
                    }
                    let saved = match maps {
                        true => store.find(slice::from_ref(key)).pop().flatten(),
                        false => None,
                    };
                    let mapped = saved.and_then(|artifact| engine.load(artifact).ok());
                    mapped.unwrap_or(module)
                }
            };
            modules.push(module);
        }
        let code = Code::new(engine, modules);
        Ok(CompiledCode {
            code,
            newly_compiled,
        })
    }
}

/// The program with this code.
pub(crate) fn program(
    code: &Code,
    pipelines: Vec<Pipeline<'_>>,
    plan: &Plan,
    layout: &Layout,
) -> Program<AnyModule> {
    let memories = plan.memories.iter().map(|memory| MemoryExport {
        module: layout.planned(memory.module),
        name: Arc::clone(&memory.name),
    });
    let mut memories: Vec<_> = memories.collect();
    if let Some(fusion) = pipelines
        .iter()
        .find_map(|pipeline| pipeline.fusion.as_ref())
    {
        let name = fusion.memory.as_str().into();
        let module = memories[0].module;
        memories[0] = MemoryExport { module, name };
    }
    let modules = code.modules.iter().zip(pipelines);
    let modules = modules.map(|(module, pipeline)| Linked {
        module: module.clone(),
        imports: pipeline.imports(),
    });
    let modules = modules.collect();
    Program { modules, memories }
}

/// The module that has the fuel, if guests count it.
pub(crate) fn fuel_owner(pipelines: &[Pipeline<'_>]) -> Option<ModuleId> {
    let has_fuel = |pipeline: &Pipeline<'_>| pipeline.counter() == Some(Counter::Own);
    let position = pipelines.iter().position(has_fuel)?;
    Some(ModuleId(position as u32))
}

/// The transformations of a module, and the imports of the result.
pub(crate) struct Pipeline<'a> {
    name: &'a str,
    source: Source<'a>,
    /// By how many elements each table of the module can grow, if that is less than declared.
    growth: Option<u64>,
    /// How the module counts fuel, if it does.
    metering: Option<Metering>,
    fusion: Option<Fusion>,
    /// How the module checks for interruption.
    checks: Checks,
    imports: Vec<Import>,
}

enum Source<'a> {
    Kernel,
    Guest(&'a Module<'a>),
}

/// How a module counts fuel.
#[derive(Hash)]
struct Metering {
    counter: Counter,
    /// For each import of the module, whether it is a kernel function: calling one costs one unit, whether or not
    /// the call is inlined.
    quiet: Vec<bool>,
}

/// How the kernel becomes part of a module.
#[derive(Hash)]
struct Fusion {
    /// For each import of the module, its kernel function, if it is one.
    functions: Vec<Option<Arc<str>>>,
    /// The export name of the kernel memory.
    memory: String,
}

/// The pipelines of the modules of a plan. `growth` is the result of [`tables::growth`] for each unit.
pub(crate) fn pipelines<'a>(
    counting: Counting,
    units: &'a Units<'a>,
    plan: &Plan,
    layout: &Layout,
    growth: &ByUnit<Option<u64>>,
) -> Vec<Pipeline<'a>> {
    let mut pipelines: Vec<Pipeline<'_>> = Vec::new();
    if layout.has_kernel_apart() {
        pipelines.push(Pipeline {
            name: "kernel",
            source: Source::Kernel,
            growth: None,
            metering: None,
            fusion: None,
            checks: counting.checks(None),
            imports: Vec::new(),
        });
    }
    for (position, (&unit, planned)) in plan.order.iter().zip(&plan.imports).enumerate() {
        let Unit { name, module } = &units[unit];
        let counter = counting.counter(&pipelines).filter(|_| module.has_code);
        let metering = counter.map(|counter| Metering {
            counter,
            quiet: planned.iter().map(is_kernel).collect(),
        });
        let fusion = layout
            .has_kernel(position)
            .then(|| Fusion::new(module, planned, counter));
        let has_code = module.has_code || (fusion.is_some() && planned.iter().any(is_kernel));
        let imports = planned.iter().filter_map(|import| layout.import(import));
        let fuel = counter.map(|counter| match (counter, fuel_owner(&pipelines)) {
            (Counter::Imported, Some(module)) => Import::Export {
                module,
                name: Counter::EXPORT.into(),
            },
            (Counter::Own, _) | (Counter::Imported, None) => checks::settle(),
        });
        let fuel = fuel.into_iter().flat_map(|fuel| [checks::refill(), fuel]);
        pipelines.push(Pipeline {
            name,
            source: Source::Guest(module),
            growth: growth[unit],
            metering,
            checks: match has_code {
                true => counting.checks(fusion.as_ref()),
                false => Checks::Never,
            },
            fusion,
            imports: imports.chain(fuel).collect(),
        });
    }
    pipelines
}

/// The binary of a module that is added to a live program, and the import that core adds after those of the module,
/// if any.
///
/// # Errors
/// `Engine` if the module cannot be rewritten.
pub(crate) fn rewritten<'a>(
    engine: &dyn DynEngine,
    name: &str,
    wasm: &'a [u8],
) -> Result<(Cow<'a, [u8]>, Option<Import>)> {
    Ok(match Checks::of(engine.capabilities()) {
        Checks::Never => (Cow::Borrowed(wasm), None),
        Checks::Engine => {
            let checking = ways::instrument(wasm);
            let checking = checking.map_err(|source| rewriting(name, CHECK_ON_WAYS, source))?;
            (checking.map_or(Cow::Borrowed(wasm), Cow::Owned), None)
        }
        Checks::Flag => {
            let checking = interrupt::instrument(wasm, Flag::Added, &(0..0));
            match checking.map_err(|source| rewriting(name, CHECK_FLAG, source))? {
                None => (Cow::Borrowed(wasm), None),
                Some(checking) => (Cow::Owned(checking), Some(checks::flag())),
            }
        }
        Checks::Budget => {
            let counted = budget::instrument(wasm, &(0..0));
            match counted.map_err(|source| rewriting(name, COUNT_BUDGET, source))? {
                None => (Cow::Borrowed(wasm), None),
                Some(counted) => (Cow::Owned(counted), Some(checks::budget())),
            }
        }
    })
}

/// The kernel, parsed once.
fn kernel_parts() -> &'static fuse::Parts {
    static PARTS: LazyLock<fuse::Parts> = LazyLock::new(|| {
        fuse::Parts::read(kernel::WASM)
            .expect("the kernel is a valid module, a test has it validated")
    });
    &PARTS
}

#[cold]
fn rewriting(name: &str, what: &str, source: reencode::Error) -> Error {
    let message = format!("module `{name}` cannot {what}");
    Error::new(ErrorKind::Engine, message).with_source(source)
}

impl Fusion {
    /// For a module with these imports, and the two that counting fuel adds.
    fn new(module: &Module<'_>, imports: &[Import<PlanId>], counter: Option<Counter>) -> Self {
        let function = |import: &Import<PlanId>| match import {
            Import::Export {
                module: KERNEL,
                name,
            } => Some(Arc::clone(name)),
            _ => None,
        };
        // A name that the module does not export.
        let mut memory = MEMORY.to_owned();
        while module.export(&memory).is_some() {
            memory.push('\'');
        }
        Self {
            functions: (imports.iter().map(function))
                .chain(counter.into_iter().flat_map(|_| [None, None]))
                .collect(),
            memory,
        }
    }
}

impl Pipeline<'_> {
    /// The key. Pipelines with equal keys lead to the same code.
    fn key(&self, engine: &Key) -> Key {
        let (raw, steps) = match &self.source {
            Source::Kernel => (Key::of_bytes(kernel::WASM), None),
            Source::Guest(module) => (module.key(), Some(module.steps)),
        };
        let after = (self.growth, &self.metering, &self.fusion, self.checks);
        Key::of((engine, raw, steps, after))
    }

    /// # Errors
    /// As [`Module::validate`].
    fn validate(&self, requirements: &Requirements<'_>) -> Result<()> {
        match &self.source {
            Source::Kernel => Ok(()),
            Source::Guest(module) => module.validate(requirements, self.name),
        }
    }

    /// The binary for the engine. The module must be valid.
    fn wasm(&self) -> Result<Cow<'_, [u8]>> {
        let wasm = match &self.source {
            Source::Kernel => Cow::Borrowed(kernel::WASM),
            Source::Guest(module) => module.rewritten(self.name)?,
        };
        let failed = |what, source| rewriting(self.name, what, source);
        let wasm = match self.growth {
            None => wasm,
            Some(growth) => limited(&wasm, growth)
                .map_err(|source| failed("get smaller table maxima", source))?
                .into(),
        };
        // Before the kernel is added, because its instructions cost no fuel. What counts fuel checks by itself.
        let (wasm, counting) = match &self.metering {
            None => (wasm, 0..0),
            Some(Metering { counter, quiet }) => {
                let failed = |source| failed("count fuel", source);
                let own = defined_functions(&wasm).map_err(failed)?;
                let counting = meter::meter(&wasm, *counter, quiet).map_err(failed)?;
                let moved = counter.moved();
                (counting.into(), own.start + moved..own.end + moved)
            }
        };
        let wasm = match &self.fusion {
            None => wasm,
            Some(Fusion { functions, memory }) => {
                let fused = fuse::fuse(&wasm, kernel_parts(), functions, memory);
                fused
                    .map_err(|source| failed("be merged with the kernel", source))?
                    .into()
            }
        };
        let pieces = bulk::instrument(&wasm);
        let wasm = match pieces.map_err(|source| failed("split bulk instructions", source))? {
            None => wasm,
            Some(pieces) => pieces.into(),
        };
        match self.checks {
            Checks::Never => Ok(wasm),
            Checks::Engine => {
                let checking = ways::instrument(&wasm);
                let checking = checking.map_err(|source| failed(CHECK_ON_WAYS, source))?;
                Ok(checking.map_or(wasm, Cow::Owned))
            }
            Checks::Flag => {
                // Only where engines compile: an interpreter is faster at tables.
                let tested = bit_tests::add(&wasm);
                let wasm =
                    tested.map_err(|source| failed("replace tables by bit tests", source))?;
                let checking =
                    interrupt::instrument(&wasm, Flag::LastMemory(kernel::FLAG), &counting);
                let checking = checking.map_err(|source| failed(CHECK_FLAG, source))?;
                Ok(checking
                    .expect("only modules with code check the flag")
                    .into())
            }
            Checks::Budget => {
                let counted = budget::instrument(&wasm, &counting);
                let counted = counted.map_err(|source| failed(COUNT_BUDGET, source))?;
                Ok(counted
                    .expect("only modules with code count a budget")
                    .into())
            }
        }
    }

    /// The imports of [`Pipeline::wasm`].
    fn imports(self) -> Vec<Import> {
        let mut imports = self.imports;
        match self.checks {
            Checks::Never | Checks::Engine => {}
            Checks::Flag => imports.push(checks::flag()),
            Checks::Budget => imports.push(checks::budget()),
        }
        imports
    }

    /// By how much the indices of the module's own functions are higher in the binary for the engine.
    pub(crate) fn moved(&self) -> u32 {
        let fuel = self.counter().map_or(0, Counter::moved);
        match self.checks {
            Checks::Never | Checks::Engine => fuel,
            Checks::Flag => fuel + interrupt::MOVED,
            Checks::Budget => fuel + budget::MOVED,
        }
    }

    fn counter(&self) -> Option<Counter> {
        self.metering.as_ref().map(|metering| metering.counter)
    }
}

/// The fingerprint of an engine, as a value.
struct Fingerprint<'a>(&'a dyn DynEngine);

impl Hash for Fingerprint<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.fingerprint(state);
    }
}
