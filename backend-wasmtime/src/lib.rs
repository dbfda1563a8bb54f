//! The wasmtime backend: the engine traits of core on wasmtime.
//!
//! Compilers: `cranelift` (the default) and `winch`. This crate does not know the purpose or the authors of
//! programs, nor what their host functions do. Of core it may import only `polyextism_core::backend`.
//!
//! Invariants: one pair of engines for each [`Settings`] and each [`Room`] in the whole process, and only opening
//! takes its lock; every WebAssembly feature and every setting that affects results is explicit.

#![deny(unsafe_code)]

mod artifact;
mod conv;
mod engines;
mod flag;
mod heap;
mod host;
mod inspect;
mod instance;
mod limits;
mod movable;
mod program;

use std::{
    hash::{Hash, Hasher},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use polyextism_core::backend::{
    Artifact, Backend, Capabilities, Compiler, Determinism, DynEngine, Engine, Error, ErrorKind,
    FRAMES, Host, InstanceLimits, Interruption, Linked, ModuleId, PerProcess, Profiler, Program,
    Proposal, Proposals, Result, Room, Settings, address_space,
};
use wasmtime::{Collector, Config, ProfilingStrategy, Strategy, WasmBacktraceDetails};

use crate::{
    engines::{Collects, Engines},
    instance::Unmade,
    movable::Movable,
};

pub use crate::{instance::Instance, program::Prepared};

/// The wasmtime backend, for the list of engines.
pub const BACKEND: Backend = Backend {
    name: "wasmtime",
    version: wasmtime_environ::VERSION,
    sources: env!("POLYEXTISM_SOURCES"),
    compilers: &[
        Compiler {
            name: "cranelift",
            capabilities: POWERS.proposals(&[
                Proposal::Simd,
                Proposal::RelaxedSimd,
                Proposal::TailCall,
                Proposal::Memory64,
                Proposal::Exceptions,
                Proposal::FunctionReferences,
                Proposal::Gc,
                Proposal::WideArithmetic,
                Proposal::CustomPageSizes,
            ]),
        },
        // The processor decides whether Winch has all of SIMD. `Config::compiler_panicking_wasm_features` of
        // wasmtime lists what else is missing.
        Compiler {
            name: "winch",
            capabilities: POWERS.proposals(&[
                Proposal::Memory64,
                Proposal::WideArithmetic,
                Proposal::CustomPageSizes,
            ]),
        },
    ],
    left_out: &[],
    open,
};

const POWERS: Capabilities = Capabilities::NONE
    .backtrace(true)
    .inspect(true)
    .interrupt(true)
    .flag(true)
    .memory_limit(true)
    .artifacts(true)
    .mapping(true)
    .profilers(PROFILERS);

/// The profilers without further dependencies. A map for perf needs only the standard library; others need a C
/// library and a file format each.
const PROFILERS: &[Profiler] = match cfg!(unix) {
    true => &[Profiler::Perf],
    false => &[],
};

/// The engines of a process. Programs and threads can share one engine of wasmtime, but a fork may leave its locks
/// taken, so a child compiles with engines of its own.
static ENGINES: PerProcess<Mutex<Vec<Shared>>> = PerProcess::new();

/// Engines that are open.
struct Shared {
    key: EngineKey,
    engines: Arc<Engines>,
}

/// The properties that programs with the same engines share.
#[derive(Clone, Copy, PartialEq, Eq)]
struct EngineKey {
    settings: Settings,
    room: Room,
}

/// wasmtime, opened with some settings.
pub struct Wasmtime {
    engines: Arc<Engines>,
    settings: Settings,
    variant: Variant,
}

/// The properties of a compiler.
#[derive(Clone, Copy)]
struct Variant {
    name: &'static str,
    strategy: Strategy,
    capabilities: Capabilities,
}

impl Variant {
    fn of(compiler: &str) -> Option<Self> {
        let (name, strategy) = match compiler {
            "cranelift" => ("wasmtime", Strategy::Cranelift),
            "winch" => ("wasmtime:winch", Strategy::Winch),
            _ => return None,
        };
        let declared = BACKEND.compilers.iter().find(|c| c.name == compiler)?;
        Some(Self {
            name,
            strategy,
            capabilities: declared.capabilities,
        })
    }
}

fn open(settings: &Settings) -> Result<Arc<dyn DynEngine>> {
    Ok(Arc::new(Wasmtime::open(settings)?))
}

impl Wasmtime {
    /// Opens wasmtime; engines of equal settings share their code memory and types.
    ///
    /// # Errors
    /// `Unsupported` for a compiler that this backend does not have, `Engine` if wasmtime cannot
    /// run on this machine.
    pub fn open(settings: &Settings) -> Result<Self> {
        let mut settings = *settings;
        let Some(variant) = Variant::of(settings.compiler) else {
            let what = format!("compiler `{}`", settings.compiler);
            return Err(Error::unsupported(BACKEND.name, what));
        };
        let declared = Proposals::of(variant.capabilities.proposals);
        settings.proposals = settings.proposals.intersection(declared);
        let profiling = profiling(settings.profiler, variant)?;
        let room = address_space::room();
        let key = EngineKey { settings, room };
        let engines = match shared(key, None) {
            Some(engines) => engines,
            None => {
                let mut config = config(&settings, variant, room);
                config.profiler(profiling);
                let collects = collects(&settings);
                let made = Engines::open(config, room, collects).map_err(|source| {
                    let message = format!("engine `{}` cannot be opened", variant.name);
                    Error::new(ErrorKind::Engine, message).with_source(source)
                })?;
                let made = Arc::new(made);
                shared(key, Some(&made)).unwrap_or(made)
            }
        };
        Ok(Self {
            engines,
            settings,
            variant,
        })
    }
}

fn known() -> MutexGuard<'static, Vec<Shared>> {
    let engines = ENGINES.own().lock();
    engines.unwrap_or_else(PoisonError::into_inner)
}

