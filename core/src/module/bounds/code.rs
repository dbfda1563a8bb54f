//! Counts what compilers repeat in the code of functions: blocks, loops and the locals that are alive in them.
//!
//! Values count where they are passed, not where their types are declared. Where control flow joins, a compiler
//! handles every live local, and a local that is set in a loop becomes a separate value at the head of that loop
//! and of each loop around it. So the two products count, not their factors. Behind a block in which a local is set,
//! the local is a new value as well. A register allocator merges it with others of the same local, at a cost that grows
//! with the number of blocks, and in another way with the blocks around each other: so pairs of blocks count.
//!
//! Invariant: the pass ends at the first excess, so its memory is bounded.

use std::{collections::BTreeSet, ops::AddAssign};

use wasmparser::{BlockType, FunctionBody, Operator};

use super::{Bound, Bounds, Stop, weights};

/// The counts of one function, or of several.
#[derive(Clone, Copy, Default)]
pub(super) struct Code {
    /// The deepest nesting of blocks.
    nesting: u64,
    /// The deepest nesting of loops.
    loops: u64,
    block_locals: u64,
    loop_locals: u64,
    /// In units of ten thousand pairs, as the next two, known at the end of the function.
    set_nesting: u64,
    merges: u64,
    costly_pairs: u64,
    long: u64,
    costly: u64,
    indirect_calls: u64,
    /// Direct and indirect.
    calls: u64,
    call_values: u64,
    block_values: u64,
}

/// The numbers of parameters and results of types and functions, by index.
#[derive(Default)]
pub(super) struct Signatures {
    types: Vec<u64>,
    functions: Vec<u64>,
}

impl Signatures {
    /// The next type.
    pub(super) fn ty(&mut self, values: u64) {
        self.types.push(values);
    }

    /// Parameters and results of a function, counted from the last one.
    pub(super) fn of_last(&self, position: usize) -> u64 {
        let values = self.functions.iter().rev().nth(position);
        values.copied().unwrap_or_default()
    }

    /// The next function, imported ones first.
    pub(super) fn function(&mut self, ty: u32) {
        self.functions.push(self.of_type(ty));
    }

    /// The validator refuses an index that does not exist.
    fn of_type(&self, ty: u32) -> u64 {
        self.types.get(ty as usize).copied().unwrap_or_default()
    }

    fn of_function(&self, function: u32) -> u64 {
        let values = self.functions.get(function as usize);
        values.copied().unwrap_or_default()
    }

    fn of_block(&self, ty: BlockType) -> u64 {
        match ty {
            BlockType::FuncType(ty) => self.of_type(ty),
            BlockType::Empty | BlockType::Type(_) => 0,
        }
    }
}

/// A call costs as much memory as so many of its values.
const CALL: u64 = 3;

/// The instructions that are done in pieces, by kind and what they work on. Each kind gets a function for each.
#[derive(Default)]
pub(super) struct InPieces(BTreeSet<(Kind, u32, u32)>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Fill,
    Copy,
    Data,
    Elements,
}

impl InPieces {
    /// What the function for an instruction costs, if it is the first of its kind.
    fn cost(&mut self, kind: Kind, array: u32, other: u32) -> u64 {
        match self.0.insert((kind, array, other)) {
            true => weights::IN_PIECES,
            false => 0,
        }
    }
}

/// How many pairs are a unit.
const PAIRS: u64 = 10_000;

