//! Writes the instructions that count the fuel.
//!
//! The counter is a global, which every charge writes, so that it is known when a guest traps. In a loop without calls
//! a local has the same value, because engines keep locals in registers. The local is read from the global before the
//! outermost such loop. Proof that both are equal in that loop: only charges of this function run there, and each
//! writes both.
//!
//! A conditional branch with a charge becomes an `if` around the charge and an unconditional branch. An `if` without
//! `else` gets an `else` if it has a charge.
//!
//! A check branches out of all blocks of the function, to a trap at its end, if the fuel does not suffice. The trap
//! needs no value of the guest, so engines keep none alive for it; that makes checks cheap. The trap sets the counter
//! to a negative number, because the counter may exceed the fuel that is left at the check.
//!
//! It does not know what is charged, nor why. Invariant: every sequence leaves the stack unchanged.

use wasm_encoder::{BlockType, CodeSection, Instruction, ValType};

use super::pieces::{Mark, Pieces, What};
use crate::rewrite::{Splice, Width};

/// Writes one function.
pub(super) struct Writer<'a> {
    out: Splice<'a>,
    pieces: &'a Pieces,
    /// The global with the counter.
    fuel: u32,
    /// Locals: for the counter, for a length of 32 bits, and for one of 64 bits.
    local: u32,
    narrow: u32,
    wide: u32,
}

/// The types of the added locals, in order.
const LOCALS: &[ValType] = &[ValType::I64, ValType::I32, ValType::I64];

impl<'a> Writer<'a> {
    /// `fuel` is the index of the global, `locals` the number of locals of the function.
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

    /// Writes the function. `block` has the results of the function.
    pub(super) fn write(mut self, code: &mut CodeSection, block: BlockType) {
        let is_checked = self.pieces.are_checked();
        if is_checked {
            // The outer block ends before the trap. The inner one stands for the function, so branches keep their
            // targets.
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
                // The counter may exceed the fuel that is left.
                Instruction::I64Const(-1),
                Instruction::GlobalSet(self.fuel),
                Instruction::Unreachable,
            ]);
        }
        self.put(&[Instruction::End]);
        // An interpreter clears every local, and most functions need no local for a length.
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
            What::Branch { edge, label, end } => match self.pieces.charge(*edge) {
                0 => {}
                charge => {
                    self.out.leave_out(*end);
                    self.put(&[Instruction::If(BlockType::Empty)]);
                    self.charge(charge, turn, None);
                    self.put(&[Instruction::Br(label + 1), Instruction::End]);
                }
            },
            What::Else(edge) => match self.pieces.charge(*edge) {
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

    /// Subtracts a number from the counter, then checks if asked to.
    fn charge(&mut self, charge: i64, turn: Option<usize>, check: Option<(i64, u32)>) {
        self.put(&[self.read(turn), Instruction::I64Const(charge)]);
        self.spend(turn, check);
    }

    fn put(&mut self, instructions: &[Instruction<'_>]) {
        for instruction in instructions {
            self.out.put(instruction);
        }
    }

    /// Whether the local has the value of the counter in this innermost loop.
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

    /// With a length on the stack, which stays: pushes the counter and the price of the length.
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

    /// With the counter and a price on the stack: subtracts the price, then checks if asked to.
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

    /// Branches to the trap if the counter is below `least`. The instruction reads the counter; `depth` blocks are
    /// open.
    fn check(&mut self, fuel: Instruction<'_>, (least, depth): (i64, u32)) {
        let out_of_all = Instruction::BrIf(depth + 1);
        let (least, less) = (Instruction::I64Const(least), Instruction::I64LtS);
        self.put(&[fuel, least, less, out_of_all]);
    }
}
