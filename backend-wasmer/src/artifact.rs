//! Compiled modules as bytes, and back.
//!
//! This file does not know where the bytes lie. It holds the unsafe code that makes them run: wasmer
//! believes everything about them but the features of the processor.

#![allow(unsafe_code, reason = "see SAFETY")]

use std::hash::{Hash, Hasher};

use bytes::Bytes;
use memmap2::MmapOptions;
use polyextism_core::backend::{Artifact, Error, ErrorKind, Result, address_space};
use wasmer::{
    Engine, Module,
    sys::{CpuFeature, NativeEngineExt as _},
};

/// What decides about the code beside the compiler and its version. What the compilers are set to is
/// a constant of this version.
pub(crate) fn fingerprint(engine: &Engine, mut state: &mut dyn Hasher) {
    engine.deterministic_id().hash(&mut state);
    engine.target().triple().to_string().hash(&mut state);
    CpuFeature::for_host().as_u64().hash(&mut state);
    // How much memories reserve decides which checks their code has.
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

/// The module that was saved. The file is mapped; code is copied from there, so all of it is needed.
pub(crate) fn load(engine: &Engine, artifact: Artifact) -> Result<Module> {
    let file = artifact.into_file()?;
    // SAFETY: Files of the cache never change: they are replaced by others, and nobody but this user can write
    // there.
    let mapped = unsafe { MmapOptions::new().populate().map(&file) };
    let mapped = mapped.map_err(|source| {
        let message = "compiled code in the cache cannot be mapped";
        Error::new(ErrorKind::Engine, message).with_source(source)
    })?;
    // SAFETY: The bytes begin with what `save` returned for an engine like this one, on such a processor, byte
    // for byte: an `Artifact` gives nothing else away. So their layout, which is not looked at again, is that of
    // this version. It says how long they are; what lies behind is not referred to.
    let module = unsafe { Module::deserialize_unchecked(engine, Bytes::from_owner(mapped)) };
    module.map_err(|source| {
        let message = "the engine does not take the compiled code";
        Error::new(ErrorKind::Engine, message).with_source(source)
    })
}
