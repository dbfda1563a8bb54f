//! Where a function looks, and how.
//!
//! Work is counted in units of about one instruction, along the ways that a guest may take. Every loop
//! looks once in each turn and every cycle of calls once in each round, with these exceptions:
//! - a loop that turns a constant number of times and is short as a whole ([`Look::None`]);
//! - a loop in which every turn reaches another look on its straight way.
//!
//! Where a straight way between two looks becomes too long, a look is put in between.
//!
//! It writes nothing. Invariant: whatever a guest does, between two looks there are at most about
//! [`REACH`] units; a call of a function of the host is a look.

use std::collections::{HashMap, HashSet};

use wasmparser::{BlockType, Operator, ValType};

use super::{
    calls::Calls,
    counted,
    flat::{Flat, block_type, for_each_label, is_call, is_final, is_opener, moves_much},
    liveness,
    turns::{Turns, Way, turns},
};

/// How much a guest may do between two looks, in units.
const REACH: u64 = 16_384;
/// How much a function may do before its first look, if callers that do not name it call it.
const UNNAMED: u64 = 1024;
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
/// How many locals are put away during the call; where more are live, none is.
const PASSED: usize = 16;

/// Loops without loops and calls inside are doubled up to this cost of a turn.
const DOUBLED: u64 = 100;
/// Those that may turn without a call are doubled up to so many instructions: most of them are seldom needed.
const DOUBLED_QUIET: usize = 250;

/// How much code a look is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// Little, so a loop that may turn without a call is written like one that has none.
    Small,
    /// Much.
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
        /// The locals that are put away during the call: all that are live.
        passed: Vec<u32>,
        /// Whether a turn of the loop is two turns of the guest's, with the look in between.
        doubled: bool,
    },
}

/// What callers must know of a function.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// The most units that may pass in it without a look, from where it is entered, or between looks.
    within: u64,
    /// The units since the last look, or since it was entered, when it returns.
    after: u64,
    /// Whether it looks where it is entered.
    looks: bool,
}

/// Where one function looks.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Whether it looks where it is entered.
    pub(super) entry: bool,
    /// How its loops look, by the position of the `loop`.
    pub(super) loops: HashMap<usize, Look>,
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
    /// By function that the module defines; those that are planned already.
    pub(super) costs: &'a [Option<Cost>],
}

