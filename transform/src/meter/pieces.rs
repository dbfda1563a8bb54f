//! Divides a function into straight pieces of code, and finds where the fuel must suffice.
//!
//! All instructions of a piece are executed, once each, whenever the first one is, unless one of them traps or does not
//! return. So a piece can be paid at its beginning. A piece begins:
//! - at the start of the function and at the head of a loop;
//! - at each arm of an `if`;
//! - after a conditional branch and after a call;
//! - after a block or an `if` that is the target of branches.
//!
//! Pieces are edges of a graph. `places` decides which of them carry a charge. The counter must be exact at calls,
//! because a callee charges as well or does not return; so it is where the function begins and ends. A function that
//! is only called by its name may differ there by numbers that its callers know ([`Ends`]): they pay for the callee up
//! to its first exact place before the call, and for what is behind its last one after it. A charge can also be put
//! where a conditional branch is taken, and where an `if` without `else` does nothing.
//!
//! The fuel is checked where the function looks (`looks`), before an instruction on a range, and before a call that
//! may reach the host: one of an import that is not quiet, and one through a table or a reference if it may reach
//! another module. So all that the host sees is paid. A check is for the rest of the piece, or for the piece behind the
//! look. Every loop and every recursion has a look, so a guest ends soon after its fuel does.
//!
//! It reads functions and writes nothing. It does not know what a charge looks like.

use std::iter::Peekable;

use wasm_encoder::{Instruction, reencode};
use wasmparser::{BinaryReader, BlockType, Catch, FunctionBody, Operator};

use super::{
    places::{Charges, Ends, Graph, Node, SETTLED, Written},
    price::{length_shift, price},
};
use crate::{
    looks::{Body, Layout, Looking, Part},
    parallel::Promised,
    rewrite::{Moved, Shape, Width},
};

/// The pieces of a function, with their charges and checks.
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
    /// Whether it contains calls, so that callees may charge.
    pub(super) calls: bool,
}

/// A position in a function where something is written.
pub(super) struct Mark {
    pub(super) at: u64,
    /// The innermost loop.
    pub(super) turn: Option<usize>,
    pub(super) what: What,
}

/// What is written.
pub(super) enum What {
    /// The charge of this piece, and its check.
    Piece(usize),
    /// The charge of an edge: taking the conditional branch here, which ends at `end`.
    Branch { edge: usize, label: u32, end: u64 },
    /// The charge of an edge: skipping the `if` that ends here.
    Else(usize),
    /// The charge of the length on top of the stack, and a check, in this piece.
    Length {
        shift: u32,
        width: Width,
        piece: usize,
    },
    /// The condition of the `br_if` that is here, which leads to a call and ends at `end`.
    Condition {
        look: Look,
        layout: Layout,
        label: u32,
        end: u64,
    },
    /// A condition in code that cannot be reached.
    Never,
    /// The call of a look, in this piece.
    Call { look: Look, piece: usize },
    /// The start of this loop.
    Loop(usize),
    /// An instruction that replaces the one here, which ends at this position.
    Moved(u64, Instruction<'static>),
}

/// A look between two pieces, for the second one.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) before: usize,
    behind: usize,
}

