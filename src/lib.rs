//! A host for Extism WebAssembly plug-ins. Choose the engine: wasmtime, wasmer or wasmi.
//!
//! ```
//! use polyextism::{Manifest, Options, Plugin, default_engine};
//!
//! # fn main() -> polyextism::Result<()> {
//! // A plug-in that returns its input. Use `Manifest::of(std::fs::read(path)?)` for a file.
//! let echo = r#"(module
//!     (import "extism:host/env" "input_offset" (func $offset (result i64)))
//!     (import "extism:host/env" "input_length" (func $length (result i64)))
//!     (import "extism:host/env" "output_set" (func $output (param i64 i64)))
//!     (func (export "echo") (call $output (call $offset) (call $length))))"#;
//! let compiled = default_engine()?.compile(&Manifest::of(echo.as_bytes()), &Options::default())?;
//! let mut plugin = Plugin::new(&compiled)?;
//! assert_eq!(plugin.call("echo", b"Hello!")?, b"Hello!");
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//! - [`engine`], [`default_engine`], [`engines`]: choose an engine.
//! - [`Manifest`] and [`Options`]: say what a plug-in is made of and what it is given ([`Function`], [`Wasi`],
//!   [`HttpOptions`], [`Limits`], [`Cache`], [`Diagnostics`]).
//! - [`Compiled`], [`Plugin`], [`Pool`]: compile once, instantiate and call often.
//! - [`compare`] and [`comparison`]: run the same calls on every engine.
//!
//! Every fallible function returns [`Error`], whose [`ErrorKind`] says what to do.
//!
//! Structs of options get further fields in minor versions. Make them with `default()` (or another constructor, such as
//! [`Limits::strict`]) and set fields with `with_FIELD`:
//!
//! ```
//! use polyextism::{Limits, Options, Wasi};
//!
//! let options = Options::default()
//!     .with_wasi(Wasi::default().with_seed(7))
//!     .with_limits(Limits::strict().with_memory_pages(1000))
//!     .with_fuel(1_000_000);
//! assert_eq!(options.fuel, Some(1_000_000));
//! ```

pub use polyextism_core::{
    Alarm, CachePlace, Caller, CancelHandle, Capabilities, Choice, Clock, Compiling, Determinism,
    Error, ErrorKind, Family, Frame, FunctionHandle, Host, HttpClient, HttpOptions, HttpRequest,
    HttpResponse, Interrupted, LinkMistake, LinkReason, LogLevel, Logger, NumType, Number, Numbers,
    Options, Output, PooledPlugin, Profiler, Progress, Proposal, Proposals, Result, Reuse, Setting,
    Signature, Trap, Vars, VarsError, comparison, contents,
};

// For the Python front, the tests and the benchmarks of this repository.
#[doc(hidden)]
pub use polyextism_core::{KernelForm, Laps, Permit, Stopwatch, backend, builtins, internal};

#[cfg(feature = "logs")]
#[doc(hidden)]
pub use polyextism_core::logs;

/// ```
/// use polyextism::{Cache, CachePlace, Options};
///
/// let cache = Cache::default()
///     .with_place(CachePlace::Folder("compiled".into()))
///     .with_max_bytes(100 << 20);
/// let options = Options::default().with_cache(cache);
/// ```
pub use polyextism_core::Cache;

/// ```
/// use polyextism::{CallLimits, ErrorKind, Manifest, Options, Plugin, default_engine};
/// use std::time::Duration;
///
/// # fn main() -> polyextism::Result<()> {
/// let endless = r#"(module (func (export "run") (loop (br 0))))"#;
/// let compiled = default_engine()?.compile(&Manifest::of(endless.as_bytes()), &Options::default())?;
/// let mut plugin = Plugin::new(&compiled)?;
/// let run = plugin.function("run")?;
/// let limits = CallLimits::default().with_timeout(Duration::from_millis(20));
/// let error = plugin.call_with(run, b"", &limits).expect_err("it never ends");
/// assert_eq!(error.kind(), ErrorKind::Timeout);
/// # Ok(())
/// # }
/// ```
pub use polyextism_core::CallLimits;

/// ```
/// use polyextism::{Compiled, Manifest, Options, Plugin, default_engine};
///
/// # fn main() -> polyextism::Result<()> {
/// let counter = r#"(module (global $n (mut i32) (i32.const 0))
///     (func (export "next") (global.set $n (i32.add (global.get $n) (i32.const 1)))))"#;
/// let compiled = Compiled::new(&default_engine()?, &Manifest::of(counter.as_bytes()), &Options::default())?;
/// // Each plug-in has memories, globals and variables of its own.
/// let (mut one, mut other) = (Plugin::new(&compiled)?, Plugin::new(&compiled)?);
/// one.call("next", b"")?;
/// other.call("next", b"")?;
/// # Ok(())
/// # }
/// ```
pub use polyextism_core::Compiled;

