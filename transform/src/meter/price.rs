//! The price of instructions, in units of fuel.
//!
//! A unit is one executed instruction. `block`, `loop`, `try_table`, `else` and `end` only mark where a block begins or
//! ends and cost nothing. `memory.grow` costs [`GROW`]. An instruction on a range costs one more unit for each
//! 2^[`BYTES`] bytes or 2^[`ELEMENTS`] elements. It knows nothing of how fuel is counted.

use wasmparser::Operator;

use crate::looks::flat::moves_much;

/// The price of `memory.grow`.
pub(super) const GROW: i64 = 1000;
/// Bytes of a range of memory for one unit, as a power of two.
const BYTES: u32 = 6;
/// Elements of a range of a table or an array for one unit, as a power of two.
const ELEMENTS: u32 = 2;

/// The price of an instruction, without that of its length.
pub(super) fn price(operator: &Operator<'_>) -> i64 {
    match operator {
        Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::TryTable { .. }
        | Operator::Else
        | Operator::End => 0,
        Operator::MemoryGrow { .. } => GROW,
        _ => 1,
    }
}

/// The shift to the right that turns the length on top of the stack into units, for instructions with a length.
pub(super) fn length_shift(operator: &Operator<'_>) -> Option<u32> {
    match operator {
        Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } | Operator::MemoryInit { .. } => {
            Some(BYTES)
        }
        other if moves_much(other) => Some(ELEMENTS),
        _ => None,
    }
}
