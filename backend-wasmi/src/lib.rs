//! The wasmi backend: the engine traits of core on wasmi, an interpreter.
//!
//! It has one compiler, which makes wasmi's own code. This crate does not know the purpose or the authors of
//! programs, nor what their host functions do. Of core it may import only `polyextism_core::backend`.
//!
//! Invariants: every opening makes a wasmi engine of its own; every WebAssembly feature and every setting that
//! affects results is explicit; wasmi is built to be deterministic, whatever [`Settings::determinism`] asks for.

#![deny(unsafe_code)]

mod calls;
mod conv;
mod fuel;
mod host;
mod inspect;
mod instance;
mod limits;
mod mended;

use std::sync::Arc;

use polyextism_core::backend::{
    Backend, Capabilities, Compiler, DynEngine, Engine, Error, Host, InstanceLimits, Interruption,
    Linked, ModuleId, Program, Proposal, Result, Settings,
};
use wasmi::{CompilationMode, Config};

pub use crate::instance::{Instance, Prepared};

/// The wasmi backend, for the list of engines.
pub const BACKEND: Backend = Backend {
    name: "wasmi",
    version: "2.0.0",
    sources: env!("POLYEXTISM_SOURCES"),
    compilers: &[Compiler {
        name: "interpreter",
        capabilities: POWERS,
    }],
    left_out: &[],
    open,
};

const POWERS: Capabilities = Capabilities::NONE
    .inspect(true)
    .interrupt(true)
    .memory_limit(true)
    .proposals(&[
        Proposal::Simd,
        Proposal::TailCall,
        Proposal::RelaxedSimd,
        Proposal::Memory64,
        Proposal::WideArithmetic,
        Proposal::CustomPageSizes,
    ]);

/// wasmi, opened with some settings.
pub struct Wasmi {
    engine: wasmi::Engine,
    interruption: Interruption,
}

fn open(settings: &Settings) -> Result<Arc<dyn DynEngine>> {
    Ok(Arc::new(Wasmi::open(settings)?))
}

impl Wasmi {
    /// Opens wasmi: a new engine that shares nothing with any other.
    ///
    /// # Errors
    /// `Unsupported` for profilers, and for a compiler that this backend does not have.
    pub fn open(settings: &Settings) -> Result<Self> {
        if settings.compiler != BACKEND.compilers[0].name {
            let what = format!("compiler `{}`", settings.compiler);
            return Err(Error::unsupported(BACKEND.name, what));
        }
        if let Some(profiler) = settings.profiler {
            return Err(profiler.unsupported(BACKEND.name));
        }
        Ok(Self {
            engine: wasmi::Engine::new(&config(settings)),
            interruption: settings.interruption,
        })
    }
}

fn config(settings: &Settings) -> Config {
    let has = |proposal| settings.proposals.contains(proposal);
    let mut config = Config::default();
    config
        // wasmi refuses modules when it compiles them, not when a function is called.
        .compilation_mode(CompilationMode::Eager)
        .consume_fuel(false)
        .ignore_custom_sections(true)
        .set_max_recursion_depth(limits::RECURSION)
        .set_max_stack_height(limits::STACK)
        .allow_start_fn(false)
        .floats(true)
        .wasm_mutable_global(true)
        .wasm_sign_extension(true)
        .wasm_saturating_float_to_int(true)
        .wasm_multi_value(true)
        .wasm_multi_memory(true)
        .wasm_bulk_memory(true)
        .wasm_reference_types(true)
        .wasm_extended_const(true)
        .wasm_custom_page_sizes(has(Proposal::CustomPageSizes))
        .wasm_simd(has(Proposal::Simd) || has(Proposal::RelaxedSimd))
        .wasm_tail_call(has(Proposal::TailCall))
        .wasm_relaxed_simd(has(Proposal::RelaxedSimd))
        .wasm_memory64(has(Proposal::Memory64))
        .wasm_wide_arithmetic(has(Proposal::WideArithmetic));
    if settings.interruption == Interruption::On {
        fuel::count(&mut config);
    }
    config
}

impl Engine for Wasmi {
    type Module = wasmi::Module;
    type Prepared = Prepared;
    type Instance = Instance;

    fn name(&self) -> &'static str {
        BACKEND.name
    }

    fn capabilities(&self) -> Capabilities {
        POWERS.interrupt(self.interruption == Interruption::On)
    }

    fn compile(&self, wasm: &[u8]) -> Result<wasmi::Module> {
        let module =
            limits::on_enough_stack(|| wasmi::Module::new(&self.engine, mended::mended(wasm)));
        module.map_err(conv::rejection)
    }

    fn prepare(&self, program: Program<wasmi::Module>) -> Result<Prepared> {
        Ok(Prepared::new(program))
    }

    fn instantiate(
        &self,
        program: &Prepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<Instance> {
        limits::on_enough_stack(|| Instance::new(&self.engine, program, host, limits))
    }

    fn extend(&self, instance: &mut Instance, module: Linked<wasmi::Module>) -> Result<ModuleId> {
        instance.extend(module)
    }
}

#[cfg(test)]
mod tests {
    use super::BACKEND;

    #[test]
    fn the_version_is_the_locked_one() {
        let lock = include_str!("../../Cargo.lock");
        let entry = format!("name = \"wasmi\"\nversion = \"{}\"\n", BACKEND.version);
        assert!(lock.contains(&entry), "Cargo.lock has another wasmi");
    }
}
