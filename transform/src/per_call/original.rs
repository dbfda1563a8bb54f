//! The relevant parts of the original module.
//!
//! It does not know how they are used.

use wasm_encoder::{
    DataSection, ElementSection, RawSection, SectionId, TypeSection,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{
    Data, Element, ElementKind, ExternalKind, FunctionBody, Global, Operator, Parser, Payload,
    Table, TypeRef,
};

use super::{Result, sized::Encoder};

/// The relevant parts of a module.
#[derive(Default)]
pub(super) struct Original<'a> {
    pub(super) types: TypeSection,
    pub(super) type_count: u32,
    /// How many parameters each type has; 0 for what is no function.
    pub(super) params: Vec<u32>,
    /// The types of all functions, imported ones first.
    pub(super) function_types: Vec<u32>,
    pub(super) imported_functions: u32,
    pub(super) memories: Vec<wasmparser::MemoryType>,
    pub(super) memory_count: u32,
    pub(super) imported_memories: u32,
    pub(super) tables: Vec<Table<'a>>,
    pub(super) table_count: u32,
    pub(super) imported_tables: u32,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) imported_globals: u32,
    pub(super) exports: Vec<(&'a str, ExternalKind, u32)>,
    pub(super) elements: Vec<Element<'a>>,
    pub(super) data: Vec<Data<'a>>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
    /// Sections that stay unchanged.
    pub(super) raw: Vec<(u8, &'a [u8])>,
}

impl<'a> Original<'a> {
    pub(super) fn new(wasm: &'a [u8]) -> Result<Self> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            if let Some((id, range)) = payload.as_section() {
                let bytes = &wasm[range.start as usize..range.end as usize];
                module.raw.push((id, bytes));
            }
            module.section(payload)?;
        }
        module.memory_count = module.imported_memories + module.memories.len() as u32;
        module.table_count = module.imported_tables + module.tables.len() as u32;
        Ok(module)
    }

    fn section(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for ty in group?.types() {
                        let params = match &ty.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(ty) => ty.params().len(),
                            _ => 0,
                        };
                        self.params.push(params as u32);
                    }
                }
                self.type_count = self.params.len() as u32;
                Encoder::default().parse_type_section(&mut self.types, section)?;
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => self.function_types.push(ty),
                        TypeRef::Memory(_) => self.imported_memories += 1,
                        TypeRef::Table(_) => self.imported_tables += 1,
                        TypeRef::Global(_) => self.imported_globals += 1,
                        TypeRef::Tag(_) => {}
                    }
                }
                self.imported_functions = self.function_types.len() as u32;
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.function_types.push(ty?);
                }
            }
            Payload::TableSection(section) => self.tables = all(section)?,
            Payload::MemorySection(section) => self.memories = all(section)?,
            Payload::GlobalSection(section) => self.globals = all(section)?,
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.exports.push((export.name, export.kind, export.index));
                }
            }
            Payload::ElementSection(section) => self.elements = all(section)?,
            Payload::DataSection(section) => self.data = all(section)?,
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            _ => {}
        }
        Ok(())
    }

    /// Immutable globals with an object of the module, which may change.
    pub(super) fn objects(&self) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for (index, global) in (self.imported_globals..).zip(&self.globals) {
            let mut operators = global.init_expr.get_operators_reader();
            let mut makes = false;
            while !operators.is_end_then_eof() {
                makes |= match operators.read()? {
                    Operator::StructNew { .. }
                    | Operator::StructNewDefault { .. }
                    | Operator::ArrayNew { .. }
                    | Operator::ArrayNewDefault { .. }
                    | Operator::ArrayNewFixed { .. } => true,
                    Operator::GlobalGet { global_index } => found.contains(&global_index),
                    _ => false,
                };
            }
            if makes && !global.ty.mutable {
                found.push(index);
            }
        }
        Ok(found)
    }

    pub(super) fn copy(&self, out: &mut wasm_encoder::Module, ids: &[SectionId]) {
        for id in ids {
            for (_, data) in self.raw.iter().filter(|(other, _)| *other == *id as u8) {
                let id = *id as u8;
                out.section(&RawSection { id, data });
            }
        }
    }

    /// The segments. None of them is active any more.
    pub(super) fn segments(&self) -> Result<(ElementSection, DataSection)> {
        let mut elements = ElementSection::new();
        for element in &self.elements {
            // Constant expressions read the original globals.
            let items = RoundtripReencoder.element_items(element.items.clone())?;
            match element.kind {
                ElementKind::Declared => elements.declared(items),
                _ => elements.passive(items),
            };
        }
        let mut data = DataSection::new();
        for segment in &self.data {
            data.passive(segment.data.iter().copied());
        }
        Ok((elements, data))
    }
}

fn all<'a, T: wasmparser::FromReader<'a>>(
    section: wasmparser::SectionLimited<'a, T>,
) -> Result<Vec<T>> {
    let items: std::result::Result<_, _> = section.into_iter().collect();
    Ok(items?)
}
