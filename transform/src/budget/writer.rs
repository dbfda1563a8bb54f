//! Writes the instructions that count the budget down.
//!
//! It knows neither costs nor the surrounding function. Invariant: every sequence leaves the stack unchanged.

use wasm_encoder::{BlockType, CodeSection, Instruction, ValType};

use crate::rewrite::{Splice, Width};

/// Where a function counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It does not count.
    Nowhere,
    Global,
    Local,
}

/// Writes one function.
pub(super) struct Writer<'a> {
    pub(super) out: Splice<'a>,
    /// A local for the budget.
    pub(super) counter: u32,
    /// A local for the length of a bulk instruction, and one for a length of 64 bits.
    pub(super) length: u32,
    pub(super) wide_length: u32,
    pub(super) global: u32,
    pub(super) check: u32,
    pub(super) place: Place,
}

impl Writer<'_> {
    fn all(&mut self, instructions: &[Instruction<'_>]) {
        for instruction in instructions {
            self.out.put(instruction);
        }
    }

    /// The start of a function. `block` has the results of the function.
    pub(super) fn enter(&mut self, cost: i64, block: BlockType) {
        if self.place != Place::Nowhere {
            self.out.put(&Instruction::GlobalGet(self.global));
            self.spend(&[Instruction::I64Const(cost)]);
        }
        if self.place == Place::Local {
            self.out.put(&Instruction::Block(block));
        }
    }

    /// The end of a function.
    pub(super) fn leave(&mut self) {
        self.out.copy_rest();
        if self.place == Place::Local {
            self.out.put(&Instruction::End);
            self.save();
        }
        self.out.put(&Instruction::End);
    }

    /// Returns the finished function.
    pub(super) fn finish(self, code: &mut CodeSection) {
        let locals: &[ValType] = match self.place {
            Place::Nowhere => &[],
            Place::Global | Place::Local => &[ValType::I64, ValType::I32, ValType::I64],
        };
        self.out.finish(code, locals);
    }

    /// The head of a loop.
    pub(super) fn charge(&mut self, cost: i64) {
        self.read();
        self.spend(&[Instruction::I64Const(cost)]);
    }

    /// Before an instruction whose length is on the stack.
    pub(super) fn charge_length(&mut self, shift: i64, width: Width) {
        let length = match width {
            Width::Narrow => self.length,
            Width::Wide => self.wide_length,
        };
        self.out.put(&Instruction::LocalTee(length));
        self.read();
        let (get, shift) = (Instruction::LocalGet(length), Instruction::I64Const(shift));
        let (extend, divide) = (Instruction::I64ExtendI32U, Instruction::I64ShrU);
        match width {
            Width::Narrow => self.spend(&[get, extend, shift, divide]),
            Width::Wide => self.spend(&[get, shift, divide]),
        }
    }

    /// Puts the budget on the stack.
    fn read(&mut self) {
        self.out.put(&match self.place {
            Place::Nowhere | Place::Global => Instruction::GlobalGet(self.global),
            Place::Local => Instruction::LocalGet(self.counter),
        });
    }

    /// Subtracts the result of `cost` from the budget on the stack, and checks.
    fn spend(&mut self, cost: &[Instruction<'_>]) {
        self.all(cost);
        self.all(&[Instruction::I64Sub, Instruction::LocalTee(self.counter)]);
        if self.place != Place::Local {
            self.out.put(&Instruction::GlobalSet(self.global));
            self.out.put(&Instruction::LocalGet(self.counter));
        }
        self.all(&[
            Instruction::I64Const(0),
            Instruction::I64LtS,
            Instruction::If(BlockType::Empty),
            Instruction::Call(self.check),
        ]);
        self.out.put(&match self.place {
            Place::Local => Instruction::LocalSet(self.counter),
            Place::Nowhere | Place::Global => Instruction::GlobalSet(self.global),
        });
        self.out.put(&Instruction::End);
    }

    /// Writes the budget back.
    pub(super) fn save(&mut self) {
        if self.place == Place::Local {
            self.out.put(&Instruction::LocalGet(self.counter));
            self.out.put(&Instruction::GlobalSet(self.global));
        }
    }

    /// Reads the budget from its global again.
    pub(super) fn load(&mut self) {
        if self.place == Place::Local {
            self.out.put(&Instruction::GlobalGet(self.global));
            self.out.put(&Instruction::LocalSet(self.counter));
        }
    }
}
