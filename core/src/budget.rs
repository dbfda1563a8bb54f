//! Makes guests count what they do and look up by themselves: a step from wasm to wasm, for engines
//! that cannot be told to make them look up, and for fuel on every engine.
//!
//! Every function counts a budget down where it is entered and at the head of every loop, by what the
//! code that follows costs at most; when the budget is used up it calls [`check`], which looks at the
//! alarm of the plug-in and fills the budget up, from its fuel if that is limited. So a guest looks up
//! after a bounded amount of work, without a signal, a race, or a clock in the guest, and the same guest
//! counts the same on every engine.
//!
//! The budget is a global (see [`Budget`]). A function with loops keeps it in a local, writes it back
//! before it calls and when it returns, and reads it again after a call: engines keep locals in
//! registers. A short function without loops and calls is paid for by the instruction that calls it.
//!
//! It knows no engine and nothing of the meaning of a module. Invariants: the input is valid, so is
//! the output, and it computes the same; between two checks a guest does at most about
//! [`QUANTUM`] units of work, whatever it does.

mod cost;
mod home;
mod writer;

use std::sync::{Arc, LazyLock};

use wasm_encoder::{
    BlockType, CodeSection, ExportSection, Function, FunctionSection, GlobalSection, ImportSection,
    Instruction, Module, SectionId, TypeSection, ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, ExportSectionReader, FunctionBody,
    FunctionSectionReader, GlobalSectionReader, ImportSectionReader, Parser, TypeSectionReader,
};

pub(crate) use self::home::{Budget, EXPORTS, TAKE};
use self::{
    cost::{Costs, Kind},
    writer::{Place, Writer},
};
use crate::{
    engine::types::{HostFunc, NumType, Signature},
    rewrite::{self, Shape},
};

/// What a guest may do between two checks. One unit is about one instruction.
pub(crate) const QUANTUM: i64 = 20_000;
/// By how many places the functions that a module defines move: [`check`] comes before them.
pub(crate) const MOVED: u32 = 1;
/// The name of the import of [`check`] in what comes out. Imports are resolved by position.
const IMPORT: (&str, &str) = ("polyextism", "check");

/// The function that guests call when their budget is used up: it takes what is left of it, which is
/// less than nothing, and returns a new one.
pub(crate) fn check() -> &'static Arc<HostFunc> {
    static CHECK: LazyLock<Arc<HostFunc>> = LazyLock::new(|| {
        HostFunc::new(
            IMPORT.1,
            Signature::new(&[NumType::I64], &[NumType::I64]),
            Box::new(|mut caller, slots| {
                slots[0] = caller.host().refill(slots[0] as i64)? as u64;
                Ok(())
            }),
        )
    });
    &CHECK
}

/// The same module with a budget, and with what [`Budget::imports`] says as its last imports. `None`
/// for a module without functions, which needs none.
///
/// # Errors
/// None for a module that core has validated and whose start section is taken out.
pub(crate) fn instrument(wasm: &[u8], budget: Budget) -> Result<Option<Vec<u8>>, reencode::Error> {
    let shape = Shape::read(wasm)?;
    if shape.functions.is_empty() {
        return Ok(None);
    }
    let mut module = Module::new();
    Step::new(shape, budget).parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(Some(module.finish()))
}

/// The step over one module.
struct Step {
    shape: Shape,
    budget: Budget,
    /// The index of [`check`]: the functions above have moved by one.
    check: u32,
    /// For each type, the type of a block without parameters and with the same several results.
    blocks: Vec<Option<u32>>,
    check_type: u32,
    imports_done: bool,
    globals_done: bool,
    exports_done: bool,
    /// The next function body.
    body: usize,
}

impl Step {
    fn new(shape: Shape, budget: Budget) -> Self {
        Self {
            blocks: vec![None; shape.types.len()],
            check: shape.imported_functions(),
            check_type: shape.types.len() as u32,
            shape,
            budget,
            imports_done: false,
            globals_done: false,
            exports_done: false,
            body: 0,
        }
    }

    /// The type of a block that gives what the function of this type gives.
    fn body_type(&mut self, ty: u32) -> Result<BlockType, reencode::Error> {
        if let Some(block) = self.blocks[ty as usize] {
            return Ok(BlockType::FunctionType(block));
        }
        Ok(match *self.shape.function_type(ty).results() {
            [] => BlockType::Empty,
            [result, ..] => BlockType::Result(self.val_type(result)?),
        })
    }

