//! One module, made ready as the modules of plug-ins are, for those who drive an engine themselves:
//! the WebAssembly specification's test suite, and tools that compare engines.
//!
//! It does not link: what the module imports is the caller's to find. Invariant: what an engine gets
//! from here is what it gets when a plug-in is compiled; and an engine that is opened for what such a module uses would
//! take it.

use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        proposals::Proposals,
    },
    build::{program, source},
    cache::Store,
    engine::{erased::DynEngine, program::Import},
    module::{Module, Terms, bounds::Bounds, uses},
};

/// A module that is ready for an engine.
#[derive(Debug)]
pub struct Ready {
    /// The binary: valid, without a start section, and rewritten where the engine needs it.
    pub wasm: Vec<u8>,
    /// What the module imports, in order: names of a module and of an export of it.
    pub imports: Vec<(Box<str>, Box<str>)>,
    /// What follows these imports: a function of core's own, if any.
    pub further: Option<Import>,
    /// The export that must be entered once after instantiation, if any.
    pub start: Option<&'static str>,
}

/// Reads a module, binary or text, for `engine`.
///
/// # Errors
/// `InvalidModule`, or `Unsupported` if it needs what the engine does not have.
pub fn ready(engine: &dyn DynEngine, wasm: &[u8]) -> Result<Ready> {
    let name = "main";
    let bytes = source::binary(wasm.into(), 0)?;
    let proposals = engine.capabilities().proposals;
    let terms = Terms {
        proposals,
        forbidden: Proposals::NONE,
        engine: engine.name(),
        bounds: &Bounds::default(),
    };
    let module = Module::read(bytes, &terms, name)?;
    module.validate(&terms, name)?;
    let uses: Vec<_> = uses::of(&module, &Store::default()).iter().collect();
    let enough = module.validate(
        &Terms {
            proposals: &uses,
            ..terms
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
