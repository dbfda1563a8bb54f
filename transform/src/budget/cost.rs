//! What code costs at most until the guest counts again, in units of the budget.
//!
//! A function counts where it is entered and at the head of each loop. What it counts is the dearest way
//! from there: to a return, to the next turn, or out of the loop. Arms of a branch are alternatives, and a
//! loop within costs nothing, because it counts itself. It reads functions and writes nothing.
//!
//! Invariant: no way through a function, and no turn of a loop, does more work than is counted for it, apart
//! from instructions on ranges, whose work is known when they run. Proof: the code is walked from its end
//! to its beginning. [`Walk::rest`] is then always at least what the dearest way from here costs: an
//! instruction adds its cost to that of what follows; what follows a branch is what follows its target,
//! which ends further on and so was seen before, or the next turn, which is not counted here. Behind a
//! loop within, code may go on wherever a block of this turn ends: the dearest of these is taken.

use wasm_encoder::reencode;
use wasmparser::{Catch, FunctionBody, Operator};

/// What a call costs, with what a function that counts nothing may do.
const CALL: i64 = 10 + FREE;
/// The cost up to which a function without loops and calls counts nothing.
const FREE: i64 = 32;
/// What growing a memory costs.
const GROW: i64 = 1000;
/// Bytes that a bulk instruction moves for one unit, as a power of two.
const MEMORY_SHIFT: i64 = 6;
/// Elements of tables or arrays that a bulk instruction moves for one unit, as a power of two.
const TABLE_SHIFT: i64 = 2;

/// What an operator means to the budget.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Loop,
    Close,
    Call,
    TailCall,
    Return,
    /// Leaves the function, or the blocks up to a handler.
    Throw,
    Grow,
    /// Moves as many elements as the number on top of the stack says; the shift makes them units.
    Bulk(i64),
    Other,
}

impl Kind {
    pub(super) fn of(operator: &Operator<'_>) -> Self {
        match operator {
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => Self::Open,
            Operator::Loop { .. } => Self::Loop,
            Operator::End => Self::Close,
            Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. } => {
                Self::Call
            }
            Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => Self::TailCall,
            Operator::Return => Self::Return,
            Operator::Throw { .. } | Operator::ThrowRef => Self::Throw,
            Operator::MemoryGrow { .. } => Self::Grow,
            Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. } => Self::Bulk(MEMORY_SHIFT),
            Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. }
            | Operator::ArrayNew { .. }
            | Operator::ArrayNewDefault { .. }
            | Operator::ArrayNewData { .. }
            | Operator::ArrayNewElem { .. }
            | Operator::ArrayFill { .. }
            | Operator::ArrayCopy { .. }
            | Operator::ArrayInitData { .. }
            | Operator::ArrayInitElem { .. } => Self::Bulk(TABLE_SHIFT),
            _ => Self::Other,
        }
    }

    const fn cost(self) -> i64 {
        match self {
            Self::Call | Self::TailCall => CALL,
            Self::Grow => GROW,
            _ => 1,
        }
    }
}

/// What a function costs at most: from where it is entered, and each turn of each loop.
pub(super) struct Costs {
    pub(super) entry: i64,
    /// In the order in which the loops begin.
    pub(super) loops: Vec<i64>,
    /// Whether there are handlers of exceptions. Where one begins, others may have counted.
    pub(super) catches: bool,
    /// Whether there is nothing whose cost is not a fixed small number.
    simple: bool,
}

impl Costs {
    pub(super) fn of(body: &FunctionBody<'_>) -> Result<Self, reencode::Error> {
        let mut steps = Steps::default();
        let (mut simple, mut catches) = (true, false);
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            let kind = Kind::of(&operator);
            if let Operator::TryTable { try_table } = &operator {
                catches |= !try_table.catches.is_empty();
            }
            simple &= matches!(kind, Kind::Open | Kind::Close | Kind::Return | Kind::Other);
            steps.push(&operator, kind.cost())?;
        }
        let (entry, loops) = Walk::over(&steps);
        Ok(Self {
            entry,
            loops,
            catches,
            simple,
        })
    }

    /// Whether who calls the function has paid for it.
    pub(super) fn is_free(&self) -> bool {
        self.simple && self.entry <= FREE
    }
}

/// A function, as far as ways through it go.
#[derive(Default)]
struct Steps {
    steps: Vec<Step>,
    /// Targets of branches that have several.
    targets: Vec<u32>,
    open: Vec<Opener>,
}

/// An instruction that is more than its cost, or several that are not.
#[derive(Clone, Copy)]
enum Step {
    Cost(i64),
    Open(Opener),
    Else,
    End(Opener),
    /// A branch that is taken, or not.
    May(Targets),
    /// A branch to one of these.
    Must(Targets),
    /// Out of the function.
    Leave,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Opener {
    Block,
    Loop,
    If,
    /// With where it may catch.
    Try(Targets),
}

/// A range of [`Steps::targets`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct Targets {
    first: u32,
    end: u32,
}

