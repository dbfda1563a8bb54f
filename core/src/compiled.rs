//! A plug-in that is compiled and linked, and can be instantiated any number of times.
//!
//! Here a manifest becomes a program: modules are read, named, linked and compiled; which exports
//! can be called and how a fresh instance is initialised is decided once (ABI.md part 2). It knows
//! engines only as trait objects.
//!
//! Invariants: every error of the input is found here, before the first instance; a compiled
//! plug-in is immutable and shared by its instances on any thread.

mod init;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use self::init::{Init, init};
use crate::{
    alarm::Alarm,
    backtrace::Guests,
    cache::{Cache, shared::Code},
    engine::{
        erased::{AnyPrepared, DynInstance},
        select::Choice,
        types::{InstanceLimits, MemoryId, ModuleId, Proposals, Settings},
    },
    env::{
        http::{self, Http},
        vars::{DEFAULT_LIMIT, Vars},
    },
    error::{Error, ErrorKind, Result},
    flag::Word,
    forks::Gated,
    host::Host,
    kernel,
    link::{Offer, Unit, link},
    manifest::{MAIN, Manifest},
    module::{Module, Terms, signature, tables, uses},
    options::{Interrupted, Options},
    postmortem::Postmortem,
    program::{self, Counting, Layout, Made, Maker, Recipe},
    source::{self, Downloads},
};

impl Choice {
    /// As [`Compiled::new`].
    ///
    /// # Errors
    /// As there.
    pub fn compile(&self, manifest: &Manifest, options: &Options) -> Result<Compiled> {
        Compiled::new(self, manifest, options)
    }
}

/// The entry of a WASI command. Each call of it gets an instance of its own.
const COMMAND: &str = "_start";

/// A plug-in that is compiled and linked. Cloning shares it.
#[derive(Clone)]
pub struct Compiled(Arc<Inner>);

struct Inner {
    program: AnyPrepared,
    lender: Option<ModuleId>,
    /// What the program is made of, for others with the same modules.
    code: Arc<Code>,
    /// How many modules had to be compiled.
    compiled: usize,
    main: ModuleId,
    memories: u32,
    entries: Vec<Entry>,
    guests: Arc<Guests>,
    postmortem: Option<Arc<Postmortem>>,
    command: Option<usize>,
    bound: Vec<usize>,
    init: Init,
    config: Arc<BTreeMap<String, String>>,
    limits: InstanceLimits,
    /// What says how many pages there may be.
    pages_by: &'static str,
    timeout: Option<Duration>,
    fuel: Option<u64>,
    interrupted: Interrupted,
    /// Whether guests look at a flag.
    flagged: bool,
    var_bytes: u64,
    http: Arc<http::Settings>,
    #[cfg(feature = "wasi")]
    wasi: Option<Arc<crate::wasi::Settings>>,
}

/// A fresh instance.
pub(crate) struct Instantiated {
    pub(crate) instance: Gated<Box<dyn DynInstance>>,
    /// What its guests look at, if they do.
    pub(crate) word: Option<Word>,
}

/// An export of the main module.
struct Entry {
    name: Box<str>,
    /// Why it cannot be called, if so.
    refusal: Option<Box<str>>,
}

