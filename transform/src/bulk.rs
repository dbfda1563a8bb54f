//! Splits long bulk instructions on memories and arrays into pieces.
//!
//! One instruction can fill or copy gigabytes, and no engine lets a guest check in the middle of it whether it has
//! to stop. So an instruction on more than a piece (`Bulk::piece`) calls a function that handles one piece after the
//! other in a loop; loops check. Shorter instructions run in place after a comparison. Short constant lengths need no
//! comparison.
//! ```wat
//! (local.tee $n) (if (param i32 i32 i32) (i32.le_u (local.get $n) (i32.const PIECE))
//!   (then (memory.fill)) (else (call $fill)))
//! ```
//! The call comes last, because Cranelift's register allocator favours what it meets first.
//!
//! It knows no engine, and not how guests check. Instructions on short segments and on tables, whose sizes are bounded,
//! stay, and so do those that make an array. Invariants: the input is valid, so is the output, and it computes the
//! same; the functions that the module defines keep their indices, and new ones come last.

mod helper;
mod instruction;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use wasm_encoder::{BlockType, Instruction, ValType, reencode};
use wasmparser::{FunctionBody, Operator};

use self::{
    helper::{at_most, constant, in_pieces},
    instruction::{Bulk, Form, Sources},
};
use crate::{
    parallel,
    rewrite::{self, Added, Bodies, Defined, Moved, Shape, Splice},
};

/// A function that does a bulk instruction in pieces.
struct Helper {
    function: u32,
    ty: u32,
    /// The type of the length.
    length: ValType,
    piece: i32,
}

/// The same module with all bulk instructions on memories and arrays split. `None` if no instruction needs it.
///
/// # Errors
/// None for a module that core has validated.
pub fn instrument(wasm: &[u8]) -> Result<Option<Vec<u8>>, reencode::Error> {
    let sources = Sources::read(wasm)?;
    let sites = sites(wasm, &sources)?;
    let found = kinds(&sites);
    if found.is_empty() {
        return Ok(None);
    }
    let shape = Shape::read(wasm)?;
    let mut added = Added::default();
    let mut types = BTreeMap::new();
    let mut helpers = BTreeMap::new();
    for bulk in found {
        let form = bulk.form(&shape, &sources)?;
        let piece = bulk.piece(&sources);
        let body = in_pieces(&bulk.instruction(), &form, piece);
        let Form { operands, .. } = form;
        let length = *operands.last().expect("the length is an operand");
        let ty = *types.entry(operands).or_insert_with_key(|operands| {
            added.types.push((operands.clone(), Vec::new()));
            (shape.types.len() + added.types.len() - 1) as u32
        });
        let first = shape.imported_functions() + shape.functions.len() as u32;
        let function = first + added.functions.len() as u32;
        added.functions.push((ty, body));
        let helper = Helper {
            function,
            ty,
            length,
            piece,
        };
        helpers.insert(bulk, helper);
    }
    let functions = Functions {
        wasm,
        shape: &shape,
        sites,
        helpers,
    };
    rewrite::add(wasm, &shape, &added, &functions).map(Some)
}

/// A bulk instruction that may take long.
struct Site {
    bulk: Bulk,
    at: u64,
    /// Where the next instruction begins.
    next: u64,
}

/// Those of each function.
fn sites(wasm: &[u8], sources: &Sources) -> Result<Vec<Vec<Site>>, reencode::Error> {
    let code = rewrite::code(wasm)?;
    let of_function = |body: &FunctionBody<'_>| match may_have(body) {
        true => sites_of(body, sources),
        false => Ok(Vec::new()),
    };
    parallel::map(&code, wasm.len(), of_function)
}

/// The different instructions of these functions.
fn kinds(sites: &[Vec<Site>]) -> BTreeSet<Bulk> {
    sites.iter().flatten().map(|site| site.bulk).collect()
}

/// Whether a function may have a bulk instruction. Most have none, and need not be read: no prefix in their bytes is
/// followed by the first byte of such a number.
fn may_have(body: &FunctionBody<'_>) -> bool {
    let mut pairs = body.as_bytes().windows(2);
    pairs.any(|pair| match *pair {
        [0xfc, number] => matches!(number & 0x7f, 8 | 10 | 11),
        [0xfb, number] => matches!(number & 0x7f, 16..=19),
        _ => false,
    })
}

fn sites_of(body: &FunctionBody<'_>, sources: &Sources) -> Result<Vec<Site>, reencode::Error> {
    let mut sites = Vec::new();
    let mut reader = body.get_operators_reader()?;
    let mut constant = None;
    while !reader.eof() {
        let (operator, at) = reader.read_with_offset()?;
        if let Some(bulk) = Bulk::of(&operator, sources)
            && constant.is_none_or(|length| length > bulk.piece(sources) as u64)
        {
            let next = reader.original_position();
            sites.push(Site { bulk, at, next });
        }
        constant = match operator {
            Operator::I32Const { value } => Some(value as u32 as u64),
            Operator::I64Const { value } => Some(value as u64),
            _ => None,
        };
    }
    Ok(sites)
}

/// Writes the functions of one module.
struct Functions<'a> {
    wasm: &'a [u8],
    shape: &'a Shape,
    /// By function.
    sites: Vec<Vec<Site>>,
    helpers: BTreeMap<Bulk, Helper>,
}

impl Bodies for Functions<'_> {
    fn write<'a>(
        &'a self,
        function: &Defined<'a>,
        _moved: Moved,
    ) -> Result<Cow<'a, [u8]>, reencode::Error> {
        let (sites, body) = (&self.sites[function.position], &function.body);
        if sites.is_empty() {
            return Ok(body.as_bytes().into());
        }
        let locals = self.shape.locals(function.ty, body)?;
        let mut out = Splice::new(self.wasm, body)?;
        // A local for the length, of each type that is needed.
        let mut lengths: Vec<ValType> = Vec::new();
        for Site { bulk, at, next } in sites {
            let helper = &self.helpers[bulk];
            let length = helper.length;
            let known = lengths.iter().position(|ty| *ty == length);
            let local = known.unwrap_or_else(|| {
                lengths.push(length);
                lengths.len() - 1
            });
            let local = locals + local as u32;
            out.copy(*at);
            out.leave_out(*next);
            out.put(&Instruction::LocalTee(local));
            out.put(&Instruction::LocalGet(local));
            out.put(&constant(length, helper.piece));
            out.put(&at_most(length));
            out.put(&Instruction::If(BlockType::FunctionType(helper.ty)));
            out.put(&bulk.instruction());
            out.put(&Instruction::Else);
            out.put(&Instruction::Call(helper.function));
            out.put(&Instruction::End);
        }
        out.copy_rest();
        out.put(&Instruction::End);
        Ok(out.into_bytes(&lengths).into())
    }
}
