//! Writes the instructions that count the fuel down.
//!
//! The fuel is a global, written with every charge: it is what is known of the fuel when a guest traps. In a
//! loop without calls a local has the same number, so that engines read it from a register; it is read
//! from the global where the outermost such loop begins. Proof that it has the same number everywhere in
//! that loop: nothing but charges of this function runs there, and those write both.
//!
//! A conditional branch that is charged becomes an `if` around the charge and an unconditional one, an `if` without
//! `else` gets one.
//!
//! Where the fuel must suffice, too little branches out of all blocks of the function to a trap
//! at its end. No value of the guest is needed there, so none has to be kept for it, and the branch
//! is not taken until the call is over: that is what makes counting cheap. The trap leaves less than nothing in the
//! global, which may have more than is left where the branch was.
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
                // The number may be greater than what is left here.
                Instruction::I64Const(-1),
                Instruction::GlobalSet(self.fuel),
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
        let turn = mark.turn;
        match &mark.what {
            What::Piece(piece) => {
                let check = self.pieces.check(*piece);
                let check = check.map(|least| (least, mark.depth));
                match (self.pieces.charge(*piece), check) {
                    (0, None) => {}
                    (0, Some(check)) => self.check(self.read(turn), check),
                    (charge, check) => self.charge(charge, turn, check),
                }
            }
            What::Branch { way, label, end } => match self.pieces.charge(*way) {
                0 => {}
                charge => {
                    self.out.leave_out(*end);
                    self.put(&[Instruction::If(BlockType::Empty)]);
                    self.charge(charge, turn, None);
                    self.put(&[Instruction::Br(label + 1), Instruction::End]);
                }
            },
            What::Else(way) => match self.pieces.charge(*way) {
                0 => {}
                charge => {
                    self.put(&[Instruction::Else]);
                    self.charge(charge, turn, None);
                }
            },
            What::Length {
                shift,
                width,
                piece,
            } => {
                self.length(*shift, *width, turn);
                self.spend(turn, Some((self.pieces.least(*piece), mark.depth)));
            }
            What::Loop(index) => self.begin_loop(*index),
            What::Moved(end, instruction) => {
                self.out.leave_out(*end);
                self.out.put(instruction);
            }
        }
    }

    /// Takes a number off the fuel; with a check if one is told.
    fn charge(&mut self, charge: i64, turn: Option<usize>, check: Option<(i64, u32)>) {
        self.put(&[self.read(turn), Instruction::I64Const(charge)]);
        self.spend(turn, check);
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

    /// With the fuel and a cost on the stack: takes the cost off; with a check if one is told.
    fn spend(&mut self, turn: Option<usize>, check: Option<(i64, u32)>) {
        self.out.put(&Instruction::I64Sub);
        if check.is_some() || self.is_local(turn) {
            self.out.put(&Instruction::LocalTee(self.local));
        }
        self.out.put(&Instruction::GlobalSet(self.fuel));
        if let Some(check) = check {
            self.check(Instruction::LocalGet(self.local), check);
        }
    }

    /// Leaves the function for the trap if the fuel, which the instruction reads, is less than it must be; with
    /// so many blocks open.
    fn check(&mut self, fuel: Instruction<'_>, (least, depth): (i64, u32)) {
        let out_of_all = Instruction::BrIf(depth + 1);
        let (least, less) = (Instruction::I64Const(least), Instruction::I64LtS);
        self.put(&[fuel, least, less, out_of_all]);
    }
}
