//! What the tests of polyextism share: the engines, the forms of cases, and how a case is run.
//!
//! A case is data under `cases/`; it has one expectation, which holds for every engine. Nothing
//! here knows an engine: the list is [`polyextism::engines`].

#![deny(unsafe_code)]

pub mod broken;
pub mod cached;
pub mod case;
pub mod core_dump;
pub mod counted;
pub mod differential;
pub mod endless;
pub mod files;
pub mod fuzz;
pub mod gaps;
pub mod heap;
pub mod kernel;
pub mod mutate;
pub mod null;
pub mod offers;
pub mod outcome;
pub mod quote;
pub mod random;
pub mod ranges;
pub mod run;
pub mod script;
pub mod server;
pub mod settings;
pub mod shapes;
pub mod site;
pub mod spec;
pub mod suite;
pub mod wasi;
pub mod web;

use polyextism::{Choice, Function, Manifest, Options, Plugin, Result};

/// Every engine that is built in, with every one of its compilers.
///
/// # Panics
/// If there is none: a test that runs on no engine proves nothing.
pub fn engines() -> Vec<Choice> {
    let engines: Vec<_> = polyextism::engines().collect();
    assert!(!engines.is_empty(), "no engine is built in");
    engines
}

/// A live plug-in of one module (binary or text) with host functions, without WASI.
///
/// # Errors
/// Whatever compiling, linking or instantiating ends with.
pub fn plugin(choice: &Choice, wasm: &str, functions: &[Function]) -> Result<Plugin> {
    let options = Options::default().with_functions(functions.to_vec());
    let manifest = Manifest::of(wasm.as_bytes());
    Plugin::new(&choice.compile(&manifest, &options)?)
}
