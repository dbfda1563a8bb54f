//! Makes every exported function one that a plug-in can be called by.
//!
//! For each function that a module exports it gets another that calls it with constants and drops what
//! comes back. It does not know what the functions do.

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, HeapType, Instruction,
    Module, TypeSection, ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    CodeSectionReader, ExportSectionReader, FunctionSectionReader, Parser, TypeSectionReader,
};

use super::program::Program;
use crate::random::Random;

/// The same module with functions `call0`, `call1`, ... for the exported functions that can be called with
/// constants; how many these are. `None` if there are none, or the module is not one that is run here.
pub fn wrapped(wasm: &[u8], random: &mut Random) -> Option<(Vec<u8>, usize)> {
    let program = Program::read(wasm)?;
    let mut wrappers = Vec::new();
    for (_, function) in &program.exports {
        wrappers.extend(wrapper(&program, *function, random));
    }
    if wrappers.is_empty() {
        return None;
    }
    let mut module = Module::new();
    let mut step = Step {
        types: program.types.len() as u32,
        functions: program.functions.len() as u32,
        wrappers: &wrappers,
    };
    step.parse_core_module(&mut module, Parser::new(0), wasm)
        .ok()?;
    Some((module.finish(), wrappers.len()))
}

fn wrapper(program: &Program<'_>, function: usize, random: &mut Random) -> Option<Function> {
    let ty = program.ty(function);
    let mut wrapper = Function::new([]);
    for ty in ty.params() {
        let number = match random.below(3) {
            0 => random.any(),
            1 => random.below(100),
            _ => u64::MAX,
        };
        wrapper.instruction(&match ValType::try_from(*ty).ok()? {
            ValType::I32 => Instruction::I32Const(number as i32),
            ValType::I64 => Instruction::I64Const(number.cast_signed()),
            ValType::F32 => Instruction::F32Const((random.below(1000) as f32 / 8.0).into()),
            ValType::F64 => Instruction::F64Const((random.below(1000) as f64 / 8.0).into()),
            ValType::Ref(ty) if ty.nullable => match ty.heap_type {
                HeapType::Abstract { .. } => Instruction::RefNull(ty.heap_type),
                _ => return None,
            },
            _ => return None,
        });
    }
    wrapper.instruction(&Instruction::Call(function as u32));
    for _ in ty.results() {
        wrapper.instruction(&Instruction::Drop);
    }
    wrapper.instruction(&Instruction::End);
    Some(wrapper)
}

struct Step<'a> {
    types: u32,
    functions: u32,
    wrappers: &'a [Function],
}

impl Reencode for Step<'_> {
    type Error = std::convert::Infallible;

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_type_section(self, types, section)?;
        types.ty().function([], []);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_function_section(self, functions, section)?;
        for _ in self.wrappers {
            functions.function(self.types);
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_export_section(self, exports, section)?;
        for (position, _) in self.wrappers.iter().enumerate() {
            let function = self.functions + position as u32;
            exports.export(&format!("call{position}"), ExportKind::Func, function);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_code_section(self, code, section)?;
        for wrapper in self.wrappers {
            code.function(wrapper);
        }
        Ok(())
    }
}