/// ```
/// use polyextism::{Diagnostics, Options, Setting};
///
/// let diagnostics = Diagnostics::default().with_core_dump(Setting::On("core.wasm".into()));
/// let options = Options::default().with_diagnostics(diagnostics);
/// ```
pub use polyextism_core::Diagnostics;

/// ```
/// use polyextism::{Function, Manifest, Options, Plugin, default_engine};
///
/// # fn main() -> polyextism::Result<()> {
/// let guest = r#"(module
///     (import "extism:host/user" "shout" (func $shout (param i64) (result i64)))
///     (import "extism:host/env" "input_offset" (func $offset (result i64)))
///     (import "extism:host/env" "length" (func $length (param i64) (result i64)))
///     (import "extism:host/env" "output_set" (func $output (param i64 i64)))
///     (func (export "run") (local $text i64)
///         (local.set $text (call $shout (call $offset)))
///         (call $output (local.get $text) (call $length (local.get $text)))))"#;
/// let shout = Function::text("shout", |_, text| Ok(text.to_uppercase()));
/// let options = Options::default().with_functions(vec![shout]);
/// let compiled = default_engine()?.compile(&Manifest::of(guest.as_bytes()), &options)?;
/// assert_eq!(Plugin::new(&compiled)?.call("run", b"hello")?, b"HELLO");
/// # Ok(())
/// # }
/// ```
pub use polyextism_core::Function;

/// ```
/// // At the start of a program that forks.
/// polyextism::heed_forks();
/// ```
pub use polyextism_core::heed_forks;

/// ```
/// use polyextism::{ErrorKind, Limits, Manifest, Options, default_engine};
///
/// # fn main() -> polyextism::Result<()> {
/// let options = Options::default().with_limits(Limits::strict().with_table_elements(10));
/// let large = Manifest::of(b"(module (table 11 funcref))".as_slice());
/// let error = default_engine()?.compile(&large, &options).expect_err("it is too large");
/// assert_eq!(error.kind(), ErrorKind::InvalidModule);
/// assert!(error.to_string().contains("raise the limit `table_elements` to 11"));
/// # Ok(())
/// # }
/// ```
pub use polyextism_core::Limits;

/// ```
/// use std::sync::{Arc, Mutex};
///
/// use polyextism::{LogLevel, LogSink, Manifest, Options, Plugin, default_engine};
///
/// # fn main() -> polyextism::Result<()> {
/// let guest = r#"(module
///     (import "extism:host/env" "input_offset" (func $offset (result i64)))
///     (import "extism:host/env" "log_info" (func $log (param i64)))
///     (func (export "run") (call $log (call $offset))))"#;
/// let compiled = default_engine()?.compile(&Manifest::of(guest.as_bytes()), &Options::default())?;
/// let mut plugin = Plugin::new(&compiled)?;
/// let lines = Arc::new(Mutex::new(Vec::new()));
/// let taken = Arc::clone(&lines);
/// let sink = LogSink::new(LogLevel::Info, move |_, line| {
///     taken.lock().expect("nothing panics").push(line.to_owned());
/// });
/// plugin.host().set_log_sink(Some(sink));
/// plugin.call("run", b"hello")?;
/// assert_eq!(*lines.lock().expect("nothing panics"), ["hello"]);
/// # Ok(())
/// # }
/// ```
pub use polyextism_core::LogSink;

/// ```
/// use polyextism::Manifest;
///
/// # fn main() -> polyextism::Result<()> {
/// let manifest = Manifest::parse(br#"{
///     "wasm": [{"path": "plugin.wasm"}],
///     "config": {"greeting": "Hello"},
///     "timeout_ms": 1000
/// }"#)?;
/// assert_eq!(manifest.timeout_ms, Some(1000));
/// # Ok(())
/// # }
/// ```
pub use polyextism_core::Manifest;

