//! Capabilities of engines, and the settings with which engines are opened.
//!
//! It imports only `base`. Invariant: an engine does what it is asked for or returns `Unsupported`.

use super::{
    error::Error,
    proposals::{Proposal, Proposals},
    setters::setters,
};

/// The settings of an engine that change compiled code. They are fixed when it is opened.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// One of the backend's compilers, by name.
    pub compiler: &'static str,
    /// Whether a running guest can be stopped from another thread.
    pub interruption: Interruption,
    /// The results of instructions that WebAssembly leaves open.
    pub determinism: Determinism,
    /// The profiler that is told which machine code belongs to which function.
    pub profiler: Option<Profiler>,
    /// What guests may use beyond [`Proposal::COMMON`]. The engine enables these proposals and no others. It
    /// ignores those that it does not have.
    pub proposals: Proposals,
}

setters!(Settings {
    with_interruption = interruption: Interruption,
    with_determinism = determinism: Determinism,
    with_profiler = profiler: into Option<Profiler>,
    with_proposals = proposals: Proposals,
});

impl Settings {
    /// This compiler and nothing else: no interruption, determinism, profiler or proposals.
    pub fn new(compiler: &'static str) -> Self {
        Self {
            compiler,
            interruption: Interruption::default(),
            determinism: Determinism::default(),
            profiler: None,
            proposals: Proposals::NONE,
        }
    }

    /// The same with this [`compiler`](Self::compiler).
    #[must_use]
    pub fn with_compiler(mut self, compiler: &'static str) -> Self {
        self.compiler = compiler;
        self
    }
}

/// A profiler that is told which machine code belongs to which function of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profiler {
    /// The file `/tmp/perf-PID.map` with all functions, for `perf` of Linux.
    Perf,
    /// A file `jit-PID.dump` with all functions and their code, for `perf inject` of Linux.
    JitDump,
    /// Notifications to Intel VTune.
    VTune,
}

impl Profiler {
    /// All profilers. [`Capabilities::profilers`] lists those of an engine.
    pub const ALL: &'static [Self] = &[Self::Perf, Self::JitDump, Self::VTune];

    /// The name by which users choose it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::JitDump => "jitdump",
            Self::VTune => "vtune",
        }
    }

    /// The error of an engine that does not support it.
    #[cold]
    pub fn unsupported(self, engine: &str) -> Error {
        Error::unsupported(engine, format_args!("profiler `{}`", self.name()))
    }
}

/// Whether running guests call the host after `Engine::request_check`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interruption {
    /// They do not. Only the guest itself and the functions that it calls end a call.
    #[default]
    Off,
    /// They do.
    On,
}

/// The results that WebAssembly leaves open: NaNs of arithmetic, and relaxed SIMD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Determinism {
    /// Whatever is fastest on the engine and the machine.
    #[default]
    Off,
    /// The same bits on every machine. A NaN that arithmetic makes is the positive canonical one.
    On,
}

/// Limits of one instance. `None` is no limit.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceLimits {
    /// The most pages (of 64 KiB) that all memories of the instance may have together.
    pub memory_pages: Option<u64>,
    /// The most pages (of 64 KiB) of its heap of objects. They count as pages of memories, too. An engine without
    /// garbage collection has no heap.
    pub heap_pages: Option<u64>,
    /// The most elements that all its tables may have together. Core enforces this through table maxima; backends use
    /// it to size pools.
    pub table_elements: Option<u64>,
}

setters!(InstanceLimits {
    with_memory_pages = memory_pages: into Option<u64>,
    with_heap_pages = heap_pages: into Option<u64>,
    with_table_elements = table_elements: into Option<u64>,
});

/// What an engine can do beyond running code. It refuses anything else with `Unsupported`; it never ignores a
/// request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Failures of guests say which functions were running.
    pub backtrace: bool,
    /// Running guests call `Host::check_interrupt` after `Engine::request_check`. For other engines, core adds the
    /// checks to the code.
    pub interrupt: bool,
    /// A 32-bit memory keeps its address as long as its instance lives (`Instance::word` returns one), and guest
    /// code may load words of it atomically. Core then makes guests read a flag there.
    pub flag: bool,
    /// Live programs can be inspected and extended. Only tests need it.
    pub inspect: bool,
    /// [`InstanceLimits::memory_pages`] is enforced.
    pub memory_limit: bool,
    /// Compiled modules can be saved and loaded.
    pub artifacts: bool,
    /// [`artifacts`](Self::artifacts) are mapped where they are, and one that cannot be loaded leaves the engine as it
    /// was. Core then runs saved code from its file, whose pages processes share, even where it was just compiled.
    pub mapping: bool,
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
        mapping: false,
        proposals: &[],
        profilers: &[],
    };

    /// With or without backtraces.
    #[must_use]
    pub const fn backtrace(self, backtrace: bool) -> Self {
        Self { backtrace, ..self }
    }

    /// With or without inspection.
    #[must_use]
    pub const fn inspect(self, inspect: bool) -> Self {
        Self { inspect, ..self }
    }

    /// With or without interruption.
    #[must_use]
    pub const fn interrupt(self, interrupt: bool) -> Self {
        Self { interrupt, ..self }
    }

    /// With or without memories that keep their address.
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

    /// With or without artifacts that are mapped.
    #[must_use]
    pub const fn mapping(self, mapping: bool) -> Self {
        Self { mapping, ..self }
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
