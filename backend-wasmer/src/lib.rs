//! The wasmer backend: the engine traits of core on wasmer.
//!
//! Compilers: `cranelift` (the default), and `singlepass` with the cargo feature `wasmer-singlepass`. This crate
//! does not know the purpose or the authors of programs, nor what their host functions do. Of core it may import
//! only `polyextism_core::backend`.
//!
//! Invariants: every opening makes a wasmer engine of its own, because a crafted module can panic wasmer's registry
//! of signatures and leave it poisoned; every WebAssembly feature and every setting that affects results is
//! explicit.

#![deny(unsafe_code)]

mod artifact;
mod conv;
mod exceptions;
mod flag;
mod host;
mod inspect;
mod instance;
mod limits;
#[cfg_attr(not(target_os = "linux"), path = "memories/elsewhere.rs")]
mod memories;
#[cfg(feature = "wasmer-singlepass")]
mod singlepass;

use std::{hash::Hasher, sync::Arc};

use polyextism_core::backend::{
    Artifact, Backend, Capabilities, Compiler, Determinism, DynEngine, Engine, Error, Host,
    InstanceLimits, Interruption, Linked, ModuleId, Profiler, Program, Proposal, Proposals, Result,
    Room, Settings, address_space,
};
use uuid::Uuid;
use wasm_encoder::{NameMap, NameSection, Section as _};
use wasmer::sys::{
    BaseTunables, CompilerConfig, Cranelift, EngineBuilder, Features,
    wasmparser::{KnownCustom, Name, Parser, Payload},
};

pub use crate::instance::{Instance, Prepared};

/// The wasmer backend, for the list of engines.
pub const BACKEND: Backend = Backend {
    name: "wasmer",
    version: wasmer::sys::vm::VERSION,
    sources: env!("POLYEXTISM_SOURCES"),
    compilers: &[
        Compiler {
            name: "cranelift",
            // The features of `Cranelift::supported_features_for_target`, and of its translator.
            capabilities: POWERS
                .proposals(&[
                    Proposal::Simd,
                    Proposal::RelaxedSimd,
                    Proposal::Exceptions,
                    Proposal::WideArithmetic,
                ])
                .profilers(PROFILERS),
        },
        #[cfg(feature = "wasmer-singlepass")]
        Compiler {
            name: singlepass::COMPILER,
            capabilities: POWERS,
        },
    ],
    left_out: &[
        #[cfg(not(feature = "wasmer-singlepass"))]
        polyextism_core::backend::LeftOut {
            compiler: "singlepass",
            feature: "wasmer-singlepass",
        },
    ],
    open,
};

const POWERS: Capabilities = Capabilities::NONE
    .backtrace(true)
    .inspect(true)
    .flag(true)
    .memory_limit(true)
    .artifacts(true);

/// The profilers of its Cranelift. Singlepass has none.
const PROFILERS: &[Profiler] = match cfg!(unix) {
    true => &[Profiler::Perf],
    false => &[],
};

/// wasmer, opened with some settings.
pub struct Wasmer {
    engine: wasmer::Engine,
    name: &'static str,
    capabilities: Capabilities,
    /// The settings with which it was opened.
    proposals: Proposals,
    profiler: Option<Profiler>,
    /// Whether memories are reserved, or move when they grow.
    #[cfg(feature = "wasmer-singlepass")]
    room: Room,
}

fn open(settings: &Settings) -> Result<Arc<dyn DynEngine>> {
    Ok(Arc::new(Wasmer::open(settings)?))
}

impl Wasmer {
    /// Opens wasmer: a new engine that shares nothing with any other.
    ///
    /// # Errors
    /// `Unsupported` for interruption, and for a profiler or a compiler that this backend does not have.
    pub fn open(settings: &Settings) -> Result<Self> {
        let (name, compiler): (_, Box<dyn CompilerConfig>) = match settings.compiler {
            "cranelift" => ("wasmer", cranelift(settings)),
            #[cfg(feature = "wasmer-singlepass")]
            singlepass::COMPILER => (singlepass::NAME, singlepass::config(settings.determinism)),
            other => {
                let what = format!("compiler `{other}`");
                return Err(Error::unsupported(BACKEND.name, what));
            }
        };
        if settings.interruption == Interruption::On {
            return Err(Error::unsupported(name, "interruption"));
        }
        let mut compilers = BACKEND.compilers.iter();
        let declared = compilers.find(|compiler| compiler.name == settings.compiler);
        let capabilities = declared.map_or(POWERS, |compiler| compiler.capabilities);
        match settings.profiler {
            Some(profiler) if !capabilities.profilers.contains(&profiler) => {
                return Err(profiler.unsupported(name));
            }
            _ => {}
        }
        let declared = Proposals::of(capabilities.proposals);
        let proposals = settings.proposals.intersection(declared);
        let features = Some(features(proposals));
        let mut engine = EngineBuilder::new(compiler).set_features(features).engine();
        let mut tunables = BaseTunables::for_target(engine.target());
        if settings.compiler == "cranelift" {
            let guard = &mut tunables.static_memory_offset_guard_size;
            *guard = limits::GUARD.min(*guard);
        }
        let room = address_space::room();
        engine.set_tunables(memories::supplied(tunables, room));
        Ok(Self {
            engine: engine.into(),
            name,
            capabilities: capabilities.flag(room == Room::Ample),
            proposals,
            profiler: settings.profiler,
            #[cfg(feature = "wasmer-singlepass")]
            room,
        })
    }
}

