//! Refuses parts of exceptions that wasmer does not support: references to exceptions outside of functions and in other
//! exceptions, and the type of references that are always null. It would panic on some of these, fail late, or write
//! half of a reference.
//!
//! It does not know what modules throw. Invariant: wasmer compiles every accepted module.

use polyextism_core::backend::{Error, Result};
use wasmer::sys::wasmparser::{
    AbstractHeapType, BinaryReaderError, BlockType, ElementItems, HeapType, Operator, Parser,
    Payload, RefType, TypeRef, ValType,
};

/// Refuses a module that wasmer cannot compile.
///
/// # Errors
/// `Unsupported` if the module has such a part.
pub(crate) fn check(name: &str, wasm: &[u8]) -> Result<()> {
    // The compiler refuses malformed modules.
    match lacking(wasm) {
        Ok(Some(what)) => Err(Error::unsupported(name, what)),
        Ok(None) | Err(_) => Ok(()),
    }
}

const STORED: &str = "tables, globals and element segments of `exnref`";
const CARRIED: &str = "exceptions that carry an `exnref`";
const ALWAYS_NULL: &str = "type `nullexnref`";

fn lacking(wasm: &[u8]) -> Result<Option<&'static str>, BinaryReaderError> {
    let mut found = Vec::new();
    // Of each type of functions, whether a parameter is a reference to an exception.
    let mut carriers = Vec::new();
    let carried = |carriers: &[bool], ty: u32| {
        let carries = carriers.get(ty as usize).is_some_and(|carries| *carries);
        carries.then_some(CARRIED)
    };
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(types) => {
                for ty in types.into_iter_err_on_gc_types() {
                    let ty = ty?;
                    found.extend(ty.params().iter().chain(ty.results()).filter_map(value));
                    carriers.push(ty.params().iter().any(|ty| kind(ty).is_some()));
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    found.extend(match import?.ty {
                        TypeRef::Table(ty) => stored(&ValType::Ref(ty.element_type)),
                        TypeRef::Global(ty) => stored(&ty.content_type),
                        TypeRef::Tag(ty) => carried(&carriers, ty.func_type_idx),
                        _ => None,
                    });
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    found.extend(stored(&ValType::Ref(table?.ty.element_type)));
                }
            }
            Payload::TagSection(tags) => {
                for tag in tags {
                    found.extend(carried(&carriers, tag?.func_type_idx));
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    found.extend(stored(&global?.ty.content_type));
                }
            }
            Payload::ElementSection(elements) => {
                for element in elements {
                    if let ElementItems::Expressions(ty, _) = element?.items {
                        found.extend(stored(&ValType::Ref(ty)));
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                for group in body.get_locals_reader()? {
                    found.extend(value(&group?.1));
                }
                for operator in body.get_operators_reader()? {
                    found.extend(match operator? {
                        Operator::Block { blockty }
                        | Operator::Loop { blockty }
                        | Operator::If { blockty } => block(blockty),
                        Operator::TryTable { try_table } => block(try_table.ty),
                        Operator::TypedSelect { ty } => value(&ty),
                        Operator::RefNull { hty } => heap(hty).and_then(Kind::value),
                        _ => None,
                    });
                }
            }
            _ => {}
        }
        if let Some(what) = found.first() {
            return Ok(Some(what));
        }
    }
    Ok(None)
}

/// The kinds of reference types for exceptions.
#[derive(Clone, Copy)]
enum Kind {
    Any,
    AlwaysNull,
}

impl Kind {
    /// The missing feature for a value.
    fn value(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::AlwaysNull => Some(ALWAYS_NULL),
        }
    }
}

fn heap(ty: HeapType) -> Option<Kind> {
    match ty {
        HeapType::Abstract { ty, .. } => match ty {
            AbstractHeapType::Exn => Some(Kind::Any),
            AbstractHeapType::NoExn => Some(Kind::AlwaysNull),
            _ => None,
        },
        _ => None,
    }
}

fn kind(ty: &ValType) -> Option<Kind> {
    match ty {
        ValType::Ref(ty) => heap(RefType::heap_type(ty)),
        _ => None,
    }
}

fn value(ty: &ValType) -> Option<&'static str> {
    kind(ty).and_then(Kind::value)
}

fn stored(ty: &ValType) -> Option<&'static str> {
    kind(ty).map(|_| STORED)
}

fn block(ty: BlockType) -> Option<&'static str> {
    match ty {
        BlockType::Type(ty) => value(&ty),
        _ => None,
    }
}
