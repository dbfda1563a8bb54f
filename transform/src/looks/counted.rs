//! Loops that turn a constant number of times.
//!
//! The forms that compilers write for `for (i = a; i != b; i += s)`: one local that starts at a
//! constant, changes once in each turn by a constant, and is compared with a constant by the only
//! branch back. How often such a loop turns is found out by counting, not by formulas. Leaving the
//! loop early only makes it shorter. It knows nothing of looks. Invariant: no loop turns more often
//! than is said.

use wasmparser::{Operator, ValType};

use super::flat::{Flat, for_each_label, is_opener};

/// How often the loop that begins at `opener` turns at most, if that is a constant and at most `most`.
pub(super) fn turns(flat: &Flat<'_>, opener: usize, most: u64) -> Option<u64> {
    let end = flat.end_of(opener);
    let back = only_branch_back(flat, opener, end)?;
    let condition = Condition::before(flat, back)?;
    let step = only_change(flat, opener, back, &condition)?;
    let start = start(flat, opener, condition.local)?;
    count(start, step, &condition, most)
}

/// The only branch to the loop, if that is the last instruction of its body and conditional.
fn only_branch_back(flat: &Flat<'_>, opener: usize, end: usize) -> Option<usize> {
    let back = end - 1;
    let mut depth = 0;
    for position in opener + 1..end {
        let operator = flat.operator(position);
        let mut leads_back = false;
        for_each_label(operator, |label| leads_back |= label == depth);
        match operator {
            Operator::BrIf { .. } if position == back => {}
            _ if leads_back => return None,
            Operator::End => depth -= 1,
            opens if is_opener(opens) => depth += 1,
            _ => {}
        }
    }
    match flat.operator(back) {
        Operator::BrIf { relative_depth: 0 } => Some(back),
        _ => None,
    }
}

/// A number of 32 or 64 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    Narrow,
    Wide,
}

#[derive(Clone, Copy)]
enum Comparison {
    Ne,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// `local comparison bound`, for a local of this width.
struct Condition {
    local: u32,
    width: Width,
    comparison: Comparison,
    signed: bool,
    bound: i64,
    /// Where the value of the local is put on the stack.
    read: usize,
}

impl Condition {
    /// What the branch at `back` tests.
    fn before(flat: &Flat<'_>, back: usize) -> Option<Self> {
        let last = back.checked_sub(1)?;
        if let Some(local) = read(flat.operator(last)) {
            // A local of 64 bits could not be tested so.
            return Some(Self {
                local,
                width: Width::Narrow,
                comparison: Comparison::Ne,
                signed: false,
                bound: 0,
                read: last,
            });
        }
        let (width, comparison, signed) = comparison(flat.operator(last))?;
        let (place, bound) = (last.checked_sub(2)?, last - 1);
        let local = read(flat.operator(place))?;
        let bound = constant(flat.operator(bound), width)?;
        Some(Self {
            local,
            width,
            comparison,
            signed,
            bound,
            read: place,
        })
    }

    fn holds(&self, value: i64) -> bool {
        let order = match (self.signed, self.width) {
            (true, _) => value.cmp(&self.bound),
            (false, Width::Wide) => value.cast_unsigned().cmp(&self.bound.cast_unsigned()),
            (false, Width::Narrow) => (value as u32).cmp(&(self.bound as u32)),
        };
        match self.comparison {
            Comparison::Ne => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterEqual => order.is_ge(),
        }
    }
}

/// The local whose value this puts on the stack.
fn read(operator: &Operator<'_>) -> Option<u32> {
    match operator {
        Operator::LocalGet { local_index } | Operator::LocalTee { local_index } => {
            Some(*local_index)
        }
        _ => None,
    }
}

/// The local that this writes to.
fn written(operator: &Operator<'_>) -> Option<u32> {
    match operator {
        Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
            Some(*local_index)
        }
        _ => None,
    }
}

fn constant(operator: &Operator<'_>, width: Width) -> Option<i64> {
    match (operator, width) {
        (Operator::I32Const { value }, Width::Narrow) => Some((*value).into()),
        (Operator::I64Const { value }, Width::Wide) => Some(*value),
        _ => None,
    }
}

