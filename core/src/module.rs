//! Reads a WebAssembly binary: validates it, lists its imports and exports, and takes its start
//! section out.
//!
//! Validation happens here, before any engine sees the bytes, with the proposals of the chosen
//! engine: so the same bytes give the same error text on every engine. A start section would run
//! inside an engine's instantiation, where limits and memories are not in place yet; it becomes an
//! exported function that core enters itself.
//!
//! It does not know where modules come from, nor how imports are resolved.

pub(crate) mod bounds;
mod per_call;
pub(crate) mod tables;

use std::{borrow::Cow, fmt};

use wasmparser::{
    FuncType, GlobalType, MemoryType, Parser, Payload, TableType, ValType, Validator, WasmFeatures,
    types::EntityType,
};

use crate::{
    budget,
    engine::types::{NumType, Proposal, Signature},
    error::{Error, ErrorKind, Result},
    module::bounds::Bounds,
};

/// The export name that a module's former start function gets. Names of guests may be anything,
/// so a module that uses it already is refused.
const START: &str = "polyextism:start";

/// What every engine offers (DESIGN.md part 3).
fn common_features() -> WasmFeatures {
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

fn feature(proposal: Proposal) -> WasmFeatures {
    match proposal {
        Proposal::Simd => WasmFeatures::SIMD,
        Proposal::TailCall => WasmFeatures::TAIL_CALL,
        Proposal::RelaxedSimd => WasmFeatures::RELAXED_SIMD,
        Proposal::Memory64 => WasmFeatures::MEMORY64,
        Proposal::WideArithmetic => WasmFeatures::WIDE_ARITHMETIC,
    }
}

/// Proposals that a module may need, with the words for the message that refuses it.
const NAMED_FEATURES: &[(WasmFeatures, &str)] = &[
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
];

/// The type of an import or export.
#[derive(Clone, Debug)]
pub(crate) enum ExternType {
    Function(FuncType),
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

/// A module that was read: valid, and without a start section.
#[derive(Debug)]
pub(crate) struct Module<'a> {
    pub(crate) wasm: Cow<'a, [u8]>,
    pub(crate) imports: Vec<ImportDecl>,
    pub(crate) exports: Vec<(Box<str>, ExternType)>,
    /// The export that must be entered once after instantiation.
    pub(crate) start: Option<&'static str>,
    /// What calls of its functions start from.
    pub(crate) state: State,
}

/// What calls of the functions of a module start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// What earlier calls left.
    Kept,
    /// The state of a fresh instance. Other modules can import functions of it only.
    Fresh,
}