fn cranelift(settings: &Settings) -> Box<dyn CompilerConfig> {
    let mut config = Cranelift::new();
    config.canonicalize_nans(settings.determinism == Determinism::On);
    if settings.profiler.is_some() {
        config.enable_perfmap();
    }
    Box::new(config)
}

fn features(proposals: Proposals) -> Features {
    let has = |proposal| proposals.contains(proposal);
    let mut features = Features::none();
    features
        .bulk_memory(true)
        .reference_types(true)
        .multi_value(true)
        .multi_memory(true)
        .extended_const(true)
        // Only core writes atomic instructions; it refuses those of guests.
        .threads(true)
        .simd(has(Proposal::Simd) || has(Proposal::RelaxedSimd))
        .relaxed_simd(has(Proposal::RelaxedSimd))
        .exceptions(has(Proposal::Exceptions))
        .wide_arithmetic(has(Proposal::WideArithmetic));
    features
}

/// The module under a globally unique name. Frames of a trace identify their module only by name, and the name is
/// saved with the module. Names do not affect code. Of two name sections the last counts, so the names of
/// `functions` are repeated if a profiler needs them.
fn tagged(wasm: &[u8], functions: Option<&NameMap>) -> Vec<u8> {
    let mut names = NameSection::new();
    names.module(&Uuid::new_v4().to_string());
    if let Some(functions) = functions {
        names.functions(functions);
    }
    let mut tagged = wasm.to_vec();
    names.append_to(&mut tagged);
    tagged
}

/// The names of functions in the last name section of a module.
fn function_names(wasm: &[u8]) -> Option<NameMap> {
    let mut found = None;
    let payloads = Parser::new(0).parse_all(wasm);
    for payload in payloads.map_while(|payload| payload.ok()) {
        let Payload::CustomSection(section) = payload else {
            continue;
        };
        let KnownCustom::Name(parts) = section.as_known() else {
            continue;
        };
        for part in parts.into_iter().map_while(|part| part.ok()) {
            if let Name::Function(functions) = part {
                let mut names = NameMap::new();
                for naming in functions.into_iter().map_while(|naming| naming.ok()) {
                    names.append(naming.index, naming.name);
                }
                found = Some(names);
            }
        }
    }
    found
}

impl Engine for Wasmer {
    type Module = wasmer::Module;
    type Prepared = Prepared;
    type Instance = Instance;

    fn name(&self) -> &'static str {
        self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn compile(&self, wasm: &[u8]) -> Result<wasmer::Module> {
        #[cfg(feature = "wasmer-singlepass")]
        if self.name == singlepass::NAME {
            singlepass::check(wasm, self.room)?;
        }
        if self.proposals.contains(Proposal::Exceptions) {
            exceptions::check(self.name, wasm)?;
        }
        let names = self.profiler.and_then(|_| function_names(wasm));
        wasmer::Module::from_binary(&self.engine, &tagged(wasm, names.as_ref()))
            .map_err(|source| conv::rejection(self.name, source))
    }

    fn fingerprint(&self, state: &mut dyn Hasher) {
        artifact::fingerprint(&self.engine, state);
    }

    fn save(&self, module: &wasmer::Module) -> Result<Vec<u8>> {
        artifact::save(module)
    }

    fn load(&self, artifact: Artifact) -> Result<wasmer::Module> {
        artifact::load(&self.engine, artifact)
    }

    fn prepare(&self, program: Program<wasmer::Module>) -> Result<Prepared> {
        Prepared::new(program)
    }

    fn instantiate(
        &self,
        program: &Prepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<Instance> {
        Instance::new(self.name, &self.engine, program, host, limits)
    }

    fn extend(&self, instance: &mut Instance, module: Linked<wasmer::Module>) -> Result<ModuleId> {
        instance.extend(module)
    }
}

#[cfg(test)]
mod tests {
    use super::BACKEND;

    #[test]
    fn the_version_is_the_locked_one() {
        let lock = include_str!("../../Cargo.lock");
        let entry = format!("name = \"wasmer\"\nversion = \"{}\"\n", BACKEND.version);
        assert!(lock.contains(&entry), "Cargo.lock has another wasmer");
    }
}