impl Steps {
    fn targets(&mut self, depths: impl IntoIterator<Item = u32>) -> Targets {
        let first = self.targets.len() as u32;
        self.targets.extend(depths);
        let end = self.targets.len() as u32;
        Targets { first, end }
    }

    fn open(&mut self, opener: Opener) -> Step {
        self.open.push(opener);
        Step::Open(opener)
    }

    fn push(&mut self, operator: &Operator<'_>, cost: i64) -> Result<(), reencode::Error> {
        if let Some(Step::Cost(sum)) = self.steps.last_mut() {
            *sum += cost;
        } else {
            self.steps.push(Step::Cost(cost));
        }
        let step = match operator {
            Operator::Block { .. } => self.open(Opener::Block),
            Operator::Loop { .. } => self.open(Opener::Loop),
            Operator::If { .. } => self.open(Opener::If),
            Operator::TryTable { try_table } => {
                let labels = try_table.catches.iter().map(|catch| match *catch {
                    Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label } => label,
                });
                let targets = self.targets(labels);
                self.open(Opener::Try(targets))
            }
            Operator::Else => Step::Else,
            // The end of the function ends no block.
            Operator::End => match self.open.pop() {
                Some(opener) => Step::End(opener),
                None => Step::Leave,
            },
            Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => {
                Step::May(self.targets([*relative_depth]))
            }
            Operator::Br { relative_depth } => Step::Must(self.targets([*relative_depth])),
            Operator::BrTable { targets } => {
                let depths = targets.targets().collect::<Result<Vec<_>, _>>()?;
                Step::Must(self.targets(depths.into_iter().chain([targets.default()])))
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => Step::Leave,
            _ => return Ok(()),
        };
        self.steps.push(step);
        Ok(())
    }
}

/// The walk from the end of a function to its beginning.
struct Walk {
    /// What the dearest way from here costs.
    rest: i64,
    /// The blocks around.
    blocks: Vec<Around>,
    /// How many loops are around.
    depth: u32,
    /// What each turn costs, the last loop first.
    loops: Vec<i64>,
}

/// A block around the place where the walk is.
struct Around {
    opener: Opener,
    /// What the dearest way from its end costs.
    after: i64,
    /// That of the dearest end of a block of the same turn.
    dearest: i64,
    /// The cost of the second arm, once that is known.
    other: Option<i64>,
    /// How many loops are around its end.
    depth: u32,
}

impl Walk {
    /// What the function and the turns of its loops cost.
    fn over(steps: &Steps) -> (i64, Vec<i64>) {
        let mut walk = Self {
            rest: 0,
            blocks: Vec::new(),
            depth: 0,
            loops: Vec::new(),
        };
        for step in steps.steps.iter().rev() {
            walk.back(*step, &steps.targets);
        }
        walk.loops.reverse();
        (walk.rest, walk.loops)
    }

    fn back(&mut self, step: Step, targets: &[u32]) {
        let of = |range: Targets| &targets[range.first as usize..range.end as usize];
        match step {
            Step::Cost(cost) => self.rest += cost,
            Step::Leave => self.rest = 0,
            Step::Must(range) => self.rest = self.dearest(of(range)),
            Step::May(range) => self.rest = self.rest.max(self.dearest(of(range))),
            Step::End(opener) => self.enter(opener),
            Step::Else => {
                let block = self.blocks.last_mut().expect("an `else` is within an `if`");
                block.other = Some(self.rest);
                self.rest = block.after;
            }
            Step::Open(opener) => {
                let block = self
                    .blocks
                    .pop()
                    .expect("every block that begins has ended");
                match opener {
                    Opener::Block => {}
                    Opener::If => self.rest = self.rest.max(block.other.unwrap_or(block.after)),
                    Opener::Try(range) => self.rest += self.dearest(of(range)),
                    Opener::Loop => {
                        self.loops.push(self.rest);
                        self.depth -= 1;
                        self.rest = block.after.max(self.dearest_end());
                    }
                }
            }
        }
    }

    /// Goes into a block, by its end.
    fn enter(&mut self, opener: Opener) {
        let after = self.rest;
        self.blocks.push(Around {
            opener,
            after,
            dearest: after.max(self.dearest_end()),
            other: None,
            depth: self.depth,
        });
        if opener == Opener::Loop {
            self.depth += 1;
            self.rest = 0;
        }
    }

    /// The dearest end of a block of this turn.
    fn dearest_end(&self) -> i64 {
        let block = self.blocks.last();
        let block = block.filter(|block| block.opener != Opener::Loop);
        block.map_or(0, |block| block.dearest)
    }

    /// The dearest target of a branch.
    fn dearest(&self, depths: &[u32]) -> i64 {
        let cost = |depth: &u32| {
            let position = self.blocks.len().checked_sub(*depth as usize + 1);
            // Out of the function; to the next turn of a loop; out of this turn.
            let block = position.map(|position| &self.blocks[position]);
            let block = block.filter(|block| block.opener != Opener::Loop);
            let block = block.filter(|block| block.depth == self.depth);
            block.map_or(0, |block| block.after)
        };
        depths.iter().map(cost).max().unwrap_or(0)
    }
}