/// A count, its bound, and its name.
type Row = (u64, Bound, &'static str);

/// An open block.
struct Open {
    is_loop: bool,
    /// Whether it is no loop and gives values to the code behind it.
    gives: bool,
    /// Its parameters and results, the most values that a branch to it passes.
    values: u64,
}

/// How many values a branch passes. The validator refuses a label that does not exist.
fn passed(open: &[Open], depth: u32) -> u64 {
    let target = open.iter().rev().nth(depth as usize);
    target.map_or(0, |block| block.values)
}

impl Code {
    /// Counts the code of a function with these numbers of parameters and locals, and of results.
    pub(super) fn count(
        body: &FunctionBody<'_>,
        locals: u64,
        results: u64,
        signatures: &Signatures,
        pieces: &mut InPieces,
        bounds: &Bounds,
    ) -> Result<Self, Stop> {
        let mut found = Self::default();
        let mut blocks = 0;
        let mut loops = Nested::new(locals);
        let mut merging = Merging::new(locals);
        // The function is the outermost block.
        let mut open = vec![Open {
            is_loop: false,
            gives: false,
            values: results,
        }];
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            let weight = weights::of(&operator);
            found.long += weight.long;
            found.costly += weight.costly;
            let (ty, is_loop) = match operator {
                Operator::Loop { blockty } => (blockty, true),
                Operator::Block { blockty }
                | Operator::If { blockty }
                | Operator::Try { blockty } => (blockty, false),
                Operator::TryTable { try_table } => (try_table.ty, false),
                Operator::End | Operator::Delegate { .. } => {
                    match open.pop() {
                        Some(Open { is_loop: true, .. }) => loops.leave(),
                        Some(Open { gives, .. }) => merging.leave(gives),
                        None => {}
                    }
                    continue;
                }
                Operator::Br { relative_depth }
                | Operator::BrIf { relative_depth }
                | Operator::BrOnNull { relative_depth }
                | Operator::BrOnNonNull { relative_depth } => {
                    found.call_values += passed(&open, relative_depth);
                    continue;
                }
                // All targets take the same number of values.
                Operator::BrTable { targets } => {
                    let count = u64::from(targets.len()) + 1;
                    found.call_values += count * passed(&open, targets.default());
                    continue;
                }
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    found.loop_locals += loops.set(local_index);
                    merging.set(local_index);
                    continue;
                }
                Operator::CallIndirect { type_index, .. }
                | Operator::ReturnCallIndirect { type_index, .. } => {
                    found.calls += 1;
                    found.indirect_calls += 1;
                    found.call_values += signatures.of_type(type_index);
                    continue;
                }
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    found.calls += 1;
                    found.call_values += signatures.of_function(function_index);
                    continue;
                }
                Operator::ArrayFill {
                    array_type_index: array,
                } => {
                    found.long += pieces.cost(Kind::Fill, array, 0);
                    continue;
                }
                Operator::ArrayCopy {
                    array_type_index_dst: array,
                    array_type_index_src: other,
                } => {
                    found.long += pieces.cost(Kind::Copy, array, other);
                    continue;
                }
                Operator::ArrayInitData {
                    array_type_index: array,
                    array_data_index: other,
                } => {
                    found.long += pieces.cost(Kind::Data, array, other);
                    continue;
                }
                Operator::ArrayInitElem {
                    array_type_index: array,
                    array_elem_index: other,
                } => {
                    found.long += pieces.cost(Kind::Elements, array, other);
                    continue;
                }
                _ => continue,
            };
            let values = signatures.of_block(ty);
            found.block_values += values;
            let gives = !is_loop && ty != BlockType::Empty;
            open.push(Open {
                is_loop,
                gives,
                values,
            });
            match is_loop {
                true => loops.enter(),
                false => merging.enter(gives),
            }
            blocks += 1;
            found.nesting = found.nesting.max(open.len() as u64 - 1);
            found.loops = found.loops.max(loops.depth());
            if found.nesting > bounds.nesting || found.loops > bounds.loops {
                break;
            }
        }
        found.block_locals = locals.saturating_mul(blocks);
        found.set_nesting = merging.nested / PAIRS;
        found.merges = merging.sets.saturating_mul(blocks) / PAIRS;
        found.costly_pairs = found.costly.saturating_mul(found.costly) / PAIRS;
        Ok(found)
    }

    /// The counts with a bound for each function.
    pub(super) fn of_function(&self) -> [Row; 9] {
        let calls = self
            .calls
            .saturating_mul(CALL)
            .saturating_add(self.call_values);
        [
            (calls, |b| b.calls, "units of calls"),
            (self.long, |b| b.long, "units of long instructions"),
            (self.costly, |b| b.costly, "units of costly instructions"),
            (self.nesting, |b| b.nesting, "blocks inside each other"),
            (self.loops, |b| b.loops, "loops inside each other"),
            (self.block_locals, |b| b.block_locals, "locals times blocks"),
            (
                self.loop_locals,
                |b| b.loop_locals,
                "locals times loops that set them",
            ),
            (
                self.set_nesting,
                |b| b.set_nesting,
                "ten thousands of pairs of blocks around what sets a local",
            ),
            (
                self.merges,
                |b| b.merges,
                "ten thousands of blocks times locals that each of them sets",
            ),
        ]
    }

    /// The counts with a bound for all functions together.
    pub(super) fn of_module(&self) -> [Row; 9] {
        [
            (
                self.long,
                |b| b.all_long,
                "units of long instructions in all functions",
            ),
            (
                self.costly_pairs,
                |b| b.costly_pairs,
                "ten thousands of pairs of units of costly instructions in all functions",
            ),
            (
                self.block_locals,
                |b| b.all_block_locals,
                "locals times blocks in all functions",
            ),
            (
                self.loop_locals,
                |b| b.all_loop_locals,
                "locals times loops that set them in all functions",
            ),
            (
                self.set_nesting,
                |b| b.all_set_nesting,
                "ten thousands of pairs of blocks around what sets a local in all functions",
            ),
            (
                self.merges,
                |b| b.all_merges,
                "ten thousands of blocks times locals that each of them sets in all functions",
            ),
            (self.indirect_calls, |b| b.indirect_calls, "indirect calls"),
            (
                self.call_values,
                |b| b.call_values,
                "values of calls and branches",
            ),
            (
                self.block_values,
                |b| b.block_values,
                "parameters and results of blocks",
            ),
        ]
    }
}

