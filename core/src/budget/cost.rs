//! What code costs at most, in units of the budget.
//!
//! It reads functions and writes nothing. Invariant: no path through a function, and no turn of a
//! loop, does more work than is counted for it, apart from bulk instructions, whose work is known
//! when they run.

use wasm_encoder::reencode;
use wasmparser::{FunctionBody, Operator};

/// What a call costs, with what a function that counts nothing may do.
const CALL: i64 = 10 + FREE;
/// The cost up to which a function without loops and calls counts nothing.
const FREE: i64 = 32;
/// What growing a memory costs.
const GROW: i64 = 1000;
/// Bytes that a bulk instruction moves for one unit, as a power of two.
const MEMORY_SHIFT: i64 = 6;
/// Table elements that a bulk instruction moves for one unit, as a power of two.
const TABLE_SHIFT: i64 = 2;

/// What an operator means to the budget.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Loop,
    Close,
    Call,
    TailCall,
    Return,
    Grow,
    /// Moves as many elements as the number on top of the stack says; the shift makes them units.
    Bulk(i64),
    Other,
}

impl Kind {
    pub(super) fn of(operator: &Operator<'_>) -> Self {
        match operator {
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => Self::Open,
            Operator::Loop { .. } => Self::Loop,
            Operator::End => Self::Close,
            Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. } => {
                Self::Call
            }
            Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => Self::TailCall,
            Operator::Return => Self::Return,
            Operator::MemoryGrow { .. } => Self::Grow,
            Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. } => Self::Bulk(MEMORY_SHIFT),
            Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. } => Self::Bulk(TABLE_SHIFT),
            _ => Self::Other,
        }
    }

    const fn cost(self) -> i64 {
        match self {
            Self::Call | Self::TailCall => CALL,
            Self::Grow => GROW,
            _ => 1,
        }
    }
}

/// What a function costs at most: outside of its loops, and each turn of each loop without the loops
/// inside it.
pub(super) struct Costs {
    pub(super) entry: i64,
    /// In the order in which the loops begin.
    pub(super) loops: Vec<i64>,
    /// Whether there is anything whose cost is not a fixed small number.
    simple: bool,
}

impl Costs {
    pub(super) fn of(body: &FunctionBody<'_>) -> Result<Self, reencode::Error> {
        let mut costs = Self {
            entry: 0,
            loops: Vec::new(),
            simple: true,
        };
        // The loop that each open block belongs to.
        let mut open: Vec<Option<usize>> = Vec::new();
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let kind = Kind::of(&reader.read()?);
            let innermost = open.last().copied().flatten();
            match kind {
                Kind::Open => open.push(innermost),
                Kind::Loop => {
                    open.push(Some(costs.loops.len()));
                    costs.loops.push(0);
                }
                Kind::Close => {
                    open.pop();
                }
                Kind::Call | Kind::TailCall | Kind::Grow | Kind::Bulk(_) => costs.simple = false,
                Kind::Return | Kind::Other => {}
            }
            *match open.last().copied().flatten() {
                Some(index) => &mut costs.loops[index],
                None => &mut costs.entry,
            } += kind.cost();
        }
        Ok(costs)
    }

    /// Whether who calls the function has paid for it.
    pub(super) fn is_free(&self) -> bool {
        self.simple && self.loops.is_empty() && self.entry <= FREE
    }
}
