//! Writes a function according to its plan.
//!
//! Only instructions that open, end or name a block are rewritten. Invariant: branches keep their targets.

use wasm_encoder::{
    BlockType, Catch, Instruction,
    reencode::{self, Reencode as _, RoundtripReencoder},
};
use wasmparser::{FunctionBody, Operator};

use super::{
    EXNREF, Reference,
    plan::{Handling, Plan, Target, Try},
};
use crate::rewrite::Splice;

/// Writes one function.
pub(super) struct Writer<'a> {
    out: Splice<'a>,
    plan: &'a Plan,
    /// The number of locals of the function. The locals for exceptions follow.
    locals: u32,
    /// The number of open blocks in the output, including that of the function.
    depth: u32,
    /// The open blocks of the guest, including that of the function.
    frames: Vec<Frame<'a>>,
}

/// A block of the guest.
struct Frame<'a> {
    position: usize,
    /// The number of blocks that were open before the target of branches to this block.
    label: u32,
    /// As `label`, for the block that is the target of delegation.
    delegated: Option<u32>,
    what: What<'a>,
}

enum What<'a> {
    Plain,
    /// A `try_table` of the module that is a target of delegation.
    Table,
    /// A `try` with handlers, and how many of them have begun.
    Try(&'a Handling, usize),
}

impl<'a> Writer<'a> {
    /// `locals` says how many locals the function has.
    pub(super) fn new(out: Splice<'a>, plan: &'a Plan, locals: u32) -> Self {
        Self {
            out,
            plan,
            locals,
            depth: 1,
            frames: Vec::new(),
        }
    }

