//! What must be known of a module before its first section is written.

use wasm_encoder::reencode;
use wasmparser::{CompositeInnerType, FuncType, Parser, Payload, TypeRef};

/// What must be known of a module before its first section is written.
#[derive(Default)]
pub(super) struct Shape {
    pub(super) types: Vec<Option<FuncType>>,
    pub(super) imported_functions: u32,
    /// The types of the functions that the module defines.
    pub(super) functions: Vec<u32>,
    pub(super) globals: u32,
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
                            TypeRef::Global(_) => shape.globals += 1,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    shape.functions = section.into_iter().collect::<Result<_, _>>()?;
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
}
