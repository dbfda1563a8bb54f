//! The same module with something written otherwise, which tells what a difference comes from: an
//! engine that agrees on this one differs by what was written otherwise, and by nothing else.

use std::convert::Infallible;

use wasm_encoder::{
    CodeSection, Function, Instruction, Module, ValType,
    reencode::{self, Reencode},
};
use wasmparser::{FunctionBody, Operator, Validator, WasmFeatures, types::Types};

/// The module, valid and without imports, which makes NaNs canonical after conversions between `f32`
/// and `f64`.
pub(super) fn conversions(wasm: &[u8]) -> Vec<u8> {
    let types = Validator::new_with_features(WasmFeatures::all()).validate_all(wasm);
    let mut canonical = Canonical {
        types: types.expect("generated modules are valid"),
        function: 0,
    };
    let mut module = Module::new();
    let written = canonical.parse_core_module(&mut module, wasmparser::Parser::new(0), wasm);
    written.expect("a valid module can be written again");
    module.finish()
}

struct Canonical {
    types: Types,
    /// The index of the function that is written next.
    function: u32,
}

impl Reencode for Canonical {
    type Error = Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let types = self.types.as_ref();
        let ty = types[types.core_function_at(self.function)].unwrap_func();
        self.function += 1;
        let mut count = ty.params().len() as u32;
        let mut locals = Vec::new();
        for group in body.get_locals_reader()? {
            let (of, ty) = group?;
            count += of;
            locals.push((of, self.val_type(ty)?));
        }
        let (single, double) = (count, count + 1);
        locals.extend([(1, ValType::F32), (1, ValType::F64)]);
        let mut function = Function::new(locals);
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            let then = match operator {
                Operator::F32DemoteF64 => Some((
                    single,
                    Instruction::F32Const(f32::from_bits(0x7fc0_0000).into()),
                    Instruction::F32Eq,
                )),
                Operator::F64PromoteF32 => Some((
                    double,
                    Instruction::F64Const(f64::from_bits(0x7ff8_0000_0000_0000).into()),
                    Instruction::F64Eq,
                )),
                _ => None,
            };
            function.instruction(&self.instruction(operator)?);
            let Some((local, nan, equal)) = then else {
                continue;
            };
            // What is equal to itself stays.
            function.instruction(&Instruction::LocalTee(local));
            function.instruction(&nan);
            function.instruction(&Instruction::LocalGet(local));
            function.instruction(&Instruction::LocalGet(local));
            function.instruction(&equal);
            function.instruction(&Instruction::Select);
        }
        code.function(&function);
        Ok(())
    }
}
