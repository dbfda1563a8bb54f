//! About how long a turn of each loop takes, and a function, for who counts the work.
//!
//! It goes through the function along the ways that a guest may take, like `plan`, and through each loop once.
//! Invariant: the longest way takes at most about [`SPREAD`] times what is said, if each loop in it turns once.

use std::collections::BTreeMap;

use wasmparser::Operator;

use super::{
    flat::{Flat, for_each_label, is_call, is_final, is_opener},
    plan::Look,
};

/// How much longer than its shortest turn a loop's longest one is taken to be at most. The loop of an interpreter has
/// an arm for each instruction; most are short, and the longest one says little.
const SPREAD: u64 = 128;

/// The units of the ways that lead to a place, since the function was entered.
#[derive(Clone, Copy, Default)]
pub(super) struct Way {
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Way {
    fn then(self, next: Self) -> Self {
        Self {
            least: self.least.saturating_add(next.least),
            most: self.most.saturating_add(next.most),
        }
    }

    /// The rest of the ways, behind a place through which all of them lead.
    fn since(self, place: Self) -> Self {
        Self {
            least: self.least.saturating_sub(place.least),
            most: self.most.saturating_sub(place.most),
        }
    }

    fn units(self) -> u64 {
        self.least.max(self.most / SPREAD)
    }
}

/// The ways that lead to where both lead; `None` leads nowhere.
fn join(one: Option<Way>, other: Option<Way>) -> Option<Way> {
    let (Some(one), Some(other)) = (one, other) else {
        return one.or(other);
    };
    Some(Way {
        least: one.least.min(other.least),
        most: one.most.max(other.most),
    })
}

/// A block.
struct Frame {
    opener: usize,
    /// The way to where it begins.
    before: Way,
    after: Option<Way>,
    /// Of an `if` without an `else`: the way around it.
    around: Option<Way>,
}

/// About how many units code takes.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// A turn of each loop that looks, by the position of the `loop`.
    pub(super) loops: BTreeMap<usize, u64>,
    /// The function.
    pub(super) function: u64,
}

/// The turns of a function. `units` says the units of one instruction.
pub(super) fn turns(
    flat: &Flat<'_>,
    looks: &BTreeMap<usize, Look>,
    units: impl Fn(&Operator<'_>) -> Way,
) -> Turns {
    let mut turns: BTreeMap<usize, Option<Way>> = BTreeMap::new();
    let mut frames = vec![Frame {
        opener: usize::MAX,
        before: Way::default(),
        after: None,
        around: None,
    }];
    let mut way = Some(Way::default());
    for position in 0..flat.ops.len() {
        let operator = flat.operator(position);
        match operator {
            Operator::End => {
                let frame = frames.pop().expect("blocks are nested");
                way = join(way, join(frame.after, frame.around));
                if frames.is_empty() {
                    break;
                }
                continue;
            }
            Operator::Else => {
                let frame = frames.last_mut().expect("an `else` is inside of its `if`");
                frame.after = join(frame.after, way);
                way = frame.around.take();
                continue;
            }
            opens if is_opener(opens) => {
                if let Some(Look::None(most)) = looks.get(&position) {
                    let turns = Way {
                        least: 0,
                        most: *most,
                    };
                    way = way.map(|way| way.then(turns));
                }
                let is_if = matches!(opens, Operator::If { .. });
                frames.push(Frame {
                    opener: position,
                    before: way.unwrap_or_default(),
                    after: None,
                    around: way.filter(|_| is_if),
                });
            }
            other => way = way.map(|way| way.then(units(other))),
        }
        for_each_label(operator, |label| {
            let at = frames.len() - 1 - label as usize;
            // Labels of a `try_table` are counted from outside, where it is open already.
            let at = at - usize::from(matches!(operator, Operator::TryTable { .. }));
            let frame = &mut frames[at];
            match looks.contains_key(&frame.opener) {
                true => {
                    let turn = turns.entry(frame.opener).or_default();
                    *turn = join(*turn, way.map(|way| way.since(frame.before)));
                }
                false => frame.after = join(frame.after, way),
            }
        });
        if is_final(operator) {
            if matches!(operator, Operator::Return) || is_call(operator) {
                frames[0].after = join(frames[0].after, way);
            }
            way = None;
        }
    }
    let turns = turns.into_iter().filter_map(|(opener, way)| {
        let turn = way?.units();
        let is_doubled = matches!(looks[&opener], Look::Around { doubled: true, .. });
        Some((opener, if is_doubled { 2 * turn } else { turn }))
    });
    Turns {
        loops: turns.collect(),
        function: way.unwrap_or_default().units(),
    }
}
