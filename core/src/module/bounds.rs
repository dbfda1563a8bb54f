//! Bounds on the cost of compiling a module, checked before an engine gets it.
//!
//! A few hundred bytes can cost a compiler minutes and gigabytes: locals are run-length encoded, and a type is
//! declared once and used often. So one pass over the binary counts everything that compilers repeat, and refuses
//! an excess. It does not validate; the validator reports what cannot be read.
//!
//! Invariants: the time and memory of the pass are proportional to the bytes of the module; a bound is the largest
//! allowed count.

mod code;
mod weights;

use wasmparser::{CompositeInnerType, Encoding, FunctionBody, Parser, Payload, TypeRef};

use self::code::{Code, InPieces, Signatures};
use crate::{
    base::error::{Error, ErrorKind, Result},
    settings::limits::Limits,
};

/// The largest allowed count of everything that costs time or memory to compile, computed from [`Limits`].
/// RATIONALE.md says how the numbers were found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    limits: Limits,
    /// Bytes of the binary.
    pub module_bytes: u64,
    /// Elements of all tables at the start.
    pub table_elements: u64,
    /// Types.
    pub types: u64,
    /// Parameters and results together of one function type.
    pub signature: u64,
    /// Parameters and results together of all types.
    pub all_signatures: u64,
    /// Imports.
    pub imports: u64,
    /// Exports.
    pub exports: u64,
    /// Functions without imported ones.
    pub functions: u64,
    /// Bytes of the code of one function.
    pub function_bytes: u64,
    /// Units of long instructions in one function, as `weights` has them.
    pub long: u64,
    /// As [`Bounds::long`], of all functions together.
    pub all_long: u64,
    /// Units of costly instructions in one function, as `weights` has them: what they cost grows with their square.
    pub costly: u64,
    /// Ten thousands of pairs of such units in the same function, of all functions together.
    pub costly_pairs: u64,
    /// Indirect calls in the code of all functions.
    pub indirect_calls: u64,
    /// Calls in one function, each counted as three values, and their [`Bounds::call_values`].
    pub calls: u64,
    /// Parameters and results of what is called, for all calls in the code, and values that branches take to each of
    /// their targets, unless these have a type without an index.
    pub call_values: u64,
    /// Parameters and results of all blocks in the code that have a type with an index.
    pub block_values: u64,
    /// Parameters and locals together of one function.
    pub locals: u64,
    /// Parameters and locals together of all functions.
    pub all_locals: u64,
    /// Nesting depth of blocks, loops and the like in one function.
    pub nesting: u64,
    /// Nesting depth of loops in one function.
    pub loops: u64,
    /// Parameters and locals of one function times the blocks and loops in it.
    pub block_locals: u64,
    /// As [`Bounds::block_locals`], of all functions together.
    pub all_block_locals: u64,
    /// Locals of one function, each counted once for each loop in which it is set.
    pub loop_locals: u64,
    /// As [`Bounds::loop_locals`], of all functions together.
    pub all_loop_locals: u64,
    /// Ten thousands of pairs of blocks around what sets a local, in one function, for each set of a local that was not
    /// set in these blocks before. Blocks around each other that give values count twice.
    pub set_nesting: u64,
    /// As [`Bounds::set_nesting`], of all functions together.
    pub all_set_nesting: u64,
    /// Blocks of one function times the locals that are set in them, each counted once for each block in which it is
    /// set, in ten thousands.
    pub merges: u64,
    /// As [`Bounds::merges`], of all functions together.
    pub all_merges: u64,
    /// Globals, including imported ones.
    pub globals: u64,
    /// Memories, including imported ones.
    pub memories: u64,
    /// Tables, including imported ones.
    pub tables: u64,
    /// Element segments.
    pub element_segments: u64,
    /// Data segments.
    pub data_segments: u64,
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        let cost = limits.compile_cost;
        // Small numbers of rare items are always allowed.
        let of = |strict: u64| (strict.saturating_mul(cost) / 100).max(strict.min(8));
        // Nested loops cost the third power of their number.
        let loops = 128.0 * (cost as f64 / 100.0).cbrt();
        // What costs the second power, or memory until the function is compiled, grows slowly. Real programs have far
        // less of it than the default allows.
        let slow = |strict: u64| ((strict as f64 * (cost as f64 / 100.0).sqrt()) as u64).max(8);
        Self {
            limits: limits.clone(),
            module_bytes: limits.module_bytes,
            table_elements: limits.table_elements,
            types: of(5000),
            signature: of(1000),
            all_signatures: of(100_000),
            imports: of(10_000),
            exports: of(100_000),
            functions: of(50_000),
            function_bytes: of(1 << 20),
            long: slow(125_000),
            all_long: slow(1_000_000),
            costly: slow(16_000),
            costly_pairs: of(100_000),
            indirect_calls: of(50_000),
            calls: slow(250_000),
            call_values: of(2_000_000),
            block_values: of(20_000),
            locals: of(10_000).min(MOST_LOCALS),
            all_locals: of(4_000_000),
            nesting: of(10_000),
            loops: (loops as u64).max(8),
            block_locals: of(1_000_000),
            all_block_locals: of(20_000_000),
            loop_locals: slow(20_000),
            all_loop_locals: slow(400_000),
            set_nesting: of(2500),
            all_set_nesting: of(30_000),
            merges: of(80_000),
            all_merges: of(125_000),
            globals: of(100_000),
            memories: of(8),
            tables: of(100),
            element_segments: of(100_000),
            data_segments: of(100_000),
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::from(&Limits::default())
    }
}

