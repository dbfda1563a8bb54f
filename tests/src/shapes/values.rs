//! Shapes that have many values at a time: locals, parameters, results, operands.

use wasm_encoder::{
    BlockType, CodeSection, Function, FunctionSection, Instruction as I, TypeSection, ValType,
};

use super::{
    Shape,
    make::{ended, finish, program, with_global},
    shape,
};

/// Those that have many values at a time.
pub(super) const VALUES: &[Shape] = &[
    shape("locals of one function, all live", |b| {
        let locals = b.locals as u32;
        let mut f = Function::new([(locals, ValType::I64)]);
        // Each is set, then all are read in the opposite order.
        for local in 0..locals {
            f.instruction(&I::GlobalGet(0));
            f.instruction(&I::LocalSet(local));
        }
        f.instruction(&I::Loop(BlockType::Empty));
        for local in (0..locals).rev() {
            f.instruction(&I::LocalGet(local));
            f.instruction(&I::GlobalSet(0));
        }
        f.instruction(&I::Br(0));
        f.instruction(&I::End);
        with_global(f)
    }),
    shape("locals of many functions", |b| {
        let each = 1000;
        program(
            &[],
            (0..b.all_locals / each).map(|_| Function::new([(each as u32, ValType::I32)])),
        )
    }),
    shape("locals that change in nested loops", |b| {
        // Every loop can change every local, so each is a value of its own at the head of each loop.
        let (locals, depth) = (b.locals as u32, b.nesting as u32 / 2);
        let mut f = Function::new([(locals, ValType::I32)]);
        for _ in 0..depth {
            f.instruction(&I::Loop(BlockType::Empty));
        }
        for local in 0..locals {
            f.instruction(&I::LocalGet(local));
            f.instruction(&I::I32Const(1));
            f.instruction(&I::I32Add);
            f.instruction(&I::LocalSet(local));
        }
        for level in 0..depth {
            f.instruction(&I::LocalGet(level % locals));
            f.instruction(&I::BrIf(0));
            f.instruction(&I::End);
        }
        program(&[], [f])
    }),
    shape("locals that change in many branches", |b| {
        let locals = b.locals as u32;
        let mut f = Function::new([(locals, ValType::I32)]);
        let mut local = 0;
        while (f.byte_len() as u64) < b.function_bytes - 30 {
            f.instruction(&I::LocalGet(local));
            f.instruction(&I::If(BlockType::Empty));
            f.instruction(&I::I32Const(7));
            f.instruction(&I::LocalSet((local * 31 + 1) % locals));
            f.instruction(&I::End);
            local = (local + 1) % locals;
        }
        program(&[], [f])
    }),
    shape("many values on the stack", |b| {
        let mut f = Function::new([(1, ValType::I64)]);
        let values = (b.function_bytes - 30) / 4;
        for _ in 0..values {
            f.instruction(&I::LocalGet(0));
            f.instruction(&I::I64Eqz);
        }
        for _ in 0..values {
            f.instruction(&I::Drop);
        }
        program(&[], [f])
    }),
    shape("many different values that live long", |b| {
        let mut f = Function::new([]);
        let values = (b.function_bytes - 30) / 4;
        for _ in 0..values {
            f.instruction(&I::GlobalGet(0));
        }
        for _ in 0..values {
            f.instruction(&I::GlobalSet(0));
        }
        with_global(f)
    }),
    shape("calls with many parameters", |b| {
        let params = vec![ValType::I64; b.signature as usize];
        let mut f = Function::new([]);
        while (f.byte_len() as u64) < b.function_bytes - 2 * b.signature - 30 {
            for _ in 0..b.signature {
                f.instruction(&I::LocalGet(0));
            }
            f.instruction(&I::Call(0));
        }
        program(&params, [f])
    }),
    shape("calls that pass many results on", |b| {
        // Two bytes for each call, whatever it passes.
        let half = vec![ValType::I64; b.signature as usize / 2];
        let mut types = TypeSection::new();
        types.ty().function([], half.iter().copied());
        types.ty().function(half.iter().copied(), []);
        let mut functions = FunctionSection::new();
        functions.function(0).function(1).function(1);
        let mut give = Function::new([]);
        for _ in &half {
            give.instruction(&I::I64Const(0));
        }
        let mut f = Function::new([]);
        while (f.byte_len() as u64) < b.function_bytes - 30 {
            f.instruction(&I::Call(0));
            f.instruction(&I::Call(1));
        }
        let mut code = CodeSection::new();
        code.function(&ended(give));
        code.function(&ended(Function::new([])));
        code.function(&ended(f));
        finish(&[&types, &functions, &code])
    }),
    shape("blocks with many parameters and results", |b| {
        let half = vec![ValType::I64; b.signature as usize / 2];
        let mut types = TypeSection::new();
        types.ty().function([], []);
        types
            .ty()
            .function(half.iter().copied(), half.iter().copied());
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut f = Function::new([(1, ValType::I32)]);
        for _ in &half {
            f.instruction(&I::I64Const(0));
        }
        while (f.byte_len() as u64) < b.function_bytes - 2000 {
            f.instruction(&I::Loop(BlockType::FunctionType(1)));
            f.instruction(&I::LocalGet(0));
            f.instruction(&I::BrIf(0));
            f.instruction(&I::End);
        }
        for _ in &half {
            f.instruction(&I::Drop);
        }
        let mut code = CodeSection::new();
        code.function(&ended(f));
        finish(&[&types, &functions, &code])
    }),
    shape("a br_table with many values", |b| {
        let half = vec![ValType::I64; b.signature as usize / 2];
        let mut types = TypeSection::new();
        types.ty().function([], []);
        types.ty().function([], half.iter().copied());
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut f = Function::new([(1, ValType::I32)]);
        let depth = b.nesting as u32 / 2;
        for _ in 0..depth {
            f.instruction(&I::Block(BlockType::FunctionType(1)));
        }
        for _ in &half {
            f.instruction(&I::I64Const(0));
        }
        let targets: Vec<_> = (0..1_000_000).map(|n| n % depth).collect();
        f.instruction(&I::LocalGet(0));
        f.instruction(&I::BrTable(targets.into(), 0));
        for _ in 0..depth {
            f.instruction(&I::End);
            for _ in &half {
                f.instruction(&I::Drop);
            }
            for _ in &half {
                f.instruction(&I::I64Const(0));
            }
        }
        for _ in &half {
            f.instruction(&I::Drop);
        }
        let mut code = CodeSection::new();
        code.function(&ended(f));
        finish(&[&types, &functions, &code])
    }),
];
