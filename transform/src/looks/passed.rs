//! Which locals are put away while a loop calls.
//!
//! What only the code behind the outermost loop reads may as well be kept in memory from before that loop. It knows
//! nothing of looks. Invariant: only numbers are put away.

use std::collections::HashSet;

use wasmparser::{Operator, ValType};

use super::flat::Flat;

/// How many locals may be live where some of them are put away during the call.
pub(super) const PASSED: usize = 16;

/// Whether these locals are few numbers.
pub(super) fn can_pass(flat: &Flat<'_>, locals: &[u32]) -> bool {
    let is_number = |local: &u32| !matches!(flat.locals[*local as usize], ValType::Ref(_));
    locals.len() <= PASSED && locals.iter().all(is_number)
}

/// Which locals the outermost loops of a function name.
pub(super) struct Names<'a, 'b> {
    flat: &'b Flat<'a>,
    /// Where each of them begins, the last one first.
    outermost: Vec<usize>,
    /// The locals of the loop that was asked for last.
    found: Option<(usize, HashSet<u32>)>,
}

impl<'a, 'b> Names<'a, 'b> {
    /// The loops are given by their positions, the last one first.
    pub(super) fn new(flat: &'b Flat<'a>, loops: &[usize]) -> Self {
        let mut end = 0;
        let mut outermost: Vec<usize> = Vec::new();
        for &opener in loops.iter().rev() {
            if opener >= end {
                end = flat.end_of(opener);
                outermost.push(opener);
            }
        }
        outermost.reverse();
        Self {
            flat,
            outermost,
            found: None,
        }
    }

    /// Those of the locals that the outermost loop around this one names. Asking for loops from the last to the first
    /// one reads each outermost loop once.
    pub(super) fn of_those(&mut self, opener: usize, locals: &[u32]) -> Vec<u32> {
        let outermost = self.outermost.partition_point(|begin| *begin > opener);
        let outermost = self.outermost[outermost];
        let named = match self.found.take() {
            Some((begin, named)) if begin == outermost => named,
            _ => (outermost..self.flat.end_of(outermost))
                .filter_map(|position| match self.flat.operator(position) {
                    Operator::LocalGet { local_index }
                    | Operator::LocalSet { local_index }
                    | Operator::LocalTee { local_index } => Some(*local_index),
                    _ => None,
                })
                .collect(),
        };
        let passed = locals.iter().copied();
        let passed = passed.filter(|local| named.contains(local)).collect();
        self.found = Some((outermost, named));
        passed
    }
}
