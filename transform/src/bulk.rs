//! Splits long bulk instructions on memories into pieces.
//!
//! One instruction can fill or copy gigabytes, and no engine lets a guest check in the middle of it whether it has
//! to stop. So an instruction of more than `PIECE` bytes calls a function that handles one piece after the other in
//! a loop; loops check. Shorter instructions run in place after a comparison. Short constant lengths need no
//! comparison.
//! ```wat
//! (local.tee $n) (if (param i32 i32 i32) (i32.gt_u (local.get $n) (i32.const PIECE))
//!   (then (call $fill)) (else (memory.fill)))
//! ```
//! For a range outside of the memory or of the segment, the whole instruction runs in place: it traps before it writes
//! anything. A segment that was dropped has no first piece, so that traps.
//!
//! It knows no engine, and not how guests check. Instructions on short segments, on tables, whose sizes are bounded, and
//! on arrays, which one instruction makes as large, stay. Invariants: the input is valid, so is the output, and it
//! computes the same; the functions that the module defines keep their indices, and new ones come last.

use std::collections::BTreeMap;

use wasm_encoder::{BlockType, CodeSection, Function, Instruction, ValType, reencode};
use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::rewrite::{self, Added, Bodies, Moved, Shape, Splice, Width};

/// How many bytes are transferred between two checks. This takes some hundred microseconds.
const PIECE: i32 = 1 << 20;

/// A bulk instruction, by the memories that it works on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bulk {
    Fill { memory: u32 },
    Copy { to: u32, from: u32 },
    Init { memory: u32, segment: u32 },
}

/// How many bytes each data segment has.
type Segments = Vec<u64>;

impl Bulk {
    /// The instruction, unless it never takes long.
    fn of(operator: &Operator<'_>, segments: &Segments) -> Option<Self> {
        match *operator {
            Operator::MemoryInit { data_index, mem } => {
                let is_long = segments[data_index as usize] > PIECE as u64;
                is_long.then_some(Self::Init {
                    memory: mem,
                    segment: data_index,
                })
            }
            Operator::MemoryFill { mem } => Some(Self::Fill { memory: mem }),
            Operator::MemoryCopy { dst_mem, src_mem } => Some(Self::Copy {
                to: dst_mem,
                from: src_mem,
            }),
            _ => None,
        }
    }

    fn instruction(self) -> Instruction<'static> {
        match self {
            Self::Fill { memory } => Instruction::MemoryFill(memory),
            Self::Copy { to, from } => Instruction::MemoryCopy {
                src_mem: from,
                dst_mem: to,
            },
            Self::Init { memory, segment } => Instruction::MemoryInit {
                mem: memory,
                data_index: segment,
            },
        }
    }

    /// The types of its operands.
    fn operands(self, shape: &Shape) -> [ValType; 3] {
        let of = |memory: u32| number(shape.memories[memory as usize]);
        match self {
            Self::Fill { memory } => [of(memory), ValType::I32, of(memory)],
            Self::Copy { to, from } => {
                let wide = of(to) == ValType::I64 && of(from) == ValType::I64;
                let length = if wide { ValType::I64 } else { ValType::I32 };
                [of(to), of(from), length]
            }
            Self::Init { memory, .. } => [of(memory), ValType::I32, ValType::I32],
        }
    }
}

fn number(width: Width) -> ValType {
    match width {
        Width::Narrow => ValType::I32,
        Width::Wide => ValType::I64,
    }
}

/// A function that does a bulk instruction in pieces.
struct Helper {
    function: u32,
    ty: u32,
    operands: [ValType; 3],
}

