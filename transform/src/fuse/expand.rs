//! Writes functions: kernel functions for their new module, and functions of the module with inlined calls of short
//! kernel functions.
//!
//! Most instructions are copied as bytes: only what names an imported function is written anew.
//! Invariants: what is expanded has its parameters in locals that the function did not have before; a
//! function grows by at most [`GROWTH`] bytes and one expansion.

use std::borrow::Cow;

use wasm_encoder::{
    CodeSection, Encode, Instruction, ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::Operator;

use super::{Step, parts::Parts};
use crate::rewrite::Defined;

/// By how many bytes inlining may lengthen a function. Engines refuse functions that are too long.
const GROWTH: usize = 64 << 10;
/// The most locals that engines allow in one function, with its parameters.
const LOCALS: u32 = 50_000;
/// The locals for the parameters of what is expanded, behind those that the function has.
const SCRATCH: &[ValType] = &[ValType::I64, ValType::I64, ValType::I32];

/// The indices of the kernel in the module, and its code with these indices.
#[derive(Clone)]
pub(super) struct Expander {
    parts: &'static Parts,
    memory: u32,
    /// By the index in the kernel.
    functions: Vec<Option<u32>>,
}

impl Expander {
    pub(super) fn new(parts: &'static Parts, memory: u32) -> Self {
        Self {
            parts,
            memory,
            functions: vec![None; parts.len()],
        }
    }

    /// Maps functions of the kernel to indices in the module.
    pub(super) fn place(&mut self, function: u32, index: u32) {
        self.functions[function as usize] = Some(index);
    }

    /// The index that a function of the kernel has in the module.
    pub(super) fn index(&self, function: u32) -> u32 {
        let index = self.functions[function as usize];
        index.expect("everything that is imported, and what that calls, has a place")
    }

    /// Writes a function of the kernel.
    pub(super) fn whole(
        &mut self,
        code: &mut CodeSection,
        function: u32,
    ) -> Result<(), reencode::Error> {
        let body = self.parts.part(function).body.clone();
        utils::parse_function_body(self, code, body)
    }

    /// Writes what a function of the kernel does, if it is expanded: takes its parameters from the
    /// stack and leaves its results there. `scratch` is the first of the locals for that.
    fn expand(
        &self,
        out: &mut Vec<u8>,
        function: u32,
        scratch: u32,
    ) -> Result<(), reencode::Error> {
        let mut own = self.clone();
        let part = self.parts.part(function);
        let mut free: Vec<_> = (scratch..).zip(SCRATCH).collect();
        let mut locals = Vec::new();
        for param in part.ty.params() {
            let ty = ValType::try_from(*param)?;
            let fitting = free.iter().position(|(_, free)| **free == ty);
            let fitting = fitting.expect("a test expands every function");
            locals.push(free.remove(fitting).0);
        }
        for local in locals.iter().rev() {
            Instruction::LocalSet(*local).encode(out);
        }
        for operator in part.expansion.iter().flatten() {
            match operator {
                Operator::LocalGet { local_index } => {
                    Instruction::LocalGet(locals[*local_index as usize]).encode(out);
                }
                operator => own.instruction(operator.clone())?.encode(out),
            }
        }
        Ok(())
    }
}

impl Reencode for Expander {
    type Error = std::convert::Infallible;

    fn memory_index(&mut self, _only: u32) -> Result<u32, reencode::Error> {
        Ok(self.memory)
    }

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(self.index(function))
    }
}

impl Step<'_> {
    /// Writes a function of the module.
    pub(super) fn write<'a>(
        &self,
        function: &Defined<'a>,
    ) -> Result<Cow<'a, [u8]>, reencode::Error> {
        let body = &function.body;
        if !self.adds_functions() {
            return Ok(body.as_bytes().into());
        }
        let mut count = self.shape.function_type(function.ty).params().len() as u32;
        let mut locals = body.get_locals_reader()?;
        let (groups, first_group) = (locals.get_count(), locals.original_position());
        for _ in 0..groups {
            count += locals.read()?.0;
        }
        let room = count + SCRATCH.len() as u32 <= LOCALS;

        let mut out = Vec::new();
        let (mut expanded, mut grown) = (false, 0);
        let mut reader = body.get_operators_reader()?;
        let first = reader.original_position();
        let mut copied = first;
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            let Some((function, named)) = named_function(&operator) else {
                continue;
            };
            if function as usize >= self.imported.len() {
                continue;
            }
            out.extend_from_slice(self.bytes(copied, at));
            copied = reader.original_position();
            let part = self.kernel_function(function);
            let short = part.filter(|part| self.parts.part(*part).expansion.is_some());
            let is_call = matches!(operator, Operator::Call { .. });
            match short {
                Some(part) if is_call && room && grown <= GROWTH => {
                    let before = out.len();
                    self.expander.expand(&mut out, part, count)?;
                    grown += out.len() - before;
                    expanded = true;
                }
                _ => named(self.moved(function)).encode(&mut out),
            }
        }
        if copied == first {
            return Ok(body.as_bytes().into());
        }
        out.extend_from_slice(self.bytes(copied, reader.original_position()));

        let old_groups = self.bytes(first_group, first);
        let mut whole = Vec::with_capacity(old_groups.len() + out.len() + 16);
        match expanded {
            true => {
                (groups + SCRATCH.len() as u32).encode(&mut whole);
                whole.extend_from_slice(old_groups);
                for ty in SCRATCH {
                    1_u32.encode(&mut whole);
                    ty.encode(&mut whole);
                }
            }
            false => {
                groups.encode(&mut whole);
                whole.extend_from_slice(old_groups);
            }
        }
        whole.extend_from_slice(&out);
        Ok(whole.into())
    }

    fn bytes(&self, from: u64, to: u64) -> &[u8] {
        &self.wasm[from as usize..to as usize]
    }
}

/// An instruction, but for the function that it names.
type Naming = fn(u32) -> Instruction<'static>;

/// The function that an instruction names, and the instruction for another function. A constant expression can contain
/// the same instruction.
fn named_function(operator: &Operator<'_>) -> Option<(u32, Naming)> {
    match *operator {
        Operator::Call { function_index } => Some((function_index, Instruction::Call)),
        Operator::ReturnCall { function_index } => Some((function_index, Instruction::ReturnCall)),
        Operator::RefFunc { function_index } => Some((function_index, Instruction::RefFunc)),
        _ => None,
    }
}
