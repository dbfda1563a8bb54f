//! Compiles and creates plug-ins.
//!
//! Invariants: functions are moved in before anything can fail, so a failure frees them; every failure is a text for
//! the caller and an error kind for the calling thread; a fork waits until the creation has ended, because core and
//! the engines may hold locks.

use std::{
    cell::Cell,
    ffi::{c_char, c_int},
};

use polyextism::{
    Compiled, Error, ErrorKind, Function, Manifest, Plugin, heed_forks, internal::forks::section,
};

use crate::{
    border::Slice,
    handles::Handle,
    kinds,
    options::Wanted,
    outcome::Failure,
    plugin::{self, COMPILED},
    texts,
};

thread_local! {
    /// The error kind of the last plug-in that this thread failed to create.
    static KIND: Cell<c_int> = const { Cell::new(kinds::NONE) };
}

/// The error kind of the last creation on this thread; none if it succeeded.
pub(crate) fn last_kind() -> c_int {
    KIND.get()
}

/// A handle, or the null handle and the address of an error text.
pub(crate) type Created = (Handle, Option<*const c_char>);

/// Compiles a plug-in and makes an instance.
pub(crate) fn plugin(
    wasm: Slice<'_, u8>,
    functions: Result<Vec<Function>, Failure>,
    wanted: Result<Wanted, Failure>,
) -> Created {
    report(section(|| {
        compiled_plugin(wasm, functions, wanted).and_then(|compiled| instance(&compiled))
    }))
}

/// Compiles a plug-in.
pub(crate) fn compiled(
    wasm: Slice<'_, u8>,
    functions: Result<Vec<Function>, Failure>,
    wanted: Result<Wanted, Failure>,
) -> Created {
    report(section(|| {
        compiled_plugin(wasm, functions, wanted).and_then(|compiled| {
            COMPILED
                .insert(compiled)
                .map_err(|_| Failure::Compile(too_many()))
        })
    }))
}

/// Makes an instance of a compiled plug-in.
pub(crate) fn from_compiled(compiled: Handle) -> Created {
    report(match COMPILED.get(compiled) {
        Some(compiled) => section(|| instance(&compiled)),
        None => Err(Failure::Create(Error::new(
            ErrorKind::Closed,
            "the compiled plug-in is NULL or was freed",
        ))),
    })
}

/// Frees a compiled plug-in. Its instances stay.
pub(crate) fn free_compiled(compiled: Handle) {
    COMPILED.remove(compiled);
}

fn compiled_plugin(
    wasm: Slice<'_, u8>,
    functions: Result<Vec<Function>, Failure>,
    wanted: Result<Wanted, Failure>,
) -> Result<Compiled, Failure> {
    // If the library was loaded without running the initializer of `exports`.
    heed_forks();
    let functions = functions?;
    let Wanted {
        choice,
        mut options,
    } = wanted?;
    options.functions = functions;
    let wasm = wasm.map_err(|bad| {
        let text = bad.about("the plug-in");
        Failure::Compile(Error::new(ErrorKind::Argument, text))
    })?;
    let manifest = Manifest::parse(wasm).map_err(Failure::Compile)?;
    tracing::trace!(target: "extism::plugin", "compiling a plug-in for {}", choice.name());
    Compiled::new(&choice, &manifest, &options).map_err(Failure::Compile)
}

fn instance(compiled: &Compiled) -> Result<Handle, Failure> {
    let made = Plugin::new(compiled).map_err(Failure::Create)?;
    let id = made.id();
    match plugin::keep(made, compiled) {
        Handle::NULL => Err(Failure::Create(too_many())),
        handle => {
            let id = id.to_string();
            tracing::trace!(target: "extism::plugin", plugin = id, "plug-in made");
            Ok(handle)
        }
    }
}

fn report(outcome: Result<Handle, Failure>) -> Created {
    match outcome {
        Ok(handle) => {
            KIND.set(kinds::NONE);
            (handle, None)
        }
        Err(failure) => {
            KIND.set(kinds::number(failure.kind()));
            let text = failure.text();
            tracing::error!(target: "extism::plugin", "{text}");
            (Handle::NULL, Some(texts::hand_out(text)))
        }
    }
}

#[cold]
fn too_many() -> Error {
    let message = "there are too many plug-ins: a process can have about a million at a time";
    Error::new(ErrorKind::Engine, message)
}
