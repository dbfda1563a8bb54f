//! Compiled modules as bytes, and back.
//!
//! This file does not know where the bytes are stored. It has the unsafe code that loads them: wasmtime checks that
//! they come from this version with these settings, and trusts everything else.

#![allow(unsafe_code, reason = "see SAFETY")]

use polyextism_core::backend::{Artifact, Error, ErrorKind, Result};
use wasmtime::{Engine, Module};

use crate::engines::Engines;

/// A module as bytes.
pub(crate) fn save(module: &Module) -> Result<Vec<u8>> {
    module.serialize().map_err(|source| {
        let message = "the engine cannot save compiled code";
        Error::new(ErrorKind::Engine, message).with_source(source)
    })
}

/// Loads a saved module. Its code is mapped, and pages are read on use.
pub(crate) fn load(engines: &Engines, artifact: Artifact) -> Result<Module> {
    let file = artifact.into_file()?;
    let module = engines.either(|engine| {
        let file = file.try_clone()?;
        // SAFETY: The file begins with the exact result of `save` for an equal engine: an `Artifact` returns
        // nothing else, and comes from a file that only this user can write. The bytes after it are not used. Such
        // files never change: they are replaced by others.
        unsafe { Module::deserialize_open_file(engine, file) }
    });
    module.map_err(|source| {
        let message = "the engine does not take the compiled code";
        Error::new(ErrorKind::Engine, message).with_source(source)
    })
}

/// The same module for an engine with the same settings.
pub(crate) fn moved(module: &Module, engine: &Engine) -> Result<Module> {
    if Engine::same(module.engine(), engine) {
        return Ok(module.clone());
    }
    let bytes = save(module)?;
    // SAFETY: The bytes were just made from a module of this process.
    let moved = unsafe { Module::deserialize(engine, bytes) };
    moved.map_err(|source| {
        let message = "the engine does not take the compiled code of another one";
        Error::new(ErrorKind::Engine, message).with_source(source)
    })
}
