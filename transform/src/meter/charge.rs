//! Writes the instructions that count the fuel.
//!
//! The counter is a global, which every charge writes, so that it is known when a guest traps. In a loop without calls
//! a local has the same value, because engines keep locals in registers. The local is read from the global before the
//! outermost such loop. Proof that both are equal in that loop: only charges and refills of this function run there,
//! and each leaves both equal.
//!
//! A conditional branch with a charge becomes an `if` around the charge and an unconditional branch. An `if` without
//! `else` gets an `else` if it has a charge.
//!
//! A check asks for more fuel if the counter is too low ([`Indices::refill`]), and the guest goes on. Looks (`looks`)
//! are such checks, whose call may stand elsewhere.
//!
//! It does not know what is charged, nor why. Invariant: every sequence leaves the stack unchanged.

use wasm_encoder::{BlockType, Instruction, ValType};

use super::{
    Indices,
    pieces::{Mark, Pieces, What},
};
use crate::{
    looks::Layout,
    rewrite::{Splice, Width},
};

/// Writes one function.
pub(super) struct Writer<'a> {
    out: Splice<'a>,
    pieces: &'a Pieces,
    indices: Indices,
    /// Locals: for the counter, for a length of 32 bits, and for one of 64 bits.
    local: u32,
    narrow: u32,
    wide: u32,
    /// Whether the local for the counter is used.
    uses_local: bool,
}

/// The types of the added locals, in order.
const LOCALS: &[ValType] = &[ValType::I64, ValType::I32, ValType::I64];

impl<'a> Writer<'a> {
    /// `locals` is the number of locals of the function.
    pub(super) fn new(out: Splice<'a>, pieces: &'a Pieces, indices: Indices, locals: u32) -> Self {
        Self {
            out,
            pieces,
            indices,
            local: locals,
            narrow: locals + 1,
            wide: locals + 2,
            uses_local: false,
        }
    }

    /// The function, with its declarations of locals.
    pub(super) fn write(mut self) -> Vec<u8> {
        for mark in &self.pieces.marks {
            self.mark(mark);
        }
        self.out.copy_rest();
        self.put(&[Instruction::End]);
        // An interpreter clears every local, and most functions need no local for a length.
        let locals = match (self.pieces.have_lengths(), self.uses_local) {
            (true, _) => LOCALS,
            (false, true) => &LOCALS[..1],
            (false, false) => &[],
        };
        self.out.into_bytes(locals)
    }

    fn mark(&mut self, mark: &Mark) {
        self.out.copy(mark.at);
        let turn = mark.turn;
        match &mark.what {
            What::Piece(piece) => {
                let charge = self.pieces.charge(*piece);
                if charge != 0 {
                    let then = match self.pieces.is_read(*piece) {
                        true => Then::Read,
                        false => Then::Nothing,
                    };
                    self.charge(charge, turn, then);
                }
                if let Some(least) = self.pieces.check(*piece) {
                    let counter = self.read_behind(charge, turn);
                    self.check(counter, turn, least);
                }
            }
            What::Branch { edge, label, end } => match self.pieces.charge(*edge) {
                0 => {}
                charge => {
                    self.out.leave_out(*end);
                    self.put(&[Instruction::If(BlockType::Empty)]);
                    self.charge(charge, turn, Then::Nothing);
                    self.put(&[Instruction::Br(label + 1), Instruction::End]);
                }
            },
            What::Else(edge) => match self.pieces.charge(*edge) {
                0 => {}
                charge => {
                    self.put(&[Instruction::Else]);
                    self.charge(charge, turn, Then::Nothing);
                }
            },
            What::Length {
                shift,
                width,
                piece,
            } => {
                self.length(*shift, *width, turn);
                self.spend(turn, Then::Read);
                let counter = self.local();
                self.check(counter, turn, self.pieces.least(*piece));
            }
            What::Condition {
                look,
                layout,
                label,
                end,
            } => {
                let charge = self.pieces.charge(look.before);
                let counter = self.read_behind(charge, turn);
                let least = Instruction::I64Const(self.pieces.least_behind(*look));
                self.put(&[counter, least]);
                match layout {
                    Layout::Last => {
                        self.put(&[Instruction::I64LtS]);
                    }
                    Layout::Next => {
                        self.put(&[Instruction::I64GeS]);
                        self.put(&[
                            Instruction::If(BlockType::Empty),
                            Instruction::Else,
                            Instruction::Br(label + 1),
                            Instruction::End,
                        ]);
                        self.out.leave_out(*end);
                    }
                }
            }
            What::Never => self.put(&[Instruction::I32Const(0)]),
            What::Call { look, piece } => {
                self.refill(turn, self.pieces.least_for_call(*look, *piece));
            }
            What::Loop(index) => self.begin_loop(*index),
            What::Moved(end, instruction) => {
                self.out.leave_out(*end);
                self.out.put(instruction);
            }
        }
    }