    /// The function with its declarations of locals.
    pub(super) fn write(mut self, body: &FunctionBody<'_>) -> Result<Vec<u8>, reencode::Error> {
        let mut delegated = None;
        if self.plan.delegates_out {
            delegated = Some(self.depth);
            self.open(&Instruction::Block(BlockType::Result(EXNREF)));
        }
        self.frames.push(Frame {
            position: usize::MAX,
            label: 0,
            delegated,
            what: What::Plain,
        });
        let mut reader = body.get_operators_reader()?;
        let mut position = 0;
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            let next = reader.original_position();
            if self.frames.len() == 1 && matches!(operator, Operator::End) {
                break;
            }
            if is_written(&operator) {
                self.out.copy(at);
                self.out.leave_out(next);
                self.operator(operator, position)?;
            }
            position += 1;
        }
        self.out.copy_rest();
        if self.plan.delegates_out {
            self.put(&Instruction::Return);
            self.close();
            self.put(&Instruction::ThrowRef);
        }
        self.put(&Instruction::End);
        let kept = vec![EXNREF; self.plan.kept as usize];
        Ok(self.out.into_bytes(&kept))
    }

    fn put(&mut self, instruction: &Instruction<'_>) {
        self.out.put(instruction);
    }

    fn open(&mut self, instruction: &Instruction<'_>) {
        self.put(instruction);
        self.depth += 1;
    }

    fn close(&mut self) {
        self.put(&Instruction::End);
        self.depth -= 1;
    }

    /// The depth, from here, of a block with this number of open blocks before it.
    fn relative(&self, label: u32) -> u32 {
        self.depth - 1 - label
    }

    /// The depth, from here, of a label with this depth in the guest.
    fn label(&self, depth: u32) -> u32 {
        self.relative(self.frames[self.frames.len() - 1 - depth as usize].label)
    }

    /// Records the last opened block of the guest.
    fn enter(&mut self, position: usize, what: What<'a>) {
        self.frames.push(Frame {
            position,
            label: self.depth - 1,
            delegated: None,
            what,
        });
    }

    fn operator(&mut self, operator: Operator<'_>, position: usize) -> Result<(), reencode::Error> {
        let mut operator = operator;
        match &mut operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                let opener = RoundtripReencoder.instruction(operator)?;
                self.open(&opener);
                self.enter(position, What::Plain);
                return Ok(());
            }
            Operator::TryTable { try_table } => {
                for catch in &mut try_table.catches {
                    let (wasmparser::Catch::One { label, .. }
                    | wasmparser::Catch::OneRef { label, .. }
                    | wasmparser::Catch::All { label }
                    | wasmparser::Catch::AllRef { label }) = catch;
                    *label = self.label(*label);
                }
                let opener = RoundtripReencoder.instruction(operator)?;
                self.open(&opener);
                match self.plan.tables.get(&position) {
                    None => self.enter(position, What::Plain),
                    Some(block) => {
                        self.enter(position, What::Table);
                        self.delegated(Some(*block));
                    }
                }
                return Ok(());
            }
            Operator::Try { blockty } => {
                let ty = RoundtripReencoder.block_type(*blockty)?;
                self.begin_try(ty, position);
                return Ok(());
            }
            Operator::Catch { .. } | Operator::CatchAll => {
                self.begin_handler();
                return Ok(());
            }
            Operator::Rethrow { relative_depth } => {
                let frame = &self.frames[self.frames.len() - 1 - *relative_depth as usize];
                let What::Try(handling, _) = frame.what else {
                    unreachable!("a `rethrow` of a valid module names a handler");
                };
                let caught = self.locals + handling.place;
                self.put(&Instruction::LocalGet(caught));
                self.put(&Instruction::ThrowRef);
                return Ok(());
            }
            Operator::Delegate { .. } => {
                self.frames.pop();
                self.close();
                return Ok(());
            }
            Operator::End => {
                self.end();
                return Ok(());
            }
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
            _ => {}
        }
        let instruction = RoundtripReencoder.instruction(operator)?;
        self.put(&instruction);
        Ok(())
    }

    fn begin_try(&mut self, ty: BlockType, position: usize) {
        let plan = self.plan;
        match &plan.tries[&position] {
            Try::Block => {
                self.open(&Instruction::Block(ty));
                self.enter(position, What::Plain);
            }
            Try::Delegating(target) => {
                let label = self.target(*target);
                let catches = [Catch::AllRef { label }];
                self.open(&Instruction::TryTable(ty, catches[..].into()));
                self.enter(position, What::Plain);
            }
            Try::Handling(handling) => {
                self.open(&Instruction::Block(ty));
                self.enter(position, What::Try(handling, 0));
                for block in handling.blocks.iter().rev() {
                    self.open(&Instruction::Block(*block));
                }
                // The innermost one is that of the first handler.
                let catches = (0_u32..).zip(&handling.tags);
                let catches = catches.map(|(label, tag)| match (*tag, handling.reference) {
                    (Some(tag), Reference::Taken) => Catch::OneRef { tag, label },
                    (Some(tag), Reference::Left) => Catch::One { tag, label },
                    (None, Reference::Taken) => Catch::AllRef { label },
                    (None, Reference::Left) => Catch::All { label },
                });
                let catches = catches.collect::<Vec<_>>();
                self.open(&Instruction::TryTable(ty, catches.into()));
                self.delegated(handling.delegated);
            }
        }
    }

    /// The depth, from here, of the block that is the target of delegation.
    fn target(&self, target: Target) -> u32 {
        let frame = match target {
            Target::Caller => self.frames.first(),
            Target::Body(position) => self.frames.iter().find(|frame| frame.position == position),
        };
        let label = frame.and_then(|frame| frame.delegated);
        self.relative(label.expect("the plan has a block for what is delegated to"))
    }

    /// Opens the block that is the target of delegation, if there is one, inside of the last entered block.
    fn delegated(&mut self, block: Option<BlockType>) {
        if let Some(block) = block {
            let frame = self.frames.last_mut().expect("it was entered");
            frame.delegated = Some(self.depth);
            self.open(&Instruction::Block(block));
        }
    }

    /// Ends the block that is the target of delegation. Normal control flow goes to the end of the guest's block.
    fn end_delegated(&mut self, label: u32) {
        self.put(&Instruction::Br(self.relative(label)));
        self.close();
        self.put(&Instruction::ThrowRef);
    }

    /// The body or handler before goes to the end of the `try`; the next handler follows.
    fn begin_handler(&mut self) {
        let frame = self
            .frames
            .last_mut()
            .expect("a handler is inside of its `try`");
        let (label, delegated) = (frame.label, frame.delegated);
        let What::Try(handling, begun) = &mut frame.what else {
            unreachable!("the plan has a `try` with handlers here");
        };
        *begun += 1;
        let (handling, is_first) = (*handling, *begun == 1);
        if is_first {
            self.end_body(label, delegated);
        }
        self.put(&Instruction::Br(self.relative(label)));
        self.close();
        if handling.reference == Reference::Taken {
            self.put(&Instruction::LocalSet(self.locals + handling.place));
        }
    }

    /// Ends the `try_table`.
    fn end_body(&mut self, label: u32, delegated: Option<u32>) {
        if delegated.is_some() {
            self.end_delegated(label);
        }
        self.close();
    }

    fn end(&mut self) {
        let frame = self.frames.pop().expect("blocks are nested");
        match frame.what {
            What::Plain => {}
            What::Table => self.end_delegated(frame.label),
            // It has no handlers, but is a target of delegation.
            What::Try(_, 0) => self.end_body(frame.label, frame.delegated),
            What::Try(..) => {}
        }
        self.close();
    }
}

/// Whether an instruction is rewritten.
fn is_written(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. }
            | Operator::Catch { .. }
            | Operator::CatchAll
            | Operator::Rethrow { .. }
            | Operator::Delegate { .. }
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. }
    )
}
