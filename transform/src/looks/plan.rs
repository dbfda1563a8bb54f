//! Where a function looks, and how.
//!
//! Work is counted in units of about one instruction, along the ways that a guest may take. Every loop
//! looks once in each turn and every cycle of calls once in each round, with these exceptions:
//! - a loop that turns a constant number of times and is short as a whole ([`Look::None`]);
//! - a loop in which every turn reaches another look on its straight way.
//!
//! Where a straight way between two looks becomes too long, a look is put in between. A function that may do much
//! before its first look begins with one, so that not each of its calls needs one.
//!
//! A recursion of any depth may come back without a look: what its calls do on the way back is bounded by itself
//! ([`BACK`]).
//!
//! It writes nothing. Invariant: whatever a guest does, between two looks there are at most about
//! [`REACH`] units, and [`BACK`] for each call of a recursion that ends; a call of a function of the host is a look.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{BlockType, Operator};

use super::{
    calls::Calls,
    counted,
    flat::{Flat, block_type, for_each_label, is_call, is_final, is_opener, moves_much},
    liveness,
    passed::{Names, can_pass},
    since::{BACK, Cost, REACH, Since, join},
    turns::{Turns, Way, turns},
};
use crate::parallel::Promised;

/// How much a function may do before its first look.
const ENTERED: u64 = 2048;
/// What a call costs beside what the callee does.
const CALL: u64 = 10;
/// What an imported function does at most without a look: those of the kernel are short, and those of the host and
/// of other modules look.
const IMPORTED: u64 = 100;
/// What growing a memory costs.
const GROW: u64 = 1000;
/// What an instruction on memories costs that moves no more than `bulk` leaves in place.
const MOVE: u64 = 256;
/// What an instruction costs that may move all of a segment, a table or an array. There are never two of them
/// without a look in between.
const BULK: u64 = REACH / 2 + 1;

/// Loops without loops and calls inside are doubled up to this cost of a turn.
const DOUBLED: u64 = 100;
/// Those that may turn without a call are doubled up to so many instructions: most of them are seldom needed.
const DOUBLED_QUIET: usize = 150;

/// How much code a look is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// Little, so a loop that may turn without a call is written like one that has none.
    Small,
    /// Much, because it counts the units of a turn.
    Large,
}

/// Where an engine lays out the call of a loop, as far as the order of branches tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Next to the look.
    Next,
    /// At the end of the function.
    Last,
}

/// How a loop looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It does not: all its turns together, or a turn without the next look, take so many units.
    None(u64),
    /// At its head, with the call there: a loop with parameters.
    Inside,
    /// At its head, with the call behind its body.
    Behind(Layout),
    /// At its head, with the call in a loop around it.
    Around {
        /// The locals that are put away during the call: those that are live, and named in the outermost loop around.
        /// What only the code behind that loop reads may as well be kept in memory from before it.
        passed: Vec<u32>,
        /// Whether a turn of the loop is two turns of the guest's, with the look in between.
        doubled: bool,
    },
}

/// Where one function looks.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Whether it looks where it is entered.
    pub(super) entry: bool,
    /// How its loops look, by the position of the `loop`.
    pub(super) loops: BTreeMap<usize, Look>,
    /// Only known where looks count.
    pub(super) turns: Turns,
    /// The instructions before which there is a look, in order.
    pub(super) before: Vec<usize>,
    pub(super) cost: Cost,
}

/// What the plans of functions depend on.
pub(super) struct Planner<'a> {
    pub(super) size: Size,
    pub(super) calls: &'a Calls,
    pub(super) imported: u32,
    /// The function that is planned.
    pub(super) function: usize,
    /// By function that the module defines. Those before this one in the order are planned already, or are being
    /// planned on other threads.
    pub(super) costs: &'a [Promised<Cost>],
}

