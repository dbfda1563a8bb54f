//! What wasmer does not have of exceptions: references to them outside of functions, and the type of references that
//! are always null. It would panic on some of these, or fail late.
//!
//! It does not know what modules throw. Invariant: what is let through wasmer compiles.

use polyextism_core::{Error, Result};
use wasmer::sys::wasmparser::{
    AbstractHeapType, BinaryReaderError, BlockType, ElementItems, HeapType, Operator, Parser,
    Payload, RefType, TypeRef, ValType,
};

/// Refuses a module that wasmer cannot compile.
///
/// # Errors
/// `Unsupported` if the module has what wasmer lacks.
pub(crate) fn check(name: &str, wasm: &[u8]) -> Result<()> {
    // What is not well-formed is left to the compiler to refuse.
    match lacking(wasm) {
        Ok(Some(what)) => Err(Error::unsupported(name, what)),
        Ok(None) | Err(_) => Ok(()),
    }
}

const STORED: &str = "tables, globals and element segments of `exnref`";
const ALWAYS_NULL: &str = "type `nullexnref`";

fn lacking(wasm: &[u8]) -> Result<Option<&'static str>, BinaryReaderError> {
    for payload in Parser::new(0).parse_all(wasm) {
        let found = match payload? {
            Payload::TypeSection(types) => {
                let mut found = None;
                for ty in types.into_iter_err_on_gc_types() {
                    let ty = ty?;
                    found = found.or(first(ty.params().iter().chain(ty.results()), value));
                }
                found
            }
            Payload::ImportSection(imports) => {
                let mut found = None;
                for import in imports.into_imports() {
                    found = found.or(match import?.ty {
                        TypeRef::Table(ty) => stored(&ValType::Ref(ty.element_type)),
                        TypeRef::Global(ty) => stored(&ty.content_type),
                        _ => None,
                    });
                }
                found
            }
            Payload::TableSection(tables) => {
                let mut found = None;
                for table in tables {
                    found = found.or(stored(&ValType::Ref(table?.ty.element_type)));
                }
                found
            }
            Payload::GlobalSection(globals) => {
                let mut found = None;
                for global in globals {
                    found = found.or(stored(&global?.ty.content_type));
                }
                found
            }
            Payload::ElementSection(elements) => {
                let mut found = None;
                for element in elements {
                    if let ElementItems::Expressions(ty, _) = element?.items {
                        found = found.or(stored(&ValType::Ref(ty)));
                    }
                }
                found
            }
            Payload::CodeSectionEntry(body) => {
                let mut found = None;
                for group in body.get_locals_reader()? {
                    found = found.or(value(&group?.1));
                }
                for operator in body.get_operators_reader()? {
                    found = found.or(match operator? {
                        Operator::Block { blockty }
                        | Operator::Loop { blockty }
                        | Operator::If { blockty } => block(blockty),
                        Operator::TryTable { try_table } => block(try_table.ty),
                        Operator::TypedSelect { ty } => value(&ty),
                        Operator::RefNull { hty } => heap(hty).and_then(|kind| kind.value()),
                        _ => None,
                    });
                }
                found
            }
            _ => None,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn first<'a>(
    types: impl Iterator<Item = &'a ValType>,
    lacking: impl Fn(&ValType) -> Option<&'static str>,
) -> Option<&'static str> {
    types.into_iter().find_map(lacking)
}

/// What a type of references to exceptions is.
#[derive(Clone, Copy)]
enum Kind {
    Any,
    AlwaysNull,
}

impl Kind {
    /// What is lacking for a value.
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
