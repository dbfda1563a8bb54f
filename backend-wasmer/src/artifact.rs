//! Compiled modules as bytes, and back.
//!
//! This file does not know where the bytes are stored. It has the unsafe code that loads them: wasmer checks only
//! the features of the processor and trusts everything else.

#![allow(unsafe_code, reason = "see SAFETY")]

use std::hash::{Hash, Hasher};

use bytes::Bytes;
use memmap2::MmapOptions;
use polyextism_core::backend::{Artifact, Error, ErrorKind, Result, address_space};
use wasmer::{
    Engine, Module,
    sys::{CpuFeature, NativeEngineExt as _},
};

/// Everything that code depends on beside the compiler and its version. The configuration of the compilers is fixed
/// in this version.
pub(crate) fn fingerprint(engine: &Engine, mut state: &mut dyn Hasher) {
    engine.deterministic_id().hash(&mut state);
    engine.target().triple().to_string().hash(&mut state);
    CpuFeature::for_host().as_u64().hash(&mut state);
    // The reserved size of memories decides which bounds checks the code has.
    address_space::room().hash(&mut state);
}

/// A module as bytes.
pub(crate) fn save(module: &Module) -> Result<Vec<u8>> {
    match module.serialize() {
        Ok(bytes) => Ok(bytes.into()),
        Err(source) => {
            let message = "the engine cannot save compiled code";
            Err(Error::new(ErrorKind::Engine, message).with_source(source))
        }
    }
}

/// Loads a saved module. The file is mapped, and all code is copied from it.
pub(crate) fn load(engine: &Engine, artifact: Artifact) -> Result<Module> {
    let file = artifact.into_file()?;
    // SAFETY: Files of the cache never change: they are replaced by others, and only this user can write there.
    let mapped = unsafe { MmapOptions::new().populate().map(&file) };
    let mapped = mapped.map_err(|source| {
        let message = "compiled code in the cache cannot be mapped";
        Error::new(ErrorKind::Engine, message).with_source(source)
    })?;
    // SAFETY: The bytes begin with the exact result of `save` for an equal engine on an equal processor: an
    // `Artifact` returns nothing else. So their layout, which is not checked again, is that of this version. It
    // contains their length; the bytes after it are not used.
    let module = unsafe { Module::deserialize_unchecked(engine, Bytes::from_owner(mapped)) };
    module.map_err(|source| {
        let message = "the engine does not take the compiled code";
        Error::new(ErrorKind::Engine, message).with_source(source)
    })
}
