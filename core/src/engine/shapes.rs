//! The signatures of host functions for which backends have typed functions.
//!
//! In some engines, untyped functions allocate on every call; typed ones do not. This file does not know how an
//! engine makes either.

/// Calls a macro of the backend for each of the most frequent signatures. The backend uses untyped functions for
/// all others. The macro gets the named parameters and the result, as in `[a: i32, b: i64] -> i32`. Only integers:
/// wasmer's Singlepass compiler reads a float result of a typed function from the wrong register.
#[macro_export]
macro_rules! host_function_shapes {
    ($make:ident) => {
        &[
            $make!([] -> ()),
            $make!([] -> i32),
            $make!([] -> i64),
            $make!([a: i32] -> ()),
            $make!([a: i32] -> i32),
            $make!([a: i64] -> ()),
            $make!([a: i64] -> i32),
            $make!([a: i64] -> i64),
            $make!([a: i32, b: i32] -> ()),
            $make!([a: i32, b: i32] -> i32),
            $make!([a: i64, b: i64] -> ()),
            $make!([a: i64, b: i64] -> i64),
            $make!([a: i32, b: i32, c: i32] -> ()),
            $make!([a: i32, b: i32, c: i32] -> i32),
            $make!([a: i32, b: i64, c: i32] -> i32),
            $make!([a: i64, b: i64, c: i64] -> ()),
            $make!([a: i64, b: i64, c: i64] -> i64),
            $make!([a: i32, b: i32, c: i32, d: i32] -> i32),
            $make!([a: i32, b: i64, c: i32, d: i32] -> i32),
            $make!([a: i64, b: i64, c: i64, d: i64] -> i64),
        ]
    };
}