impl Planner<'_> {
    /// The plan for the function.
    pub(super) fn plan(&self, flat: &Flat<'_>) -> Plan {
        let loops = self.loops(flat);
        let mut plan = Plan {
            entry: self.calls.is_head(self.function),
            loops: self.looks(flat, &loops),
            ..Plan::default()
        };
        self.walk(flat, &loops, &mut plan);
        if self.size == Size::Large {
            plan.turns = turns(flat, &plan.loops, |operator| self.way(operator));
        }
        plan.entry |= plan.cost.first > ENTERED;
        if plan.entry {
            plan.cost.first = 0;
            plan.cost.after.entry = None;
            plan.cost.looks = true;
        }
        plan
    }

    /// The cost of a function that the module defines, if it comes before this one in the order.
    fn cost(&self, callee: usize) -> Option<&Cost> {
        let is_before = self.calls.is_before(callee, self.function);
        is_before.then(|| self.costs[callee].wait())
    }

    /// What a call costs the caller.
    fn call(&self, operator: &Operator<'_>) -> Cost {
        let short = |units| Cost {
            first: CALL + units,
            after: Since::ENTRY.plus(CALL + units),
            looks: false,
        };
        let recursion = Some(0);
        let (Operator::Call { function_index } | Operator::ReturnCall { function_index }) =
            operator
        else {
            let mut unknown = short(ENTERED);
            unknown.after.back = recursion;
            return unknown;
        };
        let Some(own) = function_index.checked_sub(self.imported) else {
            return short(IMPORTED);
        };
        match self.cost(own as usize) {
            Some(cost) => Cost {
                first: CALL + cost.first,
                after: cost.after.plus(CALL),
                looks: cost.looks,
            },
            // It looks where it is entered.
            None => Cost {
                first: CALL,
                after: Since {
                    look: BACK,
                    entry: None,
                    back: recursion,
                },
                looks: true,
            },
        }
    }

    /// The units of an instruction, as the least and the most of it.
    fn way(&self, operator: &Operator<'_>) -> Way {
        match is_call(operator) {
            true => Way {
                least: CALL,
                most: self.call(operator).first,
            },
            false => {
                let units = Self::units(operator);
                Way {
                    least: units,
                    most: units,
                }
            }
        }
    }

    /// The units of an instruction that calls nothing.
    fn units(operator: &Operator<'_>) -> u64 {
        match operator {
            Operator::End | Operator::Else | Operator::Block { .. } | Operator::Loop { .. } => 0,
            Operator::MemoryGrow { .. } => GROW,
            Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } => MOVE,
            other if moves_much(other) => BULK,
            _ => 1,
        }
    }

    fn loops(&self, flat: &Flat<'_>) -> BTreeMap<usize, Loop> {
        let mut loops = BTreeMap::new();
        let mut open: Vec<(usize, Loop)> = Vec::new();
        for position in 0..flat.ops.len() {
            let operator = flat.operator(position);
            if matches!(operator, Operator::Loop { .. }) {
                open.push((position, Loop::default()));
                continue;
            }
            let Some((opener, innermost)) = open.last_mut() else {
                continue;
            };
            if flat.end_of(*opener) == position {
                let (opener, ended) = open.pop().expect("it was looked at just now");
                if let Some((_, around)) = open.last_mut() {
                    around.take(&ended);
                }
                loops.insert(opener, ended);
                continue;
            }
            let calls = is_call(operator);
            let units = match calls {
                true => self.call(operator).first,
                false => Self::units(operator),
            };
            innermost.calls |= calls;
            innermost.catches |= matches!(operator, Operator::TryTable { .. });
            innermost.units = innermost.units.saturating_add(units);
        }
        loops
    }

    fn looks(&self, flat: &Flat<'_>, loops: &BTreeMap<usize, Loop>) -> BTreeMap<usize, Look> {
        let mut positions: Vec<usize> = loops.keys().copied().collect();
        // Inner loops first: they stand behind those around them.
        positions.sort_unstable_by(|one, other| other.cmp(one));
        let mut looks = BTreeMap::new();
        let quiet = match self.size {
            Size::Small => quiet(flat, loops),
            Size::Large => BTreeSet::new(),
        };
        let mut live = None;
        let mut names = Names::new(flat, &positions);
        for opener in positions {
            let found = &loops[&opener];
            let look = if let Some(units) = constant(flat, opener, found) {
                Look::None(units)
            } else if found.units <= REACH && self.is_sure(flat, opener, &looks) {
                Look::None(found.units)
            } else if has_params(flat.operator(opener)) {
                Look::Inside
            } else if found.catches || (found.calls && !quiet.contains(&opener)) {
                Look::Behind(Layout::Next)
            } else {
                let live = live.get_or_insert_with(|| liveness::at_loops(flat));
                let live = live.as_ref().and_then(|live| live.get(&opener));
                let (layout, is_short) = match found.calls {
                    true => (Layout::Next, flat.end_of(opener) - opener <= DOUBLED_QUIET),
                    false => (Layout::Last, found.units <= DOUBLED),
                };
                // To put away much costs more than to keep it during the call.
                live.filter(|live| can_pass(flat, live))
                    .map_or(Look::Behind(layout), |live| Look::Around {
                        passed: names.of_those(opener, live),
                        doubled: !found.has_loops && is_short,
                    })
            };
            looks.insert(opener, look);
        }
        looks
    }

    /// Whether every turn reaches a look on its straight way.
    fn is_sure(&self, flat: &Flat<'_>, opener: usize, looks: &BTreeMap<usize, Look>) -> bool {
        for position in opener + 1..flat.end_of(opener) {
            let operator = flat.operator(position);
            match operator {
                Operator::Loop { .. } => {
                    // Others may branch or leave before they look.
                    let look = &looks[&position];
                    return !matches!(look, Look::None(_) | Look::Around { doubled: true, .. });
                }
                Operator::Call { function_index } => {
                    let own = function_index.checked_sub(self.imported);
                    // One that is planned later looks where it is entered.
                    let looks = |own| self.cost(own).is_none_or(|cost| cost.looks);
                    if own.is_some_and(|own| looks(own as usize)) {
                        return true;
                    }
                }
                Operator::Block { .. } => {}
                Operator::End | Operator::Else => return false,
                opens if is_opener(opens) => return false,
                other => {
                    let mut branches = is_final(other);
                    for_each_label(other, |_| branches = true);
                    if branches {
                        return false;
                    }
                }
            }
        }
        false
    }

    /// Goes through the function along the ways that a guest may take, counts what is done since the
    /// last look, and puts looks where that becomes too much.
    fn walk(&self, flat: &Flat<'_>, loops: &BTreeMap<usize, Loop>, plan: &mut Plan) {
        /// A block that the walk is in.
        struct Frame {
            opener: usize,
            /// The ways that go on behind the block.
            after: Option<Since>,
            /// Of an `if` without an `else`: the way around it.
            around: Option<Since>,
            /// The units of the loops around that do not look.
            loops: u64,
        }
        let mut frames = vec![Frame {
            opener: usize::MAX,
            after: None,
            around: None,
            loops: 0,
        }];
        let mut since = Some(Since::ENTRY);
        let mut first = 0;
        for position in 0..flat.ops.len() {
            let operator = flat.operator(position);
            match operator {
                Operator::End => {
                    let frame = frames.pop().expect("blocks are nested");
                    join(&mut since, frame.after);
                    join(&mut since, frame.around);
                    if frames.is_empty() {
                        leave(position, &mut since, &mut plan.before);
                        break;
                    }
                    continue;
                }
                Operator::Else => {
                    let frame = frames.last_mut().expect("an `else` is inside of its `if`");
                    join(&mut frame.after, since);
                    since = frame.around.take();
                    continue;
                }
                opens if is_opener(opens) => {
                    if let Operator::TryTable { try_table } = opens {
                        // What may throw may come out at a handler, with anything in between.
                        for catch in &try_table.catches {
                            let depth = super::flat::label_of(catch) as usize;
                            let at = frames.len() - 1 - depth;
                            frames[at].after = Some(Since {
                                look: REACH,
                                entry: None,
                                back: Some(0),
                            });
                        }
                    }
                    let condition = matches!(opens, Operator::If { .. });
                    since = since.map(|since| since.plus(u64::from(condition)));
                    let around = frames.last().expect("the function is a block");
                    let mut loops_around = around.loops;
                    if let Some(look) = plan.loops.get(&position) {
                        if let Look::None(units) = look {
                            loops_around += units;
                        }
                        since = since.map(|since| match look {
                            Look::None(units) => since.plus(*units),
                            // It may end before it looks.
                            Look::Around { doubled: true, .. } => {
                                since.plus(loops[&position].units)
                            }
                            Look::Inside | Look::Behind(_) | Look::Around { .. } => Since::LOOK,
                        });
                    }
                    frames.push(Frame {
                        opener: position,
                        after: None,
                        around: if condition { since } else { None },
                        loops: loops_around,
                    });
                }
                calls if is_call(calls) => {
                    let cost = self.call(calls);
                    if let Some(before) = &mut since {
                        let loops = frames.last().expect("the function is a block").loops;
                        let after = before.call(&cost, loops);
                        let replaces = is_final(calls) && after.back > Some(BACK);
                        if (before.look + cost.first > REACH && before.look > 0) || replaces {
                            plan.before.push(position);
                            *before = Since::LOOK;
                        }
                        first = first.max(before.entry.map_or(0, |entry| entry + cost.first));
                        *before = before.call(&cost, loops);
                    }
                }
                Operator::Return => leave(position, &mut since, &mut plan.before),
                other => {
                    if let Some(since) = &mut since {
                        let units = Self::units(other);
                        *since = since.plus(units);
                        if since.look > REACH {
                            plan.before.push(position);
                            *since = Since::LOOK.plus(units);
                        }
                    }
                }
            }
            first = first.max(since.and_then(|since| since.entry).unwrap_or(0));
            for_each_label(operator, |label| {
                if matches!(operator, Operator::TryTable { .. }) {
                    return;
                }
                let at = frames.len() - 1 - label as usize;
                let frame = &mut frames[at];
                // A way back is counted where the loop begins.
                if !plan.loops.contains_key(&frame.opener) {
                    join(&mut frame.after, since);
                }
            });
            if is_final(operator) {
                if matches!(operator, Operator::Return) || is_call(operator) {
                    join(&mut frames[0].after, since);
                }
                since = None;
            }
        }
        let mut after = since.unwrap_or_default();
        after.look = after.look.min(REACH);
        plan.cost = Cost {
            first,
            after,
            looks: false,
        };
    }
}

