//! Makes a test of a bit of each branch by table that has two labels: a step from wasm to wasm.
//!
//! Compilers to WebAssembly write such tables for questions like "is it a vowel". An engine makes an indirect jump
//! of it. If it has to move values on the way, each entry gets a piece of code of its own, and the processor foresees
//! hardly any of the jumps: counting vowels took up to two and a half times as long. A test of a bit has one branch:
//! ```wat
//! (local.set $index)
//! (br_if $other (i32.and (i32.lt_u (local.get $index) (i32.const ENTRIES))
//!   (i32.wrap_i64 (i64.shr_u (i64.const MASK) (i64.extend_i32_u (local.get $index))))))
//! (br $default)
//! ```
//!
//! It knows no engine. Invariants: the input is valid, so is the output, and it computes the same.

use std::borrow::Cow;

use wasm_encoder::{Instruction, ValType, reencode};
use wasmparser::{BlockType, BrTable, FunctionBody, Operator};

use crate::rewrite::{self, Added, Bodies, Defined, Moved, Shape, Splice};

/// How many entries a table has, without the default. For fewer, engines need no table.
const ENTRIES: std::ops::RangeInclusive<usize> = 4..=64;
/// The first byte of a branch by table.
const BR_TABLE: u8 = 0x0e;

/// The same module with tests of bits.
///
/// # Errors
/// None for a module that core has validated.
pub fn add(wasm: &[u8]) -> Result<Vec<u8>, reencode::Error> {
    let shape = Shape::read(wasm)?;
    let functions = Functions {
        wasm,
        shape: &shape,
    };
    rewrite::add(wasm, &shape, &Added::default(), &functions)
}

struct Functions<'a> {
    wasm: &'a [u8],
    shape: &'a Shape,
}

impl Bodies for Functions<'_> {
    fn write<'a>(
        &'a self,
        function: &Defined<'a>,
        _moved: Moved,
    ) -> Result<Cow<'a, [u8]>, reencode::Error> {
        let (shape, ty, body) = (self.shape, function.ty, &function.body);
        if !may_have(body) {
            return Ok(body.as_bytes().into());
        }
        let index = shape.locals(ty, body)?;
        let mut out = Splice::new(self.wasm, body)?;
        let mut locals: &[ValType] = &[];
        // Of each open block, whether branches to it take values along.
        let mut open = vec![shape.has_results(BlockType::FuncType(ty))];
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            match &operator {
                Operator::Loop { blockty } => open.push(shape.has_params(*blockty)),
                Operator::Block { blockty } | Operator::If { blockty } => {
                    open.push(shape.has_results(*blockty));
                }
                Operator::TryTable { try_table } => open.push(shape.has_results(try_table.ty)),
                Operator::End => drop(open.pop()),
                Operator::BrTable { targets } => {
                    let has_values = open[open.len() - 1 - targets.default() as usize];
                    if let (Some(test), false) = (Test::of(targets)?, has_values) {
                        out.copy(at);
                        out.leave_out(reader.original_position());
                        test.write(&mut out, index);
                        locals = &[ValType::I32];
                    }
                }
                _ => {}
            }
        }
        out.copy_rest();
        out.put(&Instruction::End);
        Ok(out.into_bytes(locals).into())
    }
}

/// Whether a function may have such a table. Most have none, and need not be read: no number of entries in their bytes
/// follows the byte of a branch by table, with labels behind it of at most two kinds. Labels of two bytes are left
/// as they are.
fn may_have(body: &FunctionBody<'_>) -> bool {
    let bytes = body.as_bytes();
    let tables = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == BR_TABLE);
    tables.map(|(at, _)| &bytes[at + 1..]).any(|rest| {
        let Some((&entries, labels)) = rest.split_first() else {
            return false;
        };
        let entries = usize::from(entries);
        let Some(labels) = labels
            .get(..=entries)
            .filter(|_| ENTRIES.contains(&entries))
        else {
            return false;
        };
        let default = labels[entries];
        let mut others = labels.iter().filter(|label| **label != default);
        let other = others.next();
        other.is_some() && others.all(|label| Some(label) == other)
    })
}

