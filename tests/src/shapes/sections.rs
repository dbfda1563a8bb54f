//! Shapes that have many of what a section lists: functions, types, segments and the like.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection,
    ElementSection, Elements, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction as I, MemorySection, TableSection,
    TypeSection, ValType,
};

use super::{
    Shape,
    make::{ended, finish, giant, memory, number, one, program, several, table},
    shape,
};

/// Those that have many of what a section lists.
pub(super) const SECTIONS: &[Shape] = &[
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
        for n in 0..b.types.min(b.all_signatures / 17) {
            let bits = (0..17_u32).map(|bit| number(n >> bit & 1));
            types.ty().function(bits, []);
        }
        finish(&[&types])
    }),
    shape("long signatures", |b| {
        let mut types = TypeSection::new();
        let count = b.types.min(b.all_signatures / b.signature);
        for n in 0..count {
            let params = (0..b.signature as u32).map(|at| number(n >> (at % 12) & 1));
            types.ty().function(params, []);
        }
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for n in 0..count.min(b.all_locals / b.signature) {
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
        let mut segments = (0..b.data_segments as u32).cycle();
        let mut body = || {
            let mut f = Function::new([]);
            for data_index in segments.by_ref().take((b.long / 11) as usize) {
                (0..3).for_each(|_| _ = f.instruction(&I::I32Const(0)));
                f.instruction(&I::MemoryInit { mem: 0, data_index });
            }
            f
        };
        let bodies: Vec<_> = (0..b.all_long / b.long).map(|_| body()).collect();
        let (types, functions, code) = several(bodies);
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
