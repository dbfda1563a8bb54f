//! Reads a WebAssembly binary: lists its imports and exports, validates it, and removes its start section.
//!
//! Validation happens here, before any engine gets the bytes, with the proposals of the chosen engine. So the same
//! bytes give the same error text on every engine. Validation and rewriting are separate steps, because code from
//! the compile cache needs neither. A start section would run inside an engine's instantiation, where limits and
//! memories are not ready; it becomes an exported function that core calls itself.
//!
//! It may import the folders up to `services` in the list of `lib.rs`. It does not know where modules come from,
//! nor how imports are resolved.

pub(crate) mod bounds;
mod canonical;
pub(crate) mod exports;
mod interface;
pub(crate) mod tables;
mod text;
mod units;
pub(crate) mod uses;

pub(crate) use self::{
    text::TypeText,
    units::{ByUnit, Unit, UnitId, Units},
};

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
};

use polyextism_transform::{legacy, meter, parallel, per_call, start};
use wasmparser::{
    FuncToValidate, FuncType, FuncValidatorAllocations, GlobalType, MemoryType, Parser, TableType,
    ValType, ValidPayload, Validator, WasmFeatures,
};

use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        proposals::{Proposal, Proposals},
        types::{NumType, Signature},
    },
    cache::key::Key,
    module::{bounds::Bounds, canonical::Canonical, exports::Exports, interface::Interface},
};

/// The export name of a former start function. A module that already has an export of this name is refused.
const START: &str = "polyextism:start";

/// The version field of a component.
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];

/// The default page size of a memory, as a power of two.
const PAGE_LOG2: u32 = 16;

/// The features of the validator for a set of proposals.
pub(crate) fn features(proposals: Proposals) -> WasmFeatures {
    let always = WasmFeatures::FLOATS | WasmFeatures::GC_TYPES;
    let features = proposals.iter().map(feature);
    features.fold(always, |features, more| features | more)
}

pub(crate) fn feature(proposal: Proposal) -> WasmFeatures {
    match proposal {
        Proposal::Simd => WasmFeatures::SIMD,
        Proposal::RelaxedSimd => WasmFeatures::RELAXED_SIMD,
        Proposal::TailCall => WasmFeatures::TAIL_CALL,
        Proposal::Threads => WasmFeatures::THREADS,
        Proposal::Memory64 => WasmFeatures::MEMORY64,
        Proposal::Exceptions => WasmFeatures::EXCEPTIONS,
        Proposal::FunctionReferences => WasmFeatures::FUNCTION_REFERENCES,
        Proposal::Gc => WasmFeatures::GC,
        Proposal::WideArithmetic => WasmFeatures::WIDE_ARITHMETIC,
        Proposal::CustomPageSizes => WasmFeatures::CUSTOM_PAGE_SIZES,
        Proposal::StackSwitching => WasmFeatures::STACK_SWITCHING,
        Proposal::LegacyExceptions => WasmFeatures::LEGACY_EXCEPTIONS,
        Proposal::CustomDescriptors => WasmFeatures::CUSTOM_DESCRIPTORS,
        Proposal::BulkMemory => WasmFeatures::BULK_MEMORY,
        Proposal::ExtendedConst => WasmFeatures::EXTENDED_CONST,
        Proposal::MultiMemory => WasmFeatures::MULTI_MEMORY,
        Proposal::MultiValue => WasmFeatures::MULTI_VALUE,
        Proposal::MutableGlobals => WasmFeatures::MUTABLE_GLOBAL,
        Proposal::ReferenceTypes => WasmFeatures::REFERENCE_TYPES,
        Proposal::SaturatingConversions => WasmFeatures::SATURATING_FLOAT_TO_INT,
        Proposal::SignExtension => WasmFeatures::SIGN_EXTENSION,
    }
}

/// The type of an import or export.
#[derive(Clone, Debug)]
pub(crate) enum ExternType {
    Function(FunctionType),
    Global(GlobalType),
    Memory(MemoryType),
    Table(TableType),
    /// The values of an exception are parameters.
    Tag(FunctionType),
}

/// The type of a function, in the index space of its module.
#[derive(Clone, Debug)]
pub(crate) struct FunctionType {
    ty: Arc<FuncType>,
    index: u32,
    /// Whether it equals every other plain type with the same parameters and results, in any module.
    is_plain: bool,
}

impl std::ops::Deref for FunctionType {
    type Target = FuncType;

    fn deref(&self) -> &FuncType {
        &self.ty
    }
}

/// A declared import.
#[derive(Clone, Debug)]
pub(crate) struct ImportDecl {
    pub(crate) module: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) ty: ExternType,
}

/// A module that was read.
#[derive(Debug)]
pub(crate) struct Module<'a> {
    /// The original binary.
    pub(crate) raw: Cow<'a, [u8]>,
    key: OnceLock<Key>,
    canonical: OnceLock<Canonical>,
    /// The proposals that it uses, if they were determined.
    uses: OnceLock<Proposals>,
    pub(crate) imports: Vec<ImportDecl>,
    pub(crate) exports: Exports,
    /// The export that must be called once after instantiation.
    pub(crate) start: Option<&'static str>,
    /// Whether the compiled module has functions of its own.
    pub(crate) has_code: bool,
    /// The number of memories, including imported ones.
    pub(crate) memories: usize,
    /// The memories without imported ones.
    pub(crate) own_memories: Vec<MemoryType>,
    /// The steps that rewrite the binary before it is compiled.
    pub(crate) steps: Steps,
}

