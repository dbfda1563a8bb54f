//! Makes guests check by themselves whether they have to stop, for engines that cannot make them check.
//!
//! Every function counts a budget down at its entry and at the head of every loop, by the largest cost of the code
//! that follows (`cost`). When the budget is used up, it calls the check, which reads the alarm of the plug-in and
//! refills the budget. So a guest checks after a bounded amount of work, without signals, races, or a clock in the
//! guest.
//!
//! The budget is a global. A function with loops keeps it in a local, because engines keep locals in registers. It
//! writes the local back before it calls, throws or returns, and reads it again after a call. A function that
//! catches exceptions keeps no local, because a handler begins with the budget that the callee has left. The caller
//! pays for a short function without loops and calls.
//!
//! It knows no engine and nothing of the meaning of a module; fuel is counted elsewhere (`meter`).
//! Invariants: the input is valid, so is the output, and it computes the same; between two checks a guest
//! does at most about [`QUANTUM`] units of work, whatever it does, apart from functions that it does not count.

mod cost;
mod writer;

use std::ops::Range;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, GlobalType, Instruction, ValType, reencode,
};
use wasmparser::FunctionBody;

use self::{
    cost::{Costs, Kind},
    writer::{Place, Writer},
};
use crate::rewrite::{self, Added, Bodies, Moved, Shape, Splice};

/// What a guest may do between two checks. One unit is about one instruction: interpreters take some
/// hundred microseconds for it, compiled code less.
pub const QUANTUM: i64 = 100_000;
/// By how many places the functions that a module defines move: the check comes before them.
pub const MOVED: u32 = 1;
/// The name of the import of the check in what comes out. Imports are resolved by position.
const IMPORT: (&str, &str) = ("polyextism", "check");

/// The same module with a budget. Its last import is the check, which takes nothing and returns a new budget. `None` for
/// a module without functions. The functions of `without`, by index, stay as they are.
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
    let blocks = rewrite::body_blocks(&shape, &mut added)?;
    let mut functions = Functions {
        wasm,
        shape: &shape,
        blocks,
        next: shape.imported_functions(),
        without,
    };
    rewrite::add(wasm, &shape, &added, &mut functions).map(Some)
}

/// Writes the functions of one module.
struct Functions<'a> {
    wasm: &'a [u8],
    shape: &'a Shape,
    blocks: Vec<BlockType>,
    /// The index of the next function.
    next: u32,
    without: &'a Range<u32>,
}

impl Bodies for Functions<'_> {
    fn write(
        &mut self,
        code: &mut CodeSection,
        moved: Moved,
        ty: u32,
        body: &FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        self.next += 1;
        if self.without.contains(&(self.next - 1)) {
            return copy(Splice::new(self.wasm, body)?, code, moved, body);
        }
        let costs = Costs::of(body)?;
        let locals = self.shape.locals(ty, body)?;
        let mut writer = Writer {
            out: Splice::new(self.wasm, body)?,
            counter: locals,
            length: locals + 1,
            wide_length: locals + 2,
            global: self.shape.globals,
            check: self.shape.imported_functions(),
            place: match (costs.is_free(), costs.loops.is_empty() || costs.catches) {
                (true, _) => Place::Nowhere,
                (false, true) => Place::Global,
                (false, false) => Place::Local,
            },
        };
        self.function(&mut writer, &costs, self.blocks[ty as usize], moved, body)?;
        writer.finish(code);
        Ok(())
    }
}

/// Writes a function that counts no budget.
fn copy(
    mut out: Splice<'_>,
    code: &mut CodeSection,
    moved: Moved,
    body: &FunctionBody<'_>,
) -> Result<(), reencode::Error> {
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let (operator, at) = reader.read_with_offset()?;
        if let Some(instruction) = moved.instruction(&operator) {
            out.copy(at);
            out.leave_out(reader.original_position());
            out.put(&instruction);
        }
    }
    out.copy_rest();
    out.put(&Instruction::End);
    out.finish(code, &[]);
    Ok(())
}

impl Functions<'_> {
    fn function(
        &self,
        writer: &mut Writer<'_>,
        costs: &Costs,
        block: BlockType,
        moved: Moved,
        body: &FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        writer.enter(costs.entry, block);
        let mut loops = costs.loops.iter();
        let mut depth = 0;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            let next = reader.original_position();
            let kind = Kind::of(&operator);
            match kind {
                Kind::Open | Kind::Loop => depth += 1,
                Kind::Close if depth == 0 => break,
                Kind::Close => depth -= 1,
                Kind::Bulk(shift) => {
                    writer.out.copy(at);
                    writer.charge_length(shift, self.shape.length(&operator));
                }
                Kind::Call | Kind::TailCall | Kind::Throw => {
                    writer.out.copy(at);
                    writer.save();
                }
                Kind::Return if writer.place == Place::Local => {
                    writer.out.copy(at);
                    writer.out.leave_out(next);
                    writer.out.put(&Instruction::Br(depth));
                }
                Kind::Return | Kind::Other | Kind::Grow => {}
            }
            if let Some(instruction) = moved.instruction(&operator) {
                writer.out.copy(at);
                writer.out.leave_out(next);
                writer.out.put(&instruction);
            }
            match kind {
                Kind::Loop => {
                    let cost = loops.next().expect("the first pass counted every loop");
                    writer.out.copy(next);
                    writer.charge(*cost);
                }
                Kind::Call => {
                    writer.out.copy(next);
                    writer.load();
                }
                _ => {}
            }
        }
        writer.leave();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
