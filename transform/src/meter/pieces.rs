//! Takes a function apart into straight pieces.
//!
//! A straight piece is a set of instructions that are all executed, once each, whenever the first of them
//! is, unless one of them traps or never comes to an end. So it can be paid for where it begins.
//!
//! Where pieces begin: at the start of the function; at the head of a loop; in each arm of an `if`; behind
//! a conditional branch; behind a call, which may not come back. Behind the end of a block or an `if` that
//! branches lead to, the piece goes on that was left when the block began, if the block is *closed*: if
//! nothing in it leads out of it but to its end. Proof: then every way through the block, if it ends,
//! comes to that end, so what follows is executed as often as what came before. A block with a call, a
//! loop, a `try_table` or a trap in it counts as not closed.
//!
//! Where the fuel must suffice for what is charged so far: before a call that may reach the host, which is
//! every call but those of functions of the module by their index; so whatever the host sees has been
//! paid for. At the head of a loop, where a function begins that calls others by their index outside of
//! its loops, and before an instruction on a range: so a guest ends soon after its fuel. Proof: whatever goes
//! on without end takes turns of a loop, or calls in a circle; each call of the circle is checked itself, or
//! after its function was entered: at the entry or at the head of a loop. All else goes forward or returns.
//!
//! It reads functions and writes nothing.

use wasm_encoder::{Instruction, reencode};
use wasmparser::{Catch, FunctionBody, Operator};

use super::price::{length_shift, price};
use crate::rewrite::{Moved, Shape, Width};

/// What a function is made of.
#[derive(Default)]
pub(super) struct Pieces {
    pub(super) pieces: Vec<Piece>,
    pub(super) loops: Vec<Loop>,
    /// In the order of their positions.
    pub(super) marks: Vec<Mark>,
}

/// A straight piece.
pub(super) struct Piece {
    pub(super) cost: i64,
    /// Whether the fuel must suffice where it begins.
    pub(super) is_checked: bool,
    /// Whether others were charged since it began.
    is_resumed: bool,
    /// The innermost loop where it begins.
    pub(super) turn: Option<usize>,
}

/// A loop.
pub(super) struct Loop {
    /// The loop around it.
    pub(super) outer: Option<usize>,
    /// Whether there are calls in it, so that others may charge.
    pub(super) calls: bool,
}

/// A place in a function where something is to be written.
pub(super) struct Mark {
    pub(super) at: u64,
    /// How many blocks are open there.
    pub(super) depth: u32,
    pub(super) what: What,
}

/// What is to be written.
pub(super) enum What {
    /// The charge of this piece.
    Charge(usize),
    /// A check; this is the innermost loop.
    Check(Option<usize>),
    /// The charge of what the length on top of the stack costs, and a check.
    Length {
        shift: u32,
        width: Width,
        turn: Option<usize>,
    },
    /// What comes before this loop.
    Loop(usize),
    /// This in place of the instruction here, which ends there.
    Moved(u64, Instruction<'static>),
}

impl Pieces {
    /// Takes a function of a module apart. `quiet` says of each imported function, by index, whether it is
    /// no more than an instruction.
    pub(super) fn of(
        body: &FunctionBody<'_>,
        shape: &Shape,
        moved: Moved,
        quiet: &[bool],
    ) -> Result<Self, reencode::Error> {
        let mut reader = body.get_operators_reader()?;
        let mut scan = Scan {
            pieces: Self::default(),
            now: None,
            dead: 0,
            open: Vec::new(),
        };
        scan.begin(reader.original_position(), false);
        scan.open(Kind::Block);
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            let next = reader.original_position();
            let call = Call::of(&operator, quiet);
            scan.before(&operator, call, at, shape);
            if let Some(instruction) = moved.instruction(&operator) {
                scan.mark(at, What::Moved(next, instruction));
            }
            scan.after(&operator, call, next)?;
        }
        Ok(scan.pieces)
    }

    /// Whether the fuel must suffice anywhere.
    pub(super) fn are_checked(&self) -> bool {
        let is_check = |mark: &Mark| matches!(mark.what, What::Check(_));
        self.have_lengths()
            || self.pieces.iter().any(|piece| piece.is_checked)
            || self.marks.iter().any(is_check)
    }

    /// Whether lengths are charged.
    pub(super) fn have_lengths(&self) -> bool {
        let is_length = |mark: &Mark| matches!(mark.what, What::Length { .. });
        self.marks.iter().any(is_length)
    }
}

struct Scan {
    pieces: Pieces,
    /// The current piece; none in code that cannot be reached.
    now: Option<usize>,
    /// How many blocks were opened in code that cannot be reached.
    dead: usize,
    open: Vec<Frame>,
}

/// An open block.
struct Frame {
    kind: Kind,
    /// The innermost loop, which may be this block.
    turn: Option<usize>,
    /// The piece that was left when it began.
    piece: Option<usize>,
    /// The outermost block that something in it leads to, by position; [`OUT`] if that is not known.
    reaches: usize,
    /// Whether something branches to its end.
    is_target: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    If,
    Loop(usize),
}

/// Out of every block.
const OUT: usize = 0;

impl Scan {
    fn mark(&mut self, at: u64, what: What) {
        // Without the function itself.
        let depth = (self.open.len() + self.dead).saturating_sub(1) as u32;
        self.pieces.marks.push(Mark { at, depth, what });
    }

    /// The innermost loop.
    fn turn(&self) -> Option<usize> {
        self.open.last().and_then(|frame| frame.turn)
    }