/// The shared engines with these properties. If there are none yet, `made` become them. Engines are made outside of
/// the lock, so that it is never held for long.
fn shared(key: EngineKey, made: Option<&Arc<Engines>>) -> Option<Arc<Engines>> {
    let mut known = known();
    if let Some(shared) = known.iter().find(|shared| shared.key == key) {
        return Some(shared.engines.clone());
    }
    known.extend(made.map(|engines| Shared {
        key,
        engines: engines.clone(),
    }));
    None
}

fn profiling(profiler: Option<Profiler>, variant: Variant) -> Result<ProfilingStrategy> {
    match profiler {
        None => Ok(ProfilingStrategy::None),
        Some(Profiler::Perf) if PROFILERS.contains(&Profiler::Perf) => {
            Ok(ProfilingStrategy::PerfMap)
        }
        Some(other) => Err(other.unsupported(variant.name)),
    }
}

/// Whether guests have garbage-collected objects, so that instances have a heap. Exceptions are such objects.
fn collects(settings: &Settings) -> Collects {
    let heap = [Proposal::Gc, Proposal::Exceptions];
    match heap
        .iter()
        .any(|proposal| settings.proposals.contains(*proposal))
    {
        true => Collects::Objects,
        false => Collects::Nothing,
    }
}

fn config(settings: &Settings, variant: Variant, room: Room) -> Config {
    let has = |proposal| settings.proposals.contains(proposal);
    let deterministic = settings.determinism == Determinism::On;
    let mut config = Config::new();
    config
        .strategy(variant.strategy)
        // For Winch as well.
        .cranelift_nan_canonicalization(deterministic)
        .epoch_interruption(settings.interruption == Interruption::On)
        .consume_fuel(false)
        .max_wasm_stack(limits::STACK)
        .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES))
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_bulk_memory(true)
        .wasm_multi_memory(true)
        .wasm_multi_value(true)
        .wasm_reference_types(true)
        .wasm_extended_const(true)
        // wasmtime supports the one only together with the other.
        .wasm_simd(has(Proposal::Simd) || has(Proposal::RelaxedSimd))
        .wasm_tail_call(has(Proposal::TailCall))
        .wasm_relaxed_simd(has(Proposal::RelaxedSimd))
        .relaxed_simd_deterministic(deterministic)
        .wasm_memory64(has(Proposal::Memory64))
        .wasm_custom_page_sizes(has(Proposal::CustomPageSizes))
        .wasm_wide_arithmetic(has(Proposal::WideArithmetic))
        // Only core writes atomic instructions; it refuses those of guests.
        .wasm_threads(true)
        // Only core writes hints, where guests read a flag; it drops those of guests.
        .wasm_branch_hinting(
            variant.strategy == Strategy::Cranelift && settings.interruption != Interruption::On,
        )
        .wasm_exceptions(has(Proposal::Exceptions))
        .wasm_function_references(has(Proposal::FunctionReferences) || has(Proposal::Gc))
        .wasm_gc(has(Proposal::Gc))
        // This collector collects cycles; the other one does not.
        .collector(Collector::Copying)
        .wasm_stack_switching(false)
        .shared_memory(false);
    if room == Room::Scarce {
        config
            .memory_reservation(0)
            .memory_guard_size(0)
            .memory_init_cow(false)
            .with_host_memory(Arc::new(Movable));
    }
    config
}

