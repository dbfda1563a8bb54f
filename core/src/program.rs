//! Makes the code of linked modules, for the program that an engine prepares.
//!
//! Each module has a recipe: the binary as it came, and the steps from there to what the engine
//! compiles, some of them for what an engine cannot do itself. A recipe is a value: code that was made
//! of an equal one, in this process or before, is taken as it is, and then nothing is validated, written
//! anew or compiled. It does not know where modules come from; link errors are behind it.

mod layout;

use std::{
    borrow::Cow,
    hash::{Hash, Hasher},
    sync::Arc,
};

use wasm_encoder::reencode;

pub(crate) use self::layout::Layout;
use self::layout::is_kernel;
use crate::{
    budget::{self, Budget},
    cache::{
        Cache,
        key::Key,
        shared::{self, Code},
    },
    engine::{
        erased::{AnyModule, DynEngine},
        select::Choice,
        types::{Import, Linked, MemoryExport, ModuleId, Program, Settings},
    },
    error::{Error, ErrorKind, Result},
    fuse,
    interrupt::{self, Flag},
    kernel,
    link::{KERNEL, Plan, Unit},
    module::{Module, Terms, tables},
    options::Options,
};

/// The export name of the kernel memory in a module that the kernel is part of. If the module uses it
/// itself, something is appended.
const MEMORY: &str = "polyextism:kernel";

/// What code is made for, and where it may be found.
pub(crate) struct Maker<'a> {
    pub(crate) choice: &'a Choice,
    pub(crate) settings: &'a Settings,
    pub(crate) terms: &'a Terms<'a>,
    pub(crate) cache: &'a Cache,
}

/// Code, and how much of it is new.
pub(crate) struct Made {
    pub(crate) code: Arc<Code>,
    /// How many modules had to be compiled.
    pub(crate) compiled: usize,
}

