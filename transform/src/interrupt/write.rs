//! Writes a function with its looks.
//!
//! It does not know why a look is where it is. What a look is:
//! ```wat
//! (if (i32.atomic.load (i32.const FLAG)) (then (call $check)))
//! ```
//! In a loop the call stands behind the body, and the loop begins anew after it:
//! ```wat
//! (block $done (loop $l
//!   (block $slow
//!     (br_if $slow (i32.atomic.load (i32.const FLAG)))
//!     BODY
//!     (br $done))
//!   (call $check)
//!   (br $l)))
//! ```
//! Cranelift visits the first target of a branch first and lays it out last, so this call comes at the end of the
//! function. Its register allocator splits the range of a value at calls, in the order of the code, and only
//! twice: here the first part has all of the function. In a loop that calls anyway the call is better next to the
//! look, and the branch has its targets in the other order: `(if (i32.eqz …) (then) (else (br $slow)))`.
//!
//! A loop without calls in which few numbers are live gets the call in a loop around it. The numbers go through
//! globals meanwhile: no value of the guest is alive where the call is. A short loop does two turns of the guest
//! in one, with the look in between, so that one that ends soon does not look at all.
//! ```wat
//! (block $done (loop $again
//!   (block $slow
//!     (loop $l
//!       (block $second BODY (br $done))   ;; the way back of this turn leads to the look
//!       (br_if $slow (i32.atomic.load (i32.const FLAG)))
//!       BODY)
//!     (br $done))
//!   ;; live locals to globals; (call $check); live locals from globals
//!   (br $again)))
//! ```
//! The way to the call is noted as one that is hardly ever taken, for engines that put such code out of the way.
//!
//! Most instructions are copied as bytes: only labels and the indices of functions are written anew.
//! Invariant: the stack and the locals are after a look what they were before.

use wasm_encoder::{
    BlockType, BranchHint, Encode, Instruction, MemArg, MemArgTarget, ValType,
    reencode::{self, Reencode, RoundtripReencoder},
};
use wasmparser::Operator;

use super::{
    flat::{Flat, block_type, is_opener, label_of},
    plan::{Layout, Look, Plan},
};
use crate::rewrite::Moved;

/// Where the flag is, and what is called when it is set.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) memory: u32,
    pub(super) address: u64,
    /// The index of the function that is called.
    pub(super) check: u32,
}

/// Globals for what a call must not find in registers.
#[derive(Default)]
pub(super) struct Spare {
    /// The index of the first one.
    first: u32,
    pub(super) types: Vec<ValType>,
}

impl Spare {
    pub(super) fn new(first: u32) -> Self {
        Self {
            first,
            types: Vec::new(),
        }
    }

    /// Globals of these types, one for each.
    fn lend(&mut self, types: impl Iterator<Item = ValType>) -> Vec<u32> {
        let mut taken = Vec::new();
        for ty in types {
            let mut free = (0..self.types.len()).filter(|at| self.types[*at] == ty);
            let at = free.find(|at| !taken.contains(at)).unwrap_or_else(|| {
                self.types.push(ty);
                self.types.len() - 1
            });
            taken.push(at);
        }
        taken.iter().map(|at| self.first + *at as u32).collect()
    }
}

/// Writes one function.
pub(super) struct Writer<'a, 'b> {
    /// Where functions have moved to.
    moved: Moved,
    wasm: &'a [u8],
    flat: &'b Flat<'a>,
    plan: &'b Plan,
    target: Target,
    spare: &'b mut Spare,
    out: Vec<u8>,
    /// What is known of the branches in `out` that lead to the call.
    hints: Vec<BranchHint>,
    /// How many blocks are open in what is written, with that of the function.
    depth: u32,
    /// The blocks of the guest that are open.
    frames: Vec<Frame>,
}

/// A function with its looks.
#[derive(Clone, Default)]
pub(super) struct Body {
    /// With its declarations of locals.
    pub(super) bytes: Vec<u8>,
    /// Which way the branches after looks go nearly always, in order.
    pub(super) hints: Vec<BranchHint>,
}

/// A block of the guest.
struct Frame {
    /// The position of its `end`.
    end: usize,
    /// How many blocks were open when its label was opened.
    label: u32,
    /// Where the call of a loop is.
    slow: Slow,
}

/// The call of a loop, as far as it is behind the body.
enum Slow {
    /// There is none.
    Nowhere,
    /// In the loop.
    Inside,
    /// In a loop around it, with what is put away during the call.
    Around(Vec<u32>),
}