    fn moved(&self, function: u32) -> u32 {
        match function < self.check {
            true => function,
            false => function + MOVED,
        }
    }
}

impl Reencode for Step {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(self.moved(function))
    }

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error> {
        Ok(match global < self.shape.imported_globals {
            true => global,
            false => global + self.budget.imported_globals(),
        })
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_type_section(self, types, section)?;
        types.ty().function([ValType::I64], [ValType::I64]);
        types.ty().function([], [ValType::I32]);
        let mut next = self.take_type() + 1;
        for index in 0..self.shape.types.len() {
            let Some(ty) = self.shape.types[index].clone() else {
                continue;
            };
            if ty.results().len() > 1 {
                let results = ty.results().iter().map(|ty| self.val_type(*ty));
                let results = results.collect::<Result<Vec<_>, _>>()?;
                types.ty().function([], results);
                self.blocks[index] = Some(next);
                next += 1;
            }
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_import_section(self, imports, section)?;
        self.add_imports(imports);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_function_section(self, functions, section)?;
        self.add_function(functions);
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_global_section(self, globals, section)?;
        self.add_global(globals);
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_export_section(self, exports, section)?;
        self.add_exports(exports);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_code_section(self, code, section)?;
        self.add_code(code);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        if !self.imports_done && rewrite::is_due(SectionId::Import, before) {
            let mut imports = ImportSection::new();
            self.add_imports(&mut imports);
            module.section(&imports);
        }
        if !self.globals_done && rewrite::is_due(SectionId::Global, before) {
            let mut globals = GlobalSection::new();
            self.add_global(&mut globals);
            if !globals.is_empty() {
                module.section(&globals);
            }
        }
        if !self.exports_done && rewrite::is_due(SectionId::Export, before) {
            let mut exports = ExportSection::new();
            self.add_exports(&mut exports);
            if !exports.is_empty() {
                module.section(&exports);
            }
        }
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        if let Some(names) = rewrite::names(&section, |function| Some(self.moved(function))) {
            module.section(&names);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let ty = self.shape.functions[self.body];
        self.body += 1;
        let costs = Costs::of(&body)?;
        if costs.is_free() {
            return utils::parse_function_body(self, code, body);
        }
        let mut locals = Vec::new();
        let mut count = self.shape.function_type(ty).params().len() as u32;
        for group in body.get_locals_reader()? {
            let (number, ty) = group?;
            count += number;
            locals.push((number, self.val_type(ty)?));
        }
        locals.extend([(1, ValType::I64), (1, ValType::I32), (1, ValType::I64)]);
        let mut writer = Writer {
            out: Function::new(locals),
            counter: count,
            length: count + 1,
            wide_length: count + 2,
            global: self.global(),
            check: self.check,
            place: match costs.loops.is_empty() {
                true => Place::Global,
                false => Place::Local,
            },
        };
        let block = self.body_type(ty)?;
        self.write(&mut writer, &costs, block, &body)?;
        code.function(&writer.out);
        Ok(())
    }
}

impl Step {
    fn write(
        &mut self,
        writer: &mut Writer,
        costs: &Costs,
        block: BlockType,
        body: &FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        writer.enter(costs.entry);
        if writer.place == Place::Local {
            writer.put(&Instruction::Block(block));
        }
        let mut loops = costs.loops.iter();
        let mut depth = 0;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            let kind = Kind::of(&operator);
            match kind {
                Kind::Open | Kind::Loop => depth += 1,
                Kind::Close if depth == 0 => break,
                Kind::Close => depth -= 1,
                Kind::Bulk(shift) => writer.charge_length(shift, self.shape.length(&operator)),
                Kind::Call | Kind::TailCall => writer.save(),
                Kind::Return if writer.place == Place::Local => {
                    writer.put(&Instruction::Br(depth));
                    continue;
                }
                Kind::Return | Kind::Other | Kind::Grow => {}
            }
            writer.put(&self.instruction(operator)?);
            match kind {
                Kind::Loop => {
                    let cost = loops.next().expect("the first pass counted every loop");
                    writer.charge(*cost);
                }
                Kind::Call => writer.load(),
                _ => {}
            }
        }
        if writer.place == Place::Local {
            writer.put(&Instruction::End);
            writer.save();
        }
        writer.put(&Instruction::End);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
