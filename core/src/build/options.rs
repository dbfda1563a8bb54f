//! The options of a plug-in beside its manifest.

use crate::{
    base::{proposals::Proposals, setters::setters},
    build::stopwatch::Stopwatch,
    cache::Cache,
    http::HttpOptions,
    services::function::Function,
    settings::{compiling::Compiling, diagnostics::Diagnostics, limits::Limits, wasi::Wasi},
};

/// The options of a plug-in beside its manifest.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Host functions. Only the imported ones are bound.
    pub functions: Vec<Function>,
    /// The settings of WASI preview 1. With `None`, guests cannot import it.
    pub wasi: Option<Wasi>,
    /// HTTP requests of guests, and downloads of modules.
    pub http: HttpOptions,
    /// What happens to an instance whose guest was stopped by a deadline or a cancellation.
    pub interrupted: Interrupted,
    /// Limits of the plug-in at run time, and of the cost of compiling its modules.
    pub limits: Limits,
    /// Proposals that modules must not use, even if the engine has them. A module that uses one is `InvalidModule`.
    pub forbidden: Proposals,
    /// How much work a call may do. `None` does not count; [`u64::MAX`] counts without a limit.
    ///
    /// One unit is one WebAssembly instruction that is executed; `block`, `loop`, `try_table`, `else` and `end`
    /// cost nothing. `memory.grow` costs 1000 units. An instruction on a range of memory costs one unit more for
    /// each 64 bytes, one on a range of a table or an array for each 4 elements. A call costs one unit; the work of
    /// host functions and of the kernel costs nothing.
    ///
    /// The same guest with the same input uses the same number of units on every engine. A call with exactly that
    /// many succeeds; with one less it fails. Initialisation is part of the first call. A library that exports
    /// `_start` pays for resetting its state before each call.
    pub fuel: Option<u64>,
    /// How long compiling is waited for.
    pub compiling: Compiling,
    /// Where compiled code is kept for later.
    pub cache: Cache,
    /// Dumps after failures, and profilers.
    pub diagnostics: Diagnostics,
    /// Counts calls of host functions in all instances. This costs each call some 50 ns.
    #[doc(hidden)]
    pub stopwatch: Option<Stopwatch>,
    /// Where the guest half of the kernel is.
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

/// Where the guest half of the kernel is. Guests cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KernelForm {
    /// In the main module, and inlined in place of most calls, unless another module imports kernel functions too.
    #[default]
    Fused,
    /// In a module of its own. This is slower; tests compare both forms.
    Apart,
}

/// What happens to an instance whose guest was stopped in the middle of its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interrupted {
    /// The next call gets a new instance: memories and globals as at the start, and initialised
    /// again. Variables and configuration stay.
    #[default]
    Replaced,
    /// The next call uses it in the state in which the guest was stopped.
    Kept,
}
