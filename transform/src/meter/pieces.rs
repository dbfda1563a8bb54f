//! Takes a function apart into straight pieces, and finds out where the fuel must suffice.
//!
//! A straight piece is a list of instructions that are all executed, once each, whenever the first of them
//! is, unless one of them traps or never comes to an end. So it can be paid for where it begins. `places`
//! decides which pieces are charged, and with what; it is told how they hang together, and where the number
//! must be what is left: where the function is entered and left, and at calls, whose callees charge or never
//! come back.
//!
//! Where pieces begin: at the start of the function; at the head of a loop; in each arm of an `if`; behind
//! a conditional branch; behind a call; behind the end of a block or an `if` that branches lead to. Where a
//! conditional branch is taken and an `if` without `else` does nothing, code can be put in for a charge.
//!
//! Where the fuel must suffice for what is executed up to the end of the piece: before a call that may reach the
//! host, which is every call but those of functions of the module by their index; so whatever the host sees
//! has been paid for. At the head of a loop, where a function begins that calls others by their index outside of
//! its loops, and before an instruction on a range: so a guest ends soon after its fuel. Proof: whatever goes
//! on without end takes turns of a loop, or calls in a circle; each call of the circle is checked itself, or
//! after its function was entered: at the entry or at the head of a loop. All else goes forward or returns.
//!
//! It reads functions and writes nothing.

use wasm_encoder::{Instruction, reencode};
use wasmparser::{Catch, FunctionBody, Operator};

use super::{
    places::{Charges, Graph, Place, SETTLED, Written},
    price::{length_shift, price},
};
use crate::rewrite::{Moved, Shape, Width};

/// What a function is made of.
pub(super) struct Pieces {
    graph: Graph,
    charges: Charges,
    pub(super) loops: Vec<Loop>,
    /// In the order of their positions.
    pub(super) marks: Vec<Mark>,
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
    /// The innermost loop.
    pub(super) turn: Option<usize>,
    pub(super) what: What,
}

/// What is to be written.
pub(super) enum What {
    /// The charge of this piece, and its check.
    Piece(usize),
    /// What is charged if the conditional branch here, which ends there, leads to its label.
    Branch { way: usize, label: u32, end: u64 },
    /// What is charged if nothing is done of the `if` that ends here.
    Else(usize),
    /// The charge of what the length on top of the stack costs, and a check; in this piece.
    Length {
        shift: u32,
        width: Width,
        piece: usize,
    },
    /// What comes before this loop.
    Loop(usize),
    /// This in place of the instruction here, which ends there.
    Moved(u64, Instruction<'static>),
}

impl Pieces {
    /// Takes a function of a module apart, whose type has results or not. `quiet` says of each imported function,
    /// by index, whether it is no more than an instruction.
    pub(super) fn of(
        body: &FunctionBody<'_>,
        ty: u32,
        shape: &Shape,
        moved: Moved,
        quiet: &[bool],
    ) -> Result<Self, reencode::Error> {
        let mut reader = body.get_operators_reader()?;
        let mut scan = Scan {
            shape,
            graph: Graph::new(),
            loops: Vec::new(),
            marks: Vec::new(),
            dying: Vec::new(),
            now: None,
            dead: 0,
            open: Vec::new(),
        };
        let results = shape.function_type(ty).results();
        scan.open(Kind::Block, SETTLED, !results.is_empty());
        scan.begin(reader.original_position(), SETTLED, 1.0);
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            let next = reader.original_position();
            let call = Call::of(&operator, quiet);
            scan.before(&operator, call, at);
            if let Some(instruction) = moved.instruction(&operator) {
                scan.mark(at, What::Moved(next, instruction));
            }
            scan.after(&operator, call, at, next)?;
        }
        let charges = scan.graph.solve(&scan.dying);
        Ok(Self {
            graph: scan.graph,
            charges,
            loops: scan.loops,
            marks: scan.marks,
        })
    }

    /// What is charged on a way.
    pub(super) fn charge(&self, way: usize) -> i64 {
        self.charges.charges[way]
    }

    /// Below which number the fuel does not suffice up to the end of a piece that is charged already.
    pub(super) fn least(&self, piece: usize) -> i64 {
        self.charges.offsets[self.graph.target(piece)]
    }

    /// The same, if the fuel must suffice where the piece begins.
    pub(super) fn check(&self, piece: usize) -> Option<i64> {
        self.graph.is_checked(piece).then(|| self.least(piece))
    }

    /// Whether the fuel must suffice anywhere.
    pub(super) fn are_checked(&self) -> bool {
        self.marks.iter().any(|mark| match mark.what {
            What::Piece(piece) => self.graph.is_checked(piece),
            What::Length { .. } => true,
            _ => false,
        })
    }