/// A table with two labels.
struct Test {
    entries: u32,
    /// The entries that do not lead to the default.
    mask: u64,
    other: u32,
    default: u32,
}

impl Test {
    /// `None` if the table has more labels, or is too short or long.
    fn of(targets: &BrTable<'_>) -> Result<Option<Self>, reencode::Error> {
        if !ENTRIES.contains(&(targets.len() as usize)) {
            return Ok(None);
        }
        let default = targets.default();
        let (mut mask, mut other) = (0, None);
        for (entry, label) in targets.targets().enumerate() {
            let label = label?;
            if label != default {
                mask |= 1 << entry;
                if *other.get_or_insert(label) != label {
                    return Ok(None);
                }
            }
        }
        Ok(other.map(|other| Self {
            entries: targets.len(),
            mask,
            other,
            default,
        }))
    }

    fn write(&self, out: &mut Splice<'_>, index: u32) {
        for instruction in [
            Instruction::LocalTee(index),
            Instruction::I32Const(self.entries as i32),
            Instruction::I32LtU,
            Instruction::I64Const(self.mask as i64),
            Instruction::LocalGet(index),
            Instruction::I64ExtendI32U,
            Instruction::I64ShrU,
            Instruction::I32WrapI64,
            Instruction::I32And,
            Instruction::BrIf(self.other),
            Instruction::Br(self.default),
        ] {
            out.put(&instruction);
        }
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::{Operator, Parser, Payload, Validator, WasmFeatures};

    use super::add;
    use crate::rewrite::samples::MODULES;

    fn check(text: &str) -> Vec<u8> {
        let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
        let out = add(&wasm).expect("the module is valid");
        Validator::new_with_features(WasmFeatures::all())
            .validate_all(&out)
            .unwrap_or_else(|error| panic!("{error}"));
        out
    }

    #[test]
    fn what_comes_out_is_valid() {
        for text in MODULES {
            check(text);
        }
    }

    /// The masks and the tables that are left.
    fn found(body: &str) -> (Vec<u64>, usize) {
        let out = check(&format!("(module (func (param i32) {body}))"));
        let (mut masks, mut tables) = (Vec::new(), 0);
        for payload in Parser::new(0).parse_all(&out) {
            if let Payload::CodeSectionEntry(body) = payload.expect("it is valid") {
                for operator in body.get_operators_reader().expect("it is valid") {
                    match operator.expect("it is valid") {
                        Operator::I64Const { value } => masks.push(value as u64),
                        Operator::BrTable { .. } => tables += 1,
                        _ => {}
                    }
                }
            }
        }
        (masks, tables)
    }

    #[test]
    fn tables_of_two_labels_become_tests() {
        let table =
            |labels: &str| format!("(block (block (br_table {labels} (local.get 0))) return)");
        let long = |entries: usize| table(&format!("{} 1", "0 ".repeat(entries)));
        assert_eq!(found(&table("0 1 0 0 1 1")), (vec![0b01101], 0));
        assert_eq!(found(&long(64)), (vec![u64::MAX], 0));
        // Dead code, and a loop.
        assert_eq!(
            found(&format!("unreachable {}", table("1 1 0 1 1"))),
            (vec![0b00100], 0)
        );
        let turning = "(block (loop (br_table 0 1 0 1 0 (local.get 0))))";
        assert_eq!(found(turning), (vec![0b1010], 0));
        // Too long, too short, of one label, of three, with values.
        for (body, tables) in [
            (long(65), 1),
            (table("0 1 1 1"), 1),
            (table("1 1 1 1 1"), 1),
            (table("0 1 2 2 0 0"), 1),
            ("(drop (block (result i32) (br_if 0 (block (result i32) (br_table 0 1 0 1 0 (i32.const 7)
                (local.get 0))) (i32.const 1))))".to_owned(), 1),
        ] {
            assert_eq!(found(&body), (vec![], tables), "{body}");
        }
    }
}
