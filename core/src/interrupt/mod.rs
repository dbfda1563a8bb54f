//! Makes guests look whether they have to stop: a step from wasm to wasm that costs them next to nothing.
//!
//! A guest looks at a flag, a word of memory that the host sets from any thread: at loops, where cycles of
//! calls are entered, and now and then on long straight ways. Where the flag is set it calls [`check`],
//! which lets the host look after the reasons; then the guest goes on as if nothing had happened, or
//! stops. The load is atomic, so no engine takes it out of a loop.
//!
//! `plan` says where a guest looks, with the rules; `write` says how. `calls`, `counted` and `liveness`
//! find out what `plan` needs to know.
//!
//! It knows no engine, and nothing of why a guest has to stop. Invariants: the input is valid, so is the
//! output, and it computes the same; whatever a guest does, there is a look after a bounded amount of
//! work, apart from single instructions that move much memory.

mod calls;
mod counted;
mod flat;
mod liveness;
mod plan;
mod write;

use std::sync::{Arc, LazyLock};

use wasm_encoder::{
    CodeSection, ConstExpr, EntityType, GlobalSection, GlobalType, HeapType, ImportSection,
    MemorySection, MemoryType, Module, SectionId, TypeSection, ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, FunctionBody, GlobalSectionReader, ImportSectionReader,
    MemorySectionReader, Parser, Payload, TypeSectionReader,
};

use self::{
    calls::Calls,
    flat::Flat,
    plan::Planner,
    write::{Spare, Target, Writer},
};
use crate::{
    engine::types::{HostFunc, Import, Signature},
    rewrite::{self, Shape},
};

/// By how many places the functions that a module defines move: [`check`] comes before them.
pub(crate) const MOVED: u32 = 1;
/// The name of the import of [`check`] in what comes out. Imports are resolved by position.
const IMPORT: (&str, &str) = ("polyextism", "interrupt");

/// Where the flag of a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flag {
    /// At this address of the last memory of the module.
    LastMemory(u64),
    /// In a memory that is added, which nobody sets.
    Added,
}

/// The function that guests call when their flag is set.
fn check() -> &'static Arc<HostFunc> {
    static CHECK: LazyLock<Arc<HostFunc>> = LazyLock::new(|| {
        HostFunc::new(
            IMPORT.1,
            Signature::new(&[], &[]),
            Box::new(|mut caller, _| caller.host().check_interrupt()),
        )
    });
    &CHECK
}

/// [`check`] as an import.
pub(crate) fn import() -> Import {
    Import::Host {
        func: Arc::clone(check()),
        memory: None,
    }
}

/// The same module with looks, and with [`check`] as its last import. `None` for a module without
/// functions, which needs none.
///
/// # Errors
/// None for a module that core has validated and whose start section is taken out.
pub(crate) fn instrument(wasm: &[u8], flag: Flag) -> Result<Option<Vec<u8>>, reencode::Error> {
    let shape = Shape::read(wasm)?;
    if shape.functions.is_empty() {
        return Ok(None);
    }
    let mut step = Step::new(shape, flag);
    step.write_bodies(wasm)?;
    let mut module = Module::new();
    step.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok(Some(module.finish()))
}

/// The step over one module.
struct Step {
    shape: Shape,
    flag: Flag,
    /// The index of [`check`]: the functions above have moved by one.
    check: u32,
    /// What is to be written for each function that the module defines.
    bodies: Vec<Vec<u8>>,
    spare: Spare,
    imports_done: bool,
    memories_done: bool,
    globals_done: bool,
}

impl Step {
    fn new(shape: Shape, flag: Flag) -> Self {
        Self {
            check: shape.imported_functions(),
            spare: Spare::new(shape.globals),
            shape,
            flag,
            bodies: Vec::new(),
            imports_done: false,
            memories_done: false,
            globals_done: false,
        }
    }

