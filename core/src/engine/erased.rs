//! The engine traits as trait objects.
//!
//! No other code is generic over engines. [`DynInstance::exchange`] is one whole plug-in call. It is a blanket
//! implementation, so its body is compiled once for each backend, with static calls inside. Invariants: a panic of
//! an engine becomes an error here; steps in which engines hold locks run in a [`section`], so that no fork comes
//! in between.

use std::{any::Any, hash::Hasher, sync::Arc};

use super::{
    Engine, Instance, fuel,
    program::{Linked, Program},
};
use crate::{
    base::{
        capabilities::{Capabilities, InstanceLimits, Settings},
        error::{Error, ErrorKind, Result},
        ids::{EntryId, ModuleId},
        panic::catch,
    },
    cache::Artifact,
    deadline::{alarm::RequestCheck, compiling::CompileWait},
    host::Host,
    kernel::{self, guest::Guest},
    process::{
        exhausted,
        forks::{Gated, section},
        threads,
    },
};

/// A compiled module of some engine.
pub type AnyModule = Arc<dyn Any + Send + Sync>;

/// A prepared program of some engine.
pub type AnyPrepared = Arc<dyn Any + Send + Sync>;

/// [`Engine`] without its types.
pub trait DynEngine: RequestCheck {
    /// See [`Engine::name`].
    fn name(&self) -> &'static str;
    /// See [`Engine::capabilities`].
    fn capabilities(&self) -> Capabilities;
    /// See [`Engine::compile`]. It runs on another thread, and goes on there if the wait ends first.
    ///
    /// # Errors
    /// Those of [`Engine::compile`]; the reason why the wait ends.
    fn compile_while(self: Arc<Self>, wasm: Vec<u8>, wait: &CompileWait<'_>) -> Result<AnyModule>;
    /// See [`Engine::fingerprint`].
    fn fingerprint(&self, state: &mut dyn Hasher);
    /// See [`Engine::save`].
    ///
    /// # Errors
    /// Those of [`Engine::save`]; `Argument` if the module belongs to another engine.
    fn save(&self, module: &AnyModule) -> Result<Vec<u8>>;
    /// See [`Engine::load`].
    ///
    /// # Errors
    /// Those of [`Engine::load`].
    fn load(&self, artifact: Artifact) -> Result<AnyModule>;
    /// See [`Engine::prepare`].
    ///
    /// # Errors
    /// Those of [`Engine::prepare`]; `Argument` if a module belongs to another engine.
    fn prepare(&self, program: Program<AnyModule>) -> Result<AnyPrepared>;
    /// See [`Engine::instantiate`].
    ///
    /// # Errors
    /// Those of [`Engine::instantiate`]; `Argument` if the program belongs to another engine.
    fn instantiate(
        &self,
        program: &AnyPrepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<Box<dyn DynInstance>>;
    /// See [`Engine::extend`].
    ///
    /// # Errors
    /// Those of [`Engine::extend`]; `Argument` if the instance or the module belongs to another engine.
    fn extend(&self, instance: &mut dyn DynInstance, module: Linked<AnyModule>)
    -> Result<ModuleId>;
    /// See [`Engine::retire`].
    fn retire(&self);
}

impl dyn DynEngine {
    /// See [`Engine::compile`].
    ///
    /// # Errors
    /// Those of [`Engine::compile`].
    pub fn compile(self: &Arc<Self>, wasm: &[u8]) -> Result<AnyModule> {
        Arc::clone(self).compile_while(wasm.to_vec(), &CompileWait::default())
    }
}

impl<E: Engine> DynEngine for E {
    fn name(&self) -> &'static str {
        Engine::name(self)
    }

    fn capabilities(&self) -> Capabilities {
        Engine::capabilities(self)
    }

    fn compile_while(self: Arc<Self>, wasm: Vec<u8>, wait: &CompileWait<'_>) -> Result<AnyModule> {
        let compile = move || {
            let compile = || Engine::compile(&*self, &wasm);
            let module = self.step("compiling a module", compile)?;
            Ok(Arc::new(Gated::new(module)))
        };
        let module = threads::run(compile, &|| wait.check_interrupt());
        Ok(module.map_err(exhausted::explain)?)
    }

    fn fingerprint(&self, state: &mut dyn Hasher) {
        Engine::fingerprint(self, state);
    }

    fn save(&self, module: &AnyModule) -> Result<Vec<u8>> {
        match module.downcast_ref::<Gated<E::Module>>() {
            Some(module) => section(|| catch("saving a module", || Engine::save(self, module))),
            None => Err(foreign(Engine::name(self), "module")),
        }
    }

    fn load(&self, artifact: Artifact) -> Result<AnyModule> {
        let load = || Engine::load(self, artifact);
        let module = section(|| catch("loading a module", load)).map_err(exhausted::explain)?;
        Ok(Arc::new(Gated::new(module)))
    }

    fn prepare(&self, program: Program<AnyModule>) -> Result<AnyPrepared> {
        let modules = program.modules.into_iter();
        let modules = modules.map(|linked| own(self, linked));
        let modules = modules.collect::<Result<_>>()?;
        let memories = program.memories;
        let program = Program { modules, memories };
        let prepare = || Engine::prepare(self, program);
        let prepared = section(|| self.step("preparing a program", prepare))?;
        Ok(Arc::new(Gated::new(prepared)))
    }

    fn instantiate(
        &self,
        program: &AnyPrepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<Box<dyn DynInstance>> {
        match program.downcast_ref::<Gated<E::Prepared>>() {
            Some(program) => {
                let instantiate = || Engine::instantiate(self, program, host, limits);
                let instance = section(|| self.step("instantiating a program", instantiate));
                Ok(Box::new(instance.map_err(exhausted::explain)?))
            }
            None => Err(foreign(Engine::name(self), "program")),
        }
    }

    fn extend(
        &self,
        instance: &mut dyn DynInstance,
        module: Linked<AnyModule>,
    ) -> Result<ModuleId> {
        let module = own(self, module)?;
        let instance: &mut dyn Any = instance;
        match instance.downcast_mut::<E::Instance>() {
            Some(instance) => {
                let extend = || Engine::extend(self, instance, module);
                section(|| self.step("extending a program", extend))
            }
            None => Err(foreign(Engine::name(self), "program")),
        }
    }

    fn retire(&self) {
        section(|| Engine::retire(self));
    }
}

impl<E: Engine> RequestCheck for E {
    fn request_check(&self) {
        // There is no caller to report to; the watchdog repeats the request.
        let requested = self.step("requesting a check", || {
            Engine::request_check(self);
            Ok(())
        });
        drop(requested);
    }
}

/// Runs a step of an engine. If it panics, the engine is retired.
trait Step {
    fn step<T>(&self, doing: &str, step: impl FnOnce() -> Result<T>) -> Result<T>;
}

impl<E: Engine> Step for E {
    fn step<T>(&self, doing: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        catch(doing, step).inspect_err(|error| {
            if error.kind() == ErrorKind::EnginePanic {
                Engine::retire(self);
            }
        })
    }
}

/// The module in the type of the engine.
fn own<E: Engine>(engine: &E, linked: Linked<AnyModule>) -> Result<Linked<E::Module>> {
    match linked.module.downcast_ref::<Gated<E::Module>>() {
        Some(module) => Ok(Linked {
            module: E::Module::clone(module),
            imports: linked.imports,
        }),
        None => Err(foreign(Engine::name(engine), "module")),
    }
}

#[cold]
fn foreign(engine: &str, what: &str) -> Error {
    let message = format!("engine `{engine}` was given a {what} of another engine");
    Error::new(ErrorKind::Argument, message)
}

/// The steps at the end of each call that some plug-ins need.
#[derive(Clone, Default)]
pub struct CallHooks {
    /// The guest function that asks for fuel if the guests have used more than they had.
    pub(crate) paid: Option<EntryId>,
    /// Called after a failed call.
    pub(crate) on_failure: Option<Arc<dyn OnFailure>>,
}

/// A function for failed calls. It gets the guest in the state of the failure.
pub(crate) trait OnFailure: Send + Sync {
    fn failed(&self, guest: &mut dyn Guest, error: &Error);
}

impl CallHooks {
    /// As [`kernel::finish`]. Separate, so that the call path of most plug-ins stays short.
    #[inline(never)]
    fn finish<I: Instance>(&self, instance: &mut I, status: Result<i32>) -> Result<()> {
        let status = match self.paid {
            None => status,
            Some(paid) => fuel::judge(instance, paid, status),
        };
        kernel::finish(instance, status).inspect_err(|error| {
            if let Some(on_failure) = &self.on_failure {
                on_failure.failed(instance, error);
            }
        })
    }
}

/// [`Instance`] with the operations of core, none of which panics.
pub trait DynInstance: Instance + Any {
    /// One plug-in call: writes `input`, enters `entry`, lends the output. Some plug-ins have `hooks`, which run at
    /// the end.
    ///
    /// # Errors
    /// What the guest or a host function ended with; `MemoryLimit` if the input does not fit;
    /// `OutOfFuel`; `EnginePanic`.
    fn exchange(
        &mut self,
        entry: EntryId,
        input: &[u8],
        hooks: Option<&CallHooks>,
    ) -> Result<&[u8]>;

    /// As [`Instance::entry`].
    ///
    /// # Errors
    /// `EnginePanic`.
    fn find(&mut self, module: ModuleId, export: &str) -> Result<Option<EntryId>>;

    /// As [`Instance::enter`], for a call by core itself, which no deadline ends.
    ///
    /// # Errors
    /// Those of [`Instance::enter`]; `EnginePanic`.
    fn run(&mut self, entry: EntryId) -> Result<i32>;
}

impl<I: Instance> DynInstance for I {
    // One body for both kinds of guests: with two bodies, their content is not inlined.
    #[inline]
    fn exchange(
        &mut self,
        entry: EntryId,
        input: &[u8],
        hooks: Option<&CallHooks>,
    ) -> Result<&[u8]> {
        catch("running a guest", || {
            kernel::begin(self, input)?;
            let status = self.enter(entry);
            let ended = match hooks {
                None => kernel::finish(self, status),
                Some(hooks) => hooks.finish(self, status),
            };
            ended?;
            Ok(kernel::output(self))
        })
    }

    fn find(&mut self, module: ModuleId, export: &str) -> Result<Option<EntryId>> {
        section(|| catch("looking an export up", || Ok(self.entry(module, export))))
    }

    fn run(&mut self, entry: EntryId) -> Result<i32> {
        catch("running a guest", || internal_call(self, entry))
    }
}

/// As [`DynInstance::run`], within another operation.
#[inline]
pub(crate) fn internal_call<I: Instance>(instance: &mut I, entry: EntryId) -> Result<i32> {
    instance.host().internal_call = true;
    let outcome = instance.enter(entry);
    instance.host().internal_call = false;
    outcome
}

/// The entry of a backend in the list of engines. Each backend crate exports one.
#[derive(Clone, Copy)]
pub struct Backend {
    /// The name by which users choose it.
    pub name: &'static str,
    /// The version of the built-in engine, as the engine reports it.
    pub version: &'static str,
    /// A hash of the sources of the backend, made by the build script that it shares with core. Together with the
    /// version it is part of the cache key.
    pub sources: &'static str,
    /// The compilers, the default first. Never empty.
    pub compilers: &'static [Compiler],
    /// The compilers that need a cargo feature and were not built in.
    pub left_out: &'static [LeftOut],
    /// Opens the engine.
    pub open: fn(&Settings) -> Result<Arc<dyn DynEngine>>,
}

/// A compiler that a backend was built without.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut {
    /// The name by which users choose it.
    pub compiler: &'static str,
    /// The cargo feature that builds it in, in the backend and in all packages above.
    pub feature: &'static str,
}

/// A compiler of a backend.
#[derive(Clone, Copy, Debug)]
pub struct Compiler {
    /// The name by which users choose it, after a colon.
    pub name: &'static str,
    /// What the engine can do with it.
    pub capabilities: Capabilities,
}