impl Pieces {
    /// Divides a function of type `ty` whose graph has no edges yet.
    pub(super) fn of(
        body: &Body,
        ty: u32,
        shape: &Shape,
        moved: Moved,
        graph: Graph,
        callees: &Callees<'_>,
    ) -> Result<Self, reencode::Error> {
        let function = FunctionBody::new(BinaryReader::new(&body.bytes, 0));
        let mut reader = function.get_operators_reader()?;
        let mut scan = Scan {
            shape,
            graph,
            loops: Vec::new(),
            marks: Vec::new(),
            looks: Vec::new(),
            paid: None,
            dying: Vec::new(),
            now: None,
            dead: 0,
            open: Vec::new(),
        };
        let results = shape.function_type(ty).results();
        scan.open(Kind::Block, scan.graph.exit, !results.is_empty());
        scan.begin(reader.original_position(), scan.graph.entry, 1.0);
        let mut parts = body.parts.iter().peekable();
        let mut added = body.added.iter().peekable();
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            let next = reader.original_position();
            let condition = scan.parts(&mut parts, at);
            if added.next_if(|added| **added == at).is_some() {
                scan.added(&operator, condition, at, next)?;
                continue;
            }
            let call = callees.call(&operator);
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

    /// The offsets where the function is entered and where it returns.
    pub(super) fn ends(&self) -> Ends {
        self.charges.ends
    }

    /// The charge of an edge.
    pub(super) fn charge(&self, edge: usize) -> i64 {
        self.charges.charges[edge]
    }

    /// The least counter with which the fuel suffices for a piece, after its charge.
    pub(super) fn least(&self, piece: usize) -> i64 {
        self.charges.least[piece]
    }

    /// The same, if there is a check where the piece begins.
    pub(super) fn check(&self, piece: usize) -> Option<i64> {
        self.graph.is_checked(piece).then(|| self.least(piece))
    }

    /// Whether the counter is read in a piece after its charge.
    pub(super) fn is_read(&self, piece: usize) -> bool {
        self.graph.is_read(piece)
    }

    /// The least counter with which the fuel suffices for what is behind a look.
    pub(super) fn least_behind(&self, look: Look) -> i64 {
        self.charges.least_before[look.behind]
    }

    /// The same for the call of a look, in a piece that costs nothing and leads back to the look.
    pub(super) fn least_for_call(&self, look: Look, piece: usize) -> i64 {
        self.least(piece) + self.graph.cost(look.behind)
    }

    /// Whether the function has a charge of a length.
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
    /// By number; `None` in unreachable code.
    looks: Vec<Option<Look>>,
    /// The piece behind the last look, which has checked for it.
    paid: Option<usize>,
    /// Pieces that end in traps.
    dying: Vec<usize>,
    /// The current piece; `None` in unreachable code.
    now: Option<usize>,
    /// The number of open blocks that were opened in unreachable code.
    dead: usize,
    open: Vec<Frame>,
}

/// An open block.
struct Frame {
    kind: Kind,
    /// The innermost loop, which may be this block.
    turn: Option<usize>,
    /// The node to which branches to it lead; `None` if no branch was found yet.
    label: Option<Node>,
    /// Whether branches to it pass values.
    has_values: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    /// With the node before the arms, until the `else`.
    If(Option<Node>),
    Loop(usize),
}

/// The estimated share of executions of a conditional branch that go on with the loop.
const STAY: f64 = 0.875;
/// The estimated share of each direction of any other branch.
const HALF: f64 = 0.5;
/// The estimated share of looks that call.
const RARE: f64 = 1e-4;

impl Scan<'_> {
    fn mark(&mut self, at: u64, what: What) {
        let turn = self.turn();
        self.marks.push(Mark { at, turn, what });
    }

    /// The innermost loop.
    fn turn(&self) -> Option<usize> {
        self.open.last().and_then(|frame| frame.turn)
    }

    /// Begins a piece at a node. `share` is the estimated share of the executions of the node that take it.
    fn begin(&mut self, at: u64, from: Node, share: f64) {
        let piece = self.graph.begin(from, share, Written::Straight);
        self.now = Some(piece);
        self.mark(at, What::Piece(piece));
    }

    /// Ends the current piece, if there is one, at a node.
    fn arrive(&mut self, to: Node) {
        if let Some(piece) = self.now.take() {
            self.graph.end(piece, to);
        }
    }

    /// Ends the current piece at a new node.
    fn part(&mut self) -> Node {
        let node = self.graph.node();
        self.arrive(node);
        node
    }

