//! Makes a module whose exported functions start from its initial state on every call.
//!
//! A library that exports `_start` is a command: each call of one of its functions is to have an
//! instance of its own (ABI.md part 0). Engines keep an instance as long as its store, so making
//! one for each call would need more and more memory. Instead this step, from WebAssembly to
//! WebAssembly, gives the module a function that puts back what a fresh instance has: memories,
//! tables, globals, and what its segments and its start function make of them. Each exported
//! function becomes one that does this first. So a call needs no further memory, limits count as
//! always, and every engine does the same.
//!
//! Memories and tables cannot shrink: their sizes are counted in globals, and what is beyond the
//! counted size waits, cleared, for the next growth. What a program can tell apart from a fresh
//! instance: an access beyond its memory that lies within what an earlier call had grown is not a
//! trap; a segment that it has dropped is still there; and a call that comes back, by way of a
//! table, while another is running starts both from the beginning.
//!
//! Invariant: the indices of what the module had before stay the same; new things come last.

use std::convert::Infallible;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, Instruction, RawSection,
    SectionId, TypeSection, ValType,
    reencode::{Error as EncodeError, Reencode, utils},
};
use wasmparser::{
    Data, DataKind, Element, ElementItems, ElementKind, ExternalKind, FunctionBody, Global, Parser,
    Payload, Table, TableInit, TypeRef,
};

type Result<T> = std::result::Result<T, EncodeError>;

/// The same module with functions that start from its initial state. `start` is the export that
/// initialises an instance; it goes away.
///
/// # Errors
/// If the module is not valid, or has something that cannot be written down again.
pub(super) fn rewrite(wasm: &[u8], start: Option<&str>) -> Result<Vec<u8>> {
    let module = Read::new(wasm)?;
    let (started, exports): (Vec<_>, Vec<_>) =
        (module.exports.iter().copied()).partition(|(name, ..)| start == Some(*name));
    let start = started.first().map(|(_, _, function)| *function);

    let mut types = module.types.clone();
    let mut new = New::of(&module);
    let none = new.ty(&mut types, [], []);
    let mut encoder = Encoder::default();
    let mut globals = GlobalSection::new();
    for global in &module.globals {
        encoder.parse_global(&mut globals, global.clone())?;
    }

    // What counts the size of a memory or table, and the function that grows it.
    let mut bodies = Vec::new();
    for index in 0..module.memory_count {
        let own = index.checked_sub(module.imported_memories);
        encoder.memories.push(own.map(|own| {
            let memory = module.memories[own as usize];
            let address = address(memory.memory64);
            let ty = new.ty(&mut types, [address], [address]);
            let sized = new.sized(&mut globals, address, memory.initial, ty);
            bodies.push(grow_memory(index, address, &sized));
            sized
        }));
    }
    for index in 0..module.table_count {
        let own = index.checked_sub(module.imported_tables);
        let sized = own.map(|own| {
            let table = module.tables[own as usize].ty;
            let address = address(table.table64);
            let element = ValType::Ref(utils::ref_type(&mut encoder, table.element_type)?);
            let ty = new.ty(&mut types, [element, address], [address]);
            let sized = new.sized(&mut globals, address, table.initial, ty);
            bodies.push(grow_table(index, address, &sized));
            Result::Ok(sized)
        });
        encoder.tables.push(sized.transpose()?);
    }

    let reset = new.function(none);
    bodies.push(module.reset(&mut encoder, start)?);
    let mut section = ExportSection::new();
    for (name, kind, index) in exports {
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                let ty = module.function_types[index as usize];
                section.export(name, ExportKind::Func, new.function(ty));
                bodies.push(wrapper(reset, index, module.params[ty as usize]));
            }
            kind => {
                section.export(name, utils::export_kind(&mut encoder, kind), index);
            }
        }
    }

    let mut functions = FunctionSection::new();
    for ty in module.function_types[module.imported_functions as usize..].iter() {
        functions.function(*ty);
    }
    for ty in &new.function_types {
        functions.function(*ty);
    }
    let mut code = CodeSection::new();
    for body in &module.bodies {
        encoder.parse_function_body(&mut code, body.clone())?;
    }
    for body in &bodies {
        code.function(body);
    }

    let mut out = wasm_encoder::Module::new();
    out.section(&types);
    module.copy(&mut out, &[SectionId::Import]);
    out.section(&functions);
    module.copy(
        &mut out,
        &[SectionId::Table, SectionId::Memory, SectionId::Tag],
    );
    out.section(&globals);
    out.section(&section);
    let (elements, data) = module.segments(&mut encoder)?;
    out.section(&elements);
    let count = data.len();
    out.section(&DataCountSection { count });
    out.section(&code);
    out.section(&data);
    module.copy(&mut out, &[SectionId::Custom]);
    Ok(out.finish())
}

