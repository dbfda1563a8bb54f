//! A plug-in that is compiled and linked, and can be instantiated any number of times.
//!
//! Here a manifest becomes a program: modules are read, named, linked and compiled. The callable exports and the
//! initialisation of a fresh instance are determined once (docs/abi.md, "Initialisation"). It knows engines only as
//! trait objects.
//!
//! Invariants: every error of the input is found here, before the first instance; a compiled
//! plug-in is immutable and shared by its instances on any thread.

mod init;
mod queries;
pub(crate) mod stages;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use self::{
    init::Init,
    stages::{Linked, Opened, read},
};
use crate::{
    base::{
        capabilities::InstanceLimits,
        error::{Error, ErrorKind, Result},
        ids::{MemoryId, ModuleId},
    },
    build::{
        backtrace::Guests,
        contents::Contents,
        near,
        options::{Interrupted, Options},
        postmortem::Postmortem,
        program::{self, Compilation, CompiledCode, Counting, Layout, Pipeline},
        shared::Code,
    },
    deadline::{alarm::Alarm, flag::Word},
    engine::{
        erased::{AnyPrepared, CallHooks, DynInstance, OnFailure},
        select::Choice,
    },
    host::{
        Host,
        http::{self, Http},
        vars::{DEFAULT_LIMIT, Vars},
    },
    kernel,
    manifest::Manifest,
    module::{Module, Requirements, Unit, Units, signature},
    process::forks::Gated,
};

impl Choice {
    /// As [`Compiled::new`].
    ///
    /// # Errors
    /// Those of [`Compiled::new`].
    pub fn compile(&self, manifest: &Manifest, options: &Options) -> Result<Compiled> {
        Compiled::new(self, manifest, options)
    }
}

/// The entry of a WASI command. Each call gets an instance of its own.
const COMMAND: &str = "_start";

/// A plug-in that is compiled and linked. Cloning shares it.
#[derive(Clone)]
pub struct Compiled(Arc<Inner>);

struct Inner {
    program: AnyPrepared,
    fuel_owner: Option<ModuleId>,
    /// The code of the program, shared with other programs of the same modules.
    code: Arc<Code>,
    /// The number of modules that had to be compiled.
    newly_compiled: usize,
    main: ModuleId,
    memories: u32,
    entries: Vec<Entry>,
    contents: Arc<Contents>,
    guests: Arc<Guests>,
    postmortem: Option<Arc<dyn OnFailure>>,
    command: Option<usize>,
    bound: Vec<usize>,
    init: Init,
    config: Arc<BTreeMap<String, String>>,
    limits: InstanceLimits,
    /// The name of the limit on pages.
    pages_by: &'static str,
    timeout: Option<Duration>,
    fuel: Option<u64>,
    interrupted: Interrupted,
    /// Whether guests read a flag.
    flagged: bool,
    var_bytes: u64,
    http: Arc<http::Settings>,
    #[cfg(feature = "wasi")]
    wasi: Option<Arc<crate::host::wasi::Settings>>,
}

/// A fresh instance.
pub(crate) struct Instantiated {
    pub(crate) instance: Gated<Box<dyn DynInstance>>,
    /// The flag of its guests, if they read one.
    pub(crate) word: Option<Word>,
}

/// An export of the main module.
struct Entry {
    name: Box<str>,
    /// Why it cannot be called; `None` if it can.
    refusal: Option<Box<str>>,
}

