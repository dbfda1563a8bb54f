//! Globals for the numbers that a call must not find in registers.
//!
//! The functions of a module are written at the same time, and share these globals: while one calls, none of them is
//! used by another. How many there are of each type is known when all are written. So until then their indices are
//! empty places in the code.
//!
//! It knows nothing of looks. Invariant: the indices depend on the module alone, not on which function came first.

use wasm_encoder::{ConstExpr, GlobalType, ValType};

use super::{flat::Flat, passed::PASSED, write::Body};

/// The types of the globals, in the order of their indices.
const NUMBERS: [ValType; 5] = [
    ValType::I32,
    ValType::I64,
    ValType::F32,
    ValType::F64,
    ValType::V128,
];

/// The spare globals of a module.
pub(crate) struct Spare {
    /// The index of the first one.
    first: u32,
    /// How many there are of each type.
    counts: [u32; NUMBERS.len()],
}

/// One of them, whose index is not known yet.
#[derive(Clone, Copy)]
pub(super) struct Global {
    /// The position of its type in [`NUMBERS`].
    ty: usize,
    /// Which one of that type, counted from 0.
    nth: u32,
}

/// Globals for these locals, which are numbers.
pub(super) fn for_locals(flat: &Flat<'_>, locals: &[u32]) -> Vec<Global> {
    let mut counts = [0; NUMBERS.len()];
    let global = |local: &u32| {
        let ty = ValType::try_from(flat.locals[*local as usize]).ok();
        let ty = NUMBERS.iter().position(|number| Some(*number) == ty);
        let ty = ty.expect("only numbers are put away");
        counts[ty] += 1;
        let nth = counts[ty] - 1;
        Global { ty, nth }
    };
    locals.iter().map(global).collect()
}

impl Spare {
    /// None yet. The first one will have this index.
    pub(crate) fn new(first: u32) -> Self {
        Self {
            first,
            counts: [0; NUMBERS.len()],
        }
    }

    /// How many bytes each index takes in the code.
    pub(super) fn width(&self) -> usize {
        let last = self.first + (NUMBERS.len() * PASSED) as u32;
        (last.ilog2() / 7 + 1) as usize
    }

    /// Fills the places in the functions of a module.
    pub(super) fn fill(&mut self, bodies: &mut [Body]) {
        for (_, global) in bodies.iter().flat_map(|body| &body.places) {
            let count = &mut self.counts[global.ty];
            *count = (*count).max(global.nth + 1);
        }
        let width = self.width();
        for body in bodies {
            for (at, global) in std::mem::take(&mut body.places) {
                let index = self.index(global);
                // An index may take more bytes than it needs.
                for byte in 0..width {
                    let more = u8::from(byte + 1 < width) << 7;
                    body.bytes[at + byte] = (index >> (7 * byte)) as u8 & 0x7f | more;
                }
            }
        }
    }

    fn index(&self, global: Global) -> u32 {
        let before: u32 = self.counts[..global.ty].iter().sum();
        self.first + before + global.nth
    }

    /// The globals, as they are to be added.
    pub(crate) fn globals(&self) -> impl Iterator<Item = (GlobalType, ConstExpr)> {
        let counted = NUMBERS.iter().zip(self.counts);
        counted.flat_map(|(&val_type, count)| {
            let ty = GlobalType {
                val_type,
                mutable: true,
                shared: false,
            };
            std::iter::repeat_n((ty, zero(val_type)), count as usize)
        })
    }
}

fn zero(ty: ValType) -> ConstExpr {
    match ty {
        ValType::I32 => ConstExpr::i32_const(0),
        ValType::I64 => ConstExpr::i64_const(0),
        ValType::F32 => ConstExpr::f32_const(0.0_f32.into()),
        ValType::F64 => ConstExpr::f64_const(0.0_f64.into()),
        ValType::V128 => ConstExpr::v128_const(0),
        ValType::Ref(_) => unreachable!("only numbers are put away"),
    }
}