/// What a module has, as far as it matters here.
#[derive(Default)]
struct Read<'a> {
    types: TypeSection,
    type_count: u32,
    /// How many parameters each type has; 0 for what is no function.
    params: Vec<u32>,
    /// The types of all functions, imported ones first.
    function_types: Vec<u32>,
    imported_functions: u32,
    memories: Vec<wasmparser::MemoryType>,
    memory_count: u32,
    imported_memories: u32,
    tables: Vec<Table<'a>>,
    table_count: u32,
    imported_tables: u32,
    globals: Vec<Global<'a>>,
    imported_globals: u32,
    exports: Vec<(&'a str, ExternalKind, u32)>,
    elements: Vec<Element<'a>>,
    data: Vec<Data<'a>>,
    bodies: Vec<FunctionBody<'a>>,
    /// Sections that stay as they are.
    raw: Vec<(u8, &'a [u8])>,
}

impl<'a> Read<'a> {
    fn new(wasm: &'a [u8]) -> Result<Self> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            if let Some((id, range)) = payload.as_section() {
                let bytes = &wasm[range.start as usize..range.end as usize];
                module.raw.push((id, bytes));
            }
            module.section(payload)?;
        }
        module.memory_count = module.imported_memories + module.memories.len() as u32;
        module.table_count = module.imported_tables + module.tables.len() as u32;
        Ok(module)
    }

    fn section(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for ty in group?.types() {
                        let params = match &ty.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(ty) => ty.params().len(),
                            _ => 0,
                        };
                        self.params.push(params as u32);
                    }
                }
                self.type_count = self.params.len() as u32;
                Encoder::default().parse_type_section(&mut self.types, section)?;
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => self.function_types.push(ty),
                        TypeRef::Memory(_) => self.imported_memories += 1,
                        TypeRef::Table(_) => self.imported_tables += 1,
                        TypeRef::Global(_) => self.imported_globals += 1,
                        TypeRef::Tag(_) => {}
                    }
                }
                self.imported_functions = self.function_types.len() as u32;
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.function_types.push(ty?);
                }
            }
            Payload::TableSection(section) => self.tables = all(section)?,
            Payload::MemorySection(section) => self.memories = all(section)?,
            Payload::GlobalSection(section) => self.globals = all(section)?,
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.exports.push((export.name, export.kind, export.index));
                }
            }
            Payload::ElementSection(section) => self.elements = all(section)?,
            Payload::DataSection(section) => self.data = all(section)?,
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            _ => {}
        }
        Ok(())
    }

    fn copy(&self, out: &mut wasm_encoder::Module, ids: &[SectionId]) {
        for id in ids {
            for (_, data) in self.raw.iter().filter(|(other, _)| *other == *id as u8) {
                let id = *id as u8;
                out.section(&RawSection { id, data });
            }
        }
    }

    /// The segments, none of which does anything by itself any more.
    fn segments(&self, encoder: &mut Encoder) -> Result<(ElementSection, DataSection)> {
        let mut elements = ElementSection::new();
        for element in &self.elements {
            let items = encoder.element_items(element.items.clone())?;
            match element.kind {
                ElementKind::Declared => elements.declared(items),
                _ => elements.passive(items),
            };
        }
        let mut data = DataSection::new();
        for segment in &self.data {
            data.passive(segment.data.iter().copied());
        }
        Ok((elements, data))
    }

    /// The function that puts everything back, in the order in which an engine does.
    fn reset(&self, encoder: &mut Encoder, start: Option<u32>) -> Result<Function> {
        let mut body = Function::new([]);
        for (own, global) in self.globals.iter().enumerate() {
            if global.ty.mutable {
                constant(encoder, &mut body, &global.init_expr)?;
                body.instruction(&Instruction::GlobalSet(self.imported_globals + own as u32));
            }
        }
        for (own, memory) in self.memories.iter().enumerate() {
            let index = self.imported_memories + own as u32;
            let address = address(memory.memory64);
            // In two halves, because all of it may be more than an address can say.
            let half = |body: &mut Function| {
                body.instruction(&Instruction::MemorySize(index));
                number(body, address, 1);
                body.instruction(&address.of(Instruction::I32ShrU, Instruction::I64ShrU));
            };
            let bytes = |body: &mut Function| {
                number(body, address, 16);
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

fn all<'a, T: wasmparser::FromReader<'a>>(
    section: wasmparser::SectionLimited<'a, T>,
) -> Result<Vec<T>> {
    let items: std::result::Result<_, _> = section.into_iter().collect();
    Ok(items?)
}

/// What is added, and where it stands.
struct New {
    next_type: u32,
    next_global: u32,
    next_function: u32,
    function_types: Vec<u32>,
}

impl New {
    fn of(module: &Read<'_>) -> Self {
        Self {
            next_type: module.type_count,
            next_global: module.imported_globals + module.globals.len() as u32,
            next_function: module.function_types.len() as u32,
            function_types: Vec::new(),
        }
    }

    fn ty<const P: usize, const R: usize>(
        &mut self,
        types: &mut TypeSection,
        params: [ValType; P],
        results: [ValType; R],
    ) -> u32 {
        types.ty().function(params, results);
        self.next_type += 1;
        self.next_type - 1
    }

    fn function(&mut self, ty: u32) -> u32 {
        self.function_types.push(ty);
        self.next_function += 1;
        self.next_function - 1
    }

    fn sized(
        &mut self,
        globals: &mut GlobalSection,
        address: ValType,
        initial: u64,
        ty: u32,
    ) -> Sized {
        let initial = match address {
            ValType::I64 => ConstExpr::i64_const(initial as i64),
            _ => ConstExpr::i32_const(initial as i32),
        };
        let global = GlobalType {
            val_type: address,
            mutable: true,
            shared: false,
        };
        globals.global(global, &initial);
        self.next_global += 1;
        Sized {
            size: self.next_global - 1,
            grow: self.function(ty),
        }
    }
}

/// A memory or table whose size is counted.
struct Sized {
    /// The global that has the size.
    size: u32,
    /// The function that grows it.
    grow: u32,
}

/// Writes functions of the module again, with sizes taken from where they are counted.
#[derive(Default)]
struct Encoder {
    /// By index; `None` for imported ones, which belong to other modules.
    memories: Vec<Option<Sized>>,
    tables: Vec<Option<Sized>>,
}

impl Encoder {
    fn memory(&self, index: u32) -> &Sized {
        let sized = self.memories[index as usize].as_ref();
        sized.expect("the memory is the module's own")
    }

    fn table(&self, index: u32) -> &Sized {
        let sized = self.tables[index as usize].as_ref();
        sized.expect("the table is the module's own")
    }
}

impl Reencode for Encoder {
    type Error = Infallible;

    fn instruction<'a>(&mut self, operator: wasmparser::Operator<'a>) -> Result<Instruction<'a>> {
        use wasmparser::Operator as Op;
        let sized = match operator {
            Op::MemorySize { mem } | Op::MemoryGrow { mem } => self.memories.get(mem as usize),
            Op::TableSize { table } | Op::TableGrow { table } => self.tables.get(table as usize),
            _ => None,
        };
        Ok(match (operator, sized) {
            (Op::MemorySize { .. } | Op::TableSize { .. }, Some(Some(sized))) => {
                Instruction::GlobalGet(sized.size)
            }
            (Op::MemoryGrow { .. } | Op::TableGrow { .. }, Some(Some(sized))) => {
                Instruction::Call(sized.grow)
            }
            // The next call needs the segment again.
            (Op::DataDrop { .. } | Op::ElemDrop { .. }, _) => Instruction::Nop,
            (operator, _) => utils::instruction(self, operator)?,
        })
    }
}

/// The type of addresses and sizes.
fn address(is_64: bool) -> ValType {
    match is_64 {
        true => ValType::I64,
        false => ValType::I32,
    }
}

/// The instruction for the type of an address.
trait Of {
    fn of<'a>(self, narrow: Instruction<'a>, wide: Instruction<'a>) -> Instruction<'a>;
}

impl Of for ValType {
    fn of<'a>(self, narrow: Instruction<'a>, wide: Instruction<'a>) -> Instruction<'a> {
        match self {
            Self::I64 => wide,
            _ => narrow,
        }
    }
}

fn number(body: &mut Function, address: ValType, value: u64) {
    let narrow = Instruction::I32Const(value as i32);
    body.instruction(&address.of(narrow, Instruction::I64Const(value as i64)));
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

/// `reset`, then the function with the same parameters.
fn wrapper(reset: u32, function: u32, params: u32) -> Function {
    let mut body = Function::new([]);
    body.instruction(&Instruction::Call(reset));
    for param in 0..params {
        body.instruction(&Instruction::LocalGet(param));
    }
    body.instruction(&Instruction::Call(function));
    body.instruction(&Instruction::End);
    body
}

/// `memory.grow` for a counted size: what is there already is used first.
fn grow_memory(index: u32, address: ValType, sized: &Sized) -> Function {
    let (wanted, spare) = (0, 1);
    let mut body = Function::new([(1, address)]);
    body.instruction(&Instruction::MemorySize(index));
    if_short(&mut body, address, sized, wanted, spare);
    missing(&mut body, address, wanted, spare);
    body.instruction(&Instruction::MemoryGrow(index));
    or_fail(&mut body, address);
    count(&mut body, address, sized, wanted);
    body
}

/// `table.grow` for a counted size.
fn grow_table(index: u32, address: ValType, sized: &Sized) -> Function {
    let (value, wanted, spare) = (0, 1, 2);
    let mut body = Function::new([(1, address)]);
    body.instruction(&Instruction::TableSize(index));
    if_short(&mut body, address, sized, wanted, spare);
    body.instruction(&Instruction::LocalGet(value));
    missing(&mut body, address, wanted, spare);
    body.instruction(&Instruction::TableGrow(index));
    or_fail(&mut body, address);
    body.instruction(&Instruction::GlobalGet(sized.size))
        .instruction(&Instruction::LocalGet(value))
        .instruction(&Instruction::LocalGet(wanted))
        .instruction(&Instruction::TableFill(index));
    count(&mut body, address, sized, wanted);
    body
}

/// With the true size on the stack: `if` more is wanted than there is beyond the counted size.
fn if_short(body: &mut Function, address: ValType, sized: &Sized, wanted: u32, spare: u32) {
    body.instruction(&Instruction::GlobalGet(sized.size))
        .instruction(&address.of(Instruction::I32Sub, Instruction::I64Sub))
        .instruction(&Instruction::LocalSet(spare))
        .instruction(&Instruction::LocalGet(wanted))
        .instruction(&Instruction::LocalGet(spare))
        .instruction(&address.of(Instruction::I32GtU, Instruction::I64GtU))
        .instruction(&Instruction::If(BlockType::Empty));
}

fn missing(body: &mut Function, address: ValType, wanted: u32, spare: u32) {
    body.instruction(&Instruction::LocalGet(wanted))
        .instruction(&Instruction::LocalGet(spare))
        .instruction(&address.of(Instruction::I32Sub, Instruction::I64Sub));
}

/// With the result of growing on the stack: returns -1 if it failed. Ends the `if`.
fn or_fail(body: &mut Function, address: ValType) {
    number(body, address, u64::MAX);
    body.instruction(&address.of(Instruction::I32Eq, Instruction::I64Eq))
        .instruction(&Instruction::If(BlockType::Empty));
    number(body, address, u64::MAX);
    body.instruction(&Instruction::Return)
        .instruction(&Instruction::End)
        .instruction(&Instruction::End);
}

/// Counts the new size and returns the old one.
fn count(body: &mut Function, address: ValType, sized: &Sized, wanted: u32) {
    body.instruction(&Instruction::GlobalGet(sized.size))
        .instruction(&Instruction::GlobalGet(sized.size))
        .instruction(&Instruction::LocalGet(wanted))
        .instruction(&address.of(Instruction::I32Add, Instruction::I64Add))
        .instruction(&Instruction::GlobalSet(sized.size))
        .instruction(&Instruction::End);
}