impl Compiled {
    /// Reads, links and compiles what `manifest` describes, for the engine `choice`.
    ///
    /// # Errors
    /// `Argument` if WASI cannot be given what `options` say, or a dump has no place; `Manifest`, `InvalidModule`, `Link`, or
    /// `Unsupported`; never a failure of a guest.
    pub fn new(choice: &Choice, manifest: &Manifest, options: &Options) -> Result<Self> {
        if let Some(wasi) = &options.wasi {
            wasi.check()?;
        }
        let interruption = choice.interruption();
        let diagnostics = &options.diagnostics;
        let diagnostics = diagnostics.resolve(&choice.name(), choice.compiler().capabilities)?;
        let http = Arc::new(http::Settings::new(manifest, &options.http)?);
        let limits = &options.limits;
        let declared = Terms {
            proposals: choice.compiler().capabilities.proposals,
            forbidden: options.forbidden,
            engine: &choice.name(),
            bounds: &limits.into(),
        };
        let units = read(&declared, manifest, options)?;
        let settings = Settings {
            profiler: diagnostics.profiler,
            proposals: used(&declared, &units, &options.cache)?,
            ..choice.settings(interruption)
        };
        let engine = choice.open(&settings)?;
        let terms = Terms {
            proposals: engine.capabilities().proposals,
            engine: engine.name(),
            ..declared
        };
        let main = units.iter().position(|unit| &*unit.name == MAIN);
        let main = main.expect("`read` names one module so");
        let offer = Offer {
            functions: &options.functions,
            wasi: options.wasi.is_some(),
        };
        let linked = link(&units, &offer).and_then(|plan| {
            let bound = plan.bound(&options.functions);
            let plan = match &options.stopwatch {
                Some(stopwatch) => stopwatch.watch(plan),
                None => plan,
            };
            let layout = Layout::new(&units, &plan, main, options.kernel);
            let init = init(&units, &plan, &layout, main)?;
            let growth = tables::growth(&units, limits.table_elements)?;
            Ok((init, layout, plan, bound, growth))
        });
        if linked.is_err() {
            // What is wrong with a module itself comes first.
            for Unit { name, module } in &units {
                module.validate(&terms, name)?;
            }
        }
        let (init, layout, plan, bound, growth) = linked?;
        let maker = Maker {
            choice,
            settings: &settings,
            terms: &terms,
            cache: &options.cache,
        };
        let counting = Counting::needed(engine.as_ref(), options);
        let recipes = program::recipes(counting, &units, &plan, &layout, &growth);
        let lender = program::lender(&recipes);
        let moved: Vec<_> = recipes.iter().map(Recipe::moved).collect();
        let Made { code, compiled } = maker.code(engine, &recipes)?;
        let engine = &code.engine;
        let program = program::program(&code, recipes, &plan, &layout);
        let entries = entries(&units[main].module);
        let command = entries.iter().position(|entry| &*entry.name == COMMAND);
        let modules = layout.units().zip(moved).map(|(unit, moved)| {
            let Unit { name, module } = &units[unit?];
            Some((name.clone(), &*module.raw, moved))
        });
        let guests = Arc::new(Guests::new(modules));
        let homes = program.memories.iter().map(|memory| memory.module);
        let postmortem = Postmortem::new(diagnostics, &guests, homes);
        let main = layout.module(main);
        let (memory_pages, pages_by) = match manifest.memory.max_pages {
            Some(pages) => (pages.into(), "`memory.max_pages` of the manifest"),
            None => (limits.memory_pages, "the limit `memory_pages`"),
        };
        let compiled = Self(Arc::new(Inner {
            program: engine.prepare(program)?,
            lender,
            code,
            compiled,
            main,
            memories: plan.memories.len() as u32,
            entries,
            guests,
            postmortem,
            command,
            bound,
            init,
            config: Arc::new(manifest.config.clone()),
            limits: InstanceLimits {
                memory_pages: Some(memory_pages),
                table_elements: Some(limits.table_elements),
            },
            pages_by,
            timeout: manifest.timeout_ms.map(Duration::from_millis),
            fuel: options.fuel,
            interrupted: options.interrupted,
            flagged: counting.looks_at_a_flag(),
            var_bytes: manifest.memory.max_var_bytes.unwrap_or(DEFAULT_LIMIT),
            http,
            #[cfg(feature = "wasi")]
            wasi: options
                .wasi
                .as_ref()
                .map(|wasi| crate::wasi::Settings::new(manifest, wasi)),
        }));
        Ok(compiled)
    }