    /// Whether lengths are charged.
    pub(super) fn have_lengths(&self) -> bool {
        let is_length = |mark: &Mark| matches!(mark.what, What::Length { .. });
        self.marks.iter().any(is_length)
    }
}

struct Scan<'a> {
    shape: &'a Shape,
    graph: Graph,
    loops: Vec<Loop>,
    marks: Vec<Mark>,
    /// Pieces that end in traps.
    dying: Vec<usize>,
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
    /// Where branches to it lead; none yet if nothing has.
    label: Option<Place>,
    /// Whether branches to it take values along.
    has_values: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    /// With the place where the arms part, if there has been no `else` yet.
    If(Option<Place>),
    Loop(usize),
}

/// How many of those who come to a conditional branch that leads back, or stays in the loop, take that way.
const STAY: f64 = 0.875;
/// How many take either way where nothing is known.
const HALF: f64 = 0.5;

impl Scan<'_> {
    fn mark(&mut self, at: u64, what: What) {
        // Without the function itself.
        let depth = (self.open.len() + self.dead).saturating_sub(1) as u32;
        let turn = self.turn();
        self.marks.push(Mark {
            at,
            depth,
            turn,
            what,
        });
    }

    /// The innermost loop.
    fn turn(&self) -> Option<usize> {
        self.open.last().and_then(|frame| frame.turn)
    }

    /// Begins a piece at a place, from which so many take it.
    fn begin(&mut self, at: u64, from: Place, share: f64) {
        let piece = self.graph.begin(from, share, Written::Straight);
        self.now = Some(piece);
        self.mark(at, What::Piece(piece));
    }

    /// Ends the current piece at a place, if there is one.
    fn arrive(&mut self, to: Place) {
        if let Some(piece) = self.now.take() {
            self.graph.end(piece, to);
        }
    }

    /// Ends the current piece at a place of its own.
    fn part(&mut self) -> Place {
        let place = self.graph.place();
        self.arrive(place);
        place
    }

    fn open(&mut self, kind: Kind, label: impl Into<Option<Place>>, has_values: bool) {
        let turn = match kind {
            Kind::Loop(index) => Some(index),
            Kind::Block | Kind::If(_) => self.turn(),
        };
        self.open.push(Frame {
            kind,
            turn,
            label: label.into(),
            has_values,
        });
    }

    /// The block that a branch leads to, and its label.
    fn label(&mut self, depth: u32) -> (usize, Place) {
        let target = self.open.len() - 1 - depth as usize;
        let frame = &mut self.open[target];
        let graph = &mut self.graph;
        (target, *frame.label.get_or_insert_with(|| graph.place()))
    }

    /// How many take a conditional branch to this block.
    fn share(&self, target: usize) -> f64 {
        let frame = &self.open[target];
        match frame.kind {
            Kind::Loop(index) if Some(index) == self.turn() => STAY,
            _ if frame.turn != self.turn() => 1.0 - STAY,
            _ => HALF,
        }
    }

    /// A conditional branch, behind which a piece begins.
    fn branch(&mut self, depth: u32, next: u64, written: Written) -> usize {
        let (target, label) = self.label(depth);
        let share = self.share(target);
        let parting = self.part();
        let way = self.graph.begin(parting, share, written);
        self.graph.end(way, label);
        self.begin(next, parting, 1.0 - share);
        way
    }

    /// What is written before an instruction.
    fn before(&mut self, operator: &Operator<'_>, call: Option<Call>, at: u64) {
        let Some(piece) = self.now else {
            return;
        };
        self.graph.spend(piece, price(operator));
        if let Operator::Loop { .. } = operator {
            self.mark(at, What::Loop(self.loops.len()));
        } else if let Some(call) = call {
            self.call();
            match call {
                Call::Direct if self.turn().is_some() => {}
                // The first piece.
                Call::Direct => self.graph.check(0),
                Call::Any => self.graph.check(piece),
            }
        } else if let Some(shift) = length_shift(operator) {
            let width = self.shape.length(operator);
            let what = What::Length {
                shift,
                width,
                piece,
            };
            self.mark(at, what);
        }
    }

    /// What comes after an instruction.
    fn after(
        &mut self,
        operator: &Operator<'_>,
        call: Option<Call>,
        at: u64,
        next: u64,
    ) -> Result<(), reencode::Error> {
        if self.now.is_none() {
            self.unreachable(operator, at, next);
            return Ok(());
        }
        match operator {
            Operator::Block { blockty } => {
                self.open(Kind::Block, None, self.shape.has_results(*blockty));
            }
            Operator::TryTable { try_table } => {
                for catch in &try_table.catches {
                    let (Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label }) = *catch;
                    // Exceptions come out of calls, and are thrown where the number is what is left.
                    let (_, label) = self.label(label);
                    self.graph.settle(label);
                }
                self.open(Kind::Block, None, self.shape.has_results(try_table.ty));
            }
            Operator::Loop { blockty } => {
                let index = self.loops.len();
                self.loops.push(Loop {
                    outer: self.turn(),
                    calls: false,
                });
                let head = self.graph.head();
                self.arrive(head);
                self.open(Kind::Loop(index), head, self.shape.has_params(*blockty));
                self.begin(next, head, 1.0);
                self.graph.check(self.now.expect("it begins"));
            }
            Operator::If { blockty } => {
                let parting = self.part();
                let has_values = self.shape.has_results(*blockty);
                self.open(Kind::If(Some(parting)), None, has_values);
                self.begin(next, parting, HALF);
            }
            Operator::Else => self.begin_else(next),
            Operator::End => self.end(at, next),
            Operator::Br { relative_depth } => {
                let (_, label) = self.label(*relative_depth);
                self.arrive(label);
            }
            Operator::BrTable { targets } => {
                let mut depths = targets.targets().collect::<Result<Vec<_>, _>>()?;
                depths.push(targets.default());
                self.branch_by_table(depths);
            }
            Operator::BrIf { relative_depth } => {
                let (target, _) = self.label(*relative_depth);
                if self.open[target].has_values {
                    self.branch(*relative_depth, next, Written::Never);
                } else {
                    // The piece behind it is marked after it.
                    let marks = self.marks.len();
                    let way = self.branch(*relative_depth, next, Written::Branching);
                    let behind = self.marks.split_off(marks);
                    let (label, end) = (*relative_depth, next);
                    self.mark(at, What::Branch { way, label, end });
                    self.marks.extend(behind);
                }
            }
            Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => {
                self.branch(*relative_depth, next, Written::Never);
            }
            Operator::Unreachable => {
                self.dying.extend(self.now);
                self.arrive(SETTLED);
            }
            Operator::Return
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => self.arrive(SETTLED),
            _ if call.is_some() => {
                let call = self.graph.settled();
                self.arrive(call);
                self.begin(next, call, 1.0);
            }
            _ => {}
        }
        Ok(())
    }

    /// Something in the loops around calls.
    fn call(&mut self) {
        let mut turn = self.turn();
        while let Some(index) = turn {
            let around = &mut self.loops[index];
            turn = match std::mem::replace(&mut around.calls, true) {
                true => None,
                false => around.outer,
            };
        }
    }

    /// A branch to one of these labels, some of which may be the same.
    fn branch_by_table(&mut self, mut depths: Vec<u32>) {
        let all = depths.len() as f64;
        let parting = self.part();
        depths.sort_unstable();
        for same in depths.chunk_by(|one, other| one == other) {
            let share = same.len() as f64 / all;
            let (_, label) = self.label(same[0]);
            let way = self.graph.begin(parting, share, Written::Never);
            self.graph.end(way, label);
        }
    }

    fn begin_else(&mut self, next: u64) {
        let frame = self
            .open
            .last_mut()
            .expect("an `else` is inside of its `if`");
        let Kind::If(parting) = &mut frame.kind else {
            return;
        };
        let parting = parting.take().expect("there is one `else`");
        if self.now.is_some() {
            let (_, label) = self.label(0);
            self.arrive(label);
        }
        self.begin(next, parting, HALF);
    }

    fn end(&mut self, at: u64, next: u64) {
        let frame = self.open.last().expect("every `end` has its block");
        if let Kind::If(Some(parting)) = frame.kind {
            let (_, label) = self.label(0);
            let way = self.graph.begin(parting, HALF, Written::Branching);
            self.graph.end(way, label);
            self.mark(at, What::Else(way));
        }
        let frame = self.open.pop().expect("it was looked at just now");
        let label = match (frame.kind, frame.label) {
            // Nothing branches there, so the piece goes on, if there is one.
            (Kind::Loop(_), _) | (_, None) => return,
            (_, Some(label)) => label,
        };
        self.arrive(label);
        if !self.open.is_empty() {
            self.begin(next, label, 1.0);
        }
    }

    fn unreachable(&mut self, operator: &Operator<'_>, at: u64, next: u64) {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => self.dead += 1,
            Operator::End if self.dead > 0 => self.dead -= 1,
            Operator::End => self.end(at, next),
            Operator::Else if self.dead == 0 => self.begin_else(next),
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