impl Compiled {
    /// Reads, links, transforms, compiles and prepares a plug-in for the engine `choice`.
    ///
    /// # Errors
    /// `Argument` if the settings of WASI or the path of a dump are wrong; `Manifest`, `InvalidModule`, `Link` or
    /// `Unsupported`; never a failure of a guest. `Timeout` or another reason to stop waiting, as
    /// [`Options::compiling`] says.
    pub fn new(choice: &Choice, manifest: &Manifest, options: &Options) -> Result<Self> {
        if let Some(wasi) = &options.wasi {
            wasi.check()?;
        }
        let diagnostics = &options.diagnostics;
        let dumps = diagnostics.resolve(&choice.name(), choice.compiler().capabilities)?;
        let http = http::Settings::new(manifest, &options.http)?;
        let declared = Requirements {
            proposals: choice.compiler().capabilities.proposals,
            forbidden: options.forbidden,
            engine: &choice.name(),
            bounds: &(&options.limits).into(),
        };
        let mut wait = options.compiling.wait();
        let units = read(&declared, manifest, options, &mut wait)?;
        let opened = Opened::new(choice, dumps.profiler, &declared, &units, options)?;
        let requirements = opened.requirements(declared);
        let linked = Linked::new(&units, &requirements, options)?;
        let counting = Counting::needed(opened.checks(), options);
        let pipelines = program::pipelines(
            counting,
            &units,
            &linked.plan,
            &linked.layout,
            &linked.growth,
        );
        let compilation = Compilation {
            choice,
            settings: &opened.settings,
            requirements: &requirements,
            cache: &options.cache,
            wait: &wait,
        };
        let CompiledCode {
            code,
            newly_compiled,
        } = compilation.run(Arc::clone(&opened.engine), &pipelines)?;
        let fuel_owner = program::fuel_owner(&pipelines);
        let guests = guests(&units, &linked.layout, &pipelines);
        let program = program::program(&code, pipelines, &linked.plan, &linked.layout);
        let homes = program.memories.iter().map(|memory| memory.module);
        let postmortem = Postmortem::hook(dumps, &guests, homes);
        let program = code.engine.prepare(program)?;
        let entries = entries(&units[linked.main].module);
        let contents = Arc::new(Contents::new(units, linked.providers, linked.main));
        let (memory_pages, pages_by) = match manifest.memory.max_pages {
            Some(pages) => (pages.into(), "`memory.max_pages` of the manifest"),
            None => (options.limits.memory_pages, "the limit `memory_pages`"),
        };
        Ok(Self(Arc::new(Inner {
            program,
            fuel_owner,
            code,
            newly_compiled,
            main: linked.layout.module(linked.main),
            memories: linked.plan.memories.len() as u32,
            command: entries.iter().position(|entry| &*entry.name == COMMAND),
            entries,
            contents,
            guests,
            postmortem,
            bound: linked.bound,
            init: linked.init,
            config: Arc::new(manifest.config.clone()),
            limits: InstanceLimits::default()
                .with_memory_pages(memory_pages)
                .with_heap_pages(options.limits.heap_pages)
                .with_table_elements(options.limits.table_elements),
            pages_by,
            timeout: manifest.timeout_ms.map(Duration::from_millis),
            fuel: options.fuel,
            interrupted: options.interrupted,
            flagged: counting.looks_at_a_flag(),
            var_bytes: manifest.memory.max_var_bytes.unwrap_or(DEFAULT_LIMIT),
            http: Arc::new(http),
            #[cfg(feature = "wasi")]
            wasi: options
                .wasi
                .as_ref()
                .map(|wasi| crate::host::wasi::Settings::new(manifest, wasi)),
        })))
    }

