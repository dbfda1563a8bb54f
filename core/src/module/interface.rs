//! The interface of a module: its imports, its exports, and its start function.
//!
//! It is read from the sections before the code, much faster than validation and before it: code from the compile
//! cache needs nothing else of its module. So it trusts no index and no count. It does not say what is wrong with a
//! module; the validator reports what cannot be read.

use std::sync::Arc;

use wasmparser::{
    CompositeInnerType, Encoding, ExternalKind, GlobalType, MemoryType, Parser, Payload, TableType,
    TypeRef,
};

use super::{ExternType, FunctionType, ImportDecl, bounds::Bounds, canonical::is_plain};

/// The interface of a module.
#[derive(Debug, Default)]
pub(super) struct Interface {
    pub(super) imports: Vec<ImportDecl>,
    pub(super) exports: Vec<(Box<str>, ExternType)>,
    /// The index of the start function.
    pub(super) start: Option<u32>,
    pub(super) has_code: bool,
    /// Including imported ones.
    pub(super) memories: usize,
    /// Without imported ones.
    pub(super) own_memories: Vec<MemoryType>,
}

/// The module is invalid, or has too many items.
#[derive(Debug)]
pub(super) struct Unreadable;

impl From<wasmparser::BinaryReaderError> for Unreadable {
    fn from(_: wasmparser::BinaryReaderError) -> Self {
        Self
    }
}

impl Interface {
    /// Reads a binary.
    ///
    /// # Errors
    /// For some modules that are invalid or too large; the validator finds the others.
    pub(super) fn read(wasm: &[u8], bounds: &Bounds) -> Result<Self, Unreadable> {
        if wasm.len() as u64 > bounds.module_bytes {
            return Err(Unreadable);
        }
        let mut interface = Self::default();
        let mut spaces = Spaces::default();
        let at_most = |count: u32, bound: u64| match u64::from(count) <= bound {
            true => Ok(()),
            false => Err(Unreadable),
        };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::Version { encoding, .. } if encoding != Encoding::Module => {
                    return Err(Unreadable);
                }
                Payload::TypeSection(section) => {
                    at_most(section.count(), bounds.types)?;
                    for group in section {
                        let group = group?;
                        for ty in group.types() {
                            let index = spaces.types.len() as u32;
                            spaces.types.push(match &ty.composite_type.inner {
                                CompositeInnerType::Func(function) => Some(FunctionType {
                                    ty: Arc::new(function.clone()),
                                    index,
                                    is_plain: is_plain(&group, ty, function),
                                }),
                                _ => None,
                            });
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    at_most(section.count(), bounds.imports)?;
                    for import in section.into_imports() {
                        let import = import?;
                        let ty = spaces.import(import.ty)?;
                        interface.imports.push(ImportDecl {
                            module: import.module.into(),
                            name: import.name.into(),
                            ty,
                        });
                    }
                }
                Payload::FunctionSection(section) => {
                    at_most(section.count(), bounds.functions)?;
                    for ty in section {
                        spaces.functions.push(ty?);
                    }
                }
                Payload::TableSection(section) => {
                    at_most(section.count(), bounds.tables)?;
                    for table in section {
                        spaces.tables.push(table?.ty);
                    }
                }
                Payload::MemorySection(section) => {
                    at_most(section.count(), bounds.memories)?;
                    for memory in section {
                        let memory = memory?;
                        spaces.memories.push(memory);
                        interface.own_memories.push(memory);
                    }
                }
                Payload::TagSection(section) => {
                    at_most(section.count(), bounds.types)?;
                    for tag in section {
                        spaces.tags.push(tag?.func_type_idx);
                    }
                }
                Payload::GlobalSection(section) => {
                    at_most(section.count(), bounds.globals)?;
                    for global in section {
                        spaces.globals.push(global?.ty);
                    }
                }
                Payload::ExportSection(section) => {
                    at_most(section.count(), bounds.exports)?;
                    for export in section {
                        let export = export?;
                        let ty = spaces.export(export.kind, export.index as usize);
                        let ty = ty.ok_or(Unreadable)?;
                        interface.exports.push((export.name.into(), ty));
                    }
                }
                Payload::StartSection { func, .. } => interface.start = Some(func),
                Payload::CodeSectionStart { count, .. } => {
                    interface.has_code = count > 0;
                    break;
                }
                _ => {}
            }
        }
        interface.memories = spaces.memories.len();
        Ok(interface)
    }
}

/// The index spaces of a module, as read so far.
#[derive(Default)]
struct Spaces {
    /// `None` is another type than a function.
    types: Vec<Option<FunctionType>>,
    /// The type of each function.
    functions: Vec<u32>,
    tables: Vec<TableType>,
    memories: Vec<MemoryType>,
    globals: Vec<GlobalType>,
    /// The type of each tag.
    tags: Vec<u32>,
}

impl Spaces {
    fn import(&mut self, ty: TypeRef) -> Result<ExternType, Unreadable> {
        Ok(match ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.functions.push(ty);
                ExternType::Function(self.function_type(ty).ok_or(Unreadable)?)
            }
            TypeRef::Table(ty) => {
                self.tables.push(ty);
                ExternType::Table(ty)
            }
            TypeRef::Memory(ty) => {
                self.memories.push(ty);
                ExternType::Memory(ty)
            }
            TypeRef::Global(ty) => {
                self.globals.push(ty);
                ExternType::Global(ty)
            }
            TypeRef::Tag(ty) => {
                self.tags.push(ty.func_type_idx);
                ExternType::Tag(self.function_type(ty.func_type_idx).ok_or(Unreadable)?)
            }
        })
    }

    fn export(&self, kind: ExternalKind, index: usize) -> Option<ExternType> {
        Some(match kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                ExternType::Function(self.function_type(*self.functions.get(index)?)?)
            }
            ExternalKind::Table => ExternType::Table(*self.tables.get(index)?),
            ExternalKind::Memory => ExternType::Memory(*self.memories.get(index)?),
            ExternalKind::Global => ExternType::Global(*self.globals.get(index)?),
            ExternalKind::Tag => ExternType::Tag(self.function_type(*self.tags.get(index)?)?),
        })
    }

    fn function_type(&self, index: u32) -> Option<FunctionType> {
        self.types.get(index as usize)?.clone()
    }
}