/// ```
/// use polyextism::{ErrorKind, Manifest, Options, Plugin, default_engine};
///
/// # fn main() -> polyextism::Result<()> {
/// let guest = r#"(module (func (export "fail") unreachable) (func (export "work")))"#;
/// let compiled = default_engine()?.compile(&Manifest::of(guest.as_bytes()), &Options::default())?;
/// let mut plugin = Plugin::new(&compiled)?;
/// let error = plugin.call("fail", b"").expect_err("it traps");
/// assert!(matches!(error.kind(), ErrorKind::Trap(_)));
/// // A plug-in can be called again after any failure of a guest.
/// plugin.call("work", b"")?;
/// # Ok(())
/// # }
/// ```
pub use polyextism_core::Plugin;

/// ```
/// use std::{num::NonZeroUsize, time::Duration};
///
/// use polyextism::{Manifest, Options, Pool, Reuse, default_engine};
///
/// # fn main() -> polyextism::Result<()> {
/// let guest = Manifest::of(br#"(module (func (export "work")))"#.as_slice());
/// let compiled = default_engine()?.compile(&guest, &Options::default())?;
/// let pool = Pool::with(&compiled, NonZeroUsize::MIN, Reuse::Guest);
/// // Waits for an instance, at most a second.
/// let mut plugin = pool.get(Some(Duration::from_secs(1)))?;
/// plugin.call("work", b"")?;
/// # Ok(())
/// # }
/// ```
pub use polyextism_core::Pool;

/// ```
/// use polyextism::{Manifest, Options, Output, Plugin, Wasi, default_engine};
///
/// # fn main() -> polyextism::Result<()> {
/// let guest = r#"(module
///     (import "wasi_snapshot_preview1" "fd_write"
///         (func $write (param i32 i32 i32 i32) (result i32)))
///     (memory (export "memory") 1)
///     (data (i32.const 0) "\08\00\00\00\02\00\00\00hi")
///     (func (export "run") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;
/// let options = Options::default().with_wasi(Wasi::default().with_stdout(Output::CAPTURE));
/// let compiled = default_engine()?.compile(&Manifest::of(guest.as_bytes()), &options)?;
/// let mut plugin = Plugin::new(&compiled)?;
/// plugin.call("run", b"")?;
/// assert_eq!(plugin.stdout(), b"hi");
/// # Ok(())
/// # }
/// ```
pub use polyextism_core::Wasi;

use polyextism_core::{
    backend::Backend,
    comparison::{Call, Report, Setup},
};

/// The parts of a [`Manifest`].
pub mod manifest {
    pub use polyextism_core::manifest::{Hash, Memory, Source, Wasm};
    #[doc(hidden)]
    pub use polyextism_core::manifest::{
        JSON_SCHEMA, MODULE_LIMIT, SIZE_LIMIT, Value, config_update,
    };
}

/// The engines that are built in, in the order of preference. [`engines`] lists them for users.
#[doc(hidden)]
pub const BACKENDS: &[Backend] = &[
    #[cfg(feature = "wasmtime")]
    polyextism_wasmtime::BACKEND,
    #[cfg(feature = "wasmer")]
    polyextism_wasmer::BACKEND,
    #[cfg(feature = "wasmi")]
    polyextism_wasmi::BACKEND,
];

/// Chooses an engine by `name` or `name:compiler`.
///
/// # Errors
/// `UnknownEngine`, with what is built in.
pub fn engine(spec: &str) -> Result<Choice> {
    Choice::parse(BACKENDS, Some(spec))
}

/// The engine that the environment variable `EXTISM_ENGINE` names, else the first built in.
///
/// # Errors
/// `UnknownEngine`, with what is built in.
pub fn default_engine() -> Result<Choice> {
    Choice::parse(BACKENDS, None)
}

/// Every engine that is built in, with every one of its compilers.
pub fn engines() -> impl Iterator<Item = Choice> {
    Choice::all(BACKENDS)
}

/// Runs the same calls on every engine that is built in, with every one of its compilers, and says
/// whether they agree. [`comparison::compare_on`] does the same for the engines that you name.
///
/// ```
/// use polyextism::{Manifest, compare, comparison::{Call, Setup}};
///
/// # fn main() -> polyextism::Result<()> {
/// let manifest = Manifest::of(br#"(module (func (export "work")))"#.as_slice());
/// let calls = [Call::new("work", "")];
/// let report = compare(&manifest, &calls, &Setup::default())?;
/// assert!(report.is_equal(), "{report}");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As there.
pub fn compare(manifest: &Manifest, calls: &[Call], setup: &Setup) -> Result<Report> {
    let engines: Vec<_> = engines().collect();
    comparison::compare_on(&engines, manifest, calls, setup)
}

/// The Rust of the site, which is compiled as documentation is.
#[cfg(doctest)]
#[doc = include_str!("../docs/rust.md")]
struct Guide;