    /// The name of the engine.
    pub fn engine(&self) -> &'static str {
        self.0.code.engine.name()
    }

    /// Whether both are the same one, not only alike.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// How many modules, with the host's own, had to be compiled for it: none if all code was in use
    /// already, or in the compile cache.
    pub fn newly_compiled(&self) -> usize {
        self.0.compiled
    }

    /// Which of [`Options::functions`] the modules import, by their positions there, in order.
    pub fn bound_functions(&self) -> &[usize] {
        &self.0.bound
    }

    /// The position of an export of the main module that can be called.
    ///
    /// # Errors
    /// `UnknownFunction` if there is none, or if it has parameters or several results.
    pub(crate) fn entry(&self, name: &str) -> Result<usize> {
        let position = self.0.entries.iter().position(|entry| &*entry.name == name);
        match position.map(|position| (position, &self.0.entries[position].refusal)) {
            Some((position, None)) => Ok(position),
            Some((_, Some(refusal))) => Err(Error::new(
                ErrorKind::UnknownFunction,
                format!("function `{name}` cannot be called: {refusal}"),
            )),
            None => Err(Error::new(
                ErrorKind::UnknownFunction,
                format!("unknown function `{name}`: the plug-in exports no function of that name"),
            )),
        }
    }

    /// The name of the entry at a position that [`Compiled::entry`] returned.
    pub(crate) fn entry_name(&self, position: usize) -> &str {
        &self.0.entries[position].name
    }

    /// How many exports the main module has.
    pub(crate) fn entry_count(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether each call of the entry needs an instance of its own.
    pub(crate) fn is_command(&self, position: usize) -> bool {
        self.0.command == Some(position)
    }

    /// The same error with the names of what was running.
    #[cold]
    pub(crate) fn explain(&self, error: Error) -> Error {
        error.with_frames(|position| self.0.guests.frame(position))
    }

    pub(crate) fn main(&self) -> ModuleId {
        self.0.main
    }

    /// The memories that the host can see.
    pub(crate) fn memories(&self) -> impl Iterator<Item = MemoryId> + use<> {
        (0..self.0.memories).map(MemoryId)
    }

    /// What must be entered once, in order, before any call of an instance.
    pub(crate) fn init_before(&self) -> &[(ModuleId, Box<str>)] {
        &self.0.init.before
    }

    /// What must be entered after that, unless the call is that of a command.
    pub(crate) fn init_own(&self) -> &[(ModuleId, Box<str>)] {
        &self.0.init.own
    }

    /// How long a call may take, if the manifest says it.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.0.timeout
    }

    /// How much work a call may do, if guests count it.
    pub(crate) fn fuel(&self) -> Option<u64> {
        self.0.fuel
    }

    /// The module that has the fuel of all, if there is any to have.
    pub(crate) fn lender(&self) -> Option<ModuleId> {
        self.0.lender
    }

    /// What becomes of an instance whose guest was stopped.
    pub(crate) fn interrupted(&self) -> Interrupted {
        self.0.interrupted
    }

    /// Whether output of guests is captured.
    pub(crate) fn captures(&self) -> bool {
        #[cfg(feature = "wasi")]
        let captures = self
            .0
            .wasi
            .as_ref()
            .is_some_and(|settings| settings.wasi.captures());
        #[cfg(not(feature = "wasi"))]
        let captures = false;
        captures
    }

    /// Has nothing that is made from now on share anything with the engine, which has panicked.
    #[cold]
    pub(crate) fn forsake_engine(&self) {
        self.0.code.forsake();
    }

    /// A fresh host state.
    pub(crate) fn host(&self) -> Host {
        let alarm = Alarm::new(Some(&self.0.code.engine));
        let vars = Vars::with_limit(self.0.var_bytes);
        let http = Http::new(self.0.http.clone());
        let host = Host::new(Arc::new(alarm), self.0.config.clone(), vars, http);
        host.with_postmortem(self.0.postmortem.clone())
    }

    /// An instance that owns `host`; WASI starts afresh.
    pub(crate) fn instantiate(&self, host: Host) -> Result<Instantiated> {
        #[cfg(feature = "wasi")]
        let host = match &self.0.wasi {
            Some(settings) => host.with_wasi(crate::wasi::Session::new(settings)?),
            None => host,
        };
        let engine = &self.0.code.engine;
        let instance = engine.instantiate(&self.0.program, host, &self.0.limits);
        let mut instance = instance.map_err(|error| match error.kind() {
            ErrorKind::MemoryLimit => {
                Error::new(error.kind(), format!("{error}; raise {}", self.0.pages_by))
            }
            _ => error,
        })?;
        let word = match self.0.flagged {
            true => Some(word(&mut *instance)?),
            false => None,
        };
        let instance = Gated::new(instance);
        Ok(Instantiated { instance, word })
    }
}

/// The word that guests look at.
fn word(instance: &mut dyn DynInstance) -> Result<Word> {
    instance.word(kernel::MEMORY, kernel::FLAG).ok_or_else(|| {
        let message = "the engine does not say where the kernel memory is";
        Error::new(ErrorKind::Engine, message)
    })
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled")
            .field("engine", &self.engine())
            .finish_non_exhaustive()
    }
}

/// Reads the modules.
fn read<'a>(terms: &Terms<'_>, manifest: &'a Manifest, options: &Options) -> Result<Vec<Unit<'a>>> {
    let names = manifest.names()?;
    let mut units: Vec<Unit<'a>> = Vec::new();
    for (index, (wasm, name)) in manifest.wasm.iter().zip(names).enumerate() {
        let bytes = source::read(wasm, index, &Downloads::new(manifest, &options.http))?;
        let module = Module::read(bytes, terms, name)?;
        let module = match name != MAIN && function_type(&module, COMMAND).is_some() {
            // A library with an entry of its own is a program for each call.
            true => module.with_fresh_calls(),
            false => module,
        };
        let name = name.into();
        units.push(Unit { name, module });
    }
    Ok(units)
}

/// What the engine is to be opened for: what the modules use of what they may use.
fn used(terms: &Terms<'_>, units: &[Unit<'_>], cache: &Cache) -> Result<Proposals> {
    let store = cache.open()?;
    let used = units.iter().map(|unit| uses::of(&unit.module, &store));
    let used = used.fold(Proposals::NONE, Proposals::union);
    Ok(used.intersection(terms.allowed()))
}

/// What can be called: no parameters and at most one result.
fn entries(main: &Module<'_>) -> Vec<Entry> {
    let refusal = |ty: &wasmparser::FuncType| {
        if signature(ty).is_none() {
            return Some("its type has values that are not numbers".into());
        }
        match (ty.params().len(), ty.results().len()) {
            (0, 0 | 1) => None,
            (0, results) => Some(format!("it has {results} results, at most 1 is allowed").into()),
            (params, _) => Some(format!("it has {params} parameters, none are allowed").into()),
        }
    };
    main.functions()
        .map(|(name, ty)| Entry {
            name: name.into(),
            refusal: refusal(ty),
        })
        .collect()
}

fn function_type<'a>(module: &'a Module<'_>, name: &str) -> Option<&'a wasmparser::FuncType> {
    let (_, ty) = module.functions().find(|(export, _)| *export == name)?;
    Some(ty)
}