impl<'a> Module<'a> {
    /// Reads a binary for an engine that offers `proposals`; `name` is the module's, for messages.
    ///
    /// # Errors
    /// `InvalidModule`, also if it has more than `bounds` allow; or `Unsupported` if it needs a proposal that `engine` does not offer.
    pub(crate) fn read(
        wasm: Cow<'a, [u8]>,
        proposals: &[Proposal],
        engine: &str,
        name: &str,
        bounds: &Bounds,
    ) -> Result<Self> {
        if !wasm.starts_with(b"\0asm") {
            return Err(invalid(
                name,
                "it does not start with the magic bytes `\\0asm`",
            ));
        }
        bounds.check(&wasm, name)?;
        let features = (proposals.iter().copied().map(feature))
            .fold(common_features(), |features, more| features | more);
        let types = match Validator::new_with_features(features).validate_all(&wasm) {
            Ok(types) => types,
            Err(error) => return Err(refuse(&wasm, features, engine, name, &error)),
        };
        let types = types.as_ref();
        let extern_type = |entity| match entity {
            EntityType::Func(id) | EntityType::FuncExact(id) => {
                ExternType::Function(types[id].unwrap_func().clone())
            }
            EntityType::Global(ty) => ExternType::Global(ty),
            EntityType::Memory(ty) => ExternType::Memory(ty),
            EntityType::Table(ty) => ExternType::Table(ty),
            EntityType::Tag(_) => ExternType::Tag,
        };
        let mut imports = Vec::new();
        let mut start = None;
        for payload in Parser::new(0).parse_all(&wasm) {
            match payload.map_err(|error| invalid(name, error))? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(|error| invalid(name, error))?;
                        let ty = types
                            .entity_type_from_import(&import)
                            .expect("the import section was validated");
                        imports.push(ImportDecl {
                            module: import.module.into(),
                            name: import.name.into(),
                            ty: extern_type(ty),
                        });
                    }
                }
                Payload::StartSection { func, .. } => start = Some(func),
                Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        let exports: Vec<_> = types
            .core_exports()
            .expect("a core module was validated")
            .map(|(name, ty)| (name.into(), extern_type(ty)))
            .collect();
        let is_reserved = |(export, _): &&(Box<str>, _)| budget::EXPORTS.contains(&&**export);
        if let Some((export, _)) = exports.iter().find(is_reserved) {
            return Err(reserved(name, export));
        }
        let wasm = match start {
            None => wasm,
            Some(function) => Cow::Owned(export_start(&wasm, function, name)?),
        };
        Ok(Self {
            wasm,
            imports,
            exports,
            start: start.map(|_| START),
            state: State::Kept,
        })
    }

    /// The same module, each call of whose exported functions starts from the state of a fresh
    /// instance; `name` is the module's, for messages.
    ///
    /// # Errors
    /// `InvalidModule` if it cannot be written down again.
    pub(crate) fn with_fresh_calls(self, name: &str) -> Result<Self> {
        let wasm = per_call::rewrite(&self.wasm, self.start);
        let wasm = wasm.map_err(|error| invalid(name, error))?;
        Ok(Self {
            wasm: Cow::Owned(wasm),
            start: None,
            state: State::Fresh,
            ..self
        })
    }

    pub(crate) fn export(&self, name: &str) -> Option<&ExternType> {
        let (_, ty) = self.exports.iter().find(|(export, _)| **export == *name)?;
        Some(ty)
    }

    pub(crate) fn functions(&self) -> impl Iterator<Item = (&str, &FuncType)> {
        self.exports.iter().filter_map(|(name, ty)| match ty {
            ExternType::Function(ty) => Some((&**name, ty)),
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
    let missing: Vec<_> = NAMED_FEATURES
        .iter()
        .filter(|(feature, _)| !features.contains(*feature) && !valid(all - *feature))
        .map(|(_, what)| *what)
        .collect();
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

#[cold]
fn reserved(name: &str, export: &str) -> Error {
    invalid(name, format_args!("the export name `{export}` is reserved"))
}

/// The same binary without its start section, with `function` exported instead.
fn export_start(wasm: &[u8], function: u32, name: &str) -> Result<Vec<u8>> {
    use wasm_encoder::{
        ExportKind, ExportSection, RawSection, SectionId,
        reencode::{Reencode, RoundtripReencoder},
    };

    let mut out = wasm_encoder::Module::new();
    let mut exports = ExportSection::new();
    let mut exported = false;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|error| invalid(name, error))?;
        if let Payload::ExportSection(section) = &payload {
            for export in section.clone() {
                let export = export.map_err(|error| invalid(name, error))?;
                if export.name == START {
                    return Err(reserved(name, START));
                }
            }
            RoundtripReencoder
                .parse_export_section(&mut exports, section.clone())
                .map_err(|error| invalid(name, error))?;
            exports.export(START, ExportKind::Func, function);
            out.section(&exports);
            exported = true;
            continue;
        }
        if let Payload::StartSection { .. } = payload {
            if !exported {
                exports.export(START, ExportKind::Func, function);
                out.section(&exports);
                exported = true;
            }
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            debug_assert_ne!(id, SectionId::Start as u8);
            let data = &wasm[range.start as usize..range.end as usize];
            out.section(&RawSection { id, data });
        }
    }
    Ok(out.finish())
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