impl Maker<'_> {
    /// The code of the modules of a program, for `engine` or for one like it.
    ///
    /// # Errors
    /// `Argument` if what names the folder of the cache is wrong. `InvalidModule` if a module is not
    /// valid; `Unsupported` if it needs what the engine does not offer, or if the engine refuses it;
    /// `Engine` if the engine fails.
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

    /// What decides, beside the modules, which code comes out, and whether they are taken at all.
    fn engine_key(&self, engine: &dyn DynEngine) -> Key {
        let backend = self.choice.backend();
        let Terms {
            proposals, bounds, ..
        } = self.terms;
        Key::of((
            Key::package(),
            (backend.name, backend.version, backend.sources),
            self.settings,
            (proposals, bounds),
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
            // Engines tell the modules of a program apart by their code, so equal ones get two.
            let artifact = artifact.filter(|_| !keys[..position].contains(&keys[position]));
            found.push(artifact.map(|artifact| engine.load(artifact)).transpose());
        }
        let (engine, found) = match found.into_iter().collect::<Result<Vec<_>>>() {
            Ok(found) => (engine, found),
            Err(error) => {
                tracing::debug!(target: "extism::cache", %error, "compiled code is not taken");
                // Nobody knows what is left of an engine that has choked on something.
                let engine = self.choice.open(self.settings)?;
                (engine, keys.iter().map(|_| None).collect())
            }
        };
        let missing = found.iter().zip(recipes);
        for (_, recipe) in missing.filter(|(found, _)| found.is_none()) {
            recipe.validate(self.terms)?;
        }
        let mut modules = Vec::with_capacity(recipes.len());
        let compiled = found.iter().filter(|found| found.is_none()).count();
        for ((found, recipe), key) in found.into_iter().zip(recipes).zip(keys) {
            let module = match found {
                Some(module) => module,
                None => {
                    let module = engine.compile(&recipe.wasm()?)?;
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

/// The program of code that was made by recipes.
pub(crate) fn program(
    code: &Code,
    recipes: Vec<Recipe<'_>>,
    plan: &Plan,
    layout: &Layout,
) -> Program<AnyModule> {
    let mut memories = plan.memories.clone();
    for memory in &mut memories {
        memory.module = layout.planned(memory.module);
    }
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

/// Whether guests count what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// They do not: the engine makes them look up.
    Off,
    /// The module that has the kernel in it looks at a flag; others count, each for itself.
    Flagged,
    /// Each module for itself, to look up now and then.
    Apart,
    /// All modules together, because it is fuel. They look up by that as well.
    Together,
}

impl Counting {
    /// What an engine that was opened needs.
    pub(crate) fn needed(engine: &dyn DynEngine, options: &Options) -> Self {
        let capabilities = engine.capabilities();
        match (options.fuel, capabilities.interrupt, capabilities.flag) {
            (Some(_), ..) => Self::Together,
            (None, true, _) => Self::Off,
            (None, false, true) => Self::Flagged,
            (None, false, false) => Self::Apart,
        }
    }

    fn budget(self, lender: Option<ModuleId>) -> Option<Budget> {
        match (self, lender) {
            (Self::Off, _) => None,
            (Self::Apart | Self::Flagged, _) => Some(Budget::Own),
            (Self::Together, None) => Some(Budget::Lent),
            (Self::Together, Some(lender)) => Some(Budget::Borrowed(lender)),
        }
    }

    /// By how many places the functions that a module defines have moved in what the engine gets.
    pub(crate) fn moved(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::Flagged => {
                const { assert!(interrupt::MOVED == budget::MOVED) };
                interrupt::MOVED
            }
            Self::Apart | Self::Together => budget::MOVED,
        }
    }
}

/// The module that has the fuel of all, if there is any to have.
pub(crate) fn lender(recipes: &[Recipe<'_>]) -> Option<ModuleId> {
    let lends = |recipe: &Recipe<'_>| recipe.budget == Some(Budget::Lent);
    let position = recipes.iter().position(lends)?;
    Some(ModuleId(position as u32))
}

/// Everything that is done to a module, and the imports of what comes out.
pub(crate) struct Recipe<'a> {
    name: &'a str,
    source: Source<'a>,
    /// By how many elements its tables can grow, if that is less than they declare.
    growth: Option<u64>,
    fusion: Option<Fusion>,
    /// What it counts down, if it counts.
    budget: Option<Budget>,
    /// What it looks at, if it does.
    flag: Option<Flag>,
    imports: Vec<Import>,
}

enum Source<'a> {
    Kernel,
    Guest(&'a Module<'a>),
}

/// How the kernel becomes part of a module.
#[derive(Hash)]
struct Fusion {
    /// For each import of the module, the function of the kernel that it is, if it is one.
    functions: Vec<Option<Arc<str>>>,
    /// What the kernel memory is exported as.
    memory: String,
}

/// What is to be done for the program of a plan. `growth` is what [`tables::growth`] says of each unit.
pub(crate) fn recipes<'a>(
    counting: Counting,
    units: &'a [Unit<'a>],
    plan: &Plan,
    layout: &Layout,
    growth: &[Option<u64>],
) -> Vec<Recipe<'a>> {
    let mut recipes: Vec<Recipe<'_>> = Vec::new();
    let budget = |recipes: &[Recipe<'_>], has_code: bool| match has_code {
        true => counting.budget(lender(recipes)),
        false => None,
    };
    if layout.has_kernel_apart() {
        recipes.push(Recipe {
            name: "kernel",
            source: Source::Kernel,
            growth: None,
            fusion: None,
            budget: budget(&recipes, true),
            flag: None,
            imports: Vec::new(),
        });
    }
    for (position, (&unit, planned)) in plan.order.iter().zip(&plan.imports).enumerate() {
        let Unit { name, module } = &units[unit];
        let fusion = layout
            .has_kernel(position)
            .then(|| Fusion::new(module, planned));
        let has_code = module.has_code || (fusion.is_some() && planned.iter().any(is_kernel));
        let imports = planned.iter().filter_map(|import| layout.import(import));
        let looks = counting == Counting::Flagged && fusion.is_some();
        let flag = (looks && has_code).then_some(Flag::LastMemory(kernel::FLAG));
        recipes.push(Recipe {
            name,
            source: Source::Guest(module),
            growth: growth[unit],
            fusion,
            budget: match looks {
                true => None,
                false => budget(&recipes, has_code),
            },
            flag,
            imports: imports.collect(),
        });
    }
    recipes
}

