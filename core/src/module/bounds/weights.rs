//! Instructions that cost a compiler far more than others.
//!
//! The table was measured with every instruction, repeated in one function, on every engine
//! (`benches/python/compiling.py`; docs/limits.md has the worst). It has the cost on the most expensive engine.
//! Other instructions cost less than a microsecond for each of their bytes.

use wasmparser::{BlockType, Operator};

/// The cost of one instruction.
#[derive(Clone, Copy, Default)]
pub(super) struct Weight {
    /// Units of some 10 microseconds and up to a KiB of memory.
    pub(super) long: u64,
    /// Units that cost some 18 nanoseconds for each unit of this kind in the same function.
    pub(super) costly: u64,
}

/// What the first instruction of its kind on arrays of its types costs in addition, in units of [`Weight::long`]: it
/// gets a function that does it in pieces, with three of it and some checks.
pub(super) const IN_PIECES: u64 = 80;

const fn weight(long: u64, costly: u64) -> Weight {
    Weight { long, costly }
}

/// Whether a block has values, which become parameters of the code behind it.
fn has_values(ty: BlockType) -> bool {
    ty != BlockType::Empty
}

/// The cost of an instruction.
#[inline]
pub(super) fn of(operator: &Operator<'_>) -> Weight {
    use Operator as O;

    match operator {
        // Two bytes of memory for each pair of them in one function, and seven times as many for each pair of loops.
        O::Block { blockty } | O::If { blockty } if has_values(*blockty) => weight(0, 1),
        O::Loop { blockty } if has_values(*blockty) => weight(0, 3),
        O::MemorySize { .. } | O::TableSize { .. } | O::DataDrop { .. } | O::ElemDrop { .. } => {
            weight(2, 0)
        }
        O::Throw { .. } => weight(10, 0),
        O::MemoryInit { .. } => weight(11, 0),
        O::MemoryGrow { .. } => weight(2, 0),
        O::MemoryFill { .. } | O::MemoryCopy { .. } => weight(7, 0),
        O::RefFunc { .. } | O::TableSet { .. } | O::CallRef { .. } | O::ReturnCallRef { .. } => {
            weight(3, 0)
        }
        O::TableGet { .. } => weight(4, 1),
        O::TableFill { .. } => weight(7, 0),
        O::TableGrow { .. } => weight(10, 0),
        O::TableInit { .. } => weight(16, 0),
        O::TableCopy { .. } => weight(19, 0),
        O::CallIndirect { .. } | O::ReturnCallIndirect { .. } => weight(6, 2),
        O::RefTestNonNull { .. }
        | O::RefTestNullable { .. }
        | O::RefCastNonNull { .. }
        | O::RefCastNullable { .. } => weight(3, 2),
        O::BrOnCast { .. } | O::BrOnCastFail { .. } => weight(8, 3),
        O::ArrayGet { .. } | O::ArrayGetS { .. } | O::ArrayGetU { .. } => weight(3, 0),
        O::ArraySet { .. } => weight(8, 0),
        O::ArrayFill { .. } | O::ArrayCopy { .. } | O::ArrayInitData { .. } => weight(30, 0),
        O::ArrayInitElem { .. } => weight(45, 0),
        O::StructNew { .. } | O::StructNewDefault { .. } => weight(12, 2),
        O::ArrayNew { .. }
        | O::ArrayNewDefault { .. }
        | O::ArrayNewFixed { .. }
        | O::ArrayNewData { .. }
        | O::ArrayNewElem { .. } => weight(15, 3),
        _ => Weight::default(),
    }
}