fn comparison(operator: &Operator<'_>) -> Option<(Width, Comparison, bool)> {
    use Comparison::{Greater, GreaterEqual, Less, LessEqual, Ne};
    use Width::{Narrow, Wide};
    Some(match operator {
        Operator::I32Ne => (Narrow, Ne, false),
        Operator::I32LtS => (Narrow, Less, true),
        Operator::I32LtU => (Narrow, Less, false),
        Operator::I32LeS => (Narrow, LessEqual, true),
        Operator::I32LeU => (Narrow, LessEqual, false),
        Operator::I32GtS => (Narrow, Greater, true),
        Operator::I32GtU => (Narrow, Greater, false),
        Operator::I32GeS => (Narrow, GreaterEqual, true),
        Operator::I32GeU => (Narrow, GreaterEqual, false),
        Operator::I64Ne => (Wide, Ne, false),
        Operator::I64LtS => (Wide, Less, true),
        Operator::I64LtU => (Wide, Less, false),
        Operator::I64LeS => (Wide, LessEqual, true),
        Operator::I64LeU => (Wide, LessEqual, false),
        Operator::I64GtS => (Wide, Greater, true),
        Operator::I64GtU => (Wide, Greater, false),
        Operator::I64GeS => (Wide, GreaterEqual, true),
        Operator::I64GeU => (Wide, GreaterEqual, false),
        _ => return None,
    })
}

/// By how much each turn changes the local, if it is written to once, straight in the body, before it
/// is compared: `local.get, const, add or sub, local.set or tee`.
fn only_change(flat: &Flat<'_>, opener: usize, back: usize, condition: &Condition) -> Option<i64> {
    let (mut depth, mut found) = (0, None);
    for position in opener + 1..back {
        let operator = flat.operator(position);
        match operator {
            Operator::End => depth -= 1,
            opens if is_opener(opens) => depth += 1,
            _ => {}
        }
        if written(operator) == Some(condition.local) {
            // Branches out of blocks before it could pass it by.
            if depth != 0 || found.is_some() || position > condition.read {
                return None;
            }
            found = Some(position);
        }
    }
    let write = found?;
    let sum = flat.operator(write.checked_sub(1)?);
    let step = constant(flat.operator(write.checked_sub(2)?), condition.width)?;
    let from = flat.operator(write.checked_sub(3)?);
    let reads =
        matches!(from, Operator::LocalGet { local_index } if *local_index == condition.local);
    if !reads || write - 3 <= opener {
        return None;
    }
    match (sum, condition.width) {
        (Operator::I32Add, Width::Narrow) | (Operator::I64Add, Width::Wide) => Some(step),
        (Operator::I32Sub, Width::Narrow) | (Operator::I64Sub, Width::Wide) => {
            Some(step.wrapping_neg())
        }
        _ => None,
    }
}

/// What the local is where the loop is entered, if it is a constant that was put there in the straight
/// piece before.
fn start(flat: &Flat<'_>, opener: usize, local: u32) -> Option<i64> {
    for position in (0..opener).rev() {
        let operator = flat.operator(position);
        if written(operator) == Some(local) {
            return match flat.operator(position.checked_sub(1)?) {
                Operator::I32Const { value } => Some((*value).into()),
                Operator::I64Const { value } => Some(*value),
                _ => None,
            };
        }
        match operator {
            // Only what is straight before it enters a block.
            Operator::Block { .. } => {}
            Operator::End | Operator::Else => return None,
            opens if is_opener(opens) => return None,
            _ => {}
        }
    }
    let number = matches!(
        flat.locals.get(local as usize),
        Some(ValType::I32 | ValType::I64)
    );
    (number && local as usize >= flat.params).then_some(0)
}

