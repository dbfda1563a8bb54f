//! The plain values that cross the waist between core and the engines.

use std::{fmt, sync::Arc};

use super::guest::{Caller, Guest};
pub use super::proposals::{Proposal, Proposals};
use crate::error::{Error, ErrorKind, Result};

/// A module of a program, by its position in instantiation order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModuleId(pub u32);

/// A linear memory that the host may touch, by its position in [`Program::memories`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryId(pub u32);

/// An exported function of an instance, resolved once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(pub u32);

/// The types of values that cross between guest and host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumType {
    /// 32-bit integer; the low half of its slot.
    I32,
    /// 64-bit integer; its slot.
    I64,
    /// 32-bit float; its bits are the low half of its slot.
    F32,
    /// 64-bit float; its bits are its slot.
    F64,
}

impl NumType {
    /// The name of the type in the WebAssembly text format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

/// The type of a host function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    /// Parameter types, in order.
    pub params: Box<[NumType]>,
    /// Result types, in order.
    pub results: Box<[NumType]>,
}

impl Signature {
    /// A signature from slices.
    pub fn new(params: &[NumType], results: &[NumType]) -> Self {
        Self {
            params: params.into(),
            results: results.into(),
        }
    }

    /// How many slots a call needs: parameters and results share them.
    pub fn slots(&self) -> usize {
        self.params.len().max(self.results.len())
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(func")?;
        for (word, types) in [("param", &self.params), ("result", &self.results)] {
            if !types.is_empty() {
                write!(f, " ({word}")?;
                for ty in types {
                    write!(f, " {}", ty.name())?;
                }
                f.write_str(")")?;
            }
        }
        f.write_str(")")
    }
}

/// The body of a host function: parameters come in the first slots, results go out in the same.
pub type HostBody = dyn Fn(Caller<'_>, &mut [u64]) -> Result<()> + Send + Sync;

/// A host function as engines see it.
pub struct HostFunc {
    name: Box<str>,
    signature: Signature,
    body: Box<HostBody>,
}

/// A host function failed. What happened waits in the [host state](crate::host::Host); an engine only
/// has to stop the guest with a trap of its own.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a host function failed")]
pub struct Failed;

impl HostFunc {
    /// A host function. `name` is used in messages only.
    pub fn new(name: impl Into<Box<str>>, signature: Signature, body: Box<HostBody>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            signature,
            body,
        })
    }

    /// The type of the function.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs the body alone, for another host function that wraps it.
    pub(crate) fn run(&self, caller: Caller<'_>, slots: &mut [u64]) -> Result<()> {
        (self.body)(caller, slots)
    }

    /// Calls the function on behalf of a guest whose memory is `memory`.
    ///
    /// `slots` holds [`Signature::slots`] values. A panic of the body is caught here: it becomes an
    /// error of the call and never crosses an engine.
    ///
    /// # Errors
    /// [`Failed`], after the failure was stored in the host state.
    #[inline]
    pub fn call(
        &self,
        guest: &mut dyn Guest,
        memory: Option<MemoryId>,
        slots: &mut [u64],
    ) -> Result<(), Failed> {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (self.body)(Caller::new(guest, memory), slots)
        }));
        let error = match outcome {
            // A function that took too long fails the call, whatever it did.
            Ok(Ok(())) => match guest.host().check_overdue() {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
            Ok(Err(error)) => error,
            Err(panic) => self.panicked(panic.as_ref()),
        };
        guest.host().fail(error);
        Err(Failed)
    }

    #[cold]
    fn panicked(&self, panic: &(dyn std::any::Any + Send)) -> Error {
        let text = crate::panic::text(panic);
        let name = &self.name;
        Error::new(
            ErrorKind::HostFunction,
            format!("host function `{name}` panicked: {text}"),
        )
    }
}

impl fmt::Debug for HostFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFunc({} {})", self.name, self.signature)
    }
}

/// One resolved and type-checked import.
#[derive(Clone, Debug)]
pub enum Import {
    /// A host function, bound to the memory of the module that imports it.
    Host {
        /// The function.
        func: Arc<HostFunc>,
        /// The memory of the importing module, if it exports one.
        memory: Option<MemoryId>,
    },
    /// An export, of any kind, of a module that is instantiated earlier.
    Export {
        /// The exporting module.
        module: ModuleId,
        /// The name of the export.
        name: Arc<str>,
    },
}

/// A module with its imports resolved, in the order in which the module declares them.
#[derive(Clone, Debug)]
pub struct Linked<M> {
    /// The compiled module.
    pub module: M,
    /// One entry for each import of the module.
    pub imports: Vec<Import>,
}

/// Where to find a memory that the host may touch.
#[derive(Clone, Debug)]
pub struct MemoryExport {
    /// The module that exports it.
    pub module: ModuleId,
    /// The name of the export.
    pub name: Arc<str>,
}

