//! Modules that are made to cost a compiler as much as the bounds of core let them: each shape exhausts
//! a bound, or several at once, with as few bytes as possible.
//!
//! What a shape is for is in its name. It knows no engine. Invariant: every shape is a valid module
//! without proposals beyond what every engine has, and within the default bounds; a test compiles them.

mod code;
pub mod instructions;
mod make;
mod sections;
mod values;

use polyextism::internal::Bounds;

/// A module that costs as much as it may.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What it has much of.
    pub name: &'static str,
    /// Makes the module, for these bounds.
    pub make: fn(&Bounds) -> Vec<u8>,
}

const fn shape(name: &'static str, make: fn(&Bounds) -> Vec<u8>) -> Shape {
    Shape { name, make }
}

/// All of them.
pub fn shapes() -> impl Iterator<Item = Shape> {
    let lists = [sections::SECTIONS, values::VALUES, code::CODE];
    lists.into_iter().flatten().copied()
}