    /// The name of the engine.
    pub fn engine(&self) -> &'static str {
        self.0.code.engine.name()
    }

    /// Whether both are the same object.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The number of modules, including the host's own, that had to be compiled: 0 if all code was in use already,
    /// or in the compile cache.
    pub fn newly_compiled(&self) -> usize {
        self.0.newly_compiled
    }

    /// The positions in [`Options::functions`] of the imported functions, in order.
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
            None => Err(near::unknown_function(name, self.entry_points())),
        }
    }

    /// Checks whether there is an export of this name that can be called.
    ///
    /// # Errors
    /// `UnknownFunction` if there is none, or if it has parameters or several results.
    pub fn check_function(&self, name: &str) -> Result<()> {
        self.entry(name).map(drop)
    }

    /// Whether there is an export of that name that can be called.
    pub(crate) fn has_entry(&self, name: &str) -> bool {
        self.entry_points().any(|entry| entry == name)
    }

    /// The functions that can be called.
    fn entry_points(&self) -> impl Iterator<Item = &str> + Clone {
        let entries = self.0.entries.iter();
        let entries = entries.filter(|entry| entry.refusal.is_none());
        entries.map(|entry| &*entry.name)
    }

    /// The imports, exports and memories of the modules.
    pub fn contents(&self) -> &Arc<Contents> {
        &self.0.contents
    }

    /// The most pages of 64 KiB of all memories of an instance together.
    pub fn memory_pages(&self) -> Option<u64> {
        self.0.limits.memory_pages
    }

    /// The name of the entry at a position that [`Compiled::entry`] returned.
    pub(crate) fn entry_name(&self, position: usize) -> &str {
        &self.0.entries[position].name
    }

    /// The number of exports of the main module.
    pub(crate) fn entry_count(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether each call of the entry needs an instance of its own.
    pub(crate) fn is_command(&self, position: usize) -> bool {
        self.0.command == Some(position)
    }

    /// The same error with the names of the functions that were running.
    #[cold]
    pub(crate) fn explain(&self, error: Error) -> Error {
        error.with_frames(|position| self.0.guests.frame(position))
    }

    /// The steps at the end of each call, apart from fuel.
    pub(crate) fn call_hooks(&self) -> Option<CallHooks> {
        let on_failure = self.0.postmortem.clone()?;
        Some(CallHooks {
            on_failure: Some(on_failure),
            ..CallHooks::default()
        })
    }

    pub(crate) fn main(&self) -> ModuleId {
        self.0.main
    }

    /// The memories that the host can see.
    pub(crate) fn memories(&self) -> impl Iterator<Item = MemoryId> + use<> {
        (0..self.0.memories).map(MemoryId)
    }

    /// The functions that must be called once, in order, before any call of an instance.
    pub(crate) fn init_before(&self) -> &[(ModuleId, Box<str>)] {
        &self.0.init.before
    }

    /// The functions that must be called after that, unless the call runs a command.
    pub(crate) fn init_own(&self) -> &[(ModuleId, Box<str>)] {
        &self.0.init.own
    }

    /// The time limit of a call in the manifest, if any.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.0.timeout
    }

    /// How much work a call may do, if guests count it.
    pub(crate) fn fuel(&self) -> Option<u64> {
        self.0.fuel
    }

    /// The module that has the fuel, if guests count it.
    pub(crate) fn fuel_owner(&self) -> Option<ModuleId> {
        self.0.fuel_owner
    }

    /// What happens to an instance whose guest was stopped.
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

    /// Retires the engine after a panic: nothing that is made from now on shares anything with it.
    #[cold]
    pub(crate) fn retire_engine(&self) {
        self.0.code.retire();
    }

    /// Makes a fresh host state.
    pub(crate) fn host(&self) -> Host {
        let engine = Arc::downgrade(&self.0.code.engine);
        let alarm = Alarm::new(Some(engine));
        let vars = Vars::with_limit(self.0.var_bytes);
        let http = Http::new(self.0.http.clone());
        Host::new(Arc::new(alarm), self.0.config.clone(), vars, http)
    }

    /// Makes an instance that owns `host`, with a fresh WASI session.
    pub(crate) fn instantiate(&self, host: Host) -> Result<Instantiated> {
        #[cfg(feature = "wasi")]
        let host = match &self.0.wasi {
            Some(settings) => host.with_wasi(crate::host::wasi::Session::new(settings)?),
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

/// The flag that guests read.
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

/// The names of the functions of guests, for backtraces.
fn guests(units: &Units<'_>, layout: &Layout, pipelines: &[Pipeline<'_>]) -> Arc<Guests> {
    let modules = layout.units().zip(pipelines).map(|(unit, pipeline)| {
        let Unit { name, module } = &units[unit?];
        Some((name.clone(), &*module.raw, pipeline.moved()))
    });
    Arc::new(Guests::new(modules))
}

/// Callable functions have no parameters and at most one result.
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
