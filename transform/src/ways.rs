//! Gives an engine places to look on long straight ways.
//!
//! An engine that can be interrupted makes guests check at loops and where functions are entered. Between these a
//! module may have hundreds of thousands of instructions in a row, each of which may fill a whole table. So empty
//! loops are put in between: `(loop)`.
//!
//! An engine may also count loops and function entries, and look when it has counted enough of them. It cannot count
//! instructions: the arms of a branch are alternatives, and an interpreter has hundreds of them. So a loop before an
//! instruction that may take long has one that weighs as much for engines that count so, and that no other code has
//! much of: `(loop (drop (ref.null func)))`.
//!
//! It knows no engine. Invariants: the input is valid, so is the output, and it computes the same; indices stay; between
//! two looks there are at most about 512 instructions, apart from the way back from calls, which has as many in
//! each function.

use std::borrow::Cow;

use wasm_encoder::{BlockType, HeapType, Instruction, reencode};
use wasmparser::Operator;

use crate::{
    looks::flat::{Flat, for_each_label, is_call, is_final, is_opener, label_of, moves_much},
    parallel,
    rewrite::{self, Added, Bodies, Defined, Moved, Shape, Splice},
};

/// After so many instructions there is a loop where a statement ends: a loop has an interpreter put operands away.
const NEAR: u32 = 384;
/// After so many there is one anywhere.
const FAR: u32 = 512;

/// The same module with loops on its long ways. `None` if it has no long ways.
///
/// # Errors
/// None for a module that core has validated.
pub fn instrument(wasm: &[u8]) -> Result<Option<Vec<u8>>, reencode::Error> {
    let code = rewrite::code(wasm)?;
    let looks = parallel::map(&code, wasm.len(), |body| -> Result<_, reencode::Error> {
        Ok(places(&Flat::read(body, &[])?))
    })?;
    if looks.iter().all(Vec::is_empty) {
        return Ok(None);
    }
    let shape = Shape::read(wasm)?;
    rewrite::add(wasm, &shape, &Added::default(), &Looking { wasm, looks }).map(Some)
}

/// A loop that is put into a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    /// Where, in the module.
    at: u64,
    /// How many heavy instructions it has.
    weight: u32,
}

/// What a loop weighs before this instruction, in instructions that weigh as much as about 255 loops.
fn weight(operator: &Operator<'_>) -> u32 {
    match operator {
        // These move no more than `bulk` leaves in one piece.
        Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } => 1,
        Operator::MemoryGrow { .. } => 5,
        other if moves_much(other) => 20,
        _ => 0,
    }
}

/// Where a function needs loops. The longest way to each place is counted.
fn places(flat: &Flat<'_>) -> Vec<Look> {
    /// A block.
    struct Frame {
        is_loop: bool,
        /// The longest way that goes on behind it.
        after: Option<u32>,
        /// Of an `if` without an `else`: the way around it.
        around: Option<u32>,
    }
    let frame = |is_loop, around| Frame {
        is_loop,
        after: None,
        around,
    };
    let mut looks = Vec::new();
    let mut frames = vec![frame(false, None)];
    // The instructions since the last look; `None` where nothing can get.
    let mut since = Some(0);
    let mut ends_statement = true;
    for op in &flat.ops {
        let operator = &op.operator;
        let is_work = !matches!(operator, Operator::End | Operator::Else);
        if let (Some(instructions), true) = (&mut since, is_work) {
            let weight = weight(operator);
            let is_far = *instructions >= if ends_statement { NEAR } else { FAR };
            if weight > 0 || is_far {
                looks.push(Look { at: op.at, weight });
                *instructions = 0;
            }
            *instructions += 1;
        }
        ends_statement = is_statement(operator);
        match operator {
            Operator::End => {
                let frame = frames.pop().expect("blocks are nested");
                since = since.max(frame.after).max(frame.around);
                continue;
            }
            Operator::Else => {
                let frame = frames.last_mut().expect("an `else` is inside of its `if`");
                frame.after = frame.after.max(since);
                since = frame.around.take();
                continue;
            }
            Operator::Loop { .. } => {
                since = since.and(Some(0));
                frames.push(frame(true, None));
            }
            Operator::If { .. } => frames.push(frame(false, since)),
            Operator::TryTable { try_table } => {
                // What may throw may come out at a handler, with anything in between.
                for catch in &try_table.catches {
                    let at = frames.len() - 1 - label_of(catch) as usize;
                    frames[at].after = Some(FAR);
                }
                frames.push(frame(false, None));
                continue;
            }
            opens if is_opener(opens) => frames.push(frame(false, None)),
            calls if is_call(calls) => since = since.and(Some(0)),
            _ => {}
        }
        for_each_label(operator, |label| {
            let at = frames.len() - 1 - label as usize;
            if !frames[at].is_loop {
                frames[at].after = frames[at].after.max(since);
            }
        });
        if is_final(operator) {
            since = None;
        }
    }
    looks
}

/// Whether a statement may end with this instruction, so that no operand is likely to be waiting behind it.
fn is_statement(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::LocalSet { .. }
            | Operator::GlobalSet { .. }
            | Operator::I32Store { .. }
            | Operator::I64Store { .. }
            | Operator::F32Store { .. }
            | Operator::F64Store { .. }
            | Operator::I32Store8 { .. }
            | Operator::I32Store16 { .. }
            | Operator::I64Store8 { .. }
            | Operator::I64Store16 { .. }
            | Operator::I64Store32 { .. }
            | Operator::V128Store { .. }
            | Operator::BrIf { .. }
            | Operator::Drop
    )
}

/// Writes the functions of a module with their loops.
struct Looking<'a> {
    wasm: &'a [u8],
    looks: Vec<Vec<Look>>,
}

impl Bodies for Looking<'_> {
    fn write<'a>(
        &'a self,
        function: &Defined<'a>,
        _moved: Moved,
    ) -> Result<Cow<'a, [u8]>, reencode::Error> {
        let looks = &self.looks[function.position];
        if looks.is_empty() {
            return Ok(function.body.as_bytes().into());
        }
        let mut out = Splice::new(self.wasm, &function.body)?;
        for look in looks {
            out.copy(look.at);
            out.put(&Instruction::Loop(BlockType::Empty));
            for _ in 0..look.weight {
                out.put(&Instruction::RefNull(HeapType::FUNC));
                out.put(&Instruction::Drop);
            }
            out.put(&Instruction::End);
        }
        out.copy_rest();
        out.put(&Instruction::End);
        Ok(out.into_bytes(&[]).into())
    }
}

#[cfg(test)]
mod tests;
