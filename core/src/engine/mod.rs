//! The traits that an engine implements.
//!
//! A backend implements [`Engine`] and [`Instance`] (and [`Guest`] twice) with static types. [`erased`] makes the
//! trait objects that the rest of core uses. The traits know modules, memories, entries and slots, but nothing of
//! Extism, WASI or manifests. It may import the folders up to `kernel` in the list of `lib.rs`.
//!
//! Invariants: no guest code runs before [`Instance::enter`] (core has removed start sections); every link error is
//! found before [`Engine::prepare`]; an engine does what it is asked for or returns `Unsupported`.

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
/// Core opens one for each compiled plug-in. A backend may share between them what is safe to share.
pub trait Engine: Send + Sync + 'static {
    /// Compiled code.
    type Module: Clone + Send + Sync + 'static;
    /// A program that is ready to be instantiated any number of times.
    type Prepared: Send + Sync + 'static;
    /// A live program.
    type Instance: Instance;

    /// The name for messages: the backend, and the compiler unless it is the default.
    fn name(&self) -> &'static str;

    /// The capabilities of this engine with its settings.
    fn capabilities(&self) -> Capabilities;

    /// Compiles a module that core has read and validated.
    ///
    /// # Errors
    /// `Unsupported` if the engine refuses the module nevertheless, `Engine` if the engine fails.
    fn compile(&self, wasm: &[u8]) -> Result<Self::Module>;

    /// Writes to `state` everything that compiled code depends on beside name, version, sources and settings: the
    /// configuration of the engine, the target, the features of the processor. For engines with the capability
    /// `artifacts`.
    fn fingerprint(&self, state: &mut dyn Hasher) {
        let _ = state;
    }

    /// A compiled module as bytes, for [`Engine::load`] in another process.
    ///
    /// # Errors
    /// `Unsupported` without the capability `artifacts`, `Engine` if the engine fails.
    fn save(&self, module: &Self::Module) -> Result<Vec<u8>> {
        let _ = module;
        Err(Error::unsupported(self.name(), "saving compiled code"))
    }

    /// Loads a module that an engine with the same fingerprint, name, version, sources and settings has saved.
    ///
    /// # Errors
    /// `Unsupported` without the capability `artifacts`, `Engine` if the engine refuses it. Then core opens the
    /// engine again and compiles.
    fn load(&self, artifact: Artifact) -> Result<Self::Module> {
        let _ = artifact;
        Err(Error::unsupported(self.name(), "loading compiled code"))
    }

    /// Does the work that is needed once for all instances of a program.
    ///
    /// # Errors
    /// `Engine` if the engine refuses the linked modules.
    fn prepare(&self, program: Program<Self::Module>) -> Result<Self::Prepared>;

    /// Makes an instance that owns `host`. Memories are initialised; no guest function has run.
    ///
    /// # Errors
    /// `Trap` if an active segment does not fit, `MemoryLimit` if the initial memories exceed `limits`,
    /// `Unsupported` if the engine cannot enforce a limit, `Engine` if it fails otherwise.
    fn instantiate(
        &self,
        program: &Self::Prepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<Self::Instance>;

    /// Adds a module to a live program, as its last module. Only tests of engines need it. Imports may name any
    /// existing module. If an active segment does not fit, the writes of earlier segments stay.
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

    /// Makes every running guest of this engine call [`Host::check_interrupt`] soon, on its own thread: at the next
    /// loop head or function entry, or after a bounded number of them. If that fails the guest stops with a trap. Costs a few nanoseconds and may be
    /// called at any time from any thread; guests without a reason to stop go on. A request may come too early for
    /// a guest, so callers repeat it.
    ///
    /// Guests of an engine that counts loops and function entries check without a request, so it does nothing there.
    /// Core puts loops on long ways for it, and instances of `ref.null` into those before instructions that may take
    /// long; they should count as some hundred loops.
    ///
    /// Does nothing without the capability `interrupt`, or if the engine was not opened for it.
    fn request_check(&self) {}

    /// Marks the engine as poisoned after a panic. Engines that are opened later must not share anything with it.
    /// Does nothing if engines share nothing.
    fn retire(&self) {}
}

/// A live program: instances of its modules, and the host state that it owns.
pub trait Instance: Guest + Send + 'static {
    /// Resolves an exported function. The id is valid as long as the instance. Core resolves each function once.
    /// `None` if there is no such function, or if a parameter or result is not a number.
    fn entry(&mut self, module: ModuleId, export: &str) -> Option<EntryId>;

    /// Runs the function: parameters are zeros; the status is its result if that is one `i32`, else 0. Does not
    /// allocate for functions without parameters and with at most one result, unless the call fails.
    ///
    /// # Errors
    /// `Trap`. If a host function failed, any error: core replaces it with the one in the host state.
    fn enter(&mut self, entry: EntryId) -> Result<i32>;

    /// The word at `address` of a memory. Guests read it, and the host sets it from any thread. The memory does not
    /// move as long as the instance lives.
    ///
    /// `None` without the capability `flag`, or if the address is outside of the memory.
    fn word(&mut self, memory: MemoryId, address: u64) -> Option<Word> {
        let _ = (memory, address);
        None
    }

    /// The size of the heap of objects in bytes; 0 without one.
    fn heap_bytes(&self) -> u64 {
        0
    }

    /// Inspection of the program. `None` without the capability `inspect`.
    fn inspect(&mut self) -> Option<&mut dyn Inspect> {
        None
    }
}
