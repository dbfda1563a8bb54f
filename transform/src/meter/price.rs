//! What instructions cost, in units of fuel.
//!
//! One unit is one instruction that is executed. What only marks where a block begins or ends costs
//! nothing: `block`, `loop`, `try_table`, `else` and `end`. Growing a memory costs [`GROW`]. An
//! instruction that works on a whole range costs a unit more for each [`BYTES`] or [`ELEMENTS`] that it
//! is told to work on.

use wasmparser::Operator;

/// What `memory.grow` costs.
pub(super) const GROW: i64 = 1000;
/// For how many bytes an instruction on a range of memory costs a unit more, as a power of two.
const BYTES: u32 = 6;
/// For how many elements an instruction on a range of a table or an array does.
const ELEMENTS: u32 = 2;

/// What an instruction costs, but for its length.
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

/// How far the length on top of the stack is shifted to the right to be the units that are added, if
/// the instruction has a length.
pub(super) fn length_shift(operator: &Operator<'_>) -> Option<u32> {
    match operator {
        Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } | Operator::MemoryInit { .. } => {
            Some(BYTES)
        }
        Operator::TableFill { .. }
        | Operator::TableCopy { .. }
        | Operator::TableInit { .. }
        | Operator::TableGrow { .. }
        | Operator::ArrayNew { .. }
        | Operator::ArrayNewDefault { .. }
        | Operator::ArrayNewData { .. }
        | Operator::ArrayNewElem { .. }
        | Operator::ArrayFill { .. }
        | Operator::ArrayCopy { .. }
        | Operator::ArrayInitData { .. }
        | Operator::ArrayInitElem { .. } => Some(ELEMENTS),
        _ => None,
    }
}
