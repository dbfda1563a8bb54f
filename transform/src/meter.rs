//! Makes guests count their fuel.
//!
//! Every function subtracts the price of what it executes from a counter. `price` has the price of each instruction.
//! `pieces` divides a function into straight pieces of code. `places` decides where the counter is written: as
//! seldom as possible, and so that the sum is exact. `charge` writes the code. Arms that are not taken cost nothing.
//! Before anything that the host can see, and in every loop, the code checks that the fuel suffices and traps if not.
//! A function returns without a check, so whoever enters a guest asks [`OVERDRAWN`] how the call ended.
//!
//! The counter is a global of one module of a program; the other modules import it ([`Counter`]). The host sets it to the
//! whole fuel of a call, and reads what is left, through [`SETTLE`]. A guest may raise the counter by what it has
//! not spent yet, so the host sets at most half of the largest number.
//!
//! It knows no engine and nothing of the meaning of a module. Invariants:
//! - The input is valid, so is the output, and it computes the same until the fuel is used up.
//! - If a call returns, or the host or `unreachable` ends it, the counter has gone down by exactly the price of what
//!   was executed.
//! - After any other trap the counter is off by at most the price of the instructions of the function that trapped, and
//!   by the same on every engine.

mod charge;
mod pieces;
mod places;
mod price;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportKind, Function, GlobalType, Instruction,
    ValType, reencode,
};
use wasmparser::FunctionBody;

use self::{charge::Writer, pieces::Pieces};
use crate::rewrite::{self, Added, Bodies, Moved, Shape, Splice};

/// The name under which a module shares its fuel.
const FUEL: &str = "polyextism:fuel";
/// The function `() -> ()` that passes the counter to the host and sets it to what the host returns.
pub const SETTLE: &str = "polyextism:settle";
/// The function `() -> i32` that returns 1 if the counter is negative, else 0.
pub const OVERDRAWN: &str = "polyextism:overdrawn";
/// The exports of a module that shares its fuel. Guests must not have exports of these names.
pub const EXPORTS: [&str; 3] = [FUEL, SETTLE, OVERDRAWN];

/// The names of the import. Imports are resolved by position.
const IMPORTS: (&str, &str) = ("polyextism", "settle");

/// Whose counter a module uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Its own, which other modules may import and which is 0 at the start. The last import is a function
    /// `(i64) -> i64` of the host, which gets the counter and returns its new value.
    Own,
    /// That of another module. The last import is the global that the other module exports as [`Counter::EXPORT`].
    Imported,
}

impl Counter {
    /// The export name of the counter.
    pub const EXPORT: &'static str = FUEL;

    /// By how much the indices of the functions that a module defines grow.
    pub fn moved(self) -> u32 {
        match self {
            Self::Own => 1,
            Self::Imported => 0,
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
    let fuel = add_counter(&shape, counter, &mut added);
    let imports = shape.imports.iter().enumerate();
    let functions = imports.filter(|(_, ty)| ty.is_some());
    let is_quiet = |import: usize| quiet.get(import) == Some(&true);
    let mut functions = Functions {
        wasm,
        shape: &shape,
        fuel,
        blocks: rewrite::body_blocks(&shape, &mut added)?,
        quiet: functions.map(|(import, _)| is_quiet(import)).collect(),
    };
    rewrite::add(wasm, &shape, &added, &mut functions)
}

/// Adds the counter, and returns the index of its global.
fn add_counter(shape: &Shape, counter: Counter, added: &mut Added) -> u32 {
    let ty = GlobalType {
        val_type: ValType::I64,
        mutable: true,
        shared: false,
    };
    let types = shape.types.len() as u32;
    let (module, name) = IMPORTS;
    match counter {
        Counter::Own => {
            let (fuel, ask) = (shape.globals, shape.imported_functions());
            let [ask_type, settle_type, overdrawn_type] = [types, types + 1, types + 2];
            added.types.push((vec![ValType::I64], vec![ValType::I64]));
            added.types.push((vec![], vec![]));
            added.types.push((vec![], vec![ValType::I32]));
            let import = (module, name, EntityType::Function(ask_type));
            added.imports.push(import);
            added.globals.push((ty, ConstExpr::i64_const(0)));
            let settle = [
                Instruction::GlobalGet(fuel),
                Instruction::Call(ask),
                Instruction::GlobalSet(fuel),
            ];
            let overdrawn = [
                Instruction::GlobalGet(fuel),
                Instruction::I64Const(0),
                Instruction::I64LtS,
            ];
            added.functions.push((settle_type, function(&settle)));
            added.functions.push((overdrawn_type, function(&overdrawn)));
            let first = ask + counter.moved() + shape.functions.len() as u32;
            added.exports.push((FUEL, ExportKind::Global, fuel));
            added.exports.push((SETTLE, ExportKind::Func, first));
            added.exports.push((OVERDRAWN, ExportKind::Func, first + 1));
            fuel
        }
        Counter::Imported => {
            added.imports.push((module, FUEL, EntityType::Global(ty)));
            shape.imported_globals
        }
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

/// Writes the functions of one module.
struct Functions<'a> {
    wasm: &'a [u8],
    shape: &'a Shape,
    /// The global with the counter.
    fuel: u32,
    blocks: Vec<BlockType>,
    /// By the index of the imported function.
    quiet: Vec<bool>,
}

impl Bodies for Functions<'_> {
    fn write(
        &mut self,
        code: &mut CodeSection,
        moved: Moved,
        ty: u32,
        body: &FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let pieces = Pieces::of(body, ty, self.shape, moved, &self.quiet)?;
        let locals = self.shape.locals(ty, body)?;
        let writer = Writer::new(Splice::new(self.wasm, body)?, &pieces, self.fuel, locals);
        writer.write(code, self.blocks[ty as usize]);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
