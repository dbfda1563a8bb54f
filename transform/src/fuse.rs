//! Puts the kernel into a module.
//!
//! The module gets the kernel memory as its last memory, exported under a name that the caller chooses, and the
//! kernel functions that it imports. Calls of short ones are inlined: with their checks, but without the call and
//! the check at the entry of a function. All other uses (references, tables, exports, tail calls) get the function
//! itself. So on every engine, a load or store of a guest costs as much as one in its own memory and a comparison,
//! and a program has one instance less.
//!
//! Kernel functions take the indices of the former imports, after the remaining imports, so the functions that the
//! module defines keep their indices. No other index changes, because all other new items come last.
//!
//! It knows neither engines nor the meaning of kernel functions (see `kernel.wat`). Invariants: the input is valid,
//! so is the output, and it computes the same; the index of a function that the module defines stays the same; a
//! function grows by a bounded number of bytes.

mod expand;
mod parts;

use std::sync::Arc;

use wasm_encoder::{
    CodeSection, DataSection, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    Instruction, MemorySection, Module, SectionId, TypeSection,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    CustomSectionReader, Data, ExportSectionReader, FunctionSectionReader, ImportSectionReader,
    MemorySectionReader, Parser, TypeSectionReader,
};

pub use self::parts::Parts;

use self::expand::Expander;
use crate::{
    parallel,
    rewrite::{self, Defined, Shape},
};

/// The same module with this kernel. `functions` has the kernel function of each import of the module, if it is
/// one; those imports are removed. `memory` is the export name of the kernel memory, which no export of the module
/// may have.
///
/// # Errors
/// None for a module that core has validated and whose start section is taken out.
pub fn fuse(
    wasm: &[u8],
    parts: &'static Parts,
    functions: &[Option<Arc<str>>],
    memory: &str,
) -> Result<Vec<u8>, reencode::Error> {
    let mut module = Module::new();
    let step = &mut Step::new(wasm, parts, functions, memory)?;
    step.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(module.finish())
}

/// The new role of an imported function.
#[derive(Clone, Copy)]
enum Imported {
    /// It stays an import, with this index.
    Kept(u32),
    /// It becomes this function of the kernel.
    Kernel(u32),
}

/// The step over one module.
struct Step<'a> {
    wasm: &'a [u8],
    kernel: &'a [Option<Arc<str>>],
    memory_name: &'a str,
    parts: &'static Parts,
    shape: Shape,
    /// By the index of the function.
    imported: Vec<Imported>,
    /// The functions in the place of former imports: the type, and the kernel function for its first import.
    /// Nothing refers to further imports of the same function.
    slots: Vec<(u32, Option<u32>)>,
    /// Functions of the kernel that only other kernel functions call.
    helpers: Vec<u32>,
    expander: Expander,
    functions_done: bool,
    memories_done: bool,
    exports_done: bool,
    code_done: bool,
}

impl<'a> Step<'a> {
    fn new(
        wasm: &'a [u8],
        parts: &'static Parts,
        functions: &'a [Option<Arc<str>>],
        memory_name: &'a str,
    ) -> Result<Self, reencode::Error> {
        let shape = Shape::read(wasm)?;
        let (mut kept, mut imported, mut slots) = (0, Vec::new(), Vec::new());
        let mut own: Vec<u32> = Vec::new();
        for (import, name) in shape.imports.iter().zip(functions) {
            let Some(ty) = *import else { continue };
            imported.push(match name {
                None => {
                    kept += 1;
                    Imported::Kept(kept - 1)
                }
                Some(name) => {
                    let function = parts.find(name);
                    let first = !own.contains(&function);
                    own.extend(first.then_some(function));
                    slots.push((ty, first.then_some(function)));
                    Imported::Kernel(function)
                }
            });
        }
        let helpers = parts.helpers(&own);
        let mut expander = Expander::new(parts, shape.memories.len() as u32);
        for (slot, (_, function)) in slots.iter().enumerate() {
            if let Some(function) = function {
                expander.place(*function, kept + slot as u32);
            }
        }
        let behind = imported.len() + shape.functions.len();
        for (position, helper) in helpers.iter().enumerate() {
            expander.place(*helper, (behind + position) as u32);
        }
        Ok(Self {
            wasm,
            kernel: functions,
            memory_name,
            parts,
            shape,
            imported,
            slots,
            helpers,
            expander,
            functions_done: false,
            memories_done: false,
            exports_done: false,
            code_done: false,
        })
    }

