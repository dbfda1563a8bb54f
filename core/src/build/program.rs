//! Makes the code of linked modules.
//!
//! Each module has a recipe: the original binary, and the steps from there to the binary that the engine compiles.
//! Some steps replace what an engine cannot do. A recipe is a value: if code for an equal recipe exists, in this
//! process or in the cache, it is used, and nothing is validated, rewritten or compiled. It does not know where
//! modules come from. Modules are linked already.

mod layout;

use std::{
    borrow::Cow,
    hash::{Hash, Hasher},
    sync::{Arc, LazyLock},
};

use polyextism_transform::{
    bit_tests, budget, bulk, fuse,
    interrupt::{self, Flag},
    meter::{self, Tank},
    tables::limited,
};
use wasm_encoder::reencode;

pub(crate) use self::layout::Layout;
use self::layout::is_kernel;
use crate::{
    base::{
        capabilities::{Capabilities, Settings},
        error::{Error, ErrorKind, Result},
        ids::ModuleId,
    },
    build::{
        link::{KERNEL, Plan, PlanId},
        options::Options,
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

/// The target of code, and where existing code may be found.
pub(crate) struct Maker<'a> {
    pub(crate) choice: &'a Choice,
    pub(crate) settings: &'a Settings,
    pub(crate) terms: &'a Requirements<'a>,
    pub(crate) cache: &'a Cache,
    pub(crate) wait: &'a CompileWait<'a>,
}

/// Code, and how many modules of it are new.
pub(crate) struct Made {
    pub(crate) code: Arc<Code>,
    /// The number of modules that had to be compiled.
    pub(crate) compiled: usize,
}

impl Maker<'_> {
    /// The code of the modules of a program, for `engine` or an equal one.
    ///
    /// # Errors
    /// `Argument` if what names the folder of the cache is wrong. `InvalidModule` if a module is not valid;
    /// `Unsupported` if it needs a proposal that the engine does not have, or if the engine refuses it; `Engine` if
    /// the engine fails; the reason why the wait ends.
    pub(crate) fn code(&self, engine: Arc<dyn DynEngine>, recipes: &[Recipe<'_>]) -> Result<Made> {
        let engine_key = self.engine_key(engine.as_ref());
        let keys = recipes.iter().map(|recipe| recipe.key(&engine_key));
        let keys = keys.collect::<Vec<_>>();
        let program = Key::of(&keys);
        if let Some(code) = shared::find(&program) {
            return Ok(Made { code, compiled: 0 });
        }
        let made = self.make(engine, recipes, &keys)?;
        shared::offer(program, &made.code);
        Ok(made)
    }

    /// Everything but the modules that affects the code, or whether modules are accepted.
    fn engine_key(&self, engine: &dyn DynEngine) -> Key {
        let backend = self.choice.backend();
        let Requirements {
            proposals,
            forbidden,
            bounds,
            ..
        } = self.terms;
        Key::of((
            Key::package(),
            (backend.name, backend.version, backend.sources),
            self.settings,
            (proposals, forbidden, bounds),
            Fingerprint(engine),
        ))
    }

    fn make(
        &self,
        engine: Arc<dyn DynEngine>,
        recipes: &[Recipe<'_>],
        keys: &[Key],
    ) -> Result<Made> {
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
        let missing = found.iter().zip(recipes);
        for (_, recipe) in missing.filter(|(found, _)| found.is_none()) {
            self.wait.check_interrupt()?;
            recipe.validate(self.terms)?;
        }
        let mut modules = Vec::with_capacity(recipes.len());
        let compiled = found.iter().filter(|found| found.is_none()).count();
        for ((found, recipe), key) in found.into_iter().zip(recipes).zip(keys) {
            let module = match found {
                Some(module) => module,
                None => {
                    self.wait.check_interrupt()?;
                    let wasm = recipe.wasm()?.into_owned();
                    let module = Arc::clone(&engine).compile_while(wasm, self.wait)?;
                    if store.is_on() {
                        store.keep(key, engine.save(&module));
                    }
                    module
                }
            };
            modules.push(module);
        }
        let code = Code::new(engine, modules);
        Ok(Made { code, compiled })
    }
}

/// The program with this code.
pub(crate) fn program(
    code: &Code,
    recipes: Vec<Recipe<'_>>,
    plan: &Plan,
    layout: &Layout,
) -> Program<AnyModule> {
    let memories = plan.memories.iter().map(|memory| MemoryExport {
        module: layout.planned(memory.module),
        name: Arc::clone(&memory.name),
    });
    let mut memories: Vec<_> = memories.collect();
    if let Some(fusion) = recipes.iter().find_map(|recipe| recipe.fusion.as_ref()) {
        let name = fusion.memory.as_str().into();
        let module = memories[0].module;
        memories[0] = MemoryExport { module, name };
    }
    let modules = code.modules.iter().zip(recipes);
    let modules = modules.map(|(module, recipe)| Linked {
        module: module.clone(),
        imports: recipe.imports(),
    });
    let modules = modules.collect();
    Program { modules, memories }
}

/// Whether guests count fuel, and how they check for interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counting {
    /// Whether they count fuel, in all modules together.
    fuel: Fuel,
    /// How they check whether they have to stop.
    checks: Checks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fuel {
    Counted,
    Free,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Checks {
    /// The engine makes them.
    Engine,
    /// The module with the kernel reads a flag in the kernel memory; others count a budget.
    Flag,
    /// Each module counts a budget of its own.
    Budget,
}

impl Checks {
    /// How guests check on an opened engine. This is the only place that decides. Only engines that were opened for
    /// it make guests check ([`Choice::interruption`]); on all others, guests check by themselves.
    pub(crate) fn of(capabilities: Capabilities) -> Self {
        match (capabilities.interrupt, capabilities.flag) {
            (true, _) => Self::Engine,
            (false, true) => Self::Flag,
            (false, false) => Self::Budget,
        }
    }
}

impl Counting {
    /// The needs of guests that check in this way.
    pub(crate) fn needed(checks: Checks, options: &Options) -> Self {
        Self {
            fuel: match options.fuel {
                Some(_) => Fuel::Counted,
                None => Fuel::Free,
            },
            checks,
        }
    }

    /// Whether guests read a flag.
    pub(crate) fn looks_at_a_flag(self) -> bool {
        self.checks == Checks::Flag
    }

    /// How a module with code checks.
    fn checks(self, fusion: Option<&Fusion>) -> Checks {
        match (self.checks, fusion) {
            (Checks::Flag, None) => Checks::Budget,
            (checks, _) => checks,
        }
    }

    /// Where a guest counts its fuel, if it does, after modules with these recipes.
    fn tank(self, before: &[Recipe<'_>]) -> Option<Tank> {
        match (self.fuel, fuel_owner(before)) {
            (Fuel::Free, _) => None,
            (Fuel::Counted, None) => Some(Tank::Own),
            (Fuel::Counted, Some(_)) => Some(Tank::Other),
        }
    }
}

/// The module that has the fuel, if guests count it.
pub(crate) fn fuel_owner(recipes: &[Recipe<'_>]) -> Option<ModuleId> {
    let lends = |recipe: &Recipe<'_>| recipe.tank() == Some(Tank::Own);
    let position = recipes.iter().position(lends)?;
    Some(ModuleId(position as u32))
}

/// All steps that rewrite a module, and the imports of the result.
pub(crate) struct Recipe<'a> {
    name: &'a str,
    source: Source<'a>,
    /// By how many elements each of its tables can grow, if that is less than declared.
    growth: Option<u64>,
    /// How it counts fuel, if it does.
    metering: Option<Metering>,
    fusion: Option<Fusion>,
    /// How it checks whether to stop.
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
    tank: Tank,
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

/// The recipes for the program of a plan. `growth` is the result of [`tables::growth`] for each unit.
pub(crate) fn recipes<'a>(
    counting: Counting,
    units: &'a Units<'a>,
    plan: &Plan,
    layout: &Layout,
    growth: &ByUnit<Option<u64>>,
) -> Vec<Recipe<'a>> {
    let mut recipes: Vec<Recipe<'_>> = Vec::new();
    if layout.has_kernel_apart() {
        recipes.push(Recipe {
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
        let tank = counting.tank(&recipes).filter(|_| module.has_code);
        let metering = tank.map(|tank| Metering {
            tank,
            quiet: planned.iter().map(is_kernel).collect(),
        });
        let fusion = layout
            .has_kernel(position)
            .then(|| Fusion::new(module, planned, tank));
        let has_code = module.has_code || (fusion.is_some() && planned.iter().any(is_kernel));
        let imports = planned.iter().filter_map(|import| layout.import(import));
        let fuel = tank.map(|tank| match (tank, fuel_owner(&recipes)) {
            (Tank::Other, Some(module)) => Import::Export {
                module,
                name: Tank::EXPORT.into(),
            },
            (Tank::Own, _) | (Tank::Other, None) => checks::fuel(),
        });
        recipes.push(Recipe {
            name,
            source: Source::Guest(module),
            growth: growth[unit],
            metering,
            checks: match has_code {
                true => counting.checks(fusion.as_ref()),
                // A module without code cannot run for long.
                false => Checks::Engine,
            },
            fusion,
            imports: imports.chain(fuel).collect(),
        });
    }
    recipes
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
        Checks::Engine => (Cow::Borrowed(wasm), None),
        Checks::Flag => {
            let looking = interrupt::instrument(wasm, Flag::Added);
            match looking.map_err(|source| rewriting(name, "be given looks", source))? {
                None => (Cow::Borrowed(wasm), None),
                Some(looking) => (Cow::Owned(looking), Some(checks::flag())),
            }
        }
        Checks::Budget => {
            let counted = budget::instrument(wasm);
            match counted.map_err(|source| rewriting(name, "be given a budget", source))? {
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
    /// For a module with these imports, and the one that counting fuel adds.
    fn new(module: &Module<'_>, imports: &[Import<PlanId>], tank: Option<Tank>) -> Self {
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
                .chain(tank.map(|_| None))
                .collect(),
            memory,
        }
    }
}

impl Recipe<'_> {
    /// The key, the same for all recipes with the same code.
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
    fn validate(&self, terms: &Requirements<'_>) -> Result<()> {
        match &self.source {
            Source::Kernel => Ok(()),
            Source::Guest(module) => module.validate(terms, self.name),
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
                .map_err(|source| failed("be given smaller tables", source))?
                .into(),
        };
        // Before the kernel is added, because its instructions cost no fuel.
        let wasm = match &self.metering {
            None => wasm,
            Some(Metering { tank, quiet }) => meter::meter(&wasm, *tank, quiet)
                .map_err(|source| failed("count fuel", source))?
                .into(),
        };
        let wasm = match &self.fusion {
            None => wasm,
            Some(Fusion { functions, memory }) => {
                let fused = fuse::fuse(&wasm, kernel_parts(), functions, memory);
                fused
                    .map_err(|source| failed("be given the kernel", source))?
                    .into()
            }
        };
        let pieces = bulk::instrument(&wasm);
        let wasm =
            match pieces.map_err(|source| failed("do bulk instructions in pieces", source))? {
                None => wasm,
                Some(pieces) => pieces.into(),
            };
        match self.checks {
            Checks::Engine => Ok(wasm),
            Checks::Flag => {
                // Only where engines compile: an interpreter is faster at tables.
                let tested = bit_tests::add(&wasm);
                let wasm = tested.map_err(|source| failed("be given tests of bits", source))?;
                let looking = interrupt::instrument(&wasm, Flag::LastMemory(kernel::FLAG));
                let looking = looking.map_err(|source| failed("be given looks", source))?;
                Ok(looking.expect("looks are for code only").into())
            }
            Checks::Budget => {
                let counted = budget::instrument(&wasm);
                let counted = counted.map_err(|source| failed("be given a budget", source))?;
                Ok(counted.expect("a budget is for code only").into())
            }
        }
    }

    /// The imports of [`Recipe::wasm`].
    fn imports(self) -> Vec<Import> {
        let mut imports = self.imports;
        match self.checks {
            Checks::Engine => {}
            Checks::Flag => imports.push(checks::flag()),
            Checks::Budget => imports.push(checks::budget()),
        }
        imports
    }

    /// By how much the indices of the module's own functions are higher in the binary for the engine.
    pub(crate) fn moved(&self) -> u32 {
        let fuel = self.tank().map_or(0, Tank::moved);
        match self.checks {
            Checks::Engine => fuel,
            Checks::Flag => fuel + interrupt::MOVED,
            Checks::Budget => fuel + budget::MOVED,
        }
    }

    fn tank(&self) -> Option<Tank> {
        self.metering.as_ref().map(|metering| metering.tank)
    }
}

/// The fingerprint of an engine, as a value.
struct Fingerprint<'a>(&'a dyn DynEngine);

impl Hash for Fingerprint<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.fingerprint(state);
    }
}
