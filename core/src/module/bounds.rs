//! What a module may cost before an engine sees it, and what a plug-in may have.
//!
//! A few hundred bytes can ask a compiler for minutes and gigabytes: a local takes no byte of its own,
//! and a type that is written once counts wherever it is used. So everything that compilers repeat is
//! counted here, in one pass over the binary, and what is too much is refused. It does not validate:
//! what cannot be read is left to the validator, which has the words for it.
//!
//! Invariants: the pass takes time and memory in proportion to the bytes of the module; a bound is
//! the most that is allowed.

mod code;

use wasmparser::{CompositeInnerType, Encoding, FunctionBody, Parser, Payload, TypeRef};

use self::code::{Code, Signatures};
use crate::error::{Error, ErrorKind, Result};

/// The most that one module may have of everything that costs time or memory to compile, and what a
/// plug-in may have when it runs. A module that has more is refused as `InvalidModule`.
///
/// The defaults let every plug-in and program of the tests pass, CPython included, and are several times what
/// those have; RATIONALE.md says how they were found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Pages of 64 KiB that all memories of a plug-in may have together, the kernel's included, if
    /// [`Memory::max_pages`](crate::manifest::Memory::max_pages) does not say it. Growing beyond fails;
    /// more at the start is `MemoryLimit`. 65 536, which is 4 GiB.
    pub memory_pages: u64,
    /// Elements that all tables of a plug-in may have together. What this leaves after the start is shared
    /// equally by the tables that can grow; growing beyond fails, and more at the start is
    /// refused. 1 000 000.
    pub table_elements: u64,
    /// Bytes of the binary. 64 MiB.
    pub module_bytes: u64,
    /// Types. 5000.
    pub types: u64,
    /// Parameters and results together of one function type. 1000.
    pub signature: u64,
    /// Parameters and results together of all types. 100 000.
    pub all_signatures: u64,
    /// Imports. 10 000.
    pub imports: u64,
    /// Exports. 100 000.
    pub exports: u64,
    /// Functions, without those that are imported. 50 000.
    pub functions: u64,
    /// Bytes of the code of one function. 1 MiB.
    pub function_bytes: u64,
    /// Indirect calls in the code of all functions. 50 000.
    pub indirect_calls: u64,
    /// Parameters and results of what is called, for all calls in the code, and values that branches take to each of
    /// their targets, unless these have a type without an index. 2 000 000.
    pub call_values: u64,
    /// Parameters and results of all blocks in the code that have a type with an index. 20 000.
    pub block_values: u64,
    /// Parameters and locals together of one function. 10 000.
    pub locals: u64,
    /// Parameters and locals together of all functions. 4 000 000.
    pub all_locals: u64,
    /// Blocks, loops and the like inside each other in one function. 10 000.
    pub nesting: u64,
    /// Loops inside each other in one function. 100.
    pub loops: u64,
    /// Parameters and locals of one function times the blocks and loops in it. 1 000 000.
    pub block_locals: u64,
    /// As [`Bounds::block_locals`], of all functions together. 20 000 000.
    pub all_block_locals: u64,
    /// Locals of one function, each as often as there are loops in which it is set. 40 000.
    pub loop_locals: u64,
    /// As [`Bounds::loop_locals`], of all functions together. 400 000.
    pub all_loop_locals: u64,
    /// Globals, with those that are imported. 100 000.
    pub globals: u64,
    /// Memories, with those that are imported. 8.
    pub memories: u64,
    /// Tables, with those that are imported. 100.
    pub tables: u64,
    /// Element segments. 100 000.
    pub element_segments: u64,
    /// Data segments. 100 000.
    pub data_segments: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            memory_pages: 65_536,
            table_elements: 1_000_000,
            module_bytes: 64 << 20,
            types: 5000,
            signature: 1000,
            all_signatures: 100_000,
            imports: 10_000,
            exports: 100_000,
            functions: 50_000,
            function_bytes: 1 << 20,
            indirect_calls: 50_000,
            call_values: 2_000_000,
            block_values: 20_000,
            locals: 10_000,
            all_locals: 4_000_000,
            nesting: 10_000,
            loops: 100,
            block_locals: 1_000_000,
            all_block_locals: 20_000_000,
            loop_locals: 40_000,
            all_loop_locals: 400_000,
            globals: 100_000,
            memories: 8,
            tables: 100,
            element_segments: 100_000,
            data_segments: 100_000,
        }
    }
}

