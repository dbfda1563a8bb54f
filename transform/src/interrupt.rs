//! Makes guests look whether they have to stop: a step from wasm to wasm that costs them next to nothing.
//!
//! A guest looks at a flag, a word of memory that the host sets from any thread: at loops, where cycles of
//! calls are entered, and now and then on long straight ways. Where the flag is set it calls the check,
//! which lets the host look after the reasons; then the guest goes on as if nothing had happened, or
//! stops. The load is atomic, so no engine takes it out of a loop.
//!
//! `looks` says where a guest looks, and writes that.
//!
//! It knows no engine, and nothing of why a guest has to stop. Invariants: the input is valid, so is the
//! output, and it computes the same; whatever a guest does, there is a look after a bounded amount of
//! work, apart from single instructions that move much memory.

use std::ops::Range;

use wasm_encoder::{BranchHints, EntityType, MemoryType, reencode};

use crate::{
    looks::{self, Body, Form, Spare},
    rewrite::{self, Added, Moved, Shape, Written},
};

/// By how many places the functions that a module defines move: the check comes before them.
pub const MOVED: u32 = 1;
/// The name of the import of the check in what comes out. Imports are resolved by position.
const IMPORT: (&str, &str) = ("polyextism", "interrupt");

/// Where the flag of a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flag {
    /// At this address of the last memory of the module.
    LastMemory(u64),
    /// In a memory that is added, which nobody sets.
    Added,
}

/// The same module with looks, and with the check, which takes and returns nothing, as its last import. `None` for a
/// module without functions, which needs none. The functions of `without`, by index, get no looks.
///
/// # Errors
/// None for a module that core has validated and whose start section is taken out.
pub fn instrument(
    wasm: &[u8],
    flag: Flag,
    without: &Range<u32>,
) -> Result<Option<Vec<u8>>, reencode::Error> {
    let shape = Shape::read(wasm)?;
    if shape.functions.is_empty() {
        return Ok(None);
    }
    let check_type = EntityType::Function(shape.types.len() as u32);
    let mut added = Added {
        types: vec![(vec![], vec![])],
        imports: vec![(IMPORT.0, IMPORT.1, check_type)],
        ..Added::default()
    };
    let memories = shape.memories.len() as u32;
    let (memory, address) = match flag {
        Flag::LastMemory(address) => (memories - 1, address),
        Flag::Added => {
            added.memories.push(MemoryType {
                minimum: 1,
                maximum: Some(1),
                memory64: false,
                shared: false,
                page_size_log2: None,
            });
            (memories, 0)
        }
    };
    let target = looks::Flag {
        memory,
        address,
        check: shape.imported_functions(),
    };
    let mut spare = Spare::new(shape.globals);
    let moved = Moved::new(&shape, &added);
    let form = Form::Flag(target);
    let bodies = looks::write(wasm, &shape, moved, form, without, &mut spare)?.bodies;
    added.globals.extend(spare.globals());
    added.hints = Some(hints(&bodies, target.check + MOVED));
    let bodies: Vec<_> = bodies.into_iter().map(|body| body.bytes).collect();
    rewrite::add(wasm, &shape, &added, &Written(bodies)).map(Some)
}

/// Tells engines that guests hardly ever find the flag set. `first` is the index of the first function.
fn hints(bodies: &[Body], first: u32) -> BranchHints {
    let mut hints = BranchHints::new();
    for (function, body) in (first..).zip(bodies) {
        if !body.hints.is_empty() {
            hints.function_hints(function, body.hints.iter().copied());
        }
    }
    hints
}

#[cfg(test)]
mod tests;
