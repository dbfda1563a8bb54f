//! Makes guests check by themselves whether they have to stop, where they cannot look at a flag.
//!
//! Where guests look (`looks`), they count a budget down by about the units that they have done since the last look.
//! When the budget is used up they call the check, which reads the alarm of the plug-in and returns a new budget.
//! So a guest checks after a bounded amount of work, without signals, races, or a clock in the guest. A look is:
//! ```wat
//! (global.set $budget (local.tee $l (i64.sub (global.get $budget) (i64.const UNITS))))
//! (br_if $slow (i64.lt_s (local.get $l) (i64.const 0)))
//! ```
//!
//! It knows no engine and nothing of the meaning of a module; fuel is counted elsewhere (`meter`).
//! Invariants: the input is valid, so is the output, and it computes the same; whatever a guest does, there is a look
//! after a bounded amount of work, apart from functions that it does not count.

use std::ops::Range;

use wasm_encoder::{BlockType, ConstExpr, EntityType, GlobalType, Instruction, ValType, reencode};
use wasmparser::{BinaryReader, FunctionBody};

use crate::{
    looks::{self, Body, Form, Part, Spare},
    parallel,
    rewrite::{self, Added, Moved, Shape, Splice, Written},
};

/// What a guest may count down between two checks. One unit is about one instruction: interpreters take some
/// hundred microseconds for it, compiled code less.
pub const QUANTUM: i64 = 100_000;
/// By how many places the functions that a module defines move: the check comes before them.
pub const MOVED: u32 = 1;
/// The least that a look counts, because some count for what other loops do: a loop without a look reaches another one
/// in each turn.
const LEAST: i64 = 64;
/// The name of the import of the check in what comes out. Imports are resolved by position.
const IMPORT: (&str, &str) = ("polyextism", "check");

/// The same module with a budget. Its last import is the check, which takes nothing and returns a new budget. `None` for
/// a module without functions. The functions of `without`, by index, count nothing.
///
/// # Errors
/// None for a module that core has validated and whose start section is taken out.
pub fn instrument(wasm: &[u8], without: &Range<u32>) -> Result<Option<Vec<u8>>, reencode::Error> {
    let shape = Shape::read(wasm)?;
    if shape.functions.is_empty() {
        return Ok(None);
    }
    let budget = GlobalType {
        val_type: ValType::I64,
        mutable: true,
        shared: false,
    };
    let check_type = EntityType::Function(shape.types.len() as u32);
    let mut added = Added {
        types: vec![(vec![], vec![ValType::I64])],
        imports: vec![(IMPORT.0, IMPORT.1, check_type)],
        globals: vec![(budget, ConstExpr::i64_const(QUANTUM))],
        ..Added::default()
    };
    let indices = Indices {
        budget: shape.globals,
        check: shape.imported_functions(),
    };
    let mut spare = Spare::new(shape.globals + 1);
    let moved = Moved::new(&shape, &added);
    let looking = looks::write(wasm, &shape, moved, Form::Marked, without, &mut spare)?;
    added.globals.extend(spare.globals());
    let bodies: Vec<_> = looking.bodies.iter().zip(&shape.functions).collect();
    let write = |(body, ty): &(&Body, &u32)| indices.write(body, **ty, &shape);
    let bodies = parallel::map(&bodies, wasm.len(), write)?;
    rewrite::add(wasm, &shape, &added, &Written(bodies)).map(Some)
}

/// The indices of what is added.
struct Indices {
    /// The global.
    budget: u32,
    /// The function.
    check: u32,
}

impl Indices {
    /// Writes a function of type `ty` with its looks.
    fn write(&self, body: &Body, ty: u32, shape: &Shape) -> Result<Vec<u8>, reencode::Error> {
        let function = FunctionBody::new(BinaryReader::new(&body.bytes, 0));
        let local = shape.locals(ty, &function)?;
        let mut out = Splice::new(&body.bytes, &function)?;
        for (at, part) in &body.parts {
            out.copy(*at);
            match *part {
                Part::Whole { units } => {
                    self.count(&mut out, units, local);
                    out.put(&Instruction::If(BlockType::Empty));
                    self.call(&mut out);
                    out.put(&Instruction::End);
                }
                Part::Condition { units, .. } => self.count(&mut out, units, local),
                Part::Call(_) => self.call(&mut out),
            }
        }
        out.copy_rest();
        out.put(&Instruction::End);
        let is_added = !body.parts.is_empty();
        Ok(out.into_bytes(if is_added { &[ValType::I64] } else { &[] }))
    }

    /// Counts down, and says whether the budget is used up.
    fn count(&self, out: &mut Splice<'_>, units: u64, local: u32) {
        // A look comes again after its check, and must then go on.
        let units = (units as i64).clamp(LEAST, QUANTUM / 2);
        for instruction in [
            Instruction::GlobalGet(self.budget),
            Instruction::I64Const(units),
            Instruction::I64Sub,
            Instruction::LocalTee(local),
            Instruction::GlobalSet(self.budget),
            Instruction::LocalGet(local),
            Instruction::I64Const(0),
            Instruction::I64LtS,
        ] {
            out.put(&instruction);
        }
    }

    fn call(&self, out: &mut Splice<'_>) {
        out.put(&Instruction::Call(self.check));
        out.put(&Instruction::GlobalSet(self.budget));
    }
}

#[cfg(test)]
mod tests;
