//! Writes the instructions that count the budget down.
//!
//! It does not know what is counted, nor the function around. Invariant: every sequence leaves the
//! stack as it found it.

use wasm_encoder::{BlockType, Function, Instruction};

use crate::rewrite::Width;

/// Where a function counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Global,
    Local,
}

/// Writes one function.
pub(super) struct Writer {
    pub(super) out: Function,
    /// A local for the budget.
    pub(super) counter: u32,
    /// A local for the length of a bulk instruction, and one for a length of 64 bits.
    pub(super) length: u32,
    pub(super) wide_length: u32,
    pub(super) global: u32,
    pub(super) check: u32,
    pub(super) place: Place,
}

impl Writer {
    pub(super) fn put(&mut self, instruction: &Instruction<'_>) {
        self.out.instruction(instruction);
    }

    fn all(&mut self, instructions: &[Instruction<'_>]) {
        for instruction in instructions {
            self.put(instruction);
        }
    }

    /// The start of a function.
    pub(super) fn enter(&mut self, cost: i64) {
        self.put(&Instruction::GlobalGet(self.global));
        self.spend(&[Instruction::I64Const(cost)]);
    }

    /// The head of a loop.
    pub(super) fn charge(&mut self, cost: i64) {
        self.put(&Instruction::LocalGet(self.counter));
        self.spend(&[Instruction::I64Const(cost)]);
    }

    /// Before an instruction whose length is on the stack.
    pub(super) fn charge_length(&mut self, shift: i64, width: Width) {
        let length = match width {
            Width::Narrow => self.length,
            Width::Wide => self.wide_length,
        };
        self.put(&Instruction::LocalTee(length));
        self.put(&match self.place {
            Place::Global => Instruction::GlobalGet(self.global),
            Place::Local => Instruction::LocalGet(self.counter),
        });
        let (get, shift) = (Instruction::LocalGet(length), Instruction::I64Const(shift));
        let (extend, divide) = (Instruction::I64ExtendI32U, Instruction::I64ShrU);
        match width {
            Width::Narrow => self.spend(&[get, extend, shift, divide]),
            Width::Wide => self.spend(&[get, shift, divide]),
        }
    }

    /// Takes what `cost` computes from the budget on the stack, and checks.
    fn spend(&mut self, cost: &[Instruction<'_>]) {
        self.all(cost);
        self.all(&[Instruction::I64Sub, Instruction::LocalTee(self.counter)]);
        if self.place == Place::Global {
            self.put(&Instruction::GlobalSet(self.global));
            self.put(&Instruction::LocalGet(self.counter));
        }
        self.all(&[
            Instruction::I64Const(0),
            Instruction::I64LtS,
            Instruction::If(BlockType::Empty),
            Instruction::LocalGet(self.counter),
            Instruction::Call(self.check),
        ]);
        if self.place == Place::Local {
            self.put(&Instruction::LocalTee(self.counter));
        }
        // Also where a local counts: if the guest traps, this is what is known of its budget.
        self.all(&[Instruction::GlobalSet(self.global), Instruction::End]);
    }

    /// Writes the budget back.
    pub(super) fn save(&mut self) {
        if self.place == Place::Local {
            self.put(&Instruction::LocalGet(self.counter));
            self.put(&Instruction::GlobalSet(self.global));
        }
    }

    /// Reads the budget again.
    pub(super) fn load(&mut self) {
        if self.place == Place::Local {
            self.put(&Instruction::GlobalGet(self.global));
            self.put(&Instruction::LocalSet(self.counter));
        }
    }
}