/// Modules that run together, in instantiation order, and the memories that the host may touch.
///
/// No module has a start section, every import is resolved and type-checked, every import refers
/// to an earlier module, every signature of a host function is one that engines can express, and
/// there is at least one memory.
#[derive(Clone, Debug)]
pub struct Program<M> {
    /// The modules.
    pub modules: Vec<Linked<M>>,
    /// The memories; a [`MemoryId`] is a position in this list.
    pub memories: Vec<MemoryExport>,
}

/// What is decided when an engine is opened, because it changes the code that is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// One of the backend's compilers, by name.
    pub compiler: &'static str,
    /// Whether a running guest can be stopped from another thread.
    pub interruption: Interruption,
    /// What instructions give whose results are open.
    pub determinism: Determinism,
    /// Who is told which machine code belongs to which function.
    pub profiler: Option<Profiler>,
    /// What guests may use beyond [`Proposal::COMMON`]. The engine is set up for that and for nothing else; what it does
    /// not have it leaves out.
    pub proposals: Proposals,
}

/// A way to tell a profiler of the machine which code belongs to which function of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profiler {
    /// The file `/tmp/perf-PID.map` with all functions, for `perf` of Linux.
    Perf,
    /// A file `jit-PID.dump` with all functions and their code, for `perf inject` of Linux.
    JitDump,
    /// Notices to VTune of Intel.
    VTune,
}

impl Profiler {
    /// All that there are. Whether an engine has one, [`Capabilities::profilers`] says.
    pub const ALL: &'static [Self] = &[Self::Perf, Self::JitDump, Self::VTune];

    /// The name by which users choose it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::JitDump => "jitdump",
            Self::VTune => "vtune",
        }
    }

    /// The error of an engine that does not have it.
    #[cold]
    pub fn unsupported(self, engine: &str) -> Error {
        Error::unsupported(engine, format_args!("profiler `{}`", self.name()))
    }
}

/// Whether compiled code looks up when [`super::Engine::nudge`] is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interruption {
    /// It does not; nothing stops a guest but itself and what it calls.
    #[default]
    Off,
    /// It does.
    On,
}

/// What the instructions give whose results WebAssembly leaves open: NaNs of arithmetic and relaxed SIMD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Determinism {
    /// What is fastest on the engine and the machine.
    #[default]
    Off,
    /// The same bits on every machine. A NaN that arithmetic makes is the positive canonical one.
    On,
}

/// What one instance may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceLimits {
    /// The most pages (of 64 KiB) that all memories of the instance may have together.
    pub memory_pages: Option<u64>,
    /// The most elements that all its tables may have together. Core enforces this through table maxima; backends use
    /// it to size pools.
    pub table_elements: Option<u64>,
}

/// What an engine can do beyond running code. What it cannot do it refuses with
/// [`ErrorKind::Unsupported`]; it never ignores a request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Failures of guests say which functions were running.
    pub backtrace: bool,
    /// Running guests look up when they are nudged. Core makes the guests of other engines look up
    /// by themselves.
    pub interrupt: bool,
    /// 32-bit memories stay in their place as long as their instance, which tells it
    /// ([`super::Instance::word`]), and code may load words of them atomically. Core then makes guests look
    /// at such a word.
    pub flag: bool,
    /// Live programs can be looked into and extended. Only tests need it.
    pub inspect: bool,
    /// [`InstanceLimits::memory_pages`] is kept.
    pub memory_limit: bool,
    /// Compiled modules can be saved and loaded.
    pub artifacts: bool,
    /// Proposals that guests may use, beyond [`Proposal::COMMON`].
    pub proposals: &'static [Proposal],
    /// What [`Settings::profiler`] may be.
    pub profilers: &'static [Profiler],
}

impl Capabilities {
    /// An engine that only runs code.
    pub const NONE: Self = Self {
        backtrace: false,
        inspect: false,
        interrupt: false,
        flag: false,
        memory_limit: false,
        artifacts: false,
        proposals: &[],
        profilers: &[],
    };

    /// With or without backtraces.
    #[must_use]
    pub const fn backtrace(self, backtrace: bool) -> Self {
        Self { backtrace, ..self }
    }

    /// With or without a look inside.
    #[must_use]
    pub const fn inspect(self, inspect: bool) -> Self {
        Self { inspect, ..self }
    }

    /// With or without interruption.
    #[must_use]
    pub const fn interrupt(self, interrupt: bool) -> Self {
        Self { interrupt, ..self }
    }

    /// With or without memories that stay in their place.
    #[must_use]
    pub const fn flag(self, flag: bool) -> Self {
        Self { flag, ..self }
    }

    /// With or without a memory limit.
    #[must_use]
    pub const fn memory_limit(self, memory_limit: bool) -> Self {
        Self {
            memory_limit,
            ..self
        }
    }

    /// With or without artifacts.
    #[must_use]
    pub const fn artifacts(self, artifacts: bool) -> Self {
        Self { artifacts, ..self }
    }

    /// With these proposals.
    #[must_use]
    pub const fn proposals(self, proposals: &'static [Proposal]) -> Self {
        Self { proposals, ..self }
    }

    /// With these profilers.
    #[must_use]
    pub const fn profilers(self, profilers: &'static [Profiler]) -> Self {
        Self { profilers, ..self }
    }
}
