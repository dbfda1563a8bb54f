//! Makes guests count their fuel.
//!
//! Every function subtracts the price of what it executes from a counter. `price` has the price of each instruction.
//! `pieces` divides a function into straight pieces of code. `places` decides where the counter is written: as
//! seldom as possible, and so that the sum is exact. `charge` writes the code. Arms that are not taken cost nothing.
//!
//! The counter has a portion of the fuel of a call; the host keeps the rest. Before anything that the host can see,
//! and where guests look (`looks`), the code checks that the counter suffices and asks for more if not. The host then
//! also sees whether the guest has to stop for another reason, so a module that counts needs no other looks. The
//! functions return without a check, so whoever enters a guest calls [`PAID`] afterwards.
//!
//! The counter is a global of one module of a program; the other modules import it ([`Counter`]). The host sets and
//! reads it through [`SETTLE`]. A guest may raise the counter by what it has not spent yet, so the host gives at
//! most half of the largest number.
//!
//! It knows no engine and nothing of the meaning of a module. Invariants:
//! - The input is valid, so is the output, and it computes the same until the fuel is used up.
//! - If a call returns, or the host or `unreachable` ends it, the counter has gone down by exactly the price of what
//!   was executed, apart from what the host has added.
//! - After any other trap the counter is off by at most the price of the instructions of the function that trapped, and
//!   by the same on every engine.

mod charge;
mod pieces;
mod places;
mod price;

use wasm_encoder::{
    BlockType, ConstExpr, EntityType, ExportKind, Function, GlobalType, Instruction, ValType,
    reencode,
};
use wasmparser::{BinaryReader, FunctionBody};

use self::{
    charge::Writer,
    pieces::{Callees, Pieces},
    places::Graph,
};
use crate::{
    looks::{self, Form, Spare},
    parallel::{self, Promised},
    rewrite::{self, Added, Moved, Shape, Splice, Written},
};

/// The name under which a module shares its fuel.
const FUEL: &str = "polyextism:fuel";
/// The function `() -> ()` that passes the counter to the host and sets it to what the host returns.
pub const SETTLE: &str = "polyextism:settle";
/// The function `() -> ()` that checks whether what was executed is paid. It asks for more fuel if not.
pub const PAID: &str = "polyextism:paid";
/// The exports of a module that shares its fuel. Guests must not have exports of these names.
pub const EXPORTS: [&str; 3] = [FUEL, SETTLE, PAID];

/// The module of the imports. Imports are resolved by position.
const IMPORTS: &str = "polyextism";

/// Whose counter a module uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Its own, which other modules may import and which is 0 at the start. The last imports are two functions of
    /// the host that return a new counter. `(i64, i64) -> i64` gets the counter and the least number that suffices,
    /// and may fail. `(i64) -> i64` gets the counter at the beginning and at the end of a call.
    Own,
    /// That of another module. The last imports are the first one of these functions, and the global that the other
    /// module exports as [`Counter::EXPORT`].
    Imported,
}

impl Counter {
    /// The export name of the counter.
    pub const EXPORT: &'static str = FUEL;

    /// By how much the indices of the functions that a module defines grow.
    pub fn moved(self) -> u32 {
        match self {
            Self::Own => 2,
            Self::Imported => 1,
        }
    }
}

