//! The function that resets a module to the state of a fresh instance.
//!
//! It knows neither its callers nor how sizes are counted.

use wasm_encoder::{
    Function, Instruction,
    reencode::{Reencode, utils},
};
use wasmparser::{DataKind, ElementItems, ElementKind, TableInit};

use super::{
    Result,
    original::Original,
    sized::{Encoder, Of as _, address, number},
};

/// The default page size of a memory, as a power of two.
const PAGE_LOG2: u32 = 16;

impl Original<'_> {
    /// The function that resets everything, in the order in which an engine initialises.
    pub(super) fn reset(&self, encoder: &mut Encoder, start: Option<u32>) -> Result<Function> {
        let mut body = Function::new([]);
        for (own, global) in self.globals.iter().enumerate() {
            let index = self.imported_globals + own as u32;
            let set = match global.ty.mutable {
                true => Some(index),
                false => encoder.objects.get(&index).copied(),
            };
            if let Some(set) = set {
                constant(encoder, &mut body, &global.init_expr)?;
                body.instruction(&Instruction::GlobalSet(set));
            }
        }
        for (own, memory) in self.memories.iter().enumerate() {
            let index = self.imported_memories + own as u32;
            let address = address(memory.memory64);
            // In two halves, because the whole size may exceed an address.
            let half = |body: &mut Function| {
                body.instruction(&Instruction::MemorySize(index));
                number(body, address, 1);
                body.instruction(&address.of(Instruction::I32ShrU, Instruction::I64ShrU));
            };
            let page = memory.page_size_log2.unwrap_or(PAGE_LOG2);
            let bytes = |body: &mut Function| {
                number(body, address, page.into());
                body.instruction(&address.of(Instruction::I32Shl, Instruction::I64Shl));
            };
            number(&mut body, address, 0);
            body.instruction(&Instruction::I32Const(0));
            half(&mut body);
            bytes(&mut body);
            body.instruction(&Instruction::MemoryFill(index));
            half(&mut body);
            bytes(&mut body);
            body.instruction(&Instruction::I32Const(0));
            body.instruction(&Instruction::MemorySize(index));
            half(&mut body);
            body.instruction(&address.of(Instruction::I32Sub, Instruction::I64Sub));
            bytes(&mut body);
            body.instruction(&Instruction::MemoryFill(index));
            number(&mut body, address, memory.initial);
            body.instruction(&Instruction::GlobalSet(encoder.memory(index).size));
        }
        for (own, table) in self.tables.iter().enumerate() {
            let index = self.imported_tables + own as u32;
            let address = address(table.ty.table64);
            number(&mut body, address, 0);
            match &table.init {
                TableInit::RefNull => {
                    let ty = utils::ref_type(encoder, table.ty.element_type)?;
                    body.instruction(&Instruction::RefNull(ty.heap_type));
                }
                TableInit::Expr(init) => constant(encoder, &mut body, init)?,
            }
            body.instruction(&Instruction::TableSize(index));
            body.instruction(&Instruction::TableFill(index));
            number(&mut body, address, table.ty.initial);
            body.instruction(&Instruction::GlobalSet(encoder.table(index).size));
        }
        for (elem_index, element) in (0..).zip(&self.elements) {
            if let ElementKind::Active {
                table_index,
                offset_expr,
            } = &element.kind
            {
                let length = match &element.items {
                    ElementItems::Functions(items) => items.count(),
                    ElementItems::Expressions(_, items) => items.count(),
                };
                constant(encoder, &mut body, offset_expr)?;
                body.instruction(&Instruction::I32Const(0));
                body.instruction(&Instruction::I32Const(length as i32));
                let table = table_index.unwrap_or(0);
                body.instruction(&Instruction::TableInit { elem_index, table });
            }
        }
        for (data_index, data) in (0..).zip(&self.data) {
            if let DataKind::Active {
                memory_index,
                offset_expr,
            } = &data.kind
            {
                constant(encoder, &mut body, offset_expr)?;
                body.instruction(&Instruction::I32Const(0));
                body.instruction(&Instruction::I32Const(data.data.len() as i32));
                let mem = *memory_index;
                body.instruction(&Instruction::MemoryInit { mem, data_index });
            }
        }
        if let Some(start) = start {
            body.instruction(&Instruction::Call(start));
        }
        body.instruction(&Instruction::End);
        Ok(body)
    }
}

/// A constant expression is code as well.
fn constant(
    encoder: &mut Encoder,
    body: &mut Function,
    expression: &wasmparser::ConstExpr<'_>,
) -> Result<()> {
    let mut operators = expression.get_operators_reader();
    while !operators.is_end_then_eof() {
        body.instruction(&encoder.parse_instruction(&mut operators)?);
    }
    Ok(())
}
