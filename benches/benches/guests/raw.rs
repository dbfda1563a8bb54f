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
        "wasmi" => wasmi::run(&::wasmi::Config::default(), case, module),
        _ => None,
    }
}

/// The same with the interruption that the engine itself has, if it has any.
pub(crate) fn with_interruption(engine: &str, case: &Case) -> Option<Run> {
    match engine {
        "wasmtime" | "wasmtime:winch" => {
            let mut config = wasmtime::config(engine);
            config.epoch_interruption(true);
            wasmtime::run(&config, case, case.guest.module)
        }
        #[cfg(feature = "wasmi")]
        "wasmi" => {
            let mut config = ::wasmi::Config::default();
            config.consume_fuel(true);
            wasmi::run(&config, case, case.guest.module)
        }
        _ => None,
    }
}

/// The module from which guests import the kernel.
const KERNEL: &str = "extism:host/env";

/// A kernel for guests.
fn kernel() -> Vec<u8> {
    wat::parse_str(include_str!("../../guests/alone.wat")).expect("the text is fine")
}

/// One instance of a guest on some engine, with its kernel.
trait Instance {
    /// Calls an export of the guest, and takes no notice of its result.
    fn call(&mut self, export: &str) -> Result<(), Error>;

    /// Whether the guest has that export.
    fn has(&mut self, export: &str) -> bool;

    /// Calls an export of the kernel.
    fn kernel(&mut self, export: &str, parameter: Option<i64>) -> i64;

    /// The memory of the kernel is written to.
    fn write(&mut self, offset: i64, bytes: &[u8]);

    /// The memory of the kernel is read.
    fn read(&mut self, offset: i64, bytes: &mut [u8]);

    fn world(&mut self) -> &mut World;

    /// What the last call has made its output.
    fn output(&mut self) -> Vec<u8> {
        let length = self.kernel("output_length", None);
        let mut output = vec![0; length as usize];
        let offset = self.kernel("output_offset", None);
        self.read(offset, &mut output);
        output
    }
}

/// Runs a case on instances that `make` makes: one for all calls of a reactor, one for each of a command.
fn calls<I: Instance + 'static>(case: &Case, make: impl Fn(World) -> I + 'static) -> Run {
    let (function, input, wasi) = (case.function, case.input.clone(), case.guest.wasi);
    let written = matches!(case.output, Output::Written(_));
    let begin = move || {
        let mut instance = make(World::new(wasi()));
        if function != "_start" && instance.has("_initialize") {
            let begun = instance.call("_initialize");
            begun.expect("it can be initialised");
        }
        instance
    };
    let mut kept = None;
    Box::new(move || {
        let instance = kept.get_or_insert_with(&begin);
        let offset = instance.kernel("begin", Some(input.len() as i64));
        instance.write(offset, &input);
        let outcome = instance.call(function);
        match (outcome, instance.world().exit) {
            (Ok(()), _) | (Err(_), Some(0)) => {}
            (Err(error), code) => {
                let written = instance.world().stderr();
                panic!("{function}: {error} {code:?}\n{written}");
            }
        }
        let output = match written {
            true => instance.world().stdout(),
            false => instance.output(),
        };
        if function == "_start" {
            kept = None;
        }
        output
    })
}