    fn open(&mut self, kind: Kind, label: impl Into<Option<Node>>, has_values: bool) {
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

    /// Opens a loop, whose body begins at `at`.
    fn open_loop(&mut self, head: Node, ty: BlockType, at: u64) {
        let index = self.loops.len();
        self.loops.push(Loop {
            outer: self.turn(),
            calls: false,
        });
        self.arrive(head);
        self.open(Kind::Loop(index), head, self.shape.has_params(ty));
        self.begin(at, head, 1.0);
    }

    /// The target of a branch: the block and its node.
    fn label(&mut self, depth: u32) -> (usize, Node) {
        let target = self.open.len() - 1 - depth as usize;
        let frame = &mut self.open[target];
        let graph = &mut self.graph;
        (target, *frame.label.get_or_insert_with(|| graph.node()))
    }

    /// The estimated share of executions of a conditional branch to this block that take it.
    fn share(&self, target: usize) -> f64 {
        let frame = &self.open[target];
        match frame.kind {
            Kind::Loop(index) if Some(index) == self.turn() => STAY,
            _ if frame.turn != self.turn() => 1.0 - STAY,
            _ => HALF,
        }
    }

    /// A conditional branch, after which a piece begins.
    fn branch(&mut self, depth: u32, next: u64, written: Written) -> usize {
        let (target, label) = self.label(depth);
        let share = self.share(target);
        let parting = self.part();
        let edge = self.graph.begin(parting, share, written);
        self.graph.end(edge, label);
        self.begin(next, parting, 1.0 - share);
        edge
    }

    /// Takes what belongs to this position, and returns the condition among it.
    fn parts<'a>(
        &mut self,
        parts: &mut Peekable<impl Iterator<Item = &'a (u64, Part)>>,
        here: u64,
    ) -> Option<Layout> {
        let mut condition = None;
        while let Some((_, part)) = parts.next_if(|(at, _)| *at == here) {
            match *part {
                Part::Whole { .. } => self.check(here),
                Part::Condition { layout, .. } => condition = Some(layout),
                Part::Call(look) => {
                    if let (Some(look), Some(piece)) = (self.looks[look], self.now) {
                        self.mark(here, What::Call { look, piece });
                    }
                }
            }
        }
        condition
    }

    /// A check here, for the rest of the piece.
    fn check(&mut self, at: u64) {
        let begins_here = |mark: &Mark| mark.at == at && matches!(mark.what, What::Piece(_));
        if self.now.is_some() && !self.marks.last().is_some_and(begins_here) {
            let node = self.part();
            self.begin(at, node, 1.0);
        }
        if let Some(piece) = self.now {
            self.graph.check(piece);
        }
    }