/// No engine accepts more than 50 000 locals. Core adds some.
const MOST_LOCALS: u64 = 49_900;

/// One of the bounds.
type Bound = fn(&Bounds) -> u64;

impl Bounds {
    /// Refuses a binary that exceeds a bound. `name` is the name of the module, for messages.
    ///
    /// # Errors
    /// `InvalidModule`. The message says which limits to raise and to what.
    pub(crate) fn check(&self, wasm: &[u8], name: &str) -> Result<()> {
        match self.count(wasm, name) {
            Ok(()) => Ok(()),
            Err(excess) => Err(self.refusal(wasm, name, excess)),
        }
    }

    fn count(&self, wasm: &[u8], name: &str) -> Result<(), Excess> {
        let mut pass = Pass {
            bounds: self,
            name,
            found: Found::default(),
        };
        match pass.module(wasm) {
            Ok(()) | Err(Stop::Unreadable) => Ok(()),
            Err(Stop::TooMuch(excess)) => Err(excess),
        }
    }

    #[cold]
    fn refusal(&self, wasm: &[u8], name: &str, excess: Excess) -> Error {
        let mut message = excess.message.clone();
        let mut enough = self.enough(wasm, name, excess).unwrap_or_default();
        let now = self.limits.clone().fields().map(|(_, value)| *value);
        let raised = enough.fields().into_iter().zip(now);
        let raised = raised.filter(|((_, enough), now)| **enough > *now);
        let raised = raised.map(|((limit, enough), _)| format!("`{limit}` to {enough}"));
        let raised = raised.collect::<Vec<_>>();
        if !raised.is_empty() {
            message += &format!("; raise the limit {}", raised.join(" and "));
        }
        Error::new(ErrorKind::InvalidModule, message)
    }

    /// Limits that allow the binary; `None` if no limits do.
    fn enough(&self, wasm: &[u8], name: &str, mut excess: Excess) -> Option<Limits> {
        let mut limits = self.limits.clone();
        // Counting stops at the first excess, so there may be more.
        for slack in [0, 1, 2, 4, 8, 16, 32, 64] {
            let found = excess.found.saturating_add(excess.found / 64 * slack);
            raise(&mut limits, excess.bound, found)?;
            match Self::from(&limits).count(wasm, name) {
                Ok(()) => break,
                Err(more) => excess = more,
            }
        }
        Some(limits)
    }
}

/// Raises the limit that determines `bound` as little as possible, so that it allows this count. `None` if no limit
/// does.
fn raise(limits: &mut Limits, bound: Bound, most: u64) -> Option<()> {
    let now = limits.clone();
    let allows = |position: usize, value| {
        let mut limits = now.clone();
        *limits.fields()[position].1 = value;
        bound(&Bounds::from(&limits)) >= most
    };
    for (position, (_, value)) in limits.fields().into_iter().enumerate() {
        let (mut less, mut enough) = (*value, u64::MAX);
        if !allows(position, enough) {
            continue;
        }
        while enough - less > 1 {
            let middle = less + (enough - less) / 2;
            match allows(position, middle) {
                true => enough = middle,
                false => less = middle,
            }
        }
        *value = enough;
        return Some(());
    }
    None
}

/// What has a count.
#[derive(Clone, Copy)]
enum Of {
    Module,
    Type(usize),
    Function(usize),
}

/// Why the pass ends early.
enum Stop {
    /// Not a valid module. The validator reports why.
    Unreadable,
    TooMuch(Excess),
}

