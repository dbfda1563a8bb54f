//! Writes the function that does a bulk instruction in pieces.
//! ```wat
//! (func (param OPERANDS)
//!   (block $whole
//!     (br_if $whole IS_OUTSIDE)
//!     (loop $l PIECE (br_if $l IS_LONGER_THAN_A_PIECE)))
//!   WHOLE)
//! ```
//! The last instruction does what is left: the last piece, or everything if a range is outside of what it is in. Then
//! it traps before it writes anything. `array.len` traps on null as the instruction does. A segment that was dropped
//! has no first piece, so that traps.

use wasm_encoder::{BlockType, Function, Instruction, ValType};

use super::instruction::{Form, Position, Range};

/// A function with the effect of the instruction. Its parameters are the operands; the length is more than `piece`.
pub(super) fn in_pieces(instruction: &Instruction<'_>, form: &Form, piece: i32) -> Function {
    let mut out = Pieces {
        out: Function::new([(1, ValType::I64)]),
        instruction,
        form,
        piece,
    };
    out.put(&[Instruction::Block(BlockType::Empty)]);
    for position in &form.positions {
        out.leave_what_lies_outside(*position);
    }
    // Elements must be copied before they are overwritten.
    if form.overlaps {
        out.backwards();
    }
    out.forwards();
    out.put(&[Instruction::End]);
    out.whole();
    out.put(&[Instruction::End]);
    out.out
}

/// A number as a constant of a type.
pub(super) fn constant(ty: ValType, value: i32) -> Instruction<'static> {
    match ty {
        ValType::I32 => Instruction::I32Const(value),
        _ => Instruction::I64Const(value.into()),
    }
}

pub(super) fn at_most(ty: ValType) -> Instruction<'static> {
    match ty {
        ValType::I32 => Instruction::I32LeU,
        _ => Instruction::I64LeU,
    }
}

fn greater(ty: ValType) -> Instruction<'static> {
    match ty {
        ValType::I32 => Instruction::I32GtU,
        _ => Instruction::I64GtU,
    }
}

fn plus(ty: ValType) -> Instruction<'static> {
    match ty {
        ValType::I32 => Instruction::I32Add,
        _ => Instruction::I64Add,
    }
}

fn minus(ty: ValType) -> Instruction<'static> {
    match ty {
        ValType::I32 => Instruction::I32Sub,
        _ => Instruction::I64Sub,
    }
}

struct Pieces<'a> {
    out: Function,
    instruction: &'a Instruction<'a>,
    form: &'a Form,
    piece: i32,
}

impl Pieces<'_> {
    fn put(&mut self, instructions: &[Instruction<'_>]) {
        for instruction in instructions {
            self.out.instruction(instruction);
        }
    }

    /// The parameter that is the length.
    fn length(&self) -> u32 {
        self.form.operands.len() as u32 - 1
    }

    /// The local for the size of what a position is in.
    fn size(&self) -> u32 {
        self.form.operands.len() as u32
    }

    fn ty(&self, param: u32) -> ValType {
        self.form.operands[param as usize]
    }

    /// Puts a parameter on the stack, as 64 bits.
    fn wide(&mut self, param: u32) {
        self.put(&[Instruction::LocalGet(param)]);
        if self.ty(param) == ValType::I32 {
            self.put(&[Instruction::I64ExtendI32U]);
        }
    }

    /// Puts on the stack how far the length moves a position.
    fn distance(&mut self, position: Position) {
        self.wide(self.length());
        if position.step > 1 {
            self.put(&[
                Instruction::I64Const(position.step.into()),
                Instruction::I64Mul,
            ]);
        }
    }

    /// Puts the size of what a position is in on the stack.
    fn available(&mut self, position: Position) {
        match position.of {
            Range::Memory(memory) => {
                self.put(&[Instruction::MemorySize(memory)]);
                // The type of its size is that of its addresses.
                if self.ty(position.operand) == ValType::I32 {
                    self.put(&[Instruction::I64ExtendI32U]);
                }
                self.put(&[Instruction::I64Const(16), Instruction::I64Shl]);
            }
            Range::Array(param) => self.put(&[
                Instruction::LocalGet(param),
                Instruction::ArrayLen,
                Instruction::I64ExtendI32U,
            ]),
            Range::Segment(size) => self.put(&[Instruction::I64Const(size as i64)]),
        }
    }

    /// If the range is not inside of what it is in, leaves the block around.
    fn leave_what_lies_outside(&mut self, position: Position) {
        let size = self.size();
        self.available(position);
        self.put(&[Instruction::LocalSet(size)]);
        self.distance(position);
        self.put(&[Instruction::LocalGet(size), Instruction::I64GtU]);
        self.wide(position.operand);
        self.put(&[Instruction::LocalGet(size)]);
        self.distance(position);
        self.put(&[
            Instruction::I64Sub,
            Instruction::I64GtU,
            Instruction::I32Or,
            Instruction::BrIf(0),
        ]);
    }

    /// The rest, at once.
    fn whole(&mut self) {
        for param in 0..=self.length() {
            self.put(&[Instruction::LocalGet(param)]);
        }
        self.out.instruction(self.instruction);
    }

    /// Changes a parameter by as much as a piece does.
    fn step(&mut self, param: u32, step: i32, operation: fn(ValType) -> Instruction<'static>) {
        let ty = self.ty(param);
        self.put(&[
            Instruction::LocalGet(param),
            constant(ty, self.piece * step),
            operation(ty),
            Instruction::LocalSet(param),
        ]);
    }

    /// Goes on with the loop while more than a piece is left.
    fn again(&mut self) {
        let length = self.length();
        let ty = self.ty(length);
        self.put(&[
            Instruction::LocalGet(length),
            constant(ty, self.piece),
            greater(ty),
            Instruction::BrIf(0),
            Instruction::End,
        ]);
    }

    /// From the first element on. There is more than a piece.
    fn forwards(&mut self) {
        let (form, length) = (self.form, self.length());
        self.put(&[Instruction::Loop(BlockType::Empty)]);
        for param in 0..length {
            self.put(&[Instruction::LocalGet(param)]);
        }
        self.put(&[constant(self.ty(length), self.piece)]);
        self.out.instruction(self.instruction);
        for position in &form.positions {
            self.step(position.operand, position.step, plus);
        }
        self.step(length, 1, minus);
        self.again();
    }

    /// From the last element back, if necessary, and leaves the block around. There is more than a piece.
    fn backwards(&mut self) {
        let (form, length) = (self.form, self.length());
        // The positions in one memory or array have one type, and so has the length.
        let ty = self.ty(length);
        self.put(&[
            Instruction::LocalGet(form.positions[0].operand),
            Instruction::LocalGet(form.positions[1].operand),
            greater(ty),
            Instruction::If(BlockType::Empty),
            Instruction::Loop(BlockType::Empty),
        ]);
        self.step(length, 1, minus);
        for param in 0..length {
            self.put(&[Instruction::LocalGet(param)]);
            if form.positions.iter().any(|other| other.operand == param) {
                self.put(&[Instruction::LocalGet(length), plus(ty)]);
            }
        }
        self.put(&[constant(ty, self.piece)]);
        self.out.instruction(self.instruction);
        self.again();
        self.put(&[Instruction::Br(1), Instruction::End]);
    }
}