    /// An instruction of a look.
    fn added(
        &mut self,
        operator: &Operator<'_>,
        condition: Option<Layout>,
        at: u64,
        next: u64,
    ) -> Result<(), reencode::Error> {
        let Some(layout) = condition else {
            match operator {
                Operator::Loop { blockty } if self.now.is_some() => {
                    self.mark(at, What::Loop(self.loops.len()));
                    // It turns only when a look calls.
                    let head = self.graph.node();
                    self.open_loop(head, *blockty, next);
                }
                operator => self.after(operator, None, at, next)?,
            }
            return Ok(());
        };
        let (Some(before), Operator::BrIf { relative_depth }) = (self.now, operator) else {
            self.looks.push(None);
            self.mark(at, What::Never);
            return Ok(());
        };
        let label = *relative_depth;
        let (_, call) = self.label(label);
        self.graph.look(before);
        let parting = self.part();
        // The call leads back to the look, so nothing needs to be charged on the way to it.
        let rare = self.graph.begin(parting, RARE, Written::Never);
        self.graph.end(rare, call);
        let behind = self.graph.begin(parting, 1.0 - RARE, Written::Straight);
        let look = Look { before, behind };
        self.looks.push(Some(look));
        self.paid = Some(behind);
        self.mark(
            at,
            What::Condition {
                look,
                layout,
                label,
                end: next,
            },
        );
        self.now = Some(behind);
        self.mark(next, What::Piece(behind));
        Ok(())
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
                Call::Any if self.paid != Some(piece) => self.graph.check(piece),
                Call::Any => {}
                Call::Direct(ends) => self.graph.spend_ahead(piece, -ends.entry),
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
                    // Exceptions come from calls and throws, where the counter is exact.
                    let (_, label) = self.label(label);
                    self.graph.settle(label);
                }
                self.open(Kind::Block, None, self.shape.has_results(try_table.ty));
            }
            Operator::Loop { blockty } => {
                let head = self.graph.head();
                self.open_loop(head, *blockty, next);
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
                    // The mark of the next piece follows that of the branch.
                    let marks = self.marks.len();
                    let edge = self.branch(*relative_depth, next, Written::Branching);
                    let behind = self.marks.split_off(marks);
                    let (label, end) = (*relative_depth, next);
                    self.mark(at, What::Branch { edge, label, end });
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
            Operator::Return => self.arrive(self.graph.exit),
            Operator::Throw { .. } | Operator::ThrowRef => self.arrive(SETTLED),
            Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => {
                self.arrive(SETTLED);
                // The callee returns in place of this function.
                self.graph.settle(self.graph.exit);
            }
            _ => {
                if let Some(call) = call {
                    let node = self.graph.settled();
                    self.arrive(node);
                    self.begin(next, node, 1.0);
                    if let (Call::Direct(ends), Some(piece)) = (call, self.now) {
                        self.graph.spend(piece, ends.exit);
                    }
                }
            }
        }
        Ok(())
    }

    /// Records a call in all enclosing loops.
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

    /// A branch to one of these labels. A label may occur several times.
    fn branch_by_table(&mut self, mut depths: Vec<u32>) {
        let all = depths.len() as f64;
        let parting = self.part();
        depths.sort_unstable();
        for same in depths.chunk_by(|one, other| one == other) {
            let share = same.len() as f64 / all;
            let (_, label) = self.label(same[0]);
            let edge = self.graph.begin(parting, share, Written::Never);
            self.graph.end(edge, label);
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
            let edge = self.graph.begin(parting, HALF, Written::Branching);
            self.graph.end(edge, label);
            self.mark(at, What::Else(edge));
        }
        let frame = self.open.pop().expect("it was looked at just now");
        let label = match (frame.kind, frame.label) {
            // No branch leads there, so the current piece goes on.
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

/// What is known of functions that are called.
pub(super) struct Callees<'a> {
    /// By the index of an imported function: whether its calls need no check.
    pub(super) quiet: &'a [bool],
    pub(super) looking: &'a Looking,
    /// By function that the module defines.
    pub(super) ends: &'a [Promised<Ends>],
}

/// A call that may charge, or not return.
#[derive(Clone, Copy)]
enum Call {
    /// A direct call of a function that the module defines.
    Direct(Ends),
    /// Any other call.
    Any,
}

impl Callees<'_> {
    /// The ends of a function that the module defines. They are 0 if its callers do not know them.
    fn ends(&self, function: usize) -> Ends {
        match self.looking.is_known_to_callers(function) {
            true => *self.ends[function].wait(),
            false => Ends::default(),
        }
    }

    fn call(&self, operator: &Operator<'_>) -> Option<Call> {
        let by_index = |function: u32| {
            let own = (function as usize).checked_sub(self.quiet.len());
            own.map_or(Call::Any, |own| Call::Direct(self.ends(own)))
        };
        match *operator {
            Operator::Call { function_index } => {
                let is_quiet = self.quiet.get(function_index as usize) == Some(&true);
                (!is_quiet).then(|| by_index(function_index))
            }
            Operator::ReturnCall { function_index } => Some(by_index(function_index)),
            Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => Some(match self.looking.leaves() {
                true => Call::Any,
                false => Call::Direct(Ends::default()),
            }),
            _ => None,
        }
    }
}
