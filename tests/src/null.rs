//! An engine that runs nothing: it checks that core keeps its promises to engines.
//!
//! What core hands over must be what `engine/types.rs` in core says: valid modules without start
//! sections that need no proposal that the engine does not have; imports that are resolved, in order,
//! and of the right types; only earlier modules referred to. A broken promise is a panic, which core
//! turns into an error of kind `Engine`.

use std::{collections::BTreeMap, sync::Arc};

use polyextism::{
    Capabilities, Choice, Error, Host, Proposal, Proposals, Result,
    backend::{
        Backend, Compiler, DynEngine, Engine, EntryId, Guest, Import, Instance, InstanceLimits,
        MemoryId, ModuleId, NumType, Program, Settings,
    },
};
use wasmparser::{
    FuncType, Parser, Payload, ValType, Validator, WasmFeatures,
    types::{EntityType, Types},
};

const ALL: &[Proposal] = &[
    Proposal::Simd,
    Proposal::TailCall,
    Proposal::RelaxedSimd,
    Proposal::Memory64,
    Proposal::WideArithmetic,
    Proposal::Exceptions,
    Proposal::FunctionReferences,
    Proposal::Gc,
    Proposal::CustomPageSizes,
];

const LIMITED: Capabilities = Capabilities::NONE.memory_limit(true);

/// The list of engines that has this one only.
const BACKENDS: &[Backend] = &[Backend {
    name: "null",
    version: "0",
    sources: "",
    compilers: &[
        Compiler {
            name: "plain",
            capabilities: LIMITED.interrupt(true),
        },
        Compiler {
            name: "rich",
            capabilities: LIMITED.interrupt(true).proposals(ALL),
        },
        Compiler {
            name: "budget",
            capabilities: LIMITED,
        },
        Compiler {
            name: "rich-budget",
            capabilities: LIMITED.proposals(ALL),
        },
    ],
    left_out: &[],
    open,
}];

/// The engine with each set of powers: with and without all proposals, with and without
/// interruption.
pub fn choices() -> impl Iterator<Item = Choice> {
    Choice::all(BACKENDS)
}

struct Null {
    capabilities: Capabilities,
    /// What it was opened for.
    proposals: Proposals,
}

fn open(settings: &Settings) -> Result<Arc<dyn DynEngine>> {
    let mut compilers = BACKENDS[0].compilers.iter();
    let compiler = compilers.find(|compiler| compiler.name == settings.compiler);
    let compiler = compiler.expect("core asks for a compiler of the list");
    if let Some(profiler) = settings.profiler {
        return Err(profiler.unsupported(BACKENDS[0].name));
    }
    Ok(Arc::new(Null {
        capabilities: compiler.capabilities,
        proposals: settings.proposals,
    }))
}

/// What the engine knows of a module.
struct Checked {
    imports: Vec<EntityType>,
    exports: BTreeMap<String, EntityType>,
    types: Types,
}

/// The proposals that every engine has, with those of this one.
pub(crate) fn features(proposals: &[Proposal]) -> WasmFeatures {
    let common = WasmFeatures::WASM2.difference(WasmFeatures::SIMD)
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::EXTENDED_CONST;
    let feature = |proposal: &Proposal| match proposal {
        Proposal::Simd => WasmFeatures::SIMD,
        Proposal::TailCall => WasmFeatures::TAIL_CALL,
        Proposal::RelaxedSimd => WasmFeatures::RELAXED_SIMD,
        Proposal::Memory64 => WasmFeatures::MEMORY64,
        Proposal::WideArithmetic => WasmFeatures::WIDE_ARITHMETIC,
        Proposal::Exceptions => WasmFeatures::EXCEPTIONS,
        Proposal::FunctionReferences => WasmFeatures::FUNCTION_REFERENCES,
        Proposal::Gc => WasmFeatures::GC,
        Proposal::CustomPageSizes => WasmFeatures::CUSTOM_PAGE_SIZES,
        other => panic!("the null engine does not know {other:?}"),
    };
    proposals
        .iter()
        .map(feature)
        .fold(common, |all, one| all | one)
}

impl Engine for Null {
    type Module = Arc<Checked>;
    type Prepared = ();
    type Instance = Never;