    /// Begins a piece.
    fn begin(&mut self, at: u64, is_checked: bool) {
        let piece = self.pieces.pieces.len();
        let turn = self.turn();
        self.pieces.pieces.push(Piece {
            cost: 0,
            is_checked,
            is_resumed: false,
            turn,
        });
        self.now = Some(piece);
        self.mark(at, What::Charge(piece));
    }

    fn open(&mut self, kind: Kind) {
        let turn = match kind {
            Kind::Loop(index) => Some(index),
            Kind::Block | Kind::If => self.turn(),
        };
        self.open.push(Frame {
            kind,
            turn,
            piece: self.now,
            reaches: usize::MAX,
            is_target: false,
        });
    }

    /// Takes note that control may leave blocks.
    fn reach(&mut self, frame: usize) {
        let top = self.open.last_mut().expect("the function is open");
        top.reaches = top.reaches.min(frame);
    }

    fn branch(&mut self, depth: u32) {
        let target = self.open.len() - 1 - depth as usize;
        self.open[target].is_target = true;
        self.reach(target);
    }

    /// What is written before an instruction.
    fn before(&mut self, operator: &Operator<'_>, call: Option<Call>, at: u64, shape: &Shape) {
        let Some(now) = self.now else {
            return;
        };
        self.pieces.pieces[now].cost += price(operator);
        let turn = self.turn();
        if let Operator::Loop { .. } = operator {
            self.mark(at, What::Loop(self.pieces.loops.len()));
        } else if let Some(call) = call {
            self.call();
            match (call, self.pieces.pieces[now].is_resumed) {
                (Call::Direct, _) if turn.is_some() => {}
                (Call::Direct, _) => self.pieces.pieces[0].is_checked = true,
                (Call::Any, false) => self.pieces.pieces[now].is_checked = true,
                (Call::Any, true) => self.mark(at, What::Check(turn)),
            }
        } else if let Some(shift) = length_shift(operator) {
            let width = shape.length(operator);
            self.mark(at, What::Length { shift, width, turn });
        }
    }

    /// What comes after an instruction.
    fn after(
        &mut self,
        operator: &Operator<'_>,
        call: Option<Call>,
        next: u64,
    ) -> Result<(), reencode::Error> {
        if self.now.is_none() {
            self.unreachable(operator, next);
            return Ok(());
        }
        match operator {
            Operator::Block { .. } => self.open(Kind::Block),
            Operator::TryTable { try_table } => {
                for catch in &try_table.catches {
                    let (Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label }) = *catch;
                    self.branch(label);
                }
                self.reach(OUT);
                self.open(Kind::Block);
            }
            Operator::Loop { .. } => {
                let (index, outer) = (self.pieces.loops.len(), self.turn());
                let calls = false;
                self.pieces.loops.push(Loop { outer, calls });
                self.reach(OUT);
                self.open(Kind::Loop(index));
                self.begin(next, true);
            }
            Operator::If { .. } => {
                self.open(Kind::If);
                self.begin(next, false);
            }
            Operator::Else => self.begin(next, false),
            Operator::End => self.end(next),
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth);
                self.now = None;
            }
            Operator::BrTable { targets } => {
                for target in targets.targets() {
                    self.branch(target?);
                }
                self.branch(targets.default());
                self.now = None;
            }
            Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => {
                self.branch(*relative_depth);
                self.begin(next, false);
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => {
                self.reach(OUT);
                self.now = None;
            }
            _ if call.is_some() => {
                self.reach(OUT);
                self.begin(next, false);
            }
            _ => {}
        }
        Ok(())
    }

    /// Something in the loops around calls.
    fn call(&mut self) {
        let mut turn = self.turn();
        while let Some(index) = turn {
            let around = &mut self.pieces.loops[index];
            turn = match std::mem::replace(&mut around.calls, true) {
                true => None,
                false => around.outer,
            };
        }
    }

    fn end(&mut self, next: u64) {
        let frame = self.open.pop().expect("every `end` has its block");
        let own = self.open.len();
        let is_closed = frame.reaches >= own;
        let Some(around) = self.open.last_mut() else {
            return;
        };
        if !is_closed {
            around.reaches = around.reaches.min(frame.reaches);
        }
        let is_join = match frame.kind {
            Kind::Loop(_) => false,
            Kind::If => true,
            Kind::Block => frame.is_target,
        };
        if !is_join {
            return;
        }
        match frame.piece {
            Some(piece) if is_closed => {
                self.pieces.pieces[piece].is_resumed |= self.now != Some(piece);
                self.now = Some(piece);
            }
            _ => self.begin(next, false),
        }
    }

    fn unreachable(&mut self, operator: &Operator<'_>, next: u64) {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => self.dead += 1,
            Operator::End if self.dead > 0 => self.dead -= 1,
            Operator::End => self.end(next),
            Operator::Else if self.dead == 0 => self.begin(next, false),
            _ => {}
        }
    }
}

/// A call after which it is not known what was charged, nor whether it comes back.
#[derive(Clone, Copy)]
enum Call {
    /// Of a function that the module defines, by its index.
    Direct,
    /// Of any other function.
    Any,
}

impl Call {
    fn of(operator: &Operator<'_>, quiet: &[bool]) -> Option<Self> {
        let by_index = |function: u32| match quiet.get(function as usize) {
            Some(_) => Self::Any,
            None => Self::Direct,
        };
        match *operator {
            Operator::Call { function_index } => {
                let is_quiet = quiet.get(function_index as usize) == Some(&true);
                (!is_quiet).then(|| by_index(function_index))
            }
            Operator::ReturnCall { function_index } => Some(by_index(function_index)),
            Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => Some(Self::Any),
            _ => None,
        }
    }
}
