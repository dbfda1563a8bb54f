//! Reads a WebAssembly binary: lists its imports and exports, validates it, and takes its start
//! section out.
//!
//! Validation happens here, before any engine sees the bytes, with the proposals of the chosen
//! engine: so the same bytes give the same error text on every engine. It is a step of its own, as is
//! rewriting: code from the compile cache needs neither. A start section would run inside an engine's
//! instantiation, where limits and memories are not in place yet; it becomes an exported function that
//! core enters itself.
//!
//! It does not know where modules come from, nor how imports are resolved.

pub(crate) mod bounds;
pub(crate) mod exports;
mod interface;
pub(crate) mod tables;
mod units;

pub(crate) use self::units::{ByUnit, Unit, UnitId, Units};

use std::{borrow::Cow, fmt, sync::Arc};

use polyextism_transform::{meter, per_call, start};
use wasmparser::{FuncType, GlobalType, MemoryType, TableType, ValType, Validator, WasmFeatures};

use crate::{
    base::{
        capabilities::Proposal,
        error::{Error, ErrorKind, Result},
        types::{NumType, Signature},
    },
    module::{bounds::Bounds, exports::Exports, interface::Interface},
};

/// The export name that a module's former start function gets. Names of guests may be anything,
/// so a module that uses it already is refused.
const START: &str = "polyextism:start";

/// What a component has in the place of the version of a module.
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];

/// What every engine offers.
pub(crate) fn common_features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::FLOATS
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::GC_TYPES
}

pub(crate) fn feature(proposal: Proposal) -> WasmFeatures {
    match proposal {
        Proposal::Simd => WasmFeatures::SIMD,
        Proposal::TailCall => WasmFeatures::TAIL_CALL,
        Proposal::RelaxedSimd => WasmFeatures::RELAXED_SIMD,
        Proposal::Memory64 => WasmFeatures::MEMORY64,
        Proposal::WideArithmetic => WasmFeatures::WIDE_ARITHMETIC,
    }
}

/// Proposals that a module may need, with the words for the message that refuses it.
pub(crate) const NAMED_FEATURES: &[(WasmFeatures, &str)] = &[
    (WasmFeatures::SIMD, "SIMD"),
    (WasmFeatures::RELAXED_SIMD, "relaxed SIMD"),
    (WasmFeatures::TAIL_CALL, "tail calls"),
    (WasmFeatures::THREADS, "threads"),
    (WasmFeatures::MEMORY64, "memory64"),
    (WasmFeatures::EXCEPTIONS, "exceptions"),
    (WasmFeatures::FUNCTION_REFERENCES, "function references"),
    (WasmFeatures::GC, "garbage collection"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes"),
    (WasmFeatures::STACK_SWITCHING, "stack switching"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "legacy exceptions"),
    (WasmFeatures::CUSTOM_DESCRIPTORS, "custom descriptors"),
];

/// The type of an import or export.
#[derive(Clone, Debug)]
pub(crate) enum ExternType {
    Function(Arc<FuncType>),
    Global(GlobalType),
    Memory(MemoryType),
    Table(TableType),
    Tag,
}

/// An import as the module declares it.
#[derive(Clone, Debug)]
pub(crate) struct ImportDecl {
    pub(crate) module: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) ty: ExternType,
}

/// A module that was read.
#[derive(Debug)]
pub(crate) struct Module<'a> {
    /// The binary as it came.
    pub(crate) raw: Cow<'a, [u8]>,
    pub(crate) imports: Vec<ImportDecl>,
    pub(crate) exports: Exports,
    /// The export that must be entered once after instantiation.
    pub(crate) start: Option<&'static str>,
    /// Whether what is compiled has functions of its own.
    pub(crate) has_code: bool,
    /// How many memories it has, with those that it imports.
    pub(crate) memories: usize,
    /// Those that it does not import.
    pub(crate) own_memories: Vec<MemoryType>,
    /// What becomes of the binary before it is compiled.
    pub(crate) steps: Steps,
}

