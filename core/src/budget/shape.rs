//! What must be known of a module before its first section is written.

use wasm_encoder::reencode;
use wasmparser::{CompositeInnerType, FuncType, Operator, Parser, Payload, TypeRef};

use super::writer::Width;

/// What must be known of a module before its first section is written.
#[derive(Default)]
pub(super) struct Shape {
    pub(super) types: Vec<Option<FuncType>>,
    pub(super) imported_functions: u32,
    /// The types of the functions that the module defines.
    pub(super) functions: Vec<u32>,
    pub(super) globals: u32,
    pub(super) imported_globals: u32,
    /// Whether each memory, and each table, has addresses of 64 bits.
    wide_memories: Vec<bool>,
    wide_tables: Vec<bool>,
    pub(super) has_code: bool,
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
                            TypeRef::Global(_) => shape.imported_globals += 1,
                            TypeRef::Memory(ty) => shape.wide_memories.push(ty.memory64),
                            TypeRef::Table(ty) => shape.wide_tables.push(ty.table64),
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    shape.functions = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::TableSection(section) => {
                    for table in section {
                        shape.wide_tables.push(table?.ty.table64);
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        shape.wide_memories.push(memory?.memory64);
                    }
                }
                Payload::GlobalSection(section) => shape.globals = section.count(),
                Payload::CodeSectionStart { count, .. } => {
                    shape.has_code = count > 0;
                    break;
                }
                _ => {}
            }
        }
        shape.globals += shape.imported_globals;
        Ok(shape)
    }

    /// How wide the length of a bulk instruction is.
    pub(super) fn width(&self, operator: &Operator<'_>) -> Width {
        let memory = |memory: u32| self.wide_memories[memory as usize];
        let table = |table: u32| self.wide_tables[table as usize];
        let wide = match *operator {
            Operator::MemoryFill { mem } => memory(mem),
            Operator::MemoryCopy { dst_mem, src_mem } => memory(dst_mem) && memory(src_mem),
            Operator::TableFill { table: own } | Operator::TableGrow { table: own } => table(own),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => table(dst_table) && table(src_table),
            // What comes from segments has a short length.
            _ => false,
        };
        match wide {
            true => Width::I64,
            false => Width::I32,
        }
    }
}