impl Planner<'_> {
    /// The plan for a function that the module defines.
    pub(super) fn plan(&self, function: usize, flat: &Flat<'_>) -> Plan {
        let loops = self.loops(flat);
        let mut plan = Plan {
            entry: self.calls.is_head(function),
            loops: self.looks(flat, &loops),
            ..Plan::default()
        };
        self.walk(flat, &loops, &mut plan);
        plan.turns = turns(flat, &plan.loops, |operator| self.way(operator));
        plan.entry |= self.calls.is_reachable(function) && plan.cost.within > UNNAMED;
        if plan.entry {
            plan.cost.within = 0;
            plan.cost.looks = true;
        }
        plan
    }

    /// What a call costs the caller: units without a look at most, and units since the last look
    /// when it returns.
    fn call(&self, operator: &Operator<'_>) -> Cost {
        let unknown = Cost {
            within: CALL + UNNAMED,
            after: CALL + UNNAMED,
            looks: false,
        };
        match operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                let Some(own) = function_index.checked_sub(self.imported) else {
                    return Cost {
                        within: CALL + IMPORTED,
                        after: CALL + IMPORTED,
                        looks: false,
                    };
                };
                match self.costs[own as usize] {
                    Some(cost) => Cost {
                        within: CALL + cost.within,
                        after: CALL + cost.after,
                        looks: cost.looks,
                    },
                    // Not planned yet, so it is one that looks where it is entered. A recursion of any depth
                    // comes back without a look in between, so the way back has to be short.
                    None => Cost {
                        within: CALL,
                        after: REACH - UNNAMED,
                        looks: true,
                    },
                }
            }
            _ => unknown,
        }
    }

    /// The units of an instruction, as the least and the most of it.
    fn way(&self, operator: &Operator<'_>) -> Way {
        match is_call(operator) {
            true => Way {
                least: CALL,
                most: self.call(operator).within,
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

    fn loops(&self, flat: &Flat<'_>) -> HashMap<usize, Loop> {
        let mut loops = HashMap::new();
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
                true => self.call(operator).within,
                false => Self::units(operator),
            };
            innermost.calls |= calls;
            innermost.catches |= matches!(operator, Operator::TryTable { .. });
            innermost.units = innermost.units.saturating_add(units);
        }
        loops
    }

    fn looks(&self, flat: &Flat<'_>, loops: &HashMap<usize, Loop>) -> HashMap<usize, Look> {
        let mut positions: Vec<usize> = loops.keys().copied().collect();
        // Inner loops first: they stand behind those around them.
        positions.sort_unstable_by(|one, other| other.cmp(one));
        let mut looks = HashMap::with_capacity(loops.len());
        let quiet = match self.size {
            Size::Small => quiet(flat, loops),
            Size::Large => HashSet::new(),
        };
        let mut live = None;
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
                    .map_or(Look::Behind(layout), |passed| Look::Around {
                        passed: passed.clone(),
                        doubled: !found.has_loops && is_short,
                    })
            };
            looks.insert(opener, look);
        }
        looks
    }

    /// Whether every turn reaches a look on its straight way.
    fn is_sure(&self, flat: &Flat<'_>, opener: usize, looks: &HashMap<usize, Look>) -> bool {
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
                    if own.is_some_and(|own| self.calls.is_head(own as usize)) {
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
    fn walk(&self, flat: &Flat<'_>, loops: &HashMap<usize, Loop>, plan: &mut Plan) {
        /// A block that the walk is in.
        struct Frame {
            opener: usize,
            /// The most units of a way that goes on behind the block, if there is any.
            after: Option<u64>,
            /// Of an `if` without an `else`: the units of the way around it.
            around: Option<u64>,
        }
        let mut frames = vec![Frame {
            opener: usize::MAX,
            after: None,
            around: None,
        }];
        // The units since the last look; `None` where nothing can get.
        let mut since = Some(0_u64);
        let mut within = 0;
        for position in 0..flat.ops.len() {
            let operator = flat.operator(position);
            match operator {
                Operator::End => {
                    let frame = frames.pop().expect("blocks are nested");
                    since = since.max(frame.after).max(frame.around);
                    if frames.is_empty() {
                        break;
                    }
                    continue;
                }
                Operator::Else => {
                    let frame = frames.last_mut().expect("an `else` is inside of its `if`");
                    frame.after = frame.after.max(since);
                    since = frame.around.take();
                    continue;
                }
                opens if is_opener(opens) => {
                    if let Operator::TryTable { try_table } = opens {
                        // What may throw may come out at a handler, with anything in between.
                        for catch in &try_table.catches {
                            let depth = super::flat::label_of(catch) as usize;
                            let at = frames.len() - 1 - depth;
                            frames[at].after = Some(REACH);
                        }
                    }
                    let condition = matches!(opens, Operator::If { .. });
                    since = since.map(|since| since + u64::from(condition));
                    if let Some(look) = plan.loops.get(&position) {
                        since = since.map(|since| match look {
                            Look::None(units) => since + units,
                            // It may end before it looks.
                            Look::Around { doubled: true, .. } => since + loops[&position].units,
                            Look::Inside | Look::Behind(_) | Look::Around { .. } => 0,
                        });
                    }
                    frames.push(Frame {
                        opener: position,
                        after: None,
                        around: if condition { since } else { None },
                    });
                }
                calls if is_call(calls) => {
                    let cost = self.call(calls);
                    if let Some(before) = since {
                        let mut before = before;
                        if before + cost.within > REACH && before > 0 {
                            plan.before.push(position);
                            before = 0;
                        }
                        within = within.max(before + cost.within);
                        since = Some(match cost.looks {
                            true => cost.after,
                            false => (before + cost.after).min(REACH.max(cost.after)),
                        });
                    }
                }
                other => {
                    if let Some(units) = &mut since {
                        *units += Self::units(other);
                        if *units > REACH {
                            plan.before.push(position);
                            *units = Self::units(other);
                        }
                    }
                }
            }
            within = within.max(since.unwrap_or_default());
            for_each_label(operator, |label| {
                if matches!(operator, Operator::TryTable { .. }) {
                    return;
                }
                let at = frames.len() - 1 - label as usize;
                let frame = &mut frames[at];
                // A way back is counted where the loop begins.
                if !plan.loops.contains_key(&frame.opener) {
                    frame.after = frame.after.max(since);
                }
            });
            if is_final(operator) {
                if matches!(operator, Operator::Return) || is_call(operator) {
                    frames[0].after = frames[0].after.max(since);
                }
                since = None;
            }
        }
        plan.cost = Cost {
            within,
            after: since.unwrap_or_default().min(REACH),
            looks: false,
        };
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
fn quiet(flat: &Flat<'_>, loops: &HashMap<usize, Loop>) -> HashSet<usize> {
    if !loops.values().any(|found| found.calls) {
        return HashSet::new();
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

/// Whether these locals are few numbers.
fn can_pass(flat: &Flat<'_>, locals: &[u32]) -> bool {
    let is_number = |local: &u32| !matches!(flat.locals[*local as usize], ValType::Ref(_));
    locals.len() <= PASSED && locals.iter().all(is_number)
}
