//! Computes the largest cost of code until the guest counts again, in units of the budget.
//!
//! A function counts at its entry and at the head of each loop. It charges the most expensive path from there: to a
//! return, to the next iteration, or out of the loop. Arms of a branch are alternatives. An inner loop costs
//! nothing, because it counts itself. This file reads functions and writes nothing.
//!
//! Invariant: no path through a function, and no iteration of a loop, does more work than is charged, apart from
//! instructions on ranges, whose work is known when they run. Proof: the code is walked from its end to its
//! beginning. [`Walk::rest`] is always at least the cost of the most expensive path from here. An instruction adds
//! its cost. A branch continues at its target, which ends later and so was visited before, or with the next
//! iteration, which is not charged here. After an inner loop, code may continue at the end of any block of this
//! iteration, so the most expensive end is taken.

use wasm_encoder::reencode;
use wasmparser::{Catch, FunctionBody, Operator};

/// The cost of a call, including the work of a function that does not count.
const CALL: i64 = 10 + FREE;
/// The cost up to which a function without loops and calls counts nothing.
const FREE: i64 = 32;
/// The cost of growing a memory.
const GROW: i64 = 1000;
/// Bytes that a bulk instruction moves for one unit, as a power of two.
const MEMORY_SHIFT: i64 = 6;
/// Elements of tables or arrays that a bulk instruction moves for one unit, as a power of two.
const TABLE_SHIFT: i64 = 2;

/// The effect of an operator on the budget.
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
    /// Transfers as many elements as the number on top of the stack; the shift turns them into units.
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

/// The largest cost of a function from its entry, and of each iteration of each loop.
pub(super) struct Costs {
    pub(super) entry: i64,
    /// In the order in which the loops begin.
    pub(super) loops: Vec<i64>,
    /// Whether there are exception handlers. Other functions may have counted before one begins.
    pub(super) catches: bool,
    /// Whether the cost is a small constant.
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

    /// Whether the caller of the function pays for it.
    pub(super) fn is_free(&self) -> bool {
        self.simple && self.entry <= FREE
    }
}

/// The control flow of a function.
#[derive(Default)]
struct Steps {
    steps: Vec<Step>,
    /// Targets of branches that have several.
    targets: Vec<u32>,
    open: Vec<Opener>,
}

/// A control instruction, or several others with their total cost.
#[derive(Clone, Copy)]
enum Step {
    Cost(i64),
    Open(Opener),
    Else,
    End(Opener),
    /// A conditional branch.
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
    /// The cost of the most expensive path from here.
    rest: i64,
    /// The enclosing blocks.
    blocks: Vec<Around>,
    /// The number of enclosing loops.
    depth: u32,
    /// The cost of each iteration, the last loop first.
    loops: Vec<i64>,
}

/// A block that encloses the current position.
struct Around {
    opener: Opener,
    /// The cost of the most expensive path from its end.
    after: i64,
    /// The cost at the most expensive end of a block of the same iteration.
    dearest: i64,
    /// The cost of the second arm, once it is known.
    other: Option<i64>,
    /// The number of loops that enclose its end.
    depth: u32,
}

impl Walk {
    /// The costs of the function and of the iterations of its loops.
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

    /// Enters a block at its end.
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

    /// The most expensive end of a block of this iteration.
    fn dearest_end(&self) -> i64 {
        let block = self.blocks.last();
        let block = block.filter(|block| block.opener != Opener::Loop);
        block.map_or(0, |block| block.dearest)
    }

    /// The most expensive target of a branch.
    fn dearest(&self, depths: &[u32]) -> i64 {
        let cost = |depth: &u32| {
            let position = self.blocks.len().checked_sub(*depth as usize + 1);
            // Out of the function; to the next iteration of a loop; out of this iteration.
            let block = position.map(|position| &self.blocks[position]);
            let block = block.filter(|block| block.opener != Opener::Loop);
            let block = block.filter(|block| block.depth == self.depth);
            block.map_or(0, |block| block.after)
        };
        depths.iter().map(cost).max().unwrap_or(0)
    }
}