/// The same module with all bulk instructions on memories split. `None` if no instruction needs it.
///
/// # Errors
/// None for a module that core has validated.
pub fn instrument(wasm: &[u8]) -> Result<Option<Vec<u8>>, reencode::Error> {
    let segments = segments(wasm)?;
    let found = found(wasm, &segments)?;
    if found.is_empty() {
        return Ok(None);
    }
    let shape = Shape::read(wasm)?;
    let mut added = Added::default();
    let mut helpers = BTreeMap::new();
    for bulk in found {
        let operands = bulk.operands(&shape);
        let known = added
            .types
            .iter()
            .position(|(params, _)| *params == operands);
        let ty = known.unwrap_or_else(|| {
            added.types.push((operands.to_vec(), Vec::new()));
            added.types.len() - 1
        });
        let ty = (shape.types.len() + ty) as u32;
        let first = shape.imported_functions() + shape.functions.len() as u32;
        let function = first + added.functions.len() as u32;
        added
            .functions
            .push((ty, in_pieces(bulk, operands, &segments)));
        let helper = Helper {
            function,
            ty,
            operands,
        };
        helpers.insert(bulk, helper);
    }
    let mut functions = Functions {
        wasm,
        shape: &shape,
        segments,
        helpers,
    };
    rewrite::add(wasm, &shape, &added, &mut functions).map(Some)
}

/// The data segments of the module.
fn segments(wasm: &[u8]) -> Result<Segments, reencode::Error> {
    let mut segments = Segments::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::DataSection(section) = payload? {
            for segment in section {
                segments.push(segment?.data.len() as u64);
            }
        }
    }
    Ok(segments)
}

/// The bulk instructions of the module that may take long.
fn found(wasm: &[u8], segments: &Segments) -> Result<Vec<Bulk>, reencode::Error> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            each(&body, segments, |bulk, _, _| {
                if !found.contains(&bulk) {
                    found.push(bulk);
                }
            })?;
        }
    }
    Ok(found)
}

/// Calls a function for each bulk instruction that may take long, with its position.
fn each(
    body: &FunctionBody<'_>,
    segments: &Segments,
    mut tell: impl FnMut(Bulk, u64, u64),
) -> Result<(), reencode::Error> {
    let mut reader = body.get_operators_reader()?;
    let mut is_short = false;
    while !reader.eof() {
        let (operator, at) = reader.read_with_offset()?;
        if let Some(bulk) = Bulk::of(&operator, segments).filter(|_| !is_short) {
            tell(bulk, at, reader.original_position());
        }
        is_short = match operator {
            Operator::I32Const { value } => (0..=PIECE).contains(&value),
            Operator::I64Const { value } => (0..=i64::from(PIECE)).contains(&value),
            _ => false,
        };
    }
    Ok(())
}

/// Writes the functions of one module.
struct Functions<'a> {
    wasm: &'a [u8],
    shape: &'a Shape,
    segments: Segments,
    helpers: BTreeMap<Bulk, Helper>,
}

impl Bodies for Functions<'_> {
    fn write(
        &mut self,
        code: &mut CodeSection,
        _moved: Moved,
        ty: u32,
        body: &FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let locals = self.shape.locals(ty, body)?;
        let mut out = Splice::new(self.wasm, body)?;
        // A local for the length, of each type that is needed.
        let mut lengths: Vec<ValType> = Vec::new();
        each(body, &self.segments, |bulk, at, next| {
            let helper = &self.helpers[&bulk];
            let length = helper.operands[2];
            let known = lengths.iter().position(|ty| *ty == length);
            let local = known.unwrap_or_else(|| {
                lengths.push(length);
                lengths.len() - 1
            });
            let local = locals + local as u32;
            out.copy(at);
            out.leave_out(next);
            out.put(&Instruction::LocalTee(local));
            out.put(&Instruction::LocalGet(local));
            out.put(&constant(length));
            out.put(&greater(length));
            out.put(&Instruction::If(BlockType::FunctionType(helper.ty)));
            out.put(&Instruction::Call(helper.function));
            out.put(&Instruction::Else);
            out.put(&bulk.instruction());
            out.put(&Instruction::End);
        })?;
        out.copy_rest();
        out.put(&Instruction::End);
        out.finish(code, &lengths);
        Ok(())
    }
}

