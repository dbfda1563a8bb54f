//! How wide the length of a bulk instruction is: as wide as the addresses of what it works on.

use wasmparser::Operator;

use crate::rewrite::Shape;

/// How wide a length is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    I32,
    I64,
}

impl Width {
    /// That of the length of a bulk instruction.
    pub(super) fn of(shape: &Shape, operator: &Operator<'_>) -> Self {
        let memory = |memory: u32| shape.wide_memories[memory as usize];
        let table = |table: u32| shape.wide_tables[table as usize];
        let wide = match *operator {
            Operator::MemoryFill { mem } => memory(mem),
            Operator::MemoryCopy { dst_mem, src_mem } => memory(dst_mem) && memory(src_mem),
            Operator::TableFill { table: own } | Operator::TableGrow { table: own } => table(own),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => table(dst_table) && table(src_table),
            // What comes from segments has a short length.
            _ => false,
        };
        match wide {
            true => Self::I64,
            false => Self::I32,
        }
    }
}