/// What [`Module::rewritten`] does to a binary.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Steps {
    /// The function of a start section that is to be an export.
    start_function: Option<u32>,
    /// What calls of its functions start from.
    pub(crate) state: State,
}

/// What calls of the functions of a module start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// What earlier calls left.
    Kept,
    /// The state of a fresh instance. Other modules can import functions of it only.
    Fresh,
}

/// What a module must be to be taken.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// What the engine offers.
    pub(crate) proposals: &'a [Proposal],
    /// Its name, for messages.
    pub(crate) engine: &'a str,
    pub(crate) bounds: &'a Bounds,
}

impl Terms<'_> {
    /// # Errors
    /// As [`Module::validate`].
    fn check(&self, wasm: &[u8], name: &str) -> Result<()> {
        self.bounds.check(wasm, name)?;
        let features = (self.proposals.iter().copied().map(feature))
            .fold(common_features(), |features, more| features | more);
        match Validator::new_with_features(features).validate_all(wasm) {
            Ok(_) => Ok(()),
            Err(error) => Err(refuse(wasm, features, self.engine, name, &error)),
        }
    }
}

impl<'a> Module<'a> {
    /// Reads a binary; `name` is the module's, for messages. It may still be invalid.
    ///
    /// # Errors
    /// As [`Module::validate`], if that is known already.
    pub(crate) fn read(raw: Cow<'a, [u8]>, terms: &Terms<'_>, name: &str) -> Result<Self> {
        if !raw.starts_with(b"\0asm") {
            return Err(invalid(
                name,
                "it does not start with the magic bytes `\\0asm`",
            ));
        }
        if raw.get(4..8) == Some(&COMPONENT) {
            let why = "it is a component; plug-ins are core modules, such as the targets wasm32-wasip1 and \
                       wasm32-unknown-unknown make";
            return Err(invalid(name, why));
        }
        let Ok(interface) = Interface::read(&raw, terms.bounds) else {
            terms.check(&raw, name)?;
            return Err(invalid(name, "its sections cannot be read"));
        };
        Ok(Self {
            raw,
            imports: interface.imports,
            exports: Exports::new(interface.exports),
            start: interface.start.map(|_| START),
            has_code: interface.has_code,
            memories: interface.memories,
            own_memories: interface.own_memories,
            steps: Steps {
                start_function: interface.start,
                state: State::Kept,
            },
        })
    }

    /// Refuses a module that is not what it must be.
    ///
    /// # Errors
    /// `InvalidModule`, also if it has more than the bounds allow; or `Unsupported` if it needs a
    /// proposal that the engine does not offer.
    pub(crate) fn validate(&self, terms: &Terms<'_>, name: &str) -> Result<()> {
        terms.check(&self.raw, name)?;
        let start = self.start.map(|_| START);
        for reserved in meter::EXPORTS.into_iter().chain(start) {
            if self.export(reserved).is_some() {
                let why = format!("the export name `{reserved}` is reserved");
                return Err(invalid(name, why));
            }
        }
        Ok(())
    }

    /// The same module, each call of whose exported functions starts from the state of a fresh
    /// instance.
    pub(crate) fn with_fresh_calls(self) -> Self {
        Self {
            start: None,
            has_code: true,
            steps: Steps {
                state: State::Fresh,
                ..self.steps
            },
            ..self
        }
    }

    /// The binary of a valid module as it is to be compiled; `name` is the module's, for messages.
    ///
    /// # Errors
    /// `InvalidModule` if it cannot be written down again.
    pub(crate) fn rewritten(&self, name: &str) -> Result<Cow<'_, [u8]>> {
        let wasm = match self.steps.start_function {
            None => Cow::Borrowed(&*self.raw),
            Some(function) => {
                let wasm = start::export(&self.raw, function, START);
                Cow::Owned(wasm.map_err(|error| invalid(name, error))?)
            }
        };
        match self.steps.state {
            State::Kept => Ok(wasm),
            State::Fresh => {
                let start = self.steps.start_function.map(|_| START);
                let wasm = per_call::rewrite(&wasm, start);
                let wasm = wasm.map_err(|error| invalid(name, error))?;
                Ok(Cow::Owned(wasm))
            }
        }
    }

    pub(crate) fn export(&self, name: &str) -> Option<&ExternType> {
        self.exports.find(name)
    }

    pub(crate) fn functions(&self) -> impl Iterator<Item = (&str, &FuncType)> {
        self.exports.iter().filter_map(|(name, ty)| match ty {
            ExternType::Function(ty) => Some((name, &**ty)),
            _ => None,
        })
    }
}

