//! Which locals are live where a loop begins: those whose values may still be read.
//!
//! The usual analysis, backwards over the list of instructions until nothing changes. It knows
//! nothing of looks. Invariant: no local that is live is missing; what cannot be found out cheaply is
//! not answered at all.

use std::collections::BTreeMap;

use wasmparser::Operator;

use super::flat::{Flat, for_each_label, is_final, is_opener};

/// How much work one function may cost, in words of sets that are touched.
const WORK: usize = 20_000_000;
/// How often a body is read: loops that are nested deeper may need more.
const ROUNDS: usize = 12;

/// A set of locals.
#[derive(Clone, Default, PartialEq)]
struct Set(Vec<u64>);

impl Set {
    fn of(locals: usize) -> Self {
        Self(vec![0; locals.div_ceil(64)])
    }

    fn add(&mut self, local: u32) {
        self.0[local as usize / 64] |= 1 << (local % 64);
    }

    fn remove(&mut self, local: u32) {
        self.0[local as usize / 64] &= !(1 << (local % 64));
    }

    fn join(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own |= other;
        }
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        let bit = |word: u64, bit: &u32| word >> bit & 1 == 1;
        self.0.iter().enumerate().flat_map(move |(index, word)| {
            let bits = (0..64).filter(move |place| bit(*word, place));
            bits.map(move |place| index as u32 * 64 + place)
        })
    }
}

/// A block that the analysis is in, coming from its end.
struct Frame {
    opener: usize,
    /// What is live where a branch to its label leads.
    target: Set,
    /// Of an `if` with an `else`: what is live where the `else` begins.
    other: Option<Set>,
}

/// For each loop, by its position, the locals that are live at its head. `None` if it costs too much
/// to find out.
pub(super) fn at_loops(flat: &Flat<'_>) -> Option<BTreeMap<usize, Vec<u32>>> {
    let mut heads: BTreeMap<usize, Set> = BTreeMap::new();
    let words = flat.locals.len().div_ceil(64).max(1);
    for _ in 0..ROUNDS.min(WORK / (words * flat.ops.len()).max(1)) {
        if !round(flat, &mut heads) {
            let lists = heads.into_iter();
            return Some(lists.map(|(at, set)| (at, set.iter().collect())).collect());
        }
    }
    None
}

/// Reads the body once, backwards. Returns whether anything was found.
fn round(flat: &Flat<'_>, heads: &mut BTreeMap<usize, Set>) -> bool {
    let nothing = Set::of(flat.locals.len());
    let mut live = nothing.clone();
    let mut changed = false;
    // The block of the function; its label is the return.
    let mut frames = vec![Frame {
        opener: usize::MAX,
        target: nothing.clone(),
        other: None,
    }];
    // The positions of the openers, by that of their `end`.
    let mut openers = vec![usize::MAX; flat.ops.len()];
    for position in 0..flat.ops.len() {
        if is_opener(flat.operator(position)) {
            openers[flat.end_of(position)] = position;
        }
    }
    // Handlers that an exception may reach from here.
    let mut handlers: Vec<(usize, Set)> = Vec::new();
    for position in (0..flat.ops.len()).rev() {
        let operator = flat.operator(position);
        match operator {
            Operator::End if openers[position] != usize::MAX => {
                let opener = openers[position];
                let is_loop = matches!(flat.operator(opener), Operator::Loop { .. });
                let target = match is_loop {
                    true => heads
                        .entry(opener)
                        .or_insert_with(|| nothing.clone())
                        .clone(),
                    false => live.clone(),
                };
                if let Operator::TryTable { try_table } = flat.operator(opener) {
                    let mut caught = nothing.clone();
                    for catch in &try_table.catches {
                        let label = super::flat::label_of(catch);
                        caught.join(&label_target(&frames, label).target);
                    }
                    handlers.push((opener, caught));
                }
                frames.push(Frame {
                    opener,
                    target,
                    other: None,
                });
            }
            Operator::End => {}
            Operator::Else => {
                let frame = frames.last_mut().expect("an `else` is inside of its `if`");
                frame.other = Some(live.clone());
                live = frame.target.clone();
            }
            opens if is_opener(opens) => {
                let frame = frames.pop().expect("it was pushed at its `end`");
                debug_assert_eq!(frame.opener, position);
                match opens {
                    Operator::If { .. } => match frame.other {
                        Some(other) => live.join(&other),
                        None => live.join(&frame.target),
                    },
                    Operator::Loop { .. } => {
                        let head = heads.get_mut(&position).expect("it was put there");
                        live.join(head);
                        if live != *head {
                            *head = live.clone();
                            changed = true;
                        }
                    }
                    Operator::TryTable { .. } => {
                        handlers.pop();
                    }
                    _ => {}
                }
            }
            Operator::LocalGet { local_index } => live.add(*local_index),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                live.remove(*local_index);
            }
            other => {
                if is_final(other) {
                    live.clear();
                }
                for_each_label(other, |label| {
                    live.join(&label_target(&frames, label).target);
                });
            }
        }
        for (_, caught) in &handlers {
            live.join(caught);
        }
    }
    changed
}

fn label_target(frames: &[Frame], label: u32) -> &Frame {
    &frames[frames.len() - 1 - label as usize]
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload, ValType};

    use super::at_loops;
    use crate::looks::flat::Flat;

    /// The live locals of the loops of the first function, in order. It has one `i32` parameter.
    fn live(text: &str) -> Vec<Vec<u32>> {
        let wasm = wat::parse_str(text).expect("the text is valid");
        for payload in Parser::new(0).parse_all(&wasm) {
            if let Payload::CodeSectionEntry(body) = payload.expect("it is valid") {
                let flat = Flat::read(&body, &[ValType::I32]).expect("it is valid");
                let heads = at_loops(&flat).expect("it is short");
                let mut heads: Vec<_> = heads.into_iter().collect();
                heads.sort_unstable();
                return heads.into_iter().map(|(_, live)| live).collect();
            }
        }
        panic!("no function");
    }

    #[test]
    fn what_a_later_turn_reads_is_live() {
        let text = "(module (func (param i32) (local i32 i32 i32)
          (loop $l
            (local.set 1 (i32.add (local.get 2) (i32.const 1)))
            (local.set 2 (local.get 1))
            (br_if $l (local.get 0)))
          (drop (local.get 3))))";
        assert_eq!(live(text), [vec![0, 2, 3]]);
    }

    #[test]
    fn what_is_written_before_it_is_read_is_not() {
        let text = "(module (func (param i32) (local i32)
          (loop $l (local.set 1 (i32.const 7)) (drop (local.get 1)) (br $l))))";
        assert_eq!(live(text), [[0; 0]]);
    }

    #[test]
    fn arms_and_inner_loops_count() {
        let text = "(module (func (param i32) (local i32 i32 i32)
          (loop $l
            (if (local.get 0) (then (drop (local.get 1))) (else (local.set 2 (i32.const 1))))
            (loop $m (br_if $m (local.get 2)))
            (br_table $l $l (local.get 3)))))";
        assert_eq!(live(text), [vec![0, 1, 2, 3], vec![0, 1, 2, 3]]);
    }

    /// What only the second loop reads is live in the first one as well, through which it passes.
    #[test]
    fn what_passes_through_is_live() {
        let text = "(module (func (param i32) (local i32)
          (block (loop $l (br_if 1 (i32.const 1)) (br $l)))
          (loop (drop (local.get 1)))))";
        assert_eq!(live(text), [vec![1], vec![1]]);
    }
}
