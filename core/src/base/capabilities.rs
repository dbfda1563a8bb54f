//! What engines can do, and what they are opened with.
//!
//! Invariant: an engine does what is asked of it or says `Unsupported`.

use super::{
    error::Error,
    proposals::{Proposal, Proposals},
};

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

/// Whether compiled code looks up when `Engine::request_check` is called.
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
    /// The most pages (of 64 KiB) that its heap of objects may have, which count among those of the memories, too. An engine
    /// that collects nothing has no heap.
    pub heap_pages: Option<u64>,
    /// The most elements that all its tables may have together. Core enforces this through table maxima; backends use
    /// it to size pools.
    pub table_elements: Option<u64>,
}

/// What an engine can do beyond running code. What it cannot do it refuses with
/// `Unsupported`; it never ignores a request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Failures of guests say which functions were running.
    pub backtrace: bool,
    /// Running guests look up when the engine requests it. Core makes the guests of other engines look up
    /// by themselves.
    pub interrupt: bool,
    /// 32-bit memories stay in their place as long as their instance, which tells it
    /// (`Instance::word`), and code may load words of them atomically. Core then makes guests look
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
