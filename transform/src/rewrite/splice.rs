//! Writes one function again with inserted instructions.
//!
//! The rest is copied as bytes. It does not know the inserted instructions. Invariant: positions only grow.

use wasm_encoder::{Encode, Instruction, ValType, reencode};
use wasmparser::FunctionBody;

/// A function that is being written.
pub(crate) struct Splice<'a> {
    /// The module of the positions.
    wasm: &'a [u8],
    /// The original groups of locals.
    locals: &'a [u8],
    groups: u32,
    out: Vec<u8>,
    /// The position up to which the function was copied or skipped.
    copied: u64,
    end: u64,
}

impl<'a> Splice<'a> {
    /// The copy of a function of the module `wasm`.
    pub(crate) fn new(wasm: &'a [u8], body: &FunctionBody<'_>) -> Result<Self, reencode::Error> {
        let mut locals = body.get_locals_reader()?;
        let (groups, first_group) = (locals.get_count(), locals.original_position());
        for _ in 0..groups {
            locals.read()?;
        }
        let (start, end) = (locals.original_position(), body.range().end);
        Ok(Self {
            wasm,
            locals: &wasm[first_group as usize..start as usize],
            groups,
            // Counting fuel adds about half of the size.
            out: Vec::with_capacity((end - start) as usize * 3 / 2),
            copied: start,
            end,
        })
    }

    /// Copies up to a position.
    pub(crate) fn copy(&mut self, to: u64) {
        self.out
            .extend_from_slice(&self.wasm[self.copied as usize..to as usize]);
        self.copied = to;
    }

    /// Skips up to a position.
    pub(crate) fn leave_out(&mut self, to: u64) {
        self.copied = to;
    }

    /// Inserts an instruction.
    pub(crate) fn put(&mut self, instruction: &Instruction<'_>) {
        instruction.encode(&mut self.out);
    }

    /// Copies the rest, but for the last `end`.
    pub(crate) fn copy_rest(&mut self) {
        self.copy(self.end - 1);
    }

    /// The function with its declarations of locals, of which these are new, one of each.
    pub(crate) fn into_bytes(self, locals: &[ValType]) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.locals.len() + self.out.len() + 16);
        (self.groups + locals.len() as u32).encode(&mut whole);
        whole.extend_from_slice(self.locals);
        for ty in locals {
            1_u32.encode(&mut whole);
            ty.encode(&mut whole);
        }
        whole.extend_from_slice(&self.out);
        whole
    }
}