impl AddAssign for Code {
    fn add_assign(&mut self, other: Self) {
        self.nesting = self.nesting.max(other.nesting);
        self.loops = self.loops.max(other.loops);
        self.block_locals = self.block_locals.saturating_add(other.block_locals);
        self.loop_locals += other.loop_locals;
        self.set_nesting = self.set_nesting.saturating_add(other.set_nesting);
        self.merges = self.merges.saturating_add(other.merges);
        self.long += other.long;
        self.costly_pairs = self.costly_pairs.saturating_add(other.costly_pairs);
        self.indirect_calls += other.indirect_calls;
        self.calls += other.calls;
        self.call_values += other.call_values;
        self.block_values += other.block_values;
    }
}

/// The values that are merged behind blocks other than loops.
struct Merging {
    blocks: Nested,
    /// How many of the open blocks give values.
    giving: u64,
    /// Pairs of blocks around what sets a local, and twice those of open blocks that give values: Cranelift takes six
    /// bytes for each of the former, eleven for each of the latter.
    nested: u64,
    /// For all locals together, the blocks that set them.
    sets: u64,
}

impl Merging {
    fn new(locals: u64) -> Self {
        Self {
            blocks: Nested::new(locals),
            giving: 0,
            nested: 0,
            sets: 0,
        }
    }

    fn enter(&mut self, gives: bool) {
        self.blocks.enter();
        if gives {
            // The number of pairs of n blocks is the sum of the first n odd numbers.
            self.nested = self.nested.saturating_add(2 * (2 * self.giving + 1));
            self.giving += 1;
        }
    }

    fn leave(&mut self, gives: bool) {
        self.blocks.leave();
        self.giving -= u64::from(gives);
    }

    fn set(&mut self, local: u32) {
        let new = self.blocks.set(local);
        self.nested = self.nested.saturating_add(new * new);
        self.sets += new;
    }
}

/// The open blocks of a kind, and which of them set which local.
///
/// Blocks are numbered in the order in which they open. An open block with a lower number encloses one with a higher
/// number, so it suffices to store for each local the last block that set it.
struct Nested {
    open: Vec<u32>,
    next: u32,
    last: Vec<u32>,
}

impl Nested {
    fn new(locals: u64) -> Self {
        Self {
            open: Vec::new(),
            next: 1,
            last: vec![0; locals as usize],
        }
    }

    fn depth(&self) -> u64 {
        self.open.len() as u64
    }

    fn enter(&mut self) {
        self.open.push(self.next);
        self.next += 1;
    }

    fn leave(&mut self) {
        self.open.pop();
    }

    /// In how many of the enclosing blocks the local was not set before.
    fn set(&mut self, local: u32) -> u64 {
        let Some(last) = self.last.get_mut(local as usize) else {
            // The validator reports it.
            return 0;
        };
        let known = self.open.partition_point(|number| number <= last);
        if let Some(&innermost) = self.open.last() {
            *last = innermost.max(*last);
        }
        (self.open.len() - known) as u64
    }
}