    /// The kernel function at an index of the module.
    fn kernel_function(&self, function: u32) -> Option<u32> {
        match self.imported.get(function as usize) {
            Some(Imported::Kernel(function)) => Some(*function),
            _ => None,
        }
    }

    fn moved(&self, function: u32) -> u32 {
        match self.imported.get(function as usize) {
            Some(Imported::Kept(index)) => *index,
            Some(Imported::Kernel(function)) => self.expander.index(*function),
            None => function,
        }
    }

    /// Whether functions are added.
    fn adds_functions(&self) -> bool {
        !self.slots.is_empty()
    }

    fn slot_types(&self, functions: &mut FunctionSection) {
        for (ty, _) in &self.slots {
            functions.function(*ty);
        }
    }

    fn helper_types(&mut self, functions: &mut FunctionSection) {
        for (position, _) in self.helpers.iter().enumerate() {
            functions.function((self.shape.types.len() + position) as u32);
        }
        self.functions_done = true;
    }

    fn add_memory(&mut self, memories: &mut MemorySection) -> Result<(), reencode::Error> {
        memories.memory(self.memory_type(self.parts.memory)?);
        self.memories_done = true;
        Ok(())
    }

    fn add_export(&mut self, exports: &mut ExportSection) {
        let memory = self.shape.memories.len() as u32;
        exports.export(self.memory_name, ExportKind::Memory, memory);
        self.exports_done = true;
    }

    fn slot_bodies(&mut self, code: &mut CodeSection) -> Result<(), reencode::Error> {
        for (_, function) in &self.slots {
            match function {
                Some(function) => self.expander.whole(code, *function)?,
                None => {
                    let mut nobody = Function::new([]);
                    nobody.instruction(&Instruction::Unreachable);
                    nobody.instruction(&Instruction::End);
                    code.function(&nobody);
                }
            }
        }
        Ok(())
    }

    fn helper_bodies(&mut self, code: &mut CodeSection) -> Result<(), reencode::Error> {
        for helper in &self.helpers {
            self.expander.whole(code, *helper)?;
        }
        self.code_done = true;
        Ok(())
    }
}

impl Reencode for Step<'_> {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(self.moved(function))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_type_section(self, types, section)?;
        for helper in &self.helpers {
            let ty = self.parts.part(*helper).ty.clone();
            let ty = wasm_encoder::FuncType::try_from(ty)?;
            types.ty().func_type(&ty);
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for (import, kernel) in section.into_imports().zip(self.kernel) {
            let import = import?;
            if kernel.is_none() {
                self.parse_import(imports, import)?;
            }
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        self.slot_types(functions);
        utils::parse_function_section(self, functions, section)?;
        self.helper_types(functions);
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_memory_section(self, memories, section)?;
        self.add_memory(memories)
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_export_section(self, exports, section)?;
        self.add_export(exports);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        self.slot_bodies(code)?;
        let functions = Defined::read(section, &self.shape)?;
        let step = &*self;
        for body in parallel::map(&functions, self.wasm.len(), |function| step.write(function))? {
            code.raw(&body);
        }
        self.helper_bodies(code)
    }

    fn parse_data(
        &mut self,
        data: &mut DataSection,
        datum: Data<'_>,
    ) -> Result<(), reencode::Error> {
        // Their indices of memories and globals have not changed.
        data.raw(&self.wasm[datum.range.start as usize..datum.range.end as usize]);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        let is_due = |section| rewrite::is_due(section, before);
        if !self.functions_done && self.adds_functions() && is_due(SectionId::Function) {
            let mut functions = FunctionSection::new();
            self.slot_types(&mut functions);
            self.helper_types(&mut functions);
            module.section(&functions);
        }
        if !self.memories_done && is_due(SectionId::Memory) {
            let mut memories = MemorySection::new();
            self.add_memory(&mut memories)?;
            module.section(&memories);
        }
        if !self.exports_done && is_due(SectionId::Export) {
            let mut exports = ExportSection::new();
            self.add_export(&mut exports);
            module.section(&exports);
        }
        if !self.code_done && self.adds_functions() && is_due(SectionId::Code) {
            let mut code = CodeSection::new();
            self.slot_bodies(&mut code)?;
            self.helper_bodies(&mut code)?;
            module.section(&code);
        }
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        let place = |function| match self.kernel_function(function) {
            None => Some(self.moved(function)),
            Some(_) => None,
        };
        if let Some(names) = rewrite::names(&section, place) {
            module.section(&names);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
