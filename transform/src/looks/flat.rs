//! A function body as a list of instructions, with the end of each block.
//!
//! A list, not a tree: how deep the blocks of a guest are nested costs no stack of the host. It knows
//! nothing of looks. Invariant: the body belongs to a valid module.

use wasm_encoder::reencode;
use wasmparser::{BlockType, FunctionBody, Operator, ValType};

/// An instruction, and where it begins in the module.
pub(crate) struct Op<'a> {
    pub(crate) operator: Operator<'a>,
    pub(crate) at: u64,
}

/// The body of a function.
pub(crate) struct Flat<'a> {
    pub(crate) ops: Vec<Op<'a>>,
    /// Where the last instruction ends in the module.
    pub(crate) end: u64,
    /// For each instruction that opens a block, the position of its `end`.
    ends: Vec<u32>,
    /// The types of the parameters and of the locals behind them.
    pub(crate) locals: Vec<ValType>,
    /// How many of them are parameters.
    pub(crate) params: usize,
    /// The declarations of locals, in the module.
    pub(crate) declarations: std::ops::Range<u64>,
}

impl<'a> Flat<'a> {
    pub(crate) fn read(
        body: &FunctionBody<'a>,
        params: &[ValType],
    ) -> Result<Self, reencode::Error> {
        let mut locals = params.to_vec();
        let mut groups = body.get_locals_reader()?;
        for _ in 0..groups.get_count() {
            let (count, ty) = groups.read()?;
            locals.extend(std::iter::repeat_n(ty, count as usize));
        }
        let mut reader = body.get_operators_reader()?;
        let declarations = body.range().start..reader.original_position();
        // Hardly any function has more instructions than half its bytes.
        let count = body.as_bytes().len() / 2;
        let (mut ops, mut ends) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut open = Vec::new();
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            let position = ops.len();
            ends.push(0);
            match operator {
                ref opens if is_opener(opens) => open.push(position),
                Operator::End => {
                    if let Some(opener) = open.pop() {
                        let opener: usize = opener;
                        ends[opener] = position as u32;
                    }
                }
                _ => {}
            }
            ops.push(Op { operator, at });
        }
        Ok(Self {
            ops,
            end: reader.original_position(),
            ends,
            locals,
            params: params.len(),
            declarations,
        })
    }

    pub(crate) fn operator(&self, position: usize) -> &Operator<'a> {
        &self.ops[position].operator
    }

    /// The position of the `end` of the block that begins at `opener`.
    pub(crate) fn end_of(&self, opener: usize) -> usize {
        self.ends[opener] as usize
    }
}

/// Whether a block begins here.
pub(crate) fn is_opener(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
    )
}

/// The type of the block that begins here.
pub(crate) fn block_type(operator: &Operator<'_>) -> Option<BlockType> {
    match operator {
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
            Some(*blockty)
        }
        Operator::TryTable { try_table } => Some(try_table.ty),
        _ => None,
    }
}

/// Whether nothing runs straight behind this instruction.
pub(crate) fn is_final(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Br { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
    )
}

/// Whether a function is called here.
pub(crate) fn is_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
    )
}

/// Whether an instruction may move all of a segment, a table or an array.
pub(crate) fn moves_much(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::MemoryInit { .. }
            | Operator::TableInit { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableGrow { .. }
            | Operator::ArrayNew { .. }
            | Operator::ArrayNewDefault { .. }
            | Operator::ArrayNewData { .. }
            | Operator::ArrayNewElem { .. }
            | Operator::ArrayFill { .. }
            | Operator::ArrayCopy { .. }
            | Operator::ArrayInitData { .. }
            | Operator::ArrayInitElem { .. }
    )
}

/// Calls `target` with the depth of each label that this instruction may branch to. The labels of a
/// `try_table` are counted from outside of it.
pub(crate) fn for_each_label(operator: &Operator<'_>, mut target: impl FnMut(u32)) {
    match operator {
        Operator::Br { relative_depth }
        | Operator::BrIf { relative_depth }
        | Operator::BrOnNull { relative_depth }
        | Operator::BrOnNonNull { relative_depth }
        | Operator::BrOnCast { relative_depth, .. }
        | Operator::BrOnCastFail { relative_depth, .. } => target(*relative_depth),
        Operator::BrTable { targets } => {
            // The module is valid, so every target can be read.
            targets.targets().flatten().for_each(&mut target);
            target(targets.default());
        }
        Operator::TryTable { try_table } => {
            for catch in &try_table.catches {
                target(label_of(catch));
            }
        }
        _ => {}
    }
}

/// The label of a handler.
pub(crate) fn label_of(catch: &wasmparser::Catch) -> u32 {
    use wasmparser::Catch;
    match *catch {
        Catch::One { label, .. }
        | Catch::OneRef { label, .. }
        | Catch::All { label }
        | Catch::AllRef { label } => label,
    }
}
