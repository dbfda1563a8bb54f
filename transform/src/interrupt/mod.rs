//! Makes guests look whether they have to stop: a step from wasm to wasm that costs them next to nothing.
//!
//! A guest looks at a flag, a word of memory that the host sets from any thread: at loops, where cycles of
//! calls are entered, and now and then on long straight ways. Where the flag is set it calls the check,
//! which lets the host look after the reasons; then the guest goes on as if nothing had happened, or
//! stops. The load is atomic, so no engine takes it out of a loop.
//!
//! `plan` says where a guest looks, with the rules; `write` says how. `calls`, `counted` and `liveness`
//! find out what `plan` needs to know.
//!
//! It knows no engine, and nothing of why a guest has to stop. Invariants: the input is valid, so is the
//! output, and it computes the same; whatever a guest does, there is a look after a bounded amount of
//! work, apart from single instructions that move much memory.

mod calls;
mod counted;
mod flat;
mod liveness;
mod plan;
mod write;

use wasm_encoder::{
    BranchHints, CodeSection, ConstExpr, EntityType, GlobalType, HeapType, MemoryType, ValType,
    reencode,
};
use wasmparser::{FunctionBody, Parser, Payload};

use self::{
    calls::Calls,
    flat::Flat,
    plan::Planner,
    write::{Body, Spare, Target, Writer},
};
use crate::rewrite::{self, Added, Bodies, Moved, Shape};

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

/// The same module with looks, and with the check, which takes and returns nothing, as its last import. `None` for a module without
/// functions, which needs none.
///
/// # Errors
/// None for a module that core has validated and whose start section is taken out.
pub fn instrument(wasm: &[u8], flag: Flag) -> Result<Option<Vec<u8>>, reencode::Error> {
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
    let target = Target {
        memory,
        address,
        check: shape.imported_functions(),
    };
    let mut spare = Spare::new(shape.globals);
    let bodies = bodies(wasm, &shape, Moved::new(&shape, &added), target, &mut spare)?;
    for &val_type in &spare.types {
        let ty = GlobalType {
            val_type,
            mutable: true,
            shared: false,
        };
        added.globals.push((ty, zero(val_type)));
    }
    added.hints = Some(hints(&bodies, target.check + MOVED));
    rewrite::add(wasm, &shape, &added, &mut Written(bodies.into_iter())).map(Some)
}

/// Plans and writes all functions, callees first: who calls must know what a callee costs.
fn bodies(
    wasm: &[u8],
    shape: &Shape,
    moved: Moved,
    target: Target,
    spare: &mut Spare,
) -> Result<Vec<Body>, reencode::Error> {
    let calls = Calls::read(wasm, shape)?;
    let code = code(wasm)?;
    let mut bodies = vec![Body::default(); code.len()];
    let mut costs = vec![None; code.len()];
    for &function in &calls.order {
        let ty = shape.function_type(shape.functions[function]);
        let flat = Flat::read(&code[function], ty.params())?;
        let planner = Planner {
            calls: &calls,
            imported: shape.imported_functions(),
            costs: &costs,
        };
        let plan = planner.plan(function, &flat);
        bodies[function] = Writer::new(moved, wasm, &flat, &plan, target, spare).write()?;
        costs[function] = Some(plan.cost);
    }
    Ok(bodies)
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

/// Functions that are written already, in order.
struct Written(std::vec::IntoIter<Body>);

impl Bodies for Written {
    fn write(
        &mut self,
        code: &mut CodeSection,
        _moved: Moved,
        _ty: u32,
        _body: &FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        code.raw(&self.0.next().expect("every function is written").bytes);
        Ok(())
    }
}

fn zero(ty: ValType) -> ConstExpr {
    match ty {
        ValType::I32 => ConstExpr::i32_const(0),
        ValType::I64 => ConstExpr::i64_const(0),
        ValType::F32 => ConstExpr::f32_const(0.0_f32.into()),
        ValType::F64 => ConstExpr::f64_const(0.0_f64.into()),
        ValType::V128 => ConstExpr::v128_const(0),
        ValType::Ref(_) => ConstExpr::ref_null(HeapType::FUNC),
    }
}

/// The bodies of the functions that a module defines.
fn code(wasm: &[u8]) -> Result<Vec<FunctionBody<'_>>, reencode::Error> {
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            bodies.push(body);
        }
    }
    Ok(bodies)
}

#[cfg(test)]
mod tests;