/// The steps of [`Module::rewritten`].
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Steps {
    /// The function of the start section, which becomes an export.
    start_function: Option<u32>,
    /// The state at the start of calls.
    pub(crate) state: CallState,
}

/// The state of a module at the start of calls of its functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CallState {
    /// The state that earlier calls left.
    Kept,
    /// The state of a fresh instance. Other modules can import only functions of it.
    Fresh,
}

/// The requirements on a module.
#[derive(Clone, Copy)]
pub(crate) struct Requirements<'a> {
    /// The proposals of the engine beyond [`Proposal::COMMON`].
    pub(crate) proposals: &'a [Proposal],
    /// Proposals that modules must not use, even if the engine has them.
    pub(crate) forbidden: Proposals,
    /// Its name, for messages.
    pub(crate) engine: &'a str,
    pub(crate) bounds: &'a Bounds,
}

impl Requirements<'_> {
    /// The proposals of the engine, with those that core translates.
    fn offered(&self) -> Proposals {
        let own = Proposals::of(Proposal::COMMON).union(Proposals::of(self.proposals));
        own.with_translated()
    }

    /// The proposals that modules may use.
    pub(crate) fn allowed(&self) -> Proposals {
        let legacy = Proposals::of(&[Proposal::LegacyExceptions]);
        let allowed = self.offered().without(self.forbidden);
        match allowed.contains(Proposal::Exceptions) {
            true => allowed,
            false => allowed.without(legacy),
        }
    }

    /// # Errors
    /// As [`Module::validate`].
    fn check(&self, wasm: &[u8], name: &str) -> Result<()> {
        self.bounds.check(wasm, name)?;
        let features = features(self.allowed());
        validate(wasm, features).map_err(|_| self.refuse(wasm, name))
    }
}

/// Validates a module, its functions on all processors.
///
/// # Errors
/// The error of any of its functions, not always the first one.
fn validate(wasm: &[u8], features: WasmFeatures) -> wasmparser::Result<()> {
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    // They also decide how numbers are read.
    parser.set_features(features);
    let mut functions = Vec::new();
    for payload in parser.parse_all(wasm) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            functions.push((function, body));
        }
    }
    parallel::map(&functions, wasm.len(), |(function, body)| {
        let function = FuncToValidate {
            resources: function.resources.clone(),
            ..*function
        };
        let mut validator = function.into_validator(FuncValidatorAllocations::default());
        validator.validate(body)
    })?;
    Ok(())
}

impl Requirements<'_> {
    /// The missing proposals, if the module is valid with all proposals; else the error of the validator with all of
    /// them, which is the same for every engine.
    #[cold]
    fn refuse(&self, wasm: &[u8], name: &str) -> Error {
        let validate =
            |proposals| Validator::new_with_features(features(proposals)).validate_all(wasm);
        let mut needed = Proposals::of(Proposal::ALL);
        if let Err(error) = validate(needed) {
            return invalid(name, error);
        }
        // If several would do, the first in the list is named.
        let refused = needed.without(self.allowed()).iter();
        for proposal in refused.collect::<Vec<_>>().into_iter().rev() {
            let fewer = needed.without(Proposals::of(&[proposal]));
            if validate(fewer).is_ok() {
                needed = fewer;
            }
        }
        let refused = needed.without(self.allowed());
        let missing = refused.without(self.offered());
        let named = |proposals: Proposals, between| {
            let names: Vec<_> = proposals.iter().map(Proposal::name).collect();
            names.join(between)
        };
        if missing.is_empty() {
            let forbidden = named(refused, " and ");
            let message = format!("module `{name}` uses {forbidden}, which this host forbids");
            return Error::new(ErrorKind::InvalidModule, message);
        }
        let (engine, missing) = (self.engine, named(missing, " and no "));
        Error::new(
            ErrorKind::Unsupported,
            format!("engine `{engine}` has no {missing}, which module `{name}` needs"),
        )
    }
}

impl<'a> Module<'a> {
    /// Reads a binary; `name` is the name of the module, for messages. The module may still be invalid.
    ///
    /// # Errors
    /// As [`Module::validate`], for mistakes that reading finds.
    pub(crate) fn read(
        raw: Cow<'a, [u8]>,
        requirements: &Requirements<'_>,
        name: &str,
    ) -> Result<Self> {
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
        let Ok(interface) = Interface::read(&raw, requirements.bounds) else {
            requirements.check(&raw, name)?;
            return Err(invalid(name, "its sections cannot be read"));
        };
        Ok(Self {
            raw,
            key: OnceLock::new(),
            canonical: OnceLock::new(),
            uses: OnceLock::new(),
            imports: interface.imports,
            exports: Exports::new(interface.exports),
            start: interface.start.map(|_| START),
            has_code: interface.has_code,
            memories: interface.memories,
            own_memories: interface.own_memories,
            steps: Steps {
                start_function: interface.start,
                state: CallState::Kept,
            },
        })
    }