/// What the engine gets for a module that is added to a live program, and the import that follows
/// those of the module, if any.
///
/// # Errors
/// `Engine` if the module cannot be rewritten.
pub(crate) fn rewritten<'a>(
    engine: &dyn DynEngine,
    name: &str,
    wasm: &'a [u8],
) -> Result<(Cow<'a, [u8]>, Option<Import>)> {
    let capabilities = engine.capabilities();
    if capabilities.interrupt {
        return Ok((Cow::Borrowed(wasm), None));
    }
    if capabilities.flag {
        let looking = interrupt::instrument(wasm, Flag::Added);
        let looking = looking.map_err(|source| rewriting(name, "be given looks", source))?;
        return Ok(match looking {
            None => (Cow::Borrowed(wasm), None),
            Some(looking) => (Cow::Owned(looking), Some(interrupt::import())),
        });
    }
    let counted = budget::instrument(wasm, Budget::Own);
    Ok(
        match counted.map_err(|source| rewriting(name, "be given a budget", source))? {
            None => (Cow::Borrowed(wasm), None),
            Some(counted) => (Cow::Owned(counted), Budget::Own.imports().pop()),
        },
    )
}

#[cold]
fn rewriting(name: &str, what: &str, source: reencode::Error) -> Error {
    let message = format!("module `{name}` cannot {what}");
    Error::new(ErrorKind::Engine, message).with_source(source)
}

impl Fusion {
    fn new(module: &Module<'_>, imports: &[Import]) -> Self {
        let function = |import: &Import| match import {
            Import::Export {
                module: KERNEL,
                name,
            } => Some(Arc::clone(name)),
            _ => None,
        };
        // A name that the module exports nothing under.
        let mut memory = MEMORY.to_owned();
        while module.export(&memory).is_some() {
            memory.push('\'');
        }
        Self {
            functions: imports.iter().map(function).collect(),
            memory,
        }
    }
}

impl Recipe<'_> {
    /// The same for all recipes from which the same code comes out.
    fn key(&self, engine: &Key) -> Key {
        let (raw, steps) = match &self.source {
            Source::Kernel => (Key::of_bytes(kernel::WASM), None),
            Source::Guest(module) => (Key::of_bytes(&module.raw), Some(module.steps)),
        };
        let steps = (steps, self.growth, &self.fusion, self.budget, self.flag);
        Key::of((engine, raw, steps))
    }

    /// # Errors
    /// As [`Module::validate`].
    fn validate(&self, terms: &Terms<'_>) -> Result<()> {
        match &self.source {
            Source::Kernel => Ok(()),
            Source::Guest(module) => module.validate(terms, self.name),
        }
    }

    /// What the engine is to compile; the module is valid.
    fn wasm(&self) -> Result<Cow<'_, [u8]>> {
        let wasm = match &self.source {
            Source::Kernel => Cow::Borrowed(kernel::WASM),
            Source::Guest(module) => module.rewritten(self.name)?,
        };
        let failed = |what, source| rewriting(self.name, what, source);
        let wasm = match self.growth {
            None => wasm,
            Some(growth) => tables::limited(&wasm, growth)
                .map_err(|source| failed("be given smaller tables", source))?
                .into(),
        };
        let wasm = match &self.fusion {
            None => wasm,
            Some(Fusion { functions, memory }) => {
                let fused = fuse::fuse(&wasm, functions, memory);
                fused
                    .map_err(|source| failed("be given the kernel", source))?
                    .into()
            }
        };
        let wasm = match self.flag {
            None => wasm,
            Some(flag) => {
                let looking = interrupt::instrument(&wasm, flag);
                let looking = looking.map_err(|source| failed("be given looks", source))?;
                looking.expect("looks are for code only").into()
            }
        };
        match self.budget {
            None => Ok(wasm),
            Some(budget) => {
                let counted = budget::instrument(&wasm, budget);
                let counted = counted.map_err(|source| failed("be given a budget", source))?;
                Ok(counted.expect("a budget is for code only").into())
            }
        }
    }

    /// The imports of [`Recipe::wasm`].
    fn imports(self) -> Vec<Import> {
        let mut imports = self.imports;
        if self.flag.is_some() {
            imports.push(interrupt::import());
        }
        if let Some(budget) = self.budget {
            imports.extend(budget.imports());
        }
        imports
    }
}

/// What an engine says about its code, as a value.
struct Fingerprint<'a>(&'a dyn DynEngine);

impl Hash for Fingerprint<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.fingerprint(state);
    }
}