impl Bounds {
    /// Every bound, by the name of its field.
    pub fn fields(&mut self) -> [(&'static str, &mut u64); 26] {
        [
            ("memory_pages", &mut self.memory_pages),
            ("table_elements", &mut self.table_elements),
            ("module_bytes", &mut self.module_bytes),
            ("types", &mut self.types),
            ("signature", &mut self.signature),
            ("all_signatures", &mut self.all_signatures),
            ("imports", &mut self.imports),
            ("exports", &mut self.exports),
            ("functions", &mut self.functions),
            ("function_bytes", &mut self.function_bytes),
            ("indirect_calls", &mut self.indirect_calls),
            ("call_values", &mut self.call_values),
            ("block_values", &mut self.block_values),
            ("locals", &mut self.locals),
            ("all_locals", &mut self.all_locals),
            ("nesting", &mut self.nesting),
            ("loops", &mut self.loops),
            ("block_locals", &mut self.block_locals),
            ("all_block_locals", &mut self.all_block_locals),
            ("loop_locals", &mut self.loop_locals),
            ("all_loop_locals", &mut self.all_loop_locals),
            ("globals", &mut self.globals),
            ("memories", &mut self.memories),
            ("tables", &mut self.tables),
            ("element_segments", &mut self.element_segments),
            ("data_segments", &mut self.data_segments),
        ]
    }

    /// Refuses a binary that has more than it may; `name` is the module's, for messages.
    ///
    /// # Errors
    /// `InvalidModule`.
    pub(crate) fn check(&self, wasm: &[u8], name: &str) -> Result<()> {
        let mut pass = Pass {
            bounds: self,
            name,
            found: Found::default(),
        };
        match pass.module(wasm) {
            Ok(()) | Err(Stop::Unreadable) => Ok(()),
            Err(Stop::TooMuch(error)) => Err(error),
        }
    }
}

/// Why the pass ends early.
enum Stop {
    /// Not a module: the validator will say why.
    Unreadable,
    TooMuch(Error),
}

impl From<wasmparser::BinaryReaderError> for Stop {
    fn from(_: wasmparser::BinaryReaderError) -> Self {
        Self::Unreadable
    }
}

struct Pass<'a> {
    bounds: &'a Bounds,
    name: &'a str,
    found: Found,
}

/// What was counted so far.
#[derive(Default)]
struct Found {
    /// The parameters of each type; 0 for what is no function.
    params: Vec<u64>,
    /// The parameters of each function that has a body.
    function_params: Vec<u64>,
    /// How many bodies were read.
    bodies: usize,
    all_locals: u64,
    signatures: Signatures,
    all_signatures: u64,
    code: Code,
    globals: u64,
    memories: u64,
    tables: u64,
    table_elements: u64,
}