/// More than is allowed.
struct Excess {
    bound: Bound,
    found: u64,
    message: String,
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

/// The counts so far.
#[derive(Default)]
struct Found {
    /// The number of parameters of each type; 0 for other types than functions.
    params: Vec<u64>,
    /// The number of parameters of each function with a body.
    function_params: Vec<u64>,
    /// The number of bodies that were read.
    bodies: usize,
    all_locals: u64,
    signatures: Signatures,
    all_signatures: u64,
    pieces: InPieces,
    code: Code,
    globals: u64,
    memories: u64,
    tables: u64,
    table_elements: u64,
}

impl Pass<'_> {
    fn module(&mut self, wasm: &[u8]) -> Result<(), Stop> {
        self.allow(wasm.len() as u64, |b| b.module_bytes, "bytes")?;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::Version { encoding, .. } if encoding != Encoding::Module => {
                    return Err(Stop::Unreadable);
                }
                Payload::TypeSection(section) => self.types(section)?,
                Payload::ImportSection(section) => self.imports(section)?,
                Payload::FunctionSection(section) => {
                    self.allow(section.count().into(), |b| b.functions, "functions")?;
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
                    self.allow(self.found.memories, |b| b.memories, "memories")?;
                }
                Payload::GlobalSection(section) => {
                    self.found.globals += u64::from(section.count());
                    self.allow(self.found.globals, |b| b.globals, "globals")?;
                }
                Payload::TagSection(section) => {
                    self.allow(section.count().into(), |b| b.types, "tags")?;
                }
                Payload::ExportSection(section) => {
                    self.allow(section.count().into(), |b| b.exports, "exports")?;
                }
                Payload::ElementSection(section) => {
                    let count = section.count().into();
                    self.allow(count, |b| b.element_segments, "element segments")?;
                }
                Payload::DataSection(section) => {
                    self.allow(section.count().into(), |b| b.data_segments, "data segments")?;
                }
                Payload::CodeSectionEntry(body) => self.function(&body)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn types(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<(), Stop> {
        self.allow(section.count().into(), |b| b.types, "types")?;
        for group in section {
            for ty in group?.into_types() {
                let (params, values) = match &ty.composite_type.inner {
                    CompositeInnerType::Func(ty) => {
                        let values = ty.params().len() + ty.results().len();
                        let of = Of::Type(self.found.params.len());
                        let has = "parameters and results";
                        self.allow_of(of, values as u64, |b| b.signature, has)?;
                        (ty.params().len() as u64, values as u64)
                    }
                    _ => (0, 0),
                };
                self.found.params.push(params);
                self.found.signatures.ty(values);
                self.found.all_signatures += values;
                let has = "parameters and results in all types";
                self.allow(self.found.all_signatures, |b| b.all_signatures, has)?;
                self.allow(self.found.params.len() as u64, |b| b.types, "types")?;
            }
        }
        Ok(())
    }

    fn imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<(), Stop> {
        let mut imports = 0;
        for import in section.into_imports() {
            imports += 1;
            self.allow(imports, |b| b.imports, "imports")?;
            match import?.ty {
                TypeRef::Func(ty) => self.found.signatures.function(ty),
                TypeRef::Table(ty) => self.table(ty.initial)?,
                TypeRef::Memory(_) => {
                    self.found.memories += 1;
                    self.allow(self.found.memories, |b| b.memories, "memories")?;
                }
                TypeRef::Global(_) => {
                    self.found.globals += 1;
                    self.allow(self.found.globals, |b| b.globals, "globals")?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn table(&mut self, elements: u64) -> Result<(), Stop> {
        self.found.tables += 1;
        self.found.table_elements = self.found.table_elements.saturating_add(elements);
        self.allow(self.found.tables, |b| b.tables, "tables")?;
        let found = self.found.table_elements;
        self.allow(found, |b| b.table_elements, "table elements")
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), Stop> {
        let index = self.found.bodies;
        self.found.bodies += 1;
        let of = Of::Function(index);
        let bytes = body.as_bytes().len() as u64;
        self.allow_of(of, bytes, |b| b.function_bytes, "bytes")?;
        let params = self.found.function_params.get(index);
        let params = params.copied().unwrap_or_default();
        let mut locals = params;
        for group in body.get_locals_reader()? {
            locals = locals.saturating_add(u64::from(group?.0));
        }
        self.allow_of(of, locals, |b| b.locals, "parameters and locals")?;
        self.found.all_locals = self.found.all_locals.saturating_add(locals);
        let has = "parameters and locals in all functions";
        self.allow(self.found.all_locals, |b| b.all_locals, has)?;
        let after = self.found.function_params.len().saturating_sub(index + 1);
        let signatures = &self.found.signatures;
        let results = signatures.of_last(after).saturating_sub(params);
        let pieces = &mut self.found.pieces;
        let code = Code::count(body, locals, results, signatures, pieces, self.bounds)?;
        for (found, bound, has) in code.of_function() {
            self.allow_of(of, found, bound, has)?;
        }
        self.found.code += code;
        for (found, bound, has) in self.found.code.of_module() {
            self.allow(found, bound, has)?;
        }
        Ok(())
    }

    #[inline]
    fn allow(&self, found: u64, bound: Bound, what: &'static str) -> Result<(), Stop> {
        self.allow_of(Of::Module, found, bound, what)
    }

    #[inline]
    fn allow_of(&self, of: Of, found: u64, bound: Bound, what: &'static str) -> Result<(), Stop> {
        #[cfg(test)]
        tests::note(of, found, what);
        match found > bound(self.bounds) {
            true => Err(self.refuse(of, found, bound, what)),
            false => Ok(()),
        }
    }

    #[cold]
    fn refuse(&self, of: Of, found: u64, bound: Bound, what: &str) -> Stop {
        let of = match of {
            Of::Module => String::new(),
            Of::Type(index) => format!("type {index} of "),
            Of::Function(index) => format!("the code of function {index} of "),
        };
        let (name, allowed) = (self.name, bound(self.bounds));
        let message =
            format!("{of}module `{name}` has {found} {what}, at most {allowed} are allowed");
        Stop::TooMuch(Excess {
            bound,
            found,
            message,
        })
    }
}

#[cfg(test)]
mod tests;