    fn name(&self) -> &'static str {
        "null"
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn compile(&self, wasm: &[u8]) -> Result<Arc<Checked>> {
        let features = features(&self.proposals.iter().collect::<Vec<_>>());
        let types = match Validator::new_with_features(features).validate_all(wasm) {
            Ok(types) => types,
            Err(error) => panic!("core compiles a module that is not valid: {error}"),
        };
        let mut imports = Vec::new();
        let mut exports = BTreeMap::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.expect("a valid module can be read") {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.expect("a valid module can be read");
                        let ty = types.as_ref().entity_type_from_import(&import);
                        imports.push(ty.expect("a valid import has a type"));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.expect("a valid module can be read");
                        let ty = types.as_ref().entity_type_from_export(&export);
                        let ty = ty.expect("a valid export has a type");
                        exports.insert(export.name.to_owned(), ty);
                    }
                }
                Payload::StartSection { .. } => panic!("core compiles a start section"),
                _ => {}
            }
        }
        Ok(Arc::new(Checked {
            imports,
            exports,
            types,
        }))
    }

    fn prepare(&self, program: Program<Arc<Checked>>) -> Result<()> {
        let modules: Vec<_> = program
            .modules
            .iter()
            .map(|linked| &linked.module)
            .collect();
        for (position, linked) in program.modules.iter().enumerate() {
            let module = &linked.module;
            let (found, expected) = (linked.imports.len(), module.imports.len());
            assert_eq!(found, expected, "imports of module {position}");
            for (import, ty) in linked.imports.iter().zip(&module.imports) {
                check_import(import, module, ty, &modules[..position]);
            }
        }
        assert!(!program.memories.is_empty(), "the kernel has a memory");
        for memory in &program.memories {
            let ModuleId(module) = memory.module;
            let export = modules[module as usize].exports.get(&*memory.name);
            assert!(
                matches!(export, Some(EntityType::Memory(_))),
                "{memory:?} is no memory"
            );
        }
        Ok(())
    }

    fn instantiate(&self, _: &(), _: Host, _: &InstanceLimits) -> Result<Never> {
        Err(Error::unsupported("null", "instances"))
    }
}

/// Whether an import is what the module declares.
fn check_import(import: &Import, of: &Checked, ty: &EntityType, earlier: &[&Arc<Checked>]) {
    match import {
        Import::Host { func, .. } => {
            let declared = function(of, ty).expect("a host function answers a function");
            let signature = func.signature();
            assert!(
                same(declared.params(), &signature.params)
                    && same(declared.results(), &signature.results),
                "{func:?} is bound to {declared:?}"
            );
        }
        Import::Export { module, name } => {
            let exporter = earlier.get(module.0 as usize);
            let exporter = exporter.unwrap_or_else(|| panic!("{module:?} comes later"));
            let export = exporter.exports.get(&**name);
            let export = export.unwrap_or_else(|| panic!("{module:?} does not export {name}"));
            let fits = match (ty, export) {
                (EntityType::Memory(ty), EntityType::Memory(export)) => {
                    limits(export.initial, export.maximum, ty.initial, ty.maximum)
                        && (export.memory64, export.shared) == (ty.memory64, ty.shared)
                }
                (EntityType::Table(ty), EntityType::Table(export)) => {
                    limits(export.initial, export.maximum, ty.initial, ty.maximum)
                        && export.element_type == ty.element_type
                }
                (EntityType::Global(ty), EntityType::Global(export)) => ty == export,
                _ => match (function(of, ty), function(exporter, export)) {
                    (Some(ty), Some(export)) => ty == export,
                    _ => false,
                },
            };
            assert!(fits, "{name} of {module:?} does not fit");
        }
    }
}

/// Whether limits are within those that an import declares.
fn limits(initial: u64, maximum: Option<u64>, least: u64, most: Option<u64>) -> bool {
    initial >= least && most.is_none_or(|most| maximum.is_some_and(|maximum| maximum <= most))
}

fn function(module: &Checked, ty: &EntityType) -> Option<FuncType> {
    match ty {
        EntityType::Func(id) | EntityType::FuncExact(id) => {
            Some(module.types.as_ref()[*id].unwrap_func().clone())
        }
        _ => None,
    }
}

fn same(declared: &[ValType], bound: &[NumType]) -> bool {
    let number = |ty: &NumType| match ty {
        NumType::I32 => ValType::I32,
        NumType::I64 => ValType::I64,
        NumType::F32 => ValType::F32,
        NumType::F64 => ValType::F64,
    };
    declared.iter().copied().eq(bound.iter().map(number))
}

/// There are no instances.
enum Never {}

impl Guest for Never {
    fn split(&mut self, _: MemoryId) -> (&mut [u8], &mut Host) {
        match *self {}
    }

    fn grow(&mut self, _: MemoryId, _: u64) -> Option<u64> {
        match *self {}
    }
}

impl Instance for Never {
    fn entry(&mut self, _: ModuleId, _: &str) -> Option<EntryId> {
        match *self {}
    }

    fn enter(&mut self, _: EntryId) -> Result<i32> {
        match *self {}
    }
}
