//! Memories and tables whose sizes are counted in globals, because they cannot shrink.
//!
//! This file has the code that grows them, and the encoder that makes the functions of a module use it. It does not
//! know when sizes are reset.

use std::{collections::BTreeMap, convert::Infallible};

use wasm_encoder::{
    BlockType, Function, Instruction, ValType,
    reencode::{Reencode, utils},
};

use super::Result;

/// A memory or table whose size is counted.
pub(super) struct Sized {
    /// The global that has the size.
    pub(super) size: u32,
    /// The function that grows it.
    pub(super) grow: u32,
}

/// Writes functions of the module again with counted sizes.
#[derive(Default)]
pub(super) struct Encoder {
    /// By index; `None` for imported ones, which belong to other modules.
    pub(super) memories: Vec<Option<Sized>>,
    pub(super) tables: Vec<Option<Sized>>,
    /// By the index of an immutable global: the global that is read instead, because the object changes.
    pub(super) objects: BTreeMap<u32, u32>,
}

impl Encoder {
    pub(super) fn memory(&self, index: u32) -> &Sized {
        let sized = self.memories[index as usize].as_ref();
        sized.expect("the memory is the module's own")
    }

    pub(super) fn table(&self, index: u32) -> &Sized {
        let sized = self.tables[index as usize].as_ref();
        sized.expect("the table is the module's own")
    }
}

impl Reencode for Encoder {
    type Error = Infallible;

    fn instruction<'a>(&mut self, operator: wasmparser::Operator<'a>) -> Result<Instruction<'a>> {
        use wasmparser::Operator as Op;
        let sized = match operator {
            Op::MemorySize { mem } | Op::MemoryGrow { mem } => self.memories.get(mem as usize),
            Op::TableSize { table } | Op::TableGrow { table } => self.tables.get(table as usize),
            _ => None,
        };
        Ok(match (operator, sized) {
            (Op::MemorySize { .. } | Op::TableSize { .. }, Some(Some(sized))) => {
                Instruction::GlobalGet(sized.size)
            }
            (Op::MemoryGrow { .. } | Op::TableGrow { .. }, Some(Some(sized))) => {
                Instruction::Call(sized.grow)
            }
            (Op::GlobalGet { global_index }, _) => {
                let read = self.objects.get(&global_index);
                Instruction::GlobalGet(*read.unwrap_or(&global_index))
            }
            // The next call needs the segment again.
            (Op::DataDrop { .. } | Op::ElemDrop { .. }, _) => Instruction::Nop,
            (operator, _) => utils::instruction(self, operator)?,
        })
    }
}

/// The type of addresses and sizes.
pub(super) fn address(is_64: bool) -> ValType {
    match is_64 {
        true => ValType::I64,
        false => ValType::I32,
    }
}

/// The instruction for the type of an address.
pub(super) trait Of {
    fn of<'a>(self, narrow: Instruction<'a>, wide: Instruction<'a>) -> Instruction<'a>;
}

impl Of for ValType {
    fn of<'a>(self, narrow: Instruction<'a>, wide: Instruction<'a>) -> Instruction<'a> {
        match self {
            Self::I64 => wide,
            _ => narrow,
        }
    }
}

pub(super) fn number(body: &mut Function, address: ValType, value: u64) {
    let narrow = Instruction::I32Const(value as i32);
    body.instruction(&address.of(narrow, Instruction::I64Const(value as i64)));
}

/// `memory.grow` for a counted size. Existing pages beyond the size are used first.
pub(super) fn grow_memory(index: u32, address: ValType, sized: &Sized) -> Function {
    let (wanted, spare) = (0, 1);
    let mut body = Function::new([(1, address)]);
    body.instruction(&Instruction::MemorySize(index));
    if_short(&mut body, address, sized, wanted, spare);
    missing(&mut body, address, wanted, spare);
    body.instruction(&Instruction::MemoryGrow(index));
    or_fail(&mut body, address);
    count(&mut body, address, sized, wanted);
    body
}

/// `table.grow` for a counted size.
pub(super) fn grow_table(index: u32, address: ValType, sized: &Sized) -> Function {
    let (value, wanted, spare) = (0, 1, 2);
    let mut body = Function::new([(1, address)]);
    body.instruction(&Instruction::TableSize(index));
    if_short(&mut body, address, sized, wanted, spare);
    body.instruction(&Instruction::LocalGet(value));
    missing(&mut body, address, wanted, spare);
    body.instruction(&Instruction::TableGrow(index));
    or_fail(&mut body, address);
    body.instruction(&Instruction::GlobalGet(sized.size))
        .instruction(&Instruction::LocalGet(value))
        .instruction(&Instruction::LocalGet(wanted))
        .instruction(&Instruction::TableFill(index));
    count(&mut body, address, sized, wanted);
    body
}

/// With the true size on the stack: an `if` for growing beyond it.
fn if_short(body: &mut Function, address: ValType, sized: &Sized, wanted: u32, spare: u32) {
    body.instruction(&Instruction::GlobalGet(sized.size))
        .instruction(&address.of(Instruction::I32Sub, Instruction::I64Sub))
        .instruction(&Instruction::LocalSet(spare))
        .instruction(&Instruction::LocalGet(wanted))
        .instruction(&Instruction::LocalGet(spare))
        .instruction(&address.of(Instruction::I32GtU, Instruction::I64GtU))
        .instruction(&Instruction::If(BlockType::Empty));
}

fn missing(body: &mut Function, address: ValType, wanted: u32, spare: u32) {
    body.instruction(&Instruction::LocalGet(wanted))
        .instruction(&Instruction::LocalGet(spare))
        .instruction(&address.of(Instruction::I32Sub, Instruction::I64Sub));
}

/// With the result of growing on the stack: returns -1 on failure. Ends the `if`.
fn or_fail(body: &mut Function, address: ValType) {
    number(body, address, u64::MAX);
    body.instruction(&address.of(Instruction::I32Eq, Instruction::I64Eq))
        .instruction(&Instruction::If(BlockType::Empty));
    number(body, address, u64::MAX);
    body.instruction(&Instruction::Return)
        .instruction(&Instruction::End)
        .instruction(&Instruction::End);
}

/// Counts the new size and returns the old one.
fn count(body: &mut Function, address: ValType, sized: &Sized, wanted: u32) {
    body.instruction(&Instruction::GlobalGet(sized.size))
        .instruction(&Instruction::GlobalGet(sized.size))
        .instruction(&Instruction::LocalGet(wanted))
        .instruction(&address.of(Instruction::I32Add, Instruction::I64Add))
        .instruction(&Instruction::GlobalSet(sized.size))
        .instruction(&Instruction::End);
}