/// Where a function returns: puts a look there if it is too long since a recursion came back.
fn leave(position: usize, since: &mut Option<Since>, before: &mut Vec<usize>) {
    if let Some(since) = since
        && since.back > Some(BACK)
    {
        before.push(position);
        *since = Since::LOOK;
    }
}

/// What is known of a loop before it is decided how it looks.
#[derive(Default)]
struct Loop {
    calls: bool,
    catches: bool,
    has_loops: bool,
    /// The units of a turn, with one turn of each loop inside, all arms together.
    units: u64,
}

impl Loop {
    /// Takes note of a loop inside.
    fn take(&mut self, inner: &Self) {
        self.calls |= inner.calls;
        self.catches |= inner.catches;
        self.has_loops = true;
        self.units = self.units.saturating_add(inner.units);
    }
}

/// The loops of a function that may turn without a call.
fn quiet(flat: &Flat<'_>, loops: &BTreeMap<usize, Loop>) -> BTreeSet<usize> {
    if !loops.values().any(|found| found.calls) {
        return BTreeSet::new();
    }
    let looks = loops.keys().map(|at| (*at, Look::Inside)).collect();
    let calls = turns(flat, &looks, |operator| Way {
        least: u64::from(is_call(operator)),
        most: 0,
    });
    let quiet = calls.loops.into_iter().filter(|(_, calls)| *calls == 0);
    quiet.map(|(opener, _)| opener).collect()
}

/// The units of all turns of a loop whose number is constant, if they are few.
fn constant(flat: &Flat<'_>, opener: usize, found: &Loop) -> Option<u64> {
    // What is inside and turns as well would have to be multiplied.
    if found.has_loops {
        return None;
    }
    let units = found.units.max(1);
    let turns = counted::turns(flat, opener, REACH / units)?;
    Some(turns * units)
}

fn has_params(operator: &Operator<'_>) -> bool {
    // A type by its index has parameters or several results, which no compiler writes for a loop.
    matches!(block_type(operator), Some(BlockType::FuncType(_)))
}
