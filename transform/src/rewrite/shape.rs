//! Facts about a module that are needed before its first section is written.

use wasm_encoder::reencode;
use wasmparser::{
    BlockType, CompositeInnerType, FuncType, FunctionBody, Operator, Parser, Payload, TypeRef,
};

/// The type of an address or a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
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

    /// The type of a length for two memories or tables.
    fn of_both(one: Self, other: Self) -> Self {
        match (one, other) {
            (Self::Wide, Self::Wide) => Self::Wide,
            _ => Self::Narrow,
        }
    }
}

/// Facts about a module that are needed before its first section is written.
#[derive(Default)]
pub(crate) struct Shape {
    pub(crate) types: Vec<Option<FuncType>>,
    /// For each import, the type of the function if it is one.
    pub(crate) imports: Vec<Option<u32>>,
    /// The types of the functions that the module defines.
    pub(crate) functions: Vec<u32>,
    /// With those that are imported.
    pub(crate) globals: u32,
    pub(crate) imported_globals: u32,
    /// With those that are imported.
    pub(crate) memories: Vec<Width>,
    /// With those that are imported.
    tables: Vec<Width>,
}

impl Shape {
    pub(crate) fn read(wasm: &[u8]) -> Result<Self, reencode::Error> {
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
                        let ty = import?.ty;
                        match ty {
                            TypeRef::Global(_) => shape.imported_globals += 1,
                            TypeRef::Memory(ty) => shape.memories.push(Width::of(ty.memory64)),
                            TypeRef::Table(ty) => shape.tables.push(Width::of(ty.table64)),
                            _ => {}
                        }
                        shape.imports.push(match ty {
                            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => Some(ty),
                            _ => None,
                        });
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
                Payload::GlobalSection(section) => shape.globals = section.count(),
                // Later sections are not needed.
                Payload::ExportSection(_) | Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        shape.globals += shape.imported_globals;
        Ok(shape)
    }

    /// The number of imported functions, which is the index of the first own function.
    pub(crate) fn imported_functions(&self) -> u32 {
        self.imports.iter().flatten().count() as u32
    }

    /// The type of a function that the module imports or defines.
    pub(crate) fn function_type(&self, ty: u32) -> &FuncType {
        let ty = self.types[ty as usize].as_ref();
        ty.expect("the type of a function of a valid module is a function type")
    }

    /// The number of parameters and locals of a function of this type.
    pub(crate) fn locals(&self, ty: u32, body: &FunctionBody<'_>) -> Result<u32, reencode::Error> {
        let mut locals = self.function_type(ty).params().len() as u32;
        for group in body.get_locals_reader()? {
            locals += group?.0;
        }
        Ok(locals)
    }

    /// Whether a block takes values.
    pub(crate) fn has_params(&self, ty: BlockType) -> bool {
        match ty {
            BlockType::Empty | BlockType::Type(_) => false,
            BlockType::FuncType(ty) => !self.function_type(ty).params().is_empty(),
        }
    }

    /// Whether a block gives values.
    pub(crate) fn has_results(&self, ty: BlockType) -> bool {
        match ty {
            BlockType::Empty => false,
            BlockType::Type(_) => true,
            BlockType::FuncType(ty) => !self.function_type(ty).results().is_empty(),
        }
    }

    /// The type of the length of a bulk instruction of the module.
    pub(crate) fn length(&self, operator: &Operator<'_>) -> Width {
        let memory = |index: u32| self.memories[index as usize];
        let table = |index: u32| self.tables[index as usize];
        match *operator {
            Operator::MemoryFill { mem } => memory(mem),
            Operator::MemoryCopy { dst_mem, src_mem } => {
                Width::of_both(memory(dst_mem), memory(src_mem))
            }
            Operator::TableFill { table: index } | Operator::TableGrow { table: index } => {
                table(index)
            }
            Operator::TableCopy {
                dst_table,
                src_table,
            } => Width::of_both(table(dst_table), table(src_table)),
            // Segments are never longer than 32 bits.
            _ => Width::Narrow,
        }
    }
}
