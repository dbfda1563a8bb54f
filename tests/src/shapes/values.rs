//! Shapes that have many values at a time: locals, parameters, results, operands.

use polyextism::internal::Bounds;
use wasm_encoder::{
    BlockType, CodeSection, Function, FunctionSection, Instruction as I, TypeSection, ValType,
};

use super::{
    Shape,
    make::{ended, finish, program, with_global},
    shape,
};

/// How many units of calls a call has beside its values.
pub(super) const CALL: u64 = 3;

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
        program(&[], [looping(b, b.loop_locals)])
    }),
    shape(
        "locals that change in nested loops of many functions",
        |b| {
            let each = b.loop_locals / 10;
            let functions = b.all_loop_locals / each;
            program(&[], (0..functions).map(|_| looping(b, each)))
        },
    ),
    shape("locals that change in many branches", |b| {
        program(&[], [branching(b, b.locals.min(1000))])
    }),
    shape("locals that change in few branches", |b| {
        program(&[], [branching(b, b.locals)])
    }),
    shape("locals that change in branches of many functions", |b| {
        let functions = b.all_block_locals / b.block_locals;
        let each = |_| branching(b, b.locals.min(1000));
        program(&[], (0..functions).map(each))
    }),
    shape("a parameter that changes in nested conditions", |b| {
        program(
            &[ValType::I64],
            [changing(1, pairs(b.set_nesting).min(b.nesting))],
        )
    }),
    shape("locals that change in nested conditions", |b| {
        let depth = pairs(b.set_nesting / 25).min(b.nesting);
        program(&[ValType::I64], [changing(25, depth)])
    }),
    shape(
        "a parameter that changes in nested conditions of many functions",
        |b| {
            let functions = b.all_set_nesting / b.set_nesting;
            let depth = pairs(b.set_nesting).min(b.nesting);
            program(&[ValType::I64], (0..functions).map(|_| changing(1, depth)))
        },
    ),
    shape("nested blocks that give a value", |b| {
        let depth = pairs(b.set_nesting / 2).min(b.nesting).min(b.costly);
        program(&[ValType::I64], [giving(depth)])
    }),
    shape(
        "a local that changes in one condition after the other",
        |b| program(&[ValType::I64], [following(b, 1, b.merges)]),
    ),
    shape("locals that change in one condition after the other", |b| {
        program(&[ValType::I64], [following(b, 10, b.merges)])
    }),
    shape(
        "a local that changes in one condition after the other of many functions",
        |b| {
            let functions = b.all_merges / (b.merges / 10) - 1;
            let each = |_| following(b, 1, b.merges / 10);
            program(&[ValType::I64], (0..functions).map(each))
        },
    ),
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
        let most = b.calls / (b.signature + CALL);
        for _ in 0..most.min(b.function_bytes / (2 * b.signature + 30)) {
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
        types.ty().function([], []);
        let mut functions = FunctionSection::new();
        functions.function(0).function(1);
        let mut give = Function::new([]);
        for _ in &half {
            give.instruction(&I::I64Const(0));
        }
        let mut code = CodeSection::new();
        code.function(&ended(give));
        code.function(&ended(Function::new([])));
        let values = half.len() as u64;
        let pairs = (b.calls / (values + CALL) / 2).min((b.function_bytes - 30) / 4);
        for _ in 0..b.call_values / (pairs * values * 2) {
            let mut f = Function::new([]);
            for _ in 0..pairs {
                f.instruction(&I::Call(0));
                f.instruction(&I::Call(1));
            }
            functions.function(2);
            code.function(&ended(f));
        }
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
        let loops = (b.function_bytes - 4 * b.signature).min(b.all_block_locals) / 7;
        for _ in 0..loops.min(b.block_values / half.len() as u64 / 2) {
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
    shape("branches with many values", |b| {
        let values = b.signature / 2;
        let mut f = Function::new([(1, ValType::I32)]);
        f.instruction(&I::Block(BlockType::FunctionType(1)));
        zeros(&mut f, values);
        for _ in 0..(b.function_bytes / 5).min(b.calls / values) {
            f.instruction(&I::LocalGet(0));
            f.instruction(&I::BrIf(0));
        }
        f.instruction(&I::End);
        drops(&mut f, values);
        with_results(values, f)
    }),
    shape("a br_table with many values", |b| {
        let values = b.signature / 2;
        let mut f = Function::new([(1, ValType::I32)]);
        let depth = (b.nesting / 2).min(b.block_values / values) as u32;
        for _ in 0..depth {
            f.instruction(&I::Block(BlockType::FunctionType(1)));
        }
        zeros(&mut f, values);
        let most = b.calls / values - 1;
        let targets: Vec<_> = (0..(b.function_bytes / 4).min(most) as u32)
            .map(|n| n % depth)
            .collect();
        f.instruction(&I::LocalGet(0));
        f.instruction(&I::BrTable(targets.into(), 0));
        for _ in 0..depth {
            f.instruction(&I::End);
            drops(&mut f, values);
            zeros(&mut f, values);
        }
        drops(&mut f, values);
        with_results(values, f)
    }),
];

fn zeros(f: &mut Function, count: u64) {
    for _ in 0..count {
        f.instruction(&I::I64Const(0));
    }
}

fn drops(f: &mut Function, count: u64) {
    for _ in 0..count {
        f.instruction(&I::Drop);
    }
}

/// A program of one function; blocks of type 1 have so many results.
fn with_results(count: u64, f: Function) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([], vec![ValType::I64; count as usize]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut code = CodeSection::new();
    code.function(&ended(f));
    finish(&[&types, &functions, &code])
}

/// Every loop changes every local, so each is a value of its own at the head of each loop: so many of them.
fn looping(b: &Bounds, values: u64) -> Function {
    let loops = b.loops as u32;
    let locals = b.locals.min(values / b.loops) as u32;
    let mut f = Function::new([(locals, ValType::I32)]);
    for _ in 0..loops {
        f.instruction(&I::Loop(BlockType::Empty));
    }
    for local in 0..locals {
        f.instruction(&I::LocalGet(local));
        f.instruction(&I::I32Const(1));
        f.instruction(&I::I32Add);
        f.instruction(&I::LocalSet(local));
    }
    for level in 0..loops {
        f.instruction(&I::LocalGet(level % locals));
        f.instruction(&I::BrIf(0));
        f.instruction(&I::End);
    }
    f
}

/// As many branches as there may be with so many locals, all of which are alive.
fn branching(b: &Bounds, locals: u64) -> Function {
    let branches = (b.block_locals / locals).min((b.function_bytes - 30) / 13);
    let locals = locals as u32;
    let mut f = Function::new([(locals, ValType::I32)]);
    for branch in 0..branches as u32 {
        let local = branch % locals;
        f.instruction(&I::LocalGet(local));
        f.instruction(&I::If(BlockType::Empty));
        f.instruction(&I::I32Const(7));
        f.instruction(&I::LocalSet((local * 31 + 1) % locals));
        f.instruction(&I::End);
    }
    f
}

/// Of how many there are so many ten thousands of pairs.
fn pairs(units: u64) -> u64 {
    (units * 10_000).isqrt()
}

/// Adds to a local.
fn add(f: &mut Function, local: u32) {
    f.instruction(&I::LocalGet(local));
    f.instruction(&I::I64Const(1));
    f.instruction(&I::I64Add);
    f.instruction(&I::LocalSet(local));
}

fn condition(f: &mut Function) {
    f.instruction(&I::LocalGet(0));
    f.instruction(&I::I64Eqz);
    f.instruction(&I::If(BlockType::Empty));
}

/// Calls the function with each of these locals, so that they are alive.
fn read(f: &mut Function, locals: u32) {
    for local in 0..locals {
        condition(f);
        f.instruction(&I::LocalGet(local));
        f.instruction(&I::Call(0));
        f.instruction(&I::End);
    }
}

/// Locals, of which the first one is a parameter, that are set in the innermost of some conditions.
fn changing(locals: u32, depth: u64) -> Function {
    let mut f = Function::new([(locals - 1, ValType::I64)]);
    (0..depth).for_each(|_| condition(&mut f));
    (0..locals).for_each(|local| add(&mut f, local));
    for _ in 0..depth {
        f.instruction(&I::End);
    }
    read(&mut f, locals);
    f
}

/// Blocks whose value comes from inside or from a branch.
fn giving(depth: u64) -> Function {
    let mut f = Function::new([]);
    for _ in 0..depth {
        f.instruction(&I::Block(BlockType::Result(ValType::I64)));
        f.instruction(&I::LocalGet(0));
        f.instruction(&I::LocalGet(0));
        f.instruction(&I::I64Eqz);
        f.instruction(&I::BrIf(0));
        f.instruction(&I::Drop);
    }
    f.instruction(&I::I64Const(5));
    for _ in 0..depth {
        f.instruction(&I::End);
    }
    f.instruction(&I::LocalSet(0));
    read(&mut f, 1);
    f
}

/// As many conditions, one after the other, as there may be that set one of these locals.
fn following(b: &Bounds, locals: u32, merges: u64) -> Function {
    let mut f = Function::new([(locals - 1, ValType::I64)]);
    let each = 13;
    let conditions = pairs(merges).min(b.function_bytes / each) - 2 * u64::from(locals);
    for local in (0..conditions as u32).map(|condition| condition % locals) {
        condition(&mut f);
        add(&mut f, local);
        f.instruction(&I::End);
    }
    read(&mut f, locals);
    f
}
