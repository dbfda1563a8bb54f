//! Shapes that have much code of one kind in one function: nesting, branches, straight lines, calls.

use wasm_encoder::{BlockType, Function, Instruction as I, TableSection, ValType};

use super::{
    Shape,
    make::{nested, program, straight, table, with_table},
    shape,
    values::CALL,
};

/// Those that have much code of one kind.
pub(super) const CODE: &[Shape] = &[
    shape("nested blocks", |b| {
        program(&[], [nested(b.nesting, &I::Block(BlockType::Empty))])
    }),
    shape("nested loops", |b| {
        program(&[], [nested(b.loops, &I::Loop(BlockType::Empty))])
    }),
    shape("nested loops of many functions", |b| {
        // As many as fit into a module of the size of the longest function.
        let functions = b.function_bytes / (b.loops * 9);
        let each = |_| nested(b.loops, &I::Loop(BlockType::Empty));
        program(&[], (0..functions).map(each))
    }),
    shape("nested conditions", |b| {
        let depth = b.nesting;
        let mut f = Function::new([(1, ValType::I32)]);
        for _ in 0..depth {
            f.instruction(&I::LocalGet(0));
            f.instruction(&I::If(BlockType::Empty));
        }
        for _ in 0..depth {
            f.instruction(&I::Else);
            f.instruction(&I::End);
        }
        program(&[], [f])
    }),
    shape("a giant br_table", |b| {
        let mut f = Function::new([(1, ValType::I32)]);
        f.instruction(&I::Block(BlockType::Empty));
        f.instruction(&I::LocalGet(0));
        let targets = vec![0; b.function_bytes as usize - 30];
        f.instruction(&I::BrTable(targets.into(), 0));
        f.instruction(&I::End);
        program(&[], [f])
    }),
    shape("a br_table out of every depth", |b| {
        let depth = b.nesting as u32;
        let mut f = Function::new([(1, ValType::I32)]);
        for _ in 0..depth {
            f.instruction(&I::Block(BlockType::Empty));
        }
        let mut targets = Vec::new();
        while targets.len() as u64 * 2 < b.function_bytes - 10 * b.nesting {
            targets.push(targets.len() as u32 % depth);
        }
        f.instruction(&I::LocalGet(0));
        f.instruction(&I::BrTable(targets.into(), 0));
        for _ in 0..depth {
            f.instruction(&I::End);
        }
        program(&[], [f])
    }),
    shape("a long straight line", |b| {
        straight(b, |f| {
            f.instruction(&I::LocalGet(0));
            f.instruction(&I::I64Const(1));
            f.instruction(&I::I64Add);
            f.instruction(&I::LocalSet(0));
        })
    }),
    shape("a long straight line of divisions", |b| {
        straight(b, |f| {
            f.instruction(&I::LocalGet(0));
            f.instruction(&I::LocalGet(1));
            f.instruction(&I::I64DivS);
            f.instruction(&I::LocalSet(0));
        })
    }),
    shape("a long straight line of loads and stores", |b| {
        straight(b, |f| {
            // i32.const 0, i32.const 0, i64.load offset=8, i64.store offset=8
            f.raw([0x41, 0, 0x41, 0, 0x29, 0, 8, 0x37, 0, 8]);
        })
    }),
    shape("a long straight line of memory.grow", |b| {
        // Two units each, and five bytes.
        let mut b = b.clone();
        b.function_bytes = b.function_bytes.min(b.long / 2 * 5);
        straight(&b, |f| {
            f.instruction(&I::I32Const(0));
            f.instruction(&I::MemoryGrow(0));
            f.instruction(&I::Drop);
        })
    }),
    shape("a long straight line of conversions", |b| {
        straight(b, |f| {
            f.instruction(&I::LocalGet(0));
            f.instruction(&I::F64ConvertI64U);
            f.instruction(&I::I64TruncSatF64U);
            f.instruction(&I::LocalSet(0));
        })
    }),
    shape("calls", |b| {
        let body = || {
            let mut f = Function::new([]);
            for _ in 0..(b.calls / CALL).min(b.function_bytes / 3) {
                f.instruction(&I::Call(0));
            }
            f
        };
        // As many as fit into a module of twice the size of the longest function.
        let functions = b.function_bytes * 3 / b.calls;
        program(&[], (0..functions.max(1)).map(|_| body()))
    }),
    shape("indirect calls", |b| {
        let mut tables = TableSection::new();
        tables.table(table(10));
        // Two units each, and the pairs of units in all functions are bounded.
        let each = (b.costly / 4).max(1);
        let functions = (b.indirect_calls / each).min(b.costly_pairs * 10_000 / (4 * each * each));
        let body = || {
            let mut f = Function::new([]);
            for _ in 0..each {
                f.instruction(&I::I32Const(0));
                f.instruction(&I::CallIndirect {
                    type_index: 0,
                    table_index: 0,
                });
            }
            f
        };
        with_table((0..functions).map(|_| body()), &tables)
    }),
    shape("costly instructions", |b| {
        let mut tables = TableSection::new();
        tables.table(table(10));
        let pairs = (b.costly * b.costly / 10_000).max(1);
        let body = || {
            let mut f = Function::new([(1, ValType::I32)]);
            for _ in 0..b.costly {
                f.instruction(&I::LocalGet(0));
                f.instruction(&I::TableGet(0));
                f.instruction(&I::Drop);
            }
            f
        };
        with_table((0..b.costly_pairs / pairs).map(|_| body()), &tables)
    }),
    shape("long instructions", |b| {
        let mut tables = TableSection::new();
        tables.table(table(10));
        let body = || {
            let mut f = Function::new([(1, ValType::I32)]);
            for _ in 0..(b.long / 19).min(b.function_bytes / 12) {
                (0..3).for_each(|_| _ = f.instruction(&I::LocalGet(0)));
                f.instruction(&I::TableCopy {
                    src_table: 0,
                    dst_table: 0,
                });
            }
            f
        };
        with_table((0..b.all_long / b.long).map(|_| body()), &tables)
    }),
];
