//! Makes guests count their fuel: a step from wasm to wasm.
//!
//! Every function counts a number down as it runs, by what `price` says of each instruction. `pieces` takes the
//! function apart into straight pieces; `places` decides on which of them the number is written, so that it
//! is written seldom and the sum is right: what is charged is what is executed, and arms that are not taken
//! cost nothing. Where it is needed that the fuel suffices, too little is a trap (`charge`); so a call that runs
//! out of fuel does nothing more that anybody could see. Who enters guests asks [`OVERDRAWN`] how a call ended,
//! because functions return without a look.
//!
//! The number is a global of one module of a program, which the others import ([`Tank`]). The host fills it
//! and learns what is left by [`SETTLE`]: the whole allowance of a call at once, so that no guest has to
//! ask for more. Guests may add to it for a while what they have still to spend, so the host gives no more than half of
//! what the number can be.
//!
//! It knows no engine and nothing of the meaning of a module. Invariants: the input is valid, so is the
//! output, and it computes the same until the fuel is used up; after a call that returns, or that the host or
//! `unreachable` ends, the number has gone down by exactly what the executed instructions cost; after another trap
//! it differs by no more than what the instructions cost of the function that trapped, and by the same on each engine.

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
/// The function `() -> ()` that hands what is left to the host, and takes what the host gives.
pub const SETTLE: &str = "polyextism:settle";
/// The function `() -> i32` that says whether less than nothing is left: 1, or 0.
pub const OVERDRAWN: &str = "polyextism:overdrawn";
/// What modules export that share their fuel, which guests must not have.
pub const EXPORTS: [&str; 3] = [FUEL, SETTLE, OVERDRAWN];

/// The names of imports; what they stand for goes by position.
const IMPORTS: (&str, &str) = ("polyextism", "settle");

/// Whose fuel a module counts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tank {
    /// Its own, which it shares with other modules, empty at the start. Its last import is the function
    /// `(i64) -> i64` of the host that takes what is left and gives what there is to be.
    Own,
    /// That of another module: its last import is the global that one exports as [`Tank::EXPORT`].
    Other,
}

impl Tank {
    /// What a module that has its own fuel exports it as.
    pub const EXPORT: &'static str = FUEL;

    /// By how many places the functions that a module defines move.
    pub fn moved(self) -> u32 {
        match self {
            Self::Own => 1,
            Self::Other => 0,
        }
    }
}

/// The same module, which counts. `quiet` says of each of its imports whether it is a function that costs
/// no more than an instruction: one that always returns, runs nothing of the guest, and does nothing that
/// the host sees before the guest calls it or returns to it.
///
/// # Errors
/// None for a module that core has validated and whose start section is taken out.
pub fn meter(wasm: &[u8], tank: Tank, quiet: &[bool]) -> Result<Vec<u8>, reencode::Error> {
    let shape = Shape::read(wasm)?;
    let mut added = Added::default();
    let fuel = add_tank(&shape, tank, &mut added);
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

/// Adds the fuel, and returns the index of its global.
fn add_tank(shape: &Shape, tank: Tank, added: &mut Added) -> u32 {
    let ty = GlobalType {
        val_type: ValType::I64,
        mutable: true,
        shared: false,
    };
    let types = shape.types.len() as u32;
    let (module, name) = IMPORTS;
    match tank {
        Tank::Own => {
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
            let first = ask + tank.moved() + shape.functions.len() as u32;
            added.exports.push((FUEL, ExportKind::Global, fuel));
            added.exports.push((SETTLE, ExportKind::Func, first));
            added.exports.push((OVERDRAWN, ExportKind::Func, first + 1));
            fuel
        }
        Tank::Other => {
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
    /// The global.
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
