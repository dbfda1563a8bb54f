//! Translates the exceptions from before WebAssembly 3.0, which engines do not support, to those of 3.0.
//!
//! A `try` with handlers becomes a `try_table` that branches to blocks around it, one for each handler:
//! ```wat
//! (block $done
//!   (block $second (result exnref)
//!     (block $first (result i32)
//!       (try_table (catch $tag $first) (catch_all_ref $second) BODY)
//!       (br $done))
//!     FIRST (br $done))
//!   (local.set $caught) SECOND)
//! ```
//! Handlers take a reference to the exception only where a `rethrow` needs it, which becomes
//! `local.get $caught throw_ref`. A `try` that delegates to handlers further out becomes a `try_table` that branches to
//! the end of their body, where the exception is thrown again:
//! ```wat
//! (try_table (catch $tag $handler)
//!   (block $delegated (result exnref)
//!     … (try_table (catch_all_ref $delegated) DELEGATING) …
//!     (br $done))
//!   (throw_ref))
//! ```
//! `plan` decides the translation of each `try`, `write` writes it. It knows no engine. Invariants: the input is
//! valid, so is the output, and it computes the same; the indices of functions stay the same.

mod plan;
mod write;

use std::{borrow::Cow, collections::BTreeMap};

use wasm_encoder::{
    BlockType, HeapType, RefType, ValType,
    reencode::{self, Reencode as _, RoundtripReencoder},
};
use wasmparser::{Parser, Payload, TypeRef};

use self::{plan::Plan, write::Writer};
use crate::rewrite::{self, Added, Bodies, Defined, Moved, Shape, Splice};

/// A reference to an exception.
const EXNREF: ValType = ValType::Ref(RefType {
    nullable: true,
    heap_type: HeapType::Abstract {
        shared: false,
        ty: wasm_encoder::AbstractHeapType::Exn,
    },
});

/// The same module with `try_table` in place of `try`.
///
/// # Errors
/// None for a module that core has validated.
pub fn translate(wasm: &[u8]) -> Result<Vec<u8>, reencode::Error> {
    let shape = Shape::read(wasm)?;
    let tags = tags(wasm)?;
    let mut types = Types {
        shape: &shape,
        tags: &tags,
        known: BTreeMap::new(),
        added: Added::default(),
    };
    let mut plans = Vec::with_capacity(shape.functions.len());
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            plans.push(Plan::read(&body, &mut types)?);
        }
    }
    let added = std::mem::take(&mut types.added);
    let bodies = Translated {
        wasm,
        shape: &shape,
        plans,
    };
    rewrite::add(wasm, &shape, &added, &bodies)
}

/// The types of the tags of a module, imported ones first.
fn tags(wasm: &[u8]) -> Result<Vec<u32>, reencode::Error> {
    let mut tags = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if let TypeRef::Tag(ty) = import?.ty {
                        tags.push(ty.func_type_idx);
                    }
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    tags.push(tag?.func_type_idx);
                }
            }
            Payload::CodeSectionStart { .. } => break,
            _ => {}
        }
    }
    Ok(tags)
}

/// The types of blocks, with added ones.
struct Types<'a> {
    shape: &'a Shape,
    /// The type of each tag.
    tags: &'a [u32],
    /// By parameters and results, in words: types have no order.
    known: BTreeMap<String, u32>,
    added: Added,
}

impl Types<'_> {
    /// The parameters of a block of this type.
    fn params(&self, ty: wasmparser::BlockType) -> &[wasmparser::ValType] {
        match ty {
            wasmparser::BlockType::FuncType(ty) => self.shape.function_type(ty).params(),
            _ => &[],
        }
    }

    /// The values of an exception of a tag.
    fn carried(&self, tag: u32) -> &[wasmparser::ValType] {
        self.shape.function_type(self.tags[tag as usize]).params()
    }

    /// The type of a block with the parameters of a `try` of type `around`, and with the values of `tag` as
    /// results, if any.
    fn handler(
        &mut self,
        around: wasmparser::BlockType,
        tag: Option<u32>,
        reference: Reference,
    ) -> Result<BlockType, reencode::Error> {
        let values = |types: &[wasmparser::ValType]| -> Result<Vec<ValType>, reencode::Error> {
            let types = types.iter().map(|ty| RoundtripReencoder.val_type(*ty));
            types.collect()
        };
        let params = values(self.params(around))?;
        let mut results = values(tag.map_or(&[][..], |tag| self.carried(tag)))?;
        if reference == Reference::Taken {
            results.push(EXNREF);
        }
        Ok(match (&params[..], &results[..]) {
            ([], []) => BlockType::Empty,
            ([], [result]) => BlockType::Result(*result),
            _ => {
                let next = (self.shape.types.len() + self.added.types.len()) as u32;
                let index = *self
                    .known
                    .entry(format!("{params:?} {results:?}"))
                    .or_insert(next);
                if index == next {
                    self.added.types.push((params, results));
                }
                BlockType::FunctionType(index)
            }
        })
    }
}

/// Whether a handler takes a reference to the exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reference {
    Taken,
    Left,
}

struct Translated<'a> {
    wasm: &'a [u8],
    shape: &'a Shape,
    plans: Vec<Plan>,
}

impl Bodies for Translated<'_> {
    fn write<'a>(
        &'a self,
        function: &Defined<'a>,
        _moved: Moved,
    ) -> Result<Cow<'a, [u8]>, reencode::Error> {
        let (plan, body) = (&self.plans[function.position], &function.body);
        if plan.is_nothing() {
            return Ok(body.as_bytes().into());
        }
        let locals = self.shape.locals(function.ty, body)?;
        let out = Splice::new(self.wasm, body)?;
        Ok(Writer::new(out, plan, locals).write(body)?.into())
    }
}

#[cfg(test)]
mod tests;
