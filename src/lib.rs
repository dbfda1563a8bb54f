//! A host for Extism WebAssembly plug-ins on the engine of your choice.
//!
//! ```no_run
//! use polyextism::{Manifest, Options, Plugin, engine};
//!
//! # fn main() -> polyextism::Result<()> {
//! let manifest = Manifest::of(std::fs::read("count_vowels.wasm").expect("a file"));
//! let compiled = engine("wasmer")?.compile(&manifest, &Options::default())?;
//! let mut plugin = Plugin::new(&compiled)?;
//! let output = plugin.call("count_vowels", b"Hello, World!")?;
//! # Ok(())
//! # }
//! ```
//!
//! This crate is [`polyextism_core`] and the one list of engines that are built in.

pub use polyextism_core::*;

use polyextism_core::{
    backend::Backend,
    comparison::{Call, Report, Setup},
};

/// The engines that are built in, in the order of preference.
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
/// whether they agree. [`comparison::compare_on`] does the same for engines of one's choice.
///
/// ```no_run
/// use polyextism::{Manifest, compare, comparison::{Call, Setup}};
///
/// # fn main() -> polyextism::Result<()> {
/// let manifest = Manifest::of(std::fs::read("count_vowels.wasm").expect("a file"));
/// let calls = [Call::new("count_vowels", "Hello, World!")];
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