impl Wasmtime {
    fn settled(&self, mut instance: Instance) -> Instance {
        instance.steady = self.engines.are_steady();
        instance
    }
}

impl Engine for Wasmtime {
    type Module = wasmtime::Module;
    type Prepared = Prepared;
    type Instance = Instance;

    fn name(&self) -> &'static str {
        self.variant.name
    }

    fn capabilities(&self) -> Capabilities {
        self.variant
            .capabilities
            .interrupt(self.settings.interruption == Interruption::On)
            .flag(self.engines.are_steady())
    }

    fn compile(&self, wasm: &[u8]) -> Result<wasmtime::Module> {
        let wasm = match collects(&self.settings) {
            Collects::Objects => heap::told_apart(wasm),
            Collects::Nothing => wasm.into(),
        };
        let compile = |engine: &_| wasmtime::Module::from_binary(engine, &wasm);
        self.engines.either(compile).map_err(|source| {
            let message = format!("engine `{}` cannot compile the module", self.variant.name);
            Error::new(ErrorKind::Unsupported, message).with_source(source)
        })
    }

    fn fingerprint(&self, mut state: &mut dyn Hasher) {
        self.engines.compatibility().hash(&mut state);
    }

    fn save(&self, module: &wasmtime::Module) -> Result<Vec<u8>> {
        artifact::save(module)
    }

    fn load(&self, artifact: Artifact) -> Result<wasmtime::Module> {
        artifact::load(&self.engines, artifact)
    }

    fn prepare(&self, program: Program<wasmtime::Module>) -> Result<Prepared> {
        Prepared::new(&self.engines, program)
    }

    fn instantiate(
        &self,
        program: &Prepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<Instance> {
        let (name, settings) = (self.variant.name, &self.settings);
        let mut host = host;
        if let Some((engine, form)) = self.engines.pooled().zip(program.pooled(limits)) {
            match Instance::new(name, engine, settings, form, host, limits) {
                Ok(instance) => return Ok(self.settled(instance)),
                Err(Unmade::Failed(error)) => return Err(error),
                Err(Unmade::Full(kept)) => host = *kept,
            }
        }
        let engine = self.engines.plain().map_err(conv::refusal)?;
        let form = program.plain(&self.engines)?;
        let instance = Instance::new(name, engine, settings, form, host, limits);
        let instance = instance.map_err(Unmade::without_pool)?;
        Ok(self.settled(instance))
    }

    fn extend(
        &self,
        instance: &mut Instance,
        module: Linked<wasmtime::Module>,
    ) -> Result<ModuleId> {
        instance.extend(module)
    }

    fn request_check(&self) {
        self.engines.request_check();
    }

    fn retire(&self) {
        known().retain(|shared| !Arc::ptr_eq(&shared.engines, &self.engines));
    }
}

#[cfg(test)]
mod tests {
    use super::BACKEND;

    #[test]
    fn the_version_is_the_locked_one() {
        let lock = include_str!("../../Cargo.lock");
        let entry = format!("name = \"wasmtime\"\nversion = \"{}\"\n", BACKEND.version);
        assert!(lock.contains(&entry), "Cargo.lock has another wasmtime");
    }
}