impl<'a, 'b> Writer<'a, 'b> {
    pub(super) fn new(
        moved: Moved,
        wasm: &'a [u8],
        flat: &'b Flat<'a>,
        plan: &'b Plan,
        target: Target,
        spare: &'b mut Spare,
    ) -> Self {
        let declarations = flat.declarations.clone();
        let declarations = &wasm[declarations.start as usize..declarations.end as usize];
        let length = (flat.end - flat.declarations.start) as usize;
        let mut out = Vec::with_capacity(length + length / 4);
        out.extend_from_slice(declarations);
        Self {
            moved,
            wasm,
            flat,
            plan,
            target,
            spare,
            out,
            hints: Vec::new(),
            depth: 1,
            frames: vec![Frame {
                end: flat.ops.len() - 1,
                label: 0,
                slow: Slow::Nowhere,
            }],
        }
    }

    pub(super) fn write(mut self) -> Result<Body, reencode::Error> {
        if self.plan.entry {
            self.look();
        }
        self.range(0, self.flat.ops.len())?;
        Ok(Body {
            bytes: self.out,
            hints: self.hints,
        })
    }

    fn put(&mut self, instruction: &Instruction<'_>) {
        instruction.encode(&mut self.out);
    }

    /// Puts a branch that is hardly ever taken.
    fn put_rare(&mut self, branch: &Instruction<'_>) {
        self.hint(0);
        self.put(branch);
    }

    /// Notes of the branch that comes next whether it is taken (1) or not (0).
    fn hint(&mut self, value: u32) {
        self.hints.push(BranchHint {
            branch_func_offset: self.out.len() as u32,
            branch_hint_value: value,
        });
    }

    fn open(&mut self, instruction: &Instruction<'_>) {
        self.put(instruction);
        self.depth += 1;
    }

    fn close(&mut self) {
        self.put(&Instruction::End);
        self.depth -= 1;
    }

    /// Puts the flag on the stack.
    fn flag(&mut self) {
        self.put(&Instruction::I32Const(0));
        self.put(&Instruction::I32AtomicLoad(MemArg {
            offset: self.target.address,
            align: 2,
            target: MemArgTarget::Memory(self.target.memory),
            ordering: None,
        }));
    }

    /// A look with the call in its place.
    fn look(&mut self) {
        self.flag();
        self.put_rare(&Instruction::If(BlockType::Empty));
        self.put(&Instruction::Call(self.target.check));
        self.put(&Instruction::End);
    }

    /// The depth, from here, of a label of the guest that has this depth in the guest.
    fn label(&self, depth: u32) -> u32 {
        let frame = &self.frames[self.frames.len() - 1 - depth as usize];
        self.depth - 1 - frame.label
    }

    /// Writes the instructions of the guest from one position to another.
    fn range(&mut self, from: usize, to: usize) -> Result<(), reencode::Error> {
        let mut before = self.plan.before.partition_point(|at| *at < from);
        let mut copied = self.position_in_module(from);
        let mut position = from;
        while position < to {
            let looks = self.plan.before.get(before) == Some(&position);
            before += usize::from(looks);
            let operator = self.flat.operator(position);
            if !looks && is_plain(operator) {
                position += 1;
                continue;
            }
            let at = self.position_in_module(position);
            self.out.extend_from_slice(&self.wasm[copied..at]);
            copied = self.position_in_module(position + 1);
            if looks {
                self.look();
            }
            match operator {
                Operator::End => self.end(position),
                Operator::Loop { .. } => self.begin_loop(position)?,
                opens if is_opener(opens) => {
                    self.instruction(opens)?;
                    self.depth += 1;
                    self.frames.push(Frame {
                        end: self.flat.end_of(position),
                        label: self.depth - 1,
                        slow: Slow::Nowhere,
                    });
                }
                other => self.instruction(other)?,
            }
            position += 1;
        }
        let at = self.position_in_module(to);
        self.out.extend_from_slice(&self.wasm[copied..at]);
        Ok(())
    }

    fn position_in_module(&self, position: usize) -> usize {
        let op = self.flat.ops.get(position);
        op.map_or(self.flat.end, |op| op.at) as usize
    }

