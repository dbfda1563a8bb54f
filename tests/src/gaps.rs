//! What engines lack although no capability says so: the one place where tests name engines.
//!
//! An engine that has a gap must refuse with `Unsupported` what it cannot do; a test that finds a
//! gap closed fails, so that it is taken off this list.

use polyextism::Choice;

/// Calls without allocations of host functions that take or return floats.
pub const LEAN_CALLS: &str = "lean-calls";
/// The functions that were running when a host function over floats failed.
pub const FLOAT_TRACE: &str = "float-trace";
/// The functions that were running when the stack was exhausted.
pub const OVERFLOW_TRACE: &str = "overflow-trace";
/// References of the host (`externref`).
pub const EXTERNREF: &str = "externref";
/// Memories that begin without a page, where address space is limited.
pub const EMPTY_MEMORIES: &str = "empty-memories";
/// Imported functions with more than one result.
pub const SEVERAL_RESULTS: &str = "several-results";

/// Tables, globals, element segments and exceptions with references to exceptions, and the type of those that are always
/// null.
pub const STORED_EXCEPTIONS: &str = "stored-exceptions";
/// Functions without a name in what a profiler is told.
pub const UNNAMED_CODE: &str = "unnamed-code";

/// Arithmetic whose NaNs are the processor's own, unless deterministic ones are asked for.
pub const NAN_OF_PROCESSOR: &str = "nan-of-processor";
/// Sums of `i32x4.relaxed_dot_i8x16_i7x16_add_s` that never wrap at 16 bits, if deterministic.
pub const EXACT_DOT: &str = "exact-dot";
/// Products of `relaxed_madd` and `relaxed_nmadd` that are not rounded before they are added, if deterministic.
pub const FUSED_MADD: &str = "fused-madd";
/// Canonical NaNs also where a sign operation follows arithmetic at once.
pub const NAN_SIGN: &str = "nan-sign";
/// Canonical NaNs also where a NaN is converted between `f32` and `f64`.
pub const NAN_CONVERSION: &str = "nan-conversion";

const GAPS: &[(&str, &str)] = &[
    ("wasmi", EXACT_DOT),
    ("wasmi", FLOAT_TRACE),
    ("wasmi", LEAN_CALLS),
    ("wasmi", NAN_OF_PROCESSOR),
    ("wasmi", OVERFLOW_TRACE),
    ("wasmer", EXACT_DOT),
    ("wasmer", FLOAT_TRACE),
    ("wasmer", FUSED_MADD),
    ("wasmer", LEAN_CALLS),
    ("wasmer", OVERFLOW_TRACE),
    ("wasmer", STORED_EXCEPTIONS),
    ("wasmer", UNNAMED_CODE),
    ("wasmer:singlepass", EMPTY_MEMORIES),
    ("wasmer:singlepass", FLOAT_TRACE),
    ("wasmer:singlepass", LEAN_CALLS),
    ("wasmer:singlepass", NAN_CONVERSION),
    ("wasmer:singlepass", NAN_SIGN),
    ("wasmer:singlepass", OVERFLOW_TRACE),
    ("wasmer:singlepass", SEVERAL_RESULTS),
    ("wasmtime:winch", EXTERNREF),
];

/// Whether an engine has a gap.
pub fn lacks(choice: &Choice, what: &str) -> bool {
    GAPS.contains(&(&choice.name(), what))
}
