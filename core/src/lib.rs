//! Everything of polyextism that is not an engine: a host for Extism WebAssembly plug-ins.
//!
//! # How a call travels
//! [`Plugin::call`] finds the entry of the function, then makes one virtual call,
//! [`engine::erased::DynInstance::exchange`], whose body is compiled for each engine: it writes the
//! kernel's header and the input straight into the kernel memory, enters the guest, reads the
//! header and lends the output. Nothing on the way looks up a string twice, builds a type,
//! allocates, takes a global lock or wakes a thread. The clock is read only by a call that has a
//! deadline or looks for signals.
//!
//! # Where things are
//! [`engine`] is the narrow waist that backends implement. `module` reads binaries, `link` resolves
//! imports, [`kernel`] and `env` serve guests, `http` sends their requests, `wasi` serves programs of
//! language tool chains, [`Compiled`] and [`Plugin`] are what users hold, [`compare`] runs one plug-in
//! on several engines. Users of Rust depend on the package `polyextism`, which re-exports this crate
//! and knows the engines that are built in.

pub mod address_space;
mod alarm;
pub mod alone;
mod atomic;
pub mod backtrace;
mod budget;
pub mod cache;
mod clock;
pub mod compare;
mod compiled;
mod diagnostics;
pub mod engine;
mod env;
pub mod error;
pub mod flag;
pub mod forks;
mod forks_native;
mod fuel;
mod function;
mod fuse;
pub mod host;
mod http;
mod interrupt;
pub mod kernel;
mod limits;
mod link;
#[cfg(feature = "logs")]
pub mod logs;
pub mod manifest;
mod meter;
mod module;
pub mod nesting;
mod options;
mod panic;
mod plugin;
mod pool;
mod postmortem;
pub mod process;
mod program;
pub mod queue;
mod rewrite;
mod source;
mod span;
mod stopwatch;
mod threads;
#[cfg(feature = "wasi")]
mod wasi;
mod wasi_settings;

pub use crate::{
    alarm::{Alarm, CancelHandle},
    backtrace::Frame,
    cache::{Cache, CachePlace},
    compiled::Compiled,
    diagnostics::{Diagnostics, Wish},
    engine::{guest::Caller, types::Profiler},
    env::{
        log::{LINE_LIMIT, LogLevel, LogSink, Logger},
        vars::{Vars, VarsError},
    },
    error::{Error, ErrorKind, Family, GUEST_TEXT_LIMIT, Result, Trap},
    forks_native::heed_forks,
    function::{Function, Number, Numbers},
    host::Host,
    http::{
        DEFAULT_MODULE_BYTES, HttpClient, HttpOptions, HttpRequest, HttpResponse, Progress,
        ProgressFn,
    },
    limits::Limits,
    link::{LinkMistake, LinkReason},
    manifest::Manifest,
    options::{Interrupted, KernelForm, Options},
    plugin::{CallLimits, FunctionHandle, Plugin},
    pool::{Place, Pool, PooledPlugin, Reuse},
    stopwatch::{Laps, Stopwatch},
    wasi_settings::{CAPTURE_LIMIT, Clock, MAX_DESCRIPTORS, Output, Wasi},
};

#[doc(hidden)]
pub use crate::module::bounds::Bounds;

/// The names of the functions that the host itself serves in `extism:host/env`.
pub fn builtins() -> impl Iterator<Item = &'static str> {
    env::names()
}
