//! The steps from WebAssembly to WebAssembly that core takes before an engine compiles a module.
//!
//! Each takes the bytes of a valid module and returns those of another: [`start`] turns a start section into an
//! export, [`legacy`] translates exceptions from before WebAssembly 3.0, [`per_call`] makes each call of a library
//! start afresh, [`tables`] lowers maxima, [`meter`] counts fuel, [`fuse`] puts the kernel into a module,
//! [`bit_tests`] replaces tables that engines make slow code of, [`interrupt`] and [`budget`] make guests check
//! whether they have to stop, [`ways`] lets engines make them, and [`bulk`] splits long instructions. `rewrite` has the
//! parts that they share.
//!
//! It imports nothing of polyextism: no engine, no plug-in, no error of core. Invariants: the output is valid and,
//! apart from the purpose of the step, computes the same; the functions that a module defines keep their order, and
//! a step says by how much their indices grow.

pub mod bit_tests;
pub mod budget;
pub mod bulk;
pub mod fuse;
pub mod interrupt;
pub mod legacy;
mod looks;
pub mod meter;
pub mod parallel;
pub mod per_call;
mod rewrite;
pub mod start;
pub mod tables;
pub mod ways;

use std::ops::Range;

use wasm_encoder::reencode;

/// The indices of the functions that a module defines.
///
/// # Errors
/// If the module is not valid.
pub fn defined_functions(wasm: &[u8]) -> Result<Range<u32>, reencode::Error> {
    let shape = rewrite::Shape::read(wasm)?;
    let imported = shape.imported_functions();
    Ok(imported..imported + shape.functions.len() as u32)
}

/// A hash of the sources. It is part of the key of the compile cache, so code from other versions of the steps is
/// not used.
pub const SOURCES: &str = env!("POLYEXTISM_SOURCES");
