//! Makes a module whose exported functions start from its initial state on every call.
//!
//! A library that exports `_start` is a command: each call of one of its functions must see a fresh instance
//! (docs/abi.md, "Commands"). Engines keep an instance as long as its store, so one instance for each call would
//! need more and more memory. Instead this step adds a function that resets memories, tables and globals to the
//! state of a fresh instance, including the effects of segments and of the start function. Each exported function
//! calls it first. So a call needs no further memory, limits hold, and every engine behaves the same.
//!
//! Memories and tables cannot shrink: their sizes are counted in globals, and the part beyond the counted size
//! stays cleared for the next growth. A program can notice these differences from a fresh instance: an access
//! beyond its memory does not trap if an earlier call had grown that far; a dropped segment still exists; an object
//! that a segment makes is the same in all calls; a call that re-enters the module through a table, while another
//! one runs, resets the state of both.
//!
//! Invariant: existing indices stay the same; new items come last.

mod original;
mod reset;
mod sized;

use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, Instruction, SectionId, TypeSection, ValType,
    reencode::{Error as EncodeError, Reencode as _, utils},
};
use wasmparser::ExternalKind;

use self::{
    original::Original,
    sized::{Encoder, Sized, address, grow_memory, grow_table},
};

type Result<T> = std::result::Result<T, EncodeError>;

/// The same module with functions that start from its initial state. `start` is the export that initialises an
/// instance; it is removed.
///
/// # Errors
/// If the module is not valid, or cannot be encoded again.
pub fn rewrite(wasm: &[u8], start: Option<&str>) -> Result<Vec<u8>> {
    let module = Original::new(wasm)?;
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

    // Objects in immutable globals are made again in new globals, which are read instead.
    let objects = module.objects()?;
    for &object in &objects {
        let global = &module.globals[(object - module.imported_globals) as usize];
        let mut ty = encoder.global_type(global.ty)?;
        ty.mutable = true;
        globals.global(ty, &ConstExpr::global_get(object));
        new.next_global += 1;
    }
    let first = new.next_global - objects.len() as u32;
    encoder.objects = objects.into_iter().zip(first..).collect();

    // The global with the size of a memory or table, and the function that grows it.
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
    let (elements, data) = module.segments()?;
    out.section(&elements);
    let count = data.len();
    out.section(&DataCountSection { count });
    out.section(&code);
    out.section(&data);
    module.copy(&mut out, &[SectionId::Custom]);
    Ok(out.finish())
}

/// The added items with their indices.
struct New {
    next_type: u32,
    next_global: u32,
    next_function: u32,
    function_types: Vec<u32>,
}

impl New {
    fn of(module: &Original<'_>) -> Self {
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