impl Pass<'_> {
    fn module(&mut self, wasm: &[u8]) -> Result<(), Stop> {
        let bounds = self.bounds;
        self.allow(wasm.len() as u64, bounds.module_bytes, "bytes")?;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::Version { encoding, .. } if encoding != Encoding::Module => {
                    return Err(Stop::Unreadable);
                }
                Payload::TypeSection(section) => self.types(section)?,
                Payload::ImportSection(section) => self.imports(section)?,
                Payload::FunctionSection(section) => {
                    self.allow(section.count().into(), bounds.functions, "functions")?;
                    for ty in section {
                        let ty = ty?;
                        self.found.signatures.function(ty);
                        let params = self.found.params.get(ty as usize);
                        self.found
                            .function_params
                            .push(params.copied().unwrap_or_default());
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        self.table(table?.ty.initial)?;
                    }
                }
                Payload::MemorySection(section) => {
                    self.found.memories += u64::from(section.count());
                    self.allow(self.found.memories, bounds.memories, "memories")?;
                }
                Payload::GlobalSection(section) => {
                    self.found.globals += u64::from(section.count());
                    self.allow(self.found.globals, bounds.globals, "globals")?;
                }
                Payload::ExportSection(section) => {
                    self.allow(section.count().into(), bounds.exports, "exports")?;
                }
                Payload::ElementSection(section) => {
                    let count = section.count().into();
                    self.allow(count, bounds.element_segments, "element segments")?;
                }
                Payload::DataSection(section) => {
                    self.allow(
                        section.count().into(),
                        bounds.data_segments,
                        "data segments",
                    )?;
                }
                Payload::CodeSectionEntry(body) => self.function(&body)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn types(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<(), Stop> {
        let bounds = self.bounds;
        self.allow(section.count().into(), bounds.types, "types")?;
        for group in section {
            for ty in group?.into_types() {
                let (params, values) = match &ty.composite_type.inner {
                    CompositeInnerType::Func(ty) => {
                        let values = ty.params().len() + ty.results().len();
                        if values as u64 > bounds.signature {
                            let what = format!("type {} of", self.found.params.len());
                            let has = "parameters and results";
                            return Err(self.refuse(&what, values as u64, bounds.signature, has));
                        }
                        (ty.params().len() as u64, values as u64)
                    }
                    _ => (0, 0),
                };
                self.found.params.push(params);
                self.found.signatures.ty(values);
                self.found.all_signatures += values;
                let has = "parameters and results in all types";
                self.allow(self.found.all_signatures, bounds.all_signatures, has)?;
                self.allow(self.found.params.len() as u64, bounds.types, "types")?;
            }
        }
        Ok(())
    }

    fn imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<(), Stop> {
        let mut imports = 0;
        for import in section.into_imports() {
            imports += 1;
            self.allow(imports, self.bounds.imports, "imports")?;
            match import?.ty {
                TypeRef::Func(ty) => self.found.signatures.function(ty),
                TypeRef::Table(ty) => self.table(ty.initial)?,
                TypeRef::Memory(_) => {
                    self.found.memories += 1;
                    self.allow(self.found.memories, self.bounds.memories, "memories")?;
                }
                TypeRef::Global(_) => {
                    self.found.globals += 1;
                    self.allow(self.found.globals, self.bounds.globals, "globals")?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn table(&mut self, elements: u64) -> Result<(), Stop> {
        self.found.tables += 1;
        self.found.table_elements = self.found.table_elements.saturating_add(elements);
        self.allow(self.found.tables, self.bounds.tables, "tables")?;
        let (found, allowed) = (self.found.table_elements, self.bounds.table_elements);
        self.allow(found, allowed, "table elements")
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), Stop> {
        let bounds = self.bounds;
        let index = self.found.bodies;
        self.found.bodies += 1;
        let of = || format!("the code of function {index} of");
        let bytes = body.as_bytes().len() as u64;
        if bytes > bounds.function_bytes {
            return Err(self.refuse(&of(), bytes, bounds.function_bytes, "bytes"));
        }
        let params = self.found.function_params.get(index);
        let params = params.copied().unwrap_or_default();
        let mut locals = params;
        for group in body.get_locals_reader()? {
            locals = locals.saturating_add(u64::from(group?.0));
        }
        let has = "parameters and locals";
        if locals > bounds.locals {
            return Err(self.refuse(&of(), locals, bounds.locals, has));
        }
        self.found.all_locals = self.found.all_locals.saturating_add(locals);
        let has = "parameters and locals in all functions";
        self.allow(self.found.all_locals, bounds.all_locals, has)?;
        let after = self.found.function_params.len().saturating_sub(index + 1);
        let signatures = &self.found.signatures;
        let results = signatures.of_last(after).saturating_sub(params);
        let code = Code::count(body, locals, results, signatures, bounds)?;
        for (found, allowed, has) in code.of_function(bounds) {
            if found > allowed {
                return Err(self.refuse(&of(), found, allowed, has));
            }
        }
        self.found.code += code;
        for (found, allowed, has) in self.found.code.of_module(bounds) {
            self.allow(found, allowed, has)?;
        }
        Ok(())
    }

    #[inline]
    fn allow(&self, found: u64, allowed: u64, what: &str) -> Result<(), Stop> {
        match found > allowed {
            true => Err(self.refuse("", found, allowed, what)),
            false => Ok(()),
        }
    }

    #[cold]
    fn refuse(&self, where_: &str, found: u64, allowed: u64, what: &str) -> Stop {
        let space = if where_.is_empty() { "" } else { " " };
        let name = self.name;
        let message = format!(
            "{where_}{space}module `{name}` has {found} {what}, at most {allowed} are allowed"
        );
        Stop::TooMuch(Error::new(ErrorKind::InvalidModule, message))
    }
}

#[cfg(test)]
mod tests;
