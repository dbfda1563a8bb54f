//! Writes the instructions that count the fuel down.
//!
//! The fuel is a global, written with every charge: it is what is known of the fuel when a guest traps. In a
//! loop without calls a local has the same number, so that engines read it from a register; it is read
//! from the global where the outermost such loop begins. Proof that it has the same number everywhere in
//! that loop: nothing but charges of this function runs there, and those write both.
//!
//! Where the fuel must suffice, less than nothing branches out of all blocks of the function to a trap
//! at its end. No value of the guest is needed there, so none has to be kept for it, and the branch
//! is not taken until the call is over: that is what makes counting cheap.
//!
//! It does not know what is charged, nor why. Invariant: every sequence leaves the stack as it found it.

use wasm_encoder::{BlockType, CodeSection, Instruction, ValType};

use super::pieces::{Mark, Pieces, What};
use crate::rewrite::{Splice, Width};

/// Writes one function.
pub(super) struct Writer<'a> {
    out: Splice<'a>,
    pieces: &'a Pieces,
    /// The global.
    fuel: u32,
    /// Locals for the fuel, and for a length of either width.
    local: u32,
    narrow: u32,
    wide: u32,
}

/// The further locals of a function, in order.
const LOCALS: &[ValType] = &[ValType::I64, ValType::I32, ValType::I64];

impl<'a> Writer<'a> {
    /// `fuel` is the global, and `locals` says how many locals the function has.
    pub(super) fn new(out: Splice<'a>, pieces: &'a Pieces, fuel: u32, locals: u32) -> Self {
        Self {
            out,
            pieces,
            fuel,
            local: locals,
            narrow: locals + 1,
            wide: locals + 2,
        }
    }

    /// Writes the function; `block` is a block that gives what the function gives.
    pub(super) fn write(mut self, code: &mut CodeSection, block: BlockType) {
        let is_checked = self.pieces.are_checked();
        if is_checked {
            // The outer block ends before the trap; the inner one is what the function was, so that
            // branches mean what they meant.
            let outer = Instruction::Block(BlockType::Empty);
            self.put(&[outer, Instruction::Block(block)]);
        }
        for mark in &self.pieces.marks {
            self.mark(mark);
        }
        self.out.copy_rest();
        if is_checked {
            self.put(&[
                Instruction::End,
                Instruction::Return,
                Instruction::End,
                Instruction::Unreachable,
            ]);
        }
        self.put(&[Instruction::End]);
        // Most functions have no lengths: the fewer locals, the less an interpreter has to clear.
        let locals = match (self.pieces.have_lengths(), is_checked) {
            (true, _) => LOCALS,
            (false, true) => &LOCALS[..1],
            (false, false) => &[],
        };
        self.out.finish(code, locals);
    }

    fn mark(&mut self, mark: &Mark) {
        self.out.copy(mark.at);
        match &mark.what {
            What::Charge(piece) => {
                let piece = &self.pieces.pieces[*piece];
                let check = piece.is_checked.then_some(mark.depth);
                match (piece.cost, check) {
                    (0, None) => {}
                    (0, Some(depth)) => self.check(self.read(piece.turn), depth),
                    (cost, check) => {
                        self.put(&[self.read(piece.turn), Instruction::I64Const(cost)]);
                        self.spend(piece.turn, check);
                    }
                }
            }
            What::Check(turn) => self.check(self.read(*turn), mark.depth),
            What::Length { shift, width, turn } => {
                self.length(*shift, *width, *turn);
                self.spend(*turn, Some(mark.depth));
            }
            What::Loop(index) => self.begin_loop(*index),
            What::Moved(end, instruction) => {
                self.out.leave_out(*end);
                self.out.put(instruction);
            }
        }
    }

    fn put(&mut self, instructions: &[Instruction<'_>]) {
        for instruction in instructions {
            self.out.put(instruction);
        }
    }

    /// Whether the local has the fuel, where this is the innermost loop.
    fn is_local(&self, turn: Option<usize>) -> bool {
        turn.is_some_and(|turn| !self.pieces.loops[turn].calls)
    }

    fn read(&self, turn: Option<usize>) -> Instruction<'static> {
        match self.is_local(turn) {
            true => Instruction::LocalGet(self.local),
            false => Instruction::GlobalGet(self.fuel),
        }
    }

    /// Before a loop.
    fn begin_loop(&mut self, index: usize) {
        let outer = self.pieces.loops[index].outer;
        if self.is_local(Some(index)) && !self.is_local(outer) {
            self.put(&[
                Instruction::GlobalGet(self.fuel),
                Instruction::LocalSet(self.local),
            ]);
        }
    }

    /// With a length on the stack, which stays: the fuel, and what the length costs.
    fn length(&mut self, shift: u32, width: Width, turn: Option<usize>) {
        let length = match width {
            Width::Narrow => self.narrow,
            Width::Wide => self.wide,
        };
        let get = Instruction::LocalGet(length);
        self.put(&[Instruction::LocalTee(length), self.read(turn), get]);
        if width == Width::Narrow {
            self.out.put(&Instruction::I64ExtendI32U);
        }
        self.put(&[Instruction::I64Const(shift.into()), Instruction::I64ShrU]);
    }

    /// With the fuel and a cost on the stack: takes the cost off; with a check if a depth is told.
    fn spend(&mut self, turn: Option<usize>, check: Option<u32>) {
        self.out.put(&Instruction::I64Sub);
        if check.is_some() || self.is_local(turn) {
            self.out.put(&Instruction::LocalTee(self.local));
        }
        self.out.put(&Instruction::GlobalSet(self.fuel));
        if let Some(depth) = check {
            self.check(Instruction::LocalGet(self.local), depth);
        }
    }

    /// Leaves the function for the trap if the fuel, which the instruction reads, is less than nothing.
    fn check(&mut self, fuel: Instruction<'_>, depth: u32) {
        let out_of_all = Instruction::BrIf(depth + 1);
        let (zero, less) = (Instruction::I64Const(0), Instruction::I64LtS);
        self.put(&[fuel, zero, less, out_of_all]);
    }
}
