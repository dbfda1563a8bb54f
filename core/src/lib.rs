//! Everything of polyextism that is not an engine: a host for Extism WebAssembly plug-ins.
//!
//! # How a call travels
//! [`Plugin::call`] finds the entry of the function, then makes one virtual call, `DynInstance::exchange`, whose
//! body is compiled for each engine: it writes the kernel's header and the input into the kernel memory, enters the
//! guest, reads the header and lends the output. The call path looks up each name once. It builds no type,
//! allocates nothing, takes no global lock and wakes no thread. Only a call that has a deadline or checks for
//! signals reads the clock.
//!
//! # Where things are
//! The folders of this crate are layers: each imports only from itself and the folders before it in this list. A
//! test checks this and names a wrong import.
//!
//! | folder | what it is |
//! |---|---|
//! | `base` | errors, ids, types of functions, capabilities |
//! | `process` | state of each process: forks, threads that compile, address space, queues |
//! | `deadline` | whether a call has to end: alarms, the watchdog, calls within calls, fuel |
//! | `settings`, `manifest`, `http`, `cache` | settings and manifests, HTTP requests, files of compiled code |
//! | `host` | the state of one plug-in on the host's side |
//! | `kernel` | the memory that guests and host share, and the view of host functions on a guest |
//! | `engine` | the traits that backends implement, and the choice of one |
//! | `services` | the functions that guests may call |
//! | `module` | reads and validates a binary |
//! | `build` | from a manifest to a program that can be instantiated |
//! | `live` | plug-ins, and pools of them |
//! | `comparison` | one plug-in on several engines |
//!
//! The steps from WebAssembly to WebAssembly are a crate of their own, `polyextism-transform`. Users of Rust depend
//! on the package `polyextism`, which re-exports this crate and knows the engines that are built in.

mod base;
mod build;
mod cache;
pub mod comparison;
pub mod contents;
mod deadline;
mod engine;
mod host;
mod http;
pub(crate) mod kernel;
mod live;
pub mod manifest;
mod module;
mod process;
mod services;
mod settings;

#[cfg(feature = "logs")]
#[doc(hidden)]
pub use crate::settings::logs;

#[doc(hidden)]
pub mod backend;
#[doc(hidden)]
pub mod internal;

pub use crate::{
    base::{
        capabilities::{Capabilities, Determinism, Profiler},
        error::{Error, ErrorKind, Family, Result, Trap},
        frames::Frame,
        link_mistake::{LinkMistake, LinkReason},
        numbers::{Number, Numbers},
        proposals::{Proposal, Proposals},
        types::{NumType, Signature},
    },
    build::{
        compiled::Compiled,
        options::{Interrupted, KernelForm, Options},
        stopwatch::{Laps, Stopwatch},
    },
    cache::{Cache, CachePlace},
    deadline::alarm::{Alarm, CancelHandle},
    engine::select::Choice,
    host::{
        Host,
        log::{LogLevel, LogSink, Logger},
        vars::{Vars, VarsError},
    },
    http::{HttpClient, HttpOptions, HttpRequest, HttpResponse, Progress},
    kernel::caller::Caller,
    live::{
        plugin::{CallLimits, FunctionHandle, Plugin},
        pool::{Permit, Pool, PooledPlugin, Reuse},
    },
    manifest::Manifest,
    process::heed_forks,
    services::{builtins, function::Function},
    settings::{
        compiling::Compiling,
        diagnostics::{Diagnostics, Setting},
        limits::Limits,
        wasi::{Clock, Output, Wasi},
    },
};