/// Counts.
fn count(start: i64, step: i64, condition: &Condition, most: u64) -> Option<u64> {
    let mut value = start;
    for turn in 1..=most {
        value = value.wrapping_add(step);
        if condition.width == Width::Narrow {
            value = (value as i32).into();
        }
        if !condition.holds(value) {
            return Some(turn);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use wasmparser::{Operator, Parser, Payload, ValType};

    use super::turns;
    use crate::looks::flat::Flat;

    /// How often the first loop of a function turns, with an `i32` parameter 0, and locals 1 (`i32`)
    /// and 2 (`i64`).
    fn counted(body: &str) -> Option<u64> {
        let text = format!("(module (func (param i32) (local i32 i64) {body}))");
        let wasm = wat::parse_str(text).expect("the text is valid");
        for payload in Parser::new(0).parse_all(&wasm) {
            if let Payload::CodeSectionEntry(code) = payload.expect("it is valid") {
                let flat = Flat::read(&code, &[ValType::I32]).expect("it is valid");
                let mut ops = 0..flat.ops.len();
                let opener = ops.find(|at| matches!(flat.operator(*at), Operator::Loop { .. }));
                return turns(&flat, opener.expect("there is a loop"), 5000);
            }
        }
        panic!("no function");
    }

    #[test]
    fn forms_that_compilers_write() {
        for (body, turns) in [
            (
                "i32.const 10 local.set 1 loop local.get 1 i32.const -1 i32.add local.tee 1 br_if 0 end",
                10,
            ),
            (
                "loop local.get 1 i32.const 4 i32.add local.tee 1 i32.const 400 i32.ne br_if 0 end",
                100,
            ),
            (
                "i64.const 5 local.set 2 block loop local.get 2 i64.const 1 i64.sub local.set 2 nop
                 local.get 2 i64.const 0 i64.gt_s br_if 0 end end",
                5,
            ),
            (
                "loop local.get 1 i32.const 3 i32.add local.tee 1 i32.const 10 i32.lt_u br_if 0 end",
                4,
            ),
            // It wraps around: -1, -2 and so on are large without a sign, until 0 is passed at once.
            (
                "loop local.get 1 i32.const -1 i32.add local.tee 1 i32.const 5 i32.lt_u br_if 0 end",
                1,
            ),
            (
                "loop (if (local.get 0) (then nop)) local.get 1 i32.const 1 i32.add local.tee 1
                 i32.const 7 i32.le_s br_if 0 end",
                8,
            ),
        ] {
            assert_eq!(counted(body), Some(turns), "{body}");
        }
    }

    #[test]
    fn what_is_not_constant() {
        for body in [
            // The start is a parameter.
            "loop local.get 0 i32.const -1 i32.add local.tee 0 br_if 0 end",
            // It turns too often.
            "loop local.get 1 i32.const 1 i32.add local.tee 1 i32.const 5001 i32.ne br_if 0 end",
            // It never ends.
            "loop local.get 1 i32.const 2 i32.add local.tee 1 i32.const 7 i32.ne br_if 0 end",
            "loop local.get 1 i32.const 0 i32.add local.tee 1 i32.const 7 i32.ne br_if 0 end",
            // There is another way back.
            "loop (br_if 0 (local.get 0)) local.get 1 i32.const 1 i32.add local.tee 1
             i32.const 7 i32.ne br_if 0 end",
            "loop (block (br_table 1 0 (local.get 0))) local.get 1 i32.const 1 i32.add local.tee 1
             i32.const 7 i32.ne br_if 0 end",
            // It changes twice, or not in each turn.
            "loop (local.set 1 (i32.const 0)) local.get 1 i32.const 1 i32.add local.tee 1
             i32.const 7 i32.ne br_if 0 end",
            "loop (block (br_if 0 (local.get 0)) local.get 1 i32.const 1 i32.add local.set 1)
             local.get 1 i32.const 7 i32.ne br_if 0 end",
            // Where it starts depends on an arm.
            "(if (local.get 0) (then (local.set 1 (i32.const 3))))
             loop local.get 1 i32.const 1 i32.add local.tee 1 i32.const 7 i32.ne br_if 0 end",
            // What is around turns as well.
            "loop (loop local.get 1 i32.const 1 i32.add local.tee 1 i32.const 7 i32.ne br_if 0)
             (br 0) end",
        ] {
            assert_eq!(counted(body), None, "{body}");
        }
    }
}
