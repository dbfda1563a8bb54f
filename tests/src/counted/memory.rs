//! Memories and tables of a module that is run.

use wasmparser::{MemArg, MemArgTarget, Operator};

use super::machine::Trapped;

/// The bytes of a page.
const PAGE: u64 = 65536;

/// A memory.
pub(super) struct Memory {
    pub(super) bytes: Vec<u8>,
    /// In pages.
    maximum: u64,
}

impl Memory {
    pub(super) fn new(ty: &wasmparser::MemoryType) -> Self {
        Self {
            bytes: vec![0; (ty.initial * PAGE) as usize],
            maximum: ty.maximum.expect("generated memories have a maximum"),
        }
    }

    pub(super) fn pages(&self) -> u64 {
        self.bytes.len() as u64 / PAGE
    }

    /// The size before, if there is room.
    pub(super) fn grow(&mut self, pages: u64) -> Option<u64> {
        let before = self.pages();
        let after = before.checked_add(pages)?;
        if after > self.maximum {
            return None;
        }
        self.bytes.resize((after * PAGE) as usize, 0);
        Some(before)
    }

    fn at(&mut self, address: u64, memarg: &MemArg, length: u64) -> Result<&mut [u8], Trapped> {
        let start = u128::from(address) + u128::from(memarg.offset);
        let end = start + u128::from(length);
        if end > self.bytes.len() as u128 {
            return Err(Trapped);
        }
        Ok(&mut self.bytes[start as usize..end as usize])
    }

    fn load(&mut self, address: u64, memarg: &MemArg, length: u64) -> Result<u64, Trapped> {
        let mut value = [0; 8];
        let found = self.at(address, memarg, length)?;
        value[..length as usize].copy_from_slice(found);
        Ok(u64::from_le_bytes(value))
    }

    fn store(
        &mut self,
        address: u64,
        memarg: &MemArg,
        length: u64,
        value: u64,
    ) -> Result<(), Trapped> {
        let value = &value.to_le_bytes()[..length as usize];
        self.at(address, memarg, length)?.copy_from_slice(value);
        Ok(())
    }
}

/// Where a range of a memory or table is; the first error is that it does not fit.
pub(super) fn range(
    start: u64,
    length: u64,
    size: usize,
) -> Result<std::ops::Range<usize>, Trapped> {
    match start.checked_add(length) {
        Some(end) if end <= size as u64 => Ok(start as usize..end as usize),
        _ => Err(Trapped),
    }
}

/// How a load widens what it has read.
#[derive(Clone, Copy)]
enum Widen {
    Zeros,
    Signed32,
    Signed64,
}

/// Does a load or store; `None` if the instruction is none.
pub(super) fn access(
    operator: &Operator<'_>,
    stack: &mut Vec<u64>,
    memories: &mut [Memory],
) -> Option<Result<(), Trapped>> {
    use Operator as Op;
    use Widen::{Signed32, Signed64, Zeros};
    let (memarg, length, widen) = match operator {
        Op::I32Load8U { memarg } | Op::I64Load8U { memarg } => (memarg, 1, Some(Zeros)),
        Op::I32Load16U { memarg } | Op::I64Load16U { memarg } => (memarg, 2, Some(Zeros)),
        Op::I32Load { memarg } | Op::F32Load { memarg } | Op::I64Load32U { memarg } => {
            (memarg, 4, Some(Zeros))
        }
        Op::I64Load { memarg } | Op::F64Load { memarg } => (memarg, 8, Some(Zeros)),
        Op::I32Load8S { memarg } => (memarg, 1, Some(Signed32)),
        Op::I32Load16S { memarg } => (memarg, 2, Some(Signed32)),
        Op::I64Load8S { memarg } => (memarg, 1, Some(Signed64)),
        Op::I64Load16S { memarg } => (memarg, 2, Some(Signed64)),
        Op::I64Load32S { memarg } => (memarg, 4, Some(Signed64)),
        Op::I32Store8 { memarg } | Op::I64Store8 { memarg } => (memarg, 1, None),
        Op::I32Store16 { memarg } | Op::I64Store16 { memarg } => (memarg, 2, None),
        Op::I32Store { memarg } | Op::F32Store { memarg } | Op::I64Store32 { memarg } => {
            (memarg, 4, None)
        }
        Op::I64Store { memarg } | Op::F64Store { memarg } => (memarg, 8, None),
        _ => return None,
    };
    let value = widen.is_none().then(|| stack.pop().expect("a value"));
    let address = stack.pop().expect("an address");
    let MemArgTarget::Memory(memory) = memarg.target else {
        return None;
    };
    let memory = &mut memories[memory as usize];
    let Some(widen) = widen else {
        let value = value.expect("a store has a value");
        return Some(memory.store(address, memarg, length, value));
    };
    let loaded = memory.load(address, memarg, length).map(|bits| {
        let unused = 64 - 8 * length as u32;
        let signed = ((bits << unused) as i64 >> unused) as u64;
        stack.push(match widen {
            Zeros => bits,
            Signed32 => u64::from(signed as u32),
            Signed64 => signed,
        });
    });
    Some(loaded)
}
