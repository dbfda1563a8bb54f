//! Writes a function with its looks.
//!
//! It does not know why a look is where it is. What a look at a flag is:
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
//! twice: here the first part has all of the function. In a loop that calls in each turn the call is better next to the
//! look, and the branch has its targets in the other order: `(if (i32.eqz …) (then) (else (br $slow)))`.
//!
//! A loop that may turn without a call, in which few numbers are live, gets the call in a loop around it. The numbers go
//! through globals meanwhile: no value of the guest is alive where the call is. A short loop does two turns of the guest
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
//! Who looks at something else gets the same form without conditions and calls, and [`Part`]s that say where they
//! belong ([`Form::Marked`]).
//!
//! Most instructions are copied as bytes: only labels and the indices of functions are written anew.
//! Invariant: the stack and the locals are after a look what they were before.

use wasm_encoder::{
    BlockType, BranchHint, Encode, Instruction, MemArg, MemArgTarget,
    reencode::{self, Reencode, RoundtripReencoder},
};
use wasmparser::Operator;

use super::{
    flat::{Flat, block_type, is_opener, label_of},
    plan::{Layout, Look, Plan},
    spare::{self, Global},
};
use crate::rewrite::Moved;

/// What a look consists of.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// It reads a flag, and calls a function if the flag is set.
    Flag(Flag),
    /// The caller writes conditions and calls.
    Marked,
}

/// Where a flag is, and what is called when it is set.
#[derive(Clone, Copy)]
pub(crate) struct Flag {
    pub(crate) memory: u32,
    pub(crate) address: u64,
    /// The index of the function that is called.
    pub(crate) check: u32,
}

/// A part of a look that the caller has to write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// A whole look. The function takes about so many units.
    Whole { units: u64 },
    /// The condition of the `br_if` that is here, which is taken if the guest must not just go on. The branch
    /// leads to the call of the same look. Its turns take about so many units.
    Condition { layout: Layout, units: u64 },
    /// The call of the look whose condition is this one of all, by their order.
    Call(usize),
}

/// Writes one function.
pub(super) struct Writer<'a, 'b> {
    /// Where functions have moved to.
    moved: Moved,
    wasm: &'a [u8],
    flat: &'b Flat<'a>,
    plan: &'b Plan,
    form: Form,
    /// How many bytes the index of a spare global takes.
    width: usize,
    body: Body,
    /// The number of looks so far whose call is behind the body.
    looks: usize,
    /// How many blocks are open in what is written, with that of the function.
    depth: u32,
    /// The blocks of the guest that are open.
    frames: Vec<Frame>,
}

/// A function with its looks. Positions are those in its bytes, in order.
#[derive(Clone, Default)]
pub(crate) struct Body {
    /// With its declarations of locals.
    pub(crate) bytes: Vec<u8>,
    /// Which way the branches after looks at a flag go nearly always.
    pub(crate) hints: Vec<BranchHint>,
    /// What the caller has to write, with [`Form::Marked`].
    pub(crate) parts: Vec<(u64, Part)>,
    /// Where instructions begin that are not the guest's.
    pub(crate) added: Vec<u64>,
    /// Where the indices of spare globals belong.
    pub(super) places: Vec<(usize, Global)>,
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
    /// In the loop, for this look.
    Inside(usize),
    /// In a loop around it, for this look, with what is put away during the call.
    Around(usize, Vec<u32>),
}

