//! The same guest with its functions at other distances from each other.
//!
//! The processor remembers branches by parts of their addresses, so code that is the same runs up to a tenth faster or
//! slower in another layout, on every side. Functions that nobody calls, put between those of the guest, change it.
//! It may import nothing of this program. Invariant: the guest computes the same.

use std::convert::Infallible;

use wasm_encoder::{
    BranchHint, BranchHints, CodeSection, Function, FunctionSection, Module, TypeSection, ValType,
    reencode::{self, Reencode},
};
use wasmparser::{
    CustomSectionReader, FunctionBody, FunctionSectionReader, KnownCustom, Parser, Payload,
    TypeRef, TypeSectionReader,
};

/// How many functions are added.
const FILLERS: u32 = 8;

type Result<T> = std::result::Result<T, reencode::Error<Infallible>>;

/// A module in one of its layouts; the first one, 0, is its own.
///
/// # Panics
///
/// If the module is invalid.
pub(crate) fn laid_out(module: &[u8], layout: usize) -> Vec<u8> {
    let module = wat::parse_bytes(module).expect("the guest is valid");
    if layout == 0 {
        return module.into_owned();
    }
    let mut fillers = Fillers::read(&module, layout);
    let mut out = Module::new();
    fillers
        .parse_core_module(&mut out, Parser::new(0), &module)
        .expect("the guest is valid");
    out.finish()
}

struct Fillers {
    layout: usize,
    /// How many functions the module imports, defines, and how many types it has.
    imported: u32,
    defined: u32,
    types: u32,
    /// How many functions have been written.
    written: u32,
}

impl Fillers {
    fn read(module: &[u8], layout: usize) -> Self {
        let mut found = Self {
            layout,
            imported: 0,
            defined: 0,
            types: 0,
            written: 0,
        };
        for payload in Parser::new(0).parse_all(module) {
            match payload.expect("the guest is valid") {
                Payload::TypeSection(section) => {
                    let types = section.into_iter_err_on_gc_types();
                    found.types = types.count() as u32;
                }
                Payload::ImportSection(section) => {
                    let imports = section.into_imports();
                    let imports = imports.map(|import| import.expect("the guest is valid").ty);
                    found.imported =
                        imports.filter(|ty| matches!(ty, TypeRef::Func(_))).count() as u32;
                }
                Payload::FunctionSection(section) => found.defined = section.count(),
                _ => {}
            }
        }
        found
    }

    /// How many fillers stand before a function that the module defines.
    fn before(&self, function: u32) -> u32 {
        let step = self.defined.div_ceil(FILLERS).max(1);
        function.div_ceil(step).min(FILLERS)
    }

    /// A filler of a size of its own.
    fn filler(&self, number: u32) -> Function {
        let steps = (self.layout * 37 + number as usize * 101) % 257;
        let mut function = Function::new([]);
        let mut code = function.instructions();
        code.local_get(0);
        for step in 0..steps as i64 {
            code.i64_const(step).i64_add().local_get(0).i64_mul();
        }
        code.end();
        function
    }
}

impl Reencode for Fillers {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32> {
        Ok(match function.checked_sub(self.imported) {
            Some(own) => function + self.before(own + 1),
            None => function,
        })
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<()> {
        reencode::utils::parse_type_section(self, types, section)?;
        types.ty().function([ValType::I64], [ValType::I64]);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<()> {
        for (own, ty) in (0..).zip(section) {
            for _ in self.before(own)..self.before(own + 1) {
                functions.function(self.types);
            }
            functions.function(self.type_index(ty?)?);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<()> {
        for number in self.before(self.written)..self.before(self.written + 1) {
            code.function(&self.filler(number));
        }
        self.written += 1;
        reencode::utils::parse_function_body(self, code, body)
    }

    /// Candidates have hints, which name functions.
    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: CustomSectionReader<'_>,
    ) -> Result<()> {
        let KnownCustom::BranchHints(hints) = section.as_known() else {
            return reencode::utils::parse_custom_section(self, module, section);
        };
        let mut moved = BranchHints::new();
        for function in hints {
            let function = function?;
            let hints = function.hints.into_iter().map(|hint| {
                hint.map(|hint| BranchHint {
                    branch_func_offset: hint.func_offset,
                    branch_hint_value: hint.taken.into(),
                })
            });
            let hints = hints.collect::<std::result::Result<Vec<_>, _>>()?;
            moved.function_hints(self.function_index(function.func)?, hints);
        }
        module.section(&moved);
        Ok(())
    }
}
