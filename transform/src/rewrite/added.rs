//! Writes a module again with something added to its index spaces.
//!
//! New items come last in their index space. New imports come after the imports of their kind, so the indices of
//! the module's own items change ([`Moved`]). It knows neither the meaning of new items nor the new functions,
//! which [`Bodies`] writes. Invariants: the input is valid; a missing section is written in its place.

use std::borrow::Cow;

use wasm_encoder::{
    BranchHints, CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemorySection,
    MemoryType, Module, SectionId, TypeSection, ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, ExportSectionReader, FunctionBody,
    FunctionSectionReader, GlobalSectionReader, ImportSectionReader, MemorySectionReader, Operator,
    Parser, TypeSectionReader,
};

use super::{Shape, is_due, names};
use crate::parallel;

/// The added items, in the order of indices.
#[derive(Default)]
pub(crate) struct Added {
    /// Types of functions: parameters and results.
    pub(crate) types: Vec<(Vec<ValType>, Vec<ValType>)>,
    /// Imports of functions and globals: module, name, type.
    pub(crate) imports: Vec<(&'static str, &'static str, EntityType)>,
    /// Functions and their types.
    pub(crate) functions: Vec<(u32, Function)>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<(GlobalType, ConstExpr)>,
    pub(crate) exports: Vec<(&'static str, ExportKind, u32)>,
    /// The branches that are rarely taken.
    pub(crate) hints: Option<BranchHints>,
}

/// The new indices of the module.
#[derive(Clone, Copy)]
pub(crate) struct Moved {
    imported_functions: u32,
    functions: u32,
    imported_globals: u32,
    globals: u32,
}

impl Moved {
    /// The new indices after adding this to a module of this shape.
    pub(crate) fn new(shape: &Shape, added: &Added) -> Self {
        let imports = added.imports.iter();
        let functions = imports.filter(|(_, _, ty)| matches!(ty, EntityType::Function(_)));
        let functions = functions.count() as u32;
        Self {
            imported_functions: shape.imported_functions(),
            functions,
            imported_globals: shape.imported_globals,
            globals: added.imports.len() as u32 - functions,
        }
    }

    fn function(self, function: u32) -> u32 {
        match function < self.imported_functions {
            true => function,
            false => function + self.functions,
        }
    }

    fn global(self, global: u32) -> u32 {
        match global < self.imported_globals {
            true => global,
            false => global + self.globals,
        }
    }

    /// The new instruction, if it contains an index that has changed.
    pub(crate) fn instruction(self, operator: &Operator<'_>) -> Option<Instruction<'static>> {
        let moved = match *operator {
            Operator::Call { function_index } => Instruction::Call(self.function(function_index)),
            Operator::ReturnCall { function_index } => {
                Instruction::ReturnCall(self.function(function_index))
            }
            Operator::RefFunc { function_index } => {
                Instruction::RefFunc(self.function(function_index))
            }
            Operator::GlobalGet { global_index } => {
                Instruction::GlobalGet(self.global(global_index))
            }
            Operator::GlobalSet { global_index } => {
                Instruction::GlobalSet(self.global(global_index))
            }
            _ => return None,
        };
        let has_moved = match moved {
            Instruction::GlobalGet(_) | Instruction::GlobalSet(_) => self.globals > 0,
            _ => self.functions > 0,
        };
        has_moved.then_some(moved)
    }
}

/// A function that a module defines.
pub(crate) struct Defined<'a> {
    /// Its position among them.
    pub(crate) position: usize,
    /// The index of its type.
    pub(crate) ty: u32,
    pub(crate) body: FunctionBody<'a>,
}

impl<'a> Defined<'a> {
    /// The functions of the code section of a module of this shape.
    pub(crate) fn read(
        section: CodeSectionReader<'a>,
        shape: &Shape,
    ) -> Result<Vec<Self>, reencode::Error> {
        let functions = section.into_iter().zip(&shape.functions).enumerate();
        let functions = functions.map(|(position, (body, ty))| {
            Ok(Self {
                position,
                ty: *ty,
                body: body?,
            })
        });
        functions.collect()
    }
}

/// Writes the functions that a module defines.
pub(crate) trait Bodies: Sync {
    /// Writes a function, with its declarations of locals. Its indices must be [`Moved`].
    fn write<'a>(
        &'a self,
        function: &Defined<'a>,
        moved: Moved,
    ) -> Result<Cow<'a, [u8]>, reencode::Error>;
}

/// Functions that are written already, in order, with their declarations of locals.
pub(crate) struct Written(pub(crate) Vec<Vec<u8>>);

impl Bodies for Written {
    fn write<'a>(
        &'a self,
        function: &Defined<'a>,
        _moved: Moved,
    ) -> Result<Cow<'a, [u8]>, reencode::Error> {
        Ok((&self.0[function.position]).into())
    }
}