/// The same module, which counts. `quiet` says of each import whether it is a function that needs no check before its
/// calls: it always returns, runs no code of the guest, and has no effect that the host sees before the guest's next
/// call of the host or return.
///
/// # Errors
/// None for a module that core has validated and whose start section is taken out.
pub fn meter(wasm: &[u8], counter: Counter, quiet: &[bool]) -> Result<Vec<u8>, reencode::Error> {
    let shape = Shape::read(wasm)?;
    let mut added = Added::default();
    let indices = add_counter(&shape, counter, &mut added);
    let imports = shape.imports.iter().enumerate();
    let functions = imports.filter(|(_, ty)| ty.is_some());
    let is_quiet = |import: usize| quiet.get(import) == Some(&true);
    let quiet: Vec<bool> = functions.map(|(import, _)| is_quiet(import)).collect();
    // The counter comes before them.
    let mut spare = Spare::new(shape.globals + 1);
    let unmoved = Moved::new(&shape, &Added::default());
    let looking = looks::write(wasm, &shape, unmoved, Form::Marked, &(0..0), &mut spare)?;
    added.globals.extend(spare.globals());
    let moved = Moved::new(&shape, &added);
    let ends: Vec<_> = looking.bodies.iter().map(|_| Promised::new()).collect();
    let callees = Callees {
        quiet: &quiet,
        looking: &looking,
        ends: &ends,
    };
    let write = |&function: &usize| -> Result<_, reencode::Error> {
        let promise = ends[function].promise();
        let (body, ty) = (&looking.bodies[function], shape.functions[function]);
        let graph = match looking.is_known_to_callers(function) {
            true => Graph::open(),
            false => Graph::exact(),
        };
        let pieces = Pieces::of(body, ty, &shape, moved, graph, &callees)?;
        promise.keep(pieces.ends());
        let original = FunctionBody::new(BinaryReader::new(&body.bytes, 0));
        let locals = shape.locals(ty, &original)?;
        let out = Splice::new(&body.bytes, &original)?;
        Ok(Writer::new(out, &pieces, indices, locals).write())
    };
    let order = looking.order();
    let mut written = vec![Vec::new(); order.len()];
    for (function, body) in order.iter().zip(parallel::map(order, wasm.len(), write)?) {
        written[*function] = body;
    }
    rewrite::add(wasm, &shape, &added, &Written(written))
}

/// The indices of what is added.
#[derive(Clone, Copy)]
struct Indices {
    /// The global with the counter.
    counter: u32,
    /// The function `(i64) -> ()` that sets the counter to at least a number.
    refill: u32,
}

/// Adds the counter.
fn add_counter(shape: &Shape, counter: Counter, added: &mut Added) -> Indices {
    let ty = GlobalType {
        val_type: ValType::I64,
        mutable: true,
        shared: false,
    };
    let next_type = shape.types.len() as u32;
    let [ask_type, refill_type] = [next_type, next_type + 1];
    let number = ValType::I64;
    added.types.push((vec![number, number], vec![number]));
    added.types.push((vec![number], vec![]));
    let ask = (IMPORTS, "refill", EntityType::Function(ask_type));
    let first = shape.imported_functions();
    let own = first + counter.moved() + shape.functions.len() as u32;
    let global = match counter {
        Counter::Own => shape.globals,
        Counter::Imported => shape.imported_globals,
    };
    // A function of the module, because a look should be short.
    let refill = [
        Instruction::GlobalGet(global),
        Instruction::LocalGet(0),
        Instruction::Call(first),
        Instruction::GlobalSet(global),
    ];
    added.imports.push(ask);
    added.functions.push((refill_type, function(&refill)));
    let refill = own;
    match counter {
        Counter::Own => {
            let [settle_type, nothing] = [next_type + 2, next_type + 3];
            added.types.push((vec![number], vec![number]));
            added.types.push((vec![], vec![]));
            let settle = (IMPORTS, "settle", EntityType::Function(settle_type));
            added.imports.push(settle);
            added.globals.push((ty, ConstExpr::i64_const(0)));
            let settle = [
                Instruction::GlobalGet(global),
                Instruction::Call(first + 1),
                Instruction::GlobalSet(global),
            ];
            let paid = [
                Instruction::GlobalGet(global),
                Instruction::I64Const(0),
                Instruction::I64LtS,
                Instruction::If(BlockType::Empty),
                Instruction::I64Const(0),
                Instruction::Call(refill),
                Instruction::End,
            ];
            added.functions.push((nothing, function(&settle)));
            added.functions.push((nothing, function(&paid)));
            added.exports.push((FUEL, ExportKind::Global, global));
            added.exports.push((SETTLE, ExportKind::Func, own + 1));
            added.exports.push((PAID, ExportKind::Func, own + 2));
        }
        Counter::Imported => {
            let import = (IMPORTS, FUEL, EntityType::Global(ty));
            added.imports.push(import);
        }
    }
    Indices {
        counter: global,
        refill,
    }
}

fn function(instructions: &[Instruction<'_>]) -> Function {
    let mut function = Function::new([]);
    for instruction in instructions {
        function.instruction(instruction);
    }
    function.instruction(&Instruction::End);
    function
}

#[cfg(test)]
mod tests;