    /// Subtracts a number from the counter.
    fn charge(&mut self, charge: i64, turn: Option<usize>, then: Then) {
        let counter = self.read(turn);
        self.put(&[counter, Instruction::I64Const(charge)]);
        self.spend(turn, then);
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

    fn local(&mut self) -> Instruction<'static> {
        self.uses_local = true;
        Instruction::LocalGet(self.local)
    }

    fn read(&mut self, turn: Option<usize>) -> Instruction<'static> {
        match self.is_local(turn) {
            true => self.local(),
            false => Instruction::GlobalGet(self.indices.counter),
        }
    }

    /// Reads the counter in a piece with this charge that is read.
    fn read_behind(&mut self, charge: i64, turn: Option<usize>) -> Instruction<'static> {
        match charge {
            0 => self.read(turn),
            // The charge has left the counter there.
            _ => self.local(),
        }
    }

    /// Before a loop.
    fn begin_loop(&mut self, index: usize) {
        let outer = self.pieces.loops[index].outer;
        if self.is_local(Some(index)) && !self.is_local(outer) {
            self.uses_local = true;
            self.put(&[
                Instruction::GlobalGet(self.indices.counter),
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
        let counter = self.read(turn);
        self.put(&[Instruction::LocalTee(length), counter, get]);
        if width == Width::Narrow {
            self.out.put(&Instruction::I64ExtendI32U);
        }
        self.put(&[Instruction::I64Const(shift.into()), Instruction::I64ShrU]);
    }

    /// With the counter and a price on the stack: subtracts the price.
    fn spend(&mut self, turn: Option<usize>, then: Then) {
        self.out.put(&Instruction::I64Sub);
        if then == Then::Read || self.is_local(turn) {
            self.uses_local = true;
            self.out.put(&Instruction::LocalTee(self.local));
        }
        self.out.put(&Instruction::GlobalSet(self.indices.counter));
    }

    /// Asks for more if the counter, which the instruction reads, is below `least`.
    fn check(&mut self, counter: Instruction<'_>, turn: Option<usize>, least: i64) {
        let less = Instruction::I64LtS;
        self.put(&[counter, Instruction::I64Const(least), less]);
        self.put(&[Instruction::If(BlockType::Empty)]);
        self.refill(turn, least);
        self.put(&[Instruction::End]);
    }

    /// Asks for fuel, so that the counter is at least `least`.
    fn refill(&mut self, turn: Option<usize>, least: i64) {
        self.put(&[
            Instruction::I64Const(least),
            Instruction::Call(self.indices.refill),
        ]);
        // Elsewhere the local is at most too low until the next charge: then a look asks once more.
        if self.is_local(turn) {
            self.put(&[
                Instruction::GlobalGet(self.indices.counter),
                Instruction::LocalSet(self.local),
            ]);
        }
    }
}

/// What follows a charge in the same piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    /// Something that reads the counter.
    Read,
}