/// The same module with what is added.
///
/// # Errors
/// None for a module that core has validated and whose start section is taken out.
pub(crate) fn add(
    wasm: &[u8],
    shape: &Shape,
    added: &Added,
    bodies: &dyn Bodies,
) -> Result<Vec<u8>, reencode::Error> {
    let mut step = Step {
        moved: Moved::new(shape, added),
        shape,
        added,
        bodies,
        done: Vec::new(),
    };
    let mut module = Module::new();
    step.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(module.finish())
}

struct Step<'a> {
    moved: Moved,
    shape: &'a Shape,
    added: &'a Added,
    bodies: &'a dyn Bodies,
    /// The sections that are written.
    done: Vec<SectionId>,
}

impl Step<'_> {
    fn types(&mut self, types: &mut TypeSection) {
        for (params, results) in &self.added.types {
            types
                .ty()
                .function(params.iter().copied(), results.iter().copied());
        }
        self.done.push(SectionId::Type);
    }

    fn imports(&mut self, imports: &mut ImportSection) {
        for (module, name, ty) in &self.added.imports {
            imports.import(module, name, *ty);
        }
        self.done.push(SectionId::Import);
    }

    fn functions(&mut self, functions: &mut FunctionSection) {
        for (ty, _) in &self.added.functions {
            functions.function(*ty);
        }
        self.done.push(SectionId::Function);
    }

    fn memories(&mut self, memories: &mut MemorySection) {
        for ty in &self.added.memories {
            memories.memory(*ty);
        }
        self.done.push(SectionId::Memory);
    }

    fn globals(&mut self, globals: &mut GlobalSection) {
        for (ty, init) in &self.added.globals {
            globals.global(*ty, init);
        }
        self.done.push(SectionId::Global);
    }

    fn exports(&mut self, exports: &mut ExportSection) {
        for (name, kind, index) in &self.added.exports {
            exports.export(name, *kind, *index);
        }
        self.done.push(SectionId::Export);
    }

    fn code(&mut self, code: &mut CodeSection) {
        for (_, body) in &self.added.functions {
            code.function(body);
        }
        self.done.push(SectionId::Code);
    }

    /// Whether a missing section must be written here.
    fn is_missing(&self, section: SectionId, next: Option<SectionId>) -> bool {
        !self.done.contains(&section) && is_due(section, next)
    }
}

impl Reencode for Step<'_> {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(self.moved.function(function))
    }

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error> {
        Ok(self.moved.global(global))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_type_section(self, types, section)?;
        self.types(types);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_import_section(self, imports, section)?;
        self.imports(imports);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_function_section(self, functions, section)?;
        self.functions(functions);
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_memory_section(self, memories, section)?;
        self.memories(memories);
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_global_section(self, globals, section)?;
        self.globals(globals);
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_export_section(self, exports, section)?;
        self.exports(exports);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        let bytes = section.range();
        let functions = Defined::read(section, self.shape)?;
        let (bodies, moved) = (self.bodies, self.moved);
        let bytes = (bytes.end - bytes.start) as usize;
        for body in parallel::map(&functions, bytes, |function| bodies.write(function, moved))? {
            code.raw(&body);
        }
        self.code(code);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        let added = self.added;
        if !added.types.is_empty() && self.is_missing(SectionId::Type, before) {
            let mut types = TypeSection::new();
            self.types(&mut types);
            module.section(&types);
        }
        if !added.imports.is_empty() && self.is_missing(SectionId::Import, before) {
            let mut imports = ImportSection::new();
            self.imports(&mut imports);
            module.section(&imports);
        }
        if !added.functions.is_empty() && self.is_missing(SectionId::Function, before) {
            let mut functions = FunctionSection::new();
            self.functions(&mut functions);
            module.section(&functions);
        }
        if !added.memories.is_empty() && self.is_missing(SectionId::Memory, before) {
            let mut memories = MemorySection::new();
            self.memories(&mut memories);
            module.section(&memories);
        }
        if !added.globals.is_empty() && self.is_missing(SectionId::Global, before) {
            let mut globals = GlobalSection::new();
            self.globals(&mut globals);
            module.section(&globals);
        }
        if !added.exports.is_empty() && self.is_missing(SectionId::Export, before) {
            let mut exports = ExportSection::new();
            self.exports(&mut exports);
            module.section(&exports);
        }
        if let (Some(hints), Some(SectionId::Code)) = (&added.hints, before) {
            module.section(hints);
        }
        if !added.functions.is_empty() && self.is_missing(SectionId::Code, before) {
            let mut code = CodeSection::new();
            self.code(&mut code);
            module.section(&code);
        }
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        let moved = self.moved;
        if let Some(names) = names(&section, |function| Some(moved.function(function))) {
            module.section(&names);
        }
        Ok(())
    }
}
