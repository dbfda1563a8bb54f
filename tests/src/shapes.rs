//! Modules that are made to cost a compiler as much as the bounds of core let them: each shape exhausts
//! a bound, or several at once, with as few bytes as possible.
//!
//! What a shape is for is in its name. It knows no engine. Invariant: every shape is a valid module
//! without proposals beyond what every engine has, and within the default bounds; a test compiles them.

use polyextism::Bounds;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection,
    ElementSection, Elements, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction as I, MemorySection, MemoryType, Module,
    RefType, Section, TableSection, TableType, TypeSection, ValType,
};

/// A module that costs as much as it may.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What it has much of.
    pub name: &'static str,
    /// Makes the module, for these bounds.
    pub make: fn(&Bounds) -> Vec<u8>,
}

const fn shape(name: &'static str, make: fn(&Bounds) -> Vec<u8>) -> Shape {
    Shape { name, make }
}

/// All of them.
pub const SHAPES: &[Shape] = &[
    shape("empty functions", |b| {
        program(&[], (0..b.functions).map(|_| Function::new([])))
    }),
    shape("functions with a loop", |b| {
        program(
            &[],
            (0..b.functions).map(|_| {
                let mut f = Function::new([]);
                f.instruction(&I::Loop(BlockType::Empty));
                f.instruction(&I::Br(0));
                f.instruction(&I::End);
                f
            }),
        )
    }),
    shape("functions that call each other", |b| {
        let functions = b.functions as u32;
        program(
            &[],
            (0..functions).map(|n| {
                let mut f = Function::new([]);
                for step in 1..5 {
                    f.instruction(&I::Call((n + step * 7919) % functions));
                }
                f
            }),
        )
    }),
    shape("types", |b| {
        let mut types = TypeSection::new();
        // Each differs from all others.
        for n in 0..b.types {
            let bits = (0..17_u32).map(|bit| number(n >> bit & 1));
            types.ty().function(bits, []);
        }
        finish(&[&types])
    }),
    shape("long signatures", |b| {
        let mut types = TypeSection::new();
        for n in 0..b.types.min(4000) {
            let params = (0..b.signature as u32).map(|at| number(n >> (at % 12) & 1));
            types.ty().function(params, []);
        }
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for n in 0..b.types.min(b.all_locals / b.signature) {
            functions.function(n as u32);
            code.function(&ended(Function::new([])));
        }
        finish(&[&types, &functions, &code])
    }),
    shape("imports", |b| {
        let mut types = TypeSection::new();
        types.ty().function([ValType::I64], [ValType::I64]);
        let mut imports = ImportSection::new();
        for _ in 0..b.imports {
            imports.import("extism:host/env", "length", EntityType::Function(0));
        }
        finish(&[&types, &imports])
    }),
    shape("exports", |b| {
        let mut exports = ExportSection::new();
        for n in 0..b.exports {
            exports.export(&n.to_string(), ExportKind::Func, 0);
        }
        let (types, functions, code) = one(Function::new([]));
        finish(&[&types, &functions, &exports, &code])
    }),
    shape("a giant name", |b| {
        let mut exports = ExportSection::new();
        exports.export(&"x".repeat(giant(b)), ExportKind::Func, 0);
        let (types, functions, code) = one(Function::new([]));
        finish(&[&types, &functions, &exports, &code])
    }),
    shape("a giant custom section", |b| {
        let section = CustomSection {
            name: "x".into(),
            data: vec![0; giant(b)].into(),
        };
        finish(&[&section])
    }),
    shape("globals", |b| {
        let ty = GlobalType {
            val_type: ValType::I64,
            mutable: true,
            shared: false,
        };
        let mut globals = GlobalSection::new();
        for _ in 0..b.globals {
            globals.global(ty, &ConstExpr::i64_const(1));
        }
        finish(&[&globals])
    }),
    shape("memories", |b| {
        let mut memories = MemorySection::new();
        for _ in 0..b.memories {
            memories.memory(memory());
        }
        finish(&[&memories])
    }),
    shape("tables", |b| {
        let mut tables = TableSection::new();
        for _ in 0..b.tables {
            tables.table(table(b.table_elements / b.tables));
        }
        finish(&[&tables])
    }),
    shape("data segments", |b| {
        let mut memories = MemorySection::new();
        memories.memory(memory());
        let mut data = DataSection::new();
        for n in 0..b.data_segments {
            data.active(0, &ConstExpr::i32_const(n as i32 % 65536), [1]);
        }
        finish(&[&memories, &data])
    }),
    shape("passive data segments and what uses them", |b| {
        let mut memories = MemorySection::new();
        memories.memory(memory());
        let mut data = DataSection::new();
        for _ in 0..b.data_segments {
            data.passive([1]);
        }
        let mut f = Function::new([]);
        let mut segment = 0;
        while (f.byte_len() as u64) < b.function_bytes - 20 {
            for _ in 0..3 {
                f.instruction(&I::I32Const(0));
            }
            f.instruction(&I::MemoryInit {
                mem: 0,
                data_index: segment,
            });
            segment = (segment + 1) % b.data_segments as u32;
        }
        let (types, functions, code) = one(f);
        let count = DataCountSection {
            count: b.data_segments as u32,
        };
        finish(&[&types, &functions, &memories, &count, &code, &data])
    }),
    shape("element segments", |b| {
        let mut tables = TableSection::new();
        tables.table(table(1));
        let mut elements = ElementSection::new();
        for _ in 0..b.element_segments {
            let functions = Elements::Functions([0].as_slice().into());
            elements.active(None, &ConstExpr::i32_const(0), functions);
        }
        let (types, functions, code) = one(Function::new([]));
        finish(&[&types, &functions, &tables, &elements, &code])
    }),
    shape("one large element segment", |b| {
        let mut tables = TableSection::new();
        tables.table(table(b.table_elements));
        let mut elements = ElementSection::new();
        let all = vec![0; b.table_elements as usize];
        let all = Elements::Functions(all.as_slice().into());
        elements.active(None, &ConstExpr::i32_const(0), all);
        let (types, functions, code) = one(Function::new([]));
        finish(&[&types, &functions, &tables, &elements, &code])
    }),
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
    shape("nested blocks", |b| nested(b, &I::Block(BlockType::Empty))),
    shape("nested loops", |b| nested(b, &I::Loop(BlockType::Empty))),
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
        while targets.len() as u64 * 2 < b.function_bytes - 50_000 {
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
        straight(b, |f| {
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
    shape("calls", |b| straight(b, |f| _ = f.instruction(&I::Call(0)))),
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
    shape("indirect calls", |b| {
        let mut tables = TableSection::new();
        tables.table(table(10));
        let mut f = Function::new([]);
        while (f.byte_len() as u64) < b.function_bytes - 30 {
            f.instruction(&I::I32Const(0));
            f.instruction(&I::CallIndirect {
                type_index: 0,
                table_index: 0,
            });
        }
        let (types, functions, code) = one(f);
        finish(&[&types, &functions, &tables, &code])
    }),
    shape("several long functions", |b| {
        let long = |_| {
            let mut f = Function::new([(2, ValType::I64)]);
            while (f.byte_len() as u64) < b.function_bytes / 4 {
                f.instruction(&I::LocalGet(0));
                f.instruction(&I::LocalGet(1));
                f.instruction(&I::I64Mul);
                f.instruction(&I::LocalSet(1));
            }
            f
        };
        program(&[], (0..4).map(long))
    }),
];

/// As much as a name or a section may have in a test: more costs only the time to make it.
fn giant(bounds: &Bounds) -> usize {
    (bounds.module_bytes as usize / 4).min(100_000 - 100)
}

fn number(bit: u64) -> ValType {
    match bit {
        0 => ValType::I32,
        _ => ValType::I64,
    }
}

fn memory() -> MemoryType {
    MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}

fn table(minimum: u64) -> TableType {
    TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum,
        maximum: None,
        shared: false,
    }
}

/// The function with its end.
fn ended(mut function: Function) -> Function {
    function.instruction(&I::End);
    function
}

/// A module of one function without parameters, in sections.
fn one(function: Function) -> (TypeSection, FunctionSection, CodeSection) {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    types.ty().function([], []);
    functions.function(0);
    let mut code = CodeSection::new();
    code.function(&ended(function));
    (types, functions, code)
}

fn with_global(function: Function) -> Vec<u8> {
    let ty = GlobalType {
        val_type: ValType::I64,
        mutable: true,
        shared: false,
    };
    let mut globals = GlobalSection::new();
    globals.global(ty, &ConstExpr::i64_const(1));
    let (types, functions, code) = one(function);
    finish(&[&types, &functions, &globals, &code])
}

/// A function of one kind of instructions, as long as it may be, with two locals and a memory.
fn straight(bounds: &Bounds, step: fn(&mut Function)) -> Vec<u8> {
    let mut f = Function::new([(2, ValType::I64)]);
    while (f.byte_len() as u64) < bounds.function_bytes - 30 {
        step(&mut f);
    }
    let mut memories = MemorySection::new();
    memories.memory(memory());
    let (types, functions, code) = one(f);
    finish(&[&types, &functions, &memories, &code])
}

fn nested(bounds: &Bounds, open: &I<'_>) -> Vec<u8> {
    let mut f = Function::new([(1, ValType::I32)]);
    for _ in 0..bounds.nesting {
        f.instruction(open);
    }
    for level in 0..bounds.nesting {
        f.instruction(&I::LocalGet(0));
        f.instruction(&I::BrIf((bounds.nesting - level) as u32 / 2));
        f.instruction(&I::End);
    }
    program(&[], [f])
}

/// Functions of one type without results.
fn program(params: &[ValType], bodies: impl IntoIterator<Item = Function>) -> Vec<u8> {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    types.ty().function(params.iter().copied(), []);
    let mut code = CodeSection::new();
    for mut body in bodies {
        functions.function(0);
        body.instruction(&I::End);
        code.function(&body);
    }
    finish(&[&types, &functions, &code])
}

fn finish(sections: &[&dyn Section]) -> Vec<u8> {
    let mut bytes = Module::HEADER.to_vec();
    for section in sections {
        section.append_to(&mut bytes);
    }
    bytes
}