    /// Plans and writes all functions, callees first: who calls must know what a callee costs.
    fn write_bodies(&mut self, wasm: &[u8]) -> Result<(), reencode::Error> {
        let calls = Calls::read(wasm, &self.shape)?;
        let code = code(wasm)?;
        let target = self.target();
        let mut bodies = vec![Vec::new(); code.len()];
        let mut costs = vec![None; code.len()];
        let mut spare = std::mem::take(&mut self.spare);
        for &function in &calls.order {
            let ty = self.shape.function_type(self.shape.functions[function]);
            let flat = Flat::read(&code[function], ty.params())?;
            let planner = Planner {
                calls: &calls,
                imported: self.check,
                costs: &costs,
            };
            let plan = planner.plan(function, &flat);
            let writer = Writer::new(self, wasm, &flat, &plan, target, &mut spare);
            bodies[function] = writer.write()?;
            costs[function] = Some(plan.cost);
        }
        self.spare = spare;
        self.bodies = bodies;
        Ok(())
    }

    fn target(&self) -> Target {
        let memories = self.shape.memories.len() as u32;
        let (memory, address) = match self.flag {
            Flag::LastMemory(address) => (memories - 1, address),
            Flag::Added => (memories, 0),
        };
        Target {
            memory,
            address,
            check: self.check,
        }
    }

    fn moved(&self, function: u32) -> u32 {
        match function < self.check {
            true => function,
            false => function + MOVED,
        }
    }

    fn add_import(&mut self, imports: &mut ImportSection) {
        let ty = self.shape.types.len() as u32;
        imports.import(IMPORT.0, IMPORT.1, EntityType::Function(ty));
        self.imports_done = true;
    }

    fn add_memory(&mut self, memories: &mut MemorySection) {
        if self.flag == Flag::Added {
            memories.memory(MemoryType {
                minimum: 1,
                maximum: Some(1),
                memory64: false,
                shared: false,
                page_size_log2: None,
            });
        }
        self.memories_done = true;
    }

    fn add_globals(&mut self, globals: &mut GlobalSection) {
        for &val_type in &self.spare.types {
            let ty = GlobalType {
                val_type,
                mutable: true,
                shared: false,
            };
            globals.global(ty, &zero(val_type));
        }
        self.globals_done = true;
    }
}

fn zero(ty: ValType) -> ConstExpr {
    match ty {
        ValType::I32 => ConstExpr::i32_const(0),
        ValType::I64 => ConstExpr::i64_const(0),
        ValType::F32 => ConstExpr::f32_const(0.0_f32.into()),
        ValType::F64 => ConstExpr::f64_const(0.0_f64.into()),
        ValType::V128 => ConstExpr::v128_const(0),
        ValType::Ref(_) => ConstExpr::ref_null(HeapType::FUNC),
    }
}

/// The bodies of the functions that a module defines.
fn code(wasm: &[u8]) -> Result<Vec<FunctionBody<'_>>, reencode::Error> {
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            bodies.push(body);
        }
    }
    Ok(bodies)
}

impl Reencode for Step {
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
        types.ty().function([], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_import_section(self, imports, section)?;
        self.add_import(imports);
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_memory_section(self, memories, section)?;
        self.add_memory(memories);
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_global_section(self, globals, section)?;
        self.add_globals(globals);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        _section: CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for body in std::mem::take(&mut self.bodies) {
            code.raw(&body);
        }
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
            self.add_import(&mut imports);
            module.section(&imports);
        }
        if !self.memories_done && rewrite::is_due(SectionId::Memory, before) {
            let mut memories = MemorySection::new();
            self.add_memory(&mut memories);
            if !memories.is_empty() {
                module.section(&memories);
            }
        }
        if !self.globals_done && rewrite::is_due(SectionId::Global, before) {
            let mut globals = GlobalSection::new();
            self.add_globals(&mut globals);
            if !globals.is_empty() {
                module.section(&globals);
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
}

#[cfg(test)]
mod tests;
