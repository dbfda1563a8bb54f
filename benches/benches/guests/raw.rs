//! Engines alone, as they are by default: optimised code without any check, and no polyextism.
//!
//! What a module imports and [`crate::world`] does not know is there, but does nothing: functions return zeros,
//! memories and tables have their least size, globals are zero. A step that puts checks into a guest can import
//! what they use.

use std::fmt;

use polyextism_benches::cases::{Case, Output};

use crate::{Run, world::World};

mod wasmer;
#[cfg(feature = "wasmi")]
mod wasmi;
mod wasmtime;

/// Why a guest has failed.
#[derive(Debug)]
pub(crate) struct Error(String);

impl Error {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// A case on an engine alone; `None` if the engine is not known or refuses the module. The module may be another
/// one than that of the case, if it has the same exports.
pub(crate) fn run(engine: &str, case: &Case, module: &[u8]) -> Option<Run> {
    match engine {
        "wasmtime" | "wasmtime:winch" => wasmtime::run(&wasmtime::config(engine), case, module),
        "wasmer" => wasmer::run(::wasmer::sys::Cranelift::new(), case, module),
        "wasmer:singlepass" => wasmer::run(::wasmer::sys::Singlepass::new(), case, module),
        #[cfg(feature = "wasmi")]
        "wasmi" => wasmi::run(case, module),
        _ => None,
    }
}

/// The same with the interruption that the engine itself has, if it has any.
pub(crate) fn with_epochs(engine: &str, case: &Case) -> Option<Run> {
    if !engine.starts_with("wasmtime") {
        return None;
    }
    let mut config = wasmtime::config(engine);
    config.epoch_interruption(true);
    wasmtime::run(&config, case, case.guest.module)
}

/// One instance of a guest on some engine.
trait Instance {
    /// Calls an export without parameters, and takes no notice of its result.
    fn call(&mut self, export: &str) -> Result<(), Error>;

    /// Whether it has that export.
    fn has(&mut self, export: &str) -> bool;

    fn world(&mut self) -> &mut World;
}

/// Runs a case on instances that `make` makes: one for all calls of a reactor, one for each of a command.
fn calls<I: Instance + 'static>(case: &Case, make: impl Fn(World) -> I + 'static) -> Run {
    let (function, input, wasi) = (case.function, case.input.clone(), case.guest.wasi);
    let written = matches!(case.output, Output::Written(_));
    let begin = move || {
        let mut instance = make(World::new(&input, wasi()));
        if function != "_start" && instance.has("_initialize") {
            let begun = instance.call("_initialize");
            begun.expect("it can be initialised");
        }
        instance
    };
    let mut kept = None;
    Box::new(move || {
        let instance = kept.get_or_insert_with(&begin);
        instance.world().begin();
        let outcome = instance.call(function);
        let world = instance.world();
        match (outcome, world.exit) {
            (Ok(()), _) | (Err(_), Some(0)) => {}
            (Err(error), _) => panic!("{function}: {error}"),
        }
        let output = match written {
            true => world.stdout(),
            false => world.output(),
        };
        if function == "_start" {
            kept = None;
        }
        output
    })
}
