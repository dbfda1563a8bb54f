//! How modules of the shapes are made.

use polyextism::internal::Bounds;
use wasm_encoder::{
    CodeSection, ConstExpr, Function, FunctionSection, GlobalSection, GlobalType, Instruction as I,
    MemorySection, MemoryType, Module, RefType, Section, TableSection, TableType, TypeSection,
    ValType,
};

/// As much as a name or a section may have in a test: more costs only the time to make it.
pub(super) fn giant(bounds: &Bounds) -> usize {
    (bounds.module_bytes as usize / 4).min(100_000 - 100)
}

pub(super) fn number(bit: u64) -> ValType {
    match bit {
        0 => ValType::I32,
        _ => ValType::I64,
    }
}

pub(super) fn memory() -> MemoryType {
    MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}

pub(super) fn table(minimum: u64) -> TableType {
    TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum,
        maximum: None,
        shared: false,
    }
}

/// The function with its end.
pub(super) fn ended(mut function: Function) -> Function {
    function.instruction(&I::End);
    function
}

/// A module of one function without parameters, in sections.
pub(super) fn one(function: Function) -> (TypeSection, FunctionSection, CodeSection) {
    several([function])
}

pub(super) fn with_global(function: Function) -> Vec<u8> {
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
pub(super) fn straight(bounds: &Bounds, step: fn(&mut Function)) -> Vec<u8> {
    let mut f = Function::new([(2, ValType::I64)]);
    while (f.byte_len() as u64) < bounds.function_bytes - 30 {
        step(&mut f);
    }
    let mut memories = MemorySection::new();
    memories.memory(memory());
    let (types, functions, code) = one(f);
    finish(&[&types, &functions, &memories, &code])
}

/// A function of blocks inside each other, with a branch out of each.
pub(super) fn nested(depth: u64, open: &I<'_>) -> Function {
    let mut f = Function::new([(1, ValType::I32)]);
    for _ in 0..depth {
        f.instruction(open);
    }
    for level in 0..depth {
        f.instruction(&I::LocalGet(0));
        f.instruction(&I::BrIf((depth - level) as u32 / 2));
        f.instruction(&I::End);
    }
    f
}

/// Functions of one type without results.
pub(super) fn program(params: &[ValType], bodies: impl IntoIterator<Item = Function>) -> Vec<u8> {
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

/// A module of functions without parameters, in sections.
pub(super) fn several(
    bodies: impl IntoIterator<Item = Function>,
) -> (TypeSection, FunctionSection, CodeSection) {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    types.ty().function([], []);
    let mut code = CodeSection::new();
    for body in bodies {
        functions.function(0);
        code.function(&ended(body));
    }
    (types, functions, code)
}

/// Functions without parameters, and tables.
pub(super) fn with_table(
    bodies: impl IntoIterator<Item = Function>,
    tables: &TableSection,
) -> Vec<u8> {
    let (types, functions, code) = several(bodies);
    finish(&[&types, &functions, tables, &code])
}

pub(super) fn finish(sections: &[&dyn Section]) -> Vec<u8> {
    let mut bytes = Module::HEADER.to_vec();
    for section in sections {
        section.append_to(&mut bytes);
    }
    bytes
}
