//! What must be known of a module before its first section is written.

use wasm_encoder::reencode;
use wasmparser::{CompositeInnerType, FuncType, Operator, Parser, Payload, TypeRef};

/// The type of an address or a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// `i32`.
    Narrow,
    /// `i64`, of a memory or table with 64-bit addresses.
    Wide,
}

impl Width {
    fn of(is_64: bool) -> Self {
        match is_64 {
            true => Self::Wide,
            false => Self::Narrow,
        }
    }
}

/// What must be known of a module before its first section is written.
#[derive(Default)]
pub(super) struct Shape {
    pub(super) types: Vec<Option<FuncType>>,
    pub(super) imported_functions: u32,
    /// The types of the functions that the module defines.
    pub(super) functions: Vec<u32>,
    pub(super) globals: u32,
    pub(super) has_code: bool,
    memories: Vec<Width>,
    tables: Vec<Width>,
}

impl Shape {
    pub(super) fn read(wasm: &[u8]) -> Result<Self, reencode::Error> {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        for ty in group?.into_types() {
                            shape.types.push(match ty.composite_type.inner {
                                CompositeInnerType::Func(ty) => Some(ty),
                                _ => None,
                            });
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                                shape.imported_functions += 1;
                            }
                            TypeRef::Global(_) => shape.globals += 1,
                            TypeRef::Memory(ty) => shape.memories.push(Width::of(ty.memory64)),
                            TypeRef::Table(ty) => shape.tables.push(Width::of(ty.table64)),
                            TypeRef::Tag(_) => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    shape.functions = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::TableSection(section) => {
                    for table in section {
                        shape.tables.push(Width::of(table?.ty.table64));
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        shape.memories.push(Width::of(memory?.memory64));
                    }
                }
                Payload::GlobalSection(section) => shape.globals += section.count(),
                Payload::CodeSectionStart { count, .. } => {
                    shape.has_code = count > 0;
                    break;
                }
                _ => {}
            }
        }
        Ok(shape)
    }

    /// The type of the length of a bulk instruction of a valid module.
    pub(super) fn length(&self, operator: &Operator<'_>) -> Width {
        let shorter = |one: Width, other: Width| match (one, other) {
            (Width::Wide, Width::Wide) => Width::Wide,
            _ => Width::Narrow,
        };
        match *operator {
            Operator::MemoryFill { mem } => self.memories[mem as usize],
            Operator::MemoryCopy { dst_mem, src_mem } => shorter(
                self.memories[dst_mem as usize],
                self.memories[src_mem as usize],
            ),
            Operator::TableFill { table } | Operator::TableGrow { table } => {
                self.tables[table as usize]
            }
            Operator::TableCopy {
                dst_table,
                src_table,
            } => shorter(
                self.tables[dst_table as usize],
                self.tables[src_table as usize],
            ),
            // Segments are never that long.
            _ => Width::Narrow,
        }
    }
}
