//! The narrow waist: what an engine must be able to do, and nothing about how.
//!
//! A backend implements [`Engine`] and [`Instance`] (and [`Guest`] twice) with static types;
//! [`erased`] turns that into the trait objects that the rest of core uses. The waist speaks of
//! modules, memories, entries and slots. It knows nothing of Extism, of WASI or of manifests.
//!
//! Invariants: no guest code runs before [`Instance::enter`] (core has removed start sections);
//! every link error was found before [`Engine::prepare`]; an engine does what was asked or returns
//! `Unsupported`.

pub(crate) mod erased;
mod fuel;
pub mod inspect;
pub(crate) mod pages;
pub(crate) mod program;
pub(crate) mod select;
mod shapes;

use std::hash::Hasher;

use self::{
    inspect::Inspect,
    program::{Linked, Program},
};
use crate::{
    base::{
        capabilities::{Capabilities, InstanceLimits},
        error::{Error, Result},
        ids::{EntryId, MemoryId, ModuleId},
    },
    cache::Artifact,
    deadline::flag::Word,
    host::Host,
    kernel::guest::Guest,
};

/// A WebAssembly engine, opened with [`Settings`](crate::base::capabilities::Settings).
///
/// Core opens one for each compiled plug-in; a backend may share what is safe to share.
pub trait Engine: Send + Sync + 'static {
    /// Compiled code.
    type Module: Clone + Send + Sync + 'static;
    /// A program that is ready to be instantiated any number of times.
    type Prepared: Send + Sync + 'static;
    /// A live program.
    type Instance: Instance;

    /// The name for messages: the backend, and the compiler where it is not the backend's default.
    fn name(&self) -> &'static str;

    /// What this engine can do, with the settings it was opened with.
    fn capabilities(&self) -> Capabilities;

    /// Compiles a module that core has read and validated.
    ///
    /// # Errors
    /// `Unsupported` if the engine refuses it all the same, `Engine` if the engine fails.
    fn compile(&self, wasm: &[u8]) -> Result<Self::Module>;

    /// Tells `state` everything, beside name, version, sources and settings, that decides whether code which
    /// another process has compiled is what would be compiled here: how the engine is set up, the
    /// target, the features of the processor. For an engine with the capability `artifacts`.
    fn fingerprint(&self, state: &mut dyn Hasher) {
        let _ = state;
    }

    /// A compiled module as bytes, for [`Engine::load`] of another process.
    ///
    /// # Errors
    /// `Unsupported` without the capability `artifacts`, `Engine` if the engine fails.
    fn save(&self, module: &Self::Module) -> Result<Vec<u8>> {
        let _ = module;
        Err(Error::unsupported(self.name(), "saving compiled code"))
    }

    /// The module that was saved, by an engine with the same fingerprint, name, version, sources and settings.
    ///
    /// # Errors
    /// `Unsupported` without the capability `artifacts`, `Engine` if the engine does not take it. Then
    /// core opens the engine anew and compiles.
    fn load(&self, artifact: Artifact) -> Result<Self::Module> {
        let _ = artifact;
        Err(Error::unsupported(self.name(), "loading compiled code"))
    }

    /// Does what can be done once for all instances of a program.
    ///
    /// # Errors
    /// `Engine` if the engine refuses what core has linked.
    fn prepare(&self, program: Program<Self::Module>) -> Result<Self::Prepared>;

    /// Makes an instance that owns `host`. Memories are initialised, no guest function has run.
    ///
    /// # Errors
    /// `Trap` if an active segment does not fit, `MemoryLimit` if the initial memories exceed
    /// `limits`, `Unsupported` if the engine cannot keep a limit, `Engine` if it fails otherwise.
    fn instantiate(
        &self,
        program: &Self::Prepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<Self::Instance>;

    /// Adds one more module to a live program, as the last of its modules: what a test of engines
    /// needs, and a host of plug-ins does not. Its imports may name any module that is there. What
    /// its active segments wrote before one of them did not fit stays written.
    ///
    /// # Errors
    /// `Unsupported` without the capability `inspect`, or if the instance has limits; `Trap` if an
    /// active segment does not fit; `Engine` if an import does not fit, or the engine fails.
    fn extend(
        &self,
        instance: &mut Self::Instance,
        module: Linked<Self::Module>,
    ) -> Result<ModuleId> {
        let _ = (instance, module);
        Err(Error::unsupported(
            self.name(),
            "live programs that can be extended",
        ))
    }

    /// Makes every running guest of this engine call [`Host::check_interrupt`] soon, on its own thread: at the
    /// next loop head or function entry. If that fails the guest stops with a trap. Costs a few
    /// nanoseconds and may be called at any time from any thread; guests that have nothing to attend
    /// to go on. It may come too early for a guest: who needs it repeats it.
    ///
    /// Does nothing without the capability `interrupt`, or if the engine was not opened for it.
    fn request_check(&self) {}

    /// Takes note that the engine has panicked, in any of its steps: what is opened from now on must
    /// not share anything with it. Does nothing where engines share nothing.
    fn retire(&self) {}
}

/// A live program: instances of its modules, and the host state that it owns.
pub trait Instance: Guest + Send + 'static {
    /// Resolves an exported function. The id stays valid as long as the instance, and core keeps it:
    /// it asks for each function once.
    /// `None` if there is no such function, or if a parameter or result is not a number.
    fn entry(&mut self, module: ModuleId, export: &str) -> Option<EntryId>;

    /// Runs the function: parameters are zeros; the status is its result if that is one `i32`,
    /// else 0. Does not allocate for functions without parameters and with at most one result, unless
    /// they fail.
    ///
    /// # Errors
    /// `Trap`. When a host function failed, any error: core replaces it by the
    /// failure that waits in the host state.
    fn enter(&mut self, entry: EntryId) -> Result<i32>;

    /// The word at `address` of a memory, which guests look at and the host sets from any thread. Neither
    /// it nor the memory moves as long as the instance lives.
    ///
    /// `None` without the capability `flag`, or if it is not inside of the memory.
    fn word(&mut self, memory: MemoryId, address: u64) -> Option<Word> {
        let _ = (memory, address);
        None
    }

    /// How many bytes the heap of objects that the engine collects takes, if it has one.
    fn heap_bytes(&self) -> u64 {
        0
    }

    /// A look into the program. `None` without the capability `inspect`.
    fn inspect(&mut self) -> Option<&mut dyn Inspect> {
        None
    }
}
