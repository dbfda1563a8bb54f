//! Prepares one module like the modules of plug-ins, for programs that drive an engine themselves: the WebAssembly
//! specification's test suite, and tools that compare engines.
//!
//! It does not link; the caller resolves imports. Invariant: an engine gets the same bytes as for a plug-in, and an
//! engine that is opened for the proposals of the module accepts them.

use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        proposals::Proposals,
    },
    build::{program, source},
    cache::Store,
    engine::{erased::DynEngine, program::Import},
    module::{Module, Requirements, bounds::Bounds, uses},
};

/// A module that an engine can compile.
#[derive(Debug)]
pub struct Ready {
    /// The binary: valid, without a start section, and rewritten for the engine.
    pub wasm: Vec<u8>,
    /// The imports of the module, in order: names of a module and of an export.
    pub imports: Vec<(Box<str>, Box<str>)>,
    /// An import that core adds after these, if any.
    pub further: Option<Import>,
    /// The export that must be called once after instantiation, if any.
    pub start: Option<&'static str>,
}

/// Reads a module, binary or text, for `engine`.
///
/// # Errors
/// `InvalidModule`, or `Unsupported` if it needs a proposal that the engine does not have.
pub fn ready(engine: &dyn DynEngine, wasm: &[u8]) -> Result<Ready> {
    let name = "main";
    let bytes = source::binary(wasm.into(), 0)?;
    let proposals = engine.capabilities().proposals;
    let requirements = Requirements {
        proposals,
        forbidden: Proposals::NONE,
        engine: engine.name(),
        bounds: &Bounds::default(),
    };
    let module = Module::read(bytes, &requirements, name)?;
    module.validate(&requirements, name)?;
    let uses: Vec<_> = uses::of(&module, &Store::default()).iter().collect();
    let enough = module.validate(
        &Requirements {
            proposals: &uses,
            ..requirements
        },
        name,
    );
    if let Err(error) = enough {
        let message = format!("module `{name}` uses more than {uses:?}");
        return Err(Error::new(ErrorKind::Engine, message).with_source(error));
    }
    let rewritten = module.rewritten(name)?;
    let (wasm, further) = program::rewritten(engine, name, &rewritten)?;
    let wasm = wasm.into_owned();
    drop(rewritten);
    let imports = module.imports.into_iter();
    Ok(Ready {
        wasm,
        imports: imports.map(|import| (import.module, import.name)).collect(),
        further,
        start: module.start,
    })
}
