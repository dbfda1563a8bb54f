//! What must be known of a module before its first section is written.

use wasm_encoder::reencode;
use wasmparser::{CompositeInnerType, FuncType, Parser, Payload, TypeRef};

/// What must be known of a module before its first section is written.
#[derive(Default)]
pub(crate) struct Shape {
    pub(crate) types: Vec<Option<FuncType>>,
    /// For each import, the type of the function if it is one.
    pub(crate) imports: Vec<Option<u32>>,
    /// The types of the functions that the module defines.
    pub(crate) functions: Vec<u32>,
    /// With those that are imported.
    pub(crate) globals: u32,
    /// With those that are imported.
    pub(crate) memories: u32,
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
                        shape.globals += u32::from(matches!(ty, TypeRef::Global(_)));
                        shape.memories += u32::from(matches!(ty, TypeRef::Memory(_)));
                        shape.imports.push(match ty {
                            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => Some(ty),
                            _ => None,
                        });
                    }
                }
                Payload::FunctionSection(section) => {
                    shape.functions = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::MemorySection(section) => shape.memories += section.count(),
                Payload::GlobalSection(section) => shape.globals += section.count(),
                // What follows has nothing that is counted here.
                Payload::ExportSection(_) | Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        Ok(shape)
    }

    /// How many functions the module imports; the index of the first that it defines.
    pub(crate) fn imported_functions(&self) -> u32 {
        self.imports.iter().flatten().count() as u32
    }

    /// The type of a function that the module imports or defines.
    pub(crate) fn function_type(&self, ty: u32) -> &FuncType {
        let ty = self.types[ty as usize].as_ref();
        ty.expect("the type of a function of a valid module is a function type")
    }
}