    /// Validates the module and checks the requirements.
    ///
    /// # Errors
    /// `InvalidModule`, also if it has more than the bounds allow; or `Unsupported` if it needs a
    /// proposal that the engine does not offer.
    pub(crate) fn validate(&self, requirements: &Requirements<'_>, name: &str) -> Result<()> {
        requirements.check(&self.raw, name)?;
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
                state: CallState::Fresh,
                ..self.steps
            },
            ..self
        }
    }

    /// The rewritten binary of a valid module. `name` is the name of the module, for messages.
    ///
    /// # Errors
    /// `InvalidModule` if it cannot be encoded again.
    pub(crate) fn rewritten(&self, name: &str) -> Result<Cow<'_, [u8]>> {
        let uses = self.uses.get_or_init(|| uses::read(&self.raw));
        let wasm = match uses.contains(Proposal::LegacyExceptions) {
            false => Cow::Borrowed(&*self.raw),
            true => legacy::translate(&self.raw)
                .map_err(|error| invalid(name, error))?
                .into(),
        };
        let wasm = match self.steps.start_function {
            None => wasm,
            Some(function) => {
                let wasm = start::export(&wasm, function, START);
                Cow::Owned(wasm.map_err(|error| invalid(name, error))?)
            }
        };
        match self.steps.state {
            CallState::Kept => Ok(wasm),
            CallState::Fresh => {
                let start = self.steps.start_function.map(|_| START);
                let wasm = per_call::rewrite(&wasm, start);
                let wasm = wasm.map_err(|error| invalid(name, error))?;
                Ok(Cow::Owned(wasm))
            }
        }
    }

    /// The key of the original binary.
    pub(crate) fn key(&self) -> Key {
        *self.key.get_or_init(|| Key::of_bytes(&self.raw))
    }

    fn canonical(&self) -> &Canonical {
        self.canonical.get_or_init(|| Canonical::read(&self.raw))
    }

    /// Whether an export of this module can stand for an import of another one (WebAssembly specification, "import
    /// matching").
    pub(crate) fn fits(
        &self,
        offered: &ExternType,
        other: &Module<'_>,
        wanted: &ExternType,
    ) -> bool {
        let limits = |initial: (u64, u64), maximum: (Option<u64>, Option<u64>)| {
            initial.1 >= initial.0
                && match maximum {
                    (None, _) => true,
                    (Some(wanted), Some(offered)) => offered <= wanted,
                    (Some(_), None) => false,
                }
        };
        let equals = |own, wanted| {
            let names_a_type =
                |ty: &ValType| matches!(ty, ValType::Ref(ty) if ty.type_index().is_some());
            match names_a_type(&own) || names_a_type(&wanted) {
                false => own == wanted,
                true => self
                    .canonical()
                    .value_equals(own, other.canonical(), wanted),
            }
        };
        match (wanted, offered) {
            (ExternType::Function(wanted), ExternType::Function(offered)) => {
                match wanted.is_plain && offered.is_plain {
                    true => wanted.ty == offered.ty,
                    false => {
                        let types = other.canonical();
                        self.canonical().matches(offered.index, types, wanted.index)
                    }
                }
            }
            (ExternType::Tag(wanted), ExternType::Tag(offered)) => {
                let types = other.canonical();
                self.canonical().equals(offered.index, types, wanted.index)
            }
            (ExternType::Global(wanted), ExternType::Global(offered)) => {
                let types = (offered.content_type, wanted.content_type);
                wanted.mutable == offered.mutable
                    && wanted.shared == offered.shared
                    && (equals(types.0, types.1)
                        || !wanted.mutable
                            && self
                                .canonical()
                                .value_matches(types.0, other.canonical(), types.1))
            }
            (ExternType::Memory(wanted), ExternType::Memory(offered)) => {
                let page = |ty: &MemoryType| ty.page_size_log2.unwrap_or(PAGE_LOG2);
                wanted.memory64 == offered.memory64
                    && wanted.shared == offered.shared
                    && page(wanted) == page(offered)
                    && limits(
                        (wanted.initial, offered.initial),
                        (wanted.maximum, offered.maximum),
                    )
            }
            (ExternType::Table(wanted), ExternType::Table(offered)) => {
                let types = [offered, wanted].map(|table| ValType::Ref(table.element_type));
                wanted.table64 == offered.table64
                    && equals(types[0], types[1])
                    && limits(
                        (wanted.initial, offered.initial),
                        (wanted.maximum, offered.maximum),
                    )
            }
            _ => false,
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

#[cold]
fn invalid(name: &str, why: impl fmt::Display) -> Error {
    Error::new(
        ErrorKind::InvalidModule,
        format!("module `{name}` is not a valid WebAssembly module: {why}"),
    )
}

/// As [`signature`], for a type that a host function can have.
pub(crate) fn host_signature(ty: &FunctionType) -> Option<Signature> {
    signature(ty).filter(|_| ty.is_plain)
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

#[cfg(test)]
mod tests;
