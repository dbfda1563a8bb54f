//! Modules for the tests of all steps, with everything whose index or depth may change, or that is counted.

/// The kernel of core.
pub(crate) const KERNEL: &[u8] = include_bytes!("../../../core/src/kernel/kernel.wasm");
/// The address of its flag.
pub(crate) const FLAG: u64 = 48;

/// Modules with everything whose index or depth changes.
pub(crate) const MODULES: &[&str] = &[
    // No import section, no globals, several results, early returns out of nested blocks.
    "(module (func $f (export \"f\") (param i32) (result i32 i64) (local f64)
        (block (loop $l (if (local.get 0) (then (return (i32.const 1) (i64.const 2))))
          (block (br_if 1 (local.get 0)) (br_if 2 (local.get 0))) (br $l)))
        (i32.const 3) (i64.const 4)))",
    // Imports of every kind, a reference to a function in a global, an element and a table.
    "(module (import \"a\" \"f\" (func $f (param i32))) (import \"a\" \"g\" (global $g i32))
        (import \"a\" \"m\" (memory 1)) (import \"a\" \"t\" (table 1 funcref))
        (global $own (mut i64) (i64.const 7)) (global $ref funcref (ref.func $h))
        (elem (i32.const 0) $f $h) (elem declare func $h)
        (func $h (export \"h\") (loop $l (call $f (global.get $g)) (call $h)
          (call_indirect (param i32) (i32.const 1) (i32.const 0))
          (global.set $own (i64.const 1)) (drop (ref.func $h)) (br $l)))
        (data (i32.const 0) \"abc\"))",
    // Bulk instructions of memories and tables, in and out of loops.
    "(module (memory 1) (memory $two 1) (table 4 funcref) (elem $e func $f) (data $d \"abc\")
        (func $f (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))
          (memory.copy $two 0 (i32.const 0) (i32.const 1) (i32.const 2))
          (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3))
          (table.init $e (i32.const 0) (i32.const 0) (i32.const 1))
          (table.copy (i32.const 0) (i32.const 1) (i32.const 1))
          (drop (table.grow (ref.null func) (i32.const 3)))
          (table.fill (i32.const 0) (ref.null func) (i32.const 1))
          (drop (memory.grow $two (i32.const 1))))
        (func (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 2)) (br $l))))",
    // Lengths of 64 bits, alone and between memories and tables of both kinds.
    "(module (memory i64 1) (memory $narrow 1) (table i64 4 funcref) (table $narrow 4 funcref)
        (elem $e func $f) (data $d \"abc\")
        (func $f (memory.fill (i64.const 0) (i32.const 1) (i64.const 2))
          (memory.copy 0 0 (i64.const 0) (i64.const 1) (i64.const 2))
          (memory.copy 0 $narrow (i64.const 0) (i32.const 1) (i32.const 2))
          (memory.copy $narrow 0 (i32.const 0) (i64.const 1) (i32.const 2))
          (memory.init $d (i64.const 0) (i32.const 0) (i32.const 3))
          (table.init 0 $e (i64.const 0) (i32.const 0) (i32.const 1))
          (table.copy 0 0 (i64.const 0) (i64.const 1) (i64.const 1))
          (table.copy 0 $narrow (i64.const 0) (i32.const 1) (i32.const 1))
          (drop (table.grow 0 (ref.null func) (i64.const 3)))
          (table.fill 0 (i64.const 0) (ref.null func) (i64.const 1))
          (drop (memory.grow 0 (i64.const 1))))
        (func (loop $l (memory.fill (i64.const 0) (i32.const 1) (i64.const 2)) (br $l))))",
    // Code that cannot be reached is still typed.
    "(module (func (result i64) (return (i64.const 1)) (loop (result i64) (i64.const 2)))
        (func (result i32) (loop $l (br $l)) (memory.grow (i32.const 0)) unreachable)
        (memory 1))",
    // Bulk instructions with addresses of 64 bits, and of both widths at once.
    "(module (memory $w i64 1) (memory $n 1) (table $t i64 4 funcref) (table $s 4 funcref)
        (elem $e func $f) (data $d \"abc\")
        (func $f (memory.fill $w (i64.const 0) (i32.const 1) (i64.const 2))
          (memory.copy $w $w (i64.const 0) (i64.const 1) (i64.const 2))
          (memory.copy $w $n (i64.const 0) (i32.const 1) (i32.const 2))
          (memory.init $w $d (i64.const 0) (i32.const 0) (i32.const 3))
          (table.init $t $e (i64.const 0) (i32.const 0) (i32.const 1))
          (table.copy $t $t (i64.const 0) (i64.const 1) (i64.const 1))
          (table.copy $s $t (i32.const 0) (i64.const 1) (i32.const 1))
          (drop (table.grow $t (ref.null func) (i64.const 3)))
          (table.fill $t (i64.const 0) (ref.null func) (i64.const 1))
          (loop $l (memory.fill $w (i64.const 0) (i32.const 1) (i64.const 2)) (br $l))))",
    // Globals by imports, exports, constants and code.
    "(module (import \"a\" \"g\" (global $g (mut i32))) (global $h (export \"h\") (mut i32) (i32.const 1))
        (global $i i32 (i32.const 2)) (memory 9) (data (i32.const 3) \"abc\")
        (export \"g\" (global $g)) (export \"i\" (global $i))
        (func (global.set $h (i32.add (global.get $i) (global.get $g))) (loop $l (br $l))))",
    // Tail calls.
    "(module (func $f (param i64) (result i64) (loop $l (br_if $l (i32.const 0)))
        (return_call $f (local.get 0))))",
    // Exceptions, thrown and caught here and further out.
    "(module (tag $t (param i32)) (func $throws (param i32) (throw $t (local.get 0)))
        (func (param i32) (result i32)
          (block $out (result i32)
            (loop $l
              (block $here (result i32)
                (try_table (catch $t $here) (call $throws (i32.const 1)) (throw $t (local.get 0)))
                (br $out (i32.const 2)))
              (br_if $l))
            (i32.const 3))))",
    // Arrays and references to functions.
    "(module (type $a (array (mut i32))) (type $f (func (result i32))) (data $d \"abcdefgh\")
        (func $g (type $f) (array.len (array.new_default $a (i32.const 9))))
        (func (param (ref null $f)) (result i32)
          (drop (array.new_data $a $d (i32.const 0) (i32.const 2)))
          (block $null (call_ref $f (br_on_null $null (local.get 0))) return)
          (call_ref $f (ref.func $g)))
        (elem declare func $g))",
    // Branches out of closed and open blocks, with values, and arms that end early.
    "(module (func (param i32) (result i32)
        (block $a (result i32) (block $b (block $c
            (br_if $b (local.get 0)) (if (local.get 0) (then (br $b)) (else (nop)))
            (drop (br_if $a (i32.const 1) (local.get 0)))
            (br_table $b $c $b (local.get 0))))
          (if (result i32) (local.get 0) (then (i32.const 1)) (else (unreachable))))))",
];
