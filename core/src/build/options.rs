//! What a plug-in is given beside its manifest. How it is used is the business of `compiled`.

use crate::{
    base::{proposals::Proposals, setters::setters},
    build::stopwatch::Stopwatch,
    cache::Cache,
    http::HttpOptions,
    services::function::Function,
    settings::{compiling::Compiling, diagnostics::Diagnostics, limits::Limits, wasi::Wasi},
};

/// What a plug-in is given beside its manifest.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Host functions. Only those that a module imports are bound.
    pub functions: Vec<Function>,
    /// What WASI preview 1 is given, if guests may import it.
    pub wasi: Option<Wasi>,
    /// HTTP of guests, and of modules that lie behind a URL.
    pub http: HttpOptions,
    /// What becomes of an instance whose guest was stopped by its deadline or by a cancellation.
    pub interrupted: Interrupted,
    /// What each module may cost to compile, and what a plug-in may have when it runs.
    pub limits: Limits,
    /// Proposals that modules must not use, whatever the engine offers: a module that does is `InvalidModule`.
    pub forbidden: Proposals,
    /// How much work a call may do, if its guests are to count it; [`u64::MAX`] counts without a limit.
    ///
    /// One unit is one WebAssembly instruction that is executed; `block`, `loop`, `try_table`, `else` and
    /// `end` cost nothing. `memory.grow` costs 1000 units. An instruction on a range of memory costs one
    /// unit more for each 64 bytes, one on a range of a table or an array for each 4 elements. A call costs
    /// one unit, whatever it calls: what host functions and the kernel do costs nothing.
    ///
    /// The same guest with the same input uses the same number on every engine. A call with exactly what
    /// it needs succeeds, with one unit less it fails. Initialisation is part of the call that it happens
    /// in; a library that exports `_start` pays for putting back its state before each call.
    pub fuel: Option<u64>,
    /// How long compiling is waited for.
    pub compiling: Compiling,
    /// Where compiled code is kept for later.
    pub cache: Cache,
    /// What is written down after a failure, and for profilers.
    pub diagnostics: Diagnostics,
    /// Counts the host functions of all instances, which costs each call of one some 50 ns.
    #[doc(hidden)]
    pub stopwatch: Option<Stopwatch>,
    /// Where the guests' half of the kernel is.
    #[doc(hidden)]
    pub kernel: KernelForm,
}

setters!(Options {
    with_functions = functions: Vec<Function>,
    with_wasi = wasi: into Option<Wasi>,
    with_http = http: HttpOptions,
    with_interrupted = interrupted: Interrupted,
    with_limits = limits: Limits,
    with_forbidden = forbidden: Proposals,
    with_fuel = fuel: into Option<u64>,
    with_compiling = compiling: Compiling,
    with_cache = cache: into Cache,
    with_diagnostics = diagnostics: Diagnostics,
});

#[doc(hidden)]
setters!(Options {
    with_stopwatch = stopwatch: into Option<Stopwatch>,
    with_kernel = kernel: KernelForm,
});

/// Where the functions are by which guests reach the kernel memory. Guests cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KernelForm {
    /// In the main module, and in place of most calls of them, unless another module imports some too.
    #[default]
    Fused,
    /// In a module of their own: slower, and what tests compare the other form with.
    Apart,
}

/// What becomes of an instance whose guest was stopped in the middle of its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interrupted {
    /// The next call gets a new instance: memories and globals as at the start, and initialised
    /// again. Variables and configuration stay.
    #[default]
    Replaced,
    /// The next call goes on with it, in whatever state the guest was stopped.
    Kept,
}