    fn begin_loop(&mut self, position: usize) -> Result<(), reencode::Error> {
        let ty = block_type(self.flat.operator(position)).expect("a loop has a type");
        let ty = RoundtripReencoder.block_type(ty)?;
        let end = self.flat.end_of(position);
        let plan = self.plan;
        let look = &plan.loops[&position];
        let slow = match look {
            Look::None(_) | Look::Inside => {
                self.open(&Instruction::Loop(ty));
                Slow::Nowhere
            }
            Look::Behind(_) => {
                self.open(&Instruction::Block(ty));
                self.open(&Instruction::Loop(ty));
                Slow::Inside
            }
            Look::Around { passed, .. } => {
                self.open(&Instruction::Block(ty));
                self.open(&Instruction::Loop(ty));
                self.open(&Instruction::Block(BlockType::Empty));
                self.open(&Instruction::Loop(ty));
                Slow::Around(passed.clone())
            }
        };
        let frame = Frame {
            end,
            label: self.depth - 1,
            slow,
        };
        match look {
            Look::None(_) => {}
            Look::Inside => self.look(),
            Look::Behind(layout) => {
                self.open(&Instruction::Block(BlockType::Empty));
                self.flag();
                match layout {
                    Layout::Last => self.put_rare(&Instruction::BrIf(0)),
                    Layout::Next => {
                        self.put(&Instruction::I32Eqz);
                        self.hint(1);
                        self.put(&Instruction::If(BlockType::Empty));
                        self.put(&Instruction::Else);
                        self.put(&Instruction::Br(1));
                        self.put(&Instruction::End);
                    }
                }
            }
            Look::Around { doubled, .. } => {
                if *doubled {
                    self.first_turn(position, end)?;
                }
                self.flag();
                self.put_rare(&Instruction::BrIf(1));
            }
        }
        self.frames.push(frame);
        Ok(())
    }

    /// A turn of the loop whose way back leads behind it.
    fn first_turn(&mut self, opener: usize, end: usize) -> Result<(), reencode::Error> {
        self.open(&Instruction::Block(BlockType::Empty));
        self.frames.push(Frame {
            end: usize::MAX,
            label: self.depth - 1,
            slow: Slow::Nowhere,
        });
        self.range(opener + 1, end)?;
        self.frames.pop();
        // Out of this block, the loop, `slow` and the loop around.
        self.put(&Instruction::Br(4));
        self.close();
        Ok(())
    }

    fn end(&mut self, position: usize) {
        let frame = self.frames.pop().expect("blocks are nested");
        debug_assert_eq!(frame.end, position);
        match frame.slow {
            Slow::Nowhere => {}
            Slow::Inside => {
                self.put(&Instruction::Br(2));
                self.close();
                self.put(&Instruction::Call(self.target.check));
                self.put(&Instruction::Br(0));
                self.close();
            }
            Slow::Around(passed) => {
                self.close();
                self.put(&Instruction::Br(2));
                self.close();
                self.call_without(&passed);
                self.put(&Instruction::Br(0));
                self.close();
            }
        }
        self.close();
    }

    /// Calls the check while these locals are in globals.
    fn call_without(&mut self, passed: &[u32]) {
        let types = passed.iter().map(|local| self.flat.locals[*local as usize]);
        let types = types.map(|ty| ValType::try_from(ty).expect("numbers only"));
        let globals = self.spare.lend(types);
        for (local, global) in passed.iter().zip(&globals) {
            self.put(&Instruction::LocalGet(*local));
            self.put(&Instruction::GlobalSet(*global));
        }
        self.put(&Instruction::Call(self.target.check));
        for (local, global) in passed.iter().zip(&globals) {
            self.put(&Instruction::GlobalGet(*global));
            self.put(&Instruction::LocalSet(*local));
        }
    }

    /// Writes an instruction that names a label or a function, or opens a block.
    fn instruction(&mut self, operator: &Operator<'a>) -> Result<(), reencode::Error> {
        let mut operator = operator.clone();
        match &mut operator {
            Operator::Br { relative_depth }
            | Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => {
                *relative_depth = self.label(*relative_depth);
            }
            Operator::BrTable { targets } => {
                let labels = targets.targets().map(|label| Ok(self.label(label?)));
                let labels = labels.collect::<Result<Vec<_>, reencode::Error>>()?;
                let default = self.label(targets.default());
                self.put(&Instruction::BrTable(labels.into(), default));
                return Ok(());
            }
            Operator::TryTable { try_table } => {
                for catch in &mut try_table.catches {
                    use wasmparser::Catch;
                    let moved = self.label(label_of(catch));
                    let (Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label }) = catch;
                    *label = moved;
                }
            }
            _ => {}
        }
        let instruction = match self.moved.instruction(&operator) {
            Some(moved) => moved,
            None => RoundtripReencoder.instruction(operator)?,
        };
        self.put(&instruction);
        Ok(())
    }
}

/// Whether an instruction can be copied as bytes, wherever it stands.
fn is_plain(operator: &Operator<'_>) -> bool {
    !(is_opener(operator)
        || matches!(
            operator,
            Operator::End
                | Operator::Br { .. }
                | Operator::BrIf { .. }
                | Operator::BrTable { .. }
                | Operator::BrOnNull { .. }
                | Operator::BrOnNonNull { .. }
                | Operator::BrOnCast { .. }
                | Operator::BrOnCastFail { .. }
                | Operator::Call { .. }
                | Operator::ReturnCall { .. }
                | Operator::RefFunc { .. }
        ))
}
