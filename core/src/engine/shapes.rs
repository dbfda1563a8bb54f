//! Signatures of host functions that backends make typed functions of.
//!
//! Functions for any signature allocate on every call in some engines, typed ones do not. It does not know how an
//! engine makes either.

/// A list of what the macro of a backend makes of the signatures that programs use most; any other is for its
/// untyped functions. The macro gets the parameters, with a name for each, and the result, as in
/// `[a: i32, b: i64] -> i32`. Only integers: code of wasmer's Singlepass compiler takes the float that a typed
/// function returns from the wrong register.
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