impl<'a, 'b> Writer<'a, 'b> {
    pub(super) fn new(
        moved: Moved,
        wasm: &'a [u8],
        flat: &'b Flat<'a>,
        plan: &'b Plan,
        form: Form,
        width: usize,
    ) -> Self {
        let declarations = flat.declarations.clone();
        let declarations = &wasm[declarations.start as usize..declarations.end as usize];
        let length = (flat.end - flat.declarations.start) as usize;
        let mut bytes = Vec::with_capacity(length + length / 4);
        bytes.extend_from_slice(declarations);
        Self {
            moved,
            wasm,
            flat,
            plan,
            form,
            width,
            body: Body {
                bytes,
                ..Body::default()
            },
            looks: 0,
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
        Ok(self.body)
    }

    /// Adds an instruction.
    fn put(&mut self, instruction: &Instruction<'_>) {
        self.body.added.push(self.body.bytes.len() as u64);
        instruction.encode(&mut self.body.bytes);
    }

    /// Tells the caller what belongs here.
    fn part(&mut self, part: Part) {
        self.body.parts.push((self.body.bytes.len() as u64, part));
    }

    /// Puts a branch that is hardly ever taken.
    fn put_rare(&mut self, branch: &Instruction<'_>) {
        self.hint(0);
        self.put(branch);
    }

    /// Notes of the branch that comes next whether it is taken (1) or not (0).
    fn hint(&mut self, value: u32) {
        self.body.hints.push(BranchHint {
            branch_func_offset: self.body.bytes.len() as u32,
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
    fn flag(&mut self, flag: Flag) {
        self.put(&Instruction::I32Const(0));
        self.put(&Instruction::I32AtomicLoad(MemArg {
            offset: flag.address,
            align: 2,
            target: MemArgTarget::Memory(flag.memory),
            ordering: None,
        }));
    }

    /// A look with the call in its place.
    fn look(&mut self) {
        match self.form {
            Form::Flag(flag) => {
                self.flag(flag);
                self.put_rare(&Instruction::If(BlockType::Empty));
                self.put(&Instruction::Call(flag.check));
                self.put(&Instruction::End);
            }
            Form::Marked => self.part(Part::Whole {
                units: self.plan.turns.function,
            }),
        }
    }

    /// A branch out of this many blocks, to the call of a look.
    fn look_out(&mut self, blocks: u32, layout: Layout, units: u64) {
        match (self.form, layout) {
            (Form::Flag(flag), Layout::Last) => {
                self.flag(flag);
                self.put_rare(&Instruction::BrIf(blocks));
            }
            (Form::Flag(flag), Layout::Next) => {
                self.flag(flag);
                self.put(&Instruction::I32Eqz);
                self.hint(1);
                self.put(&Instruction::If(BlockType::Empty));
                self.put(&Instruction::Else);
                self.put(&Instruction::Br(blocks + 1));
                self.put(&Instruction::End);
            }
            (Form::Marked, _) => {
                self.part(Part::Condition { layout, units });
                self.put(&Instruction::BrIf(blocks));
            }
        }
    }

    fn call(&mut self, look: usize) {
        match self.form {
            Form::Flag(flag) => self.put(&Instruction::Call(flag.check)),
            Form::Marked => self.part(Part::Call(look)),
        }
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
            self.body.bytes.extend_from_slice(&self.wasm[copied..at]);
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
        self.body.bytes.extend_from_slice(&self.wasm[copied..at]);
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
        let look = plan.loops.get(&position).unwrap_or(&Look::None(0));
        let units = plan.turns.loops.get(&position).copied().unwrap_or_default();
        let slow = match look {
            Look::None(_) | Look::Inside => Slow::Nowhere,
            Look::Behind(_) => {
                self.open(&Instruction::Block(ty));
                Slow::Inside(self.looks)
            }
            Look::Around { passed, .. } => {
                self.open(&Instruction::Block(ty));
                self.open(&Instruction::Loop(ty));
                self.open(&Instruction::Block(BlockType::Empty));
                Slow::Around(self.looks, passed.clone())
            }
        };
        self.guest(&Instruction::Loop(ty));
        self.depth += 1;
        let frame = Frame {
            end,
            label: self.depth - 1,
            slow,
        };
        match look {
            Look::None(_) => {}
            Look::Inside => self.look(),
            Look::Behind(layout) => {
                self.looks += 1;
                self.open(&Instruction::Block(BlockType::Empty));
                self.look_out(0, *layout, units);
            }
            Look::Around { doubled, .. } => {
                self.looks += 1;
                if *doubled {
                    self.first_turn(position, end)?;
                }
                self.look_out(1, Layout::Last, units);
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
            Slow::Inside(look) => {
                self.put(&Instruction::Br(2));
                self.close();
                self.call(look);
                self.put(&Instruction::Br(0));
                self.close();
            }
            Slow::Around(look, passed) => {
                self.close();
                self.put(&Instruction::Br(2));
                self.close();
                self.call_without(look, &passed);
                self.put(&Instruction::Br(0));
                self.close();
            }
        }
        self.close();
    }

    /// Calls the check while these locals are in globals.
    fn call_without(&mut self, look: usize, passed: &[u32]) {
        let put_away = spare::for_locals(self.flat, passed);
        for (local, global) in passed.iter().zip(&put_away) {
            self.put(&Instruction::LocalGet(*local));
            self.spare(&Instruction::GlobalSet(0), *global);
        }
        self.call(look);
        for (local, global) in passed.iter().zip(&put_away) {
            self.spare(&Instruction::GlobalGet(0), *global);
            self.put(&Instruction::LocalSet(*local));
        }
    }

    /// Adds an instruction on a spare global.
    fn spare(&mut self, instruction: &Instruction<'_>, global: Global) {
        self.put(instruction);
        // The index is the last byte.
        let at = self.body.bytes.len() - 1;
        self.body.bytes.resize(at + self.width, 0);
        self.body.places.push((at, global));
    }

    /// Writes an instruction of the guest.
    fn guest(&mut self, instruction: &Instruction<'_>) {
        instruction.encode(&mut self.body.bytes);
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
                self.guest(&Instruction::BrTable(labels.into(), default));
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
        self.guest(&instruction);
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