/// Which proposals are missing, if the module is valid with all of them; else what is wrong with it.
#[cold]
fn refuse(
    wasm: &[u8],
    features: WasmFeatures,
    engine: &str,
    name: &str,
    error: &wasmparser::BinaryReaderError,
) -> Error {
    let valid = |features| {
        let types = Validator::new_with_features(features).validate_all(wasm);
        types.is_ok()
    };
    let named = NAMED_FEATURES.iter().map(|(feature, _)| *feature);
    let all = named.fold(features, |features, more| features | more);
    if !valid(all) {
        return invalid(name, error);
    }
    // Of several that would do, the one that is listed first is named.
    let mut needed = all;
    for (feature, _) in NAMED_FEATURES.iter().rev() {
        if !features.contains(*feature) && valid(needed - *feature) {
            needed -= *feature;
        }
    }
    let missing = NAMED_FEATURES
        .iter()
        .filter(|(feature, _)| !features.contains(*feature) && needed.contains(*feature));
    let missing: Vec<_> = missing.map(|(_, what)| *what).collect();
    let missing = missing.join(" and no ");
    Error::new(
        ErrorKind::Unsupported,
        format!("engine `{engine}` has no {missing}, which module `{name}` needs"),
    )
}

#[cold]
fn invalid(name: &str, why: impl fmt::Display) -> Error {
    Error::new(
        ErrorKind::InvalidModule,
        format!("module `{name}` is not a valid WebAssembly module: {why}"),
    )
}

/// The signature of a function type, if all of its types are numbers.
pub(crate) fn signature(ty: &FuncType) -> Option<Signature> {
    let numbers = |types: &[ValType]| {
        let number = |ty: &ValType| match ty {
            ValType::I32 => Some(NumType::I32),
            ValType::I64 => Some(NumType::I64),
            ValType::F32 => Some(NumType::F32),
            ValType::F64 => Some(NumType::F64),
            _ => None,
        };
        types.iter().map(number).collect::<Option<Box<[_]>>>()
    };
    Some(Signature {
        params: numbers(ty.params())?,
        results: numbers(ty.results())?,
    })
}

/// A function type in the notation of the WebAssembly text format.
pub(crate) struct TypeText<'a>(pub(crate) &'a FuncType);

impl fmt::Display for TypeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(func")?;
        for (word, types) in [("param", self.0.params()), ("result", self.0.results())] {
            if !types.is_empty() {
                write!(f, " ({word}")?;
                for ty in types {
                    write!(f, " {ty}")?;
                }
                f.write_str(")")?;
            }
        }
        f.write_str(")")
    }
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(ty) => TypeText(ty).fmt(f),
            Self::Global(ty) if ty.mutable => write!(f, "(global (mut {}))", ty.content_type),
            Self::Global(ty) => write!(f, "(global {})", ty.content_type),
            Self::Memory(ty) => {
                write!(f, "(memory {}", ty.initial)?;
                limits_end(f, ty.maximum)
            }
            Self::Table(ty) => {
                write!(f, "(table {}", ty.initial)?;
                match ty.maximum {
                    Some(maximum) => write!(f, " {maximum} {})", ty.element_type),
                    None => write!(f, " {})", ty.element_type),
                }
            }
            Self::Tag => f.write_str("(tag)"),
        }
    }
}

fn limits_end(f: &mut fmt::Formatter<'_>, maximum: Option<u64>) -> fmt::Result {
    match maximum {
        Some(maximum) => write!(f, " {maximum})"),
        None => f.write_str(")"),
    }
}

#[cfg(test)]
mod tests;