/// [`PIECE`] as a number of a type.
fn constant(ty: ValType) -> Instruction<'static> {
    match ty {
        ValType::I32 => Instruction::I32Const(PIECE),
        _ => Instruction::I64Const(PIECE.into()),
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

/// The parameters of a helper: the operands of its instruction.
const TO: u32 = 0;
const FROM: u32 = 1;
const LENGTH: u32 = 2;
/// The bytes of a memory or a segment, in a helper.
const SIZE: u32 = 3;

/// A function with the effect of the instruction, in pieces.
fn in_pieces(bulk: Bulk, operands: [ValType; 3], segments: &Segments) -> Function {
    let mut out = Pieces {
        out: Function::new([(1, ValType::I64)]),
        bulk,
        operands,
    };
    match bulk {
        Bulk::Fill { memory } => out.leave_what_lies_outside(TO, memory),
        Bulk::Copy { to, from } => {
            out.leave_what_lies_outside(TO, to);
            out.leave_what_lies_outside(FROM, from);
            // Bytes must be copied before they are overwritten.
            if to == from {
                out.backwards();
            }
        }
        Bulk::Init { memory, segment } => {
            out.leave_what_lies_outside(TO, memory);
            out.leave_what_is_longer(FROM, segments[segment as usize]);
        }
    }
    out.forwards();
    out.out.instruction(&Instruction::End);
    out.out
}

/// Writes a helper.
struct Pieces {
    out: Function,
    bulk: Bulk,
    operands: [ValType; 3],
}

impl Pieces {
    fn put(&mut self, instructions: &[Instruction<'_>]) {
        for instruction in instructions {
            self.out.instruction(instruction);
        }
    }

    /// Puts a parameter on the stack, as 64 bits.
    fn wide(&mut self, param: u32) {
        self.put(&[Instruction::LocalGet(param)]);
        if self.operands[param as usize] == ValType::I32 {
            self.put(&[Instruction::I64ExtendI32U]);
        }
    }

    /// If the range is not inside of the memory, does everything at once, which traps.
    fn leave_what_lies_outside(&mut self, start: u32, memory: u32) {
        self.put(&[Instruction::MemorySize(memory)]);
        // The type of its size is that of its addresses.
        if self.operands[start as usize] == ValType::I32 {
            self.put(&[Instruction::I64ExtendI32U]);
        }
        self.put(&[
            Instruction::I64Const(16),
            Instruction::I64Shl,
            Instruction::LocalSet(SIZE),
        ]);
        self.leave_what_ends_behind(start);
    }

    /// Likewise, if it is not inside of so many bytes.
    fn leave_what_is_longer(&mut self, start: u32, bytes: u64) {
        self.put(&[
            Instruction::I64Const(bytes as i64),
            Instruction::LocalSet(SIZE),
        ]);
        self.leave_what_ends_behind(start);
    }

    fn leave_what_ends_behind(&mut self, start: u32) {
        self.wide(LENGTH);
        self.put(&[Instruction::LocalGet(SIZE), Instruction::I64GtU]);
        self.wide(start);
        self.put(&[Instruction::LocalGet(SIZE)]);
        self.wide(LENGTH);
        self.put(&[
            Instruction::I64Sub,
            Instruction::I64GtU,
            Instruction::I32Or,
            Instruction::If(BlockType::Empty),
        ]);
        self.whole();
        self.put(&[Instruction::Return, Instruction::End]);
    }

    /// The rest, at once.
    fn whole(&mut self) {
        let instruction = self.bulk.instruction();
        self.put(&[
            Instruction::LocalGet(TO),
            Instruction::LocalGet(FROM),
            Instruction::LocalGet(LENGTH),
            instruction,
        ]);
    }

    /// Changes a parameter by a piece.
    fn step(&mut self, param: u32, operation: fn(ValType) -> Instruction<'static>) {
        let ty = self.operands[param as usize];
        self.put(&[
            Instruction::LocalGet(param),
            constant(ty),
            operation(ty),
            Instruction::LocalSet(param),
        ]);
    }

    /// Goes on with the loop while more than a piece is left.
    fn again(&mut self) {
        let ty = self.operands[LENGTH as usize];
        self.put(&[
            Instruction::LocalGet(LENGTH),
            constant(ty),
            greater(ty),
            Instruction::BrIf(0),
            Instruction::End,
        ]);
    }

    /// From the first byte on. There is more than a piece.
    fn forwards(&mut self) {
        let length = self.operands[LENGTH as usize];
        let instruction = self.bulk.instruction();
        self.put(&[
            Instruction::Loop(BlockType::Empty),
            Instruction::LocalGet(TO),
            Instruction::LocalGet(FROM),
            constant(length),
            instruction,
        ]);
        self.step(TO, plus);
        if matches!(self.bulk, Bulk::Copy { .. } | Bulk::Init { .. }) {
            self.step(FROM, plus);
        }
        self.step(LENGTH, minus);
        self.again();
        self.whole();
    }

    /// From the last byte back, if necessary. There is more than a piece.
    fn backwards(&mut self) {
        let length = self.operands[LENGTH as usize];
        let instruction = self.bulk.instruction();
        // The addresses of one memory have one type, and so has the length.
        self.put(&[
            Instruction::LocalGet(TO),
            Instruction::LocalGet(FROM),
            greater(length),
            Instruction::If(BlockType::Empty),
            Instruction::Loop(BlockType::Empty),
        ]);
        self.step(LENGTH, minus);
        self.put(&[
            Instruction::LocalGet(TO),
            Instruction::LocalGet(LENGTH),
            plus(length),
            Instruction::LocalGet(FROM),
            Instruction::LocalGet(LENGTH),
            plus(length),
            constant(length),
            instruction,
        ]);
        self.again();
        self.whole();
        self.put(&[Instruction::Return, Instruction::End]);
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::{Validator, WasmFeatures};

    use super::{PIECE, found, instrument, segments};
    use crate::rewrite::samples::MODULES;

    #[test]
    fn what_comes_out_is_valid() {
        let mut changed = 0;
        let long = "(module (memory 1) (memory $w i64 1) (func (param i32 i64) (local f32)
            (memory.fill (i32.const 0) (i32.const 1) (local.get 0))
            (memory.copy (i32.const 0) (i32.const 1) (local.get 0))
            (memory.fill $w (i64.const 0) (i32.const 1) (local.get 1))
            (memory.copy $w 0 (i64.const 0) (i32.const 1) (local.get 0))
            (memory.copy 0 $w (i32.const 0) (i64.const 1) (local.get 0))
            (memory.copy $w $w (i64.const 0) (i64.const 1) (local.get 1))
            (loop (memory.fill (i32.const 0) (i32.const 1) (local.get 0)) (br 0)))
            (func unreachable (memory.fill))
            (func (param i32 i64)
            (memory.init $d (i32.const 0) (i32.const 1) (local.get 0))
            (memory.init $w $d (local.get 1) (i32.const 1) (local.get 0)))
            (data $d \"LONG\"))"
            .replace("LONG", &"a".repeat(PIECE as usize + 1));
        let long = long.as_str();
        for text in MODULES.iter().chain(&[long]) {
            let wasm = wat::parse_str(text).expect("the text is valid");
            if let Some(out) = instrument(&wasm).expect("the module is valid") {
                changed += 1;
                Validator::new_with_features(WasmFeatures::all())
                    .validate_all(&out)
                    .unwrap_or_else(|error| panic!("{text}: {error}"));
            }
        }
        assert!(changed > 0);
    }

    #[test]
    fn what_is_short_stays() {
        let of = |length: &str| {
            let text = format!(
                "(module (memory 1) (func (param i32)
                 (memory.copy (i32.const 0) (i32.const 1) {length})))"
            );
            let wasm = wat::parse_str(&text).expect("the text is valid");
            let segments = segments(&wasm).expect("the module is valid");
            found(&wasm, &segments).expect("the module is valid").len()
        };
        assert_eq!(of(&format!("(i32.const {PIECE})")), 0);
        assert_eq!(of(&format!("(i32.const {})", PIECE + 1)), 1);
        assert_eq!(of("(i32.const -1)"), 1);
        assert_eq!(of("(local.get 0)"), 1);
        // A segment that is short cannot take long.
        let text = "(module (memory 1) (data $d \"short\") (func (param i32)
            (memory.init $d (i32.const 0) (i32.const 1) (local.get 0))))";
        let wasm = wat::parse_str(text).expect("the text is valid");
        assert!(instrument(&wasm).expect("the module is valid").is_none());
    }
}
